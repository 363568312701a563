"""A world for tests of evaluation: quick experts, a critic, and an evaluator that disagrees."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

from envs.rules import Rules
from experts.prices import billing, priced
from poser.core.expert import Cost, ExpertSpec
from poser.core.plan import Criterion
from poser.evaluation.cases import Case
from poser.evaluation.remembering import Memory
from poser.evaluation.scoring import Evaluation, Results, Told
from poser.evaluation.setting import Setting
from poser.store.images import DiskImageStore
from poser.store.journal import DiskJournal
from tests.compose.fakes import FixedDecomposer, HashCritic, Ledger, Painter

DRAW = ExpertSpec(
    id="draw",
    adapter="fake",
    task="text_to_image",
    capabilities={"add": 0.6},
    cost=Cost(seconds=0.2),
)
EDIT = ExpertSpec(
    id="edit",
    adapter="fake",
    task="image_to_image",
    capabilities={"add": 0.8, "text": 0.5},
    cost=Cost(seconds=0.1),
)


class HashEvaluator(HashCritic):
    """Verdicts follow from the picture and the question, otherwise than the critic's."""

    id = "truth"

    def verdicts(
        self, criteria: Sequence[Criterion], picture: Image.Image
    ) -> dict[str, bool | None]:
        digest = hashlib.sha256(picture.tobytes()).hexdigest()
        outside = self.outside_scope(criteria)
        return {
            k.id: None if k.id in outside else Random(f"truth|{digest}|{k.id}").random() > 0.5
            for k in criteria
        }


class Studio:
    """Everything that an evaluation needs, in a folder.

    Args:
        root: The folder.
        specs: The experts' entries; one that states a price costs money.
        rate: US dollars a second of the others.
        rules: What is played by.
        known: Whether what the prompts ask for is known.
    """

    def __init__(
        self,
        root: Path,
        specs: Sequence[ExpertSpec] = (DRAW, EDIT),
        rate: float = 0.1,
        rules: Rules | None = None,
        prompts: int = 6,
        known: bool = True,
    ) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.ledger = Ledger(root / "ledger.txt")
        self.painters = {s.id: Painter(s, self.ledger) for s in specs}
        self.critic = HashCritic(self.ledger)
        registry = priced({s.id: s for s in specs}, rate)
        memory = Memory(paid=DiskJournal(root / "paid.jsonl", DiskImageStore(root / "images")))
        self.setting = Setting(
            registry=registry,
            expert=billing(memory.experts(lambda name: self.painters[name]), registry),
            critic=self.critic,
            evaluator=HashEvaluator(Ledger(root / "truth.txt")) if known else None,
            rules=rules or Rules(),
            memory=memory,
        )
        plans = [FixedDecomposer().decompose(f"prompt {n}") for n in range(prompts)]
        self.cases = [Case(p.prompt, p, p.criteria if known else None) for p in plans]

    def evaluation(self, batch: int = 16, told: Told | None = None) -> Evaluation:
        journal = DiskJournal(self.root / "episodes.jsonl", DiskImageStore(self.root / "images"))
        extra: dict[str, Any] = {} if told is None else {"told": told}
        return Evaluation(self.cases, self.setting, journal, self.root, batch, **extra)

    def of(self, *names: str, batch: int = 16) -> list[Results]:
        return self.evaluation(batch).of(names)

    def paid(self) -> list[str]:
        """The requests that experts were called for."""
        return [line for line in self.ledger.lines() if line.startswith("expert")]


MakeStudio = Callable[..., Studio]
