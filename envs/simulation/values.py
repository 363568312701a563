"""A simulated world as the values that the rest of Image-POSER works with."""

from __future__ import annotations

from typing import Any

import numpy as np

from critic.rubric import critique_of
from envs.layout import OPS, TASKS
from envs.rules import Rules
from envs.simulation.known import I2I
from envs.simulation.sampling import FATAL, OUTAGE, REFUSED, UNJUDGED
from envs.simulation.worlds import CRITERIA, FINISH, SIDE, TEXT, Floats, Worlds
from poser.core.capability import CapabilityTable, Share, SkillMeasure
from poser.core.critique import CriticFailure, Critique
from poser.core.expert import Cost, ExpertFailure, ExpertResult, ExpertSpec, Limits
from poser.core.picture import ImageRef
from poser.core.plan import Command, Criterion, Plan

CREATED_BY = "envs.simulation"


def plan_of(worlds: Worlds, world: int) -> Plan:
    """The plan of a world; commands are ``c1``, ``c2``, ..., criteria ``c1.1``, ``c1.2``."""
    names = [f"c{n + 1}" for n in range(int(worlds.commands[world].sum()))]
    aside: dict[str, str] = {}
    commands = []
    for n, name in enumerate(names):
        op = OPS[worlds.op[world, n]]
        parents = [names[p] for p in np.flatnonzero(worlds.builds[world, n])]
        criteria = []
        for k in range(CRITERIA):
            unread = worlds.op[world, n] == TEXT and k == 0 and not worlds.judged[world, n, 0]
            if not worlds.judged[world, n, k] and not unread:
                continue
            own = [f"{name}.1"] if k else []
            criteria.append(
                Criterion(
                    id=f"{name}.{k + 1}",
                    question=f"Is thing{n} as asked?",
                    **_kind(worlds, world, int(n), k),
                    depends_on=(*(f"{p}.1" for p in parents), *own),
                    weight=float(worlds.weight[world, n, k]) or 1.0,
                )
            )
            if unread:
                aside[f"{name}.1"] = "the critic cannot read"
        finish = worlds.op[world, n] == FINISH
        commands.append(
            Command(
                id=name,
                op=op,
                instruction=f"{op} thing{n}",
                subject="" if finish else f"thing{n}",
                depends_on=tuple(names[p] for p in np.flatnonzero(worlds.depends[world, n])),
                criteria=tuple(criteria),
            )
        )
    plan = Plan(prompt="simulated", commands=tuple(commands), decomposer=CREATED_BY)
    return plan.setting_aside(aside) if aside else plan


def _kind(worlds: Worlds, world: int, command: int, k: int) -> dict[str, Any]:
    """What a criterion is about, where that matters."""
    if k and worlds.many[world, command]:
        return {"kind": "count", "about": (f"thing{command}", "3")}
    return {}


def registry_of(worlds: Worlds, world: int) -> dict[str, ExpertSpec]:
    """The registry of a world; experts are ``e1``, ``e2``, ..."""
    words = {f"thing{n}": n for n in np.flatnonzero(worlds.commands[world])}
    return {
        f"e{n + 1}": ExpertSpec(
            id=f"e{n + 1}",
            adapter="simulated",
            task=TASKS[worlds.task[world, n]],
            capabilities={
                OPS[op]: max(0.01, _stated(worlds, world, int(n), int(op)))
                if worlds.able[world, n, op]
                else 0.0
                for op in np.flatnonzero(worlds.said[world, n] & worlds.declares[world, n])
            },
            vocabulary=frozenset(w for w, c in words.items() if worlds.knows[world, c, n])
            if worlds.closed[world, n]
            else None,
            cost=Cost(usd=worlds.usd[world, n], seconds=worlds.seconds[world, n]),
            limits=Limits(max_side=SIDE),
            fingerprint=f"e{n + 1}",
        )
        for n in np.flatnonzero(worlds.experts[world])
    }


def _stated(worlds: Worlds, world: int, expert: int, op: int) -> float:
    trials = int(worlds.trials[world, expert, op])
    if not trials:
        return float(worlds.stated[world, expert, op])
    return float(worlds.successes[world, expert, op] / trials)


