"""Measured capabilities in the registry: filled in where they hold, named where they do not."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from experts.registry import Registry, load_registry
from experts.tables import measured, table_name
from poser.core.capability import CapabilityTable, SkillMeasure

ENTRY = """\
experts:
  - id: my/editor
    adapter: typography
    task: image_to_image
    defaults: {position: top}
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of tables, empty."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("POSER_CAPABILITIES", str(folder))
    return folder


def load(folder: Path, more: str = "") -> Registry:
    path = folder / "registry.yaml"
    path.write_text(ENTRY + more)
    return load_registry([path], packages=False)


def write(path: Path, registry: Registry, rate: int = 3, **more: object) -> CapabilityTable:
    spec = registry["my/editor"]
    fields = {
        "expert": spec.id, "task": spec.task, "fingerprint": spec.fingerprint,
        "defaults": spec.defaults, "evaluator": "e", "evaluator_revision": "1", "n": 4, "seed": 0,
        "skills": (SkillMeasure(skill="x", ops=("text", "add"), successes=rate, n=4),),
        "seconds": 0.25, **more,
    }  # fmt: skip
    table = CapabilityTable.model_validate(fields)
    path.parent.mkdir(exist_ok=True)
    path.write_text(table.to_json())
    return table


NAMED = "    capability_table: ./measured/editor.json\n"


def test_a_table_fills_in_what_the_entry_leaves_unsaid(tmp_path: Path, own: Path) -> None:
    table = write(tmp_path / "measured" / "editor.json", load(tmp_path))
    registry = load(tmp_path, NAMED)
    spec = registry["my/editor"]
    assert spec.capabilities == {"text": 0.75, "add": 0.75}
    assert spec.cost.seconds == 0.25
    assert registry.tables == {"my/editor": table}
    assert registry.warnings == ()


def test_what_the_entry_states_wins(tmp_path: Path, own: Path) -> None:
    write(tmp_path / "measured" / "editor.json", load(tmp_path))
    stated = NAMED + "    capabilities: {text: 1.0}\n    cost: {usd: 0.1, seconds: 9}\n"
    spec = load(tmp_path, stated)["my/editor"]
    assert spec.capabilities == {"text": 1.0, "add": 0.75}
    assert (spec.cost.usd, spec.cost.seconds) == (0.1, 9.0)
    assert load(tmp_path, NAMED + "    cost: {usd: 0.1}\n")["my/editor"].cost.seconds == 0.25


def test_that_one_finishes_is_stated_and_how_well_is_measured(tmp_path: Path, own: Path) -> None:
    skills = (SkillMeasure(skill="finish", ops=("finish",), successes=3, n=4),)
    write(tmp_path / "measured" / "editor.json", load(tmp_path), skills=skills)
    for stated, expected in ((1.0, 0.75), (0.0, 0.0)):
        more = NAMED + f"    capabilities: {{finish: {stated}}}\n"
        assert load(tmp_path, more)["my/editor"].capabilities == {"finish": expected}


def test_a_table_of_the_users_own_is_found_and_goes_first(tmp_path: Path, own: Path) -> None:
    write(own / table_name("my/editor"), load(tmp_path), rate=1)
    assert load(tmp_path)["my/editor"].capabilities == {"text": 0.25, "add": 0.25}
    write(tmp_path / "measured" / "editor.json", load(tmp_path), rate=4)
    assert load(tmp_path, NAMED)["my/editor"].capabilities["text"] == 0.25
    write(own / table_name("my/editor"), load(tmp_path), fingerprint="other")
    registry = load(tmp_path, NAMED)
    assert registry["my/editor"].capabilities["text"] == 1.0
    assert registry.warnings == ()


def test_a_table_of_other_weights_is_not_used_and_says_so(
    tmp_path: Path, own: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "measured" / "editor.json", load(tmp_path), fingerprint="other")
    with caplog.at_level(logging.WARNING):
        registry = load(tmp_path, NAMED)
    assert registry["my/editor"].capabilities == {}
    assert registry.tables == {}
    (warning,) = registry.warnings
    assert "editor.json was measured on other weights" in warning
    assert "poser experts probe my/editor" in warning
    assert warning in caplog.text


def test_other_defaults_are_told_and_the_table_is_used(tmp_path: Path, own: Path) -> None:
    write(tmp_path / "measured" / "editor.json", load(tmp_path), defaults={"position": "bottom"})
    registry = load(tmp_path, NAMED)
    assert registry["my/editor"].capabilities["add"] == 0.75
    (warning,) = registry.warnings
    assert "other defaults (position)" in warning


@pytest.mark.parametrize("content", [None, "{}", "\xff", '{"version": 2}'])
def test_a_missing_or_damaged_table_is_a_warning(
    tmp_path: Path, own: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "measured").mkdir()
        (tmp_path / "measured" / "editor.json").write_text(content, encoding="latin-1")
    registry = load(tmp_path, NAMED)
    assert registry["my/editor"].capabilities == {}
    (warning,) = registry.warnings
    assert "editor.json" in warning


def test_a_later_entry_names_another_table_or_none(tmp_path: Path, own: Path) -> None:
    write(tmp_path / "measured" / "editor.json", load(tmp_path))
    load(tmp_path, NAMED)
    over = tmp_path / "over.yaml"
    over.write_text('experts:\n  - {id: my/editor, capability_table: ""}\n')
    registry = load_registry([tmp_path / "registry.yaml", over], packages=False)
    assert registry["my/editor"].capabilities == {}
    assert registry.warnings == ()


def test_an_id_leads_to_no_other_folder() -> None:
    assert table_name("a/../../b") == "a-..-..-b.json"


def test_the_doctor_and_show_tell(
    tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from poser.cli.doctor import _parts
    from poser.cli.experts import app

    monkeypatch.setenv("POSER_REGISTRY", str(tmp_path / "registry.yaml"))
    write(tmp_path / "measured" / "editor.json", load(tmp_path))
    load(tmp_path, NAMED)
    shown = CliRunner().invoke(app, ["show", "my/editor"]).output
    assert "measured" in shown
    assert "4 tasks a skill, by e 1" in shown
    write(tmp_path / "measured" / "editor.json", load(tmp_path), fingerprint="other")
    load(tmp_path, NAMED)
    warnings = [f.detail for f in _parts() if f.state == "warning"]
    assert any("'my/editor'" in line and "other weights" in line for line in warnings)


def test_two_ids_never_share_a_file() -> None:
    ids = ["a/b", "a-b", "a-/b", "a/-b", "pocket/painter"]
    assert len({table_name(i) for i in ids}) == len(ids)
    assert table_name("pocket/painter") == "pocket-painter.json"


def test_a_folder_that_may_not_be_entered_holds_no_table(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = load_registry()["typography"]

    def forbidden(_path: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "is_file", forbidden)
    assert measured(spec, None) == (None, "")
