"""Object sprites: fetched once by `npm pack`, checked, painted in the colours of the world.

The archive is kept in the user's cache folder; nothing of it is committed or shipped.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from experts.pocket import world
from poser.core.errors import PoserError

PACKAGE: Final = "@lobehub/fluent-emoji-3d"
VERSION: Final = "1.1.0"
ARCHIVE: Final = f"lobehub-fluent-emoji-3d-{VERSION}.tgz"
SHA256: Final = "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58"
_MAX_MEMBER_BYTES: Final = 1 << 20
_MASTER_SIZE: Final = 256

Floats = NDArray[np.float32]


class SpriteArchiveError(PoserError):
    """The sprite archive could not be fetched, or is not the one that was pinned."""


def cache_folder() -> Path:
    """Where sprites and training checkpoints are kept: `POSER_CACHE` or the user's cache."""
    import platformdirs

    return Path(os.environ.get("POSER_CACHE") or platformdirs.user_cache_dir("image-poser"))


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fetch_archive(folder: Path | None = None) -> Path:
    """Returns the sprite archive, fetching it with `npm pack` the first time.

    Args:
        folder: Where to keep it; `cache_folder() / "sprites"` unless given.

    Raises:
        SpriteArchiveError: npm is absent or fails, or the archive's sha256 is another one.
    """
    folder = folder or cache_folder() / "sprites"
    path = folder / ARCHIVE
    if path.exists() and _digest(path) == SHA256:
        return path
    npm = shutil.which("npm")
    if npm is None:
        raise SpriteArchiveError(
            "The sprites are not in the cache, and npm, which fetches them, is not installed.",
            remedy=f"Install npm, or put {ARCHIVE} into {folder}.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        run = subprocess.run(
            [npm, "pack", "--silent", "--ignore-scripts", f"{PACKAGE}@{VERSION}"],
            cwd=scratch, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        fetched = Path(scratch) / ARCHIVE
        if run.returncode != 0 or not fetched.exists():
            raise SpriteArchiveError(
                f"npm pack {PACKAGE}@{VERSION} failed: {run.stderr.strip()[-300:]}",
                remedy=f"Check the network, or put {ARCHIVE} into {folder}.",
            )
        found = _digest(fetched)
        if found != SHA256:
            raise SpriteArchiveError(
                f"{ARCHIVE} has sha256 {found}, expected {SHA256}: not the pinned archive.",
                remedy="Do not use it; fetch it from a registry you trust.",
            )
        fetched.replace(path)
    return path


def read_sprites(archive: Path) -> dict[str, Image.Image]:
    """Reads the sprites the world needs, and nothing else, from the archive.

    Args:
        archive: What `fetch_archive` returned.

    Returns:
        RGBA images by noun, cropped to what is opaque, longest side 256 pixels.

    Raises:
        SpriteArchiveError: A sprite is missing or larger than a sprite can be.
    """
    wanted = {f"package/assets/{noun.sprite}.webp": noun.name for noun in world.NOUNS.values()}
    found: dict[str, Image.Image] = {}
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            name = wanted.get(member.name)
            if name is None or not member.isreg():
                continue
            if member.size > _MAX_MEMBER_BYTES:
                raise SpriteArchiveError(f"{member.name} is {member.size} bytes.", remedy="")
            stream = tar.extractfile(member)
            assert stream is not None
            image = Image.open(io.BytesIO(stream.read()), formats=["WEBP"]).convert("RGBA")
            opaque = image.getchannel("A").point(lambda a: 255 if a > 24 else 0)
            image = image.crop(opaque.getbbox())
            scale = _MASTER_SIZE / max(image.size)
            size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            found[name] = image.resize(size, Image.Resampling.LANCZOS)
    if missing := sorted(set(world.NOUNS) - set(found)):
        raise SpriteArchiveError(
            f"The archive has no sprite for {', '.join(missing)}.", remedy="Fetch it again."
        )
    return {name: found[name] for name in world.NOUNS}


_TO_LMS: Final = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929],
     [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
_TO_LAB: Final = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468],
     [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip


def rgb_to_oklab(rgb: Floats) -> Floats:
    """SRGB in [0, 1] to OKLab (lightness in [0, 1], then a and b), on the last axis."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lab: Floats = (np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T).astype(np.float32)
    return lab


def oklab_to_rgb(lab: Floats) -> Floats:
    """OKLab to sRGB, clipped to [0, 1]."""
    linear = ((lab @ np.linalg.inv(_TO_LAB).T) ** 3) @ np.linalg.inv(_TO_LMS).T
    linear = np.clip(linear, 0.0, 1.0)
    rgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.clip(rgb, 0.0, 1.0).astype(np.float32)


PAINTS: Final[dict[str, tuple[float, float, float]]] = {
    "red": (0.57, 0.22, 27.0),
    "orange": (0.74, 0.18, 58.0),
    "yellow": (0.88, 0.18, 98.0),
    "green": (0.62, 0.18, 145.0),
    "blue": (0.52, 0.20, 262.0),
    "purple": (0.50, 0.20, 308.0),
    "white": (0.94, 0.005, 270.0),
    "black": (0.24, 0.01, 270.0),
}
"""OKLCh lightness, chroma and hue (degrees) of each colour an object can take."""


def paint(image: Image.Image, colour: str, mode: str, main_hue: float | None = None) -> Image.Image:
    """Paints the body of a sprite, keeping its shading and its other parts.

    Args:
        image: RGBA sprite.
        colour: One of `world.COLOURS`.
        mode: Which pixels are the body; `world.Noun.paint`.
        main_hue: OKLCh degrees of the body for "hue"; the most frequent one where None.

    Returns:
        A new RGBA sprite of the same size and transparency.
    """
    pixels = np.asarray(image, np.float32) / np.float32(255)
    lab = rgb_to_oklab(pixels[..., :3])
    light, chroma = lab[..., 0], np.hypot(lab[..., 1], lab[..., 2])
    opaque = pixels[..., 3] > 0.5
    hue = np.arctan2(lab[..., 2], lab[..., 1])
    if mode == "hue":
        weight = np.where(opaque & (chroma > 0.04), chroma, 0.0)
        bins = np.histogram(hue, 36, (-np.pi, np.pi), weights=weight)[0]
        bins = bins + 0.8 * (np.roll(bins, 1) + np.roll(bins, -1))
        main = (np.argmax(bins) + 0.5) / 36 * 2 * np.pi - np.pi
        if main_hue is not None:
            main = np.deg2rad(main_hue)
        apart = np.abs((hue - main + np.pi) % (2 * np.pi) - np.pi)
        body = np.clip((0.95 - apart) / 0.3, 0, 1) * np.clip((chroma - 0.03) / 0.04, 0, 1)
    elif mode == "light":
        body = np.clip((light - 0.45) / 0.1, 0, 1) * np.clip((0.09 - chroma) / 0.04, 0, 1)
    else:
        raise ValueError(f"unknown paint mode {mode!r}")
    target_light, target_chroma, target_hue = PAINTS[colour]
    mask = opaque & (body > 0.5)
    centre = float(np.median(light[mask])) if mask.any() else 0.6
    contrast = 0.6 if colour in ("white", "black") else 0.75
    shaded = np.clip(target_light + (light - centre) * contrast, 0.08, 0.99)
    angle = np.deg2rad(target_hue)
    fade = np.where(shaded > target_light, 1 - 0.5 * (shaded - target_light), 1.0)
    painted = np.stack(
        [shaded, target_chroma * fade * np.cos(angle), target_chroma * fade * np.sin(angle)], -1
    )
    mixed = lab + body[..., None] * (painted - lab)
    rgb = oklab_to_rgb(mixed.astype(np.float32))
    out = np.concatenate([rgb, pixels[..., 3:]], -1)
    return Image.fromarray(np.rint(out * 255).astype(np.uint8), "RGBA")


class SpriteSheet:
    """Sprites of every noun in every colour, at any size, cut on demand and kept."""

    def __init__(self, sprites: dict[str, Image.Image]) -> None:
        """Takes what `read_sprites` returned."""
        self._sprites = sprites
        self._painted: dict[tuple[str, str | None], Image.Image] = {}
        self._cut: dict[tuple[str, str | None, int, bool], Floats] = {}

    @classmethod
    def load(cls, folder: Path | None = None) -> SpriteSheet:
        """Fetches, checks and reads the archive; errors as `fetch_archive`."""
        return cls(read_sprites(fetch_archive(folder)))

    @cached_property
    def aspect(self) -> dict[str, tuple[float, float]]:
        """Width and height of each noun's sprite when its longest side is 1."""
        return {
            name: (image.width / max(image.size), image.height / max(image.size))
            for name, image in self._sprites.items()
        }

    def master(self, noun: str, colour: str | None) -> Image.Image:
        """The 256-pixel RGBA sprite; colour None leaves it as it was drawn."""
        key = (noun, colour)
        if key not in self._painted:
            mode, hue = world.NOUNS[noun].paint, world.NOUNS[noun].hue
            natural = self._sprites[noun]
            if colour is not None and mode is None:
                raise ValueError(f"{noun} takes no colour")
            self._painted[key] = (
                natural if colour is None or mode is None else paint(natural, colour, mode, hue)
            )
        return self._painted[key]

    def cut(self, noun: str, colour: str | None, size: int, flip: bool) -> Floats:
        """A sprite at its drawn size.

        Args:
            noun: Kind of object.
            colour: Colour, or None for the sprite's own.
            size: Longest side in pixels.
            flip: Mirrored left to right.

        Returns:
            Array (height, width, 4): colour multiplied by opacity, and opacity, in [0, 1].
        """
        key = (noun, colour, size, flip)
        if key not in self._cut:
            image = self.master(noun, colour)
            width, height = self.aspect[noun]
            box = (max(1, round(width * size)), max(1, round(height * size)))
            premultiplied = image.convert("RGBa" if image.mode == "RGBA" else image.mode)
            small = premultiplied.resize(box, Image.Resampling.BOX)
            if flip:
                small = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            array: Any = np.frombuffer(small.tobytes(), np.uint8)
            cut: Floats = (array.reshape(box[1], box[0], 4) / np.float32(255)).astype(np.float32)
            if size > world.NATIVE_SIZE:  # too many to keep
                return cut
            self._cut[key] = cut
        return self._cut[key]
