"""The base of all values: frozen, typed, with an exact JSON round trip."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

UnitInterval = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
"""A score or probability in [0, 1]."""

NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
"""A finite quantity that is not negative: seconds, or a cost in US dollars."""

Finite = Annotated[float, Field(allow_inf_nan=False)]
"""A finite number."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A content hash, 64 hexadecimal digits."""


class Value(BaseModel):
    """A frozen value. ``from_json(value.to_json()) == value`` for every value of every subclass."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, with other values in fields; what was worked out from the old ones is left out.

        Args:
            update: Values by field, not validated.
            deep: Whether values are copied too.
        """
        copy = super().model_copy(update=update, deep=deep)
        for name in set(copy.__dict__) - set(type(self).model_fields):
            del copy.__dict__[name]
        return copy

    def to_json(self) -> str:
        """This value as one line of JSON."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The value that :meth:`to_json` wrote.

        Raises:
            pydantic.ValidationError: The text is not such a value.
        """
        return cls.model_validate_json(text)

    def to_dict(self) -> dict[str, Any]:
        """This value as plain JSON data: dict, list, str, int, float, bool, None."""
        return self.model_dump(mode="json")


def content_hash(data: Any) -> str:
    """The SHA-256 (64 hex digits) of plain JSON data, independent of the order of keys."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
