"""What is kept on disk: damaged or of another version it counts as absent, and is mended."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from envs.calling import Caller
from poser.core.expert import ExpertRequest
from poser.core.picture import ImageRef
from poser.store.calls import DiskCallRecord
from poser.store.images import DiskImageStore
from tests.compose.fakes import DRAW, HashCritic, Ledger, Painter

REQUEST = ExpertRequest(expert="draw", task="text_to_image", prompt="a cat")


def caller(root: Path, name: str) -> Caller:
    images = DiskImageStore(root / name / "images", DiskImageStore(root / "cache" / "images"))
    calls = DiskCallRecord(root / name / "calls", images, root / "cache" / "calls")
    ledger = Ledger(root / "ledger.txt")
    return Caller(lambda _: Painter(DRAW, ledger), HashCritic(ledger), images, calls)


def paid(root: Path) -> int:
    return len(Ledger(root / "ledger.txt").lines())


def test_a_damaged_picture_in_a_shared_cache_is_paid_for_once_more_and_no_more(
    tmp_path: Path,
) -> None:
    made, _ = caller(tmp_path, "a").call(REQUEST, 0)
    assert made.kind == "result"
    assert isinstance(made.image, ImageRef)
    shared = tmp_path / "cache" / "images" / f"{made.image.sha256}.png"
    shared.write_bytes(shared.read_bytes()[:40])
    for name in ("b", "c", "d"):
        assert caller(tmp_path, name).call(REQUEST, 0)[0].kind == "result"
    assert paid(tmp_path) == 2


def test_a_damaged_picture_of_a_run_is_read_from_the_cache(tmp_path: Path) -> None:
    behind = DiskImageStore(tmp_path / "cache")
    store = DiskImageStore(tmp_path / "run", behind)
    ref = store.put(Image.new("RGB", (4, 4), "red"))
    store.path(ref.sha256).write_bytes(b"no")
    assert store.get(ref.sha256).getpixel((0, 0)) == (255, 0, 0)
    assert store.path(ref.sha256).read_bytes() == behind.read(ref.sha256)


def test_a_finished_call_of_another_version_is_as_good_as_absent(tmp_path: Path) -> None:
    one = caller(tmp_path, "a")
    made, _ = one.call(REQUEST, 0)
    one.record.put(f"expert-{REQUEST.key}", {**made.to_dict(), "colour": "red"}, 0)
    assert one.recorded(REQUEST, 0) is None
    assert one.call(REQUEST, 0)[0].kind == "result"
    assert paid(tmp_path) == 2
