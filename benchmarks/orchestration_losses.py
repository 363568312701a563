"""What is lost, and whether it is known: the part ``losses`` of ``benchmarks/orchestration.py``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from orchestration_parts import Bench, methods_of
from pocket_judges import SHEET, contact_sheet

from critic.rubric import THRESHOLD
from poser.core.plan import Criterion
from poser.evaluation.cases import Case
from poser.evaluation.scoring import Results

SURE = 0.9
"""Critic's score from which what is lost is believed; below `THRESHOLD` the loss is known."""


def judged(
    bench: Bench, cases: Sequence[Case], results: Sequence[Results]
) -> Iterator[tuple[Criterion, float, bool]]:
    """Requirements on final pictures: each with the critic's score, and whether it is there.

    Args:
        bench: Has critic and pictures.
        cases: What the results are of.
        results: The pictures; what the evaluator cannot judge is left out.

    Yields:
        A criterion, the critic's score in [0, 1] that it holds, and the evaluator's verdict.
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
            yield criterion, score, bool(scored.verdicts[criterion.id])


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
        answers = judged(bench, bench.cases, bench.scored(methods))
        found[label] = rows = _rows([(kind_of(k), p, right) for k, p, right in answers])
        print(f"{label}\n\n| requirement | n | holds | lost | of that known | believed |")
        print("|---|---|---|---|---|---|")
        for row in rows:
            print(f"| {row['kind']} | {row['n']} | {row['holds']:.3f} | {row['lost']:.4f} "
                  f"| {row['known']:.4f} | {row['believed']:.4f} |")  # fmt: skip
        print(flush=True)
    if bench.options.figures is not None and ours:
        bench.options.figures.mkdir(parents=True, exist_ok=True)
        path = bench.options.figures / "believed.png"
        apart = list(_believed(bench, bench.scored(ours)))
        if apart:
            contact_sheet(apart[:SHEET], path)
        print(f"{len(apart)} that the critic believes and the evaluator denies: {path}")
    return found


def _believed(bench: Bench, results: Sequence[Results]) -> Iterator[tuple[Any, str]]:
    """Pictures and questions that the judges disagree about; what depends on another, left out."""
    by_id = {case.id: case for case in bench.cases}
    for result in results:
        for scored in result.scored.values():
            case = by_id[scored.case]
            verdicts = scored.verdicts
            one = Results(result.method, result.group, {scored.case: scored})
            for criterion, score, there in judged(bench, [case], [one]):
                alone = all(verdicts.get(k) for k in criterion.depends_on)
                if scored.image is not None and score >= SURE and not there and alone:
                    picture = bench.journal.images.get(scored.image)
                    yield picture, f"{criterion.question} {'yes' if criterion.expected else 'no'}"


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
