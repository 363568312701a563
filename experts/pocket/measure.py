"""`python -m experts.pocket.measure`: measures the shipped pocket models and prints a table.

The critic is measured on rendered scenes it never saw, whose answers the scene graph decides. The
drawing and editing models are measured by the critic's word, which errs as the first table says.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

NAMES: Final = ("critic", "text_to_image", "editor")
DOCS: Final = Path(__file__).resolve().parent.parent.parent / "docs" / "pocket.md"
_SEED_OF: Final = {"critic": 101, "text_to_image": 102, "editor": 103}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a share of `n` cases, and what it is the share of."""

    model: str
    what: str
    share: float
    n: int

    @property
    def error(self) -> float:
        """Half the width of the 95 % interval (normal approximation)."""
        return 1.96 * math.sqrt(max(self.share * (1 - self.share), 1e-9) / max(self.n, 1))


class Judge:
    """The shipped critic, asked as any ViLT is."""

    def __init__(self, folder: Path) -> None:
        """Loads the critic saved in `folder`."""
        import torch
        from transformers import ViltForQuestionAnswering, ViltProcessor

        self._processor = ViltProcessor.from_pretrained(folder)
        self._model = ViltForQuestionAnswering.from_pretrained(folder, dtype=torch.float32).eval()

    def __call__(self, images: Sequence[Any], questions: Sequence[str]) -> list[float]:
        """P(yes) of each question about the picture at the same place."""
        import torch

        answers: list[float] = []
        for start in range(0, len(questions), 64):
            inputs = self._processor(
                list(images[start : start + 64]), list(questions[start : start + 64]),
                return_tensors="pt", padding=True, truncation=True,
            )  # fmt: skip
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)  # ViLT draws the order of its patches
                logits = self._model(**inputs).logits
            answers += logits.softmax(-1)[:, 1].tolist()
        return answers


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def measure_critic(judge: Judge, sheet: Any, n: int, seed: int) -> list[Row]:
    """Accuracy by kind of question on fresh scenes, plain, degraded and held-out.

    Args:
        judge: The critic.
        sheet: Sprites.
        n: Questions a row.
        seed: Of the scenes; training uses other streams.
    """
    import numpy as np
    from PIL import Image

    from experts.pocket.degrade import degrade
    from experts.pocket.language import KINDS, ask
    from experts.pocket.scenes import render, sample_scene

    rng = np.random.default_rng([_SEED_OF["critic"], seed])
    rows: list[Row] = []
    everything: list[float] = []
    confidence: list[tuple[float, bool]] = []

    def answer(kind: str, held_out: bool, worn: bool) -> list[float]:
        images: list[Any] = []
        questions: list[Any] = []
        ghost = None
        while len(questions) < n:
            scene, _ = sample_scene(sheet, rng, held_out=held_out)
            question = ask(scene, rng, kind, held_out)
            if question.kind != kind:
                continue
            picture = render(sheet, scene)
            images.append(Image.fromarray(degrade(picture, rng, ghost) if worn else picture))
            questions.append(question)
            ghost = picture
        chances = judge(images, [question.text for question in questions])
        confidence.extend(
            (p, q.answer) for p, q in zip(chances, questions, strict=True) if not held_out
        )
        return [float((p > 0.5) == q.answer) for p, q in zip(chances, questions, strict=True)]

    for kind in KINDS:
        for worn in (False, True):
            right = answer(kind, False, worn)
            everything += right
            label = "degraded" if worn else "as rendered"
            rows.append(Row("critic", f"{kind}, {label}", _mean(right), n))
    rows.append(Row("critic", "all of the above", _mean(everything), len(everything)))
    for kind in ("colour", "relation"):
        rows.append(Row("critic", f"{kind}, held-out pairs", _mean(answer(kind, True, True)), n))
    gap = _calibration_gap(confidence)
    rows.append(Row("critic", "calibration error (ECE, 10 bins)", gap, len(confidence)))
    return rows


def _calibration_gap(pairs: Sequence[tuple[float, bool]]) -> float:
    total = 0.0
    for low in range(10):
        inside = [
            (p, a) for p, a in pairs if low / 10 <= p < (low + 1) / 10 or (low == 9 and p == 1)
        ]
        if inside:
            total += abs(
                _mean([p for p, _ in inside]) - _mean([float(a) for _, a in inside])
            ) * len(inside)
    return total / max(len(pairs), 1)


