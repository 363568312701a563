"""The one transition: pure, without I/O, driven by training and by composing alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from envs.legality import FINISHING, legal_actions, legal_calls, within_reach
from envs.potential import potential
from envs.rules import Rules
from envs.state import (
    Frame,
    State,
    all_settled,
    answered,
    attempts,
    initial_state,
    rank,
    status,
    statuses,
)
from poser.core.action import ALL, Action, Call, Revert, Stop
from poser.core.critique import CriticFailure, Critique
from poser.core.errors import IllegalActionError
from poser.core.expert import ExpertFailure, ExpertResult, ExpertSpec
from poser.core.picture import ImageRef
from poser.core.plan import Plan
from poser.core.record import EndReason, Reward

AT_FAULT = ("invalid_request", "refused")
"""Reasons of failures by which the request is at fault, not the expert."""


def apply(
    state: State,
    action: Action,
    outcome: ExpertResult | ExpertFailure | None,
    critique: Critique | CriticFailure | None,
    registry: Mapping[str, ExpertSpec],
) -> tuple[State, Reward]:
    """The next state and the reward.

    Reward = Phi(after) - Phi(before) - lambda * cost - step penalty; at the end, besides,
    + Phi(champion) - Phi(current), because the champion is what is returned. So the undiscounted
    return of an episode is Phi(champion) - Phi(start) - costs, exactly.

    Two terms are optional, and telescope too:

    * ``feedback`` (Reagent-R, arXiv 2601.22154): w * (S(after) - S(before)), with S the weighted
      mean of the critic's scores as they are, be their ancestors failed or not, and w
      ``feedback_weight``; at the end S(champion) stands for S(after). It adds
      w * (S(champion) - S(start)) to the return.
    * ``benefit`` (the tool benefit of AdaTooler-V, arXiv 2512.16918: the gain of calling over not
      calling): of a call, b * (Phi(champion) after - Phi(champion) before). Not calling leaves the
      champion, hence is worth 0; a call without gain is worth no more. It adds
      b * (Phi(champion) - Phi(start)) to the return.

    A failed call (expert down, critic unparsable) changes no picture, counts as no attempt and
    gives nothing from Phi; see :func:`failed`.

    Args:
        state: Before the step; not ended.
        action: A legal one.
        outcome: What the expert returned; ``None`` for Revert and Stop.
        critique: What the critic said of the result; ``None`` where there is none.
        registry: Specs by id; tells whether the next state has any legal call.

    Raises:
        IllegalActionError: The action is not legal here, or came with the wrong outcome.
        MalformedCritiqueError: The critique is incomplete.
    """
    if action not in legal_actions(state, registry):
        raise IllegalActionError(f"{action!r} is not legal in this state")
    cost = 0.0
    after = replace(state, step=state.step + 1)
    end: EndReason | None = None
    match action:
        case Call():
            cost = (outcome.cost if outcome else 0.0) + (critique.cost if critique else 0.0)
            after = _after_call(after, action, outcome, critique, registry[action.expert])
            after = replace(after, spent=after.spent + cost)
        case Revert():
            after = replace(after, current=state.champion)
        case Stop():
            end = "stopped"
        case _:
            assert_never(action)
    after = replace(after, end=end or end_of(after, registry))
    terms = {
        "phi": after.phi - state.phi,
        "cost": -state.rules.cost_weight * cost,
        "step": -state.rules.step_penalty,
    }
    if after.end is not None:
        terms["final"] = after.champion_phi - after.phi
    if weight := state.rules.score_weight:
        shown = after.current if after.end is None else after.champion
        gained = mean_score(state.plan, shown) - mean_score(state.plan, state.current)
        terms["feedback"] = weight * gained
    if state.rules.benefit_weight and isinstance(action, Call):
        terms["benefit"] = state.rules.benefit_weight * (after.champion_phi - state.champion_phi)
    return after, Reward.of(**terms)


def mean_score(plan: Plan, frame: Frame | None) -> float:
    """The weighted mean, in [0, 1], of the critic's scores of a picture; 0 without one.

    Unlike in Phi, a score counts below a failed ancestor too.
    """
    if frame is None or not plan.judged:
        return 0.0
    score = {v.criterion: v.score for v in frame.critique.verdicts}
    weight = sum(k.weight for k in plan.judged)
    return sum(k.weight * score[k.id] for k in plan.judged) / weight


def interrupted(state: State) -> bool:
    """Whether an episode ended for reasons of infrastructure, so that it may be gone on with."""
    return state.end == "critic_down" or (
        state.end in ("nothing_legal", "stopped") and bool(state.down)
    )


def revived(state: State, registry: Mapping[str, ExpertSpec]) -> State:
    """An ended episode with a new chance: experts and critic are held to be up again.

    It goes on where it was interrupted by an outage, or where its rules were widened (a larger
    budget, more steps).
    """
    fresh = replace(state, failures={}, down=(), critic_failures=0, end=None)
    return replace(fresh, end=end_of(fresh, registry))


def with_rules(state: State, rules: Rules, registry: Mapping[str, ExpertSpec]) -> State:
    """A state by other rules, between two steps; it may end by them, or be revived."""
    changed = replace(state, rules=rules)
    if state.end is None:
        return replace(changed, end=end_of(changed, registry))
    if interrupted(state) or state.end in ("out_of_budget", "out_of_steps"):
        return revived(changed, registry)
    return changed


def failed(
    outcome: ExpertResult | ExpertFailure | None, critique: Critique | CriticFailure | None
) -> bool:
    """Whether a step failed for reasons of infrastructure; a trainer leaves such steps out.

    A request that was refused did not: it was at fault itself, and counts as an attempt.
    """
    if isinstance(outcome, ExpertFailure):
        return outcome.reason not in AT_FAULT
    return isinstance(critique, CriticFailure)


def _after_call(
    state: State,
    action: Call,
    outcome: ExpertResult | ExpertFailure | None,
    critique: Critique | CriticFailure | None,
    spec: ExpertSpec,
) -> State:
    if isinstance(outcome, ExpertFailure):
        if outcome.reason in AT_FAULT:
            # The request is at fault, not the expert: the command is tried otherwise, or given up.
            return _one_attempt_more(state, action)
        count = state.failures.get(action.expert, 0) + 1
        down = state.down
        if not outcome.retryable or count >= state.rules.max_failures:
            down = (*down, action.expert)
        return replace(state, failures={**state.failures, action.expert: count}, down=down)
    if outcome is None or critique is None:
        raise IllegalActionError("a call needs an outcome, and a result needs a critique")
    failures = {e: n for e, n in state.failures.items() if e != action.expert}
    if isinstance(critique, CriticFailure):
        return replace(state, failures=failures, critic_failures=state.critic_failures + 1)
    frame = Frame(
        image=outcome.image,
        critique=critique,
        phi=potential(state.plan, critique, state.rules),
        carried_out=_carried_out(state, action, spec),
    )
    champion = state.champion
    if champion is None or rank(state, frame) >= rank(state, champion):
        champion = frame
    after = replace(state, current=frame, champion=champion, failures=failures, critic_failures=0)
    return _count_attempt(after, action)


def _carried_out(state: State, action: Call, spec: ExpertSpec) -> tuple[str, ...]:
    """Unjudgeable commands carried out on the new picture.

    An editor builds on those before it, but what comes last (finish, text) does not outlast a
    later change underneath it.
    """
    before = state.current.carried_out if state.current and spec.needs_picture else ()
    command = None if action.command == ALL else state.plan.command(action.command)
    if command is None or command.op not in FINISHING:
        before = tuple(c for c in before if state.plan.command(c).op not in FINISHING)
    if command is None or command.id in before:
        return before
    judged = {k.id for k in state.plan.judged}
    return before if any(k.id in judged for k in command.criteria) else (*before, command.id)


def _count_attempt(state: State, action: Call) -> State:
    """A failed attempt counts towards giving a command up, and gives the next one a new seed.

    An attempt fails if it leaves its command unmet, or breaks so much else that the picture ranks
    below the champion.
    """
    if action.command == ALL:
        met = all_settled(state)
    else:
        met = status(state, state.plan.command(action.command)) in ("satisfied", "unjudged")
    if met and state.current is state.champion:
        return state
    return _one_attempt_more(state, action)


def _one_attempt_more(state: State, action: Call) -> State:
    command, expert = action.command, action.expert
    count = attempts(state, command) + 1
    before = state.tried.get(command, {})
    return replace(
        state,
        attempts={**state.attempts, command: count},
        tried={**state.tried, command: {**before, expert: before.get(expert, 0) + 1}},
    )


def begin(
    plan: Plan,
    rules: Rules,
    registry: Mapping[str, ExpertSpec],
    *,
    image: ImageRef | None = None,
    critique: Critique | None = None,
    mask: str | None = None,
) -> State:
    """The first state of an episode, already ended where nothing is left or possible to do.

    Args:
        plan: What is asked.
        rules: What is played by.
        registry: Specs by id.
        image: The picture to start from, if any.
        critique: Its judgement; required with ``image``.
        mask: Hash of a mask, for inpainting.

    Raises:
        MalformedCritiqueError: The critique is incomplete.
        ValueError: A picture without a critique.
    """
    state = initial_state(plan, rules, image=image, critique=critique, mask=mask)
    return replace(state, end=end_of(state, registry))


def end_of(state: State, registry: Mapping[str, ExpertSpec]) -> EndReason | None:
    """Why an episode ends in this state; ``None`` where it goes on.

    A finish that was appended to the plan keeps an episode going while it can be had, and decides
    nothing about how the episode ended.
    """
    if answered(state) and not _to_finish(state, registry):
        status = statuses(state)
        unjudged = any(status[c.id] == "unjudged" for c in state.plan.asked)
        return "settled" if unjudged else "satisfied"
    if state.critic_failures >= state.rules.max_critic_failures:
        return "critic_down"
    if state.step >= state.rules.max_steps:
        return "out_of_steps"
    if not legal_calls(state, registry):
        if legal_calls(state, registry, ignore_budget=True):
            return "out_of_budget"
        return "nothing_legal"
    return None


def _to_finish(state: State, registry: Mapping[str, ExpertSpec]) -> bool:
    """Whether an appended finish is outstanding, and an expert for it within reach."""
    finish = state.plan.finish
    return (
        finish is not None
        and status(state, finish) == "pending"
        and within_reach(state, finish, registry)
    )
