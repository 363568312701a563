"""Pictures by content: the name of a file is the hash of its bytes."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from poser.core.errors import StorageError
from poser.core.picture import ImageRef
from poser.store.files import make_folder, write_bytes

if TYPE_CHECKING:
    from PIL.Image import Image


class DiskImageStore:
    """A :class:`poser.core.picture.ImageStore` in a folder, as ``<sha256>.png``.

    Args:
        folder: Made when first needed.
        behind: A second store that is read where this one lacks a picture, and written as well.
    """

    def __init__(self, folder: Path, behind: DiskImageStore | None = None) -> None:
        self.folder = folder
        self.behind = behind

    def path(self, sha256: str) -> Path:
        """Where a picture of that hash is or would be."""
        return self.folder / f"{sha256}.png"

    def put(self, image: Image) -> ImageRef:
        """See :class:`poser.core.picture.ImageStore`.

        Raises:
            StorageError: It cannot be written.
        """
        buffer = BytesIO()
        image.save(buffer, format="PNG", compress_level=4)
        data = buffer.getvalue()
        sha256 = hashlib.sha256(data).hexdigest()
        self._keep(sha256, data)
        return ImageRef(sha256=sha256, width=image.width, height=image.height)

    def get(self, sha256: str) -> Image:
        """See :class:`poser.core.picture.ImageStore`.

        Raises:
            StorageError: It is not there, or damaged.
        """
        from PIL import Image as PillowImage

        image = PillowImage.open(BytesIO(self.read(sha256)))
        image.load()
        return image

    def read(self, sha256: str) -> bytes:
        """The PNG bytes.

        Raises:
            StorageError: They are not there, or damaged.
        """
        try:
            return self._own(sha256)
        except StorageError:
            if self.behind is None:
                raise
            data = self.behind.read(sha256)
            self._keep(sha256, data)
            return data

    def _own(self, sha256: str) -> bytes:
        path = self.path(sha256)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StorageError(
                f"the picture {path} cannot be read: {error.strerror}",
                remedy="the run's folder is incomplete; compose again",
            ) from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StorageError(
                f"the picture {path} is damaged: its bytes do not match its name",
                remedy="delete that file and compose again",
            )
        return data

    def _holds(self, sha256: str, data: bytes) -> bool:
        try:
            return self.path(sha256).read_bytes() == data
        except OSError:
            return False

    def _keep(self, sha256: str, data: bytes) -> None:
        if not self._holds(sha256, data):
            make_folder(self.folder)
            write_bytes(self.path(sha256), data)
        if self.behind is not None:
            self.behind._keep(sha256, data)
