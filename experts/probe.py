"""Measuring an expert: the same tasks for all, an evaluator's verdicts, and what they add up to.

Where tasks come from and what judges the pictures is passed in. A finished call is kept before
anything is made of it and is never made again; so are verdicts. That an expert could not be had
is counted apart from how good it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from poser.core.capability import CapabilityTable, Share, SkillMeasure
from poser.core.errors import ExpertError
from poser.core.expert import ExpertRequest, ExpertSpec
from poser.core.plan import Criterion, Op
from poser.core.value import content_hash

if TYPE_CHECKING:
    from PIL.Image import Image

    from experts.base import Expert
    from poser.core.picture import ImageStore

BATCH = 16
"""Requests in one call, for experts that cost nothing; those that do are called one by one."""

TIMED = 5
"""Calls with one request that are timed."""

PATIENCE = 3
"""Calls in a row that fail for want of the expert, after which no more are made."""

FINISH: Final = "finish"
"""The op of a finisher; see `Trial.finished`."""

CLOSER: Final = "closer than bicubic"
"""Beside the criteria of a finished picture: that it is closer to the truth."""

_OUTAGES = ("unavailable", "timeout", "out_of_memory")


Verdicts: TypeAlias = Mapping[int, Mapping[str, bool | None]]
"""By task and criterion: whether it holds; ``None`` where it cannot be judged."""


class Evaluator(Protocol):
    """What judges the pictures; not the critic that experts are chosen by."""

    @property
    def id(self) -> str:
        """Its name."""
        ...

    @property
    def revision(self) -> str:
        """Changes whenever its verdicts may."""
        ...

    def verdicts(self, criteria: Sequence[Criterion], image: Image, /) -> Mapping[str, bool | None]:
        """Whether each criterion holds, by id; ``None`` where it cannot be judged."""
        ...


class Journal(Protocol):
    """Where finished calls and verdicts are kept, for good, as they come."""

    def get(self, key: str) -> dict[str, Any] | None:
        """What is kept under a key, if anything."""
        ...

    def put(self, key: str, value: dict[str, Any]) -> None:
        """Keeps plain JSON data."""
        ...


@dataclass(frozen=True, slots=True)
class Trial:
    """One task.

    Attributes:
        skill: The kind of task.
        ops: The ops of a plan that this kind stands for.
        seed: Of the request.
        text: Caption or instruction.
        image: The picture to edit; ``None`` where one is to be drawn.
        criteria: What must hold afterwards; the task succeeds where all of them do.
        kept: What held before and is not asked to change. What the evaluator did not see before
            is left out.
        finished: What the picture should come to at full size, where it is to be finished: the
            task succeeds where all of `kept` that held before, by the evaluator, holds on the
            result shrunk back, and the result is closer to this than bicubic enlargement is.
    """

    skill: str
    ops: tuple[Op, ...]
    seed: int
    text: str
    image: Image | None
    criteria: tuple[Criterion, ...]
    kept: tuple[Criterion, ...] = ()
    finished: Image | None = None

    def fits(self, spec: ExpertSpec, *, all_skills: bool = False) -> bool:
        """Whether it is a task for an expert: of its kind, and of an op that it declares.

        To finish must be said of an expert: who does not declare it is not put to that, and who
        declares that alone is put to nothing else.

        Args:
            spec: The expert's entry. One that declares no op is open to all others.
            all_skills: Whether ops that it does not declare count too.
        """
        if spec.task != ("text_to_image" if self.image is None else "image_to_image"):
            return False
        declared = spec.capabilities
        if self.finished is not None or set(declared) == {FINISH}:
            return FINISH in declared and FINISH in self.ops
        return all_skills or not declared or any(op in declared for op in self.ops)


def _unheard(number: int) -> None:
    """Nobody is told."""


@dataclass(slots=True)
class Purse:
    """The money that a probe may spend.

    Attributes:
        left: US dollars; ``None`` for no cap.
        spent: US dollars so far.
    """

    left: float | None = None
    spent: float = 0.0

    def affords(self, price: float) -> bool:
        """Whether a call of that price may be made."""
        return price == 0.0 or self.left is None or price <= self.left + 1e-9

    def pay(self, amount: float) -> None:
        """Notes what was billed."""
        self.spent += amount
        if self.left is not None:
            self.left -= amount


@dataclass(slots=True)
class Probe:
    """One expert and the tasks put to it.

    Attributes:
        spec: The expert's entry.
        trials: The tasks.
        images: Where pictures are kept.
        journal: Where finished calls and verdicts are kept.
        failures: The message of each failure of this run, by task.
        stopped: Why no more calls were made; empty where all were.
        out_of_budget: Whether that is because the money is spent.
    """

    spec: ExpertSpec
    trials: Sequence[Trial]
    images: ImageStore
    journal: Journal
    failures: dict[int, str] = field(default_factory=dict)
    stopped: str = ""
    out_of_budget: bool = False
    _asked: dict[int, tuple[ExpertRequest, str]] = field(default_factory=dict)

    @property
    def missing(self) -> list[int]:
        """The tasks that have no picture yet."""
        return [i for i in range(len(self.trials)) if self.finished(i) is None]

    @property
    def failed(self) -> bool:
        """Whether the expert could not be had, once or for good."""
        return bool(self.failures) or (bool(self.stopped) and not self.out_of_budget)

    @property
    def estimate(self) -> float:
        """US dollars that the missing calls cost, as the entry states it."""
        return len(self.missing) * self.spec.cost.usd

    def call(
        self, expert: Expert, purse: Purse, advanced: Callable[[int], None] = _unheard
    ) -> None:
        """Makes the calls that are missing, and keeps each as it comes.

        Args:
            expert: The expert of :attr:`spec`.
            purse: What may be spent.
            advanced: Is told the number of tasks that were just settled.

        Raises:
            StorageError: A picture or the journal cannot be written.
        """
        outages, cold = 0, True
        queue = self._batches()
        while queue and not self.stopped:
            batch = queue.pop(0)
            if not purse.affords(self.spec.cost.usd):
                self.out_of_budget = True
                self.stopped = f"the budget allows no further call at ${self.spec.cost.usd:g}"
                return
            try:
                self._serve(expert, batch, purse, cold=cold)
                outages, cold = 0, False
            except ExpertError as error:
                purse.pay(error.cost)
                outages = outages + 1 if error.kind in _OUTAGES else 0
                if outages == PATIENCE:
                    self.stopped = str(error)
                if len(batch) > 1:  # one request that is refused fails the batch
                    queue = [[i] for i in batch] + queue
                    continue
                self.failures[batch[0]] = str(error)
            advanced(len(batch))

    def judge(self, evaluator: Evaluator, advanced: Callable[[int], None] = _unheard) -> Verdicts:
        """The verdicts on the pictures there are, by task.

        Raises:
            CriticError: The evaluator cannot be loaded.
        """
        found: dict[int, Mapping[str, bool | None]] = {}
        for index, trial in enumerate(self.trials):
            call = self.finished(index)
            if call is None:
                continue
            if trial.finished is not None:
                found[index] = self._on_finished(evaluator, trial, call["image"])
            elif trial.kept and trial.image is not None:
                found[index] = self._on_edited(evaluator, trial, call["image"])
            else:
                found[index] = self._verdicts(evaluator, trial, call["image"])
            advanced(1)
        return found

    def _verdicts(
        self,
        evaluator: Evaluator,
        trial: Trial,
        image: str,
        size: tuple[int, int] | None = None,
    ) -> dict[str, bool | None]:
        """The verdicts on a picture, shrunk to a size first where one is given."""
        asked = (*trial.criteria, *trial.kept)
        questions = content_hash([k.to_dict() for k in asked])[:16]
        key = f"{evaluator.id}@{evaluator.revision}/{image}/{questions}"
        if size is not None:
            key += f"/{size[0]}x{size[1]}"
        entry = self.journal.get(key)
        if entry is None:
            picture = self.images.get(image)
            if size is not None:
                from PIL.Image import Resampling

                picture = picture.resize(size, Resampling.BOX)
            entry = {"verdicts": dict(evaluator.verdicts(asked, picture))}
            self.journal.put(key, entry)
        verdicts: dict[str, bool | None] = entry["verdicts"]
        return verdicts

    def _on_edited(self, evaluator: Evaluator, trial: Trial, image: str) -> dict[str, bool | None]:
        """The verdicts on an edited picture; what it did not see before cannot have been lost."""
        assert trial.image is not None, "what is edited is a picture"
        before = self._verdicts(evaluator, trial, self.images.put(trial.image).sha256)
        after = self._verdicts(evaluator, trial, image)
        unseen = {k.id for k in trial.kept if not before[k.id]}
        return {name: None if name in unseen else held for name, held in after.items()}

    def _on_finished(
        self, evaluator: Evaluator, trial: Trial, image: str
    ) -> dict[str, bool | None]:
        """The verdicts on a finished picture; what did not hold before is not judged."""
        assert trial.image is not None, "what is finished is a picture"
        assert trial.finished is not None, "it is to be finished"
        before = self._verdicts(evaluator, trial, self.images.put(trial.image).sha256)
        after = self._verdicts(evaluator, trial, image, trial.image.size)
        made = self.images.get(image)
        return {
            **{name: held if before[name] else None for name, held in after.items()},
            CLOSER: _closer(made, trial.image, trial.finished),
        }

    def table(
        self,
        evaluator: Evaluator,
        verdicts: Verdicts,
        *,
        n: int,
        seed: int,
        created_by: str,
    ) -> CapabilityTable:
        """What the verdicts add up to.

        Args:
            evaluator: Whose they are.
            verdicts: From :meth:`judge`.
            n: Tasks a skill that there were to be.
            seed: What the tasks were drawn by.
            created_by: Program and version.
        """
        skills = dict.fromkeys(t.skill for t in self.trials)
        calls = [call for i in verdicts if (call := self.finished(i)) is not None]
        return CapabilityTable(
            expert=self.spec.id,
            task=self.spec.task,
            fingerprint=self.spec.fingerprint,
            defaults=self.spec.defaults,
            evaluator=evaluator.id,
            evaluator_revision=evaluator.revision,
            n=n,
            seed=seed,
            skills=tuple(m for s in skills if (m := self._measure(s, verdicts)) is not None),
            usd=self.spec.cost.usd,
            seconds=_seconds(calls, 1),
            batch_seconds=_seconds(calls, BATCH),
            failures=len(self.failures),
            created_by=created_by,
        )

    def _measure(self, skill: str, verdicts: Verdicts) -> SkillMeasure | None:
        mine = [
            (trial, verdicts[index])
            for index, trial in enumerate(self.trials)
            if trial.skill == skill and index in verdicts
        ]
        if not mine:
            return None
        scored = [(t, v) for t, v in mine if _succeeds(t, v) is not None]
        kept = [v[k.id] for t, v in scored for k in t.kept if v[k.id] is not None]
        return SkillMeasure(
            skill=skill,
            ops=mine[0][0].ops,
            successes=sum(bool(_succeeds(t, v)) for t, v in scored),
            n=len(scored),
            kept=Share(successes=sum(map(bool, kept)), n=len(kept)),
            unscored=len(mine) - len(scored),
        )

    def _batches(self) -> list[list[int]]:
        """The missing calls: the first one, which loads; some alone, to be timed; then the rest."""
        missing = self.missing
        size = BATCH if self.spec.cost.usd == 0.0 else 1
        calls = [call for i in range(len(self.trials)) if (call := self.finished(i)) is not None]
        alone = 1 + max(0, TIMED - len(_timed(calls, 1)))
        rest = missing[alone:]
        chunks = [rest[start : start + size] for start in range(0, len(rest), size)]
        return [[i] for i in missing[:alone]] + chunks

    def _serve(self, expert: Expert, batch: Sequence[int], purse: Purse, *, cold: bool) -> None:
        started = time.perf_counter()
        made = expert.generate([self._request(i)[0] for i in batch], self.images)
        seconds = (time.perf_counter() - started) / len(batch)
        for index, one in zip(batch, made, strict=True):
            purse.pay(one.cost)
            entry = {
                "image": self.images.put(one.image).sha256,
                "seconds": seconds,
                "cost": one.cost,
                "batch": len(batch),
                "cold": cold,
            }
            self.journal.put(self._request(index)[1], entry)

    def finished(self, index: int) -> dict[str, Any] | None:
        """The finished call of a task: picture (its hash), seconds, cost; ``None`` without one."""
        return self.journal.get(self._request(index)[1])

    def _request(self, index: int) -> tuple[ExpertRequest, str]:
        """The request of a task, and what its finished call is kept under."""
        if index not in self._asked:
            trial, spec = self.trials[index], self.spec
            request = ExpertRequest(
                expert=spec.id,
                revision=spec.fingerprint or f"{spec.source}@{spec.revision}",
                task=spec.task,
                prompt=trial.text,
                image=self.images.put(trial.image).sha256 if trial.image is not None else None,
                seed=trial.seed,
                params=dict(spec.defaults),
            )
            self._asked[index] = request, f"call/{spec.fingerprint}/{trial.seed}/{request.key}"
        return self._asked[index]


def _succeeds(trial: Trial, verdicts: Mapping[str, bool | None]) -> bool | None:
    """Whether a task was carried out; ``None`` where that cannot be judged."""
    wanted = [verdicts[k.id] for k in trial.criteria]
    if trial.finished is None:
        return None if None in wanted else all(wanted)
    kept = [held for k in trial.kept if (held := verdicts[k.id]) is not None]
    if None in wanted or not (wanted or kept):
        return None
    return all(wanted) and all(kept) and bool(verdicts[CLOSER])


def _closer(made: Image, given: Image, truth: Image) -> bool:
    """Whether a picture's squared error (so its PSNR) beats that of bicubic enlargement."""
    import numpy as np
    from PIL.Image import Resampling

    def error(picture: Image) -> float:
        if picture.size != truth.size:
            picture = picture.resize(truth.size, Resampling.BICUBIC)
        one, other = (np.asarray(p.convert("RGB"), np.float64) for p in (picture, truth))
        return float(np.mean((one - other) ** 2))

    return error(made) < error(given)


