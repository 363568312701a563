"""The terms that all methods are evaluated on: experts and prices, critic, evaluator, rules."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from critic.base import Critic
from envs.episodes import Episode, LiveEpisodes
from envs.layout import Layout
from envs.observation import ObservationEncoder
from envs.rules import Rules
from experts.base import Expert
from experts.prices import billing, priced
from poser.core.capability import CapabilityTable
from poser.core.expert import ExpertSpec
from poser.core.value import content_hash
from poser.evaluation.cases import Case, Evaluator
from poser.evaluation.remembering import Memory, RememberedCritic

if TYPE_CHECKING:
    from experts.registry import Registry


@dataclass(frozen=True, slots=True)
class Setting:
    """What episodes are played by.

    Attributes:
        registry: Specs by id, with prices.
        expert: Finds live experts; they bill what the specs say.
        critic: What guides composing.
        evaluator: What scores the pictures, and replaces the critic for an oracle.
        rules: Budget, lambda and penalties; steps and the critic's price are filled in.
        tables: Measured capabilities by expert id.
        max_steps: Steps of an episode; ``None`` for the default of the plan's size.
        seed: Of all episodes; each prompt's own follows from it.
        fingerprint: Hash of the experts and what was measured of them.
        memory: Calls made so far, and how long they took.
    """

    registry: Mapping[str, ExpertSpec]
    expert: Callable[[str], Expert]
    critic: Critic
    evaluator: Evaluator | None = None
    rules: Rules = field(default_factory=Rules)
    tables: Mapping[str, CapabilityTable] = field(default_factory=dict)
    max_steps: int | None = None
    seed: int = 0
    fingerprint: str = ""
    memory: Memory = field(default_factory=Memory)

    def seed_of(self, case: Case) -> int:
        """The seed of a prompt's episodes: the same for all methods."""
        digest = hashlib.sha256(f"{self.seed}|{case.id}".encode()).digest()
        return int.from_bytes(digest[:4], "big") % 2**31

    def episode(self, case: Case, critic: Critic | None = None) -> Episode:
        """An episode of a prompt, with pictures and finished calls of its own.

        Args:
            case: The prompt.
            critic: What guides it; the setting's unless given.
        """
        judge = RememberedCritic(critic or self.critic, self.memory)
        episodes = LiveEpisodes(
            plans=[case.plan],
            registry=self.registry,
            expert=self.expert,
            critic=judge,
            rules=self.rules,
            tables=self.tables,
            max_steps=self.max_steps,
        )
        return replace(episodes(np.random.default_rng(0), {}), seed=self.seed_of(case))

    def encoder(self, case: Case) -> ObservationEncoder:
        """What a rollout asks for; policies bring encoders of their own."""
        room = Layout(max(1, len(case.plan.commands)), len(self.registry), 0, 0)
        return ObservationEncoder(self.registry, self.tables, room)

    def with_rules(self, **changes: Any) -> Setting:
        """The same terms but for some of the rules."""
        rules = Rules.model_validate({**self.rules.to_dict(), **changes})
        return replace(self, rules=rules)

    @property
    def identity(self) -> dict[str, Any]:
        """All that an episode depends on besides prompt and method, as plain JSON data."""
        evaluator = self.evaluator
        return {
            "experts": self.fingerprint,
            "usd": {i: spec.cost.usd for i, spec in self.registry.items()},
            "critic": [self.critic.id, self.critic.revision],
            "evaluator": [evaluator.id, evaluator.revision] if evaluator else None,
            "rules": self.rules.to_dict(),
            "max_steps": self.max_steps,
            "seed": self.seed,
        }


def setting_of(
    registry: Registry,
    critic: Critic,
    evaluator: Evaluator | None,
    rules: Rules,
    *,
    usd_per_second: float = 0.0,
    max_steps: int | None = None,
    seed: int = 0,
    paid: Path | None = None,
    left_out: Sequence[str] = (),
) -> Setting:
    """The terms over a registry.

    Args:
        registry: Live experts and their entries.
        critic: What guides composing.
        evaluator: What scores pictures.
        rules: See :class:`Setting`.
        usd_per_second: Price of a second of an expert that has no price of its own.
        max_steps: See :class:`Setting`.
        seed: Likewise.
        paid: Folder in which calls that cost money are kept.
        left_out: Ids of experts that are not there.

    Raises:
        RegistryError: The seconds of an expert are not known, or an id is unknown.
    """
    from poser.store.images import DiskImageStore
    from poser.store.journal import DiskJournal

    for expert_id in left_out:
        _ = registry[expert_id]
    specs = priced({i: registry[i] for i in registry if i not in left_out}, usd_per_second)
    tables = {i: t for i, t in registry.tables.items() if i in specs}
    memory = Memory()
    if paid is not None:
        memory.paid = DiskJournal(paid / "paid.jsonl", DiskImageStore(paid / "images"))
    measured = {i: table.to_dict() for i, table in tables.items()}
    known = {"registry": registry.fingerprint, "tables": measured, "experts": sorted(specs)}
    return Setting(
        registry=specs,
        expert=billing(memory.experts(registry.expert), specs),
        critic=critic,
        evaluator=evaluator,
        rules=rules,
        tables=tables,
        max_steps=max_steps,
        seed=seed,
        fingerprint=content_hash(known),
        memory=memory,
    )
