"""Registry entries: what one YAML file says of experts, checked key by key.

An entry may be partial: one that only overrides another file's entry says only what it changes.
Whether an expert is complete is decided after merging, in :mod:`experts.registry`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import Field, JsonValue, ValidationError

from experts.document import Document, Location, read_document
from experts.nearest import did_you_mean
from poser.core.errors import RegistryError
from poser.core.expert import Cost, ExpertId, Limits, Task
from poser.core.plan import Op
from poser.core.value import UnitInterval, Value

FORMAT = 1
"""The version of the file format that this code reads."""


class Entry(Value):
    """One item of ``experts:``. Every key but ``id`` may be left out in an override.

    Attributes:
        id: What the expert is called; the same id in a later file merges over this one.
        enabled: ``False`` removes the expert.
        adapter: Name of the adapter that calls it.
        task: What it makes of what.
        source: Folder (relative to this file) or hub id of the weights.
        revision: Pinned revision of a hub id; may be left out for a folder.
        pipeline: Pipeline class, where it cannot be found by itself.
        defaults: Arguments of every call.
        load: Arguments of loading.
        capabilities: How well it serves each op, in [0, 1].
        capability_table: File of measured capabilities (relative to this file), for the ops and
            seconds that the entry does not state.
        vocabulary: The words it knows, or ``package.module:NAME`` of a collection of words.
        cost: What a call costs.
        limits: What a call may ask.
        licence: SPDX id or name of the licence of the weights.
        description: One or two sentences.
    """

    id: ExpertId
    enabled: bool = True
    adapter: str = Field(default="", max_length=80)
    task: Task = "text_to_image"
    source: str = Field(default="", max_length=4096)
    revision: str = Field(default="", max_length=200)
    pipeline: str = Field(default="", max_length=300)
    defaults: dict[str, JsonValue] = Field(default_factory=dict)
    load: dict[str, JsonValue] = Field(default_factory=dict)
    capabilities: dict[Op, UnitInterval] = Field(default_factory=dict)
    capability_table: str = Field(default="", max_length=4096)
    vocabulary: str | list[str] | None = None
    cost: Cost = Cost()
    limits: Limits = Limits()
    licence: str = Field(default="", max_length=200)
    description: str = Field(default="", max_length=2000)


@dataclass(frozen=True, slots=True)
class Stated:
    """An entry as a file states it.

    Attributes:
        id: The expert's id.
        data: The keys that the file states, as JSON data.
        document: The file.
        location: Where in the file.
    """

    id: str
    data: dict[str, JsonValue]
    document: Document
    location: Location

    @property
    def origin(self) -> str:
        """``file:line``."""
        return f"{self.document.path}:{self.document.line(self.location)}"

    def error(self, key: str, message: str, *, remedy: str = "") -> RegistryError:
        """An error about a key of this entry."""
        location = (*self.location, *key.split(".")) if key else self.location
        return self.document.error(location, f"expert {self.id!r}: {message}", remedy=remedy)


def read_entries(path: Path) -> list[Stated]:
    """The entries of one registry file, in order.

    Raises:
        RegistryError: The file or an entry of it is wrong; the message names file, line and key.
    """
    document = read_document(path)
    data = document.data
    if not isinstance(data, dict):
        raise document.error(
            (), "not a mapping", remedy="write 'version: 1' and 'experts:' with a list under it"
        )
    for key in data:
        if key not in {"version", "experts"}:
            raise document.error(
                (key,), f"unknown key {key!r}", remedy=did_you_mean(key, ("version", "experts"))
            )
    version = data.get("version", FORMAT)
    if version != FORMAT or isinstance(version, bool):
        raise document.error(
            ("version",),
            f"the format version is not {FORMAT}",
            remedy=f"write 'version: {FORMAT}', or upgrade image-poser",
        )
    items = data.get("experts")
    if not isinstance(items, list):
        what = "'experts' is missing" if "experts" not in data else "'experts' is not a list"
        raise document.error(("experts",), what, remedy="write 'experts:' with '- id: ...' items")
    found: dict[str, Stated] = {}
    for index, item in enumerate(items):
        stated = _stated(document, ("experts", index), item)
        if stated.id in found:
            raise stated.error(
                "",
                f"stands twice in this file (first at {found[stated.id].origin})",
                remedy="give one of them another id, or remove it",
            )
        found[stated.id] = stated
    return list(found.values())


def _stated(document: Document, location: Location, item: JsonValue) -> Stated:
    if not isinstance(item, dict):
        raise document.error(location, "an entry is not a mapping", remedy="write '- id: ...'")
    name = item.get("id")
    if name is None:
        raise document.error(location, "an entry has no 'id'", remedy="add 'id: group/name'")
    try:
        # JSON mode, strict: a number is no text, "1" is no number, a list is a tuple or set.
        Entry.model_validate_json(json.dumps(item), strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise _entry_error(document, location, str(name), first) from None
    return Stated(id=str(name), data=item, document=document, location=location)


def _entry_error(document: Document, location: Location, name: str, error: Any) -> RegistryError:
    """One line about the first thing that pydantic found; values are never quoted."""
    where = tuple(part for part in error["loc"] if part != "[key]")
    path = tuple(p for p in where if not (isinstance(p, str) and p.startswith(("str", "list["))))
    key = ".".join(str(part) for part in path)
    kind, message = error["type"], _sentence(error["msg"])
    line_of: Location = (*location, *path)
    if kind == "extra_forbidden":
        parents: dict[str, type[Value]] = {"cost": Cost, "limits": Limits}
        known = parents.get(str(path[0]) if path[1:] else "", Entry)
        message = f"unknown key {key!r}"
        remedy = did_you_mean(str(path[-1]), known.model_fields)
    elif path[:1] == ("capabilities",) and kind == "literal_error":
        message = f"unknown op in {key!r}"
        remedy = did_you_mean(str(path[-1]), get_args(Op))
    elif kind == "literal_error":
        message, remedy = f"{key!r} has an unknown value", f"known: {', '.join(get_args(Task))}"
    elif key == "id" and kind == "string_pattern_mismatch":
        message = "'id' has characters it may not have"
        remedy = "use lower-case letters, digits, '.', '_', '-' and '/', as in 'group/name'"
    elif kind == "string_type":
        message, remedy = f"{key!r} is not text", "put it in quotes"
    else:
        message, remedy = f"{key!r}: {message}", "see docs/experts.md for what each key takes"
    return document.error(line_of, f"expert {name!r}: {message}", remedy=remedy)


def _sentence(message: str) -> str:
    """Pydantic's message as the rest of a sentence: ``should be a valid number``."""
    return message.removeprefix("Input ").removeprefix("Value error, ")
