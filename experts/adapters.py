"""Adapters by name: the code that calls an expert.

An adapter is a callable that takes an :class:`~poser.core.expert.ExpertSpec` and returns an
:class:`~experts.base.Expert`. Packages offer them through the entry-point group
``poser.adapters``.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol

from experts.nearest import did_you_mean
from poser.core.errors import RegistryError

if TYPE_CHECKING:
    from experts.base import Expert
    from poser.core.expert import ExpertSpec

GROUP = "poser.adapters"
"""Entry points that name adapters."""


class Adapter(Protocol):
    """Makes an expert of its entry; loads nothing heavy before the first call."""

    def __call__(self, spec: ExpertSpec, /) -> Expert:
        """The expert.

        Raises:
            RegistryError: The entry has keys that this adapter cannot use.
        """
        ...


def adapter_names() -> tuple[str, ...]:
    """The names of all installed adapters, sorted."""
    return tuple(sorted(entry_points(group=GROUP).names))


def adapter_named(name: str, origin: str = "") -> Adapter:
    """The adapter of that name; imports it.

    Args:
        name: As an entry states it.
        origin: Where the entry stands, for the message.

    Raises:
        RegistryError: There is none, or it does not import.
    """
    place = f"{origin}: " if origin else ""
    for point in entry_points(group=GROUP, name=name):
        try:
            adapter: Adapter = point.load()
        except Exception as error:  # what an import runs is not ours
            reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            package = point.dist.name if point.dist is not None else point.value
            raise RegistryError(
                f"{place}adapter {name!r} of package {package!r} does not import: {reason}",
                remedy=f"reinstall or remove {package}",
            ) from error
        return adapter
    raise RegistryError(
        f"{place}no adapter {name!r} is installed",
        remedy=did_you_mean(name, adapter_names()) or "install image-poser again",
    )
