"""Calls that several methods make are made once: the same request, the same picture.

Each method is billed for what it asks, as if it were alone; only the work is not repeated. What
costs money is kept on disk as it comes, so that neither a crash nor another method pays it again.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from critic.base import Critic
from critic.rubric import check_complete
from envs.batching import BatchCritic
from envs.calling import judgement_key
from experts.base import Expert, Generated
from poser.core.critique import Critique
from poser.core.errors import MalformedCritiqueError
from poser.core.expert import ExpertRequest, ExpertSpec
from poser.core.picture import ImageRef, ImageSource
from poser.core.plan import Criterion, Plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL.Image import Image

    from poser.store.journal import DiskJournal

MOST = 20_000
"""Judgements that are remembered in memory; the oldest are forgotten."""

MOST_PIXELS = 200_000_000
"""Pixels of pictures that are remembered in memory, likewise: about 600 MB."""

T = TypeVar("T")


class Recent(Generic[T]):
    """The latest values by key.

    Args:
        most: How much at most.
        size: How much one value counts for; 1 where ``None``.
    """

    def __init__(self, most: int = MOST, size: Callable[[T], int] | None = None) -> None:
        self._most, self._held = most, 0
        self._size = size or (lambda _: 1)
        self._values: OrderedDict[str, T] = OrderedDict()

    def get(self, key: str) -> T | None:
        """The value of a key, if it is remembered."""
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def put(self, key: str, value: T) -> None:
        """Remembers a value."""
        if (old := self._values.pop(key, None)) is not None:
            self._held -= self._size(old)
        self._values[key] = value
        self._held += self._size(value)
        while self._held > self._most and len(self._values) > 1:
            self._held -= self._size(self._values.popitem(last=False)[1])


def _pixels(made: Generated) -> int:
    return made.image.width * made.image.height


@dataclass(slots=True)
class Memory:
    """Finished calls and judgements of an evaluation.

    Attributes:
        paid: Where those that cost money are kept.
        pictures: Of finished calls, by the request's key.
        critiques: By :func:`envs.calling.judgement_key`.
        expert_seconds: Wall seconds spent inside experts so far.
        critic_seconds: Wall seconds spent inside the critic so far.
        made: Calls made so far.
        known: Calls that were remembered instead.
    """

    paid: DiskJournal | None = None
    pictures: Recent[Generated] = field(default_factory=lambda: Recent(MOST_PIXELS, _pixels))
    critiques: Recent[Critique] = field(default_factory=Recent)
    expert_seconds: float = 0.0
    critic_seconds: float = 0.0
    made: int = 0
    known: int = 0

    def experts(self, expert: Callable[[str], Expert]) -> Callable[[str], Expert]:
        """What finds experts that remember."""
        return lambda expert_id: RememberedExpert(expert(expert_id), self)

    def picture(self, key: str) -> Generated | None:
        """What an expert made of a request, if that is known."""
        found = self.pictures.get(key)
        if found is None and self.paid is not None:
            value = self.paid.get(f"expert-{key}")
            if value is not None:
                found = Generated(
                    image=self.paid.images.get(value["image"]),
                    seconds=value["seconds"],
                    cost=value["cost"],
                    details=value["details"],
                )
        return found

    def keep_picture(self, key: str, made: Generated) -> None:
        """Remembers what an expert made; for good where it cost money."""
        if made.cost > 0.0 and self.paid is not None:
            value = {"seconds": made.seconds, "cost": made.cost, "details": made.details}
            image = self.paid.images.put(made.image).sha256
            self.paid.put(f"expert-{key}", {"image": image, **value})
        self.pictures.put(key, made)

    def critique(self, key: str) -> Critique | None:
        """A judgement, if it is known."""
        found = self.critiques.get(key)
        if found is None and self.paid is not None:
            value = self.paid.get(f"critic-{key}")
            found = None if value is None else Critique.model_validate(value["critique"])
        return found

    def keep_critique(self, key: str, critique: Critique) -> None:
        """Remembers a judgement; for good where it cost money."""
        if critique.cost > 0.0 and self.paid is not None:
            value = {"critique": critique.to_dict(), "cost": critique.cost}
            self.paid.put(f"critic-{key}", value)
        self.critiques.put(key, critique)


@dataclass(frozen=True, slots=True)
class RememberedExpert:
    """An :class:`experts.base.Expert` that is called only for what is not known yet.

    Attributes:
        expert: What is called.
        memory: What is known.
    """

    expert: Expert
    memory: Memory

    @property
    def spec(self) -> ExpertSpec:
        """The expert's entry."""
        return self.expert.spec

    def generate(self, requests: Sequence[ExpertRequest], images: ImageSource) -> list[Generated]:
        """See :class:`experts.base.Expert`."""
        keys = [request.key for request in requests]
        found = {key: self.memory.picture(key) for key in keys}
        missing = [r for r, key in zip(requests, keys, strict=True) if found[key] is None]
        self.memory.known += len(requests) - len(missing)
        # What costs money is made one by one: each is kept before the next is paid for.
        size = 1 if self.expert.spec.cost.usd > 0.0 else max(1, len(missing))
        for at in range(0, len(missing), size):
            part = missing[at : at + size]
            started = time.perf_counter()
            try:
                made = self.expert.generate(part, images)
            finally:
                self.memory.expert_seconds += time.perf_counter() - started
            self.memory.made += len(part)
            for request, new in zip(part, made, strict=True):
                self.memory.keep_picture(request.key, new)
                found[request.key] = new
        return [one for key in keys if (one := found[key]) is not None]

    def close(self) -> None:
        """See :class:`experts.base.Expert`."""
        self.expert.close()


