"""Views of runs, one fixture for each kind of run."""

from __future__ import annotations

import pytest

from poser.core.action import ALL
from poser.core.plan import Command, Plan
from poser.report.view import RunView
from tests.report.plans import FIRST, criterion, street_plan
from tests.report.runs import Run, hostile_view, long_run, street


@pytest.fixture(scope="session")
def finished() -> RunView:
    """A finished run with all kinds of steps."""
    return (
        street()
        .stop()
        .view(
            notes=(
                "No configured expert paints in “watercolour”. An instruction editor with an "
                "open vocabulary would, for instance FLUX.1-Kontext "
                "(`poser experts show flux-kontext`).",
            )
        )
    )


@pytest.fixture(scope="session")
def unfinished() -> RunView:
    """The same run, still going on."""
    return street().view()


@pytest.fixture(scope="session")
def long() -> RunView:
    """A long prompt, in progress."""
    return long_run().view()


@pytest.fixture(scope="session")
def hostile() -> RunView:
    """A run all of whose texts are hostile."""
    return hostile_view()


@pytest.fixture(scope="session")
def untouched() -> RunView:
    """A run before its first step."""
    return Run(street_plan()).view()


@pytest.fixture(scope="session")
def given() -> RunView:
    """A run that started from a picture and made nothing better of it."""
    run = Run(street_plan(), given=(*FIRST, "bus-red", "tree", "tree-right"))
    run.call("c2", "pocket-edit", FIRST)
    return run.stop().view()


@pytest.fixture(scope="session")
def everything() -> RunView:
    """A run that satisfied all there was, large pictures."""
    plan = Plan(
        prompt="A red bus.",
        commands=(
            Command(
                id="c1",
                op="create",
                instruction="draw a red bus",
                caption="a red bus",
                source="A red bus",
                criteria=(
                    criterion("bus", "Is there a bus?"),
                    criterion("bus-red", "Is the bus red?", "bus"),
                ),
            ),
        ),
    )
    run = Run(plan, side=1024)
    return run.call(ALL, "pocket-draw", ("bus", "bus-red")).view()


@pytest.fixture(scope="session")
def carried_out() -> RunView:
    """A run that carried out what its critic cannot judge."""
    plan = Plan(
        prompt='A red bus with the words "LAST STOP".',
        commands=(
            Command(
                id="bus",
                op="create",
                instruction="draw a red bus",
                source="A red bus",
                criteria=(criterion("is-bus", "Is there a bus?"),),
            ),
            Command(
                id="sign",
                op="text",
                instruction='set the words "LAST STOP"',
                text="LAST STOP",
                source='the words "LAST STOP"',
                depends_on=("bus",),
                criteria=(criterion("is-sign", "Can one read LAST STOP?"),),
            ),
        ),
    ).setting_aside({"is-sign": "the pocket critic cannot read"})
    run = Run(plan).call(ALL, "pocket-draw", ("is-bus", "bus"))
    return run.call("sign", "typography", ("is-bus", "bus", "bus-red")).view()
