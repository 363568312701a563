"""The corpus of bad input: one clear line with the remedy, the documented exit code, no debris."""

from __future__ import annotations

import json
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poser.compose.inputs import MAX_IMAGE_PIXELS, check_prompt, read_picture, read_prompt
from poser.core.errors import InvalidImageError, InvalidPromptError, PoserError, StorageError
from poser.store.files import write_bytes
from tests.cli.conftest import Poser

PROMPTS = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\t ", "is empty"),
    "byte order mark only": (b"\xef\xbb\xbf", "is empty"),
    "huge": (b"a cat and a dog. " * 6200, "longer than"),
    "binary": (b"\x7fELF\x02\x01\x01\x00\x00", "control characters"),
    "png": (b"\x89PNG\r\n\x1a\n\x00\x00", "not UTF-8"),
    "latin-1": ("une forêt".encode("latin-1"), "not UTF-8"),
    "utf-16": ("a cat".encode("utf-16"), "not UTF-8"),
    "nul": (b"a cat\x00 and a dog", "control characters"),
    "punctuation only": (b"... !!! ???", ""),
}


@pytest.mark.parametrize("name", PROMPTS)
def test_bad_prompts(name: str, tmp_path: Path, poser: Poser) -> None:
    data, said = PROMPTS[name]
    (tmp_path / "prompt.txt").write_bytes(data)
    finished = poser("compose", "prompt.txt")
    assert finished.returncode == 3, finished.stderr
    assert_one_line(finished.stderr, said)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", ["empty", "binary", "huge"])
def test_bad_prompts_on_standard_input(name: str, poser: Poser) -> None:
    data, said = PROMPTS[name]
    finished = poser("plan", "-", stdin=data)
    assert finished.returncode == 3
    assert_one_line(finished.stderr, said)


def test_a_prompt_given_as_words_is_told_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(InvalidPromptError, match="poser compose -"):
        read_prompt("a cat on a mat")
    with pytest.raises(InvalidPromptError, match="cannot read"):
        read_prompt(str(tmp_path))


def test_a_good_prompt_is_stripped_and_kept() -> None:
    assert check_prompt("\ufeff  a café, 一只猫 🐈\n".encode()) == "a café, 一只猫 🐈"


