"""From an action to the request that an expert is sent: pure, so that a call can be repeated."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from critic.rubric import THRESHOLD, applicable, mending
from envs.legality import FINISHING, serves
from envs.potential import gated_scores
from envs.state import State, attempts
from poser.core.action import ALL, Call
from poser.core.critique import Critique
from poser.core.expert import ExpertRequest, ExpertSpec
from poser.core.plan import Command, Criterion, Plan, words_of


def build_request(
    state: State,
    action: Call,
    spec: ExpertSpec,
    seed: int,
) -> ExpertRequest:
    """The request for a call.

    A retry draws a new seed, since the seed depends on the failed attempts at the command. A call
    repeated because the expert or the critic was down is the very same request, so that a result
    already paid for is found in the cache.

    Where the current picture shows a part of what a command asks for, an editor is told what mends
    the rest: "add three birds" would make five of two. By ``rules.feedback`` a retry is told,
    besides, what the critique of the current picture says is wrong; see :func:`retold`.

    Args:
        state: Before the step.
        action: What was chosen.
        spec: The expert's entry.
        seed: The run's seed.
    """
    params: dict[str, Any] = dict(spec.defaults)
    command = None if action.command == ALL else state.plan.command(action.command)
    if command is not None and command.text is not None:
        params["text"] = command.text
    image = state.current.image.sha256 if spec.needs_picture and state.current else None
    return ExpertRequest(
        expert=spec.id,
        revision=spec.fingerprint or f"{spec.source}@{spec.revision}",
        task=spec.task,
        prompt=_told(state, action, command, spec),
        negative_prompt=_negative(state.plan) if spec.vocabulary is None else "",
        image=image,
        mask=state.mask if image is not None else None,
        seed=_seed(seed, action, attempts(state, action.command)),
        params=params,
    )


def prompt_for(plan: Plan, command: Command | None, spec: ExpertSpec) -> str:
    """What an expert is told.

    An editor is told the instruction, a text_to_image expert the caption. For the whole plan, an
    expert that reads prompts of any length gets the prompt itself; one with ``prompt_words`` or a
    closed vocabulary gets the captions of the commands that fit. So does a finisher, which is to
    know what it sees.
    """
    if command is not None and command.asked:
        if spec.needs_picture:
            return _readable(command.instruction, spec)
        return _readable(command.caption or command.instruction, spec)
    limit = spec.limits.prompt_words
    if spec.vocabulary is None and (limit is None or len(plan.prompt.split()) <= limit):
        return plan.prompt
    return _short_caption(plan, spec) or plan.prompt


def retold(
    plan: Plan, command: Command | None, spec: ExpertSpec, critique: Critique, threshold: float
) -> str:
    """What an expert is told at another attempt (Reagent-C, arXiv 2601.22154).

    An editor at a command gets what mends the failed criteria of that command, worst first ("make
    the bus red"). For the whole plan the defects follow what is told anyway; a text_to_image expert
    gets them as captions where there are, and none that names what is to be absent. What does not
    fit ``prompt_words``, and what a closed vocabulary lacks words of, is left out: half of "there
    should be two birds" would say something else. With nothing left it is told as before.

    Args:
        plan: What is asked.
        command: The command; ``None`` for all.
        spec: The expert's entry.
        critique: Of the picture in hand.
        threshold: Score from which a criterion holds.
    """
    told = prompt_for(plan, command, spec)
    limit = spec.limits.prompt_words or 10_000
    whole = command is None or not command.asked
    parts = [told] if whole else []
    used = len(told.split()) if whole else 0
    for owner, criterion, phrase in _defects(plan, critique, threshold):
        if command is not None and command.id != owner.id:
            continue
        if not spec.needs_picture:
            if owner.op in _NOT_SHOWN or not criterion.expected:
                continue
            phrase = owner.caption if phrase == owner.instruction and owner.caption else phrase
        words = len(phrase.split())
        if phrase not in parts and _readable(phrase, spec) == phrase and used + words <= limit:
            parts.append(phrase)
            used += words
    return ", ".join(parts) or told


def _defects(
    plan: Plan, critique: Critique, threshold: float
) -> Iterator[tuple[Command, Criterion, str]]:
    """Each failed criterion, its command, and what mends it; worst first.

    The critic's own words where it has any; it names but the worst few. What is more likely there
    than not is not asked for again, however much surer the critic must be to call it satisfied.
    """
    named = {d.criterion: d.instruction for d in critique.defects}
    score = {v.criterion: v.score if v.applicable else 0.0 for v in critique.verdicts}
    can = applicable(plan.judged, score, THRESHOLD)
    least = {k.id: THRESHOLD if k.kind == "entity" else threshold for k in plan.judged}
    failed = [k for k in plan.judged if can[k.id] and score[k.id] < least[k.id]]
    owner = {k.id: c for c in plan.commands for k in c.criteria}
    for criterion in sorted(failed, key=lambda k: score[k.id]):
        command = owner[criterion.id]
        phrase = named.get(criterion.id) or mending(command, criterion)
        yield command, criterion, " ".join(phrase.split())


def _told(state: State, action: Call, command: Command | None, spec: ExpertSpec) -> str:
    plan, frame, threshold = state.plan, state.current, state.rules.threshold
    if frame is None or (command is not None and not command.asked):
        return prompt_for(plan, command, spec)
    again = state.rules.retells and attempts(state, action.command) > 0
    if not again and spec.needs_picture and command is not None:
        gated = gated_scores(plan, frame.critique, THRESHOLD)
        scores = [gated[k.id] for k in command.criteria if k.id in gated]
        again = any(s >= THRESHOLD for s in scores) and any(s < threshold for s in scores)
    if not again:
        return prompt_for(plan, command, spec)
    return retold(plan, command, spec, frame.critique, threshold)


def _short_caption(plan: Plan, spec: ExpertSpec) -> str:
    """The captions of what an expert serves, joined while they fit its limit.

    Each thing is named once: where two things are related, as "a green tree right of a red car".
    """
    limit = spec.limits.prompt_words or 10_000
    shown = [c for c in plan.commands if c.caption and c.op not in _NOT_SHOWN and serves(spec, c)]
    related, joined = _pairs(shown)
    phrases: list[tuple[int, str]] = []
    for command in shown:
        if command.id in related:
            phrases.append((0, related[command.id]))
        elif command.op != "relation" and command.id not in joined:
            phrases.append((_CAPTION_ORDER.get(command.op, 1), command.caption))
    parts: list[str] = []
    used = 0
    for _, phrase in sorted(phrases, key=lambda p: p[0]):
        readable = _readable(phrase, spec)
        words = len(readable.split())
        if used + words <= limit:
            parts.append(readable)
            used += words
    return ", ".join(parts)


_NOT_SHOWN = ("remove", "replace", *FINISHING)
_CAPTION_ORDER = {"add": 0, "create": 0, "count": 0, "background": 2, "style": 3}


def _pairs(shown: Sequence[Command]) -> tuple[dict[str, str], set[str]]:
    """Pairs of things told in one phrase: by the first thing's command, and the second ones.

    Each thing is in one pair at most; relations of things with few relations come first, so that
    as many as possible are told.
    """
    captions = {c.id: c.caption for c in shown if c.op in ("add", "create")}
    links = [
        (c.depends_on[0], c.criteria[0].about[2], c.depends_on[1])
        for c in shown
        if c.op == "relation"
        and len(c.depends_on) == 2
        and all(d in captions for d in c.depends_on)
        and c.criteria
        and len(c.criteria[0].about) == 3
    ]
    degree = Counter(end for one, _, other in links for end in (one, other))
    phrases: dict[str, str] = {}
    taken: set[str] = set()
    second: set[str] = set()
    for one, relation, other in sorted(links, key=lambda k: degree[k[0]] + degree[k[2]]):
        if one in taken or other in taken or one == other:
            continue
        taken |= {one, other}
        second.add(other)
        phrases[one] = f"{captions[one]} {relation} {captions[other]}"
    return phrases, second


def _readable(text: str, spec: ExpertSpec) -> str:
    """The text without the words that an expert's closed vocabulary lacks."""
    if spec.vocabulary is None:
        return text
    kept = (w for w in text.split() if all(p in spec.vocabulary for p in words_of(w)))
    return " ".join(kept)


def _negative(plan: Plan) -> str:
    return ", ".join(c.subject for c in plan.commands if c.op == "remove" and c.subject)


def _seed(seed: int, action: Call, attempt: int) -> int:
    text = f"{seed}|{action.command}|{action.expert}|{attempt}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % 2**31
