"""The adapter's side of an expert: requests in, pixels out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from PIL.Image import Image

    from poser.core.expert import ExpertRequest, ExpertSpec
    from poser.core.picture import ImageSource


@dataclass(frozen=True, slots=True)
class Generated:
    """What an adapter returns for one request.

    Attributes:
        image: The picture, mode RGB.
        seconds: Wall time; that of a batch is shared out evenly.
        cost: US dollars billed.
        details: What else there is to report; plain JSON data, never a secret.
    """

    image: Image
    seconds: float
    cost: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)


class Expert(Protocol):
    """A loaded or loadable expert."""

    @property
    def spec(self) -> ExpertSpec:
        """The registry entry it was made from."""
        ...

    def generate(self, requests: Sequence[ExpertRequest], images: ImageSource) -> list[Generated]:
        """Serves a batch of requests, in order; same request, same picture.

        Args:
            requests: At least one, all for this expert.
            images: Where the pictures named by hash in the requests are read from.

        Returns:
            One result for each request.

        Raises:
            ExpertError: The batch could not be served. Nothing is known of its quality.
        """
        ...

    def close(self) -> None:
        """Frees memory; the next call loads again."""
        ...