@dataclass(frozen=True, slots=True)
class Check:
    """A request and the questions that decide whether its picture is right."""

    prompt: str
    questions: tuple[str, ...]
    keep: tuple[str, ...] = ()
    before: Any = None


def _exists(noun: str) -> str:
    from experts.pocket.language import article

    return f"Is there {article(noun)}?"


def _counts(noun: str, number: int) -> str:
    from experts.pocket import world
    from experts.pocket.language import named

    if number == 1:
        return f"Is there exactly one {noun}?"
    return f"Are there exactly {world.NUMBERS[number - 1]} {named(noun, None, number)}?"


def _coloured(noun: str, colour: str, number: int = 1) -> str:
    from experts.pocket.language import named

    return f"{'Is' if number == 1 else 'Are'} the {named(noun, None, number)} {colour}?"


def _related(noun: str, relation: str, other: str, count: int = 1, others: int = 1) -> str:
    from experts.pocket.language import named

    verb = "Is" if count == 1 else "Are"
    return f"{verb} the {named(noun, None, count)} {relation} the {named(other, None, others)}?"


def drawing_checks(rng: Any) -> dict[str, Callable[[], Check]]:
    """For each drawing skill, a sampler of prompts and what must hold."""
    from experts.pocket import world
    from experts.pocket.language import article, background_phrase, counted

    nouns = list(world.NOUNS)

    def pick(number: int, paint: bool = False) -> list[str]:
        pool = [noun for noun in nouns if world.paintable(noun)] if paint else nouns
        return [str(noun) for noun in rng.choice(pool, number, replace=False)]

    def colour_of(noun: str, held_out: bool) -> str:
        pool = [c for c in world.COLOURS if ((noun, c) in world.HELD_OUT_COLOURS) == held_out]
        return str(rng.choice(pool))

    def ground(*but: str) -> str:
        return str(rng.choice([b for b in world.PLAIN_BACKGROUNDS if b not in but]))

    def single() -> Check:
        (noun,) = pick(1)
        return Check(f"a photo of {article(noun)}", (_exists(noun),))

    def two() -> Check:
        first, second = pick(2)
        prompt = f"{article(first)} and {article(second)}"
        return Check(prompt, (_exists(first), _exists(second)))

    def count() -> Check:
        (noun,), number = pick(1), int(rng.integers(2, 5))
        return Check(
            f"{counted(noun, None, number)} on {article(ground())} background",
            (_counts(noun, number),),
        )

    def colour(held_out: bool = False) -> Check:
        (noun,) = pick(1, paint=True)
        shade = colour_of(noun, held_out)
        return Check(
            f"{article(shade)} {noun} on {article(ground(shade))} background",
            (_exists(noun), _coloured(noun, shade)),
        )

    def binding() -> Check:
        first, second = pick(2, paint=True)
        one = colour_of(first, False)
        other = str(rng.choice([c for c in world.COLOURS if c != one
                                and (second, c) not in world.HELD_OUT_COLOURS]))  # fmt: skip
        return Check(
            f"{article(one)} {first} and {article(other)} {second} "
            f"on {article(ground(one, other))} background",
            (_exists(first), _exists(second), _coloured(first, one), _coloured(second, other)),
        )

    def relation(held_out: bool = False) -> Check:
        while True:
            first, second = pick(2)
            how = str(rng.choice(world.RELATIONS))
            if world.relation_held_out(first, how, second) == held_out:
                break
        return Check(
            f"{article(first)} {how} {article(second)} on {article(ground())} background",
            (_exists(first), _exists(second), _related(first, how, second)),
        )

    def background() -> Check:
        (noun,), name = pick(1), str(rng.choice(world.BACKGROUNDS))
        target = name if name in world.PLAIN_BACKGROUNDS else f"a {name}"
        return Check(
            f"{article(noun)} {background_phrase(name, rng)}",
            (f"Is the background {target}?", _exists(noun)),
        )

    def several() -> Check:
        first, second, third = pick(3)
        number = int(rng.integers(2, 4))
        name = ground()
        prompt = (f"{counted(first, None, number)}, {article(second)} and {article(third)} "
                  f"on {article(name)} background")  # fmt: skip
        return Check(prompt, (_counts(first, number), _exists(second), _exists(third),
                              f"Is the background {name}?"))  # fmt: skip

    return {
        "single object": single,
        "two objects": two,
        "count (2 to 4)": count,
        "colour": colour,
        "colours of two objects": binding,
        "relation": relation,
        "background": background,
        "three kinds, a count, a background": several,
        "colour, held-out pairs": lambda: colour(True),
        "relation, held-out pairs": lambda: relation(True),
    }


