"""Measuring an expert: what is called, kept, judged and counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from experts.base import Generated
from experts.check import MemoryPictures
from experts.probe import BATCH, TIMED, Probe, Purse, Trial, agreement
from poser.core.capability import CapabilityTable
from poser.core.errors import ExpertError, RunLockedError
from poser.core.expert import ExpertRequest, ExpertSpec
from poser.core.picture import ImageSource
from poser.core.plan import Criterion
from poser.store.images import DiskImageStore
from poser.store.journal import DiskJournal
from tests.experts.probing import (
    BAD,
    GOOD,
    GreenEvaluator,
    MemoryJournal,
    Scripted,
    spec,
    trial,
)


def table_of(probe: Probe, evaluator: GreenEvaluator | None = None) -> CapabilityTable:
    judge = evaluator or GreenEvaluator()
    return probe.table(judge, probe.judge(judge), n=4, seed=0, created_by="test")


def make(count: int = 8, entry: ExpertSpec | None = None, **more: int) -> Probe:
    trials = [trial(i, **more) for i in range(count)]  # type: ignore[arg-type]
    return Probe(entry or spec(), trials, MemoryPictures(), MemoryJournal())


def test_a_task_succeeds_where_all_its_criteria_hold() -> None:
    probe = make(kept=2)
    probe.call(Scripted(probe.spec, lambda seed: seed % 4 == 0), Purse())
    table = table_of(probe)
    (count,) = table.skills
    assert (count.skill, count.ops, count.successes, count.n) == ("count", ("count",), 2, 8)
    assert (count.kept.successes, count.kept.n) == (4, 16)
    assert table.kept.rate == 0.25
    assert table.capabilities == {"count": 0.25}
    assert (table.fingerprint, table.evaluator, table.failures) == ("f" * 16, "green", 0)


def test_what_cannot_be_judged_is_neither_success_nor_failure() -> None:
    asked = [trial(1), trial(2, question="est-ce vert?"), trial(3, skill="x", question="est-ce?")]
    probe = Probe(spec(), asked, MemoryPictures(), MemoryJournal())
    probe.call(Scripted(probe.spec), Purse())
    table = table_of(probe)
    assert [(m.skill, m.successes, m.n, m.unscored) for m in table.skills] == [
        ("count", 1, 1, 1),
        ("x", 0, 0, 1),
    ]
    assert table.unscored == 2
    assert table.skills[1].rate is None
    assert table.capabilities == {"count": 1.0}


def test_some_calls_are_alone_and_timed_and_the_rest_share_calls() -> None:
    probe = make(1 + TIMED + BATCH + 3)
    expert = Scripted(probe.spec)
    probe.call(expert, Purse())
    assert [len(b) for b in expert.batches] == [1] * (1 + TIMED) + [BATCH, 3]
    table = table_of(probe)
    assert table.seconds is not None
    assert table.batch_seconds is not None


def test_the_call_that_loads_is_not_timed() -> None:
    probe = make(1)
    probe.call(Scripted(probe.spec), Purse())
    assert table_of(probe).seconds is None


def test_one_refused_request_does_not_count_against_its_batch() -> None:
    probe = make(TIMED + 1 + BATCH)
    expert = Scripted(probe.spec)
    bad = TIMED + 4
    expert.fails = lambda seeds: (
        ExpertError("refused", kind="refused", retryable=False) if bad in seeds else None
    )
    probe.call(expert, Purse())
    assert list(probe.failures) == [bad]
    assert not probe.stopped
    table = table_of(probe)
    assert (table.failures, table.skills[0].n) == (1, TIMED + BATCH)
    assert table.skills[0].rate == 1.0


def test_an_expert_that_is_down_is_left_in_peace_and_says_nothing_of_its_skill() -> None:
    probe = make(30)
    expert = Scripted(probe.spec)
    expert.fails = lambda seeds: ExpertError("no such host")
    probe.call(expert, Purse())
    assert len(expert.batches) == 3
    assert probe.stopped == "no such host"
    assert probe.failed
    assert probe.judge(GreenEvaluator()) == {}
    assert table_of(probe).skills == ()
    expert.fails = lambda seeds: None
    again = Probe(probe.spec, probe.trials, probe.images, probe.journal)
    again.call(expert, Purse())
    assert table_of(again).skills[0].n == 30


def test_money_is_spent_call_by_call_and_never_beyond_the_cap() -> None:
    entry = spec(usd=0.1)
    probe = make(8, entry)
    assert probe.estimate == pytest.approx(0.8)
    purse, expert = Purse(0.35), Scripted(entry)
    probe.call(expert, purse)
    assert [len(b) for b in expert.batches] == [1, 1, 1]
    assert purse.spent == pytest.approx(0.3)
    assert probe.out_of_budget
    assert "budget" in probe.stopped
    assert not probe.failed
    assert table_of(probe).skills[0].n == 3


def test_a_failure_that_was_billed_counts_as_spent() -> None:
    entry = spec(usd=0.1)
    probe, purse, expert = make(3, entry), Purse(0.2), Scripted(entry)
    expert.fails = lambda seeds: ExpertError("refused", kind="refused", cost=0.1)
    probe.call(expert, purse)
    assert purse.spent == pytest.approx(0.2)
    assert len(expert.batches) == 2


class Killed(BaseException):
    pass


@pytest.mark.parametrize("kill_at", [1, 7, 9])
def test_a_killed_probe_goes_on_and_pays_nothing_twice(tmp_path: Path, kill_at: int) -> None:
    def fresh() -> Probe:
        images = DiskImageStore(tmp_path / "images")
        trials = [trial(i, edit=True) for i in range(12)]
        return Probe(entry, trials, images, DiskJournal(tmp_path / "calls.jsonl", images))

    entry = spec("my/editor", "image_to_image", usd=0.01)
    expert = Scripted(entry)

    def kill(seeds: Sequence[int]) -> ExpertError | None:
        if len(expert.batches) == kill_at:
            raise Killed
        return None

    expert.fails = kill
    with pytest.raises(Killed):
        fresh().call(expert, Purse())
    with (tmp_path / "calls.jsonl").open("a") as file:
        file.write('{"key": "half a li')
    probe, before = fresh(), expert.calls - 1
    assert len(probe.missing) == 12 - before
    expert.fails = lambda seeds: None
    probe.call(expert, Purse())
    assert expert.calls == 12 + 1  # the one call that was under way
    evaluator = GreenEvaluator()
    first = table_of(probe, evaluator)
    assert first.skills[0].n == 12
    assert table_of(fresh(), evaluator) == first
    assert evaluator.asked == 12


def test_other_weights_or_defaults_are_measured_anew(tmp_path: Path) -> None:
    journal, pictures = MemoryJournal(), MemoryPictures()
    for more in ({}, {"fingerprint": "0" * 16}, {"defaults": {"steps": 9}}):
        probe = Probe(spec(**more), [trial(1)], pictures, journal)
        assert probe.missing == [0]
        probe.call(Scripted(probe.spec), Purse())


def test_a_call_whose_picture_is_gone_is_made_again(tmp_path: Path) -> None:
    images = DiskImageStore(tmp_path / "images")
    probe = Probe(spec(), [trial(1)], images, DiskJournal(tmp_path / "a.jsonl", images))
    probe.call(Scripted(probe.spec), Purse())
    for path in (tmp_path / "images").glob("*.png"):
        path.unlink()
    again = Probe(spec(), [trial(1)], images, DiskJournal(tmp_path / "a.jsonl", images))
    assert again.missing == [0]


def test_two_processes_do_not_probe_the_same_expert(tmp_path: Path) -> None:
    one, two = (DiskJournal(tmp_path / "a.jsonl", DiskImageStore(tmp_path)) for _ in range(2))
    with one.locked(), pytest.raises(RunLockedError, match="another process"), two.locked():
        pass
    with two.locked():
        pass


def test_tasks_fit_the_kind_and_the_declared_ops_of_an_expert() -> None:
    drawing, editing = trial(1), trial(1, edit=True)
    painter, editor = spec(able={"add": 0.5}), spec("e", "image_to_image", able={"count": 0.0})
    assert not drawing.fits(painter)
    assert drawing.fits(painter, all_skills=True)
    assert drawing.fits(spec())
    assert not drawing.fits(editor, all_skills=True)
    assert editing.fits(editor)
    assert not editing.fits(spec("f", "inpainting"), all_skills=True)


class Enlarges(Scripted):
    """Gives back the truth at full size where it is able, else what bicubic enlargement makes."""

    def generate(self, requests: Sequence[ExpertRequest], images: ImageSource) -> list[Generated]:
        made = super().generate(requests, images)
        for n, request in enumerate(requests):
            colour = GOOD if self.able(request.seed) else BAD
            made[n] = replace(made[n], image=Image.new("RGB", (32, 32), colour))
        return made


def unfinished(seed: int, shown: tuple[int, int, int] = GOOD) -> Trial:
    """A small picture with a speck that its truth, all green, has not."""
    given = Image.new("RGB", (8, 8), shown)
    given.putpixel((0, 0), (seed, 200, 0))
    kept = tuple(Criterion(id=f"q{i}", question="Still green?") for i in range(2))
    truth = Image.new("RGB", (32, 32), GOOD)
    return Trial("finish", ("finish",), seed, "finish", given, (), kept, truth)


def test_a_picture_is_finished_where_it_shows_what_it_showed_and_is_closer_than_bicubic() -> None:
    entry = spec("my/enlarger", "image_to_image", able={"finish": 1.0})
    trials = [unfinished(1), unfinished(2), unfinished(3, BAD)]
    probe = Probe(entry, trials, MemoryPictures(), MemoryJournal())
    probe.call(Enlarges(entry, lambda seed: seed != 2), Purse())
    evaluator = GreenEvaluator()
    table = table_of(probe, evaluator)
    (finish,) = table.skills
    # The third showed nothing before that could be lost: it says nothing.
    assert (finish.successes, finish.n, finish.unscored) == (1, 2, 1)
    assert (finish.kept.successes, finish.kept.n) == (2, 4)
    assert table.capabilities == {"finish": 0.5}
    assert table_of(probe, evaluator) == table
    assert evaluator.asked == 3 + 2  # before, and after: two of the pictures are the same


def test_what_is_no_closer_than_bicubic_is_not_finished() -> None:
    entry = spec("my/enlarger", "image_to_image", able={"finish": 1.0})
    given = Image.new("RGB", (8, 8), GOOD)
    truth = Image.new("RGB", (32, 32), GOOD)
    kept = (Criterion(id="q", question="Still green?"),)
    asked = Trial("finish", ("finish",), 1, "finish", given, (), kept, truth)
    probe = Probe(entry, [asked], MemoryPictures(), MemoryJournal())
    probe.call(Scripted(entry), Purse())  # leaves it small, with a pixel of its own
    (finish,) = table_of(probe).skills
    assert (finish.successes, finish.n, finish.kept.rate) == (0, 1, 1.0)


def test_only_finishers_finish_and_they_do_nothing_else() -> None:
    editing, finishing = trial(1, edit=True), unfinished(1)
    finisher = spec("f", "image_to_image", able={"finish": 1.0})
    editor = spec("e", "image_to_image", able={"count": 0.0})
    both = spec("b", "image_to_image", able={"count": 0.5, "finish": 0.5})
    for all_skills in (False, True):
        assert finishing.fits(finisher, all_skills=all_skills)
        assert not editing.fits(finisher, all_skills=all_skills)
        assert not finishing.fits(editor, all_skills=all_skills)
        assert finishing.fits(both, all_skills=all_skills)
        assert editing.fits(both, all_skills=all_skills)
    assert not finishing.fits(spec("g", "image_to_image"), all_skills=True)
    assert not finishing.fits(spec())


def test_agreement_with_a_critic_by_kind() -> None:
    trials = [trial(0), trial(1), trial(2)]
    ours = {0: {"k1": True}, 1: {"k1": False}, 2: {"k1": None}}
    theirs = {0: {"k1": True}, 1: {"k1": True}, 2: {"k1": True}}
    (row,) = agreement(trials, ours, theirs)
    assert (row.kind, row.n, row.agree, row.rejected, row.fooled) == ("other", 2, 1, 1, 1)
