"""YAML documents as plain JSON data that knows its line numbers.

PyYAML's own constructors expand aliases without bound and forget where a value stood. Here the
node graph is turned into data by hand: bounded in size, depth and expansion, no types beyond
JSON's, duplicate keys refused, and the line of every key kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import JsonValue

from poser.core.errors import RegistryError

MAX_BYTES = 1_000_000
MAX_VALUES = 50_000
MAX_DEPTH = 20

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file.

    Attributes:
        path: The file.
        data: Its content as JSON data.
        lines: The line (from 1) of every key and item, by its path from the top.
    """

    path: Path
    data: JsonValue
    lines: dict[Location, int]

    def line(self, location: Location) -> int:
        """The line of a key or item, or that of the nearest thing that contains it."""
        while location not in self.lines and location:
            location = location[:-1]
        return self.lines.get(location, 1)

    def error(self, location: Location, message: str, *, remedy: str = "") -> RegistryError:
        """An error at a place of this file, on one line: ``file:line: message (remedy)``."""
        return RegistryError(f"{self.path}:{self.line(location)}: {message}", remedy=remedy)


def read_document(path: Path) -> Document:
    """Reads one YAML file.

    Args:
        path: A regular file of at most 1 MB, UTF-8.

    Returns:
        Its data and lines.

    Raises:
        RegistryError: It cannot be read, or is not plain YAML within bounds.
    """
    text = _text(path)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise RegistryError(
            f"{path}:{line}: not valid YAML: {error.problem or error.context}",
            remedy="check indentation, colons and quotes on that line and the one above",
        ) from None
    except yaml.YAMLError as error:
        raise RegistryError(
            f"{path}: not valid YAML: {error}", remedy="save the file as plain UTF-8 text"
        ) from None
    except RecursionError:
        raise RegistryError(
            f"{path}: nested too deeply", remedy=f"use at most {MAX_DEPTH} levels"
        ) from None
    if node is None:
        raise RegistryError(
            f"{path}: the file is empty", remedy="write 'version: 1' and a list 'experts:'"
        )
    reading = _Reading(path)
    data = reading.value(node, ())
    return Document(path=path, data=data, lines=reading.lines)


def _text(path: Path) -> str:
    try:
        if path.is_dir():
            raise RegistryError(f"{path}: is a folder", remedy="name the YAML file itself")
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise RegistryError(
            f"{path}: no such file", remedy="check --registry and POSER_REGISTRY"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RegistryError(
            f"{path}: cannot be read: {reason}", remedy="check the path and its permissions"
        ) from None
    if len(raw) > MAX_BYTES:
        raise RegistryError(
            f"{path}: larger than {MAX_BYTES // 1_000_000} MB",
            remedy="a registry holds entries, not weights; split it over several files",
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise RegistryError(
            f"{path}:{line}: not UTF-8 text", remedy="save the file as UTF-8"
        ) from None


class _Reading:
    """One pass over a node graph."""

    def __init__(self, path: Path) -> None:
        self.lines: dict[Location, int] = {}
        self._path = path
        self._scalars = yaml.SafeLoader("")
        self._values = 0

    def value(self, node: yaml.Node, location: Location) -> JsonValue:
        self._values += 1
        self.lines.setdefault(location, node.start_mark.line + 1)
        if self._values > MAX_VALUES:
            raise self._error(node, "too many values, aliases counted", "split the file")
        if len(location) > MAX_DEPTH:
            raise self._error(node, "nested too deeply", f"use at most {MAX_DEPTH} levels")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*location, i)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        raise self._error(node, "not plain YAML", "use plain values")

    def _mapping(self, node: yaml.MappingNode, location: Location) -> JsonValue:
        result: dict[str, JsonValue] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, "a key is not plain text", "write 'key: value'")
            key = self._text(key_node)
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise self._error(key_node, "'<<' is not supported", "write the keys out")
            if key in result:
                first = self.lines[(*location, key)]
                raise self._error(
                    key_node,
                    f"key {key!r} stands twice (first on line {first})",
                    "remove one of them",
                )
            self.lines[(*location, key)] = key_node.start_mark.line + 1
            result[key] = self.value(value_node, (*location, key))
        return result

    def _scalar(self, node: yaml.ScalarNode) -> JsonValue:
        kind = node.tag.rpartition(":")[2]
        try:
            if kind == "null":
                return None
            if kind == "bool":
                return bool(self._scalars.construct_yaml_bool(node))
            if kind == "int":
                return int(self._scalars.construct_yaml_int(node))
            if kind == "float":
                number = float(self._scalars.construct_yaml_float(node))
                if math.isfinite(number):
                    return number
                raise ValueError(number)
        except (ValueError, yaml.YAMLError):
            problem = self._error(node, f"this is no finite {kind}", "quote it if it is text")
            raise problem from None
        if kind in {"str", "timestamp"}:
            return self._text(node)
        raise self._error(node, f"the tag {node.tag[:60]!r} is not supported", "use plain values")

    def _text(self, node: yaml.ScalarNode) -> str:
        text = str(node.value)
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise self._error(node, "holds half a character", "write the character itself")
        return text

    def _error(self, node: yaml.Node, message: str, remedy: str) -> RegistryError:
        return RegistryError(f"{self._path}:{node.start_mark.line + 1}: {message}", remedy=remedy)
