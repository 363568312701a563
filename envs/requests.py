"""From an action to the request that an expert is sent: pure, so that a call can be repeated."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from envs.legality import serves, words_of
from envs.state import State
from poser.core.action import ALL, Call
from poser.core.expert import ExpertRequest, ExpertSpec
from poser.core.plan import Command, Plan


def build_request(
    state: State,
    action: Call,
    spec: ExpertSpec,
    seed: int,
    overrides: Mapping[str, Any] | None = None,
) -> ExpertRequest:
    """The request for a call.

    A retry draws a new seed, since the seed depends on the failed attempts at the command. A call
    repeated because the expert or the critic was down is the very same request, so that a result
    already paid for is found in the cache.

    Args:
        state: Before the step.
        action: What was chosen.
        spec: The expert's entry.
        seed: The run's seed.
        overrides: Arguments that win over the entry's defaults, where it has them.
    """
    params: dict[str, Any] = dict(spec.defaults)
    if overrides:
        params.update(overrides)
    command = None if action.command == ALL else state.plan.command(action.command)
    if command is not None and command.text is not None:
        params["text"] = command.text
    image = state.current.image.sha256 if spec.needs_picture and state.current else None
    return ExpertRequest(
        expert=spec.id,
        revision=spec.fingerprint or f"{spec.source}@{spec.revision}",
        task=spec.task,
        prompt=prompt_for(state.plan, command, spec),
        negative_prompt=_negative(state.plan) if spec.vocabulary is None else "",
        image=image,
        mask=state.mask if spec.task == "inpainting" else None,
        seed=_seed(seed, action, state.attempts.get(action.command, 0)),
        params=params,
    )


def prompt_for(plan: Plan, command: Command | None, spec: ExpertSpec) -> str:
    """What an expert is told.

    An editor is told the instruction, a text_to_image expert the caption. For the whole plan, an
    expert that reads prompts of any length gets the prompt itself; one with ``prompt_words`` or a
    closed vocabulary gets the captions of the commands that fit.
    """
    if command is not None:
        if spec.needs_picture:
            return _readable(command.instruction, spec)
        return _readable(command.caption or command.instruction, spec)
    limit = spec.limits.prompt_words
    if spec.vocabulary is None and (limit is None or len(plan.prompt.split()) <= limit):
        return plan.prompt
    return _short_caption(plan, spec) or plan.prompt


def _short_caption(plan: Plan, spec: ExpertSpec) -> str:
    """Captions joined while they fit, a relation in place of the two things that it relates."""
    limit = spec.limits.prompt_words or 10_000
    parts: list[str] = []
    used = 0
    for command in _in_caption_order(plan):
        if not command.caption or not serves(spec, command):
            continue
        caption = _readable(command.caption, spec)
        words = len(caption.split())
        if used + words > limit:
            continue
        parts.append(caption)
        used += words
    return ", ".join(parts)


def _readable(text: str, spec: ExpertSpec) -> str:
    """The text without the words that an expert's closed vocabulary lacks."""
    if spec.vocabulary is None:
        return text
    kept = (w for w in text.split() if all(p in spec.vocabulary for p in words_of(w)))
    return " ".join(kept)


def _in_caption_order(plan: Plan) -> list[Command]:
    """What is there first, then how it stands to each other, the setting last."""
    order = {"add": 0, "create": 0, "count": 0, "relation": 1, "style": 2, "background": 3}
    kept = [c for c in plan.commands if c.op not in ("remove", "text", "replace", "finish")]
    return sorted(kept, key=lambda c: order.get(c.op, 1))


def _negative(plan: Plan) -> str:
    return ", ".join(c.subject for c in plan.commands if c.op == "remove" and c.subject)


def _seed(seed: int, action: Call, attempt: int) -> int:
    text = f"{seed}|{action.command}|{action.expert}|{attempt}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % 2**31
