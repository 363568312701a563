"""Rebuilding a state from what was recorded, by the one transition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from envs.rules import Rules
from envs.state import State
from envs.transition import apply, begin, revived, with_rules
from poser.core.critique import Critique
from poser.core.expert import ExpertSpec
from poser.core.picture import ImageRef
from poser.core.plan import Plan
from poser.core.record import StepRecord


def replay(
    plan: Plan,
    rules: Rules,
    steps: Iterable[StepRecord],
    registry: Mapping[str, ExpertSpec],
    *,
    image: ImageRef | None = None,
    critique: Critique | None = None,
    mask: str | None = None,
    changes: Mapping[int, Rules] | None = None,
) -> State:
    """The state after these steps.

    Args:
        plan: What was asked.
        rules: What it was played by.
        steps: From the first on, without gaps.
        registry: The entries as they were.
        image: The picture it started from.
        critique: The judgement of that picture.
        mask: Hash of the mask.
        changes: Rules that held from a step on, where they were changed on resuming.

    Raises:
        IllegalActionError: The record does not follow from the rules.
    """
    state = begin(plan, rules, registry, image=image, critique=critique, mask=mask)
    changes = changes or {}
    for record in steps:
        if record.step in changes:
            state = replace(state, rules=changes[record.step])
        if state.end is not None:
            state = revived(state, registry)
        state, _ = apply(state, record.action, record.outcome, record.critique, registry)
    if state.step in changes and changes[state.step] != state.rules:
        return with_rules(state, changes[state.step], registry)
    return state
