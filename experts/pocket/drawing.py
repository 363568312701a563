"""Pixels of scenes: backgrounds, sprites on them, and the treatment of the whole.

A scene gives the same pixels at every call, and the same layout at every scale.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from experts.pocket import world
from experts.pocket.scenes import Scene
from experts.pocket.sprites import SpriteSheet, oklab_to_rgb

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

SIZE: Final = world.NATIVE_SIZE

_PLAIN: Final[dict[str, tuple[float, float, float]]] = {
    "white": (0.98, 0.004, 90.0),
    "blue": (0.72, 0.12, 245.0),
    "green": (0.78, 0.14, 148.0),
    "yellow": (0.92, 0.13, 100.0),
    "red": (0.62, 0.19, 25.0),
    "purple": (0.62, 0.15, 305.0),
    "pink": (0.85, 0.09, 355.0),
    "black": (0.17, 0.005, 270.0),
}


@lru_cache(maxsize=8)
def _grid(side: int) -> tuple[Floats, Floats]:
    line = np.linspace(0, 1, side, dtype=np.float32)
    return line[:, None, None], line[None, :, None]


def _dot(canvas: Floats, x: int, y: int, colour: Floats, scale: int) -> Floats:
    """A dot of one native pixel, round where there are pixels enough."""
    if scale == 1:
        canvas[y, x] = colour
        return canvas
    span = (np.arange(scale) + 0.5) / scale * 2 - 1
    inside = span[:, None] ** 2 + span[None, :] ** 2 <= 1
    canvas[y * scale : (y + 1) * scale, x * scale : (x + 1) * scale][inside] = colour
    return canvas


def _rgb(*values: float) -> Floats:
    return np.array(values, np.float32) / np.float32(255)


def _blend(top: Floats, bottom: Floats, share: Floats) -> Floats:
    out: Floats = top + (bottom - top) * share
    return out


def draw_background(name: str, seed: int, scale: int = 1) -> Floats:
    """Draws a background.

    Args:
        name: One of `world.BACKGROUNDS`.
        seed: Varies shade, horizon, sun, stars.
        scale: Pixels for each native one.

    Returns:
        Array (64 * scale, 64 * scale, 3), sRGB in [0, 1].
    """
    rng = np.random.default_rng(seed)
    side = SIZE * scale
    rows, cols = _grid(side)
    if name in _PLAIN:
        light, chroma, hue = _PLAIN[name]
        angle = np.deg2rad(hue + rng.uniform(-5, 5))
        light += rng.uniform(-0.02, 0.015)
        lab = np.array([light, chroma * np.cos(angle), chroma * np.sin(angle)], np.float32)
        tilt = (rows - 0.5) * np.float32(rng.uniform(-0.05, 0.05)) * np.array([1.0, 0, 0])
        return oklab_to_rgb((np.broadcast_to(lab, (side, side, 3)) + tilt).astype(np.float32))
    horizon = np.float32(rng.uniform(0.45, 0.62))
    wave = np.sin(cols * rng.uniform(4, 9) + rng.uniform(0, 6)).astype(np.float32)
    if name == "beach":
        sky = _blend(_rgb(150, 215, 250), _rgb(205, 238, 252), rows / horizon)
        sea = _blend(_rgb(40, 150, 205), _rgb(90, 200, 215), (rows - horizon) / 0.2)
        sand = _blend(_rgb(245, 222, 165), _rgb(232, 200, 135), (rows - 0.7) / 0.3)
        shore = horizon + 0.14 + 0.015 * wave
        out = np.where(horizon - 0.08 > rows, sky, np.where(shore > rows, sea, sand))
    elif name == "meadow":
        sky = _blend(_rgb(135, 205, 250), _rgb(210, 240, 255), rows / horizon)
        grass = _blend(_rgb(140, 205, 85), _rgb(70, 155, 60), (rows - horizon) / (1 - horizon))
        out = np.where(horizon + 0.04 * wave > rows, sky, grass)
    elif name == "night sky":
        out = _blend(_rgb(12, 14, 45), _rgb(45, 45, 105), rows * np.ones_like(cols))
        for _ in range(int(rng.integers(24, 36))):
            x, y = rng.integers(0, SIZE, 2)
            glow = _rgb(255, 250, 220) * np.float32(rng.uniform(0.7, 1))
            out = _dot(out, x, y, glow, scale)
    elif name == "sunset":
        top = _blend(_rgb(85, 50, 120), _rgb(240, 110, 90), np.clip(rows / 0.4, 0, 1))
        out = _blend(top, _rgb(255, 190, 90), np.clip((rows - 0.35) / 0.3, 0, 1))
        cx, cy, radius = rng.uniform(0.25, 0.75), horizon + 0.06, rng.uniform(0.1, 0.14)
        disc = (cols - cx) ** 2 + (rows - cy) ** 2 < radius**2
        out = np.where(disc, _rgb(255, 235, 150), out * np.ones_like(cols))
        ground = _blend(_rgb(95, 45, 85), _rgb(55, 25, 60), (rows - 0.7) / 0.3)
        out = np.where(horizon + 0.12 < rows, ground, out)
    elif name == "snow":
        sky = _blend(_rgb(175, 195, 220), _rgb(215, 225, 238), rows / horizon)
        drift = _blend(_rgb(250, 252, 255), _rgb(222, 232, 246), (rows - horizon) / (1 - horizon))
        out = np.where(horizon + 0.05 * wave > rows, sky, drift)
        for _ in range(int(rng.integers(25, 40))):
            x, y = rng.integers(0, SIZE, 2)
            out = _dot(out, x, y, _rgb(255, 255, 255), scale)
    else:
        raise ValueError(f"unknown background {name!r}")
    picture: Floats = np.clip(np.broadcast_to(out, (side, side, 3)), 0, 1).astype(np.float32)
    return picture


def render(sheet: SpriteSheet, scene: Scene, scale: int = 1) -> Bytes:
    """Draws a scene.

    Args:
        sheet: The sprites.
        scene: What to draw; later things cover earlier ones.
        scale: Pixels for each native one; the same scene in more detail.

    Returns:
        Array (64 * scale, 64 * scale, 3), sRGB, 0 to 255.
    """
    side = SIZE * scale
    canvas = draw_background(scene.background, scene.background_seed, scale).copy()
    for thing in scene.things:
        sprite = sheet.cut(thing.noun, thing.colour, thing.size * scale, thing.flip)
        height, width = sprite.shape[:2]
        # Placed by the native pixel, so that every scale shows the same layout.
        small = sheet.cut(thing.noun, thing.colour, thing.size, thing.flip).shape
        left = round(thing.x - small[1] / 2) * scale
        top = round(thing.y - small[0] / 2) * scale
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + width, side), min(top + height, side)
        if x0 >= x1 or y0 >= y1:
            continue
        part = sprite[y0 - top : y1 - top, x0 - left : x1 - left]
        area = canvas[y0:y1, x0:x1]
        canvas[y0:y1, x0:x1] = part[..., :3] + area * (1 - part[..., 3:])
    if scene.style is not None:
        canvas = stylise(canvas, scene.style, scene.background_seed, scale)
    return np.rint(np.clip(canvas, 0, 1) * 255).astype(np.uint8)


def in_style(image: Bytes, style: str, seed: int) -> Bytes:
    """A picture (64, 64, 3) put into a style as drawings are; see `stylise`."""
    treated = stylise((image / 255).astype(np.float32), style, seed)
    return np.rint(np.clip(treated, 0, 1) * 255).astype(np.uint8)


def grain_of(seed: int) -> Floats:
    """The grain of a sheet of paper: (`world.GRAINS`, `world.GRAINS`), of unit variance."""
    rng = np.random.default_rng([seed, 7])
    return rng.normal(0, 1, (world.GRAINS, world.GRAINS)).astype(np.float32)


def stylise(picture: Floats, style: str, seed: int, scale: int = 1) -> Floats:
    """Treats a whole picture.

    Args:
        picture: Array (side, side, 3), sRGB in [0, 1].
        style: One of `world.STYLES`: "pixel art" has blocks of two native pixels in few shades;
            "watercolor" pale, soft colours on rough paper; "comic" flat colours and dark outlines.
        seed: Of the paper's grain.
        scale: Pixels for each native one.

    Returns:
        A new array of the same shape.

    Raises:
        ValueError: The style is unknown.
    """
    side = picture.shape[0]
    if style == "pixel art":
        block = 2 * scale
        cells = picture.reshape(side // block, block, side // block, block, 3).mean((1, 3))
        flat = np.rint(cells * 5) / 5
        blocks: Floats = flat.repeat(block, 0).repeat(block, 1).astype(np.float32)
        return blocks
    image = Image.fromarray(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8))
    if style == "watercolor":
        soft = np.asarray(image.filter(ImageFilter.GaussianBlur(0.6 * scale)), np.float32) / 255
        coarse = Image.fromarray(grain_of(seed))
        grain = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))
        grey = soft.mean(-1, keepdims=True)
        pale = 0.42 + 0.58 * (grey + 0.85 * (soft - grey))
        washed: Floats = np.clip(pale + 0.035 * grain[..., None], 0, 1).astype(np.float32)
        return washed
    if style == "comic":
        smooth = np.asarray(image.filter(ImageFilter.GaussianBlur(0.5 * scale)), np.float32) / 255
        across = np.abs(np.roll(smooth, -scale, 1) - np.roll(smooth, scale, 1)).max(-1)
        down = np.abs(np.roll(smooth, -scale, 0) - np.roll(smooth, scale, 0)).max(-1)
        across[:, :scale] = across[:, -scale:] = 0
        down[:scale] = down[-scale:] = 0
        edge = np.clip((np.hypot(across, down) - 0.22) / 0.12, 0, 1)[..., None]
        grey = smooth.mean(-1, keepdims=True)
        vivid = np.clip(grey + 1.35 * (smooth - grey), 0, 1)
        flat = np.rint(vivid * 4) / 4
        inked: Floats = (flat * (1 - edge) + 0.05 * edge).astype(np.float32)
        return inked
    raise ValueError(f"unknown style {style!r}")


def mask_of(sheet: SpriteSheet, scene: Scene) -> NDArray[np.int16]:
    """Which thing each pixel shows: (64, 64), index into `scene.things`, -1 for background."""
    out = np.full((SIZE, SIZE), -1, np.int16)
    for index, thing in enumerate(scene.things):
        sprite = sheet.cut(thing.noun, thing.colour, thing.size, thing.flip)
        height, width = sprite.shape[:2]
        left, top = round(thing.x - width / 2), round(thing.y - height / 2)
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + width, SIZE), min(top + height, SIZE)
        part = sprite[y0 - top : y1 - top, x0 - left : x1 - left, 3]
        out[y0:y1, x0:x1][part > 0.4] = index
    return out


def render_twice(sheet: SpriteSheet, scene: Scene, scale: int) -> tuple[Bytes, Bytes]:
    """A scene at native size and at `scale` times that, of exactly the same shapes.

    The small one is shrunk rather than drawn: sprites of whole pixels are not quite of the same
    shape. A style is applied to each by itself.

    Args:
        sheet: Sprites.
        scene: What is shown.
        scale: How many times as large the large one's sides are.

    Returns:
        Bytes (64, 64, 3) and (64 * scale, 64 * scale, 3).
    """
    large = render(sheet, replace(scene, style=None), scale)
    small = np.rint(large.reshape(SIZE, scale, SIZE, scale, 3).mean((1, 3))).astype(np.uint8)
    if scene.style is None:
        return small, large
    return _styled(small, scene, 1), _styled(large, scene, scale)


def _styled(picture: Bytes, scene: Scene, scale: int) -> Bytes:
    assert scene.style is not None, "a scene without a style is left as it is"
    pixels = picture.astype(np.float32) / np.float32(255)
    treated = stylise(pixels, scene.style, scene.background_seed, scale)
    return np.rint(treated * 255).astype(np.uint8)
