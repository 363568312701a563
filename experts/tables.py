"""Measured capabilities beside the registry: found, checked for age, filled into entries.

A table counts only for what it was measured on. One of other weights is not used, and says so.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from poser.core.capability import CapabilityTable
from poser.core.expert import ExpertSpec
from poser.core.files import is_file
from poser.core.value import content_hash

VARIABLE = "POSER_CAPABILITIES"
"""Environment variable that names the user's folder of tables."""


def user_folder() -> Path:
    """Where tables of the user's own measuring are: ``POSER_CAPABILITIES`` or the user's data."""
    import platformdirs

    named = os.environ.get(VARIABLE)
    return Path(named) if named else platformdirs.user_data_path("image-poser") / "capabilities"


HELD_OUT = "held-out"
"""Folder, beside the tables, of those measured on what is kept out of training: never routed by."""


def table_name(expert_id: str) -> str:
    """The name of an expert's table file: ``pocket-painter.json``.

    An id with a hyphen of its own has a hash in it, so that ``a-b`` is not taken for ``a/b``.
    """
    own = f".{content_hash(expert_id)[:8]}" if "-" in expert_id else ""
    return f"{expert_id.replace('/', '-')}{own}.json"


def read_table(path: Path) -> tuple[CapabilityTable | None, str]:
    """The table in a file; or ``None`` and why there is none."""
    try:
        return CapabilityTable.from_json(path.read_bytes()), ""
    except OSError:
        return None, f"there is no {path}"
    except ValidationError:
        return None, f"{path} is no capability table of this version"


def measured(spec: ExpertSpec, named: Path | None) -> tuple[CapabilityTable | None, str]:
    """The table that holds for an expert, and a warning where there is something amiss.

    The user's own table goes before the one that the entry names.

    Args:
        spec: The entry, with its fingerprint.
        named: The file that the entry names, if any.

    Returns:
        The table, or ``None``; one line, or an empty text.
    """
    own = user_folder() / table_name(spec.id)
    problem = ""
    for path in (own if is_file(own) else None, named):
        if path is None:
            continue
        table, problem = read_table(path)
        if table is not None and table.measures(spec):
            return table, _of_other_defaults(path, table, spec)
        problem = problem or f"{path} was measured on other weights or options"
    if not problem:
        return None, ""
    remedy = f"poser experts probe {spec.id}"
    return None, f"expert {spec.id!r}: its measured capabilities are not used: {problem} ({remedy})"


def _of_other_defaults(path: Path, table: CapabilityTable, spec: ExpertSpec) -> str:
    """A warning where an expert is now called with other arguments than it was measured with."""
    names = sorted({*table.defaults, *spec.defaults})
    other = [n for n in names if table.defaults.get(n) != spec.defaults.get(n)]
    if not other:
        return ""
    return (
        f"expert {spec.id!r}: {path} was measured with other defaults ({', '.join(other)}) and is "
        f"used all the same (poser experts probe {spec.id})"
    )


def filled(spec: ExpertSpec, table: CapabilityTable, *, seconds: bool) -> ExpertSpec:
    """An entry with what it leaves unsaid taken from a table.

    Args:
        spec: The entry; an op that it states keeps its value, but for ``finish``: that has to be
            stated for an expert to be called for it, so how well it does it is what was measured.
        table: What was measured.
        seconds: Whether the entry leaves ``cost.seconds`` unsaid.
    """
    cost = spec.cost
    if seconds and table.seconds is not None:
        cost = cost.model_copy(update={"seconds": table.seconds})
    capabilities = {**table.capabilities, **spec.capabilities}
    if spec.capabilities.get("finish") and "finish" in table.capabilities:
        capabilities["finish"] = table.capabilities["finish"]
    return spec.model_copy(update={"capabilities": capabilities, "cost": cost})
