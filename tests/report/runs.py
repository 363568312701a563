"""Runs made up for the report: real plans and transitions, drawn pictures, invented critiques."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from PIL import Image

from envs.rules import Rules
from envs.state import State, initial_state
from envs.transition import apply, failed
from poser.core.action import ALL, Action, Call, Revert, Stop
from poser.core.critique import CriticFailure, Critique, Defect, Verdict
from poser.core.expert import (
    Cost,
    ExpertFailure,
    ExpertRequest,
    ExpertResult,
    ExpertSpec,
    FailureKind,
)
from poser.core.picture import ImageRef
from poser.core.plan import Command, Plan
from poser.core.record import StepRecord
from poser.report.view import RunView
from tests.report.plans import FIRST, criterion, critique_of, scene, street_plan

SPECS = {
    s.id: s
    for s in (
        ExpertSpec(
            id="pocket-draw",
            adapter="diffusers",
            task="text_to_image",
            source="experts/pocket/draw",
            licence="Apache-2.0",
            description="Draws small scenes.",
        ),
        ExpertSpec(
            id="pocket-edit",
            adapter="diffusers",
            task="image_to_image",
            source="experts/pocket/edit",
            revision="3f2a91c",
            licence="Apache-2.0",
        ),
        ExpertSpec(id="typography", adapter="typography", task="image_to_image", licence="OFL-1.1"),
        ExpertSpec(
            id="cloud/edit-pro",
            adapter="openai",
            task="image_to_image",
            source="edit-pro-2",
            cost=Cost(usd=0.04),
        ),
    )
}


class Gallery:
    """An image store in memory."""

    def __init__(self) -> None:
        self.images: dict[str, Image.Image] = {}

    def put(self, image: Image.Image) -> ImageRef:
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
        self.images[sha256] = image
        return ImageRef(sha256=sha256, width=image.width, height=image.height)

    def get(self, sha256: str) -> Image.Image:
        return self.images[sha256]


@dataclass
class Run:
    """Plays a run by hand, one line a step."""

    plan: Plan
    rules: Rules = field(default_factory=lambda: Rules(threshold=0.5, max_steps=18))
    side: int = 64
    gallery: Gallery = field(default_factory=Gallery)
    given: Sequence[str] | None = None

    def __post_init__(self) -> None:
        self.start: ImageRef | None = None
        self.start_critique: Critique | None = None
        if self.given is not None:
            self.start = self.gallery.put(scene(self.given, self.side))
            self.start_critique = critique_of(self.plan, self.given)
        self.state: State = initial_state(
            self.plan, self.rules, image=self.start, critique=self.start_critique
        )
        self.steps: list[StepRecord] = []

    def call(
        self,
        command: str,
        expert: str,
        held: Sequence[str],
        *,
        reason: str = "",
        prompt: str = "",
        cached: bool = False,
        cost: float = 0.0,
    ) -> Run:
        """A call whose picture shows ``held``."""
        image = self.gallery.put(scene(held, self.side, seed=len(self.steps)))
        outcome = ExpertResult(image=image, seconds=1.3 + len(self.steps) * 0.11, cost=cost)
        critique = critique_of(self.plan, held)
        action = Call(command=command, expert=expert)
        return self._step(action, outcome, critique, reason=reason, prompt=prompt, cached=cached)

    def fails(
        self, command: str, expert: str, kind: FailureKind = "timeout", message: str = ""
    ) -> Run:
        """A call that the expert fails."""
        outcome = ExpertFailure(reason=kind, message=message, seconds=30.0)
        return self._step(Call(command=command, expert=expert), outcome, None)

    def critic_fails(self, command: str, expert: str, held: Sequence[str]) -> Run:
        """A call whose picture the critic cannot judge."""
        image = self.gallery.put(scene(held, self.side, seed=99))
        outcome = ExpertResult(image=image, seconds=1.0)
        failure = CriticFailure(reason="malformed", message="3 of 15 verdicts are missing")
        return self._step(Call(command=command, expert=expert), outcome, failure)

    def revert(self) -> Run:
        """Back to the champion."""
        return self._step(Revert(), None, None, reason="the last edit lost more than it won")

    def stop(self) -> Run:
        """The end."""
        return self._step(Stop(), None, None, reason="no command is worth another call")

    def _step(
        self,
        action: Action,
        outcome: ExpertResult | ExpertFailure | None,
        critique: Critique | CriticFailure | None,
        *,
        reason: str = "",
        prompt: str = "",
        cached: bool = False,
    ) -> Run:
        before = self.state
        self.state, reward = apply(before, action, outcome, critique, SPECS)
        request = None
        if isinstance(action, Call):
            if not prompt:
                whole = action.command == ALL
                prompt = (
                    self.plan.prompt if whole else self.plan.command(action.command).instruction
                ) or "everything"
            request = ExpertRequest(
                expert=action.expert,
                task=SPECS[action.expert].task,
                prompt=prompt,
                image=before.current.image.sha256 if before.current else None,
                seed=1000 + before.step,
            )
        self.steps.append(
            StepRecord(
                step=before.step,
                action=action,
                reason=reason or "the cheapest expert that serves this command",
                request=request,
                outcome=outcome,
                critique=critique,
                reward=reward,
                phi=self.state.phi,
                image=self.state.current.image if self.state.current else None,
                champion=self.state.champion.image if self.state.champion else None,
                infrastructure_failure=failed(outcome, critique),
                cached=cached,
                seconds=(outcome.seconds if outcome else 0.0) + 0.3,
            )
        )
        return self

    def view(self, **changes: object) -> RunView:
        """The run so far as a view."""
        view = RunView(
            id="20261120-1432-quiet-street",
            created="2026-11-20T14:32:08+00:00",
            seed=7,
            version="0.1.0",
            config={
                "policy": "capability-router",
                "registry": ["builtin:pocket", "/home/ada/experts.yaml"],
                "budget": self.rules.budget,
                "options": {"max_steps": self.rules.max_steps, "interactive": False},
            },
            plan=self.plan,
            start=self.start,
            start_critique=self.start_critique,
            steps=tuple(self.steps),
            state=self.state,
            specs=SPECS,
            images=self.gallery,
            seconds=sum(s.seconds for s in self.steps),
            notes=(),
            critic="pocket-vqa",
        )
        return replace(view, **changes)  # type: ignore[arg-type]


def street(rules: Rules | None = None, side: int = 64) -> Run:
    """A run in which everything happens once."""
    run = Run(street_plan(), rules or Rules(threshold=0.5, max_steps=18, budget=1.0), side=side)
    a = FIRST
    b = (*a, "bus-red", "bus-middle")
    c = (*b, "tree", "tree-right")
    d = (*c, "dog", "dog-small", "dog-left")
    e = (*d, "balloon")
    run.call(ALL, "pocket-draw", a, reason="there is no picture yet; draws most commands at once")
    run.call("c2", "pocket-edit", b)
    run.fails("c4", "cloud/edit-pro", "timeout", "no answer after 30 s")
    run.call("c4", "pocket-edit", c, cached=True, reason="the same call was paid for before")
    run.call("c3", "pocket-edit", d)
    run.call("c3", "cloud/edit-pro", (*b, "dog"), cost=0.04, reason="second try, another expert")
    run.revert()
    run.call("c5", "pocket-edit", e)
    run.call("c5", "pocket-edit", e)
    run.call("c5", "pocket-edit", e)
    run.critic_fails("c7", "pocket-edit", (*e, "sky"))
    run.call("c7", "pocket-edit", (*e, "sky"))
    run.call("c3", "pocket-edit", (*e, "sky"))
    return run


def long_run(side: int = 512) -> Run:
    """Three hundred words, fifteen commands, pictures of 512 pixels."""
    things = ["lighthouse", "rowing-boat", "gull", "picnic-table", "lantern", "bicycle"]
    things += ["windmill", "sheepdog", "kite", "wheelbarrow", "signpost", "teapot", "umbrella"]
    prompt = "A windswept harbour on a clear autumn morning, seen from the end of the pier. "
    commands = [
        Command(
            id="scene",
            op="create",
            instruction="draw a windswept harbour on a clear autumn morning",
            source="A windswept harbour on a clear autumn morning",
            caption="a windswept harbour",
            criteria=(criterion("harbour", "Is this a harbour?"),),
        )
    ]
    for number, thing in enumerate(things):
        part = f"a weathered {thing} that somebody has painted in faded blue and white stripes"
        prompt += (
            f"Further along, where the planks are worn smooth by a hundred years of boots, there "
            f"is {part}, half in the shade. "
        )
        commands.append(
            Command(
                id=f"add-{thing}",
                op="add",
                instruction=f"add {part}",
                subject=thing,
                source=part,
                depends_on=("scene",) if number < 11 else (commands[-1].id,),
                criteria=(
                    criterion(f"{thing}", f"Is there a {thing}?"),
                    criterion(
                        f"{thing}-stripes", f"Is the {thing} striped in blue and white?", thing
                    ),
                ),
            )
        )
    prompt += "Finish it as a faded postcard."
    commands.append(
        Command(
            id="finish",
            op="finish",
            instruction="finish it as a faded postcard",
            source="Finish it as a faded postcard",
            depends_on=tuple(c.id for c in commands),
        )
    )
    plan = Plan(prompt=prompt, commands=tuple(commands), decomposer="rules 1")
    run = Run(plan, Rules(threshold=0.5, max_steps=40), side=side)
    held: list[str] = ["harbour", "bus", "bus-red"]
    run.call(ALL, "pocket-draw", held, prompt=prompt)
    for thing in things[:9]:
        held += [thing, f"{thing}-stripes"]
        run.call(f"add-{thing}", "pocket-edit", held)
    return run


def hostile_run() -> Run:
    """Every text that a report shows tries to break out of the page."""
    evil = (
        "<script>alert(1)</script>\"'><img src=http://evil.example/x onerror=alert(2)>\x1b[31m\x00"
    )
    plan = Plan(
        prompt=f"a bus {evil} and a dog",
        commands=(
            Command(
                id="c1",
                op="add",
                instruction=f"add a bus {evil}",
                source=f"a bus {evil}",
                caption=evil,
                criteria=(criterion("bus", f"Is there a bus {evil}?"), criterion("x", evil)),
            ),
        ),
        decomposer=evil,
    ).setting_aside({"x": evil})
    run = Run(plan, Rules(threshold=0.5, max_steps=4))
    critique = Critique(
        reasoning=evil,
        critique=evil,
        score=0.2,
        verdicts=(Verdict(criterion="bus", score=0.2, reason=evil),),
        defects=(Defect(criterion="bus", instruction=evil),),
    )
    image = run.gallery.put(scene(()))
    run._step(
        Call(command="c1", expert="pocket-draw"),
        ExpertResult(image=image, details={"note": evil}),
        critique,
        reason=evil,
        prompt=evil,
    )
    run._step(
        Call(command="c1", expert="pocket-edit"),
        ExpertFailure(message=evil),
        None,
        reason=evil,
        prompt=evil,
    )
    return run


def hostile_view() -> RunView:
    evil = "<script>alert(1)</script>"
    specs = {
        k: s.model_copy(update={"id": k, "source": evil, "licence": evil}) for k, s in SPECS.items()
    }
    run = hostile_run()
    # An id that no validation has seen: the page may not rely on it.
    first = run.steps[0].model_copy(
        update={"action": Call.model_construct(command="c1", expert=evil)}
    )
    return run.view(
        id=f"run {evil}",
        created=f'"{evil}',
        version=evil,
        critic=evil,
        notes=(evil,),
        config={evil: evil, "nested": {"a": [evil]}},
        specs=specs,
        steps=(first, *run.steps[1:]),
    )
