"""Trying an expert: one small request, and what came of it."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pydantic import JsonValue

from poser.core.errors import PoserError, StorageError
from poser.core.expert import ExpertRequest, ExpertSpec
from poser.core.picture import ImageRef

if TYPE_CHECKING:
    from PIL.Image import Image

    from experts.registry import Registry

_PROBES = ("a red car", "a red circle")


@runtime_checkable
class Probed(Protocol):
    """An expert that says which arguments a trial of it needs besides its defaults."""

    @property
    def probe_params(self) -> Mapping[str, JsonValue]:
        """The arguments, as ``{"text": "Hello"}``."""
        ...


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What came of trying one expert.

    Attributes:
        id: The expert.
        ok: Whether it made a picture.
        seconds: Wall time of the call, without loading; 0 where it failed.
        load_seconds: Wall time of loading and of the first call, less ``seconds``.
        size: Width and height of the picture in pixels.
        problem: What failed, in one line.
        remedy: How to mend it, in one line.
    """

    id: str
    ok: bool
    seconds: float = 0.0
    load_seconds: float = 0.0
    size: tuple[int, int] = (0, 0)
    problem: str = ""
    remedy: str = ""


class MemoryPictures:
    """An image store in memory, for trials and tests."""

    def __init__(self) -> None:
        self._pictures: dict[str, Image] = {}

    def get(self, sha256: str) -> Image:
        """The picture of that hash.

        Raises:
            StorageError: It is not there.
        """
        try:
            return self._pictures[sha256].copy()
        except KeyError:
            raise StorageError(f"no picture {sha256[:12]} is kept") from None

    def put(self, image: Image) -> ImageRef:
        """Keeps a picture and returns its reference."""
        data = io.BytesIO()
        image.save(data, "PNG")
        key = hashlib.sha256(data.getvalue()).hexdigest()
        self._pictures[key] = image.copy()
        return ImageRef(sha256=key, width=image.width, height=image.height)


def check_expert(registry: Registry, expert_id: str, *, raise_bugs: bool = False) -> CheckReport:
    """Loads an expert, runs one small request twice, and closes it.

    The second call is the one that is timed.

    Args:
        registry: Where the expert is looked up.
        expert_id: Which.
        raise_bugs: Whether an error that no user can mend is raised rather than reported.

    Raises:
        UnknownExpertError: No such expert. Every other failure is in the report.
    """
    spec = registry[expert_id]
    pictures = MemoryPictures()
    try:
        expert = registry.expert(expert_id)
        try:
            params = dict(expert.probe_params) if isinstance(expert, Probed) else {}
            request = probe_request(spec, pictures, params)
            started = time.monotonic()
            expert.generate([request], pictures)
            middle = time.monotonic()
            made = expert.generate([request], pictures)[0]
            ended = time.monotonic()
        finally:
            expert.close()
    except PoserError as error:
        return CheckReport(id=spec.id, ok=False, problem=error.message, remedy=error.remedy)
    except Exception as error:
        if raise_bugs:
            raise
        # a bug of an adapter or pipeline must not hide the other experts
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        return CheckReport(
            id=spec.id,
            ok=False,
            problem=f"a bug in its adapter or pipeline: {reason}",
            remedy="see it with 'poser experts check ID --traceback', and report it to its maker",
        )
    return CheckReport(
        id=spec.id,
        ok=True,
        seconds=ended - middle,
        load_seconds=max(0.0, (middle - started) - (ended - middle)),
        size=made.image.size,
    )


def probe_request(
    spec: ExpertSpec, pictures: MemoryPictures, params: Mapping[str, JsonValue]
) -> ExpertRequest:
    """A small request that any expert of its task can serve.

    Args:
        spec: The expert's entry.
        pictures: Where a picture and mask to edit are put.
        params: Arguments besides the entry's defaults.
    """
    from PIL import Image, ImageDraw

    side = max(spec.limits.min_side, min(256, spec.limits.max_side))
    image = mask = None
    if spec.needs_picture:
        picture = Image.new("RGB", (side, side), (70, 110, 190))
        box = (side // 4, side // 4, side * 3 // 4, side * 3 // 4)
        ImageDraw.Draw(picture).ellipse(box, fill=(200, 60, 50))
        image = pictures.put(picture).sha256
        if spec.task == "inpainting":
            cover = Image.new("L", (side, side), 0)
            ImageDraw.Draw(cover).rectangle(box, fill=255)
            mask = pictures.put(cover).sha256
    return ExpertRequest(
        expert=spec.id,
        task=spec.task,
        prompt=_prompt(spec),
        image=image,
        mask=mask,
        params={**spec.defaults, **params},
    )


def _prompt(spec: ExpertSpec) -> str:
    """A prompt in the words that an expert knows."""
    known = spec.vocabulary
    if known is None:
        return _PROBES[-1]
    for prompt in _PROBES:
        if set(prompt.split()) <= known:
            return prompt
    return " ".join(sorted(known)[:3])
