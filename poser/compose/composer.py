"""Composing one picture, durably: from a fresh run or from wherever one was interrupted."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from critic.base import Critic
from envs.calling import Caller
from envs.state import State
from experts.base import Expert
from policies.catalogue import make_policy
from poser.compose.graph import Chooser, Nodes, build_graph
from poser.compose.settings import Settings
from poser.compose.view import view_of
from poser.core.expert import ExpertSpec
from poser.core.record import EpisodeRecord
from poser.report.html import render_report
from poser.report.observer import Observer, SilentObserver
from poser.store import Run, write_bytes, write_json
from poser.store.files import storing, write_text

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
        caller: The caller, once composing has begun (for measurements).
    """

    run: Run
    settings: Settings
    specs: Mapping[str, ExpertSpec]
    experts: Experts
    critic: Critic
    decomposer: Decomposer | None = None
    chooser: Chooser | None = None
    observer: Observer | None = None
    caller: Caller | None = None

    def compose(self) -> EpisodeRecord:
        """Goes on from the last checkpoint (or begins) and returns the finished episode.

        No finished expert or critic call is repeated. Killed at any point, it can be called again
        in a new process.

        Raises:
            RunLockedError: Another process works on this run.
            StorageError: The run's folder cannot be written.
            CriticError: The picture to start from could not be judged.
        """
        with self.run.locked():
            if (episode := self.run.episode()) is not None:
                return episode
            with storing(self.run.checkpoint_path):
                self._drive()
        episode = self.run.episode()
        assert episode is not None, "the finish node writes the episode"
        return episode

    def _drive(self) -> None:
        from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
        from langgraph.checkpoint.sqlite import SqliteSaver

        connection = sqlite3.connect(self.run.checkpoint_path, check_same_thread=False)
        with closing(connection):
            # Nothing but plain data is read back from a run's folder, whoever wrote it.
            saver = SqliteSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
            nodes = self._nodes()
            graph = build_graph(nodes, saver)
            config = {"configurable": {"thread_id": self.run.id}, "recursion_limit": 100_000}
            snapshot = graph.get_state(config)
            state: dict[str, Any] | None = snapshot.values.get("state")
            self.run.rewind(int(state["step"]) if state else 0)
            if state is not None:
                resumed = State.from_dict(state)
                nodes.observer.planned(resumed.plan, resumed, nodes.notes(resumed.plan))
                if not snapshot.next:
                    self._finish(resumed)
                    return
            graph.invoke({} if state is None else None, config, durability="sync")

    def _nodes(self) -> Nodes:
        from poser.decompose import RuleDecomposer

        self.caller = Caller(self.experts.expert, self.critic, self.run.images, self.run.calls)
        policy = make_policy(self.settings.policy, self.settings.seed)
        return Nodes(
            run=self.run,
            settings=self.settings,
            registry=self.specs,
            caller=self.caller,
            critic=self.critic,
            decomposer=self.decomposer or RuleDecomposer(),
            chooser=self.chooser or policy.choose,
            observer=self.observer or SilentObserver(),
            on_finish=self._finish,
        )

    def _finish(self, state: State) -> None:
        """Writes the result first, then the report; the episode record last says "finished"."""
        champion = state.champion.image if state.champion else None
        if champion is not None:
            write_bytes(self.run.result_path, self.run.images.read(champion.sha256))
        steps = tuple(self.run.steps())
        write_text(self.run.report_path, render_report(view_of(self.run, self.settings, state)))
        assert state.end is not None, "finish comes after the end"
        episode = EpisodeRecord(
            id=self.run.id,
            seed=self.settings.seed,
            plan=state.plan,
            start=self.settings.image,
            steps=steps,
            end=state.end,
            result=champion,
            phi=state.champion_phi,
            cost=state.spent,
            seconds=sum(s.seconds for s in steps),
        )
        write_json(self.run.episode_path, episode.to_dict())
