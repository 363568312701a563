"""What a training run is asked to do, read from a YAML file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from critic.rubric import THRESHOLD
from envs.layout import Layout
from envs.rules import STEP_PENALTY, Feedback, Rules
from envs.simulation.ranges import Ranges
from policies.ablation import SLOTS, Ablation
from policies.shape import ScorerShape
from poser.core.errors import PoserError
from poser.core.value import NonNegative, UnitInterval, Value

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


THE_SHIPPED = "learned"
"""What the policy that ships is called, where a policy to begin with is named."""

CONFIG = "train.json"
"""The name of the configuration in the folder of a run."""


class TrainingError(PoserError):
    """A training run cannot be begun or gone on with: its configuration or its folder is wrong."""

    exit_code: ClassVar[int] = 2


class Stage(Value):
    """A stretch of training in one kind of world.

    Attributes:
        name: Unique among the stages.
        world: ``simulated`` (no pixels), or ``pixels``: live experts and a live critic, run only
            when asked for.
        steps: Environment steps, rounded up to whole legs.
        envs: Episodes stepped together.
        updates: Updates in a leg of this stage; ``None`` for those of the whole run.
        validated: Held-out episodes after each of its legs; ``None`` for those of the whole run.
            Simulated ones cost little, and with few of them the best leg is the luckiest.
        rate: Learning rate at the beginning; it falls linearly.
        final_rate: Share of it that is left at the end.
        entropy: Weight of the entropy in the loss.
        experts: Of simulated worlds: ``drawn``, a registry for each episode, or ``registry``, your
            own experts as their entries and measures describe them.
        ranges: What simulated worlds are drawn from.
        prompts: Text files with a prompt each, or folders of them, for ``pixels``; relative to
            the configuration file.
        cost_weight: Greatest lambda drawn for an episode with pixels, in reward per US dollar.
        usd_per_second: What a second of an expert without a price counts for, in US dollars, in
            worlds of your own experts. Where all are free, lambda means nothing.
        step_penalty: Reward lost per step, with pixels; of simulated worlds the ranges say it.
        feedback: What a critique is used for besides the potential, see :class:`envs.rules.Rules`.
        feedback_weight: Weight of the reward for the critic's scores.
        benefit_weight: Weight of the reward for what a call gains.
        threshold: Score from which a criterion counts as satisfied; in training even odds, which
            tells policies most. They are composed with by the stricter one of the rules.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$")]
    world: Literal["simulated", "pixels"] = "simulated"
    steps: Count
    envs: Annotated[int, Field(ge=1, le=4096)] = 64
    updates: Count | None = None
    validated: Annotated[int, Field(ge=1, le=100_000)] | None = None
    rate: Positive = 5e-4
    final_rate: UnitInterval = 0.1
    entropy: NonNegative = 0.01
    experts: Literal["drawn", "registry"] = "drawn"
    ranges: Ranges = Ranges()
    prompts: tuple[str, ...] = ()
    cost_weight: NonNegative = 1.0
    usd_per_second: NonNegative = 0.0
    step_penalty: NonNegative = STEP_PENALTY
    feedback: Feedback = "none"
    feedback_weight: NonNegative = 0.1
    benefit_weight: NonNegative = 0.0
    threshold: UnitInterval = THRESHOLD

    @property
    def rules(self) -> Rules:
        """The rules of its episodes, where they are not drawn."""
        return Rules(
            step_penalty=self.step_penalty,
            feedback=self.feedback,
            feedback_weight=self.feedback_weight,
            benefit_weight=self.benefit_weight,
            threshold=self.threshold,
        )


class Ppo(Value):
    """Proximal policy optimisation (Schulman et al., arXiv 1707.06347).

    Attributes:
        rollout: Steps of each episode between updates.
        batch: Most steps of a minibatch.
        epochs: Passes over a rollout.
        gamma: Discount. With 1 the return is Phi(champion) - Phi(start) - costs.
        gae_lambda: Of generalised advantages.
        clip: Clipping of the ratio.
        value_weight: Weight of the value's loss.
        max_gradient: The gradient's norm is clipped to this.
        target_kl: Divergence beyond 1.5 times which an update ends early; ``None`` for no bound.
    """

    rollout: Annotated[int, Field(ge=2, le=65536)] = 32
    batch: Annotated[int, Field(ge=2)] = 512
    epochs: Annotated[int, Field(ge=1, le=100)] = 4
    gamma: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    gae_lambda: UnitInterval = 0.95
    clip: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    value_weight: NonNegative = 0.5
    max_gradient: Positive = 0.5
    target_kl: Positive | None = 0.03


