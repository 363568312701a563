"""What is lost, and whether it is known: the part ``losses`` of ``benchmarks/orchestration.py``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from orchestration_parts import Bench, methods_of
from pocket_judges import SHEET, contact_sheet

from critic.rubric import THRESHOLD
from poser.core.plan import Criterion
from poser.evaluation.cases import Case
from poser.evaluation.scoring import Results, Scored

SURE = 0.9
"""Critic's score from which what is lost is believed; below `THRESHOLD` the loss is known."""


def judged(
    bench: Bench, cases: Sequence[Case], results: Sequence[Results]
) -> Iterator[tuple[Criterion, float, Scored]]:
    """Requirements on final pictures: each with the critic's score and what the evaluator said.

    Args:
        bench: Has critic and pictures.
        cases: What the results are of.
        results: The pictures; what the evaluator cannot judge is left out.

    Yields:
        A criterion, the critic's score in [0, 1] that it holds, and the picture with its verdicts.
    """
    by_id = {case.id: case for case in cases}
    for scored in (s for result in results for s in result.scored.values()):
        criteria = [
            k for k in by_id[scored.case].criteria or () if scored.verdicts.get(k.id) is not None
        ]
        if scored.image is None or not criteria:
            continue
        picture = bench.journal.images.get(scored.image)
        yes = bench.critic.probabilities([k.question for k in criteria], picture)
        for criterion, p in zip(criteria, yes, strict=True):
            score = p if criterion.expected else 1.0 - p
            yield criterion, score, scored


def losses(bench: Bench) -> dict[str, Any]:
    """By kind of requirement: how much holds, and what the critic says of what does not.

    With ``--figures``, what the critic believes and the evaluator denies on the pictures of the
    given policies is drawn, to be looked at by eye.
    """
    found: dict[str, Any] = {}
    names = methods_of(bench)
    ours = [name for name in names if name in bench.options.policies]
    oracle = [name for name in names if name.startswith("oracle")]
    for label, methods in (("learned", ours), ("router", ["router"]), ("oracle", oracle)):
        if not methods:
            continue
        answers = list(judged(bench, bench.cases, bench.scored(methods)))
        told = [(kind_of(k), p, bool(scored.verdicts[k.id])) for k, p, scored in answers]
        found[label] = rows = _rows(told)
        print(f"{label}\n\n| requirement | n | holds | lost | of that known | believed |")
        print("|---|---|---|---|---|---|")
        for row in rows:
            print(f"| {row['kind']} | {row['n']} | {row['holds']:.3f} | {row['lost']:.4f} "
                  f"| {row['known']:.4f} | {row['believed']:.4f} |")  # fmt: skip
        if bench.options.figures is not None and label == "learned":
            _draw_believed(bench, answers, bench.options.figures)
        print(flush=True)
    return found


def _draw_believed(
    bench: Bench, answers: Sequence[tuple[Criterion, float, Scored]], folder: Path
) -> None:
    """What the critic believes and the evaluator denies; what depends on another, left out."""
    apart = [
        (bench.journal.images.get(scored.image), f"{k.question} {'yes' if k.expected else 'no'}")
        for k, score, scored in answers
        if scored.image is not None
        and score >= SURE
        and not scored.verdicts[k.id]
        and all(scored.verdicts.get(needed) for needed in k.depends_on)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "believed.png"
    if apart:
        contact_sheet(apart[:SHEET], path)
    print(f"\n{len(apart)} that the critic believes and the evaluator denies: {path}")


def _rows(answers: Sequence[tuple[str, float, bool]]) -> list[dict[str, Any]]:
    rows = []
    for kind in (*sorted({k for k, _, _ in answers}), "all"):
        own = [(p, right) for k, p, right in answers if kind in ("all", k)]
        lost = [p for p, right in own if not right]
        rows.append(
            {
                "kind": kind,
                "n": len(own),
                "holds": 1 - len(lost) / max(1, len(own)),
                "lost": len(lost) / len(answers),
                "known": sum(p < THRESHOLD for p in lost) / len(answers),
                "believed": sum(p >= SURE for p in lost) / len(answers),
            }
        )
    return rows


def kind_of(criterion: Criterion) -> str:
    """What a requirement is about: "relation", "count", "colour", "size", "style", ..."""
    if criterion.kind == "global":
        return "style"
    if criterion.kind != "attribute":
        return "object" if criterion.kind == "entity" else criterion.kind
    about, value = criterion.about
    if about == "background":
        return "background"
    return "size" if value in ("small", "large") else "colour"