def tables_of(worlds: Worlds, world: int) -> dict[str, CapabilityTable]:
    """What was measured of the experts of a world; those never measured are left out."""
    tables = {}
    for n in np.flatnonzero(worlds.experts[world]):
        measured = np.flatnonzero(worlds.trials[world, n])
        if not len(measured):
            continue
        kept = Share(
            successes=int(worlds.kept_successes[world, n]), n=int(worlds.kept_trials[world, n])
        )
        tables[f"e{n + 1}"] = CapabilityTable(
            expert=f"e{n + 1}",
            task=TASKS[worlds.task[world, n]],
            fingerprint=f"e{n + 1}",
            evaluator=CREATED_BY,
            evaluator_revision="1",
            n=int(worlds.trials[world, n].max()),
            seed=0,
            skills=tuple(
                SkillMeasure(
                    skill=OPS[op],
                    ops=(OPS[op],),
                    successes=int(worlds.successes[world, n, op]),
                    n=int(worlds.trials[world, n, op]),
                    kept=kept if op == measured[0] else Share(),
                )
                for op in measured
            ),
            usd=worlds.usd[world, n],
            seconds=worlds.seconds[world, n],
            created_by=CREATED_BY,
        )
    return tables


def rules_of(worlds: Worlds, world: int, rules: Rules | None = None) -> Rules:
    """The rules of a world; what is not drawn is as in ``rules``."""
    budget = float(worlds.budget[world])
    drawn = {
        "max_steps": int(worlds.max_steps[world]),
        "budget": None if np.isinf(budget) else budget,
        "cost_weight": float(worlds.cost_weight[world]),
        "step_penalty": float(worlds.step_penalty[world]),
        "judgement_cost": float(worlds.judgement_cost[world]),
    }
    return (rules or Rules()).model_copy(update=drawn)


def picture_of(number: int, side: int = SIDE) -> ImageRef:
    """The reference of a picture that nobody painted: its hash is its number."""
    return ImageRef(sha256=f"{number:064x}", width=side, height=side)


def critique_for(worlds: Worlds, world: int, plan: Plan, score: Floats) -> Critique:
    """What the critic says.

    Args:
        worlds: Any.
        world: The place in them.
        plan: The plan of that world.
        score: The critic's scores, (C, 2).
    """
    scores = {}
    for criterion in plan.judged:
        command, _, k = criterion.id[1:].partition(".")
        scores[criterion.id] = float(score[int(command) - 1, int(k) - 1])
    return critique_of(plan, scores, cost=float(worlds.judgement_cost[world]))


def result_for(
    worlds: Worlds,
    world: int,
    plan: Plan,
    kind: int,
    expert: int,
    score: Floats,
    picture: tuple[int, int],
) -> tuple[ExpertResult | ExpertFailure, Critique | CriticFailure | None]:
    """What came of a call, as the transition takes it.

    Args:
        worlds: Any.
        world: The place in them.
        plan: The plan of that world.
        kind: What became of it, see :mod:`envs.simulation.sampling`.
        expert: The place of the expert.
        score: The critic's scores of the new picture, (C, 2).
        picture: Number and longest side of the new picture.
    """
    seconds = float(worlds.seconds[world, expert])
    if kind in (OUTAGE, FATAL):
        return ExpertFailure(retryable=kind == OUTAGE, message="outage", seconds=seconds), None
    if kind == REFUSED:
        return ExpertFailure(reason="refused", message="refused", seconds=seconds), None
    result = ExpertResult(
        image=picture_of(*picture), seconds=seconds, cost=float(worlds.usd[world, expert])
    )
    if kind == UNJUDGED:
        return result, CriticFailure(message="outage")
    return result, critique_for(worlds, world, plan, score)


def side_after(worlds: Worlds, world: int, row: int, expert: int, side: int) -> int:
    """Longest side of a picture after a call: a finish enlarges it, text leaves it as it is."""
    if row < worlds.op.shape[1] and worlds.task[world, expert] == I2I:
        if worlds.op[world, row] == FINISH:
            return 4 * side
        if worlds.op[world, row] == TEXT:
            return side
    return SIDE
