"""What is compared, by name: policies, searches on top of them, and an oracle."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from critic.base import Critic
from envs.episodes import Episode
from envs.legality import legal_calls
from envs.outcomes import LiveOutcomes
from envs.state import State
from envs.transition import begin
from policies.base import Decision, Policy
from policies.best_of import BestOfN, fitness
from policies.proposing import Proposer, one_of
from policies.search import Asking, Search, beam, best_of, parse_search
from poser.core.action import ALL, Action, Call
from poser.core.errors import PoserError, UnknownPolicyError
from poser.core.expert import ExpertSpec
from poser.core.value import content_hash
from poser.evaluation.cases import Case
from poser.evaluation.rating import Rated

if TYPE_CHECKING:
    from poser.evaluation.setting import Setting

NAMES = (
    *("random", "single", "best-of-4", "best-of@METHOD", "router", "bandit", "bandit:FILE"),
    *("dqn:FOLDER", "learned", "FOLDER", "critic-beam:3", "critic-beam:3@METHOD", "oracle:3"),
)
"""The kinds of names, each of which ``+beam:3`` or ``+best-of:4`` may follow."""

CHANGES = ("no-picture", "whole-plan", "text-feedback")
"""What may follow a name after ``~``: the picture is left out of what the policy sees; only calls
for the whole plan are open to it; retries are told what the critique says is wrong."""

WIDTH = 3
"""States kept by ``critic-beam`` and ``oracle`` unless told otherwise."""

BANDIT_STEPS = 64_000
"""Simulated steps that a bandit is fitted by."""

_BEST_OF = re.compile(r"best-of-([1-9]\d{0,3})")
_BEAM = re.compile(r"(critic-beam|oracle)(?::([1-9]\d{0,2}))?(@.+)?")
_AT_SPEND = re.compile(r"(?:best-of|critic-beam(?::\d+)?|oracle(?::\d+)?)@(.+)")
_SEED = re.compile(r"-seed\d+$")

_NO_SPEND = "name another method after @, one that is evaluated as well"

Chooser = Callable[[int, Case, Episode], Proposer]
"""What proposes actions in an episode, by its number, prompt and beginning."""


@dataclass(frozen=True, slots=True)
class Method:
    """One way of composing.

    Attributes:
        name: For people and tables.
        identity: What its choices depend on besides the name: hashes of weights and the like.
        begin: Begins an episode, given its number and prompt.
        group: The name without its training seed: methods of one group are one, trained anew.
        caps: Most US dollars of an episode by prompt, where a method has such of its own.
    """

    name: str
    identity: str
    begin: Callable[[int, Case], Asking]
    group: str
    caps: Mapping[str, float] = field(default_factory=dict)


def spends_as(name: str) -> str | None:
    """The method whose spend a method is given: ``router`` for ``best-of@router``."""
    found = _AT_SPEND.fullmatch(name)
    return found[1] if found else None


def searches(name: str) -> bool:
    """Whether a method has a search already, or a spend that stands in for one.

    Raises:
        SearchError: What follows its plus is a search that there is not.
    """
    base, search = _parted(name)
    return search is not None or spends_as(name) is not None or bool(_BEAM.fullmatch(base))


def method_named(
    name: str, setting: Setting, *, work: Path, spends: Mapping[str, float] | None = None
) -> Method:
    """The method of that name; see :data:`NAMES`.

    Args:
        name: A name, with a search after ``+`` and changes after ``~`` where wanted.
        setting: The terms.
        work: Folder in which what has to be fitted is kept.
        spends: US dollars by prompt, for ``best-of@METHOD``, which may spend their mean on
            average, and ``critic-beam:3@METHOD``, which may spend as much on each prompt.

    Raises:
        PoserError: There is no such method, or a policy cannot be loaded.
    """
    base, search = _parted(name)
    spend = None if spends is None else sum(spends.values()) / max(1, len(spends))
    if spend == 0.0:
        raise PoserError(
            f"{name[:80]} has nothing to match: {spends_as(name)} spent no money",
            remedy="give experts a price with --usd-per-second 0.1",
        )
    if found := _BEAM.fullmatch(base):
        if search is not None:
            raise _unknown(name, f"{found[1]} is a search already: drop what follows the plus")
        if found[3] is not None and spends is None:
            raise _unknown(name, _NO_SPEND)
        method = _beam(found[1], int(found[2] or WIDTH), setting, spends or {})
        base = base if found[2] else base.replace(found[1], method.name, 1)
        return replace(method, name=base, group=base)
    base, *changes = [base] if spends_as(base) else base.split("~")
    for change in changes:
        if change not in CHANGES:
            raise _unknown(name, f"after ~ there may be {' or '.join(CHANGES)}")
    if "no-picture" in changes and not _sees(base):
        raise _unknown(name, "only a learned policy looks at the picture: drop ~no-picture")
    identity, label, chooser = _chooser(base, setting, work, spend, "no-picture" not in changes)
    feedback = "text" if "text-feedback" in changes else _feedback(base)
    setting = setting.with_rules(feedback=feedback)
    identity += f"@{feedback}"
    if "whole-plan" in changes:
        chooser = _undivided(chooser)
    suffix = "".join(f"~{c}" for c in changes) + (f"+{search}" if search else "")

    def play(number: int, case: Case) -> Asking:
        episode = setting.episode(case)
        proposer, encoder = chooser(number, case, episode), setting.encoder(case)
        if search is None or search.kind == "best-of":
            return best_of(episode, encoder, proposer, n=search.width if search else 1)
        return beam(episode, encoder, proposer, width=search.width)

    group = _SEED.sub("", label) + suffix
    return Method(label + suffix, identity + suffix, play, group)


def _parted(name: str) -> tuple[str, Search | None]:
    """A name and the search after its last plus, if it is one (and not that of another method).

    A folder may have a plus in its name.
    """
    if Path(name).is_dir():
        return name, None
    base, plus, search = name.rpartition("+")
    if spends_as(name) is None and plus and search.startswith(("beam", "best-of")):
        return base, parse_search(search)
    return name, None


def _beam(kind: str, width: int, setting: Setting, caps: Mapping[str, float]) -> Method:
    """Beam search over the best-rated calls, by the critic's word or by the truth."""
    by_evaluator = kind == "oracle"
    evaluator = setting.evaluator
    if by_evaluator and evaluator is None:
        raise _no_truth()

    def play(_number: int, case: Case) -> Asking:
        critic: Critic | None = evaluator if by_evaluator else None
        capped = setting.with_rules(budget=caps[case.id]) if case.id in caps else setting
        episode = capped.episode(case, critic)
        value = _truth(case, episode, setting) if by_evaluator else None
        return beam(episode, setting.encoder(case), Rated(), width=width, value=value)

    name = f"{kind}:{width}"
    return Method(name, f"{name}|None", play, name, caps)