def _timed(calls: Sequence[Mapping[str, Any]], batch: int) -> list[float]:
    return [c["seconds"] for c in calls if c["batch"] == batch and not c["cold"]]


def _seconds(calls: Sequence[Mapping[str, Any]], batch: int) -> float | None:
    times = _timed(calls, batch)
    return round(median(times), 4) if times else None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a critic's verdicts on one kind of criterion compare with an evaluator's.

    Attributes:
        kind: Of criterion.
        n: Criteria that both judged.
        agree: Those on which they agree.
        rejected: Those that the evaluator says do not hold.
        fooled: Of those rejected, the ones that the critic says hold.
    """

    kind: str
    n: int
    agree: int
    rejected: int
    fooled: int


def agreement(
    trials: Sequence[Trial],
    evaluator: Verdicts,
    critic: Verdicts,
) -> list[Agreement]:
    """Compares two sets of verdicts on the same pictures, by kind of criterion.

    Args:
        trials: The tasks.
        evaluator: Its verdicts, by task.
        critic: The critic's, by task.
    """
    pairs: dict[str, list[tuple[bool, bool]]] = {}
    for index in evaluator.keys() & critic.keys():
        for criterion in (*trials[index].criteria, *trials[index].kept):
            one, other = evaluator[index][criterion.id], critic[index][criterion.id]
            if one is not None and other is not None:
                pairs.setdefault(criterion.kind, []).append((one, other))
    return [
        Agreement(
            kind=kind,
            n=len(both),
            agree=sum(one == other for one, other in both),
            rejected=sum(not one for one, _ in both),
            fooled=sum(other and not one for one, other in both),
        )
        for kind, both in sorted(pairs.items())
    ]
