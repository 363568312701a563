"""Hypothesis strategies for our values."""

from __future__ import annotations

import hashlib

from hypothesis import strategies as st

from envs.rules import Rules
from poser.core.action import ALL, Call, Revert, Stop
from poser.core.critique import CriticFailure, Critique, Defect, Verdict
from poser.core.expert import (
    Cost,
    ExpertFailure,
    ExpertRequest,
    ExpertResult,
    ExpertSpec,
    Limits,
)
from poser.core.picture import ImageRef
from poser.core.plan import Command, Criterion, Plan
from poser.core.record import EpisodeRecord, Reward, StepRecord

OPS = ["create", "add", "remove", "recolour", "relation", "background", "text", "finish", "other"]
KINDS = ["entity", "count", "attribute", "relation", "global", "text", "absence", "other"]

unit = st.floats(0, 1, allow_nan=False)
money = st.floats(0, 1, allow_nan=False).map(lambda x: round(x, 4))
words = st.text(min_size=1, max_size=20)
hashes = st.integers(0, 2**32).map(lambda n: hashlib.sha256(str(n).encode()).hexdigest())
image_refs = st.builds(
    ImageRef, sha256=hashes, width=st.integers(1, 4096), height=st.integers(1, 4096)
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@st.composite
def plans(draw: st.DrawFn, max_commands: int = 4) -> Plan:
    commands: list[Command] = []
    criteria_ids: list[str] = []
    for i in range(draw(st.integers(1, max_commands))):
        criteria = []
        for _ in range(draw(st.integers(0, 3))):
            parents = (
                draw(st.lists(st.sampled_from(criteria_ids), max_size=2, unique=True))
                if (criteria_ids)
                else []
            )
            name = f"k{len(criteria_ids) + 1}"
            criteria.append(
                Criterion(
                    id=name,
                    question=draw(words),
                    kind=draw(st.sampled_from(KINDS)),
                    about=tuple(draw(st.lists(words, max_size=3))),
                    expected=draw(st.booleans()),
                    depends_on=tuple(parents),
                    weight=draw(st.floats(0.1, 5)),
                )
            )
            criteria_ids.append(name)
        earlier = [c.id for c in commands]
        commands.append(
            Command(
                id=f"c{i + 1}",
                op=draw(st.sampled_from(OPS)),
                instruction=draw(words),
                subject=draw(st.text(max_size=5)),
                depends_on=tuple(
                    draw(st.lists(st.sampled_from(earlier), max_size=2, unique=True))
                    if earlier
                    else []
                ),
                criteria=tuple(criteria),
                caption=draw(st.text(max_size=10)),
            )
        )
    plan = Plan(prompt=draw(words), commands=tuple(commands))
    aside = draw(st.lists(st.sampled_from(criteria_ids), unique=True)) if criteria_ids else []
    return plan.setting_aside(dict.fromkeys(aside, "outside its scope"))


@st.composite
def critiques(draw: st.DrawFn, plan: Plan) -> Critique:
    verdicts = tuple(
        Verdict(criterion=k.id, score=draw(unit), applicable=draw(st.booleans()))
        for k in plan.judged
    )
    defects = tuple(Defect(criterion=v.criterion, instruction="mend it") for v in verdicts[:1])
    return Critique(
        score=draw(unit),
        verdicts=verdicts,
        defects=defects,
        quality=draw(st.none() | unit),
        cost=draw(money),
    )


expert_ids = st.from_regex(r"\A[a-z][a-z0-9-]{0,8}\Z")
specs = st.builds(
    ExpertSpec,
    id=expert_ids,
    adapter=words,
    task=st.sampled_from(["text_to_image", "image_to_image", "inpainting"]),
    source=st.text(max_size=5),
    defaults=st.dictionaries(st.text(max_size=5), json_values, max_size=2),
    capabilities=st.dictionaries(st.sampled_from(OPS), unit, max_size=3),
    vocabulary=st.none() | st.frozensets(words, max_size=3),
    cost=st.builds(Cost, usd=money, seconds=money),
    limits=st.builds(Limits, prompt_words=st.none() | st.integers(1, 100)),
)
requests = st.builds(
    ExpertRequest,
    expert=expert_ids,
    task=st.sampled_from(["text_to_image", "image_to_image"]),
    prompt=words,
    image=st.none() | hashes,
    seed=st.integers(0, 2**31 - 1),
    params=st.dictionaries(st.text(max_size=5), json_values, max_size=2),
)
results = st.builds(ExpertResult, image=image_refs, seconds=money, cost=money)
failures = st.builds(
    ExpertFailure,
    reason=st.sampled_from(["unavailable", "timeout", "refused"]),
    message=st.text(max_size=10),
    retryable=st.booleans(),
    cost=money,
)
critic_failures = st.builds(
    CriticFailure, reason=st.sampled_from(["unavailable", "malformed"]), cost=money
)
actions = (
    st.builds(Call, command=st.sampled_from([ALL, "c1", "c2"]), expert=expert_ids)
    | st.builds(Revert)
    | st.builds(Stop)
)
rewards = st.dictionaries(
    st.sampled_from(["phi", "cost", "step", "final"]), st.floats(-2, 2), max_size=4
).map(lambda terms: Reward.of(**terms))
rules = st.builds(
    Rules,
    max_steps=st.integers(1, 12),
    budget=st.none() | st.floats(0, 3),
    max_attempts=st.integers(1, 3),
    max_failures=st.integers(1, 3),
    threshold=st.floats(0.2, 0.8),
    cost_weight=st.floats(0, 2),
    step_penalty=st.floats(0, 0.1),
    quality_weight=st.floats(0, 0.5),
    judgement_cost=st.just(0.0),
)


@st.composite
def step_records(draw: st.DrawFn) -> StepRecord:
    plan = draw(plans(2))
    return StepRecord(
        step=draw(st.integers(0, 100)),
        action=draw(actions),
        reason=draw(st.text(max_size=10)),
        request=draw(st.none() | requests),
        outcome=draw(st.none() | results | failures),
        critique=draw(st.none() | critiques(plan) | critic_failures),
        reward=draw(rewards),
        phi=draw(unit),
        image=draw(st.none() | image_refs),
        champion=draw(st.none() | image_refs),
        infrastructure_failure=draw(st.booleans()),
        cached=draw(st.booleans()),
        seconds=draw(money),
    )


episodes = st.builds(
    EpisodeRecord,
    id=words,
    seed=st.integers(0, 2**31 - 1),
    plan=plans(),
    start=st.none() | image_refs,
    steps=st.lists(step_records(), max_size=2).map(tuple),
    end=st.sampled_from(["stopped", "satisfied", "out_of_steps"]),
    result=st.none() | image_refs,
    phi=unit,
    cost=money,
    seconds=money,
)
