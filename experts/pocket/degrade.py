"""Ways in which a young diffusion model's picture differs from a rendered one."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

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


_WAYS = (_blur, _noise, _resample, _jpeg, _jitter, _warp, _smudge)


def degrade(image: Bytes, rng: np.random.Generator, ghost: Bytes | None = None) -> Bytes:
    """Degrades a picture, but never so far that its answers change.

    Args:
        image: (size, size, 3), sRGB, 0 to 255.
        rng: Source of chance.
        ghost: Another picture, which may shine through faintly (at most a sixth).

    Returns:
        A new picture of the same shape: unchanged one time in five, else blurred, noisy,
        resampled, compressed, shifted in colour, warped or smudged, up to three of these.
    """
    if rng.random() < 0.2:
        return image
    if ghost is not None and rng.random() < 0.12:
        share = rng.uniform(0.04, 0.16)
        image = (image * (1 - share) + ghost * share).astype(np.uint8)
    for index in rng.choice(len(_WAYS), int(rng.integers(1, 4)), replace=False):
        image = _WAYS[int(index)](image, rng)
    return image


def soften(image: Bytes, rng: np.random.Generator) -> Bytes:
    """A light degradation, such as a generated picture shows before it is edited."""
    ways = (_blur, _noise, _resample, _warp, _smudge)
    return ways[int(rng.integers(len(ways)))](image, rng)