def edit_check(sheet: Any, rng: Any, operation: str, held_out: bool = False) -> Check:
    """An edit of a rendered scene, what must hold after it, and what must still hold."""
    from PIL import Image

    from experts.pocket import world
    from experts.pocket.edits import sample_edit
    from experts.pocket.scenes import render

    edit = sample_edit(sheet, rng, operation, held_out)
    before = {group.noun: group for group in edit.before.groups()}
    after = {group.noun: group for group in edit.after.groups()}
    wanted: list[str] = []
    keep: list[str] = []
    for noun, group in after.items():
        asked = _counts(noun, group.count)
        old = before.get(noun)
        if old is None or old.count != group.count:
            wanted.append(asked)
        else:
            keep.append(asked)
        if group.colour and (old is None or old.colour != group.colour):
            wanted.append(_coloured(noun, group.colour, group.count))
    for noun in set(before) - set(after):
        wanted.append(f"NOT {_exists(noun)}")
    ground = edit.after.background
    target = ground if ground in world.PLAIN_BACKGROUNDS else f"a {ground}"
    (wanted if ground != edit.before.background else keep).append(f"Is the background {target}?")
    if operation in ("add at relation", "move"):
        words = world.normalise(edit.instruction).split()
        how = next(r for r in world.RELATIONS if r in " ".join(words))
        tail = " ".join(words).split(how, 1)[1].split()
        other = next(n for w in tail if (n := world.find_noun(w)) is not None).name
        head = " ".join(words).split(how, 1)[0].split()
        noun = next(n for w in head if (n := world.find_noun(w)) is not None).name
        wanted.append(_related(noun, how, other, after[noun].count, after[other].count))
    picture = Image.fromarray(render(sheet, edit.before))
    return Check(edit.instruction, tuple(wanted), tuple(keep), picture)


def _holds(judge: Judge, images: Sequence[Any], asked: Sequence[Sequence[str]]) -> list[list[bool]]:
    flat = [(i, q) for i, questions in enumerate(asked) for q in questions]
    chances = judge(
        [images[i] for i, _ in flat], [question.removeprefix("NOT ") for _, question in flat]
    )
    verdicts: list[list[bool]] = [[] for _ in asked]
    for (index, question), chance in zip(flat, chances, strict=True):
        verdicts[index].append((chance > 0.5) != question.startswith("NOT "))
    return verdicts


def measure_drawing(
    judge: Judge, pipeline: Any, n: int, seed: int, steps: int, guidance: float
) -> list[Row]:
    """Share of prompts whose every question the critic answers with yes, by skill."""
    import numpy as np

    rng = np.random.default_rng([_SEED_OF["text_to_image"], seed])
    rows = []
    for skill, sampler in drawing_checks(rng).items():
        checks = [sampler() for _ in range(n)]
        images = _call(pipeline, [c.prompt for c in checks], None, seed, steps, guidance)
        verdicts = _holds(judge, images, [c.questions for c in checks])
        rows.append(Row("text_to_image", skill, _mean([float(all(v)) for v in verdicts]), n))
    return rows


def measure_editing(
    judge: Judge, pipeline: Any, sheet: Any, n: int, seed: int, steps: int, guidance: float
) -> list[Row]:
    """Share of edits carried out, and of what was there before that still is, by operation."""
    import numpy as np

    from experts.pocket.edits import OPERATIONS

    rng = np.random.default_rng([_SEED_OF["editor"], seed])
    rows = []
    cases = [(operation, False) for operation in OPERATIONS]
    cases += [("recolour", True), ("add at relation", True)]
    for operation, held_out in cases:
        checks = [edit_check(sheet, rng, operation, held_out) for _ in range(n)]
        images = _call(
            pipeline, [c.prompt for c in checks], [c.before for c in checks], seed, steps, guidance
        )
        label = f"{operation}{', held-out pairs' if held_out else ''}"
        made = [float(all(v)) for v in _holds(judge, images, [c.questions for c in checks])]
        rows.append(Row("editor", f"{label}: carried out", _mean(made), n))
        kept = [float(x) for v in _holds(judge, images, [c.keep for c in checks]) for x in v]
        rows.append(Row("editor", f"{label}: rest kept", _mean(kept), len(kept)))
    return rows


