"""The score of an episode, and the evaluation of methods: durable, and gone on with if killed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envs.episodes import Rollout
from envs.outcomes import LiveOutcomes
from envs.transition import interrupted
from policies.playing import Played, play
from poser.core.errors import PoserError
from poser.core.record import EndReason
from poser.core.value import Finite, NonNegative, Value
from poser.evaluation.cases import Case, verdicts_on
from poser.evaluation.methods import Method, identity_of, method_named, spends_as

if TYPE_CHECKING:
    from pathlib import Path

    from poser.evaluation.setting import Setting
    from poser.store.journal import DiskJournal

BATCH = 16
"""Episodes played at once."""


class Scored(Value):
    """What came of one prompt under one method: a line of the journal.

    Attributes:
        method: Name of the method.
        case: Id of the prompt.
        seed: Of the episode.
        requirements: How many things the prompt asks for.
        verdicts: Whether each holds; ``None`` where it cannot be judged.
        judged_by: Id of what judged: the evaluator, or the critic where nothing else can.
        phi: What the critic thinks of the champion, in [0, 1].
        spent: US dollars of all branches.
        calls: Calls made in all branches.
        seconds: Seconds that experts took for them.
        used: Those calls by expert and op.
        failures: Calls that failed for reasons of infrastructure.
        end: Why the episode ended.
        image: Hash of the champion; ``None`` where no picture came about.
    """

    method: str
    case: str
    seed: int
    requirements: int
    verdicts: dict[str, bool | None]
    judged_by: str
    phi: Finite
    spent: NonNegative
    calls: int
    seconds: NonNegative
    used: dict[str, dict[str, int]]
    failures: int = 0
    end: EndReason
    image: str | None = None

    @property
    def share(self) -> float | None:
        """Share of the requirements that are fulfilled; ``None`` where none can be judged."""
        judged = [v for v in self.verdicts.values() if v is not None]
        return sum(judged) / len(judged) if judged else None

    @property
    def fulfilled(self) -> bool:
        """Whether every requirement that can be judged is."""
        return self.share == 1.0


@dataclass(slots=True)
class Results:
    """What came of one method.

    Attributes:
        method: Its name.
        group: Its name without the training seed.
        scored: By prompt id, in the order of the prompts.
        outages: Prompts whose episode an outage ended, with the reason: they have no score.
    """

    method: str
    group: str
    scored: dict[str, Scored] = field(default_factory=dict)
    outages: dict[str, str] = field(default_factory=dict)

    @property
    def spend(self) -> float:
        """Mean US dollars an episode; 0 where there is none."""
        return sum(s.spent for s in self.scored.values()) / max(1, len(self.scored))


Told = Callable[[str, int, int], None]
"""Is told of progress: a method's name, its finished prompts, all of them."""


def _untold(_name: str, _done: int, _all: int) -> None:
    """Nobody is told."""


