"""The ``load`` table of an entry, checked."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, ValidationError, model_validator

from experts.nearest import did_you_mean
from experts.weights import HUB_ID, PINNED, is_folder_name
from poser.core.errors import RegistryError
from poser.core.expert import ExpertSpec
from poser.core.value import Finite, Value

Device = Annotated[str, Field(pattern=r"^(auto|cpu|mps|xpu|cuda(:\d+)?)$")]


class Lora(Value):
    """Low-rank weights to add to a pipeline.

    Attributes:
        source: A ``.safetensors`` file, a folder of one, or a hub id.
        weight_name: The file's name, where the source is a hub id or a folder of several.
        revision: Pinned revision of a hub id.
        scale: Strength; 1.0 as trained.
    """

    source: Annotated[str, Field(min_length=1)]
    weight_name: Annotated[str, Field(pattern=r"^([\w.-]+/)*[\w.-]+\.safetensors$")] | None = None
    revision: str = ""
    scale: Finite = 1.0

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        if is_folder_name(self.source):
            return self
        if HUB_ID.match(self.source) is None:
            raise ValueError("a LoRA's source is './path' or a hub id 'owner/name'")
        if self.weight_name is None or PINNED.match(self.revision) is None:
            raise ValueError("a LoRA of a hub needs 'weight_name' and a 40-digit 'revision'")
        return self


class Scheduler(Value):
    """A scheduler by class name; any further keys are its own settings."""

    model_config = ConfigDict(extra="allow")

    name: Annotated[str, Field(min_length=1)]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that the entry changes, as ``from_config`` takes them."""
        return dict(self.model_extra or {})


class LoadOptions(Value):
    """How a pipeline is loaded.

    Attributes:
        dtype: Type of its numbers; ``auto`` is bfloat16 on CUDA (float16 where the card has no
            bfloat16), float16 on MPS, float32 on CPU.
        device: Where it runs; ``auto`` takes CUDA, then MPS, then the CPU.
        scheduler: A scheduler class of diffusers instead of the saved one, by name, or with
            settings: ``{name: ..., use_karras_sigmas: true}``.
        variant: Variant of the weight files, as ``fp16``.
        lora: Low-rank weights to add, in order.
    """

    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    device: Device = "auto"
    scheduler: str | Scheduler | None = None
    variant: str | None = None
    lora: tuple[Lora, ...] = ()


def read_load_options(spec: ExpertSpec) -> LoadOptions:
    """The options that an entry's ``load`` states.

    Raises:
        RegistryError: A key is unknown or its value is of the wrong kind.
    """
    load: dict[str, JsonValue] = dict(spec.load)
    for key in load:
        if key not in LoadOptions.model_fields:
            raise RegistryError(
                f"expert {spec.id!r}: unknown key 'load.{key}'",
                remedy=did_you_mean(key, LoadOptions.model_fields),
            )
    lora = load.get("lora")
    if isinstance(lora, str):
        load["lora"] = [{"source": lora}]
    elif isinstance(lora, dict):
        load["lora"] = [lora]
    try:
        return LoadOptions.model_validate_json(json.dumps(load), strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in ("load", *first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        raise RegistryError(
            f"expert {spec.id!r}: '{key}': {message}",
            remedy="see 'load' in docs/experts.md",
        ) from None
