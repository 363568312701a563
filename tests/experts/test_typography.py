"""Setting text: legible, spelled right, in a calm place, and never a box for a letter."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from experts.base import Generated
from experts.check import MemoryPictures
from experts.registry import load_registry
from experts.typography import TypographyExpert
from experts.typography.fonts import Font
from experts.typography.layout import fit
from poser.core.errors import ExpertError, RegistryError
from poser.core.expert import ExpertRequest, ExpertSpec

SPEC = load_registry()["typography"]


@pytest.fixture
def expert() -> TypographyExpert:
    return TypographyExpert(SPEC)


def write(
    expert: TypographyExpert, pictures: MemoryPictures, image: Image.Image, **params: Any
) -> Generated:
    request = ExpertRequest(
        expert=SPEC.id,
        task="image_to_image",
        prompt='add the text "Hello"',
        image=pictures.put(image).sha256,
        params={**SPEC.defaults, **params},
    )
    return expert.generate([request], pictures)[0]


def refusal(*args: Any, **params: Any) -> ExpertError:
    with pytest.raises(ExpertError) as caught:
        write(*args, **params)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)
    return caught.value


def changed(made: Image.Image, image: Image.Image) -> tuple[int, int, int, int]:
    """The box in which a picture differs visibly from another of any size."""
    before = np.asarray(image.resize(made.size, Image.Resampling.LANCZOS), dtype=np.int16)
    rows, columns = np.nonzero(np.abs(np.asarray(made, dtype=np.int16) - before).max(2) > 40)
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def test_the_same_text_gives_the_same_bytes(
    expert: TypographyExpert, pictures: MemoryPictures, photo: Image.Image
) -> None:
    first = write(expert, pictures, photo, text="Hello").image
    expert.close()
    assert write(expert, pictures, photo, text="Hello").image.tobytes() == first.tobytes()
    assert write(expert, pictures, photo, text="Hallo").image.tobytes() != first.tobytes()


def test_a_small_picture_is_enlarged_and_a_large_one_is_not(
    expert: TypographyExpert, pictures: MemoryPictures
) -> None:
    for size, min_side, result in [
        ((64, 64), 512, (512, 512)),
        ((64, 48), 512, (683, 512)),
        ((64, 64), 64, (64, 64)),
        ((900, 700), 512, (900, 700)),
        ((1, 1), 512, (512, 512)),
    ]:
        image = Image.new("RGB", size, (30, 90, 60))
        made = write(expert, pictures, image, text="Hi", min_side=min_side)
        assert made.image.size == result
        assert made.image.mode == "RGB"


@pytest.mark.parametrize(
    ("position", "low", "high"),
    [("top", 0.0, 0.35), ("centre", 0.35, 0.65), ("center", 0.35, 0.65), ("bottom", 0.65, 1.0)],
)
def test_positions(
    position: str, low: float, high: float, expert: TypographyExpert, pictures: MemoryPictures
) -> None:
    image = Image.new("RGB", (512, 512), (200, 220, 240))
    made = write(expert, pictures, image, text="Hello", position=position).image
    left, top, right, bottom = changed(made, image)
    assert low <= top / 512 < bottom / 512 <= high
    assert abs((left + right) / 2 - 256) < 12


@pytest.mark.parametrize("busy", ["top", "bottom"])
def test_the_calmest_band_is_found(
    busy: str, expert: TypographyExpert, pictures: MemoryPictures
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (250, 512, 3)).astype(np.uint8)
    image = Image.new("RGB", (512, 512), (200, 220, 240))
    image.paste(Image.fromarray(noise), (0, 0 if busy == "top" else 262))
    _, top, _, bottom = changed(write(expert, pictures, image, text="Hello").image, image)
    middle = (top + bottom) / 2
    assert (middle > 256) == (busy == "top")


@pytest.mark.parametrize("ground", [(0, 0, 0), (255, 255, 255), (128, 128, 128), (250, 210, 60)])
def test_letters_contrast_with_the_ground(
    ground: tuple[int, int, int], expert: TypographyExpert, pictures: MemoryPictures
) -> None:
    image = Image.new("RGB", (512, 512), ground)
    made = np.asarray(write(expert, pictures, image, text="Hello").image, dtype=np.int16)
    assert np.abs(made - np.array(ground)).max() > 100


def test_a_busy_ground_gets_a_backing(expert: TypographyExpert, pictures: MemoryPictures) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (512, 512, 3)).astype(np.uint8)
    made = write(expert, pictures, Image.fromarray(noise), text="Hello")
    assert made.details["backing"] == "panel"
    calm = write(expert, pictures, Image.new("RGB", (512, 512)), text="Hello")
    assert calm.details["backing"] == "shadow"


@pytest.mark.parametrize("backing", ["none", "shadow", "outline", "panel"])
def test_backings_and_colours(
    backing: str, expert: TypographyExpert, pictures: MemoryPictures, photo: Image.Image
) -> None:
    made = write(expert, pictures, photo, text="Hello", backing=backing, colour="#ffd700")
    assert made.details["backing"] == backing
    colours = {colour for _, colour in made.image.getcolors(1 << 20) or []}
    assert (255, 215, 0) in colours


def test_long_text_is_wrapped_evenly_and_nothing_is_lost(
    expert: TypographyExpert, pictures: MemoryPictures, photo: Image.Image
) -> None:
    text = "All the world's a stage, and all the men and women merely players; " * 3
    made = write(expert, pictures, photo, text=text)
    lines = made.details["lines"]
    assert " ".join(lines).split() == text.split()
    widths = [Font().at(40).getlength(line) for line in lines]
    assert min(widths[:-1]) > 0.6 * max(widths)


def test_line_breaks_are_kept(
    expert: TypographyExpert, pictures: MemoryPictures, photo: Image.Image
) -> None:
    text = "  Grand\tOpening \r\n\r\n\r\n\r\nToday\u200b 8\u00a0pm  "
    made = write(expert, pictures, photo, text=text)
    assert made.details["lines"] == ["Grand Opening", "", "Today 8 pm"]


def test_a_word_longer_than_the_picture(
    expert: TypographyExpert, pictures: MemoryPictures, photo: Image.Image
) -> None:
    made = write(expert, pictures, photo, text="x" * 100)
    assert "".join(made.details["lines"]) == "x" * 100
    short = write(expert, pictures, photo, text="Incomprehensibility")
    assert short.details["lines"] == ["Incomprehensibility"]


@pytest.mark.parametrize(
    "text", ["Łódź, Señor Ångström", "Привет, мир", "Γειά σου Κόσμε", "Tiếng Việt"]
)
def test_other_alphabets(
    text: str, expert: TypographyExpert, pictures: MemoryPictures, photo: Image.Image
) -> None:
    assert " ".join(write(expert, pictures, photo, text=text).details["lines"]) == text


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Party 🎉 now", "U+1F389"),
        ("漢字", "漢 (U+6F22)"),
        ("שלום", "U+05E9"),
        ("a\ue000b", "U+E000"),
    ],
)
def test_missing_glyphs_are_an_error_and_not_boxes(
    text: str, named: str, expert: TypographyExpert, pictures: MemoryPictures, photo: Image.Image
) -> None:
    error = refusal(expert, pictures, photo, text=text)
    assert (error.kind, error.retryable) == ("invalid_request", False)
    assert named in error.message
    assert "load.font" in error.remedy


@pytest.mark.parametrize(
    ("params", "part"),
    [
        ({}, "no text"),
        ({"text": ""}, "'text'"),
        ({"text": " \n\t "}, "nothing to set"),
        ({"text": 7}, "'text'"),
        ({"text": "x" * 601}, "600"),
        ({"text": "a\u0000"}, None),
        ({"text": "a\ud800"}, "'text'"),
        ({"text": "a", "position": "left"}, "top, centre, bottom"),
        ({"text": "a", "colour": "blurple"}, "colour"),
        ({"text": "a", "size": 3}, "size"),
        ({"text": "a", "size": 900}, "fit"),
        ({"text": "a", "min_side": 10**6}, "min_side"),
        ({"text": "a", "colr": "red"}, "did you mean 'colour'"),
        ({"text": "word " * 110, "min_side": 64}, "legible"),
    ],
)
def test_requests_that_cannot_be_served(
    params: dict[str, Any],
    part: str | None,
    expert: TypographyExpert,
    pictures: MemoryPictures,
    photo: Image.Image,
) -> None:
    if part is None:
        assert write(expert, pictures, photo, **params).details["lines"] == ["a"]
        return
    error = refusal(expert, pictures, photo, **params)
    assert error.kind == "invalid_request"
    assert part in str(error)


def test_extreme_pictures(expert: TypographyExpert, pictures: MemoryPictures) -> None:
    huge = Image.new("RGB", (3000, 2400), (20, 30, 60))
    assert write(expert, pictures, huge, text="Large").image.size == (3000, 2400)
    wide = Image.new("RGB", (3000, 100), (20, 30, 60))
    assert write(expert, pictures, wide, text="Wide").image.width <= SPEC.limits.max_side
    error = refusal(expert, pictures, Image.new("RGB", (1, 2000)), text="Too narrow for this")
    assert "fit" in error.message


def test_no_picture(expert: TypographyExpert, pictures: MemoryPictures) -> None:
    request = ExpertRequest(
        expert=SPEC.id, task="image_to_image", prompt="", params={"text": "Hello"}
    )
    with pytest.raises(ExpertError, match="none was given"):
        expert.generate([request], pictures)


def test_hints_for_other_experts_are_ignored(
    expert: TypographyExpert, pictures: MemoryPictures, photo: Image.Image
) -> None:
    plain = write(expert, pictures, photo, text="Hello")
    hinted = write(expert, pictures, photo, text="Hello", width=64, strength=0.3)
    assert plain.image.tobytes() == hinted.image.tobytes()


def changed_spec(**changes: Any) -> ExpertSpec:
    return ExpertSpec.model_validate({**SPEC.to_dict(), **changes})


def test_a_font_of_the_user(
    pictures: MemoryPictures, photo: Image.Image, tmp_path: Path, expert: TypographyExpert
) -> None:
    file = tmp_path / "mine.ttf"
    file.write_bytes(Path(Font().at(20).path).with_name("Manrope-Light.ttf").read_bytes())
    light = TypographyExpert(changed_spec(load={"font": str(file)}))
    made = write(light, pictures, photo, text="Hello").image
    assert made.tobytes() != write(expert, pictures, photo, text="Hello").image.tobytes()
    file.write_bytes(b"no font")
    error = refusal(TypographyExpert(light.spec), pictures, photo, text="Hello")
    assert error.kind == "unavailable"


def test_without_the_font_package(
    pictures: MemoryPictures, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "font_manrope", None)
    error = refusal(TypographyExpert(SPEC), pictures, photo, text="Hello")
    assert error.kind == "unavailable"
    assert "pip install font-manrope" in error.remedy


def test_wrong_entries() -> None:
    with pytest.raises(RegistryError, match="image_to_image only"):
        TypographyExpert(changed_spec(task="inpainting"))
    with pytest.raises(RegistryError, match=r"unknown key 'load\.fnt'"):
        TypographyExpert(changed_spec(load={"fnt": "x"}))
    with pytest.raises(RegistryError, match="not text"):
        TypographyExpert(changed_spec(load={"font": 7}))


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.characters(codec="latin-1", categories=["L", "N", "P", "Zs"]), max_size=120),
    st.integers(200, 900),
    st.integers(200, 900),
)
def test_whatever_fits_is_within_the_picture(text: str, width: int, height: int) -> None:
    text = " ".join(text.split())
    if not text:
        return
    font = Font()
    block = fit(text, font, width, height)
    if block is None:
        return
    assert block.width <= width
    assert block.height <= height
    assert "".join(block.lines).replace(" ", "") == text.replace(" ", "")
    assert fit(text, font, width, height) == block


def test_larger_pictures_get_larger_letters() -> None:
    font = Font()
    blocks = [fit("A day at the sea", font, side, side) for side in (256, 512, 1024)]
    sizes = [block.size for block in blocks if block is not None]
    assert all(small < large for small, large in pairwise(sizes))
    assert len(sizes) == 3


def test_drawn_letters_stay_within_the_picture(
    expert: TypographyExpert, pictures: MemoryPictures
) -> None:
    image = Image.new("RGB", (512, 512), (240, 240, 240))
    ImageDraw.Draw(image).rectangle((100, 100, 400, 400), fill=(200, 60, 60))
    for position in ("top", "bottom"):
        made = write(expert, pictures, image, text="jÅgpqy", position=position).image
        left, top, right, bottom = changed(made, image)
        assert min(left, top) > 4
        assert max(right, bottom) < 507


def test_a_text_without_spaces_is_set_without_measuring_it_over_and_over() -> None:
    measured = 0

    class Counting:
        def at(self, size: int) -> Any:
            outer = Font().at(size)

            class Face:
                def getlength(self, text: str) -> float:
                    nonlocal measured
                    measured += len(text)
                    return float(outer.getlength(text))

            return Face()

    block = fit("x" * 600, Counting(), 1024, 1024)  # type: ignore[arg-type]
    assert block is not None
    assert "".join(block.lines) == "x" * 600
    assert measured < 1_000_000  # letters; tens of millions by trying every cut
