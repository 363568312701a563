"""Pictures by reference: values hold a content hash, a store holds the pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Protocol

from pydantic import Field

from poser.core.value import Sha256, Value

if TYPE_CHECKING:
    from PIL.Image import Image

Side = Annotated[int, Field(ge=1, le=16384)]


class ImageRef(Value):
    """A picture in a content-addressed store.

    Attributes:
        sha256: Hash of the stored PNG bytes.
        width: Pixels.
        height: Pixels.
    """

    sha256: Sha256
    width: Side
    height: Side


class ImageSource(Protocol):
    """Where pixels are read from."""

    def get(self, sha256: str) -> Image:
        """The picture of that hash, mode RGB (masks: L).

        Raises:
            StorageError: It is not there, or its bytes do not match the hash.
        """
        ...


class ImageStore(ImageSource, Protocol):
    """Where pixels are kept."""

    def put(self, image: Image) -> ImageRef:
        """Keeps a picture for good and returns its reference; twice the same is kept once."""
        ...
