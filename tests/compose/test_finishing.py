"""A run finishes its picture where an expert serves that, before any text is set."""

from __future__ import annotations

import io
import signal
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from critic.rubric import critique_of
from poser.compose.composer import Composer
from poser.compose.finishing import with_finish
from poser.compose.view import load_view
from poser.core.action import Call
from poser.core.critique import Critique
from poser.core.errors import ExpertError
from poser.core.expert import Cost, ExpertSpec
from poser.core.plan import Command, Plan
from poser.core.record import EpisodeRecord
from poser.report.html import render_report
from poser.report.live import LineView
from poser.report.summary import print_summary, summary_dict
from poser.store import Run
from tests.compose.fakes import (
    DRAW,
    EDIT,
    ENLARGE,
    SPECS,
    TYPE,
    FixedDecomposer,
    HashCritic,
    KillAt,
    Ledger,
    fake_composer,
    fake_run,
)
from tests.compose.test_resume import FORK, essence

FINISHED = [s.to_dict() for s in (*SPECS, ENLARGE)]


class Pleased(HashCritic):
    """Finds a tree missing in the first picture, and all others as they should be."""

    def judge(self, plan: Plan, image: object) -> Critique:
        missing = "k4" if not self.ledger.lines()[1:] else ""
        self.ledger.write("critic")
        return critique_of(plan, {k.id: 0.1 if k.id == missing else 0.9 for k in plan.judged})


def composed(run: Run, fails: list[ExpertError] | None = None) -> EpisodeRecord:
    composer = fake_composer(run)
    composer.critic = Pleased(Ledger(run.folder / "ledger.txt"))
    if fails:
        composer.experts.expert("enlarge").fails = fails  # type: ignore[attr-defined]
    return composer.compose()


def called(episode: EpisodeRecord) -> list[str]:
    return [s.action.expert for s in episode.steps if isinstance(s.action, Call)]


def ids(plan: Plan) -> list[str]:
    return [c.id for c in plan.commands]


def test_the_finish_stands_before_the_texts() -> None:
    plan = FixedDecomposer().decompose("a cat", has_picture=True).setting_aside({"k5": "no"})
    made = with_finish(plan, (*SPECS, ENLARGE))
    assert ids(made) == ["c1", "c2", "c3", "c4", "finish", "c5"]
    assert made.finish is not None
    assert made.finish.criteria == ()
    assert (made.set_aside, made.edits_picture) == (plan.set_aside, True)
    assert [c for c in made.commands if c.asked] == list(plan.commands) == list(made.asked)
    assert (made.criteria, made.judged) == (plan.criteria, plan.judged)


def test_it_is_appended_once() -> None:
    once = with_finish(FixedDecomposer().decompose("a cat"), [ENLARGE])
    assert with_finish(once, [ENLARGE]) is once


@pytest.mark.parametrize(
    "specs",
    [
        (),
        SPECS,
        (ENLARGE.model_copy(update={"capabilities": {"finish": 0.0}}),),
        (ENLARGE.model_copy(update={"capabilities": {}}),),
        (ENLARGE.model_copy(update={"task": "text_to_image"}),),
    ],
    ids=["none", "others", "not at all", "unsaid", "from text"],
)
def test_without_a_finisher_the_plan_stays_as_it_is(specs: tuple[ExpertSpec, ...]) -> None:
    plan = FixedDecomposer().decompose("a cat")
    assert with_finish(plan, specs) is plan


def test_odd_plans() -> None:
    assert with_finish(Plan(prompt="p"), [ENLARGE]).commands == ()
    text = Command(id="finish", op="text", instruction='write "HI"', text="HI")
    assert ids(with_finish(Plan(prompt="p", commands=(text,)), [ENLARGE])) == ["finish-2", "finish"]


def test_a_run_edits_then_finishes_then_sets_the_text(tmp_path: Path) -> None:
    run = fake_run(tmp_path, experts=FINISHED)
    episode = composed(run)
    assert called(episode) == ["draw", "edit", "enlarge", "type"]
    assert episode.end == "settled"
    assert episode.result is not None
    assert (episode.result.width, episode.result.height) == (128, 128)
    assert load_view(run).state.end == "settled"
    assert load_view(run).state.rules.max_steps == 17


def test_it_is_told_and_not_counted(tmp_path: Path) -> None:
    run = fake_run(tmp_path, experts=FINISHED)
    composer = fake_composer(run)
    composer.critic = Pleased(Ledger(run.folder / "ledger.txt"))
    lines = io.StringIO()
    composer.observer = LineView(lines)
    composer.compose()
    assert "plan: 5 commands and the finish, 4 questions" in lines.getvalue()
    assert "Bring the picture to full size [enlarge]" in lines.getvalue()
    view = load_view(run)
    data = summary_dict(view, {})
    assert data["counts"] | {"criteria": 0, "not_judged": 0} == {
        "commands": 5,
        "satisfied": 4,
        "open": 0,
        "given_up": 0,
        "unjudged": 1,
        "criteria": 0,
        "not_judged": 0,
    }
    (finish,) = [c for c in data["commands"] if c["op"] == "finish"]
    assert (finish["status"], finish["judged"]) == ("unjudged", False)
    text = printed(run)
    assert "4 of 5 commands satisfied" in text
    assert "full size" not in text
    page = render_report(view)
    assert "in 5 commands and the finish" in page
    assert "1 carried out</li>" in page