def _truth(case: Case, episode: Episode, setting: Setting) -> Callable[[State], float]:
    """The share of requirements that the champion truly fulfils, less lambda times the spend."""
    outcomes, evaluator, criteria = episode.outcomes, setting.evaluator, case.criteria
    assert isinstance(outcomes, LiveOutcomes), "a setting plays live episodes"
    assert evaluator is not None, "checked above"
    if criteria is None:
        raise _no_truth()
    known: dict[str, float] = {}

    def value(state: State) -> float:
        if state.champion is None:
            return 0.0
        sha256 = state.champion.image.sha256
        if sha256 not in known:
            verdicts = evaluator.verdicts(criteria, outcomes.caller.images.get(sha256))
            judged = [v for v in verdicts.values() if v is not None]
            known[sha256] = sum(judged) / max(1, len(judged))
        return known[sha256] - state.rules.cost_weight * state.spent

    return value


def _chooser(
    base: str, setting: Setting, work: Path, spend: float | None, with_picture: bool
) -> tuple[str, str, Chooser]:
    """Identity, label and proposer of a name without search and changes."""
    if base == "random":
        from policies.random import RandomPolicy

        return base, base, lambda _number, _case, episode: one_of(RandomPolicy(episode.seed))
    if base == "router":
        from policies.router import CapabilityRouter

        return f"{base}2", base, _always(CapabilityRouter())
    if base == "single":
        return base, base, _always(BestOfN(1))
    if counted := _BEST_OF.fullmatch(base):
        return base, base, _always(BestOfN(int(counted[1])))
    if spends_as(base) is not None:
        if spend is None:
            raise _unknown(base, _NO_SPEND)
        return f"best-of@{spend:.9f}", base, _equal_spend(spend, setting)
    if base == "bandit" or base.startswith("bandit:"):
        return _bandit(base, setting, work)
    kind, _, folder = base.partition(":")
    if kind == "dqn" and folder:
        return _dqn(Path(folder), setting)
    return _learned(base, setting, with_picture)


def _always(policy: Policy) -> Chooser:
    proposer = one_of(policy)
    return lambda _number, _case, _episode: proposer


