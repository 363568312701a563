"""Measured capabilities as values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from poser.core.capability import CapabilityTable, Share, SkillMeasure
from poser.core.expert import ExpertSpec
from poser.core.plan import Command, Criterion
from tests.strategies import OPS, money, unit, words


@st.composite
def shares(draw: st.DrawFn) -> Share:
    n = draw(st.integers(0, 200))
    return Share(successes=draw(st.integers(0, n)), n=n)


@st.composite
def measures(draw: st.DrawFn) -> SkillMeasure:
    share = draw(shares())
    return SkillMeasure(
        skill=draw(words),
        ops=tuple(draw(st.lists(st.sampled_from(OPS), max_size=3))),
        successes=share.successes,
        n=share.n,
        kept=draw(shares()),
        unscored=draw(st.integers(0, 9)),
    )


tables = st.builds(
    CapabilityTable,
    expert=st.just("my/painter"),
    task=st.sampled_from(["text_to_image", "image_to_image"]),
    fingerprint=words,
    defaults=st.dictionaries(words, unit, max_size=2),
    evaluator=words,
    evaluator_revision=words,
    n=st.integers(0, 99),
    seed=st.integers(0, 99),
    skills=st.lists(measures(), max_size=3).map(tuple),
    usd=money,
    seconds=st.none() | money,
    failures=st.integers(0, 9),
)


@given(tables)
def test_a_table_survives_the_json_round_trip(table: CapabilityTable) -> None:
    assert CapabilityTable.from_json(table.to_json()) == table
    assert CapabilityTable.model_validate(table.to_dict()) == table


@given(shares())
def test_the_interval_holds_the_rate(share: Share) -> None:
    low, high = share.interval
    assert 0.0 <= low <= high <= 1.0
    if share.rate is not None:
        assert low - 1e-9 <= share.rate <= high + 1e-9


def test_wilsons_interval() -> None:
    low, high = Share(successes=8, n=10).interval
    assert (round(low, 4), round(high, 4)) == (0.4902, 0.9433)
    assert Share(n=10).interval[1] == pytest.approx(0.2775, abs=1e-4)
    assert Share().rate is None
    with pytest.raises(ValidationError):
        Share(successes=2, n=1)


def table(*skills: SkillMeasure, **more: object) -> CapabilityTable:
    fields = {
        "expert": "a", "task": "image_to_image", "fingerprint": "f", "evaluator": "e",
        "evaluator_revision": "1", "n": 4, "seed": 0, "skills": skills, **more,
    }  # fmt: skip
    return CapabilityTable.model_validate(fields)


def test_an_op_of_several_skills_has_their_mean() -> None:
    one = SkillMeasure(skill="colour", ops=("recolour", "create"), successes=1, n=4)
    two = SkillMeasure(skill="two", ops=("create",), successes=3, n=4)
    none = SkillMeasure(skill="none", ops=("add",), unscored=4)
    assert table(one, two, none).capabilities == {"recolour": 0.25, "create": 0.5}


def test_a_measure_of_some_skills_leaves_the_others_as_they_were() -> None:
    old, new = (SkillMeasure(skill="count", successes=s, n=4) for s in (1, 2))
    other = SkillMeasure(skill="style", n=4)
    assert table(new).joined(table(old, other)).skills == (new, other)
    for change in ({"fingerprint": "g"}, {"evaluator_revision": "2"}, {"seed": 1}):
        assert table(new).joined(table(old, other, **change)).skills == (new,)


def test_a_command_for_several_things_takes_counting_too() -> None:
    def adds(about: tuple[str, ...]) -> Command:
        counted = Criterion(id="k", question="Are there?", kind="count", about=about)
        return Command(id="c", op="add", instruction="add birds", criteria=(counted,))

    three, one = adds(("bird", "3")), adds(("bird", "1"))
    assert (three.ops, one.ops) == (("add", "count"), ("add",))

    def painter(**capabilities: float) -> ExpertSpec:
        return ExpertSpec(
            id="e", adapter="x", task="text_to_image", capabilities=capabilities
        )  # fmt: skip

    assert painter(add=0.9, count=0.4).capability_at(three) == 0.4
    assert painter(add=0.9, count=0.4).capability_at(one) == 0.9
    assert painter(add=0.3, count=0.4).capability_at(three) == 0.3
    assert painter(add=0.9).capability_at(three) == 0.9  # nothing is said of counting
    assert painter(count=0.9).capability_at(three) == 0.0  # it does not add
    assert painter().capability_at(three) == 0.5
