"""What a registry file may hold, and what is said where it does not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from experts.document import MAX_BYTES
from experts.registry import load_registry
from poser.core.errors import RegistryError

GOOD = """\
version: 1
experts:
  - id: mine/painter
    adapter: typography
    task: image_to_image
"""


def message_of(path: Path) -> str:
    with pytest.raises(RegistryError) as caught:
        load_registry([path], packages=False)
    text = str(caught.value)
    assert "\n" not in text
    assert caught.value.remedy
    return text


def entry(*lines: str) -> str:
    return GOOD + "".join(f"    {line}\n" for line in lines)


BAD = {
    "unknown key": (entry("descripton: x"), 6, ["descripton", "did you mean 'description'"]),
    "unknown cost": (entry("cost: {usd: 1, euro: 2}"), 6, ["cost.euro", "usd"]),
    "unknown limit": (entry("limits:", "  max_sise: 2"), 7, ["did you mean 'max_side'"]),
    "unknown op": (entry("capabilities: {ad: 1.0}"), 6, ["unknown op", "'add'"]),
    "score above one": (entry("capabilities: {add: 7}"), 6, ["capabilities.add"]),
    "text for number": (entry("cost: {usd: '1'}"), 6, ["cost.usd", "number"]),
    "number for text": (entry("revision: 12345678"), 6, ["revision", "quotes"]),
    "bool for text": (entry("licence: no"), 6, ["licence", "quotes"]),
    "negative": (entry("cost: {usd: -1}"), 6, ["cost.usd"]),
    "not a number": (entry("cost: {usd: .nan}"), 6, ["finite"]),
    "unknown task": (GOOD.replace("image_to_image", "video"), 5, ["task", "text_to_image"]),
    "list for map": (entry("defaults: [1]"), 6, ["defaults"]),
    "null": (entry("source:"), 6, ["source"]),
    "vocabulary of numbers": (entry("vocabulary: [1, 2]"), 6, ["vocabulary"]),
    "vocabulary of nothing": (entry("vocabulary: some words"), 6, ["vocabulary", "module"]),
    "vocabulary not there": (entry("vocabulary: no.such:WORDS"), 6, ["no.such", "install"]),
    "bad id": (GOOD.replace("mine/painter", "My Painter"), 3, ["lower-case"]),
    "no id": ("experts:\n  - adapter: typography\n", 2, ["no 'id'"]),
    "no adapter": ("experts:\n  - id: x\n    task: inpainting\n", 2, ["'adapter' is missing"]),
    "no task": ("experts:\n  - id: x\n    adapter: diffusers\n", 2, ["'task' is missing"]),
    "duplicate id": (GOOD + GOOD.split("experts:\n")[1], 6, ["twice", "mine/painter", ":3"]),
    "duplicate key": (entry("task: inpainting"), 6, ["'task' stands twice", "line 5"]),
    "bad syntax": ("experts:\n  - id: x\n   task: [\n", 3, ["not valid YAML"]),
    "tab": ("experts:\n\t- id: x\n", 2, ["not valid YAML"]),
    "two documents": (GOOD + "---\n" + GOOD, 6, ["not valid YAML"]),
    "half a character": (entry('source: "\\ud800"'), 6, []),
    "python tag": (entry("source: !!python/object/apply:os.system [ls]"), 6, []),
    "binary tag": (entry("source: !!binary aGVsbG8="), 6, ["tag"]),
    "merge key": (entry("<<: {source: x}"), 6, ["<<"]),
    "alias to itself": ("experts: &a [*a]\n", 1, []),
    "undefined alias": ("experts: [*nowhere]\n", 1, ["alias"]),
    "list on top": ("- id: x\n", 1, ["not a mapping"]),
    "text on top": ("hello\n", 1, ["not a mapping"]),
    "other key on top": ("version: 1\nexpert: []\n", 2, ["did you mean 'experts'"]),
    "no experts": ("version: 1\n", 1, ["'experts' is missing"]),
    "experts no list": ("experts: {a: 1}\n", 1, ["not a list"]),
    "entry no mapping": ("experts:\n  - typography\n", 2, ["not a mapping"]),
    "later version": ("version: 2\nexperts: []\n", 1, ["version", "upgrade"]),
    "hub id without revision": (
        GOOD.replace("typography", "diffusers") + "    source: owner/model\n",
        6,
        ["not pinned", "40 hexadecimal"],
    ),
    "hub id with a branch": (
        GOOD.replace("typography", "diffusers") + "    source: a/b\n    revision: main\n",
        7,
        ["not pinned"],
    ),
    "neither folder nor hub": (
        GOOD.replace("typography", "diffusers") + "    source: https://me:secret@hub/x/y\n",
        6,
        ["neither a folder nor a hub id"],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_mistake_is_named_with_file_line_and_remedy(name: str, tmp_path: Path) -> None:
    text, line, parts = BAD[name]
    path = tmp_path / "registry.yaml"
    path.write_text(text)
    message = message_of(path)
    assert message.startswith(f"{path}:{line}:"), message
    for part in parts:
        assert part in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "empty"),
        (b"# only a comment\n", "empty"),
        (b"experts:\n  - id: \xff\xfe\n", ":2: not UTF-8"),
        (b"\x00\x01\x02", "not valid YAML"),
        (b"experts: " + b"[" * 5000, "not valid YAML"),
        (b"experts: " + b"[" * 30 + b"]" * 30, "nested too deeply"),
        (b"experts: " + b"[" * 3000 + b"]" * 3000, "nested too deeply"),
        (b"#" * (MAX_BYTES + 1), "larger than 1 MB"),
    ],
)
def test_a_file_that_is_no_registry(content: bytes, part: str, tmp_path: Path) -> None:
    path = tmp_path / "registry.yaml"
    path.write_bytes(content)
    message = message_of(path)
    assert part in message or "nested too deeply" in message


def test_a_yaml_bomb_is_refused_at_once(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join(lines))
    started = time.monotonic()
    assert "too many values" in message_of(path)
    assert time.monotonic() - started < 5


def test_aliases_within_bounds_are_welcome(tmp_path: Path) -> None:
    path = tmp_path / "registry.yaml"
    path.write_text(
        "experts:\n"
        "  - {id: a, adapter: typography, task: image_to_image, limits: &l {max_side: 512}}\n"
        "  - {id: b, adapter: typography, task: image_to_image, limits: *l}\n"
    )
    assert load_registry([path], packages=False)["b"].limits.max_side == 512


def test_folders_missing_files_and_unreadable_files(tmp_path: Path) -> None:
    assert "is a folder" in message_of(tmp_path)
    assert "no such file" in message_of(tmp_path / "none.yaml")
    assert "cannot be read" in message_of(tmp_path / "a\0b.yaml")
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    assert "cannot be read" in message_of(loop)


def test_dates_and_bom_are_text(tmp_path: Path) -> None:
    path = tmp_path / "registry.yaml"
    path.write_text("\ufeff" + entry("revision: 2026-01-02"), encoding="utf-8")
    assert load_registry([path], packages=False)["mine/painter"].revision == "2026-01-02"


def test_an_empty_list_of_experts_is_a_registry(tmp_path: Path) -> None:
    path = tmp_path / "registry.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "experts": []}))
    assert len(load_registry([path], packages=False)) == 0
