from __future__ import annotations

from poser.report.tally import tally
from poser.report.timeline import Moment, start_is_result, timeline
from poser.report.view import RunView


def questions(moment: Moment) -> tuple[set[str], set[str]]:
    return {k.id for k in moment.gained}, {k.id for k in moment.lost}


def test_tells_what_was_gained_and_lost(finished: RunView) -> None:
    moments = timeline(finished)
    assert questions(moments[0]) == ({"street", "dusk", "people", "bus"}, set())
    assert questions(moments[1]) == ({"bus-red", "bus-middle"}, set())
    assert questions(moments[5]) == (set(), {"dog-small", "dog-left", "tree", "tree-right"})
    assert questions(moments[6]) == ({"dog-small", "dog-left", "tree", "tree-right"}, set())


def test_failures_change_nothing(finished: RunView) -> None:
    failed = [m for m in timeline(finished) if m.kind == "failed"]
    assert [m.number for m in failed] == [3, 11]
    assert all(questions(m) == (set(), set()) and m.gain == 0 for m in failed)
    assert failed[0].image is None
    assert failed[1].image is not None
    assert "no answer after 30 s" in failed[0].failure


def test_marks_the_champion(finished: RunView) -> None:
    moments = timeline(finished)
    assert [m.number for m in moments if m.is_result] == [13]
    assert not moments[5].crowned
    assert moments[4].crowned
    assert moments[5].champion_phi == moments[4].record.phi
    assert not start_is_result(finished)


def test_the_gains_add_up(finished: RunView) -> None:
    moments = timeline(finished)
    assert abs(sum(m.gain for m in moments) - finished.state.phi) < 1e-9
    assert moments[-1].champion_phi == finished.state.champion_phi


def test_a_start_may_stay_the_best(given: RunView) -> None:
    assert start_is_result(given)
    assert not any(m.is_result or m.crowned for m in timeline(given))
    assert questions(timeline(given)[0]) == (set(), {"bus-red", "tree", "tree-right"})


def test_tally_names_all(finished: RunView, untouched: RunView, carried_out: RunView) -> None:
    standing = tally(finished.state)
    assert (standing.total, len(standing.satisfied)) == (9, 5)
    assert [e.command.id for e in standing.unsatisfied] == ["c3", "c5"]
    assert [e.command.id for e in standing.not_judged] == ["c8", "c9"]
    assert {e.words for e in standing.not_judged} == {"not judged"}
    assert {e.words for e in tally(untouched.state).entries} == {"to do", "cannot be judged"}
    assert {e.mark for e in standing.entries} == {"satisfied", "given_up", "aside"}
    assert [e.command.id for e in tally(carried_out.state).standing("unjudged")] == ["sign"]
