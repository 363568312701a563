"""Episodes: what is to be composed, by which experts, and where outcomes come from.

An environment draws one at each reset from an :class:`Episodes`: live, recorded, or simulated
(:mod:`envs.simulation`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from critic.base import Critic
from envs.calling import Caller
from envs.memory import MemoryCalls, MemoryImages
from envs.observation import Observation, ObservationEncoder
from envs.outcomes import LiveOutcomes, Outcome, Outcomes, PartialOutcomes, RecordedOutcomes
from envs.rules import Rules, default_max_steps
from envs.state import State
from envs.transition import apply, begin, failed
from experts.base import Expert
from poser.core.action import Action, Call
from poser.core.capability import CapabilityTable
from poser.core.critique import Critique
from poser.core.errors import IllegalActionError
from poser.core.expert import ExpertSpec
from poser.core.picture import ImageRef, ImageSource
from poser.core.plan import Plan
from poser.core.record import EpisodeRecord, Reward, StepRecord


@dataclass(frozen=True, slots=True)
class Episode:
    """What one episode is about.

    Attributes:
        plan: What is asked, with what the critic cannot judge set aside.
        registry: Specs by id.
        rules: What is played by.
        outcomes: Where the outcomes of calls come from.
        tables: Measured capabilities by expert id.
        seed: In [0, 2**31); it decides the seeds of all requests.
        pictures: Where pictures are read from, for their embedding.
        image: The picture to start from.
        critique: Its judgement.
        mask: Hash of the mask.
    """

    plan: Plan
    registry: Mapping[str, ExpertSpec]
    rules: Rules
    outcomes: Outcomes
    tables: Mapping[str, CapabilityTable] = field(default_factory=dict)
    seed: int = 0
    pictures: ImageSource | None = None
    image: ImageRef | None = None
    critique: Critique | None = None
    mask: str | None = None


class Episodes(Protocol):
    """Where episodes are drawn from."""

    def __call__(self, rng: np.random.Generator, options: Mapping[str, Any]) -> Episode:
        """Draws an episode.

        Args:
            rng: All that is drawn is drawn from it: same state of it, same episode.
            options: Those of ``reset``; ``plan`` sets the plan where the source can do any.
        """
        ...


PlanSource = Sequence[Plan] | Callable[[np.random.Generator], Plan]
"""Plans to draw from uniformly, or what draws them."""

RulesSource = Rules | Callable[[np.random.Generator], Rules]
"""The rules, or what draws them (to train for every cost weight, say)."""


@dataclass(frozen=True, slots=True)
class LiveEpisodes:
    """Episodes with real experts and a real critic.

    Finished calls are remembered within an episode, as in composing, and not beyond it, so that
    what an episode costs does not depend on those before it.

    Attributes:
        plans: What is asked. A finish is appended to a plan by whoever makes it.
        registry: Specs by id.
        expert: Finds a live expert by id; one set of weights serves all episodes.
        critic: The critic.
        rules: What is played by; ``judgement_cost`` becomes the critic's.
        tables: Measured capabilities by expert id.
        max_steps: Steps of an episode; ``None`` for the default of the plan's size.
    """

    plans: PlanSource
    registry: Mapping[str, ExpertSpec]
    expert: Callable[[str], Expert]
    critic: Critic
    rules: RulesSource = field(default_factory=Rules)
    tables: Mapping[str, CapabilityTable] = field(default_factory=dict)
    max_steps: int | None = None

    def __call__(self, rng: np.random.Generator, options: Mapping[str, Any]) -> Episode:
        """See :class:`Episodes`."""
        plan = options.get("plan") or _drawn(self.plans, rng)
        plan = plan.setting_aside(self.critic.outside_scope(plan.criteria))
        rules = self.rules if isinstance(self.rules, Rules) else self.rules(rng)
        changes = {
            "max_steps": self.max_steps or default_max_steps(plan),
            "judgement_cost": self.critic.cost,
        }
        images = MemoryImages()
        caller = Caller(self.expert, self.critic, images, MemoryCalls())
        return Episode(
            plan=plan,
            registry=self.registry,
            rules=rules.model_copy(update=changes),
            outcomes=LiveOutcomes(caller, self.registry),
            tables=self.tables,
            seed=int(rng.integers(2**31)),
            pictures=images,
        )


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded episode, and what it was played by.

    Attributes:
        episode: What happened.
        rules: The rules it began with.
        critique: The judgement of the picture it started from, if any.
        mask: Hash of the mask, if any.
    """

    episode: EpisodeRecord
    rules: Rules
    critique: Critique | None = None
    mask: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedEpisodes:
    """Episodes over recorded outcomes: nothing is called, and only what is recorded can be chosen.

    Attributes:
        recordings: At least one.
        registry: Specs by id, as they were.
        tables: Measured capabilities by expert id.
        pictures: Where the recorded pictures are, for their embedding.
    """

    recordings: Sequence[Recording]
    registry: Mapping[str, ExpertSpec]
    tables: Mapping[str, CapabilityTable] = field(default_factory=dict)
    pictures: ImageSource | None = None

    def __call__(self, rng: np.random.Generator, options: Mapping[str, Any]) -> Episode:
        """See :class:`Episodes`; the option ``recording`` is the number of one."""
        index = int(options.get("recording", rng.integers(len(self.recordings))))
        chosen = self.recordings[index]
        # The recording itself comes first: where two tell of the same call, its own holds.
        like = [
            r.episode
            for r in (chosen, *self.recordings)
            if (r.episode.plan, r.episode.seed) == (chosen.episode.plan, chosen.episode.seed)
        ]
        return Episode(
            plan=chosen.episode.plan,
            registry=self.registry,
            rules=chosen.rules,
            outcomes=RecordedOutcomes.of_episodes(like, self.registry),
            tables=self.tables,
            seed=chosen.episode.seed,
            pictures=self.pictures,
            image=chosen.episode.start,
            critique=chosen.critique,
            mask=chosen.mask,
        )


