"""Merging, looking up, third parties, fingerprints."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from experts.adapters import adapter_names
from experts.base import Generated
from experts.registry import Registry, load_registry
from poser.core.errors import RegistryError, UnknownExpertError
from poser.core.expert import ExpertRequest, ExpertSpec
from poser.core.picture import ImageSource

BASE = """\
experts:
  - id: mine/editor
    adapter: typography
    task: image_to_image
    defaults: {min_side: 512, position: top}
    capabilities: {text: 0.5, other: 0.1}
    cost: {usd: 0.5, seconds: 2}
    licence: MIT
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_later_file_changes_only_what_it_states(tmp_path: Path) -> None:
    first = write(tmp_path / "a.yaml", BASE)
    second = write(
        tmp_path / "b.yaml",
        "experts:\n  - id: mine/editor\n    defaults: {position: bottom}\n"
        "    cost: {usd: 0}\n    description: Mine.\n",
    )
    registry = load_registry([first, second], packages=False)
    spec = registry["mine/editor"]
    assert spec.defaults == {"min_side": 512, "position": "bottom"}
    assert (spec.cost.usd, spec.cost.seconds) == (0.0, 2.0)
    assert spec.capabilities == {"text": 0.5, "other": 0.1}
    assert (spec.licence, spec.description) == ("MIT", "Mine.")
    assert registry.origin("mine/editor") == f"{first}:2, then {second}:2"


def test_a_mistake_in_an_override_names_the_override(tmp_path: Path) -> None:
    first = write(tmp_path / "a.yaml", BASE)
    second = write(tmp_path / "b.yaml", "experts:\n  - id: mine/editor\n    cost: {usd: -1}\n")
    with pytest.raises(RegistryError, match=r"b\.yaml:3: .*cost\.usd"):
        load_registry([first, second], packages=False)


def test_an_override_of_nothing_says_what_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", "experts:\n  - id: mine/edtor\n    cost: {usd: 1}\n")
    with pytest.raises(RegistryError, match=r"'adapter' is missing.*check the id"):
        load_registry([path], packages=False)


def test_an_expert_can_be_switched_off_and_on(tmp_path: Path) -> None:
    base = write(tmp_path / "a.yaml", BASE)
    off = write(tmp_path / "off.yaml", "experts:\n  - {id: mine/editor, enabled: false}\n")
    on = write(tmp_path / "on.yaml", "experts:\n  - {id: mine/editor, enabled: true}\n")
    assert "mine/editor" not in load_registry([base, off], packages=False)
    assert "mine/editor" in load_registry([base, off, on], packages=False)


def test_unknown_ids_name_the_nearest(tmp_path: Path) -> None:
    registry = load_registry([write(tmp_path / "a.yaml", BASE)], packages=False)
    with pytest.raises(UnknownExpertError, match="did you mean 'mine/editor'"):
        registry["mine/edtor"]
    with pytest.raises(UnknownExpertError, match="mine/editor"):
        registry.expert("editor")
    with pytest.raises(UnknownExpertError):
        registry.origin("x" * 500)


def test_sources_are_relative_to_the_file(tmp_path: Path) -> None:
    weights = tmp_path / "deep" / "weights"
    weights.mkdir(parents=True)
    (weights / "model.safetensors").write_bytes(b"1" * 10_000)
    text = "experts:\n  - {id: a, adapter: diffusers, task: inpainting, source: %s}\n"
    for source in ("weights", "./weights", "../deep/weights"):
        path = write(tmp_path / "deep" / "registry.yaml", text % source)
        spec = load_registry([path], packages=False)["a"]
        assert spec.source == str(weights)
        assert spec.revision.startswith("content-")
    path = write(tmp_path / "deep" / "registry.yaml", text % "./not_there")
    assert load_registry([path], packages=False)["a"].revision == ""


