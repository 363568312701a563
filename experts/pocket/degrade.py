"""Ways in which a young diffusion model's picture differs from a rendered one."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from experts.pocket import world
from experts.pocket.drawing import render
from experts.pocket.scenes import Scene
from experts.pocket.sprites import SpriteSheet

Bytes = NDArray[np.uint8]


def _blur(image: Bytes, rng: np.random.Generator, most: float = 1.1) -> Bytes:
    radius = float(rng.uniform(0.3, most))
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def _noise(image: Bytes, rng: np.random.Generator, most: float = 16.0) -> Bytes:
    size, sigma = image.shape[0], rng.uniform(2, most)
    if rng.random() < 0.5:
        noise = rng.normal(0, sigma, image.shape)
    else:
        coarse = rng.normal(0, 1, (8, 8, 3)).astype(np.float32)
        planes = [
            np.asarray(
                Image.fromarray(coarse[..., c]).resize((size, size), Image.Resampling.BICUBIC)
            )
            for c in range(3)
        ]
        noise = np.stack(planes, -1) * sigma
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def _resample(image: Bytes, rng: np.random.Generator) -> Bytes:
    size = image.shape[0]
    small = int(rng.integers(size * 5 // 8, size))
    way = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)[int(rng.integers(2))]
    picture = Image.fromarray(image).resize((small, small), Image.Resampling.BOX)
    return np.asarray(picture.resize((size, size), way))


def _jpeg(image: Bytes, rng: np.random.Generator) -> Bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=int(rng.integers(25, 90)))
    return np.asarray(Image.open(stream).convert("RGB"))


def _jitter(image: Bytes, rng: np.random.Generator) -> Bytes:
    picture = Image.fromarray(image)
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        picture = enhance(picture).enhance(float(rng.uniform(0.85, 1.15)))
    return np.asarray(picture)


def _warp(image: Bytes, rng: np.random.Generator) -> Bytes:
    size = image.shape[0]
    strength = rng.uniform(0.4, 1.6)
    coarse = rng.normal(0, strength, (2, 6, 6)).astype(np.float32)
    dx, dy = (
        np.asarray(Image.fromarray(plane).resize((size, size), Image.Resampling.BICUBIC))
        for plane in coarse
    )
    rows, cols = np.mgrid[0:size, 0:size]
    y = np.clip(np.rint(rows + dy), 0, size - 1).astype(int)
    x = np.clip(np.rint(cols + dx), 0, size - 1).astype(int)
    return _blur(image[y, x], rng, 0.6)


def _smudge(image: Bytes, rng: np.random.Generator) -> Bytes:
    size = image.shape[0]
    out = image.copy()
    for _ in range(int(rng.integers(1, 4))):
        side = int(rng.integers(size // 8, size // 4))
        y, x = rng.integers(0, size - side, 2)
        patch = Image.fromarray(image[y : y + side, x : x + side])
        out[y : y + side, x : x + side] = np.asarray(patch.filter(ImageFilter.GaussianBlur(1.6)))
    return out


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def letter(image: Bytes, rng: np.random.Generator) -> Bytes:
    """Sets a word of random letters on a picture, near an edge as titles are."""
    picture = Image.fromarray(image)
    size = image.shape[0]
    word = "".join(
        rng.choice(list("ABCDEFGHIJKLMNOPRSTUVWYabcdeghilmnoprstu "), rng.integers(3, 9))
    )
    font = _font(int(size * rng.uniform(0.11, 0.2)))
    ink = (255, 255, 255) if rng.random() < 0.6 else tuple(int(v) for v in rng.integers(0, 256, 3))
    paper = tuple(255 - v for v in ink) if rng.random() < 0.5 else None
    top = rng.uniform(0.0, 0.12) if rng.random() < 0.4 else rng.uniform(0.74, 0.86)
    ImageDraw.Draw(picture).text(
        (size * rng.uniform(0.02, 0.4), size * top), word, fill=ink, font=font,
        stroke_width=1 if paper else 0, stroke_fill=paper,
    )  # fmt: skip
    return np.asarray(picture)


_WAYS = (_blur, _noise, _resample, _jpeg, _jitter, _warp, _smudge)


def ruin(
    sheet: SpriteSheet, scene: Scene, rng: np.random.Generator
) -> tuple[Bytes, Scene, tuple[str, ...]]:
    """Draws a scene in which one kind of object is not recognisable.

    Young diffusion models draw blobs and half-and-half creatures; whoever judges pictures has to
    know that those are not the object.

    Args:
        sheet: Sprites.
        scene: With at least one object.
        rng: Source of chance.

    Returns:
        The picture; the scene without that kind; and the kinds nothing should be asked about
        (what the ruined objects were blended with).
    """
    noun = str(rng.choice(scene.nouns()))
    rest = scene.without(noun)
    picture, without = render(sheet, scene).astype(np.float32), render(sheet, rest)
    kept = (picture == without).all(-1)
    way = rng.random()
    doubtful: tuple[str, ...] = ()
    if way < 0.4:
        blurred = Image.fromarray(picture.astype(np.uint8)).filter(
            ImageFilter.GaussianBlur(float(rng.uniform(3.5, 6)))
        )
        spoiled = np.asarray(blurred, np.float32)
    elif way < 0.7:
        other = str(rng.choice([n for n in world.NOUNS if n not in scene.nouns()]))
        things = tuple(
            replace(t, noun=other, colour=t.colour if world.paintable(other) else None)
            if t.noun == noun else t
            for t in scene.things
        )  # fmt: skip
        second = render(sheet, replace(scene, things=things)).astype(np.float32)
        kept = kept & (second == without).all(-1)
        spoiled = 0.5 * picture + 0.5 * second
        doubtful = (other,)
    else:
        # Only a piece is left: a stripe less than half as wide as the object.
        spoiled = without.astype(np.float32)
        for thing in scene.of(noun):
            part = thing.size * float(rng.uniform(0.22, 0.38))
            low = max(0, round(thing.x - part / 2)), max(0, round(thing.y - part / 2))
            high = round(thing.x + part / 2) + 1, round(thing.y + part / 2) + 1
            window = (slice(low[1], high[1]), slice(low[0], high[0]))
            spoiled[window] = picture[window]
    out = np.where(kept[..., None], without, spoiled)
    return np.clip(np.rint(out), 0, 255).astype(np.uint8), rest, doubtful


def blend(image: Bytes, ghost: Bytes, share: float) -> Bytes:
    """A picture through which another shines, by `share` (0 to 1)."""
    return (image * (1 - share) + ghost * share).astype(np.uint8)


def degrade(image: Bytes, rng: np.random.Generator, ghost: Bytes | None = None) -> Bytes:
    """Degrades a picture, but never so far that answers about its objects change.

    Args:
        image: (size, size, 3), sRGB, 0 to 255.
        rng: Source of chance.
        ghost: Another picture, which may shine through faintly (at most a sixth).

    Returns:
        A new picture of the same shape: unchanged one time in five, else blurred, noisy,
        resampled, compressed, shifted in colour, warped or smudged, up to three of these.
    """
    return worn(image, rng, ghost)[0]


def worn(image: Bytes, rng: np.random.Generator, ghost: Bytes | None = None) -> tuple[Bytes, bool]:
    """A picture as `degrade` makes it, and whether it was changed.

    Where it was, its style is not certain any more: what a blur leaves of pixel art is none.
    """
    if rng.random() < 0.2:
        return image, False
    if ghost is not None and rng.random() < 0.12:
        image = blend(image, ghost, float(rng.uniform(0.04, 0.16)))
    for index in rng.choice(len(_WAYS), int(rng.integers(1, 4)), replace=False):
        image = _WAYS[int(index)](image, rng)
    return image, True


def soften(image: Bytes, rng: np.random.Generator) -> Bytes:
    """A light degradation, such as a generated picture shows before it is edited."""
    ways = (_blur, _noise, _resample, _warp, _smudge)
    return ways[int(rng.integers(len(ways)))](image, rng)