def printed(run: Run) -> str:
    console = Console(file=io.StringIO(), width=100)
    print_summary(console, load_view(run), {})
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_a_run_may_be_told_not_to(tmp_path: Path) -> None:
    run = fake_run(tmp_path, experts=FINISHED, finish=False)
    episode = composed(run)
    assert called(episode) == ["draw", "edit", "type"]
    assert episode.plan.finish is None


def test_without_a_finisher_a_run_is_what_it_was(tmp_path: Path) -> None:
    episode = composed(fake_run(tmp_path))
    assert called(episode) == ["draw", "edit", "type"]
    assert episode.plan.finish is None


def test_a_finisher_that_is_down_leaves_the_picture_unfinished(tmp_path: Path) -> None:
    run = fake_run(tmp_path, experts=FINISHED)
    episode = composed(run, fails=[ExpertError("gone", kind="unavailable", retryable=False)])
    assert called(episode) == ["draw", "edit", "enlarge", "type"]
    assert (episode.end, run.finished) == ("settled", True)
    assert episode.result is not None
    assert episode.result.width == 32
    assert "Not carried out: Bring the picture to full size" in printed(run)


def test_a_finisher_that_is_busy_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    run = fake_run(tmp_path, experts=FINISHED)
    episode = composed(run, fails=[ExpertError("busy", kind="unavailable")])
    assert called(episode) == ["draw", "edit", "enlarge", "enlarge", "type"]
    assert episode.result is not None
    assert episode.result.width == 128


def test_a_finisher_beyond_the_budget_is_not_called(tmp_path: Path) -> None:
    dear = ENLARGE.model_copy(update={"cost": Cost(usd=0.05)})
    experts = [s.to_dict() for s in (DRAW, EDIT, TYPE, dear)]
    poor = composed(fake_run(tmp_path / "1", experts=experts, rules={"budget": 0.06}))
    assert (called(poor), poor.end) == (["draw", "edit", "type"], "settled")
    rich = composed(fake_run(tmp_path / "2", experts=experts, rules={"budget": 0.08}))
    assert called(rich) == ["draw", "edit", "enlarge", "type"]


def test_out_of_steps_it_ends_with_what_there_is(tmp_path: Path) -> None:
    experts = [s.to_dict() for s in (DRAW, ENLARGE)]
    run = fake_run(tmp_path, experts=experts, steps=1)
    episode = composed(run)
    assert (called(episode), episode.end) == (["draw"], "out_of_steps")
    assert episode.result is not None


def test_a_given_picture_under_a_mask_is_never_finished(tmp_path: Path) -> None:
    from PIL import Image

    from poser.store import read_json

    run = fake_run(tmp_path, experts=FINISHED)
    green, white = Image.new("RGB", (32, 32), "green"), Image.new("L", (32, 32), 255)
    given = {"image": run.images.put(green).to_dict(), "mask": run.images.put(white).to_dict()}
    run.write_config({**read_json(run.config_path)["settings"], **given})
    assert composed(run).plan.finish is None


def _compose(folder: Path, kill_at: int) -> None:
    _finishing(Run(folder), KillAt(kill_at)).compose()


def _finishing(run: Run, event: KillAt) -> Composer:
    composer = fake_composer(run, event)
    composer.critic = HashCritic(Ledger(run.folder / "ledger.txt"), event)
    return composer


def test_killed_anywhere_it_finishes_the_same_picture_and_pays_once(tmp_path: Path) -> None:
    counter = KillAt(-1)
    settings = {"experts": FINISHED, "steps": 5}
    whole = fake_run(tmp_path / "whole", **settings)  # type: ignore[arg-type]
    episode = _finishing(whole, counter).compose()
    assert "enlarge" in called(episode)
    for kill_at in range(1, counter.count + 1):
        run = fake_run(tmp_path / str(kill_at), **settings)  # type: ignore[arg-type]
        child = FORK.Process(target=_compose, args=(run.folder, kill_at))
        child.start()
        child.join(60)
        assert child.exitcode == -signal.SIGKILL
        resumed = fake_composer(run).compose()
        assert essence(resumed.steps) == essence(episode.steps), kill_at
        assert (resumed.end, resumed.result) == (episode.end, episode.result)
        assert resumed.plan == episode.plan
        paid = Counter(Ledger(run.folder / "ledger.txt").lines())
        assert sum(times > 1 for times in paid.values()) <= 1
