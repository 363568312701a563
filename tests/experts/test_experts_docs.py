"""The example registry works, and docs/experts.md names every key there is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from experts.check import MemoryPictures, check_expert
from experts.diffusers_adapter import DiffusersExpert
from experts.diffusers_adapter.options import LoadOptions, Lora
from experts.entries import Entry
from experts.registry import load_registry
from experts.typography.style import TextStyle
from poser.core.expert import Cost, ExpertRequest, Limits
from poser.core.plan import Op

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "registry.yaml"
DOCS = (ROOT / "docs" / "experts.md").read_text(encoding="utf-8")


def test_the_example_loads_and_its_typesetter_works() -> None:
    registry = load_registry([EXAMPLE])
    assert registry["pocket/painter"].defaults["num_inference_steps"] == 16
    assert "guidance_scale" in registry["pocket/painter"].defaults
    assert "sdxl/base" not in registry
    assert check_expert(registry, "my/golden-title").ok


def test_the_large_models_of_the_example_are_valid_when_switched_on(tmp_path: Path) -> None:
    data = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    for entry in data["experts"]:
        entry.pop("enabled", None)
    path = tmp_path / "registry.yaml"
    path.write_text(yaml.safe_dump(data))
    registry = load_registry([path])
    for name in ("sdxl/base", "flux/schnell", "sd/instruct-pix2pix"):
        assert isinstance(registry.expert(name), DiffusersExpert)


@pytest.mark.parametrize(
    ("names", "prefix"),
    [
        (Entry.model_fields, ""),
        (Cost.model_fields, "cost."),
        (Limits.model_fields, "limits."),
        (LoadOptions.model_fields, ""),
        (Lora.model_fields, ""),
        (TextStyle.model_fields, ""),
        (get_args(Op), ""),
    ],
)
def test_the_docs_name_every_key(names: Sequence[str], prefix: str) -> None:
    missing = [name for name in names if f"`{prefix}{name}" not in DOCS]
    assert missing in ([], ["cost", "limits"])


def test_the_yaml_of_the_docs_is_valid(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)
    path = tmp_path / "registry.yaml"
    path.write_text(blocks[0])
    assert "my/painter" in load_registry([path], packages=False)
    path.write_text("experts:\n" + blocks[1])
    assert "flux/schnell" in load_registry([path], packages=False)
    for block in blocks[2:]:
        assert yaml.safe_load(block)["load"]["lora"]


def test_the_adapter_of_the_docs_works() -> None:
    blocks = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
    names: dict[str, Any] = {}
    exec(next(block for block in blocks if "class SketchExpert" in block), names)
    spec = load_registry()["pocket/painter"]
    request = ExpertRequest(expert=spec.id, task=spec.task, prompt="a cat")
    (made,) = names["SketchExpert"](spec).generate([request], MemoryPictures())
    assert made.image.size == (256, 256)
