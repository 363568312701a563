"""The registry: which experts there are, from packages and from the user's files.

Built-in experts come through the same door as anyone's: the entry-point group
``poser.experts``, each of which names a callable that returns the path of a YAML file. Files of
the user merge over them, entry by entry and key by key.

Loading it imports no model code; an adapter is imported when its first expert is asked for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pydantic import JsonValue, ValidationError

from experts.adapters import adapter_named
from experts.entries import Stated, read_entries
from experts.nearest import did_you_mean
from experts.reference import BadReferenceError, is_reference, resolve
from experts.tables import filled, measured
from experts.weights import (
    HUB_ID,
    PINNED,
    content_revision,
    folder_of,
    is_folder_name,
    with_absolute_paths,
    with_contents,
)
from poser.core.errors import RegistryError, UnknownExpertError
from poser.core.expert import ExpertSpec
from poser.core.value import content_hash

if TYPE_CHECKING:
    from experts.base import Expert
    from poser.core.capability import CapabilityTable

GROUP = "poser.experts"
"""Entry points that name callables returning the path of a registry file."""

HUB_ADAPTERS = frozenset({"diffusers"})
"""Adapters whose source is a folder of weights or a hub id, which must be pinned."""

_MERGED = frozenset({"defaults", "load", "capabilities", "cost", "limits"})
"""Keys that merge key by key; all others are replaced."""

_log = logging.getLogger("poser.experts")


class Registry(Mapping[str, ExpertSpec]):
    """The experts by id, in the order in which they were stated.

    A registry is read-only; adapters are built on demand and kept until :meth:`close`.

    Attributes:
        tables: The measured capabilities that hold, by expert.
        warnings: One line for each package whose entries could not be used, and for each measure
            that is not of the expert as it is now.
    """

    def __init__(
        self,
        specs: Iterable[ExpertSpec],
        *,
        origins: Mapping[str, str] | None = None,
        tables: Mapping[str, CapabilityTable] | None = None,
        warnings: Sequence[str] = (),
    ) -> None:
        self._specs = {spec.id: spec for spec in specs}
        self._origins = dict(origins or {})
        self._experts: dict[str, Expert] = {}
        self._lock = threading.Lock()
        self.tables = dict(tables or {})
        self.warnings = tuple(warnings)

    def __getitem__(self, expert_id: str) -> ExpertSpec:
        """The entry of that id.

        Raises:
            UnknownExpertError: There is none; the remedy names the nearest ids.
        """
        try:
            return self._specs[expert_id]
        except KeyError:
            raise UnknownExpertError(
                f"no expert {str(expert_id)[:80]!r} is registered",
                remedy=did_you_mean(str(expert_id), self._specs) or "poser experts list",
            ) from None

    def __contains__(self, expert_id: object) -> bool:
        return expert_id in self._specs

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def origin(self, expert_id: str) -> str:
        """Where an expert is stated: ``file:line``, all places in order where files merge.

        Raises:
            UnknownExpertError: No such expert.
        """
        return self._origins.get(self[expert_id].id, "")

    @property
    def fingerprint(self) -> str:
        """A hash of all entries (64 hex digits): the same on every machine with the same weights.

        The path of a folder does not count, its content does.
        """
        return content_hash({spec.id: _comparable(spec) for spec in self._specs.values()})

    def expert(self, expert_id: str) -> Expert:
        """The expert of that id, ready to be called; its weights load on the first call.

        Raises:
            UnknownExpertError: No such expert.
            RegistryError: No such adapter, or the adapter refuses the entry.
        """
        spec = self[expert_id]
        with self._lock:
            if expert_id not in self._experts:
                make = adapter_named(spec.adapter, self.origin(expert_id))
                self._experts[expert_id] = make(spec)
            return self._experts[expert_id]

    def close(self) -> None:
        """Closes every expert built so far and frees its memory; they load again when asked."""
        with self._lock:
            built, self._experts = list(self._experts.values()), {}
        for expert in built:
            expert.close()


def load_registry(user_files: Sequence[Path] = (), *, packages: bool = True) -> Registry:
    """Reads the registry: installed packages first, then the user's files.

    Args:
        user_files: YAML files of the user, later ones over earlier ones.
        packages: Whether installed packages count.

    Returns:
        The merged registry. A package whose file is broken is left out with a warning.

    Raises:
        RegistryError: A file of the user is wrong; the message names file, line and key.
    """
    warnings: list[str] = []
    merged: dict[str, list[Stated]] = {}
    specs: dict[str, ExpertSpec] = {}
    if packages:
        specs, merged = _package_specs(warnings)
    changed: set[str] = set()
    for path in user_files:
        for stated in read_entries(Path(path)):
            merged.setdefault(stated.id, []).append(stated)
            changed.add(stated.id)
    for expert_id in changed:
        spec = _spec(merged[expert_id])
        if spec is None:
            specs.pop(expert_id, None)
        else:
            specs[expert_id] = spec
    tables: dict[str, CapabilityTable] = {}
    for expert_id, spec in specs.items():
        table, warning = measured(spec, _named_table(merged[expert_id]))
        if table is not None:
            tables[expert_id] = table
            specs[expert_id] = filled(spec, table, seconds=not _states_seconds(merged[expert_id]))
        if warning:
            warnings.append(warning)
    for line in warnings:
        _log.warning("%s", line)
    return Registry(
        [specs[expert_id] for expert_id in merged if expert_id in specs],
        origins={key: ", then ".join(s.origin for s in states) for key, states in merged.items()},
        tables=tables,
        warnings=warnings,
    )


def _named_table(states: Sequence[Stated]) -> Path | None:
    """The table of measured capabilities that the last entry to say so names."""
    for stated in reversed(states):
        if "capability_table" in stated.data:
            name, base = str(stated.data["capability_table"]), stated.document.path.resolve().parent
            return (base / Path(name).expanduser()).resolve() if name else None
    return None


def _states_seconds(states: Sequence[Stated]) -> bool:
    costs = [stated.data.get("cost") for stated in states]
    return any(isinstance(cost, dict) and "seconds" in cost for cost in costs)


def _package_specs(
    warnings: list[str],
) -> tuple[dict[str, ExpertSpec], dict[str, list[Stated]]]:
    """What installed packages state; one that is broken is named in ``warnings``."""
    specs: dict[str, ExpertSpec] = {}
    merged: dict[str, list[Stated]] = {}
    seen: set[Path] = set()
    for point in sorted(entry_points(group=GROUP), key=_own_first):
        try:
            path = Path(point.load()()).resolve()
            if path in seen:
                continue
            seen.add(path)
            entries = read_entries(path)
            made = {stated.id: _spec([stated]) for stated in entries}
        except Exception as error:  # whatever a third party's code does, the rest works
            reason = str(error) if isinstance(error, RegistryError) else _first_line(error)
            warnings.append(f"the experts of package {_package(point)!r} are left out: {reason}")
            continue
        for stated in entries:
            spec = made[stated.id]
            if stated.id in merged:
                warnings.append(
                    f"expert {stated.id!r} of package {_package(point)!r} is left out: "
                    f"already stated at {merged[stated.id][0].origin}"
                )
            elif spec is not None:
                merged[stated.id] = [stated]
                specs[stated.id] = spec
    return specs, merged


def _own_first(point: EntryPoint) -> tuple[bool, str, str]:
    package = _package(point)
    return (package != "image-poser", package, point.name)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def _spec(states: Sequence[Stated]) -> ExpertSpec | None:
    """The expert that entries of one id make together; ``None`` where it is switched off."""
    data: dict[str, JsonValue] = {}
    by: dict[str, Stated] = {}
    for stated in states:
        for key, value in stated.data.items():
            if key == "load":
                value = with_absolute_paths(value, stated.document.path.resolve().parent)
            old = data.get(key)
            if key in _MERGED and isinstance(old, dict) and isinstance(value, dict):
                data[key] = {**old, **value}
            else:
                data[key] = value
            by[key] = stated
        if "source" in stated.data and "revision" not in stated.data:
            data.pop("revision", None)  # that of another source
    data.pop("capability_table", None)  # filled in when all entries are merged
    if data.pop("enabled", True) is False:
        return None
    last = states[-1]
    for key in ("adapter", "task"):
        if not data.get(key):
            raise last.error(
                key,
                f"key {key!r} is missing",
                remedy=f"add '{key}: ...', or check the id if an existing entry was meant",
            )
    if "vocabulary" in by:
        data["vocabulary"] = _words(by["vocabulary"])
    _place_source(data, by)
    try:
        spec = ExpertSpec.model_validate(data)
        return spec.model_copy(update={"fingerprint": _decisive(spec)})
    except ValidationError as error:  # each part was checked; together they may still not fit
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise last.error(key, f"{key!r}: {first['msg']}", remedy="see docs/experts.md") from None


def _words(stated: Stated) -> JsonValue:
    """The vocabulary an entry states, as a sorted list of lower-case words."""
    words = stated.data["vocabulary"]
    if words is None:
        return None
    if isinstance(words, str):
        if not is_reference(words):
            raise stated.error(
                "vocabulary",
                "'vocabulary' is neither a list of words nor 'package.module:NAME'",
                remedy="write a list, or name a collection of words in an installed package",
            )
        reference = words
        try:
            found = list(resolve(reference))
        except (BadReferenceError, TypeError) as error:
            reason = "it is no collection" if isinstance(error, TypeError) else str(error)
            raise stated.error(
                "vocabulary",
                f"'vocabulary': {reason}",
                remedy="install the package that holds it, or write the words as a list",
            ) from None
        if not all(isinstance(word, str) for word in found):
            raise stated.error(
                "vocabulary", f"'vocabulary': {reference} does not hold words", remedy="name texts"
            )
        words = found
    return [*sorted({str(word).lower() for word in words})] if isinstance(words, list) else None


def _place_source(data: dict[str, JsonValue], by: Mapping[str, Stated]) -> None:
    """Makes folders absolute and gives them a revision; refuses a hub id that is not pinned."""
    source = str(data.get("source") or "")
    if not source:
        return
    stated = by["source"]
    hub = data["adapter"] in HUB_ADAPTERS
    if not hub and not is_folder_name(source):
        return  # the name of a model in the adapter's own terms
    folder = folder_of(source, stated.document.path.resolve().parent)
    if folder is not None:
        data["source"] = str(folder)
        if not data.get("revision"):
            data["revision"] = content_revision(folder)
        return
    if HUB_ID.match(source) is None:
        raise stated.error(
            "source",
            "'source' is neither a folder nor a hub id",
            remedy="write './folder' relative to this file, or 'owner/name' of a hub",
        )
    if PINNED.match(str(data.get("revision") or "")) is None:
        raise by.get("revision", stated).error(
            "revision" if "revision" in by else "source",
            f"hub source {source!r} is not pinned",
            remedy="add 'revision:' with the commit's 40 hexadecimal digits (in quotes); "
            "if a folder was meant, write './' before it",
        )


def _decisive(spec: ExpertSpec) -> str:
    """Sixteen hexadecimal digits that change with whatever changes an expert's pictures."""
    data = _comparable(spec)
    keys = ("adapter", "task", "pipeline", "source", "revision", "load")
    sides = [spec.limits.min_side, spec.limits.max_side]
    return content_hash({**{key: data[key] for key in keys}, "sides": sides})[:16]


def _comparable(spec: ExpertSpec) -> dict[str, JsonValue]:
    data = spec.to_dict()
    if spec.vocabulary is not None:
        data["vocabulary"] = sorted(spec.vocabulary)
    if is_folder_name(spec.source):
        data["source"] = Path(spec.source).name
    data["load"] = with_contents(data["load"])
    return data