def test_a_new_source_does_not_keep_the_old_revision(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    text = (
        "experts:\n  - {id: a, adapter: diffusers, task: inpainting, source: o/m, revision: '%s'}\n"
    )
    base = write(tmp_path / "a.yaml", text % ("0" * 40))
    over = write(tmp_path / "b.yaml", "experts:\n  - {id: a, source: ./weights}\n")
    assert load_registry([base], packages=False)["a"].revision == "0" * 40
    assert load_registry([base, over], packages=False)["a"].revision.startswith("content-")


def test_the_fingerprint_follows_the_content_and_not_the_place(tmp_path: Path) -> None:
    text = (
        "experts:\n  - id: a\n    adapter: diffusers\n    task: inpainting\n"
        "    source: ./w\n    load: {lora: ./l.safetensors, dtype: %s}\n"
        "    vocabulary: [cat, dog, bird]\n"
    )

    def make(place: str, weights: bytes, lora: bytes, dtype: str = "auto") -> Registry:
        folder = tmp_path / place
        (folder / "w").mkdir(parents=True, exist_ok=True)
        (folder / "w" / "model.safetensors").write_bytes(weights)
        (folder / "l.safetensors").write_bytes(lora)
        return load_registry([write(folder / "r.yaml", text % dtype)], packages=False)

    one = make("one", b"a" * 99_999, b"l")
    same = make("two", b"a" * 99_999, b"l")
    assert one.fingerprint == same.fingerprint
    assert one["a"].fingerprint == same["a"].fingerprint
    others = [
        make("three", b"b" * 99_999, b"l"),
        make("four", b"a" * 99_999, b"m"),
        make("five", b"a" * 99_999, b"l", "float32"),
    ]
    assert len({r["a"].fingerprint for r in (one, *others)}) == 4
    assert len({r.fingerprint for r in (one, *others)}) == 4


def test_the_fingerprint_is_the_same_in_another_process(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", BASE + "    vocabulary: [zebra, cat, dog, bird, cow]\n")
    code = (
        "import sys; from pathlib import Path; from experts.registry import load_registry; "
        "print(load_registry([Path(sys.argv[1])], packages=False).fingerprint)"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(3)
    }
    assert runs == {load_registry([path], packages=False).fingerprint + "\n"}


def test_the_vocabulary_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "zoo_words.py", "WORDS = ['Cat', 'dog']\nNUMBERS = [1]\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    path = write(tmp_path / "a.yaml", BASE + "    vocabulary: zoo_words:WORDS\n")
    registry = load_registry([path], packages=False)
    assert registry["mine/editor"].vocabulary == {"cat", "dog"}
    for name, reason in (("NONE", "has no"), ("NUMBERS", "does not hold words")):
        path = write(tmp_path / "a.yaml", BASE + f"    vocabulary: zoo_words:{name}\n")
        with pytest.raises(RegistryError, match=f"a.yaml:9: .*{reason}"):
            load_registry([path], packages=False)


class Echo:
    """An expert that counts how often it is made and closed."""

    made = closed = 0

    def __init__(self, spec: ExpertSpec) -> None:
        self.spec = spec
        type(self).made += 1

    def generate(self, requests: Sequence[ExpertRequest], images: ImageSource) -> list[Generated]:
        raise AssertionError("not called")

    def close(self) -> None:
        type(self).closed += 1


def install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, points: str, module: str = ""
) -> None:
    """Installs a package of a third party: its metadata and one module."""
    info = folder / f"{name}-1.0.dist-info"
    write(info / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    write(info / "entry_points.txt", points)
    write(folder / f"{name}.py", module)
    monkeypatch.syspath_prepend(str(folder))


def test_third_parties_bring_adapters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = f"[poser.adapters]\necho = {__name__}:Echo\nbroken = no_such_module:X\n"
    install(tmp_path, monkeypatch, "echo_adapter", points)
    text = BASE.replace("typography", "echo")
    registry = load_registry([write(tmp_path / "a.yaml", text)], packages=False)
    Echo.made = Echo.closed = 0
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(registry.expert("mine/editor")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1
    with registry:
        pass
    assert (Echo.made, Echo.closed) == (1, 1)
    registry.expert("mine/editor")
    assert Echo.made == 2
    assert "echo" in adapter_names()
    broken = load_registry(
        [write(tmp_path / "b.yaml", text.replace("echo", "broken"))], packages=False
    )
    with pytest.raises(RegistryError, match="does not import"):
        broken.expert("mine/editor")
    unknown = load_registry(
        [write(tmp_path / "c.yaml", text.replace("echo", "ecco"))], packages=False
    )
    with pytest.raises(RegistryError, match=r"c\.yaml:2: no adapter 'ecco'.*did you mean 'echo'"):
        unknown.expert("mine/editor")


def test_third_parties_bring_experts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = (
        "from pathlib import Path\n"
        "def path(): return Path(__file__).with_name('zoo.yaml')\n"
        "def words(): return Path(__file__).with_name('bad.yaml')\n"
        "def crash(): raise RuntimeError('boom')\n"
        "def number(): return 7\n"
    )
    points = "[poser.experts]\na = zoo_experts:path\nb = zoo_experts:words\n"
    points += "c = zoo_experts:crash\nd = zoo_experts:number\ne = zoo_experts:nothing\n"
    install(tmp_path, monkeypatch, "zoo_experts", points, module)
    write(
        tmp_path / "zoo.yaml", BASE.replace("mine/", "zoo/") + BASE[9:].replace("mine/", "pocket/")
    )
    write(tmp_path / "bad.yaml", "experts: [{id: bad/one, adaptr: x}]\n")
    registry = load_registry()
    assert registry["zoo/editor"].licence == "MIT"
    assert registry["pocket/editor"].adapter == "diffusers"  # the first to state an id keeps it
    text = "\n".join(registry.warnings)
    assert "'pocket/editor' of package 'zoo_experts' is left out" in text
    assert "boom" in text
    assert "unknown key 'adaptr'" in text
    assert "bad/one" not in registry
    assert all("\n" not in line for line in registry.warnings)


def test_a_broken_package_is_reported_and_the_rest_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    install(tmp_path, monkeypatch, "sad_experts", "[poser.experts]\na = not_there:path\n")
    with caplog.at_level(logging.WARNING, logger="poser.experts"):
        registry = load_registry()
    assert "typography" in registry
    assert any("sad_experts" in record.message for record in caplog.records)


def test_the_built_in_experts_come_through_the_same_door() -> None:
    registry = load_registry()
    assert {"typography", "pocket/painter", "pocket/editor"} <= set(registry)
    assert not registry.warnings
    for spec in registry.values():
        assert spec.licence
        assert spec.description
        assert spec.adapter in adapter_names()
    assert registry["typography"].capabilities == {"text": 1.0}
    assert "cat" in (registry["pocket/editor"].vocabulary or ())


def test_loading_is_light() -> None:
    code = (
        "import sys, time; from experts.registry import load_registry; load_registry(); "
        "clock = lambda t=time.perf_counter: (t(), load_registry(), t()); "
        "d = min(b - a for a, _, b in (clock() for _ in range(5))); r = load_registry(); "
        "heavy = {'torch', 'diffusers', 'transformers', 'PIL', 'numpy'} & set(sys.modules); "
        "print(d, sorted(heavy)); [r.expert(i) for i in r]; print('torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = out.stdout.splitlines()
    seconds, heavy = first.split(" ", 1)
    assert heavy == "[]"
    assert second == "False"
    assert float(seconds) < 0.1
