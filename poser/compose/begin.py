"""From what a user asks for to a run on disk, and from a run on disk to its composer.

Everything that can be checked is checked before the run's folder is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from critic.vqa import POCKET, VqaCritic
from envs.rules import Feedback, Rules
from experts.prices import priced
from experts.registry import Registry, load_registry
from policies.catalogue import feedback_of, make_policy, policy_reference, policy_revision
from policies.quality import cost_weight_of
from policies.search import parse_search
from poser import __version__
from poser.compose.composer import Composer
from poser.compose.inputs import read_picture
from poser.compose.settings import Settings
from poser.compose.view import settings_of
from poser.core.errors import InvalidImageError, RegistryError, RunError
from poser.decompose import RuleDecomposer
from poser.store import Run, write_bytes
from poser.store.files import make_folder
from poser.store.run import new_run


@dataclass(frozen=True, slots=True)
class Brief:
    """What a user asks for.

    Attributes:
        prompt: The prompt, checked by :func:`poser.compose.inputs.check_prompt`.
        runs: Folder that the run's folder is made in.
        image: Picture to start from.
        mask: Mask over it, white where it may change.
        registry: Registry files merged over the built-in experts.
        policy: Name of the policy, or the folder of a trained one; the one that ships unless given.
        search: The search that it proposes for (``beam:3``, ``best-of:4``); empty for none.
        quality: From cheap (0) to good (1), for a trained policy; ``None`` to care for the picture
            alone.
        max_steps: Most steps; ``None`` for the default of the plan's size.
        budget: Hard cap on spend in US dollars; ``None`` for no cap.
        seed: In [0, 2**31).
        critic: Folder of the critic; ``None`` for the pocket critic.
        cache: Folder of finished calls shared with other runs.
        usd_per_second: What a second of an expert without a price is billed, in US dollars: what
            renting the machine costs.
        finish: Whether the picture is finished where an expert serves that.
        feedback: What a critique is used for besides the score, see :class:`envs.rules.Rules`;
            ``None`` for what the policy was trained with.
    """

    prompt: str
    runs: Path
    image: Path | None = None
    mask: Path | None = None
    registry: tuple[Path, ...] = ()
    policy: str = "learned"
    search: str = ""
    quality: float | None = None
    max_steps: int | None = None
    budget: float | None = None
    seed: int = 0
    critic: Path | None = None
    cache: Path | None = None
    usd_per_second: float = 0.0
    finish: bool = True
    feedback: Feedback | None = None


def begin(brief: Brief) -> Run:
    """Makes the run that a brief asks for; nothing is called yet.

    Raises:
        InvalidPromptError: There is nothing drawable in the prompt.
        InvalidImageError: The picture or the mask cannot be used.
        RegistryError: A registry file is wrong, or seconds are to be billed that are not known.
        CriticError: The critic's folder is wrong.
        UnknownPolicyError: There is no policy of that name.
        SearchError: There is no such search.
        PoserError: A trained policy cannot be loaded.
        StorageError: The run's folder cannot be made.
    """
    RuleDecomposer().decompose(brief.prompt, has_picture=brief.image is not None)
    make_policy(brief.policy)
    search = str(parse_search(brief.search)) if brief.search else ""
    critic = VqaCritic(brief.critic or POCKET)
    registry = load_registry(brief.registry)
    specs = priced(registry, brief.usd_per_second, masked=brief.mask is not None)
    picture = read_picture(brief.image) if brief.image else None
    mask = read_picture(brief.mask, mode="L") if brief.mask else None
    if mask is not None and picture is None:
        raise InvalidImageError("--mask needs a picture", remedy="give it with --image")
    if mask is not None and picture is not None and mask.size != picture.size:
        raise InvalidImageError(
            f"the mask has {mask.width} x {mask.height} pixels, the picture "
            f"{picture.width} x {picture.height}",
            remedy="give a mask of the picture's size",
        )
    shared = brief.cache.absolute() if brief.cache else None
    settings = Settings(
        prompt=brief.prompt,
        seed=brief.seed,
        policy=policy_reference(brief.policy),
        policy_revision=policy_revision(brief.policy),
        search=search,
        rules=Rules(
            budget=brief.budget,
            feedback=brief.feedback or feedback_of(brief.policy),
            cost_weight=0.0 if brief.quality is None else cost_weight_of(brief.quality),
        ),
        steps=brief.max_steps,
        registry=tuple(str(f.absolute()) for f in brief.registry),
        critic=str(brief.critic.absolute()) if brief.critic else "",
        critic_revision=critic.revision,
        cache=str(shared or ""),
        usd_per_second=brief.usd_per_second,
        finish=brief.finish,
        experts=tuple(specs.values()),
        version=__version__,
    )
    if shared is not None:
        make_folder(shared)
        write_bytes(shared / ".writable", b"")
    run = new_run(brief.runs, brief.prompt, shared)
    pictures = {
        "image": run.images.put(picture) if picture else None,
        "mask": run.images.put(mask) if mask else None,
    }
    run.write_config(settings.model_copy(update=pictures).to_dict())
    return run


def composer_for(run: Run) -> Composer:
    """The composer of a run, fresh or interrupted.

    Raises:
        RunError: The run's configuration is damaged, or its policy or critic has changed.
        RegistryError: A registry file is wrong.
        CriticError: The critic's folder is wrong.
        PoserError: A trained policy cannot be read.
    """
    settings = settings_of(run)
    registry = load_registry(tuple(Path(f) for f in settings.registry))
    critic = VqaCritic(Path(settings.critic) if settings.critic else POCKET)
    if not run.finished:
        _check_unchanged(settings, registry)
        _check_policy(settings)
        _check_critic(settings, critic)
    return Composer(
        run=run,
        settings=settings,
        specs={s.id: s for s in settings.experts},
        experts=registry,
        tables=registry.tables,
        critic=critic,
    )


def _check_policy(settings: Settings) -> None:
    """A run goes on with the policy it began with."""
    if policy_revision(settings.policy) != settings.policy_revision:
        raise RunError(
            f"the policy {settings.policy} has changed since this run began",
            remedy="restore it, or compose again",
        )


def _check_critic(settings: Settings, critic: VqaCritic) -> None:
    """A run goes on with the critic it began with: scores of two cannot be compared."""
    if settings.critic_revision not in ("", critic.revision):
        raise RunError(
            f"the critic {critic.id} has changed since this run began",
            remedy="restore it, or compose again",
        )


def _check_unchanged(settings: Settings, registry: Registry) -> None:
    """A run goes on with the experts and prices it began with.

    What is billed by the second may have been measured anew: the run's own measure stands.
    """
    rate = settings.usd_per_second
    for spec in settings.experts:
        now = registry.get(spec.id)
        if now is None:
            raise RegistryError(
                f"expert {spec.id!r} of this run is no longer registered",
                remedy="restore its entry, or compose again",
            )
        rented = now.cost.usd == 0.0 and spec.cost.usd == spec.cost.seconds * rate
        same_price = rented or now.cost.usd == spec.cost.usd
        same = now.fingerprint == spec.fingerprint and now.defaults == spec.defaults
        if not same or not same_price:
            raise RegistryError(
                f"expert {spec.id!r} has changed since this run began (weights, options, "
                "defaults or price)",
                remedy="restore it, or compose again",
            )
