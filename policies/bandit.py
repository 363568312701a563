"""A contextual bandit (LinUCB): the call whose reward at once is expected to be the greatest.

One linear model is shared by all calls; what it sees of a call is what is known of the command,
the expert and the situation (Li et al., A contextual-bandit approach to personalized news article
recommendation, WWW 2010, the disjoint model's shared form). It looks one step ahead and no
further, which is what a policy that plans has to beat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from envs.layout import (
    COMMAND_FEATURES,
    CONTEXT_FEATURES,
    EXPERT_FEATURES,
    PAIR_FEATURES,
    Layout,
)
from envs.observation import Observation, ObservationEncoder
from envs.state import State
from policies.base import Decision
from poser.core.action import Action, Call, Revert, Stop
from poser.core.capability import CapabilityTable
from poser.core.expert import ExpertSpec

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv

Floats = NDArray[np.float64]

_OF_COMMAND = [COMMAND_FEATURES.index(n) for n in ("score", "weight", "phi", "attempts", "judged")]
_OF_EXPERT = [
    EXPERT_FEATURES.index(n) for n in ("kept", "kept_known", "usd_if_capped", "priced", "failures")
]
_OF_PAIR = [PAIR_FEATURES.index(n) for n in ("serves", "rate", "tried")]
_OF_CONTEXT = [
    CONTEXT_FEATURES.index(n) for n in ("phi", "champion_phi", "cost_weight", "has_picture")
]
_RATE, _DRAWS = PAIR_FEATURES.index("rate"), EXPERT_FEATURES.index("task:text_to_image")
_WEIGHT, _PHI = COMMAND_FEATURES.index("weight"), CONTEXT_FEATURES.index("phi")

FEATURES = 1 + 2 * (len(_OF_COMMAND) + len(_OF_CONTEXT)) + len(_OF_EXPERT) + len(_OF_PAIR) + 4
"""How many numbers describe a call."""


def features_of(parts: Mapping[str, Any], row: int, column: int) -> Floats:
    """What the model sees of a call: float, (FEATURES,).

    Args:
        parts: One observation, without a batch.
        row: The command's place; one beyond the last for the whole plan.
        column: The expert's place.
    """
    commands, experts = parts["commands"], parts["experts"]
    whole = row == len(commands)
    pair = parts["pairs"][row * len(experts) + column]
    command = np.zeros(len(_OF_COMMAND)) if whole else commands[row, _OF_COMMAND]
    weight = 1.0 if whole else float(commands[row, _WEIGHT])
    rate, context = float(pair[_RATE]), parts["context"]
    draws = float(experts[column, _DRAWS])
    missing = float(1.0 - context[_PHI])
    products = [rate * weight, rate * missing, draws * float(context[_PHI]), rate * draws]
    situation = context[_OF_CONTEXT]
    return np.concatenate(
        (
            [1.0],
            command,
            command * rate,
            situation,
            situation * float(whole),
            experts[column, _OF_EXPERT],
            pair[_OF_PAIR],
            products,
        )
    ).astype(np.float64)


@dataclass(slots=True)
class LinUcb:
    """The linear model and what it has counted.

    Attributes:
        alpha: Width of the confidence bound that is explored by.
        matrix: Sum of outer products of features, plus the identity, (FEATURES, FEATURES).
        vector: Sum of features times rewards, (FEATURES,).
    """

    alpha: float = 0.5
    matrix: Floats = field(default_factory=lambda: np.eye(FEATURES))
    vector: Floats = field(default_factory=lambda: np.zeros(FEATURES))

    def learn(self, features: Floats, rewards: Floats) -> None:
        """Counts calls and what they were rewarded with at once.

        Args:
            features: (calls, FEATURES).
            rewards: (calls,).
        """
        self.matrix += features.T @ features
        self.vector += features.T @ rewards

    def scores(self, features: Floats, *, explore: bool) -> Floats:
        """The expected rewards of calls, or their upper bounds: (calls,).

        Args:
            features: (calls, FEATURES).
            explore: Whether the bound is added.
        """
        solved = np.linalg.solve(self.matrix, np.column_stack((self.vector, features.T)))
        expected: Floats = features @ solved[:, 0]
        if not explore:
            return expected
        spread: Floats = np.sqrt(np.einsum("nd,dn->n", features, solved[:, 1:]))
        return np.asarray(expected + self.alpha * spread, np.float64)

    def prefer(self, parts: Mapping[str, Any], mask: Any, *, explore: bool) -> int:
        """The index of the preferred action: Revert where it is legal, Stop where nothing pays.

        Args:
            parts: One observation, without a batch.
            mask: Which actions are legal, (actions,).
            explore: Whether bounds are added.
        """
        if mask[-2]:
            return len(mask) - 2
        calls = np.flatnonzero(mask[:-2])
        if not len(calls):
            return len(mask) - 1
        experts = len(parts["experts"])
        features = np.stack([features_of(parts, *divmod(int(c), experts)) for c in calls])
        scores = self.scores(features, explore=explore)
        best = int(scores.argmax())
        return int(calls[best]) if scores[best] > 0.0 else len(mask) - 1


def fit(venv: VecEnv, steps: int, seed: int, alpha: float = 0.5) -> LinUcb:
    """A bandit that has counted the calls of so many steps, failures left out.

    Args:
        venv: What is played; one batch of observations is learned from at a time.
        steps: Of all episodes together.
        seed: Of all that is drawn in it.
        alpha: See :class:`LinUcb`.
    """
    bandit = LinUcb(alpha)
    venv.seed(seed)
    observation: Any = venv.reset()
    for _ in range(-(-steps // venv.num_envs)):
        masks = venv.env_method("action_masks")
        rows = [{k: v[n] for k, v in observation.items()} for n in range(venv.num_envs)]
        actions = [bandit.prefer(p, m, explore=True) for p, m in zip(rows, masks, strict=True)]
        seen = [
            (n, features_of(p, *divmod(a, len(p["experts"]))))
            for n, (p, a) in enumerate(zip(rows, actions, strict=True))
            if a < len(masks[0]) - 2
        ]
        observation, _, _, infos = venv.step(np.array(actions))
        # What only the end of an episode adds is not the call's own.
        own = [
            (x, sum(v for k, v in infos[n]["reward_terms"].items() if k != "final"))
            for n, x in seen
            if not infos[n].get("infrastructure_failure")
        ]
        if own:
            bandit.learn(np.stack([x for x, _ in own]), np.array([r for _, r in own]))
    return bandit


@dataclass(slots=True)
class BanditPolicy:
    """A :class:`policies.base.Policy` by a bandit that has counted enough; it explores no more.

    Attributes:
        bandit: The model.
        tables: Measured capabilities by expert id.
        name: Name for people and for records.
    """

    bandit: LinUcb
    tables: Mapping[str, CapabilityTable] = field(default_factory=dict)
    name: str = "bandit"

    def choose(
        self, state: State, legal: Sequence[Action], registry: Mapping[str, ExpertSpec]
    ) -> Decision:
        """See :class:`policies.base.Policy`."""
        layout = Layout(max(1, len(state.plan.commands)), len(registry), 0, 0)
        parts: Observation = ObservationEncoder(registry, self.tables, layout).observe(state)
        experts = list(registry)
        mask = np.zeros(layout.actions, np.bool_)
        for action in legal:
            mask[layout.encode(action, state.plan, experts)] = True
        chosen = layout.decode(self.bandit.prefer(parts, mask, explore=False), state.plan, experts)
        if isinstance(chosen, Call):
            return Decision(chosen, "the greatest reward expected at once")
        if isinstance(chosen, Revert):
            return Decision(chosen, "the last change made it worse")
        return Decision(Stop(), "no call is expected to pay")
