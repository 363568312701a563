"""Pictures and finished calls of one episode, in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

from envs.calling import Finished
from poser.core.errors import StorageError
from poser.core.picture import ImageRef

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(slots=True)
class MemoryImages:
    """A :class:`poser.core.picture.ImageStore` in memory; same picture, same hash as on disk."""

    _pictures: dict[str, Image] = field(default_factory=dict)

    def put(self, image: Image) -> ImageRef:
        """See :class:`poser.core.picture.ImageStore`."""
        buffer = BytesIO()
        image.save(buffer, format="PNG", compress_level=4)
        sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
        self._pictures[sha256] = image.copy()
        return ImageRef(sha256=sha256, width=image.width, height=image.height)

    def get(self, sha256: str) -> Image:
        """See :class:`poser.core.picture.ImageSource`.

        Raises:
            StorageError: It is not there.
        """
        try:
            return self._pictures[sha256].copy()
        except KeyError:
            raise StorageError(
                f"the picture {sha256} is not in memory", remedy="reset the environment"
            ) from None


@dataclass(slots=True)
class MemoryCalls:
    """A :class:`envs.calling.CallRecord` in memory."""

    _finished: dict[str, Finished] = field(default_factory=dict)

    def get(self, key: str) -> Finished | None:
        """See :class:`envs.calling.CallRecord`."""
        return self._finished.get(key)

    def put(self, key: str, value: dict[str, Any], step: int) -> None:
        """See :class:`envs.calling.CallRecord`."""
        self._finished[key] = Finished(value, step)
