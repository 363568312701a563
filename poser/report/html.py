"""``report.html``: one run as a page that needs nothing but itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from pydantic import JsonValue

from critic.rubric import THRESHOLD
from envs.potential import gated_scores
from poser.core.action import Call
from poser.core.critique import Critique
from poser.core.plan import Criterion
from poser.report import words
from poser.report.chart import chart
from poser.report.graph import draw
from poser.report.outline import outline
from poser.report.pictures import LARGE_SIDE, figure, figures, thumb_side
from poser.report.prompt import pieces
from poser.report.tally import Entry, Tally, tally
from poser.report.timeline import Moment, start_is_result, timeline
from poser.report.view import RunView

if TYPE_CHECKING:
    from jinja2 import Environment

Mark = Literal["yes", "no", "moot", "aside", "open"]
"""A criterion: holds, does not, moot (what it depends on fails), set aside, not asked yet."""

_LONG_PROMPT = 240
_DRAWN = 16
_SEVERITY = {"satisfied": 0, "unjudged": 1, "open": 2, "given_up": 3}


@dataclass(frozen=True, slots=True)
class Check:
    """One criterion and its verdict on a picture."""

    criterion: Criterion
    mark: Mark
    words: str
    score: float | None = None
    reason: str = ""


def render_report(view: RunView) -> str:
    """The report of a run as one self-contained HTML page.

    The page refers to nothing outside itself, works from disk under a strict content security
    policy, and treats every text in the view as untrusted. The same view gives the same page.
    """
    moments = timeline(view)
    standings = tally(view.state)
    refs = [view.start] if view.start else []
    refs += [m.image for m in moments if m.image]
    champion = view.state.champion
    from_start = start_is_result(view)
    drawing = draw(view.plan) if standings.total <= _DRAWN else None
    page = _environment().get_template("report.html.j2")
    return page.render(
        view=view,
        state=view.state,
        css=_asset("report.css"),
        js=_asset("report.js"),
        tally=standings,
        headline=_headline(view, standings),
        ending=words.ending(view.state),
        hero=figure(champion.image, view.images, LARGE_SIDE) if champion else None,
        alt=words.shortened(view.plan.prompt, 160),
        from_start=from_start,
        figures=figures(refs, view.images, thumb_side(len({r.sha256 for r in refs}))),
        pieces=_coloured_pieces(view, standings),
        long_prompt=len(view.plan.prompt.split()) > _LONG_PROMPT,
        drawing=drawing,
        branches=() if drawing else outline(view.plan),
        entries={e.command.id: e for e in standings.entries},
        checks=_checks_by_command(view, champion.critique if champion else None),
        start_checks=_checks(view, view.start_critique) if view.start_critique else (),
        moments=moments,
        step_checks={m.number: _checks(view, m.critique) for m in moments if m.critique},
        chart=chart(view, moments, start_is_result=from_start),
        calls=_calls(moments),
        experts=_experts(view, moments),
        settings=_settings(view),
    )


def _headline(view: RunView, standings: Tally) -> str:
    if not standings.total:
        return "Nothing was asked"
    score = f"{len(standings.satisfied)} of {words.counted(standings.total, 'command')}"
    if view.state.end is None:
        return f"{score} satisfied so far"
    return f"{score} satisfied"


def _coloured_pieces(view: RunView, standings: Tally) -> list[tuple[str, str, str]]:
    """(Text, command ids, worst standing) for every piece of the prompt."""
    standing = {e.command.id: e.standing for e in standings.entries}
    coloured = []
    for piece in pieces(view.plan):
        worst = max((standing[c] for c in piece.commands), key=_SEVERITY.__getitem__, default="")
        coloured.append((piece.text, " ".join(piece.commands), worst))
    return coloured


def _checks_by_command(view: RunView, critique: Critique | None) -> dict[str, tuple[Check, ...]]:
    by_id = {check.criterion.id: check for check in _checks(view, critique)}
    return {c.id: tuple(by_id[k.id] for k in c.criteria) for c in view.plan.commands}


def _checks(view: RunView, critique: Critique | None) -> tuple[Check, ...]:
    """Every criterion of the plan with its verdict on the picture of this critique."""
    aside = {a.criterion: a.reason for a in view.plan.set_aside}
    verdicts = {v.criterion: v for v in critique.verdicts} if critique else {}
    threshold = view.state.rules.threshold
    gated = gated_scores(view.plan, critique, threshold) if critique else {}
    checks = []
    for criterion in view.plan.criteria:
        verdict = verdicts.get(criterion.id)
        if criterion.id in aside:
            checks.append(Check(criterion, "aside", "not judged", reason=aside[criterion.id]))
        elif verdict is None:
            checks.append(Check(criterion, "open", "not asked yet"))
        elif gated[criterion.id] >= threshold:
            checks.append(Check(criterion, "yes", "holds", verdict.score, verdict.reason))
        elif any(d in gated and gated[d] < threshold for d in criterion.depends_on):
            missing = "counts for nothing, as what it depends on does not hold"
            checks.append(Check(criterion, "moot", missing, verdict.score, verdict.reason))
        else:
            likely = gated[criterion.id] >= THRESHOLD
            said = f"less than {threshold:.0%} sure" if likely else "does not hold"
            checks.append(Check(criterion, "no", said, verdict.score, verdict.reason))
    return tuple(checks)


def _calls(moments: Sequence[Moment]) -> dict[str, int]:
    made = [m for m in moments if isinstance(m.record.action, Call)]
    return {
        "made": len(made),
        "cached": sum(m.record.cached for m in made),
        "failed": sum(m.kind == "failed" for m in made),
    }


@dataclass(frozen=True, slots=True)
class ExpertLine:
    """What one expert did in the run."""

    id: str
    task: str
    source: str
    licence: str
    calls: int
    failed: int
    gain: float
    seconds: float
    cost: float


def _experts(view: RunView, moments: Sequence[Moment]) -> tuple[ExpertLine, ...]:
    """The experts that were called, in order of first call."""
    called: dict[str, list[Moment]] = {}
    for moment in moments:
        if isinstance(moment.record.action, Call):
            called.setdefault(moment.record.action.expert, []).append(moment)
    lines = []
    for expert, mine in called.items():
        spec = view.specs.get(expert)
        outcomes = [m.record.outcome for m in mine if m.record.outcome]
        lines.append(
            ExpertLine(
                id=expert,
                task=spec.task.replace("_", " ") if spec else "",
                source=" @ ".join(p for p in (spec.source, spec.revision) if p) if spec else "",
                licence=spec.licence if spec else "",
                calls=len(mine),
                failed=sum(m.kind == "failed" for m in mine),
                gain=sum(m.gain for m in mine if m.kind == "picture"),
                seconds=sum(o.seconds for o in outcomes),
                cost=sum(o.cost for o in outcomes),
            )
        )
    return tuple(lines)


def _settings(view: RunView) -> list[tuple[str, str]]:
    """The configuration as given, then the rules played by, as readable lines."""
    given: dict[str, JsonValue] = {"run": view.id, "version": view.version, "seed": view.seed}
    given |= {"critic": view.critic, "decomposer": view.plan.decomposer}
    given |= view.config
    rules: Mapping[str, JsonValue] = view.state.rules.to_dict()
    given |= {f"rules.{key}": value for key, value in rules.items()}
    return [(key, _readable(value)) for key, value in given.items()]


def _readable(value: JsonValue) -> str:
    if value is None or value == "" or value == []:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (str, int, float)):
        return str(value)
    if isinstance(value, list) and all(isinstance(v, (str, int, float)) for v in value):
        return "\n".join(str(v) for v in value)
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("poser.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_clean,
    )
    environment.filters |= {
        "money": words.money,
        "duration": words.duration,
        "sentence": words.sentence,
        "timestamp": words.timestamp,
        "signed": words.signed,
        "searched": words.searched,
    }
    return environment


def _clean(value: Any) -> Any:
    """Texts without control characters; markup (which is ours alone) as it is."""
    return words.plain(value) if type(value) is str else value


@lru_cache(maxsize=4)
def _asset(name: str) -> str:
    from importlib.resources import files

    from markupsafe import Markup

    text = files("poser.report").joinpath("templates", name).read_text(encoding="utf-8")
    return Markup(text)  # a file of ours, never text from a run


__all__ = ["Check", "Entry", "render_report"]
