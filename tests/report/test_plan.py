from __future__ import annotations

import time

import pytest

from poser.core.plan import Command, Plan
from poser.report import graph
from poser.report.graph import draw
from poser.report.prompt import pieces
from poser.report.view import RunView
from tests.report.plans import street_plan


def command(id: str, *after: str, source: str = "") -> Command:
    return Command(id=id, op="add", instruction=f"add {id}", depends_on=after, source=source)


def star(size: int) -> Plan:
    middle = tuple(command(f"m{n}", "root") for n in range(size))
    last = command("last", *(c.id for c in middle))
    return Plan(prompt="x", commands=(command("root"), *middle, last))


PLANS = {
    "street": street_plan(),
    "star": star(14),
    "single": Plan(prompt="x", commands=(command("a"),)),
    "loose": Plan(prompt="x", commands=tuple(command(f"c{n}") for n in range(11))),
    "chain": Plan(
        prompt="x",
        commands=tuple(command(f"c{n}", *([f"c{n - 1}"] if n else [])) for n in range(9)),
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_cards_do_not_overlap(name: str) -> None:
    plan = PLANS[name]
    drawing = draw(plan)
    assert [c.command for c in drawing.cards] == [c.id for c in plan.commands]
    tight = drawing.card_width == graph.TIGHT.card
    measure = graph.TIGHT if tight else graph.ROOMY
    boxes = [
        (c.x, c.y, c.x + measure.card, c.y + graph._height(c.command, plan, measure))
        for c in drawing.cards
    ]
    for n, a in enumerate(boxes):
        assert a[0] >= 0
        assert a[2] <= drawing.width
        assert a[3] <= drawing.height
        for b in boxes[n + 1 :]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


@pytest.mark.parametrize("name", PLANS)
def test_what_depends_is_further_right(name: str) -> None:
    drawing = draw(PLANS[name])
    x = {c.command: c.x for c in drawing.cards}
    assert all(x[e.source] < x[e.target] for e in drawing.edges)


def test_draws_no_implied_arrow() -> None:
    plan = Plan(prompt="x", commands=(command("a"), command("b", "a"), command("c", "a", "b")))
    assert [(e.source, e.target) for e in draw(plan).edges] == [("a", "b"), ("b", "c")]


def test_an_empty_plan_has_no_card() -> None:
    assert draw(Plan(prompt="x")).cards == ()


def test_many_commands_are_quick() -> None:
    began = time.perf_counter()
    draw(star(400))
    assert time.perf_counter() - began < 2


def test_pieces_join_to_the_prompt(finished: RunView, long: RunView, hostile: RunView) -> None:
    for view in (finished, long, hostile):
        assert "".join(p.text for p in pieces(view.plan)) == view.plan.prompt


def test_pieces_know_their_commands(finished: RunView) -> None:
    owner = {p.text: p.commands for p in pieces(finished.plan)}
    assert owner["The sky is purple"] == ("c7",)
    assert owner["A quiet street at dusk"] == ("c1",)


def test_the_same_words_twice_go_to_two_commands() -> None:
    plan = Plan(
        prompt="A red bus, then a red bus.",
        commands=(command("a", source="a red bus"), command("b", source="a  red\nbus")),
    )
    assert [p.commands for p in pieces(plan) if p.commands] == [("a",), ("b",)]


def test_words_that_stand_apart_are_found() -> None:
    plan = Plan(prompt="A big, shiny bus.", commands=(command("a", source="a shiny bus"),))
    assert [p.text for p in pieces(plan) if p.commands] == ["A", "shiny", "bus"]


def test_shared_words_belong_to_both() -> None:
    plan = Plan(
        prompt="a red bus",
        commands=(command("a", source="a red bus"), command("b", source="red")),
    )
    assert [(p.text, p.commands) for p in pieces(plan)] == [
        ("a ", ("a",)),
        ("red", ("a", "b")),
        (" bus", ("a",)),
    ]


def test_unknown_words_belong_to_nobody() -> None:
    plan = Plan(prompt="a red bus", commands=(command("a", source="a green tree"),))
    assert [p.commands for p in pieces(plan)] == [()]
