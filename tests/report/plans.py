"""A plan, drawn pictures of how far it got, and what a critic would say of them."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from poser.core.critique import Critique, Defect, Verdict
from poser.core.plan import Command, Criterion, Plan

PROMPT = (
    "A quiet street at dusk. In the middle stands a red bus, with a small yellow dog to the left "
    "of it and a tree to the right. There are three balloons above the bus, and no people at all. "
    'The sky is purple, everything in the style of a watercolour, and a sign reads "LAST STOP".'
)


def criterion(
    id: str, question: str, *after: str, expected: bool = True, weight: float = 1.0
) -> Criterion:
    return Criterion(id=id, question=question, depends_on=after, expected=expected, weight=weight)


def street_plan() -> Plan:
    """Nine commands with dependencies, a negation, and text that the critic cannot judge."""
    commands = (
        Command(
            id="c1",
            op="background",
            instruction="draw a quiet street at dusk",
            source="A quiet street at dusk",
            caption="a quiet street at dusk",
            criteria=(
                criterion("street", "Is there a street?"),
                criterion("dusk", "Is it dusk?"),
            ),
        ),
        Command(
            id="c2",
            op="add",
            instruction="add a red bus in the middle",
            subject="bus",
            source="In the middle stands a red bus",
            caption="a red bus",
            criteria=(
                criterion("bus", "Is there a bus?"),
                criterion("bus-red", "Is the bus red?", "bus"),
                criterion("bus-middle", "Is the bus in the middle of the picture?", "bus"),
            ),
        ),
        Command(
            id="c3",
            op="add",
            instruction="add a small yellow dog to the left of the bus",
            subject="dog",
            source="a small yellow dog to the left of it",
            depends_on=("c2",),
            criteria=(
                criterion("dog", "Is there a dog?"),
                criterion("dog-small", "Is the dog small?", "dog"),
                criterion("dog-yellow", "Is the dog yellow?", "dog"),
                criterion("dog-left", "Is the dog to the left of the bus?", "dog", "bus"),
            ),
        ),
        Command(
            id="c4",
            op="add",
            instruction="add a tree to the right of the bus",
            subject="tree",
            source="a tree to the right",
            depends_on=("c2",),
            criteria=(
                criterion("tree", "Is there a tree?"),
                criterion("tree-right", "Is the tree to the right of the bus?", "tree", "bus"),
            ),
        ),
        Command(
            id="c5",
            op="count",
            instruction="add three balloons above the bus",
            subject="balloon",
            source="three balloons above the bus",
            depends_on=("c2",),
            criteria=(
                criterion("balloon", "Are there balloons?"),
                criterion("balloon-3", "Are there exactly three balloons?", "balloon"),
            ),
        ),
        Command(
            id="c6",
            op="remove",
            instruction="make sure that there are no people",
            source="no people at all",
            criteria=(criterion("people", "Are there people?", expected=False),),
        ),
        Command(
            id="c7",
            op="recolour",
            instruction="make the sky purple",
            source="The sky is purple",
            depends_on=("c1",),
            criteria=(criterion("sky", "Is the sky purple?"),),
        ),
        Command(
            id="c8",
            op="style",
            instruction="paint everything in the style of a watercolour",
            source="everything in the style of a watercolour",
            depends_on=("c3", "c4", "c7"),
            criteria=(criterion("style", "Does it look like a watercolour?"),),
        ),
        Command(
            id="c9",
            op="text",
            instruction='set the words "LAST STOP" on a sign',
            text="LAST STOP",
            source='a sign reads "LAST STOP"',
            depends_on=("c8",),
            criteria=(criterion("sign", 'Does the sign read "LAST STOP"?'),),
        ),
    )
    plan = Plan(prompt=PROMPT, commands=commands, decomposer="rules 1")
    return plan.setting_aside(
        {
            "sign": "the pocket critic cannot read text",
            "style": "the pocket critic does not know the word “watercolour”",
        }
    )


FIRST = ("street", "dusk", "people", "bus")


def scene(held: Sequence[str], side: int = 64, seed: int = 0) -> Image.Image:
    """A picture of what is in ``held``."""
    big = Image.new("RGB", (256, 256), "#8d7bb8" if "sky" in held else "#f2b277")
    pen = ImageDraw.Draw(big)
    pen.ellipse((190, 20, 230, 60), fill="#ffe9a8")
    pen.rectangle((0, 170, 256, 256), fill="#5b6070")
    pen.rectangle((0, 205, 256, 210), fill="#d9d3b8")
    pen.point((seed % 256, 255), fill="#000000")
    if "bus" in held:
        pen.rounded_rectangle(
            (78, 105, 182, 185), 10, fill="#c8382e" if "bus-red" in held else "#3c6fc0"
        )
        for x in (88, 112, 136, 160):
            pen.rectangle((x, 116, x + 16, 138), fill="#dcebf5")
        for x in (92, 146):
            pen.ellipse((x, 172, x + 24, 196), fill="#22252a")
    if "dog" in held:
        colour = "#e8bb3c" if "dog-yellow" in held else "#7a5236"
        pen.ellipse((22, 172, 58, 196), fill=colour)
        pen.ellipse((46, 158, 66, 178), fill=colour)
    if "tree" in held:
        pen.rectangle((212, 140, 222, 196), fill="#6b4a30")
        pen.ellipse((192, 90, 242, 150), fill="#4f8a4d")
    if "balloon" in held:
        for x in (95, 125, 155) if "balloon-3" in held else (95, 150):
            pen.ellipse((x, 40, x + 20, 66), fill="#e4577a")
            pen.line((x + 10, 66, x + 10, 96), fill="#333333")
    return big.resize((side, side), Image.Resampling.LANCZOS)


def critique_of(plan: Plan, held: Sequence[str]) -> Critique:
    """What a critic would say of a picture of ``held``."""
    verdicts = []
    for number, k in enumerate(plan.judged):
        jitter = (number * 37 % 11) / 100
        score = 0.97 - jitter if k.id in held else 0.06 + jitter
        applicable = all(d in held for d in k.depends_on)
        verdicts.append(
            Verdict(
                criterion=k.id,
                score=score,
                reason="seen clearly" if k.id in held else "not to be seen",
                applicable=applicable,
            )
        )
    missing = [k for k in plan.judged if k.id not in held and all(d in held for d in k.depends_on)]
    score = sum(v.score for v in verdicts) / len(verdicts) if verdicts else 0.0
    words = f"{len(plan.judged) - len(missing)} of {len(plan.judged)} questions hold."
    if missing:
        words += f" The plainest fault: {missing[0].question.rstrip('?').lower()} is not so."
    return Critique(
        reasoning="Each question was put to the picture on its own.",
        critique=words,
        score=score,
        verdicts=tuple(verdicts),
        defects=tuple(
            Defect(criterion=k.id, instruction=f"mend this: {k.question}") for k in missing[:3]
        ),
        seconds=0.2,
    )
