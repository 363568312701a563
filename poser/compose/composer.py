"""Composing one picture, durably: from a fresh run or from wherever one was interrupted."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from critic.base import Critic
from envs.calling import Caller
from envs.rules import Rules
from envs.state import State
from envs.transition import interrupted, revived, with_rules
from experts.base import Expert
from experts.prices import billing
from policies.base import Policy
from policies.catalogue import make_policy
from policies.search import OUT_OF_BUDGET, one_of, parse_search
from poser.compose.branches import Branches
from poser.compose.graph import Chooser, Nodes, build_graph
from poser.compose.searching import Following, Searching
from poser.compose.settings import Settings
from poser.compose.view import change_rules, start_of, view_of
from poser.core.capability import CapabilityTable
from poser.core.errors import BudgetError
from poser.core.expert import ExpertRequest, ExpertResult, ExpertSpec
from poser.core.record import EpisodeRecord
from poser.report.html import render_report
from poser.report.observer import Observer, SilentObserver
from poser.report.words import money
from poser.store import Run, write_bytes, write_json
from poser.store.files import checkpointing, write_text

if TYPE_CHECKING:
    from poser.decompose import Decomposer


class Experts(Protocol):
    """A registry that can be asked for live experts; :class:`experts.registry.Registry` is one."""

    def expert(self, expert_id: str, /) -> Expert:
        """The live expert of that id."""
        ...


@dataclass(slots=True)
class Composer:
    """Composes the picture of one run.

    Attributes:
        run: The run's folder.
        settings: What was asked.
        specs: The registry's entries by id.
        experts: Where live experts come from.
        critic: The critic.
        decomposer: What makes the plan.
        chooser: What chooses actions; ``None`` for the policy named in the settings.
        observer: Who is told of progress.
        tables: Measured capabilities by expert id, for a policy that reads them.
        caller: The caller, once composing has begun (for measurements).
        budget: A new cap in US dollars, when a run is gone on with.
        max_steps: A new bound on steps, when a run is gone on with.
    """

    run: Run
    settings: Settings
    specs: Mapping[str, ExpertSpec]
    experts: Experts
    critic: Critic
    decomposer: Decomposer | None = None
    chooser: Chooser | None = None
    observer: Observer | None = None
    tables: Mapping[str, CapabilityTable] = field(default_factory=dict)
    caller: Caller | None = None
    budget: float | None = None
    max_steps: int | None = None
    _episode: EpisodeRecord | None = None
    _searching: Searching | None = None

    def compose(self) -> EpisodeRecord:
        """Goes on from the last checkpoint (or begins) and returns the episode.

        No finished expert or critic call is repeated. Killed at any point, it can be called again
        in a new process. A run that an outage ended goes on; so does one that ran out of budget
        or steps, once it is given more.

        Raises:
            RunLockedError: Another process works on this run.
            StorageError: The run's folder cannot be written.
            CriticError: The critic cannot be loaded, or could not judge the picture given.
            BudgetError: The new cap is below what was spent.
        """
        with self.run.locked():
            episode = self.run.episode()
            if episode is not None and not self._changing and not self._unsettled(episode):
                return episode
            with checkpointing(self.run.checkpoint_path):
                self._drive()
        assert self._episode is not None, "the finish node makes the episode"
        return self._episode

    def policy(self) -> Policy:
        """The policy that the settings name.

        Raises:
            PoserError: It cannot be loaded.
        """
        return make_policy(
            self.settings.policy, self.settings.seed, tables=self.tables, pictures=self.run.images
        )

    def _drive(self) -> None:
        from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
        from langgraph.checkpoint.sqlite import SqliteSaver

        connection = sqlite3.connect(self.run.checkpoint_path, check_same_thread=False)
        with closing(connection):
            # Nothing but plain data is read back from a run's folder, whoever wrote it.
            saver = SqliteSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
            nodes = self._nodes()
            graph = build_graph(nodes, saver)
            config = {"configurable": {"thread_id": "run"}, "recursion_limit": 100_000}
            snapshot = graph.get_state(config)
            values: dict[str, Any] = snapshot.values
            if "state" not in values:
                self.run.rewind(0)
                graph.invoke({}, config, durability="sync")
                return
            stood = State.from_dict(values["state"])
            self.run.rewind(stood.step)
            under_way = self._under_way(values, snapshot.next)
            wished = replace(stood, rules=self._rules(stood, under_way or 0.0))
            nodes.observer.planned(stood.plan, wished, nodes.notes(stood.plan))
            if wished.rules != stood.rules and under_way is not None:
                # What is paid for is accounted for, by the rules that it was chosen by.
                graph.invoke(None, config, interrupt_before=["choose", "finish"], durability="sync")
                snapshot = graph.get_state(config)
                stood = State.from_dict(snapshot.values["state"])
            state = self._renewed(stood)
            if state.end is not None and not snapshot.next:
                self._finish(state)
                return
            if state != stood:
                self.run.episode_path.unlink(missing_ok=True)
                graph.update_state(config, {"state": state.to_dict()}, as_node="judge")
            graph.invoke(None, config, durability="sync")

    @property
    def _changing(self) -> bool:
        return self.budget is not None or self.max_steps is not None

    def _unsettled(self, episode: EpisodeRecord) -> bool:
        """Whether rules were changed at the end of an episode, and perhaps not yet gone on by."""
        start = start_of(self.run)
        return start is not None and len(episode.steps) in start.changes

    def _under_way(self, values: Mapping[str, Any], following: Sequence[str]) -> float | None:
        """US dollars that the step a run stands in has cost, or will by its judgement.

        ``None`` where nothing of it is paid for: no call, or none that returned.
        """
        if "judge" in following and values.get("outcome") is not None:
            cost = float(values["outcome"]["cost"])
        elif "call" in following and (result := self._recorded(values)) is not None:
            cost = result.cost
        else:
            return None
        return cost + self.critic.cost

    def _recorded(self, values: Mapping[str, Any]) -> ExpertResult | None:
        """The result of the call under way, where a process died before it could note it."""
        assert self.caller is not None, "made with the nodes"
        request = ExpertRequest.model_validate(values["request"])
        return self.caller.recorded(request, int(values["state"]["step"]))

    def _rules(self, state: State, committed: float = 0.0) -> Rules:
        """The rules to go on by: those asked for, else those noted for this step.

        They are noted before the checkpoint has them, so that a process that died in between is
        gone on with as it was told.
        """
        start = start_of(self.run)
        rules = start.changes.get(state.step, state.rules) if start else state.rules
        if self.budget is not None:
            spent = state.spent + committed
            spent = max(spent, self._searching.spent if self._searching else 0.0)
            if self.budget < spent:
                raise BudgetError(
                    f"{money(spent)} of the run's budget is spent already",
                    remedy="give a --budget above that",
                )
            rules = rules.model_copy(update={"budget": self.budget})
        if self.max_steps is not None:
            rules = rules.model_copy(update={"max_steps": max(self.max_steps, state.step)})
        return rules

    def _renewed(self, state: State) -> State:
        """The state to go on from: with new rules if asked, and after an outage a new chance."""
        rules = self._rules(state)
        if rules != state.rules:
            change_rules(self.run, state.step, rules)
            state = with_rules(state, rules, self.specs)
        if interrupted(state) or self._stopped_for_budget(state):
            return revived(state, self.specs)
        return state

    def _stopped_for_budget(self, state: State) -> bool:
        """Whether a search stopped for want of budget, and is given more."""
        if self._searching is None or self.budget is None or state.end != "stopped":
            return False
        steps = self.run.steps()
        return bool(steps) and steps[-1].reason.endswith(OUT_OF_BUDGET)

    def _searches(self, caller: Following) -> Searching | None:
        """What searches, where the settings ask for it and nobody else chooses."""
        if not self.settings.search or self.chooser is not None:
            return None
        return Searching(
            search=parse_search(self.settings.search),
            branches=Branches.read(self.run),
            registry=self.specs,
            proposer=one_of(self.policy()),
            caller=caller,
            observer=self.observer or SilentObserver(),
            seed=self.settings.seed,
        )

    @property
    def _seed(self) -> int:
        return self._searching.seed if self._searching else self.settings.seed

    def _nodes(self) -> Nodes:
        from poser.decompose import RuleDecomposer

        find = self.experts.expert
        if self.settings.usd_per_second > 0.0:
            find = billing(find, self.specs)
        caller = Following(find, self.critic, self.run.images, self.run.calls)
        self.caller = caller
        self._searching = searching = self._searches(caller)
        return Nodes(
            run=self.run,
            settings=self.settings,
            registry=self.specs,
            caller=self.caller,
            critic=self.critic,
            decomposer=self.decomposer or RuleDecomposer(),
            chooser=self.chooser or (searching or self.policy()).choose,
            searching=searching,
            observer=self.observer or SilentObserver(),
            on_finish=self._finish,
        )

    def _finish(self, state: State) -> None:
        """Writes the result first, then the report; the episode record last says "finished".

        An episode that an outage ended is not finished: ``--resume`` goes on with it.
        """
        champion = state.champion.image if state.champion else None
        if champion is not None:
            write_bytes(self.run.result_path, self.run.images.read(champion.sha256))
        view = view_of(self.run, self.settings, state)
        write_text(self.run.report_path, render_report(view))
        assert state.end is not None, "finish comes after the end"
        self._episode = EpisodeRecord(
            id=self.run.id,
            seed=self._seed,
            plan=state.plan,
            start=self.settings.image,
            steps=view.steps,
            end=state.end,
            result=champion,
            phi=state.champion_phi,
            cost=state.spent,
            seconds=view.seconds,
            search=view.search,
        )
        if not interrupted(state):
            write_json(self.run.episode_path, self._episode.to_dict())
