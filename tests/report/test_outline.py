from __future__ import annotations

from collections.abc import Iterator

from poser.core.plan import Command, Plan
from poser.report.html import render_report
from poser.report.outline import DEEPEST, Branch, outline
from tests.report.plans import street_plan
from tests.report.runs import Run
from tests.report.test_html import Page


def command(id: str, *after: str) -> Command:
    return Command(id=id, op="add", instruction=f"add {id}", depends_on=after)


def walk(branches: tuple[Branch, ...], depth: int = 1) -> Iterator[tuple[Branch, int]]:
    for branch in branches:
        yield branch, depth
        yield from walk(branch.children, depth + 1)


def test_lists_every_command_once() -> None:
    plan = street_plan()
    found = [b.command for b, _ in walk(outline(plan))]
    assert sorted(found) == [c.id for c in plan.commands]


def test_lists_what_builds_on_a_command_under_it() -> None:
    plan = Plan(
        prompt="x",
        commands=(
            command("dog"),
            command("yellow", "dog"),
            command("bus"),
            command("left", "dog", "bus"),
            command("soon", "later"),
            command("later"),
        ),
    )
    trees = outline(plan)
    assert [t.command for t in trees] == ["dog", "bus", "later"]
    assert [c.command for c in trees[0].children] == ["yellow", "left"]
    assert trees[0].children[1].also == ("bus",)
    assert [c.command for c in trees[2].children] == ["soon"]


def test_what_depends_on_many_stands_alone() -> None:
    commands = [command(f"c{n}") for n in range(6)]
    last = command("last", *(c.id for c in commands))
    trees = outline(Plan(prompt="x", commands=(*commands, last)))
    assert trees[-1].command == "last"
    assert trees[-1].also == last.depends_on


def test_no_tree_is_deep() -> None:
    chain = [command("c0"), *(command(f"c{n}", f"c{n - 1}") for n in range(1, 3000))]
    found = list(walk(outline(Plan(prompt="x", commands=tuple(chain)))))
    assert len(found) == 3000
    assert max(depth for _, depth in found) == DEEPEST


def test_a_long_plan_is_shown_as_an_outline() -> None:
    commands = [command(f"c{n}", *(["c0"] if n else [])) for n in range(40)]
    html = render_report(Run(Plan(prompt="x", commands=tuple(commands))).view())
    page = Page(html)
    assert len(page.find("div", "twig")) == 40
    assert page.find("svg", "edges") == []
    assert {f"command-c{n}" for n in range(40)} <= set(page.ids())
