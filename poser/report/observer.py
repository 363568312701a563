"""What a run tells whoever watches it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from envs.state import State
from poser.core.action import Action
from poser.core.expert import ExpertRequest
from poser.core.picture import ImageRef
from poser.core.plan import Plan
from poser.core.record import StepRecord


class Observer(Protocol):
    """Is told what happens, in this order; decides nothing."""

    def planned(self, plan: Plan, state: State, notes: Sequence[str]) -> None:
        """The plan is made (or read back, when a run is resumed)."""
        ...

    def chosen(self, state: State, action: Action, reason: str) -> None:
        """The policy has chosen."""
        ...

    def calling(self, request: ExpertRequest) -> None:
        """An expert is about to be called."""
        ...

    def judging(self, image: ImageRef) -> None:
        """The critic is about to judge a picture."""
        ...

    def stepped(self, record: StepRecord, state: State) -> None:
        """A step is finished; ``state`` is the state after it."""
        ...

    def finished(self, state: State) -> None:
        """The run has ended."""
        ...


class SilentObserver:
    """An observer that does nothing, for ``--quiet`` and for tests."""

    def planned(self, plan: Plan, state: State, notes: Sequence[str]) -> None:
        """Does nothing."""

    def chosen(self, state: State, action: Action, reason: str) -> None:
        """Does nothing."""

    def calling(self, request: ExpertRequest) -> None:
        """Does nothing."""

    def judging(self, image: ImageRef) -> None:
        """Does nothing."""

    def stepped(self, record: StepRecord, state: State) -> None:
        """Does nothing."""

    def finished(self, state: State) -> None:
        """Does nothing."""