def png_claiming(width: int, height: int) -> bytes:
    """A tiny file whose header claims an enormous picture."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\x00" * 100))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def bad_pictures() -> dict[str, tuple[bytes, str]]:
    still = Image.effect_noise((64, 64), 50).convert("RGB")
    frames = {"save_all": True, "append_images": [Image.new("RGB", (8, 8), "red")]}
    first = Image.new("RGB", (8, 8), "blue")
    return {
        "empty": (b"", "not a picture"),
        "text": (b"hello", "not a picture"),
        "truncated": (encoded(still, "PNG")[:600], "broken"),
        "truncated jpeg": (encoded(still, "JPEG")[:700], "broken"),
        "bomb": (png_claiming(60_000, 60_000), "pixels"),
        "too wide": (png_claiming(20_000, 10), "on a side"),
        "just too large": (png_claiming(MAX_IMAGE_PIXELS // 1000 + 1, 1000), "pixels"),
        "animated gif": (encoded(first, "GIF", **frames), "animated"),
        "animated webp": (encoded(first, "WEBP", **frames), "animated"),
        "animated png": (encoded(first, "PNG", **frames), "animated"),
        "pages": (encoded(first, "TIFF", **frames), "animated"),
        "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        "pickle": (b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07", "not a picture"),
    }


@pytest.mark.parametrize("name", bad_pictures())
def test_bad_pictures(name: str, tmp_path: Path) -> None:
    data, said = bad_pictures()[name]
    (tmp_path / "picture").write_bytes(data)
    with pytest.raises(InvalidImageError, match=said) as caught:
        read_picture(tmp_path / "picture")
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_bad_pictures_on_the_command_line(tmp_path: Path, poser: Poser) -> None:
    (tmp_path / "prompt.txt").write_text("add a cat")
    (tmp_path / "a.png").write_bytes(encoded(Image.new("RGB", (64, 64)), "PNG"))
    (tmp_path / "mask.png").write_bytes(encoded(Image.new("L", (32, 32)), "PNG"))
    for options, said in (
        (["--image", "missing.png"], "no picture"),
        (["--image", "prompt.txt"], "not a picture"),
        (["--mask", "mask.png"], "--image"),
        (["--image", "a.png", "--mask", "mask.png"], "mask has"),
    ):
        finished = poser("compose", "prompt.txt", *options)
        assert finished.returncode == 4, finished.stderr
        assert_one_line(finished.stderr, said)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I;16", "LA"])
def test_pictures_of_every_mode_become_rgb(mode: str, tmp_path: Path) -> None:
    kind = "TIFF" if mode in ("CMYK", "I;16") else "PNG"
    (tmp_path / "picture").write_bytes(encoded(Image.new(mode, (8, 6)), kind))
    image = read_picture(tmp_path / "picture")
    assert (image.mode, image.size) == ("RGB", (8, 6))


def test_transparency_becomes_white_and_exif_rotation_is_applied(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert read_picture(tmp_path / "clear.png").getpixel((0, 0)) == (255, 255, 255)
    rotated = Image.new("RGB", (8, 4))
    exif = rotated.getexif()
    exif[0x0112] = 6
    rotated.save(tmp_path / "rotated.jpg", exif=exif)
    assert read_picture(tmp_path / "rotated.jpg").size == (4, 8)


def test_sixteen_bits_become_eight_and_what_is_transparent_is_black_in_a_mask(
    tmp_path: Path,
) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, 0)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    for mode in ("RGB", "L"):
        read = np.asarray(read_picture(tmp_path / "ramp.png", mode=mode))
        assert read.reshape(4, 256, -1)[0, :, 0].tolist() == list(range(256))
    strokes = Image.new("RGBA", (4, 2), (255, 255, 255, 0))
    strokes.putpixel((1, 1), (255, 255, 255, 255))
    strokes.save(tmp_path / "mask.png")
    mask = read_picture(tmp_path / "mask.png", mode="L")
    assert (mask.mode, np.asarray(mask).tolist()) == ("L", [[0] * 4, [0, 255, 0, 0]])


@pytest.mark.parametrize("mode", ["I", "F"])
def test_values_whose_white_nobody_knows_are_refused(mode: str, tmp_path: Path) -> None:
    Image.new(mode, (4, 4), 1).save(tmp_path / "picture.tiff")
    with pytest.raises(InvalidImageError, match="32 bits"):
        read_picture(tmp_path / "picture.tiff")


def test_the_picture_of_a_camera_is_read_and_its_preview_is_not(tmp_path: Path) -> None:
    first, preview = (Image.new("RGB", (8, 6), colour) for colour in ("red", "blue"))
    first.save(tmp_path / "camera.jpg", format="MPO", save_all=True, append_images=[preview])
    red, _, blue = read_picture(tmp_path / "camera.jpg").getpixel((0, 0))  # type: ignore[misc]
    assert red > 200 > 50 > blue


def test_what_a_terminal_cannot_show_is_no_error(
    tmp_path: Path, poser: Poser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    for command in (["plan", "-"], ["plan", "-", "--json"]):
        finished = poser(*command, stdin='a cat with the words "Łódź 猫 🐈"'.encode())
        assert finished.returncode == 0, finished.stderr
    assert "Łódź 猫 🐈" in json.loads(finished.stdout)["prompt"]


REGISTRIES = {
    "not yaml": ("experts: [", 5),
    "a list": ("- id: x", 5),
    "unknown key": ("experts:\n- id: x\n  adapter: diffusers\n  taks: text_to_image\n", 5),
    "wrong type": (
        "experts:\n- id: x\n  adapter: typography\n  task: image_to_image\n  cost: dear\n",
        5,
    ),
    "unknown task": ("experts:\n- id: x\n  adapter: diffusers\n  task: text_to_music\n", 5),
    "twice": (
        "experts:\n" + 2 * "- id: x\n  adapter: typography\n  task: image_to_image\n",
        5,
    ),
}


@pytest.mark.parametrize("name", REGISTRIES)
def test_bad_registries(name: str, tmp_path: Path, poser: Poser) -> None:
    text, code = REGISTRIES[name]
    (tmp_path / "prompt.txt").write_text("a cat")
    (tmp_path / "registry.yaml").write_text(text)
    finished = poser("compose", "prompt.txt", "--registry", "registry.yaml")
    assert finished.returncode == code, finished.stderr
    assert_one_line(finished.stderr, "registry.yaml")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["compose", "prompt.txt", "--policy", "ruoter"], 2, "did you mean 'router'"),
        (["compose", "prompt.txt", "--critic", "nowhere"], 7, "holds no critic"),
        (["compose", "prompt.txt", "--registry", "nowhere.yaml"], 5, "nowhere.yaml"),
        (["compose", "--resume", "nothing"], 9, "no run"),
        (["runs", "show", "x" * 300], 9, "no run"),
        (["compose", "prompt.txt", "--critic", "x" * 300], 7, "holds no critic"),
        (["compose", "prompt.txt", "--cache", "prompt.txt/c"], 10, "cannot write"),
        (["runs", "show", "nothing"], 9, "no run"),
        (["experts", "show", "pocket/editr"], 5, "did you mean"),
        (["compose", "prompt.txt", "--out", "no/such/folder/x.png"], 10, "no folder"),
        (["compose", "prompt.txt", "--runs", "prompt.txt/runs"], 10, "cannot write"),
        (["compose", "prompt.txt", "--runs", "/proc/runs"], 10, "cannot write"),
    ],
)
def test_unknown_names_and_folders(
    arguments: list[str], code: int, said: str, tmp_path: Path, poser: Poser
) -> None:
    (tmp_path / "prompt.txt").write_text("a cat")
    finished = poser(*arguments)
    assert finished.returncode == code, finished.stderr
    assert_one_line(finished.stderr, said)


@pytest.mark.parametrize(
    "arguments",
    [
        ["compose"],
        ["compose", "prompt.txt", "--out", "x.tiff"],
        ["compose", "prompt.txt", "--seed", "-1"],
        ["compose", "prompt.txt", "--budget", "lots"],
        ["compose", "prompt.txt", "--max-steps", "0"],
        ["compose", "prompt.txt", "--resume", "x"],
        ["compose", "--resume", "x", "--policy", "random"],
        ["compose", "--resume", "x", "--seed", "0"],
        ["compose", "--resume", "x", "--no-finish"],
        ["compose", "prompt.txt", "--budget", "inf"],
        ["compose", "prompt.txt", "--usd-per-second", "nan"],
        ["compose", "--resume", "x", "--usd-per-second", "0.1"],
        ["compose", "-", "-i"],
    ],
)
def test_wrong_usage(arguments: list[str], tmp_path: Path, poser: Poser) -> None:
    (tmp_path / "prompt.txt").write_text("a cat")
    finished = poser(*arguments)
    assert finished.returncode == 2
    assert "Traceback" not in finished.stderr
    assert not (tmp_path / "runs").exists()


def test_a_cap_below_the_cheapest_call_says_so(tmp_path: Path, poser: Poser) -> None:
    (tmp_path / "prompt.txt").write_text("a red car")
    (tmp_path / "dear.yaml").write_text(
        "version: 1\nexperts:\n"
        + "".join(
            f"- {{id: pocket/{name}, cost: {{usd: 1.0}}}}\n"
            for name in ("painter", "counter", "layout")
        )
    )
    finished = poser("compose", "prompt.txt", "-r", "dear.yaml", "--budget", "0.5", "--quiet")
    assert finished.returncode == 8, finished.stderr
    estimate, error = finished.stderr.strip().splitlines()
    assert estimate == "estimated spend: at least $1.00, more than the cap $0.50"
    assert_one_line(error, "--budget")


def test_a_failed_write_leaves_the_old_file_and_no_debris(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "file"
    write_bytes(target, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="disk is full"):
        write_bytes(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_every_error_of_ours_is_one_line() -> None:
    error = PoserError("two\nlines", remedy="and\n  more")
    assert str(error) == "two lines (and more)"


def assert_one_line(stderr: str, said: str) -> None:
    lines = stderr.strip().splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("poser: ")
    assert said in lines[0]
    assert len(lines[0]) < 600
