"""What a run was asked to do: saved with it, so that it can be resumed and repeated."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from envs.rules import Rules
from poser.core.expert import ExpertSpec
from poser.core.picture import ImageRef
from poser.core.value import NonNegative, Value


class Settings(Value):
    """The settings of one run.

    Attributes:
        prompt: The prompt.
        seed: In [0, 2**31). Same seed, same picture.
        policy: Name of the policy, or the folder of a trained one as an absolute path.
        search: The search that the policy proposes for (``beam:3``, ``best-of:4``); empty for none.
        policy_revision: Hash of a trained policy's weights; empty for others.
        rules: What the MDP is played by; ``max_steps`` of ``None`` in ``steps`` asks for the
            default of the plan's size.
        steps: The user's ``--max-steps``; ``None`` for the default.
        registry: The user's registry files, as absolute paths.
        critic: Folder of the critic; empty for the one that ships.
        critic_revision: Hash of what decides the critic's scores; empty where none was noted.
        cache: Folder of finished calls shared with other runs; empty for none.
        image: Picture to start from.
        mask: Mask over it.
        usd_per_second: What a second of an expert without a price is billed, in US dollars.
        finish: Whether the picture is finished where an expert serves that; never under a mask.
        experts: The registry's entries as they were, priced so, for the record.
        version: Version of Image-POSER.
    """

    prompt: str
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    policy: str = "router"
    policy_revision: str = ""
    search: str = ""
    rules: Rules = Rules()
    steps: Annotated[int, Field(ge=1, le=10_000)] | None = None
    registry: tuple[str, ...] = ()
    critic: str = ""
    critic_revision: str = ""
    cache: str = ""
    image: ImageRef | None = None
    mask: ImageRef | None = None
    usd_per_second: NonNegative = 0.0
    finish: bool = True
    experts: tuple[ExpertSpec, ...] = ()
    version: str = ""
