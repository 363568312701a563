"""``poser experts list | show | check``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from experts.check import MemoryPictures, check_expert, probe_request
from experts.registry import Registry, load_registry
from poser.cli.experts import app
from poser.core.errors import RegistryError, StorageError, UnknownExpertError
from poser.core.expert import ExpertSpec, Limits

Tiny = Callable[[str], Path]
run = CliRunner().invoke

ENTRIES = """\
experts:
  - id: my/painter
    adapter: diffusers
    task: text_to_image
    source: {good}
    defaults: {{num_inference_steps: 2}}
    limits: {{max_side: 64}}
    description: Draws noise [really].
    licence: MIT
  - id: my/filler
    adapter: diffusers
    task: inpainting
    source: {good}
    defaults: {{num_inference_steps: 2}}
    limits: {{max_side: 64}}
    cost: {{usd: 0.25, seconds: 3}}
  - id: my/missing
    adapter: diffusers
    task: image_to_image
    source: ./none
  - {{id: pocket/painter, enabled: false}}
  - {{id: pocket/counter, enabled: false}}
  - {{id: pocket/layout, enabled: false}}
  - {{id: pocket/adder, enabled: false}}
  - {{id: pocket/remover, enabled: false}}
  - {{id: pocket/recolourer, enabled: false}}
  - {{id: pocket/scenery, enabled: false}}
  - {{id: pocket/stylist, enabled: false}}
  - {{id: pocket/editor, enabled: false}}
  - {{id: pocket/enlarger, enabled: false}}
"""


@pytest.fixture
def registry(tiny: Tiny, tmp_path: Path) -> Path:
    path = tmp_path / "registry.yaml"
    path.write_text(ENTRIES.format(good=tiny("stable_diffusion")))
    return path


def test_list(registry: Path) -> None:
    result = run(app, ["list", "--registry", str(registry)])
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0].split() == ["id", "task", "adapter", "ops", "cost", "s", "licence"]
    assert any(line.split()[:4] == ["my/filler", "fill", "diffusers", "any"] for line in lines)
    assert "$0.25" in result.output
    assert "pocket/editor" not in result.output
    assert all(line == line.rstrip() for line in lines)


def test_list_as_json(registry: Path) -> None:
    result = run(app, ["list", "--json", "--registry", str(registry)])
    found = {item["id"]: item for item in json.loads(result.stdout)}
    assert found["my/filler"]["usd"] == 0.25
    assert found["my/painter"]["origin"] == f"{registry}:2"
    assert found["typography"]["ops"] == ["text"]


def test_show(registry: Path) -> None:
    result = run(app, ["show", "my/painter", "--registry", str(registry)])
    assert result.exit_code == 0
    assert "Draws noise [really]." in result.output
    assert f"{registry}:2" in result.output
    assert "num_inference_steps: 2" in result.output


def test_show_as_json_is_an_entry(registry: Path) -> None:
    result = run(app, ["show", "typography", "--json"])
    data = json.loads(result.stdout)
    assert data["capabilities"] == {"text": 1.0}
    assert data["origin"].endswith("experts.yaml:4")


def test_unknown_ids_and_broken_files(registry: Path) -> None:
    result = run(app, ["show", "my/paintr", "--registry", str(registry)])
    assert isinstance(result.exception, UnknownExpertError)
    assert "did you mean 'my/painter'" in str(result.exception)
    registry.write_text("experts: 7")
    for command in (["list"], ["show", "x"], ["check"]):
        result = run(app, [*command, "--registry", str(registry)])
        assert isinstance(result.exception, RegistryError)


def test_check_says_what_failed_and_how_to_mend_it(registry: Path) -> None:
    result = run(app, ["check", "--registry", str(registry)])
    assert result.exit_code == 6
    lines = result.output.splitlines()
    assert any(line.startswith("ok") and "my/painter  64x64 in" in line for line in lines)
    assert any(line.startswith("ok") and "my/filler" in line for line in lines)
    assert any(line.startswith("ok") and "typography  512x512" in line for line in lines)
    assert any(line.startswith("failed") and "my/missing" in line for line in lines)
    assert any("to mend it:" in line for line in lines)
    assert lines[-1] == "3 of 4 experts work"


def test_check_of_one(registry: Path) -> None:
    result = run(app, ["check", "my/painter", "--registry", str(registry)])
    assert result.exit_code == 0
    result = run(app, ["check", "my/missing", "--json", "--registry", str(registry)])
    assert result.exit_code == 6
    (report,) = json.loads(result.stdout)
    assert not report["ok"]
    assert "none" in report["problem"]
    assert report["remedy"]


def test_a_bug_is_one_line_unless_its_traceback_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from experts.typography import TypographyExpert

    def fail(*args: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(TypographyExpert, "generate", fail)
    report = check_expert(load_registry(), "typography")
    assert not report.ok
    assert "oops" in report.problem
    result = run(app, ["check", "typography", "--traceback"])
    assert isinstance(result.exception, KeyError)


def test_probes_use_words_that_are_known() -> None:
    def prompt(words: set[str] | None) -> str:
        spec = ExpertSpec(
            id="x", adapter="x", task="inpainting", vocabulary=words and frozenset(words)
        )
        return probe_request(spec, MemoryPictures(), {}).prompt

    assert prompt(None) == "a red circle"
    assert prompt({"a", "red", "car", "cat"}) == "a red car"
    assert prompt({"zebra", "cow"}) == "cow zebra"


def test_probes_keep_within_limits() -> None:
    pictures = MemoryPictures()
    spec = ExpertSpec(
        id="x", adapter="x", task="inpainting", limits=Limits(min_side=300, max_side=400)
    )
    request = probe_request(spec, pictures, {"text": "a"})
    assert request.image is not None
    assert request.mask is not None
    assert pictures.get(request.image).size == (300, 300)
    assert pictures.get(request.mask).mode == "L"
    assert request.params == {"text": "a"}
    with pytest.raises(StorageError):
        pictures.get("0" * 64)


def test_an_empty_registry_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experts.registry.load_registry", lambda files: Registry([]))
    assert "No experts are registered" in run(app, ["list"]).output
