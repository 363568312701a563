"""An expert that is a diffusers pipeline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from experts.base import Generated
from experts.diffusers_adapter.call import (
    Prepared,
    batches,
    call_arguments,
    check_defaults,
    prepare,
)
from experts.diffusers_adapter.failures import (
    DeadlinePassed,
    free_memory,
    loading_failure,
    one_line,
    out_of_memory,
)
from experts.diffusers_adapter.loading import Loaded, load_pipeline, quiet
from experts.diffusers_adapter.options import read_load_options
from poser.core.errors import ExpertError, PoserError, RegistryError, is_out_of_memory
from poser.core.expert import ExpertRequest, ExpertSpec

if TYPE_CHECKING:
    from PIL.Image import Image

    from poser.core.picture import ImageSource


class DiffusersExpert:
    """Calls a pipeline of diffusers for text_to_image, image_to_image or inpainting.

    The pipeline loads on the first call and stays until :meth:`close`. Calls from several
    threads take turns. The same request gives the same picture byte by byte when it is served
    alone; within a batch the last bit of a value may differ, because matrices of another shape
    are multiplied in another order.
    """

    def __init__(self, spec: ExpertSpec) -> None:
        """Checks the entry; loads nothing.

        Raises:
            RegistryError: The entry has no source, or a ``load`` key that is unknown or wrong.
        """
        if not spec.source:
            raise RegistryError(
                f"expert {spec.id!r} has no 'source'",
                remedy="add 'source: ./folder' or a hub id with a pinned 'revision'",
            )
        self._spec = spec
        self._options = read_load_options(spec)
        self._lock = threading.RLock()
        self._loaded: Loaded | None = None

    @property
    def spec(self) -> ExpertSpec:
        """The registry entry it was made from."""
        return self._spec

    def generate(self, requests: Sequence[ExpertRequest], images: ImageSource) -> list[Generated]:
        """Serves requests in order; those of one size and the same arguments share a call.

        Args:
            requests: At least one, all for this expert.
            images: Where the pictures named by hash in the requests are read from.

        Returns:
            One picture for each request, of the size that the pipeline made.

        Raises:
            ExpertError: The weights are not there, memory ran out (and was freed), the time was
                up, the request does not fit, or the picture is unusable.
            RegistryError: The entry names a class or an argument that does not exist.
        """
        with self._lock:
            problem: PoserError
            try:
                return self._serve(requests, images)
            except PoserError as error:
                problem = error.with_traceback(None)
            except DeadlinePassed:
                problem = ExpertError(
                    f"expert {self._spec.id!r} was not finished after "
                    f"{self._spec.limits.timeout:g} s",
                    kind="timeout",
                    remedy="raise limits.timeout, or lower num_inference_steps or the size",
                )
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                problem = out_of_memory(self._spec, f"serving {len(requests)} request(s)")
                self._loaded = None
            # Out here no frame of the failed call is alive, nor held by the error that is raised
            # (a caller may keep it), so what the call held can go.
            if self._loaded is None:
                free_memory()
            raise problem

    def close(self) -> None:
        """Drops the pipeline and gives its memory back; the next call loads it again."""
        with self._lock:
            if self._loaded is not None:
                self._loaded = None
                free_memory()

    def _load(self) -> Loaded:
        if self._loaded is not None:
            return self._loaded
        failure: ExpertError | None = None
        try:
            loaded = load_pipeline(self._spec, self._options)
        except PoserError:
            raise
        except Exception as error:
            failure = loading_failure(self._spec, error)
            if failure is None:
                raise
        if failure is not None:
            raise failure
        check_defaults(self._spec, loaded)
        self._loaded = loaded
        return loaded

    def _serve(self, requests: Sequence[ExpertRequest], images: ImageSource) -> list[Generated]:
        loaded = self._load()
        prepared = [prepare(self._spec, loaded, request, images) for request in requests]
        results: dict[int, Generated] = {}
        for positions in batches(prepared, self._spec.limits.batch):
            batch = [prepared[position] for position in positions]
            started = time.monotonic()
            pictures = self._call(loaded, batch)
            seconds = (time.monotonic() - started) / len(batch)
            for position, item, picture in zip(positions, batch, pictures, strict=True):
                results[position] = Generated(
                    image=picture,
                    seconds=seconds,
                    cost=self._spec.cost.usd,
                    details=_details(loaded, item, len(batch)),
                )
        return [results[position] for position in range(len(prepared))]

    def _call(self, loaded: Loaded, batch: Sequence[Prepared]) -> list[Image]:
        """One call of the pipeline; its pictures are checked."""
        import numpy as np
        import torch

        invalid: list[str] = []

        def note(kind: str, _flag: int) -> None:
            invalid.append(kind)

        arguments = call_arguments(batch)
        if "callback_on_step_end" in loaded.accepts:
            end = time.monotonic() + self._spec.limits.timeout
            arguments["callback_on_step_end"] = _deadline(end)
        try:
            # Turning NaN into pixels is an "invalid" operation of numpy: take note of it.
            with quiet(), np.errstate(invalid="call", call=note), torch.inference_mode():
                output = loaded.pipeline(**arguments)
        except ValueError as error:  # how pipelines refuse their arguments
            raise ExpertError(
                f"expert {self._spec.id!r} refuses the request: {one_line(error)}",
                kind="invalid_request",
                retryable=False,
                remedy="check 'defaults' of the entry and the request's arguments",
            ) from error
        return _checked(self._spec, batch, output, not_a_number=bool(invalid))


def _deadline(end: float) -> Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]:
    """A callback for the end of a step that leaves the pipeline when the time is up."""

    def check(_pipeline: Any, _step: int, _time: Any, values: dict[str, Any]) -> dict[str, Any]:
        if time.monotonic() > end:
            raise DeadlinePassed
        return values

    return check


def _checked(
    spec: ExpertSpec, batch: Sequence[Prepared], output: Any, *, not_a_number: bool
) -> list[Image]:
    """The pictures of a call, RGB.

    Raises:
        ExpertError: ``refused`` by a safety checker, or ``bad_output``.
    """
    from PIL import Image as Pillow

    if any(getattr(output, "nsfw_content_detected", None) or ()):
        raise ExpertError(
            f"expert {spec.id!r}: its safety checker withheld a picture",
            kind="refused",
            remedy="reword the prompt, or try another seed or expert",
        )
    pictures = getattr(output, "images", None)
    if not isinstance(pictures, list) or len(pictures) != len(batch):
        found = len(pictures) if isinstance(pictures, list) else type(pictures).__name__
        raise _bad(spec, f"gave {found} for {len(batch)} picture(s)", "check its pipeline class")
    checked: list[Image] = []
    for item, picture in zip(batch, pictures, strict=True):
        if not isinstance(picture, Pillow.Image):
            raise _bad(spec, f"gave a {type(picture).__name__}, not a picture", "check its class")
        picture = picture.convert("RGB")
        if picture.getbbox() is None:
            cause = "its numbers overflowed (NaN)" if not_a_number else "all pixels are zero"
            raise _bad(
                spec,
                f"gave a black picture: {cause}",
                "set load.dtype to float32 (or bfloat16), or use a VAE made for half precision",
            )
        if max(picture.size) > 16384:
            raise _bad(spec, f"gave a picture of {picture.size} pixels", "lower the size")
        asked = item.size
        if spec.task == "text_to_image" and asked is not None and picture.size != asked:
            raise _bad(spec, f"gave {picture.size} pixels, not {asked}", "state a size it can make")
        checked.append(picture)
    return checked


def _bad(spec: ExpertSpec, message: str, remedy: str) -> ExpertError:
    return ExpertError(f"expert {spec.id!r} {message}", kind="bad_output", remedy=remedy)


def _details(loaded: Loaded, item: Prepared, batch: int) -> dict[str, Any]:
    details: dict[str, Any] = {
        "pipeline": type(loaded.pipeline).__name__,
        "device": loaded.device,
        "dtype": loaded.dtype,
        "batch": batch,
    }
    if item.ignored:
        details["ignored"] = list(item.ignored)
    return details