@dataclass(slots=True)
class Rollout:
    """An episode as it is played: the one transition, and a record of it.

    Attributes:
        episode: What it is about.
        encoder: Makes observations.
        state: Where it stands.
        steps: What happened so far.
    """

    episode: Episode
    encoder: ObservationEncoder
    state: State
    steps: list[StepRecord] = field(default_factory=list)

    @classmethod
    def start(cls, episode: Episode, encoder: ObservationEncoder) -> Rollout:
        """The rollout before its first step; it may have ended already."""
        state = begin(
            episode.plan,
            episode.rules,
            episode.registry,
            image=episode.image,
            critique=episode.critique,
            mask=episode.mask,
        )
        return cls(episode, encoder, state)

    @property
    def truncated(self) -> bool:
        """Whether it ended because experts or the critic were down: it could have gone on."""
        end = self.state.end
        return end == "critic_down" or (end == "nothing_legal" and bool(self.state.down))

    def observe(self) -> Observation:
        """What a policy sees."""
        return self.encoder.observe(self.state, self.episode.pictures)

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are legal, and have an outcome where those are recorded."""
        mask = self.encoder.action_masks(self.state)
        outcomes = self.episode.outcomes
        if isinstance(outcomes, PartialOutcomes):
            for index in np.flatnonzero(mask):
                action = self._decoded(int(index))
                if isinstance(action, Call) and not outcomes.knows(
                    self.state, action, self.episode.seed
                ):
                    mask[index] = False
        return mask

    def action(self, index: int) -> Action:
        """The action of an index.

        Raises:
            IllegalActionError: It is not legal now.
        """
        mask = self.action_masks()
        if not (0 <= index < len(mask) and mask[index]):
            raise IllegalActionError(
                f"action {index} is not legal here", remedy="choose among action_masks()"
            )
        return self._decoded(index)

    def _decoded(self, index: int) -> Action:
        experts = list(self.episode.registry)
        return self.encoder.layout.decode(index, self.episode.plan, experts)

    def outcome(self, action: Action) -> Outcome | None:
        """What comes of an action; ``None`` for Revert and Stop."""
        if not isinstance(action, Call):
            return None
        return self.episode.outcomes.of(self.state, action, self.episode.seed)

    def advance(self, action: Action, outcome: Outcome | None) -> StepRecord:
        """Takes a step, by the one transition."""
        before = self.state
        result = outcome.result if outcome else None
        critique = outcome.critique if outcome else None
        self.state, reward = apply(before, action, result, critique, self.episode.registry)
        after = self.state
        record = StepRecord(
            step=before.step,
            action=action,
            request=outcome.request if outcome else None,
            outcome=result,
            critique=critique,
            reward=reward,
            phi=after.phi,
            image=after.current.image if after.current else None,
            champion=after.champion.image if after.champion else None,
            infrastructure_failure=failed(result, critique),
            cached=outcome.cached if outcome else False,
            seconds=outcome.seconds if outcome else 0.0,
        )
        self.steps.append(record)
        return record

    def record(self) -> EpisodeRecord:
        """The episode, once it has ended."""
        assert self.state.end is not None, "an episode is recorded when it has ended"
        champion = self.state.champion
        return EpisodeRecord(
            id=f"episode-{self.episode.seed}",
            seed=self.episode.seed,
            plan=self.episode.plan,
            start=self.episode.image,
            steps=tuple(self.steps),
            end=self.state.end,
            result=champion.image if champion else None,
            phi=self.state.champion_phi,
            cost=self.state.spent,
            seconds=sum(s.seconds for s in self.steps),
        )


def with_options(episode: Episode, options: Mapping[str, Any]) -> Episode:
    """The episode with the options of ``reset``: ``cost_weight`` and ``episode_seed``."""
    if (weight := options.get("cost_weight")) is not None:
        rules = Rules.model_validate({**episode.rules.to_dict(), "cost_weight": weight})
        episode = replace(episode, rules=rules)
    if (seed := options.get("episode_seed")) is not None:
        episode = replace(episode, seed=int(seed))
    return episode


def _drawn(plans: PlanSource, rng: np.random.Generator) -> Plan:
    if callable(plans):
        return plans(rng)
    return plans[int(rng.integers(len(plans)))]


NO_REWARD = Reward.of(phi=0.0, cost=0.0, step=0.0)
"""What an illegal action is rewarded with: it changes nothing."""