class Dropout(Value):
    """Shares of episodes without features that another world may lack.

    Attributes:
        image: Without the embedding of the picture.
        text: Without the embeddings of the instructions.
        rates: Without anything known of the experts.
    """

    image: UnitInterval = 0.3
    text: UnitInterval = 0.3
    rates: UnitInterval = 0.05


class Outages(Value):
    """How failures of infrastructure are left out of the update.

    Attributes:
        later: Whether the steps after a failure are left out too (``mask``), or learned from
            (``keep``).
        clamp: Whether steps before a failure are never discouraged.
    """

    later: Literal["mask", "keep"] = "mask"
    clamp: bool = True


class Validation(Value):
    """Held-out episodes, the same each time, played without chance in the policy.

    Attributes:
        episodes: How many.
        seed: Of all that is drawn in them; none of training's.
        patience: Validations without a better return after which a stage ends; ``None`` for never.
        gain: By how much a return must be better to count.
    """

    episodes: Annotated[int, Field(ge=1, le=100_000)] = 256
    seed: Seed = 1_000_003
    patience: Count | None = None
    gain: NonNegative = 0.0


class TrainConfig(Value):
    """A training run.

    Attributes:
        seed: Of all that is drawn.
        start: A policy to begin with instead of random weights: ``learned``, the one that ships, or
            the folder of an export, relative to the configuration file. Empty for none.
        max_commands: Commands of a plan that training has room for. The policy serves any number.
        max_experts: Experts of a registry that training has room for, likewise.
        text_dim: Size of the hashed embedding of an instruction; 0 for none.
        image_side: Side of the thumbnail that a picture is embedded as; 0 for none.
        scorer: Size of the network; its ``text_dim`` and ``image_dim`` follow from those above.
        ppo: The algorithm.
        dropout: What is left out in training.
        outages: How failures are treated.
        validation: Held-out episodes.
        updates: Updates in a leg: after each it is validated and a checkpoint is written.
        ablate: What is left out of training and of the policy for good, see
            :mod:`policies.ablation`.
        stages: In their order.
    """

    seed: Seed = 0
    start: Annotated[str, Field(max_length=4096)] = ""
    max_commands: Annotated[int, Field(ge=1, le=1024)] = 16
    max_experts: Annotated[int, Field(ge=1, le=1024)] = 16
    text_dim: Annotated[int, Field(ge=0, le=1024)] = 32
    image_side: Annotated[int, Field(ge=0, le=32)] = 4
    scorer: ScorerShape = ScorerShape()
    ppo: Ppo = Ppo()
    dropout: Dropout = Dropout()
    outages: Outages = Outages()
    validation: Validation = Validation()
    updates: Count = 8
    ablate: tuple[Ablation, ...] = ()
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [s.name for s in self.stages]
        if len(set(names)) < len(names):
            raise ValueError("two stages have the same name")
        for stage in self.stages:
            if stage.world == "pixels" and not stage.prompts:
                raise ValueError(f"stage {stage.name!r} needs prompts")
            if stage.usd_per_second and stage.world == "simulated" and stage.experts == "drawn":
                raise ValueError(
                    f"stage {stage.name!r} draws its experts with their prices: "
                    "usd_per_second needs experts: registry"
                )
            if stage.envs * self.ppo.rollout < 2:
                raise ValueError(f"stage {stage.name!r} has rollouts of a single step")
        if self.scorer.width % self.scorer.heads:
            raise ValueError("scorer.heads must divide scorer.width")
        if "rates" in self.ablate and self.max_experts > SLOTS:
            raise ValueError(f"without rates there are places for {SLOTS} experts at most")
        return self

    @property
    def layout(self) -> Layout:
        """The shape of observations in training."""
        image_dim = 3 * self.image_side**2
        return Layout(self.max_commands, self.max_experts, self.text_dim, image_dim)

    @property
    def shape(self) -> ScorerShape:
        """The scorer, its embeddings of the layout's sizes."""
        layout = self.layout
        sizes = {"text_dim": layout.text_dim, "image_dim": layout.image_dim}
        return self.scorer.model_copy(update=sizes)

    def played(self, stage: Stage) -> Stage:
        """A stage as it is played: without a price on dollars where ``cost`` is ablated."""
        if "cost" not in self.ablate:
            return stage
        ranges = stage.ranges.model_copy(update={"cost_weights": 0.0})
        return stage.model_copy(update={"ranges": ranges, "cost_weight": 0.0})

    @property
    def anonymous(self) -> TrainConfig:
        """The same without where on this machine its prompts, and what it begins with, are."""
        stages = [
            s.model_copy(update={"prompts": tuple(Path(p).name for p in s.prompts)})
            for s in self.stages
        ]
        start = Path(self.start).name if self.start else ""
        return self.model_copy(update={"stages": tuple(stages), "start": start})

    def validated(self, stage: Stage) -> int:
        """Held-out episodes that the legs of a stage are validated by."""
        return stage.validated or self.validation.episodes

    def leg(self, stage: Stage) -> int:
        """Environment steps of one leg of a stage."""
        return stage.envs * self.ppo.rollout * (stage.updates or self.updates)

    def legs(self, stage: Stage) -> int:
        """Legs of a stage: its steps, rounded up."""
        return -(-stage.steps // self.leg(stage))


def read_config(path: Path, *, steps: int | None = None, seed: int | None = None) -> TrainConfig:
    """Reads a configuration file.

    Args:
        path: A YAML file with the keys of :class:`TrainConfig`.
        steps: Steps of every stage in place of those in the file.
        seed: A seed in place of the one in the file.

    Raises:
        TrainingError: The file cannot be read, or a key is wrong; the message names both.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise TrainingError(
            f"cannot read {path}: {reason}", remedy="give a YAML file with --config"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise TrainingError(
            f"{where}: {getattr(error, 'problem', None) or 'not YAML'}",
            remedy="mend the YAML; examples/train.yaml shows the form",
        ) from error
    if not isinstance(data, dict):
        raise TrainingError(
            f"{path}: the file must hold keys and values", remedy="see examples/train.yaml"
        )
    if seed is not None:
        data["seed"] = seed
    start = data.get("start")
    if isinstance(start, str) and start not in ("", THE_SHIPPED):
        data["start"] = str(path.absolute().parent / start)
    stages = data.get("stages")
    if isinstance(stages, list):
        for stage in stages:
            if isinstance(stage, dict):
                if steps is not None:
                    stage["steps"] = steps
                prompts = stage.get("prompts")
                if isinstance(prompts, list):
                    stage["prompts"] = [str(path.absolute().parent / str(p)) for p in prompts]
    return checked(data, str(path))


def resumed(folder: Path) -> TrainConfig:
    """The configuration of a run that is to be gone on with.

    Raises:
        TrainingError: There is no such run.
    """
    try:
        data = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"there is no training run in {folder}",
            remedy="give the folder that poser train --out made",
        ) from error
    return checked(data, str(folder / CONFIG))


def checked(data: Any, source: str) -> TrainConfig:
    """The configuration in plain data.

    Raises:
        TrainingError: A key is unknown, missing, or its value wrong.
    """
    try:
        return TrainConfig.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = _key(first["loc"])
        if first["type"] == "extra_forbidden":
            raise TrainingError(
                f"{source}: unknown key {key!r}",
                remedy="docs/training.md lists the keys",
            ) from error
        message = first["msg"].removeprefix("Value error, ")
        at = f"{key}: " if key else ""
        raise TrainingError(
            f"{source}: {at}{message}", remedy="docs/training.md says what each key takes"
        ) from error


def _key(location: Sequence[int | str]) -> str:
    """``stages[0].steps`` for ``("stages", 0, "steps")``."""
    key = ""
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else str(part)
    return key