@dataclass(slots=True)
class Evaluation:
    """Methods on the same prompts under the same terms.

    Attributes:
        cases: The prompts.
        setting: The terms.
        journal: Keeps each score as it comes; what it has is not played again.
        work: Folder in which what has to be fitted is kept.
        batch: Episodes at once.
        told: Is told of progress.
        results: By method, as named.
    """

    cases: Sequence[Case]
    setting: Setting
    journal: DiskJournal
    work: Path
    batch: int = BATCH
    told: Told = _untold
    results: dict[str, Results] = field(default_factory=dict)

    def of(self, names: Sequence[str]) -> list[Results]:
        """Evaluates methods by name, and those whose spend one of them is to match.

        Raises:
            PoserError: A method is unknown or cannot be loaded, the evaluator cannot judge, or
                nothing can be written. What was scored is kept.
        """
        ordered: list[str] = []
        for name in names:
            wanted = [name]
            while (other := spends_as(wanted[0])) is not None:
                wanted.insert(0, other)
            ordered += [w for w in wanted if w not in ordered]
        methods = {n: self._method(n) for n in ordered if spends_as(n) is None}
        for name in ordered:
            if name not in self.results:
                method = methods.get(name) or self._method(name)
                self.results[name] = self._evaluate(method)
        found: dict[str, Results] = {}
        for name in (*names, *ordered):  # what differences are taken to stays first
            found.setdefault(self.results[name].method, self.results[name])
        return list(found.values())

    def _method(self, name: str) -> Method:
        other = spends_as(name)
        spends: dict[str, float] | None = None
        if other is not None:
            beside = self.results[other]
            if not beside.scored:
                reason = next(iter(beside.outages.values()), "there are no prompts")
                raise PoserError(
                    f"{name} has nothing to match: no episode of {other} has a score: {reason}",
                    remedy="mend that, then give the same command again",
                )
            spends = {c.id: beside.spend for c in self.cases}  # where an outage left no score
            spends |= {case: scored.spent for case, scored in beside.scored.items()}
        return method_named(name, self.setting, work=self.work, spends=spends)

    def _evaluate(self, method: Method) -> Results:
        keys = [identity_of(method, case, self.setting) for case in self.cases]
        known = [self.journal.get(key) for key in keys]
        found = {n: Scored.model_validate(v) for n, v in enumerate(known) if v is not None}
        missing = [n for n in range(len(self.cases)) if n not in found]
        results = Results(method.name, method.group)
        self.told(method.name, len(found), len(self.cases))
        finished = len(found)
        for played in play((method.begin(n, self.cases[n]) for n in missing), self.batch):
            number = missing[played.number]
            case = self.cases[number]
            finished += 1
            if played.found.outages or by_outage(played.found.rollout):
                results.outages[case.id] = _outage(played)
            else:
                found[number] = self._score(method, case, played)
                self.journal.put(keys[number], found[number].to_dict())
            self.told(method.name, finished, len(self.cases))
        results.scored = {self.cases[n].id: found[n] for n in sorted(found)}
        return results

    def _score(self, method: Method, case: Case, played: Played) -> Scored:
        rollout, evaluator = played.found.rollout, self.setting.evaluator
        state, outcomes = rollout.state, rollout.episode.outcomes
        assert isinstance(outcomes, LiveOutcomes), "a setting plays live episodes"
        image, kept = None, None
        if state.champion is not None:
            image = outcomes.caller.images.get(state.champion.image.sha256)
            kept = self.journal.images.put(image).sha256
        verdicts = verdicts_on(case, state, image, evaluator)
        known = case.criteria is not None and evaluator is not None
        used: dict[str, dict[str, int]] = {}
        for (expert, op), count in sorted(played.used.items()):
            used.setdefault(expert, {})[op] = count
        return Scored(
            method=method.name,
            case=case.id,
            seed=self.setting.seed_of(case),
            requirements=case.requirements,
            verdicts=verdicts,
            judged_by=evaluator.id if known and evaluator else self.setting.critic.id,
            phi=state.champion_phi,
            spent=played.found.spent,
            calls=sum(played.used.values()),
            seconds=played.found.seconds,
            used=used,
            failures=played.failures,
            end=state.end or "stopped",
            image=kept,
        )


def by_outage(rollout: Rollout) -> bool:
    """Whether outages decided an episode, so that it has no score.

    They did where it could be gone on with, where it ended short of its aim with experts down, and
    where a call failed and nothing was ever made.
    """
    state = rollout.state
    if interrupted(state):
        return True
    if state.end in ("satisfied", "settled"):
        return False
    failed = any(step.infrastructure_failure for step in rollout.steps)
    return bool(state.down) or (failed and state.champion is None)


def _outage(played: Played) -> str:
    """Why an episode came to nothing, in one line."""
    for step in reversed(played.found.rollout.steps):
        for result in (step.critique, step.outcome):
            message = getattr(result, "message", "")
            if message:
                return str(message)
    return "an expert or the critic could not be had"


def by_group(results: Sequence[Results]) -> Mapping[str, list[Results]]:
    """Methods that differ by their training seed alone, together."""
    groups: dict[str, list[Results]] = {}
    for one in results:
        groups.setdefault(one.group, []).append(one)
    return groups
