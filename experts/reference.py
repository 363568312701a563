"""References from data to code: ``package.module:NAME``."""

from __future__ import annotations

import importlib
import re
from typing import Any

REFERENCE = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$")
"""The form of a reference: an importable module, a colon, one name in it."""


class BadReferenceError(ImportError):
    """A reference leads nowhere; its text is one line."""


def is_reference(text: str) -> bool:
    """Whether a text has the form ``package.module:NAME``."""
    return REFERENCE.match(text) is not None


def resolve(text: str) -> Any:
    """The object that ``package.module:NAME`` names; imports the module.

    Args:
        text: A reference to an installed module. Code is never fetched.

    Raises:
        BadReferenceError: The text is no reference, or leads to no module or no name in it.
    """
    if not is_reference(text):
        raise BadReferenceError(f"{text!r} does not read 'package.module:NAME'")
    module_name, _, name = text.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # what an import runs is not ours
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise BadReferenceError(f"module {module_name!r} does not import: {reason}") from error
    try:
        return getattr(module, name)
    except AttributeError:
        raise BadReferenceError(f"module {module_name!r} has no {name!r}") from None