@dataclass(frozen=True, slots=True)
class RememberedCritic:
    """A :class:`critic.base.Critic` that is asked only what it was not asked before.

    Attributes:
        critic: What is asked.
        memory: What is known.
    """

    critic: Critic
    memory: Memory

    @property
    def id(self) -> str:
        """The critic's."""
        return self.critic.id

    @property
    def revision(self) -> str:
        """The critic's."""
        return self.critic.revision

    @property
    def cost(self) -> float:
        """The critic's."""
        return self.critic.cost

    def load(self) -> None:
        """See :class:`critic.base.Critic`."""
        self.critic.load()

    def outside_scope(self, criteria: Sequence[Criterion]) -> Mapping[str, str]:
        """See :class:`critic.base.Critic`."""
        return self.critic.outside_scope(criteria)

    def judge(self, plan: Plan, image: Image) -> Critique:
        """See :class:`critic.base.Critic`."""
        (critique,) = self.judge_many([(plan, image)])
        return critique

    def judge_many(self, asked: Sequence[tuple[Plan, Image]]) -> list[Critique]:
        """See :class:`envs.batching.BatchCritic`; one by one where the critic cannot do more."""
        keys = [judgement_key(self, plan, _reference(image)) for plan, image in asked]
        found = {key: self.memory.critique(key) for key in keys}
        missing = {k: one for k, one in zip(keys, asked, strict=True) if found[k] is None}
        started = time.perf_counter()
        try:
            # What costs money is judged one by one: each is kept before the next is paid for.
            if len(missing) > 1 and self.cost == 0.0 and isinstance(self.critic, BatchCritic):
                judged = self.critic.judge_many(list(missing.values()))
                for key, critique in zip(missing, judged, strict=True):
                    found[key] = self._kept(key, missing[key][0], critique)
            else:
                for key, (plan, image) in missing.items():
                    found[key] = self._kept(key, plan, self.critic.judge(plan, image))
        finally:
            self.memory.critic_seconds += time.perf_counter() - started
        return [one for key in keys if (one := found[key]) is not None]

    def _kept(self, key: str, plan: Plan, critique: Critique) -> Critique:
        try:
            check_complete(plan, critique)
        except MalformedCritiqueError:
            return critique  # whoever asked finds out; asked again it may be whole
        self.memory.keep_critique(key, critique)
        return critique


def _reference(image: Image) -> ImageRef:
    """A name for the pixels of a picture: cheaper than that of its file."""
    digest = hashlib.sha256(f"{image.mode}{image.size}".encode() + image.tobytes())
    return ImageRef(sha256=digest.hexdigest(), width=image.width, height=image.height)
