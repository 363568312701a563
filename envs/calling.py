"""Calling experts and critics for the MDP, with nothing paid for twice.

This is the one place where training and composing meet the outside world: a call goes to the
record of finished calls first, then to the expert; errors of ours become typed failures.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pydantic import ValidationError

from critic.base import Critic
from critic.rubric import check_complete
from experts.base import Expert, Generated
from poser.core.critique import CriticFailure, Critique
from poser.core.errors import CriticError, ExpertError, MalformedCritiqueError
from poser.core.expert import ExpertFailure, ExpertRequest, ExpertResult
from poser.core.picture import ImageRef, ImageStore
from poser.core.plan import Plan
from poser.core.value import content_hash

if TYPE_CHECKING:
    from PIL.Image import Image

_Paid = TypeVar("_Paid", ExpertResult, Critique)


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished call on record.

    Attributes:
        value: The result or critique, as plain JSON data.
        step: The step it was made for; ``None`` where another run made it.
    """

    value: dict[str, Any]
    step: int | None


class CallRecord(Protocol):
    """Where finished calls are kept, by content."""

    def get(self, key: str) -> Finished | None:
        """The finished call of that key, if any."""
        ...

    def put(self, key: str, value: dict[str, Any], step: int) -> None:
        """Keeps a finished call for good, before anything else is made of it."""
        ...


@dataclass(slots=True)
class Caller:
    """Calls experts and a critic, and remembers.

    Attributes:
        expert: Finds an expert by id.
        critic: The critic.
        images: Where pictures are kept.
        record: Where finished calls are kept.
        outside_seconds: Seconds spent inside experts and critic so far.
    """

    expert: Callable[[str], Expert]
    critic: Critic
    images: ImageStore
    record: CallRecord
    outside_seconds: float = field(default=0.0)

    def call(self, request: ExpertRequest, step: int) -> tuple[ExpertResult | ExpertFailure, bool]:
        """The outcome of a request, and whether it came from the record.

        A result on record costs nothing again, unless it was made for this very step by a process
        that died before it could account for it.
        """
        if (found := self.recorded(request, step)) is not None:
            return found, True
        started = time.perf_counter()
        try:
            (generated,) = self.expert(request.expert).generate([request], self.images)
        except ExpertError as error:
            seconds = time.perf_counter() - started
            self.outside_seconds += seconds
            return expert_failure(error, seconds), False
        self.outside_seconds += time.perf_counter() - started
        return self.keep(request, generated, step), False

    def recorded(self, request: ExpertRequest, step: int) -> ExpertResult | None:
        """The result of a request that is on record, at no cost unless it was for this step."""
        return self._known(ExpertResult, f"expert-{request.key}", step)

    def keep(self, request: ExpertRequest, generated: Generated, step: int) -> ExpertResult:
        """Keeps what an expert has made, and puts it on record."""
        result = ExpertResult(
            image=self.images.put(self._within_mask(generated.image, request)),
            seconds=generated.seconds,
            cost=generated.cost,
            details=generated.details,
        )
        self.record.put(f"expert-{request.key}", result.to_dict(), step)
        return result

    def _within_mask(self, image: Image, request: ExpertRequest) -> Image:
        """The new picture inside the mask, the old one around it, at the old one's size."""
        if request.mask is None or request.image is None:
            return image
        from PIL.Image import Resampling

        before = self.images.get(request.image)
        mask = self.images.get(request.mask).convert("L")
        if image.size != before.size:
            image = image.resize(before.size, Resampling.LANCZOS)
        if mask.size != before.size:
            mask = mask.resize(before.size)
        after = before.copy()
        after.paste(image, mask=mask)
        return after

    def judge(self, plan: Plan, image: ImageRef, step: int) -> Critique | CriticFailure:
        """The critique of a picture. Incomplete ones become failures, never low scores."""
        if (found := self.recorded_judgement(plan, image, step)) is not None:
            return found
        started = time.perf_counter()
        try:
            critique = self.critic.judge(plan, self.images.get(image.sha256))
            self.keep_judgement(plan, image, critique, step)
        except CriticError as error:
            seconds = time.perf_counter() - started
            self.outside_seconds += seconds
            return critic_failure(error, seconds)
        self.outside_seconds += time.perf_counter() - started
        return critique

    def recorded_judgement(self, plan: Plan, image: ImageRef, step: int) -> Critique | None:
        """The critique of a picture that is on record, as :meth:`recorded`."""
        key = f"critic-{judgement_key(self.critic, plan, image)}"
        return self._known(Critique, key, step)

    def _known(self, kind: type[_Paid], key: str, step: int) -> _Paid | None:
        """A finished call; damaged, or of another version, it is as good as absent."""
        found = self.record.get(key)
        if found is None:
            return None
        try:
            value = kind.model_validate(found.value)
        except ValidationError:
            return None
        return value if found.step == step else value.model_copy(update={"cost": 0.0})

    def keep_judgement(self, plan: Plan, image: ImageRef, critique: Critique, step: int) -> None:
        """Puts a complete critique on record.

        Raises:
            MalformedCritiqueError: It is not complete.
        """
        _check(plan, critique)
        key = f"critic-{judgement_key(self.critic, plan, image)}"
        self.record.put(key, critique.to_dict(), step)


def _check(plan: Plan, critique: Critique) -> None:
    """A critique that is paid for and incomplete is a failure that is paid for."""
    try:
        check_complete(plan, critique)
    except MalformedCritiqueError as error:
        error.cost = critique.cost
        raise


def judgement_key(critic: Critic, plan: Plan, image: ImageRef) -> str:
    """What a judgement depends on: the critic, the questions and the picture."""
    questions = [k.to_dict() for k in plan.judged]
    return content_hash(
        {"critic": critic.id, "revision": critic.revision, "asked": questions, "of": image.sha256}
    )


def expert_failure(error: ExpertError, seconds: float) -> ExpertFailure:
    """The failure that an error of an expert stands for."""
    return ExpertFailure.model_validate(
        {
            "reason": error.kind,
            "message": str(error),
            "retryable": error.retryable,
            "seconds": seconds,
            "cost": error.cost,
        }
    )


def critic_failure(error: CriticError, seconds: float) -> CriticFailure:
    """The failure that an error of a critic stands for."""
    malformed = isinstance(error, MalformedCritiqueError)
    return CriticFailure(
        reason="malformed" if malformed else "unavailable",
        message=str(error),
        seconds=seconds,
        cost=error.cost,
    )
