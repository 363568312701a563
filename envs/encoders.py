"""Frozen encoders: texts and pictures to vectors, without weights and without training.

Any other encoder (of sentences, or CLIP) serves as well, as long as it has a ``dim`` and the one
method of its protocol.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from poser.core.plan import words_of

if TYPE_CHECKING:
    from PIL.Image import Image

Vector = NDArray[np.float32]


class TextEncoder(Protocol):
    """Texts to vectors."""

    @property
    def dim(self) -> int:
        """Size of a vector."""
        ...

    def encode(self, texts: Sequence[str]) -> Vector:
        """One row in [-1, 1] for each text: float32, (texts, dim)."""
        ...


class ImageEncoder(Protocol):
    """Pictures to vectors."""

    @property
    def dim(self) -> int:
        """Size of a vector."""
        ...

    def encode(self, image: Image) -> Vector:
        """A vector in [-1, 1] for a picture (RGB, any size): float32, (dim,)."""
        ...


@dataclass(frozen=True, slots=True)
class HashedWords:
    """A bag of words, hashed into a fixed number of signed places and set to length 1.

    Feature hashing (Weinberger et al., ICML 2009): texts that share words have vectors that are
    near, in expectation by the cosine of their bags.

    Attributes:
        dim: Size of a vector.
    """

    dim: int = 32

    def encode(self, texts: Sequence[str]) -> Vector:
        """See :class:`TextEncoder`."""
        rows = np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in words_of(text):
                digest = hashlib.sha256(word.encode()).digest()
                row[int.from_bytes(digest[:4], "big") % self.dim] += 1.0 if digest[4] & 1 else -1.0
            length = float(np.linalg.norm(row))
            if length:
                row /= length
        return rows


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """The picture at ``side`` x ``side`` pixels, RGB from -1 to 1.

    Attributes:
        side: In pixels.
    """

    side: int = 4

    @property
    def dim(self) -> int:
        """3 * side * side."""
        return 3 * self.side * self.side

    def encode(self, image: Image) -> Vector:
        """See :class:`ImageEncoder`."""
        from PIL.Image import Resampling

        small = image.convert("RGB").resize((self.side, self.side), Resampling.BOX)
        return (np.asarray(small, np.float32) / 127.5 - 1.0).reshape(-1)
