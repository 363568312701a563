"""What text is asked for and how it shall look: the parameters of a request."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Annotated, Literal

from pydantic import Field, JsonValue, ValidationError, field_validator

from experts.nearest import did_you_mean
from poser.core.errors import ExpertError
from poser.core.expert import ExpertSpec
from poser.core.value import Value

MAX_CHARACTERS = 600

HINTS = frozenset({"width", "height", "strength", "num_inference_steps", "guidance_scale"})
"""What a caller may ask of any expert and this one has no use for."""

_LOOKS_ALIKE = str.maketrans(
    {"\u2010": "-", "\u2011": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\ufe0f": None}
)


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Cn"})
"""Categories of characters that nobody sees: controls, formats, halves of a character, none."""


class TextStyle(Value):
    """The parameters of one request.

    Attributes:
        text: What to set, at most 600 characters; line breaks are kept.
        position: Where; ``auto`` takes the calmest band of the picture.
        colour: ``auto`` takes white or black, whichever reads better; else a CSS colour.
        size: Height of the letters in pixels of the result; ``auto`` fills the width.
        backing: What sets the letters off: nothing, a soft ``shadow``, an ``outline`` or a
            ``panel``; ``auto`` takes the least that reads well there.
        min_side: A picture whose smaller side is less is enlarged to it first, so that letters
            are legible; in pixels.
    """

    text: Annotated[str, Field(min_length=1)]
    position: Literal["auto", "top", "centre", "center", "bottom"] = "auto"
    colour: Annotated[str, Field(max_length=40)] = "auto"
    size: Literal["auto"] | Annotated[int, Field(ge=6, le=2000)] = "auto"
    backing: Literal["auto", "none", "shadow", "outline", "panel"] = "auto"
    min_side: Annotated[int, Field(ge=1, le=4096)] = 512

    @field_validator("text")
    @classmethod
    def _plain(cls, text: str) -> str:
        text = unicodedata.normalize("NFC", text).translate(_LOOKS_ALIKE)
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")
        text = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _UNSEEN)
        lines = [re.sub(r"[ \t]+", " ", line).strip() for line in text.split("\n")]
        text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
        if not text:
            raise ValueError("there is nothing to set")
        if len(text) > MAX_CHARACTERS:
            raise ValueError(f"{len(text)} characters are more than {MAX_CHARACTERS}")
        return text


def read_style(spec: ExpertSpec, params: dict[str, JsonValue]) -> TextStyle:
    """The style that a request's parameters ask for.

    Args:
        spec: The expert's entry, whose defaults count where a parameter is left out.
        params: The request's parameters.

    Raises:
        ExpertError: ``invalid_request``: the text is missing or too long, or a parameter is
            unknown or of the wrong kind.
    """
    data = {**spec.defaults, **params}
    data = {key: value for key, value in data.items() if key not in HINTS}
    if data.get("text") is None:
        raise _invalid(spec, "was given no text to set", "put the words in quotes in the prompt")
    try:
        return TextStyle.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = str(first["loc"][0]) if first["loc"] else "text"
        if first["type"] == "extra_forbidden":
            near = did_you_mean(key, TextStyle.model_fields)
            raise _invalid(spec, f"takes no parameter {key!r}", near) from None
        message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
        raise _invalid(spec, f"cannot use {key!r}: {message}", _remedy(key)) from None


def _remedy(key: str) -> str:
    return {
        "text": f"give 1 to {MAX_CHARACTERS} characters of text",
        "position": "one of auto, top, centre, bottom",
        "backing": "one of auto, none, shadow, outline, panel",
    }.get(key, "see 'typography' in docs/experts.md")


def _invalid(spec: ExpertSpec, message: str, remedy: str) -> ExpertError:
    return ExpertError(
        f"expert {spec.id!r} {message}", kind="invalid_request", retryable=False, remedy=remedy
    )
