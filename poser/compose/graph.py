"""The LangGraph graph: decompose, (choose, call, judge)*, finish.

Nodes only delegate: the MDP is in ``envs``, calls go through :class:`envs.calling.Caller`. The
graph's state is plain JSON data and content hashes, checkpointed in SQLite inside the run's
folder after every node.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

from pydantic import TypeAdapter

from critic.base import Critic
from envs.calling import Caller
from envs.legality import legal_actions
from envs.requests import build_request
from envs.rules import Rules, default_max_steps
from envs.state import State
from envs.transition import apply, begin, failed
from policies.base import Decision
from poser.compose.coverage import coverage_notes, estimate, judging_notes
from poser.compose.finishing import with_finish
from poser.compose.searching import Searching
from poser.compose.settings import Settings
from poser.compose.view import Start
from poser.core.action import Action, Call
from poser.core.critique import CriticFailure, Critique
from poser.core.errors import BudgetError, CriticError
from poser.core.expert import ExpertFailure, ExpertOutcome, ExpertRequest, ExpertResult, ExpertSpec
from poser.core.plan import Plan
from poser.core.record import StepRecord
from poser.report.live import ESTIMATE
from poser.report.observer import Observer
from poser.report.words import money
from poser.store import Run, write_json

if TYPE_CHECKING:
    from poser.decompose import Decomposer

Chooser = Callable[[State, Sequence[Action], Mapping[str, ExpertSpec]], Decision]
"""Chooses the next action: a policy, or a person who is asked."""

_ACTION: TypeAdapter[Action] = TypeAdapter(Action)
_OUTCOME: TypeAdapter[ExpertResult | ExpertFailure] = TypeAdapter(ExpertOutcome)


class GraphState(TypedDict, total=False):
    """What is checkpointed: plain data only.

    Attributes:
        state: The MDP's state.
        action: What was chosen.
        reason: Why.
        request: What the expert is asked.
        outcome: What came back.
        cached: Whether it came from the record of finished calls.
        seconds: Wall time of the step so far.
    """

    state: dict[str, Any]
    action: dict[str, Any]
    reason: str
    request: dict[str, Any] | None
    outcome: dict[str, Any] | None
    cached: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes of the graph, over what one run works with."""

    run: Run
    settings: Settings
    registry: Mapping[str, ExpertSpec]
    caller: Caller
    critic: Critic
    decomposer: Decomposer
    chooser: Chooser
    searching: Searching | None
    observer: Observer
    on_finish: Callable[[State], None]

    def decompose(self, state: GraphState) -> GraphState:
        """Prompt -> plan -> initial state."""
        settings = self.settings
        given = settings.image is not None
        plan = self.decomposer.decompose(settings.prompt, has_picture=given)
        if settings.finish and settings.mask is None:
            plan = with_finish(plan, self.registry.values())
        plan = plan.setting_aside(self.critic.outside_scope(plan.criteria))
        write_json(self.run.plan_path, plan.to_dict())
        rules = settings.rules.model_copy(
            update={
                "max_steps": settings.steps or default_max_steps(plan),
                "judgement_cost": self.critic.cost,
            }
        )
        self._announce(plan, rules)
        self.critic.load()
        critique = self._first_critique(plan, rules)
        write_json(self.run.folder / "start.json", Start(rules=rules, critique=critique).to_dict())
        mask = settings.mask.sha256 if settings.mask else None
        first = begin(
            plan, rules, self.registry, image=settings.image, critique=critique, mask=mask
        )
        return {"state": first.to_dict()}

    def choose(self, state: GraphState) -> GraphState:
        """State -> action."""
        started = time.perf_counter()
        before = State.from_dict(state["state"])
        if self.searching is not None:
            before = self.searching.ready(before)
        seed = self.searching.seed if self.searching else self.settings.seed
        decision = self.chooser(before, legal_actions(before, self.registry), self.registry)
        self.observer.chosen(before, decision.action, decision.reason)
        request = None
        if isinstance(decision.action, Call):
            spec = self.registry[decision.action.expert]
            request = build_request(before, decision.action, spec, seed).to_dict()
        return {
            "state": before.to_dict(),
            "action": _ACTION.dump_python(decision.action, mode="json"),
            "reason": decision.reason,
            "request": request,
            "outcome": None,
            "cached": False,
            "seconds": time.perf_counter() - started,
        }

    def call(self, state: GraphState) -> GraphState:
        """Request -> outcome."""
        started = time.perf_counter()
        request = ExpertRequest.model_validate(state["request"])
        self.observer.calling(request)
        outcome, cached = self.caller.call(request, int(state["state"]["step"]))
        return {
            "outcome": outcome.to_dict(),
            "cached": cached,
            "seconds": state["seconds"] + time.perf_counter() - started,
        }

    def judge(self, state: GraphState) -> GraphState:
        """Outcome -> critique -> next state and reward, by the one transition."""
        started = time.perf_counter()
        before = State.from_dict(state["state"])
        action = _ACTION.validate_python(state["action"])
        outcome = _OUTCOME.validate_python(state["outcome"]) if state["outcome"] else None
        critique: Critique | CriticFailure | None = None
        if isinstance(outcome, ExpertResult):
            self.observer.judging(outcome.image)
            critique = self.caller.judge(before.plan, outcome.image, before.step)
        after, reward = apply(before, action, outcome, critique, self.registry)
        record = StepRecord(
            step=before.step,
            action=action,
            reason=state["reason"],
            request=ExpertRequest.model_validate(state["request"]) if state["request"] else None,
            outcome=outcome,
            critique=critique,
            reward=reward,
            phi=after.phi,
            image=after.current.image if after.current else None,
            champion=after.champion.image if after.champion else None,
            infrastructure_failure=failed(outcome, critique),
            cached=state["cached"],
            seconds=state["seconds"] + time.perf_counter() - started,
        )
        self.run.record(record)
        self.observer.stepped(record, after)
        return {"state": after.to_dict()}

    def finish(self, state: GraphState) -> GraphState:
        """Final state -> result, report, episode record."""
        last = State.from_dict(state["state"])
        self.on_finish(last)
        self.observer.finished(last)
        return {}

    def notes(self, plan: Plan) -> tuple[str, ...]:
        """What cannot be drawn or judged, and why."""
        given, mask = self.settings.image, self.settings.mask is not None
        lacking = coverage_notes(plan, self.registry, picture=given, mask=mask)
        notes = (*lacking, *judging_notes(plan))
        if self.searching is None:
            return notes
        search = self.searching.search
        return (*notes, f"search {search}: all branches are played, then the best is told")

    def _announce(self, plan: Plan, rules: Rules) -> None:
        """Tells the plan, what it lacks and what it may cost, before anything is paid for."""
        state = replace(State(plan=plan, rules=rules), given=self.settings.image is not None)
        self.observer.planned(plan, state, (*self.notes(plan), *self._estimate(state)))

    def _estimate(self, state: State) -> tuple[str, ...]:
        bounds = estimate(state, self.registry)
        if bounds.most <= 0.0:
            return ()
        budget = state.rules.budget
        most = bounds.most * (self.searching.search.breadth if self.searching else 1)
        most = most if budget is None else min(most, budget)
        if budget is not None and bounds.least > budget:
            return (
                f"{ESTIMATE}: at least {money(bounds.least)}, more than the cap {money(budget)}",
            )
        cap = "no cap; set one with --budget" if budget is None else f"hard cap {money(budget)}"
        return (f"{ESTIMATE}: {money(bounds.least)} to {money(most)} ({cap})",)

    def _first_critique(self, plan: Plan, rules: Rules) -> Critique | None:
        if self.settings.image is None:
            return None
        if rules.budget is not None and self.critic.cost > rules.budget:
            raise BudgetError(
                f"judging the picture given costs {money(self.critic.cost)}, more than the cap",
                remedy="raise --budget",
            )
        critique = self.caller.judge(plan, self.settings.image, -1)
        if isinstance(critique, CriticFailure):
            raise CriticError(
                f"the critic could not judge the picture given: {critique.message}",
                remedy="mend that, then go on with --resume",
            )
        return critique


def build_graph(nodes: Nodes, checkpointer: Any) -> Any:
    """The compiled graph.

    Args:
        nodes: What it is made of.
        checkpointer: A LangGraph checkpointer.
    """
    from langgraph.graph import END, START, StateGraph

    def after_choice(state: GraphState) -> str:
        return "call" if state["request"] is not None else "judge"

    def goes_on(state: GraphState) -> str:
        return "finish" if state["state"]["end"] is not None else "choose"

    builder = StateGraph(GraphState)
    builder.add_node("decompose", nodes.decompose)
    builder.add_node("choose", nodes.choose)
    builder.add_node("call", nodes.call)
    builder.add_node("judge", nodes.judge)
    builder.add_node("finish", nodes.finish)
    builder.add_edge(START, "decompose")
    builder.add_conditional_edges("decompose", goes_on, ["choose", "finish"])
    builder.add_conditional_edges("choose", after_choice, ["call", "judge"])
    builder.add_edge("call", "judge")
    builder.add_conditional_edges("judge", goes_on, ["choose", "finish"])
    builder.add_edge("finish", END)
    return builder.compile(checkpointer=checkpointer)
