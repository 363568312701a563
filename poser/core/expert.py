"""What an expert is, what it is asked, and what comes back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from poser.core.picture import ImageRef
from poser.core.plan import Command, Op
from poser.core.value import NonNegative, Sha256, UnitInterval, Value, content_hash

Task = Literal["text_to_image", "image_to_image", "inpainting"]

FailureKind = Literal[
    "unavailable", "timeout", "refused", "invalid_request", "out_of_memory", "bad_output"
]

ExpertId = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[a-z0-9][a-z0-9._/-]*$")]


class Cost(Value):
    """What one call costs.

    Attributes:
        usd: US dollars a call; 0 for what runs on your own machine.
        seconds: Typical seconds a call, for estimates; measured by ``poser experts check``.
    """

    usd: NonNegative = 0.0
    seconds: NonNegative = 0.0


class Limits(Value):
    """What one call may ask.

    Attributes:
        prompt_words: The longest prompt it reads well, in words; ``None`` for no limit. Beyond
            it the plan's concise caption is sent instead of the full prompt.
        min_side: Smallest width or height in pixels.
        max_side: Largest width or height in pixels.
        batch: Most requests in one call.
        timeout: Seconds after which a call is given up.
    """

    prompt_words: Annotated[int, Field(ge=1)] | None = None
    min_side: Annotated[int, Field(ge=1, le=16384)] = 8
    max_side: Annotated[int, Field(ge=1, le=16384)] = 4096
    batch: Annotated[int, Field(ge=1, le=1024)] = 8
    timeout: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 600.0


class ExpertSpec(Value):
    """An expert as its registry entry states it.

    Attributes:
        id: Unique in the registry.
        adapter: What calls it (``diffusers``, ``typography``, ...).
        task: What it makes of what.
        source: Folder or hub id of the weights; empty where there are none.
        revision: Pinned revision; part of the cache key.
        pipeline: Pipeline class where it cannot be found by itself: a class of ``diffusers`` by
            name, or ``package.module:Class``.
        defaults: Arguments of every call (``num_inference_steps``, ``guidance_scale``,
            ``strength``, ``height``, ``width``, ...).
        load: Arguments of loading (``dtype``, ``device``, ``scheduler``, ``lora``).
        capabilities: How well it serves each op, in [0, 1]. Where the table is empty it is held
            to serve any op but ``finish``; otherwise only those listed.
        vocabulary: The words it was trained on, where that is a small closed set; ``None`` for an
            open vocabulary.
        cost: What a call costs.
        limits: What a call may ask.
        licence: SPDX id or name of the licence.
        description: One or two sentences.
        fingerprint: Hash of what decides its pictures besides the request (adapter, pipeline,
            weights by content, loading options); set by the registry, the same on every machine.
    """

    id: ExpertId
    adapter: str
    task: Task
    source: str = ""
    revision: str = ""
    pipeline: str = ""
    defaults: dict[str, JsonValue] = Field(default_factory=dict)
    load: dict[str, JsonValue] = Field(default_factory=dict)
    capabilities: dict[Op, UnitInterval] = Field(default_factory=dict)
    vocabulary: frozenset[str] | None = None
    cost: Cost = Cost()
    limits: Limits = Limits()
    licence: str = ""
    description: str = ""
    fingerprint: str = ""

    @property
    def needs_picture(self) -> bool:
        """Whether it edits a picture rather than making one from text."""
        return self.task != "text_to_image"

    def capability(self, op: Op) -> float:
        """How well it is said to serve an op: in [0, 1], 0.5 where nothing is said at all.

        To finish (to enlarge or refine a picture as it is) must be said of an expert: an editor
        that takes any instruction cannot be told to.
        """
        if not self.capabilities:
            return 0.0 if op == "finish" else 0.5
        return self.capabilities.get(op, 0.0)

    def capability_at(self, command: Command) -> float:
        """How well it is said to serve a command, in [0, 1].

        The least over the ops that the command takes. What is not said of the further ones (how
        well it counts, for "add three birds") counts neither way.
        """
        further = [self.capabilities[op] for op in command.ops[1:] if op in self.capabilities]
        return min([self.capability(command.op), *further])


class ExpertRequest(Value):
    """One call to an expert: everything its result depends on.

    Attributes:
        expert: The expert's id.
        revision: The expert's revision and source, so that new weights are a new request.
        task: What is asked.
        prompt: Caption or instruction.
        negative_prompt: What to avoid; may be empty.
        image: Hash of the picture to edit.
        mask: Hash of the mask, white where the picture may change. An inpainting expert fills it;
            around it the old picture is kept, whatever the expert did.
        seed: In [0, 2**31).
        params: All other arguments of the call, the entry's defaults included.
    """

    expert: ExpertId
    revision: str = ""
    task: Task
    prompt: str
    negative_prompt: str = ""
    image: Sha256 | None = None
    mask: Sha256 | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    params: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def key(self) -> str:
        """The cache key: a hash of the whole request."""
        return content_hash(self.to_dict())


class ExpertResult(Value):
    """A finished call.

    Attributes:
        image: The picture made.
        seconds: Wall time of the call.
        cost: US dollars billed for it.
        details: What the expert reports besides (never a secret).
    """

    kind: Literal["result"] = "result"
    image: ImageRef
    seconds: NonNegative = 0.0
    cost: NonNegative = 0.0
    details: dict[str, Any] = Field(default_factory=dict)


class ExpertFailure(Value):
    """A call that brought no picture. It says nothing about how good the expert is.

    Attributes:
        reason: What kind of failure.
        message: One line for a person.
        retryable: Whether the same request may succeed later.
        seconds: Wall time spent.
        cost: US dollars billed all the same.
    """

    kind: Literal["failure"] = "failure"
    reason: FailureKind = "unavailable"
    message: str = ""
    retryable: bool = True
    seconds: NonNegative = 0.0
    cost: NonNegative = 0.0


ExpertOutcome = Annotated[ExpertResult | ExpertFailure, Field(discriminator="kind")]
