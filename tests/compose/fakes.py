"""Experts, a critic and a decomposer for tests: quick, deterministic, and counted."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw

from critic.rubric import critique_of
from experts.base import Generated
from poser.compose.composer import Composer
from poser.compose.settings import Settings
from poser.core.action import Action
from poser.core.critique import Critique
from poser.core.errors import CriticError, ExpertError
from poser.core.expert import Cost, ExpertRequest, ExpertSpec, Limits
from poser.core.picture import ImageRef, ImageSource
from poser.core.plan import Command, Criterion, Plan
from poser.core.record import StepRecord
from poser.store import Run
from poser.store.run import new_run

Event = Callable[[str], None]


def silent(name: str) -> None:
    """Nothing happens."""


class Ledger:
    """Calls that were paid for, one line each, durable across a kill."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, line: str) -> None:
        with self.path.open("a") as file:
            file.write(line + "\n")

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []


class Painter:
    """Paints coloured boxes; what comes out depends on the whole request and nothing else."""

    def __init__(self, spec: ExpertSpec, ledger: Ledger, event: Event = silent) -> None:
        self.spec = spec
        self.ledger = ledger
        self.event = event
        self.fails: list[ExpertError] = []

    def generate(self, requests: Sequence[ExpertRequest], images: ImageSource) -> list[Generated]:
        return [self._one(r, images) for r in requests]

    def _one(self, request: ExpertRequest, images: ImageSource) -> Generated:
        self.event("mid-call")
        if self.fails:
            raise self.fails.pop(0)
        random = Random(request.key)
        image = images.get(request.image) if request.image else Image.new("RGB", (32, 32), "white")
        x, y = random.randrange(24), random.randrange(24)
        colour = tuple(random.randrange(256) for _ in range(3))
        ImageDraw.Draw(image).rectangle((x, y, x + 8, y + 8), fill=colour)
        self.ledger.write(f"expert {request.key}")
        self.event("call-returns")
        return Generated(image=image, seconds=0.001, cost=self.spec.cost.usd)

    def close(self) -> None:
        pass


class Enlarger(Painter):
    """Makes a picture four times as large, and nothing else."""

    def _one(self, request: ExpertRequest, images: ImageSource) -> Generated:
        self.event("mid-call")
        if self.fails:
            raise self.fails.pop(0)
        assert request.image is not None
        image = images.get(request.image)
        self.ledger.write(f"expert {request.key}")
        self.event("call-returns")
        large = image.resize((4 * image.width, 4 * image.height))
        return Generated(image=large, seconds=0.001, cost=self.spec.cost.usd)


class FakeExperts:
    def __init__(self, painters: Mapping[str, Painter]) -> None:
        self.painters = painters

    def expert(self, expert_id: str, /) -> Painter:
        return self.painters[expert_id]


class HashCritic:
    """Scores follow from the picture and the question by hashing; the same again each time."""

    id = "hash"
    revision = "1"

    def __init__(self, ledger: Ledger, event: Event = silent, cost: float = 0.0) -> None:
        self.ledger = ledger
        self.event = event
        self.cost = cost
        self.fails: list[CriticError] = []

    def load(self) -> None:
        pass

    def outside_scope(self, criteria: Sequence[Criterion]) -> Mapping[str, str]:
        return {k.id: "cannot read" for k in criteria if k.kind == "text"}

    def judge(self, plan: Plan, image: Image.Image) -> Critique:
        self.event("mid-judgement")
        if self.fails:
            raise self.fails.pop(0)
        picture = hashlib.sha256(image.tobytes()).hexdigest()
        scores = {k.id: 0.75 * Random(f"{picture}|{k.id}").random() for k in plan.judged}
        self.ledger.write(f"critic {picture}")
        self.event("judgement-returns")
        return critique_of(plan, scores, cost=self.cost)


class FixedDecomposer:
    name = "fixed"

    def decompose(self, prompt: str, *, has_picture: bool = False) -> Plan:
        commands = [
            Command(
                id=f"c{n}",
                op="add",
                instruction=f"add a {thing}",
                caption=f"a {thing}",
                subject=thing,
                criteria=(Criterion(id=f"k{n}", question=f"Is there a {thing}?", kind="entity"),),
            )
            for n, thing in enumerate(("cat", "dog", "bus", "tree"), start=1)
        ]
        text = Command(
            id="c5",
            op="text",
            instruction='write "HI"',
            text="HI",
            depends_on=tuple(c.id for c in commands),
            criteria=(Criterion(id="k5", question='Does the text "HI" appear?', kind="text"),),
        )
        return Plan(prompt=prompt, commands=(*commands, text), edits_picture=has_picture)


class KillingObserver:
    """Tells ``event`` of everything that happens."""

    def __init__(self, event: Event) -> None:
        self.event = event

    def planned(self, plan: Plan, state: object, notes: Sequence[str]) -> None:
        self.event("planned")

    def chosen(self, state: object, action: Action, reason: str) -> None:
        self.event("chosen")

    def calling(self, request: ExpertRequest) -> None:
        self.event("calling")

    def judging(self, image: ImageRef) -> None:
        self.event("judging")

    def stepped(self, record: StepRecord, state: object) -> None:
        self.event("stepped")

    def finished(self, state: object) -> None:
        self.event("finished")


class KillAt:
    """An event listener that kills its own process, as hard as can be, at the n-th event."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.count = 0

    def __call__(self, name: str) -> None:
        self.count += 1
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)


DRAW = ExpertSpec(id="draw", adapter="fake", task="text_to_image", cost=Cost(usd=0.02))
EDIT = ExpertSpec(
    id="edit", adapter="fake", task="image_to_image", capabilities={"add": 0.8}, cost=Cost(usd=0.01)
)
TYPE = ExpertSpec(id="type", adapter="fake", task="image_to_image", capabilities={"text": 1.0})
SPECS = (DRAW, EDIT, TYPE)
ENLARGE = ExpertSpec(
    id="enlarge",
    adapter="fake",
    task="image_to_image",
    capabilities={"finish": 0.9},
    limits=Limits(max_side=32),
)


def fake_run(
    root: Path, *, prompt: str = "a cat, a dog, a bus and a tree", **settings: object
) -> Run:
    run = new_run(root, prompt)
    made = Settings.model_validate(
        {"prompt": prompt, "experts": [s.to_dict() for s in SPECS], "version": "test", **settings}
    )
    run.write_config(made.to_dict())
    return run


def fake_composer(run: Run, event: Event = silent) -> Composer:
    from poser.compose.view import settings_of

    settings = settings_of(run)
    ledger = Ledger(run.folder / "ledger.txt")
    painters = {
        s.id: (Enlarger if s.capability("finish") else Painter)(s, ledger, event)
        for s in settings.experts
    }
    return Composer(
        run=run,
        settings=settings,
        specs={s.id: s for s in settings.experts},
        experts=FakeExperts(painters),
        critic=HashCritic(ledger, event),
        decomposer=FixedDecomposer(),
        observer=KillingObserver(event),
    )
