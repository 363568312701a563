"""From requests to calls of a pipeline: legal sizes, batches, arguments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experts.diffusers_adapter.loading import Loaded
from experts.diffusers_adapter.sizes import Size, legal_size, side_multiple
from experts.nearest import did_you_mean
from poser.core.errors import ExpertError, RegistryError
from poser.core.expert import ExpertRequest, ExpertSpec

if TYPE_CHECKING:
    from PIL.Image import Image

    from poser.core.picture import ImageSource

RESERVED = frozenset(
    {
        "prompt",
        "image",
        "mask_image",
        "generator",
        "latents",
        "output_type",
        "return_dict",
        "num_images_per_prompt",
        "callback",
        "callback_steps",
        "callback_on_step_end",
        "callback_on_step_end_tensor_inputs",
    }
)
"""Arguments that the adapter sets itself."""

HINTS = frozenset({"width", "height", "strength", "num_inference_steps", "guidance_scale", "text"})
"""What a caller may ask of any expert; left out where a pipeline has no such argument."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request made ready for a pipeline.

    Attributes:
        request: The request.
        arguments: The arguments of the call that the whole batch shares.
        negative_prompt: What to avoid, or ``None`` where nothing is.
        image: The picture to edit, RGB, of a legal size.
        mask: The mask, L, of the same size.
        size: The size asked of the pipeline; ``None`` where it decides.
        ignored: Hints that the pipeline has no argument for.
    """

    request: ExpertRequest
    arguments: dict[str, Any]
    negative_prompt: str | None
    image: Image | None
    mask: Image | None
    size: Size | None
    ignored: tuple[str, ...]

    @property
    def batch_key(self) -> str:
        """Requests of the same key go into one call."""
        shape = self.image.size if self.image is not None else None
        negative = self.negative_prompt is not None
        return json.dumps([self.arguments, negative, shape, self.size], sort_keys=True)


def check_defaults(spec: ExpertSpec, loaded: Loaded) -> None:
    """Refuses defaults that the pipeline's call does not take.

    Raises:
        RegistryError: It names the key, and those that would be accepted.
    """
    name = type(loaded.pipeline).__name__
    for key in spec.defaults:
        if key in RESERVED:
            raise RegistryError(
                f"expert {spec.id!r}: 'defaults.{key}' is set by the adapter",
                remedy=f"remove it; {name} takes {_accepted(loaded)}",
            )
        if key not in loaded.accepts:
            near = did_you_mean(key, loaded.accepts - RESERVED)
            hint = f"{near} " if near.startswith("did") else ""
            raise RegistryError(
                f"expert {spec.id!r}: {name} takes no argument {key!r} ('defaults.{key}')",
                remedy=f"{hint}{name} takes {_accepted(loaded)}",
            )


def _accepted(loaded: Loaded) -> str:
    return ", ".join(sorted(loaded.accepts - RESERVED))


def prepare(
    spec: ExpertSpec, loaded: Loaded, request: ExpertRequest, images: ImageSource
) -> Prepared:
    """Makes one request ready.

    Raises:
        ExpertError: ``invalid_request``: the request lacks a picture or mask, is for another
            task, or has an argument that the pipeline does not take.
    """
    if request.task != spec.task:
        raise _invalid(spec, f"serves {spec.task}, not {request.task}", "choose another expert")
    arguments: dict[str, Any] = {**spec.defaults, **request.params}
    ignored = []
    for key in list(arguments):
        if key in loaded.accepts and key not in RESERVED:
            continue
        if key not in HINTS:
            near = did_you_mean(key, loaded.accepts - RESERVED)
            raise _invalid(spec, f"takes no argument {key!r}", near)
        del arguments[key]
        ignored.append(key)
    negative = request.negative_prompt or arguments.pop("negative_prompt", None) or None
    arguments.pop("negative_prompt", None)
    if negative is not None and "negative_prompt" not in loaded.accepts:
        negative = None
        ignored.append("negative_prompt")
    multiple = side_multiple(loaded.pipeline)
    wished = _wished_size(spec, arguments)
    image, mask = _pictures(spec, request, images, wished, multiple)
    size: Size | None = None
    if image is not None:
        size = image.size
    elif wished is not None:
        size = legal_size(wished, spec.limits, multiple)
    if not {"width", "height"} <= loaded.accepts:
        size = None
    _check_steps(spec, arguments)
    return Prepared(request, arguments, negative, image, mask, size, tuple(sorted(ignored)))


def _wished_size(spec: ExpertSpec, arguments: dict[str, Any]) -> Size | None:
    width, height = arguments.pop("width", None), arguments.pop("height", None)
    if width is None and height is None:
        return None
    sides = (width if width is not None else height, height if height is not None else width)
    if not all(isinstance(side, int) and side > 0 for side in sides):
        raise _invalid(spec, "was asked for a size that is no number of pixels", "use integers")
    return sides


def _pictures(
    spec: ExpertSpec,
    request: ExpertRequest,
    images: ImageSource,
    wished: Size | None,
    multiple: int,
) -> tuple[Image | None, Image | None]:
    """The picture and mask of a request at one legal size."""
    from PIL import Image as Pillow

    if not spec.needs_picture:
        return None, None
    if request.image is None:
        raise _invalid(spec, "edits a picture, and none was given", "make one first")
    image = images.get(request.image).convert("RGB")
    size = legal_size(wished or image.size, spec.limits, multiple)
    if image.size != size:
        image = image.resize(size, Pillow.Resampling.LANCZOS)
    if spec.task != "inpainting":
        return image, None
    if request.mask is None:
        raise _invalid(spec, "fills a mask, and none was given", "give --mask")
    mask = images.get(request.mask).convert("L")
    if mask.size != size:
        mask = mask.resize(size, Pillow.Resampling.NEAREST)
    return image, mask


def _check_steps(spec: ExpertSpec, arguments: dict[str, Any]) -> None:
    strength, steps = arguments.get("strength"), arguments.get("num_inference_steps")
    if not (isinstance(strength, int | float) and isinstance(steps, int)):
        return
    if int(steps * strength) < 1:
        raise _invalid(
            spec,
            f"would take no step: {steps} steps at strength {strength}",
            "raise num_inference_steps or strength",
        )


def _invalid(spec: ExpertSpec, message: str, remedy: str) -> ExpertError:
    return ExpertError(
        f"expert {spec.id!r} {message}", kind="invalid_request", retryable=False, remedy=remedy
    )


def batches(prepared: Sequence[Prepared], most: int) -> Iterator[list[int]]:
    """Positions of requests that one call can serve together, at most ``most`` a call."""
    groups: dict[str, list[int]] = {}
    for index, item in enumerate(prepared):
        groups.setdefault(item.batch_key, []).append(index)
    for group in groups.values():
        for start in range(0, len(group), most):
            yield group[start : start + most]


def call_arguments(batch: Sequence[Prepared]) -> dict[str, Any]:
    """The keyword arguments of one call, without its callback."""
    import torch

    first = batch[0]
    arguments: dict[str, Any] = {
        **first.arguments,
        "prompt": [item.request.prompt for item in batch],
        # On the CPU whatever the device: the same seed is the same noise everywhere.
        "generator": [torch.Generator("cpu").manual_seed(item.request.seed) for item in batch],
        "output_type": "pil",
    }
    if first.negative_prompt is not None:
        arguments["negative_prompt"] = [item.negative_prompt for item in batch]
    if first.image is not None:
        arguments["image"] = [item.image for item in batch]
    if first.mask is not None:
        arguments["mask_image"] = [item.mask for item in batch]
    if first.size is not None:
        arguments["width"], arguments["height"] = first.size
    return arguments