def _call(
    pipeline: Any, prompts: list[str], before: list[Any] | None, seed: int, steps: int,
    guidance: float,
) -> list[Any]:  # fmt: skip
    import torch

    images: list[Any] = []
    for start in range(0, len(prompts), 16):
        part = prompts[start : start + 16]
        sources = [torch.Generator().manual_seed(seed * 1000 + start + i) for i in range(len(part))]
        given = {} if before is None else {"image": before[start : start + 16]}
        images += pipeline(
            part, num_inference_steps=steps, guidance_scale=guidance, generator=sources, **given
        ).images
    return images


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| model | measured | share | ± | n |", "|---|---|---|---|---|"]
    lines += [f"| {r.model} | {r.what} | {r.share:.3f} | {r.error:.3f} | {r.n} |" for r in rows]
    return "\n".join(lines) + "\n"


def write_table(page: Path, name: str, text: str) -> None:
    """Puts a table between the page's `<!-- measured NAME -->` and `<!-- end -->`.

    A page without the first mark, or that does not exist, is left as it is.
    """
    from experts.pocket.training.loop import replace_file

    mark, end = f"<!-- measured {name} -->\n", "<!-- end -->"
    if not page.exists() or mark not in (old := page.read_text(encoding="utf-8")):
        return
    head, rest = old.split(mark, 1)
    tail = rest[rest.index(end) :]
    replace_file(page, (head + mark + text + tail).encode())


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m experts.pocket.measure", description=__doc__)
    parser.add_argument("name", nargs="?", choices=NAMES, help="one model; all where left out")
    parser.add_argument("--n", type=int, default=200, help="cases a row")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to FILE too")
    parser.add_argument(
        "--cards", action="store_true", help="write the table into the model cards and the docs"
    )
    parser.add_argument("--quick", action="store_true", help="24 cases a row")
    parser.add_argument("--weights", type=Path, help="folder of the measured model (needs a name)")
    parser.add_argument("--critic", type=Path, help="folder of the critic")
    parser.add_argument("--steps", type=int, default=12, help="num_inference_steps")
    parser.add_argument("--guidance", type=float, help="guidance_scale; the model's own default")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    options = parser.parse_args(arguments)
    if options.weights and not options.name:
        parser.error("--weights needs the name of one model")
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    from experts.pocket.pipeline import PocketEditPipeline, PocketTextToImagePipeline
    from experts.pocket.sprites import SpriteSheet
    from experts.pocket.train import FOLDERS

    torch.set_num_threads(options.threads)
    n = 24 if options.quick else options.n
    sheet = SpriteSheet.load()
    critic = options.critic or FOLDERS["critic"]
    if options.name == "critic" and options.weights:
        critic = options.weights
    judge = Judge(critic)
    rows: list[Row] = []
    for name in (options.name,) if options.name else NAMES:
        folder = options.weights or FOLDERS[name]
        if name == "critic":
            rows += measure_critic(judge, sheet, n, options.seed)
            continue
        kind: Any = PocketTextToImagePipeline if name == "text_to_image" else PocketEditPipeline
        pipeline = kind.from_pretrained(folder)
        pipeline.set_progress_bar_config(disable=True)
        guidance = options.guidance or (2.0 if name == "text_to_image" else 1.5)
        if name == "text_to_image":
            rows += measure_drawing(judge, pipeline, n, options.seed, options.steps, guidance)
        else:
            rows += measure_editing(
                judge, pipeline, sheet, n, options.seed, options.steps, guidance
            )
    text = table(rows)
    sys.stdout.write(text)
    if options.cards:
        for name in {row.model for row in rows}:
            own = [row for row in rows if row.model == name]
            for page in (FOLDERS[name] / "README.md", DOCS):
                write_table(page, name, table(own))
    if options.json:
        from experts.pocket.training.loop import replace_file

        data = [{"model": r.model, "measured": r.what, "share": r.share, "n": r.n} for r in rows]
        replace_file(options.json, (json.dumps(data, indent=2) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
