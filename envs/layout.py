"""The shape of observations and actions: how many commands and experts there is room for.

Actions are numbered row by row. With C commands and E experts there is room for::

    row * E + column   Call(command of that row, expert of that column); row C stands for ALL
    (C + 1) * E        Revert
    (C + 1) * E + 1    Stop

Commands stand in the order of the plan, experts in that of the registry; places beyond them are
padding. Nothing depends on the order: a policy may be built to treat all rows and columns alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from poser.core.action import ALL, Action, Call, Revert, Stop
from poser.core.errors import IllegalActionError, PoserError
from poser.core.expert import Task
from poser.core.plan import Op, Plan

if TYPE_CHECKING:
    from gymnasium import spaces

OPS: tuple[Op, ...] = get_args(Op)
"""The ops in the order of their features."""

TASKS: tuple[Task, ...] = get_args(Task)
"""The tasks in the order of their features."""

STATUSES = ("pending", "satisfied", "unjudged", "given_up")
"""The statuses of a command in the order of their features."""

COMMAND_FEATURES = (
    *(f"op:{op}" for op in OPS),
    *(f"status:{name}" for name in STATUSES),
    "score",
    "champion_score",
    "champion_settled",
    "phi",
    "weight",
    "judged",
    "attempts",
    "callable",
    "asked",
    "text_known",
)
"""Names of a command's features; the embedding of its instruction follows them."""

EXPERT_FEATURES = (
    *(f"rate:{op}" for op in OPS),
    *(f"evidence:{op}" for op in OPS),
    *(f"error:{op}" for op in OPS),
    *(f"task:{task}" for task in TASKS),
    "kept",
    "kept_known",
    "usd_if_capped",
    "priced",
    "seconds",
    "available",
    "affordable",
    "failures",
    "closed",
    "edits_at_once",
)
"""Names of an expert's features.

``priced`` is lambda times the price of a call, ``usd_if_capped`` its price where spend is capped:
where money cannot matter, dear experts look like free ones.
"""

PAIR_FEATURES = ("legal", "serves", "rate", "tried")
"""Names of the features of a command (or ALL) and an expert together: of a call, by its index."""

CONTEXT_FEATURES = (
    "steps_left",
    "steps_left_share",
    "budget_known",
    "budget_left",
    "phi",
    "champion_phi",
    "cost_weight",
    "step_penalty",
    "threshold",
    "has_picture",
    "given",
    "off_champion",
    "mask",
    "judgement_cost",
    "critic_failures",
    "drawn",
    "commands",
    "experts",
)
"""Names of the features of the whole situation.

Lambda (``cost_weight``) and a cap (``budget_known``, ``budget_left``) are shown where anything
costs, ``judgement_cost`` where either is.
"""


class LayoutError(PoserError):
    """A plan or a registry is larger than the observation has room for."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How much an observation has room for.

    Attributes:
        max_commands: Commands of a plan, C.
        max_experts: Experts of a registry, E.
        text_dim: Size of the embedding of an instruction; 0 for none.
        image_dim: Size of the embedding of a picture; 0 for none.
    """

    max_commands: int = 16
    max_experts: int = 16
    text_dim: int = 32
    image_dim: int = 48

    @property
    def actions(self) -> int:
        """How many actions there are, (C + 1) * E + 2."""
        return (self.max_commands + 1) * self.max_experts + 2

    @property
    def revert(self) -> int:
        """The index of Revert."""
        return self.actions - 2

    @property
    def stop(self) -> int:
        """The index of Stop."""
        return self.actions - 1

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each part of an observation."""
        commands, experts = self.max_commands, self.max_experts
        return {
            "image": (1 + self.image_dim,),
            "commands": (commands, len(COMMAND_FEATURES) + self.text_dim),
            "command_mask": (commands,),
            "experts": (experts, len(EXPERT_FEATURES)),
            "expert_mask": (experts,),
            "pairs": ((commands + 1) * experts, len(PAIR_FEATURES)),
            "context": (len(CONTEXT_FEATURES),),
        }

    def check(self, plan: Plan, experts: Sequence[str]) -> None:
        """Refuses what there is no room for.

        Raises:
            LayoutError: More commands or experts than places.
        """
        if len(plan.commands) > self.max_commands:
            raise LayoutError(
                f"the plan has {len(plan.commands)} commands, the observation room for "
                f"{self.max_commands}",
                remedy="raise max_commands of the layout, or shorten the prompt",
            )
        if len(experts) > self.max_experts:
            raise LayoutError(
                f"the registry has {len(experts)} experts, the observation room for "
                f"{self.max_experts}",
                remedy="raise max_experts of the layout, or switch experts off",
            )

    def encode(self, action: Action, plan: Plan, experts: Sequence[str]) -> int:
        """The index of an action.

        Args:
            action: A call names a command of the plan (or ALL) and one of the experts.
            plan: What is asked.
            experts: The ids of the registry, in its order.

        Raises:
            ValueError: The action names a command or an expert that is not there.
        """
        match action:
            case Revert():
                return self.revert
            case Stop():
                return self.stop
            case Call():
                row = self.max_commands
                if action.command != ALL:
                    row = [c.id for c in plan.commands].index(action.command)
                return row * self.max_experts + list(experts).index(action.expert)

    def decode(self, index: int, plan: Plan, experts: Sequence[str]) -> Action:
        """The action of an index; the inverse of :meth:`encode`.

        Raises:
            IllegalActionError: The index stands for padding, or for nothing at all.
        """
        if index == self.revert:
            return Revert()
        if index == self.stop:
            return Stop()
        row, column = divmod(index, self.max_experts)
        if not 0 <= index < self.revert or column >= len(experts):
            raise IllegalActionError(f"action {index} names no expert")
        if row == self.max_commands:
            return Call(command=ALL, expert=experts[column])
        if row >= len(plan.commands):
            raise IllegalActionError(f"action {index} names no command")
        return Call(command=plan.commands[row].id, expert=experts[column])

    def observation_space(self) -> spaces.Dict:
        """The space of observations: float32, all in [-1, 1], all but embeddings in [0, 1]."""
        import numpy as np
        from gymnasium import spaces

        def box(shape: tuple[int, ...], least: float) -> spaces.Box:
            return spaces.Box(least, 1.0, shape, np.float32)

        signed = ("image", "commands")
        parts: dict[str, spaces.Space[Any]] = {
            name: box(shape, -1.0 if name in signed else 0.0) for name, shape in self.shapes.items()
        }
        return spaces.Dict(parts)

    def action_space(self) -> spaces.Discrete:
        """The space of actions."""
        from gymnasium import spaces

        return spaces.Discrete(self.actions)