def _equal_spend(spend: float, setting: Setting) -> Chooser:
    """Best-of-N with as many calls as a mean spend allows.

    A cap that falls between two calls is rounded up for as many of the prompts as it takes, so
    that the mean cap over prompts is the spend itself. One call is always made.
    """

    def choose(number: int, _case: Case, episode: Episode) -> Proposer:
        state = begin(episode.plan, episode.rules, episode.registry)
        calls = legal_calls(state, setting.registry)
        specs = {c.expert: setting.registry[c.expert] for c in calls if c.command == ALL}
        if not specs:
            return one_of(BestOfN(n=None, spend=spend))
        best = max(specs.values(), key=lambda s: (fitness(state, s), s.id))
        price = best.cost.usd + state.rules.judgement_cost
        even = (0.5 + number * 0.6180339887498949) % 1.0  # evenly spread over any run of prompts
        calls_allowed = int(spend / price + even) if price else None
        cap = None if calls_allowed is None else max(1, calls_allowed) * price + 1e-9
        return one_of(BestOfN(n=None, spend=cap))

    return choose


def _bandit(base: str, setting: Setting, work: Path) -> tuple[str, str, Chooser]:
    from policies.bandit import BanditPolicy
    from poser.evaluation.bandits import fitted, read_bandit

    _, colon, name = base.partition(":")
    model, revision = read_bandit(Path(name)) if colon else fitted(work, setting.seed, BANDIT_STEPS)
    label = f"bandit:{Path(name).with_suffix('')}" if colon else "bandit"
    return f"bandit-{revision}", label, _always(BanditPolicy(model, setting.tables))


def _dqn(folder: Path, setting: Setting) -> tuple[str, str, Chooser]:
    from experts.weights import content_revision
    from policies.dqn import DqnPolicy

    policy = DqnPolicy.load(folder, tables=setting.tables)
    return f"dqn-{content_revision(folder)}", f"dqn:{label_of(folder)}", _always(policy)


def _learned(name: str, setting: Setting, with_picture: bool) -> tuple[str, str, Chooser]:
    from policies.catalogue import is_learned, make_policy, policy_revision
    from policies.learned import LearnedPolicy

    if not is_learned(name):
        raise _unknown(name, f"choose one of {', '.join(NAMES)}")
    policy = make_policy(name, tables=setting.tables)
    assert isinstance(policy, LearnedPolicy), "a folder holds a learned policy"

    def choose(_number: int, _case: Case, episode: Episode) -> Proposer:
        return replace(policy, pictures=episode.pictures if with_picture else None)

    label = name if name == "learned" else label_of(Path(name))
    return f"learned-{policy_revision(name)}", label, choose


def _feedback(base: str) -> str:
    from policies.catalogue import feedback_of

    return "none" if _compared_alone(base) else feedback_of(base)


def _sees(base: str) -> bool:
    """Whether a method is a learned policy, which is shown the picture."""
    from policies.catalogue import is_learned

    return is_learned(base) and not _compared_alone(base)


def _compared_alone(base: str) -> bool:
    """Whether a method is here to be compared with, and composing knows no such name."""
    return base == "bandit" or base.startswith(("bandit:", "dqn:", "best-of@"))


def label_of(folder: Path) -> str:
    """A name for the folder of a policy: that of its run, as it was given."""
    return str(folder.parent if folder.name == "policy" else folder)


@dataclass(frozen=True, slots=True)
class _Undivided:
    """A proposer to which only calls for the whole plan are open."""

    proposer: Proposer

    @property
    def name(self) -> str:
        return "whole plan"

    def rank(
        self, state: State, legal: Sequence[Action], registry: Mapping[str, ExpertSpec]
    ) -> Sequence[tuple[Action, float]]:
        open_ones = [a for a in legal if not isinstance(a, Call) or a.command == ALL]
        return self.proposer.rank(state, open_ones, registry)

    def choose(
        self, state: State, legal: Sequence[Action], registry: Mapping[str, ExpertSpec]
    ) -> Decision:
        return Decision(self.rank(state, legal, registry)[0][0])


def _undivided(chooser: Chooser) -> Chooser:
    return lambda number, case, episode: _Undivided(chooser(number, case, episode))


def _unknown(name: str, remedy: str) -> UnknownPolicyError:
    return UnknownPolicyError(f"there is no method {name[:80]!r}", remedy=remedy)


def _no_truth() -> PoserError:
    return PoserError(
        "an oracle needs prompts whose requirements are known",
        remedy="leave it out, or evaluate without --prompts",
    )


def identity_of(method: Method, case: Case, setting: Setting) -> str:
    """The key of an episode: a hash of all that it depends on."""
    plan = content_hash(case.plan.to_dict())
    cap = {"cap": method.caps[case.id]} if case.id in method.caps else {}
    depends = {"method": method.identity, "case": case.id, "plan": plan}
    return content_hash({"format": 2, **depends, **cap, **setting.identity})
