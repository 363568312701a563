"""``poser experts probe``, with experts and an evaluator of paper."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from experts.registry import Registry
from poser.cli import probe
from poser.cli.experts import app
from poser.core.capability import CapabilityTable
from poser.core.errors import (
    BudgetError,
    ExpertError,
    PoserError,
    RegistryError,
    UnknownExpertError,
)
from poser.core.expert import ExpertSpec
from tests.experts.probing import GreenEvaluator, Scripted, spec, trial

Run = Callable[..., Result]
SKILLS = ("draw: count", "edit: count", "edit: style")


class Studio(Registry):
    """A registry whose experts are scripted; each skill has tasks of its own seeds."""

    def __init__(self, specs: Iterable[ExpertSpec]) -> None:
        super().__init__(specs)
        self.made = {s.id: Scripted(s, lambda seed: seed % 2 == 0) for s in self.values()}

    def expert(self, expert_id: str) -> Scripted:
        return self.made[self[expert_id].id]


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Studio:
    made = Studio(
        [
            spec("my/painter"),
            spec("my/editor", "image_to_image", able={"count": 0.5}),
            spec("my/setter", "image_to_image", able={"text": 1.0}),
        ]
    )
    monkeypatch.setattr("experts.registry.load_registry", lambda files: made)
    monkeypatch.setattr(probe, "_evaluator", lambda name: GreenEvaluator())
    monkeypatch.setattr(probe, "_critic", GreenEvaluator)

    def trials(n: int, seed: int, skills: str | None, *, held_out: bool) -> list[object]:
        names = SKILLS if skills is None else probe._named(skills, SKILLS)
        return [
            trial(
                100 * SKILLS.index(name) + i + 1000 * held_out,
                name,
                (name[6:],),
                edit=name.startswith("edit"),
            )
            for name in names
            for i in range(n)
        ]

    monkeypatch.setattr(probe, "_trials", trials)
    return made


@pytest.fixture
def run(tmp_path: Path, studio: Studio) -> Run:
    def invoke(*arguments: str) -> Result:
        folders = ["--out", str(tmp_path / "tables"), "--work", str(tmp_path / "work")]
        return CliRunner().invoke(app, ["probe", *arguments, "--n", "4", *folders])

    return invoke


def written(tmp_path: Path, name: str) -> CapabilityTable:
    return CapabilityTable.from_json((tmp_path / "tables" / name).read_bytes())


def test_an_entry_that_turns_out_to_be_wrong_does_not_keep_the_others_from_being_measured(
    run: Run, studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def generate(*_given: object) -> object:
        raise RegistryError("no argument 'bogus'", remedy="mend the entry")

    monkeypatch.setattr(studio.made["my/painter"], "generate", generate)
    result = run()
    assert result.exit_code == 6, result.output
    assert "no argument 'bogus'" in result.output
    assert written(tmp_path, "my-editor.json").skills


def test_each_expert_is_put_to_the_tasks_that_are_for_it(
    run: Run, studio: Studio, tmp_path: Path
) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert "0.50 ±0.35" in result.output
    assert "! my/setter: none of the tasks is one for it" in result.output
    painter, editor = (written(tmp_path, f"my-{n}.json") for n in ("painter", "editor"))
    assert [(m.skill, m.successes, m.n) for m in painter.skills] == [("draw: count", 2, 4)]
    assert [m.skill for m in editor.skills] == ["edit: count"]
    assert not (tmp_path / "tables" / "my-setter.json").exists()
    assert studio.made["my/painter"].closed == 1
    run("--all-skills", "my/editor")
    assert [m.skill for m in written(tmp_path, "my-editor.json").skills] == list(SKILLS[1:])
    assert studio.made["my/editor"].calls == 4 + 4


def test_again_it_calls_nobody(run: Run, studio: Studio) -> None:
    run()
    calls = {name: expert.calls for name, expert in studio.made.items()}
    assert run().exit_code == 0
    assert {name: expert.calls for name, expert in studio.made.items()} == calls


def test_some_skills_only_leave_the_others_in_the_table(run: Run, tmp_path: Path) -> None:
    run("my/editor", "--all-skills")
    result = run("my/editor", "--all-skills", "--skills", "style", "--json")
    (shown,) = json.loads(result.stdout)["tables"]
    assert [m["skill"] for m in shown["skills"]] == ["edit: style"]
    assert len(written(tmp_path, "my-editor.json").skills) == 2
    assert isinstance(run("--skills", "syle").exception, SystemExit)
    with pytest.raises(typer.BadParameter, match="did you mean 'edit: style'"):
        probe._named("edit: syle", SKILLS)


def test_an_expert_that_is_down_does_not_stop_the_others(
    run: Run, studio: Studio, tmp_path: Path
) -> None:
    studio.made["my/painter"].fails = lambda seeds: ExpertError("no [such] host")
    result = run()
    assert result.exit_code == 6
    assert "! my/painter: 4 of 4 tasks without a picture: no [such] host" in result.output
    assert written(tmp_path, "my-editor.json").skills[0].n == 4
    assert not (tmp_path / "tables" / "my-painter.json").exists()


@pytest.fixture
def paid(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Studio:
    made = Studio([spec("my/painter", usd=0.05)])
    monkeypatch.setattr("experts.registry.load_registry", lambda files: made)
    return made


def test_what_costs_money_waits_for_a_yes(run: Run, paid: Studio) -> None:
    result = run()
    assert isinstance(result.exception, BudgetError)
    assert "about $0.20" in str(result.exception)
    assert "--yes" in str(result.exception)
    assert paid.made["my/painter"].calls == 0
    assert run("--yes").exit_code == 0
    assert paid.made["my/painter"].calls == 4
    assert run().exit_code == 0  # nothing left to be paid


def test_a_budget_is_a_cap(run: Run, paid: Studio, tmp_path: Path) -> None:
    result = run("--budget", "0.12")
    assert result.exit_code == 0
    assert "2 of 4 tasks without a picture: the budget allows no further call" in result.output
    assert written(tmp_path, "my-painter.json").skills[0].n == 2
    assert paid.made["my/painter"].calls == 2


def test_json_with_the_critic_beside(run: Run) -> None:
    data = json.loads(run("--json", "--compare-critic").stdout)
    assert [t["expert"] for t in data["tables"]] == ["my/painter", "my/editor"]
    assert data["notes"] == {"my/setter": "none of the tasks is one for it"}
    (row,) = data["critic"]
    assert (row["n"], row["agree"], row["rejected"], row["fooled"]) == (8, 8, 4, 0)
    assert json.loads(run("--json").stdout)["critic"] is None


def test_what_is_held_out_is_measured_apart(run: Run, tmp_path: Path, studio: Studio) -> None:
    run("my/painter")
    usual = written(tmp_path, "my-painter.json")
    studio.made["my/painter"].able = lambda seed: True
    result = run("my/painter", "--held-out")
    assert "4 held-out tasks of each skill" in result.output
    assert written(tmp_path, "my-painter.json") == usual
    (measure,) = written(tmp_path, "held-out/my-painter.json").skills
    assert (measure.successes, measure.n) == (4, 4)
    assert json.loads(run("--held-out", "--json").stdout)["held_out"] is True
    assert json.loads(run("--json").stdout)["held_out"] is False


def test_only_what_is_held_out_of_a_skill_can_be_asked_for() -> None:
    with pytest.raises(typer.BadParameter, match="unknown held-out skill 'edit: remove'"):
        probe._trials(1, 0, "edit: remove", held_out=True)


def test_a_matrix(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert run("--matrix", str(tmp_path / "new" / "m.png")).exit_code == 0
    assert (tmp_path / "new" / "m.png").stat().st_size > 1000
    assert isinstance(run("--matrix", "m.docx").exception, PoserError)


def test_interrupted_it_says_how_to_go_on(run: Run, studio: Studio) -> None:
    def interrupt(seeds: object) -> None:
        raise KeyboardInterrupt

    studio.made["my/editor"].fails = interrupt
    result = run()
    assert result.exit_code == 130
    assert "the same command goes on" in result.output


def test_unknown_experts(run: Run) -> None:
    assert isinstance(run("my/paintr").exception, UnknownExpertError)
