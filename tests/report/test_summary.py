from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from envs.rules import Rules
from envs.state import initial_state
from poser.decompose import RuleDecomposer
from poser.report.summary import print_summary, summary_dict
from poser.report.tally import tally
from poser.report.view import RunView

PATHS = {"picture": Path("runs/x/result.png"), "report": Path("runs/x/report.html")}


def printed(view: RunView, width: int = 80) -> str:
    stream = io.StringIO()
    print_summary(Console(file=stream, width=width), view, PATHS)
    return stream.getvalue()


def test_names_what_is_missing(finished: RunView) -> None:
    text = printed(finished)
    assert text.splitlines()[:2] == [
        "5 of 9 commands satisfied; score 0.82",
        "Stopped by choice, before the steps ran out.",
    ]
    assert "Given up: Add a small yellow dog to the left of the bus" in text
    assert 'Not judged: Set the words "LAST STOP" on a sign' in text
    assert "Note: No configured expert paints" in text
    assert "$0.04 of $1.00 spent, 55 s, 14 steps, seed 7" in text
    assert "Picture  runs/x/result.png" in text


def test_where_nothing_can_be_judged_there_is_no_score() -> None:
    plan = RuleDecomposer().decompose("add one more car", has_picture=True)
    assert not tally(initial_state(plan, Rules())).scored
    scored = RuleDecomposer().decompose("add a car", has_picture=True)
    assert tally(initial_state(scored, Rules())).scored


def test_prints_a_run_without_a_picture(untouched: RunView) -> None:
    text = printed(untouched)
    assert "0 of 9 commands satisfied so far; no picture was made" in text
    assert "To do: Draw a quiet street at dusk" in text


def test_names_a_handful_at_most(untouched: RunView, long: RunView) -> None:
    lines = printed(long).splitlines()
    assert sum("To do: " in line for line in lines) == 4
    assert max(map(len, lines)) <= 80


def test_prints_no_control_characters(hostile: RunView) -> None:
    text = printed(replace(hostile, notes=("\x1b[2J", "[red]not markup[/red]")))
    assert "[red]not markup[/red]" in text
    assert "\x1b" not in text
    assert "<script>" in text


def test_is_plain_data(
    finished: RunView, unfinished: RunView, untouched: RunView, hostile: RunView
) -> None:
    for view in (finished, unfinished, untouched, hostile):
        data = summary_dict(view, PATHS)
        assert json.loads(json.dumps(data)) == data


def test_has_the_documented_keys(finished: RunView) -> None:
    data = summary_dict(finished, PATHS)
    documented = summary_dict.__doc__ or ""
    for key in data:
        assert f"``{key}``" in documented, key
    assert data["end"] == "stopped"
    assert data["counts"] == {
        "commands": 9,
        "satisfied": 5,
        "open": 2,
        "given_up": 2,
        "unjudged": 0,
        "criteria": 17,
        "not_judged": 2,
    }
    assert data["calls"] == {"made": 12, "cached": 1, "failed": 2}
    assert data["paths"] == {"picture": "runs/x/result.png", "report": "runs/x/report.html"}
    assert data["commands"][2]["status"] == "given_up"
    assert summary_dict(finished, {})["image"]["width"] == 64
