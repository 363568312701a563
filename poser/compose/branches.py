"""What a run keeps of its search: every outcome, thrown-away branches included, and what was found.

``search.jsonl`` grows by a line for each batch of calls, once they are through, and for each path
found. So a search that was killed goes on where it stood, failures and all, and the spend of all
branches is known for good.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from pydantic import Field

from envs.outcomes import Outcome
from envs.rules import Rules
from policies.search import Account, parse_search
from poser.core.critique import CritiqueOutcome
from poser.core.errors import RunError
from poser.core.expert import ExpertOutcome
from poser.core.record import SearchRecord, StepRecord
from poser.core.value import NonNegative, Value
from poser.store import Run
from poser.store.files import storing, write_bytes


class Answer(Value):
    """The outcome of one request: see :class:`envs.outcomes.Outcome`; ``key`` is the request's."""

    key: str
    result: ExpertOutcome
    critique: CritiqueOutcome | None = None
    cached: bool = False
    seconds: NonNegative = 0.0

    def outcome(self) -> Outcome:
        """The same without its request."""
        return Outcome(self.result, self.critique, None, self.cached, self.seconds)


class Path(Value):
    """What a search found.

    Attributes:
        rules: What it was played by.
        seed: The seed that its requests follow from.
        steps: From where the search began to its end.
        changes: Rules that held from a step on; see :class:`policies.search.Found`.
    """

    rules: Rules
    seed: int
    steps: tuple[StepRecord, ...]
    changes: dict[int, Rules] = Field(default_factory=dict)

    def rules_at(self, step: int) -> Rules:
        """The rules that a step is taken by."""
        past = [n for n in self.changes if n <= step]
        return self.changes[max(past)] if past else self.rules


class Entry(Value):
    """A line: the answers to one batch, or the path found.

    Attributes:
        leg: Hash of the search and of the state it began from.
        answers: In the order asked.
        path: What was found.
    """

    leg: str
    answers: tuple[Answer, ...] = ()
    path: Path | None = None


@dataclass(slots=True)
class Branches:
    """The search of a run so far.

    Attributes:
        run: The run's folder.
        entries: All lines.
    """

    run: Run
    entries: list[Entry] = field(default_factory=list)

    @classmethod
    def read(cls, run: Run) -> Branches:
        """What the run's folder holds; a half-written last line is not a line.

        Raises:
            RunError: A line is damaged.
            StorageError: The file cannot be read.
        """
        path = run.folder / "search.jsonl"
        if not path.exists():
            return cls(run)
        with storing(path):
            lines = path.read_bytes().split(b"\n")
        try:
            return cls(run, [Entry.from_json(line) for line in lines[:-1]])
        except ValueError as error:
            raise RunError(
                f"{path} is damaged", remedy="compose again; pictures in images/ are intact"
            ) from error

    def heal(self) -> None:
        """Drops a half-written last line, before anything is added."""
        path = self.run.folder / "search.jsonl"
        if path.exists():
            with storing(path):
                data = path.read_bytes()
            if not data.endswith(b"\n"):
                write_bytes(path, data[: data.rfind(b"\n") + 1])

    def add(self, entry: Entry) -> None:
        """Adds a line, durably.

        Raises:
            StorageError: It cannot be written.
        """
        path = self.run.folder / "search.jsonl"
        with storing(path), path.open("ab") as file:
            file.write(entry.to_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.entries.append(entry)

    def account(self, first: float, *, leaving_out: str = "") -> Account:
        """What all branches have spent.

        Args:
            first: US dollars spent before the first search: the judgement of a picture given.
            leaving_out: A leg that is not counted.
        """
        account = Account(spent=first)
        for entry in self.entries:
            for answer in entry.answers if entry.leg != leaving_out else ():
                account.add(answer.key, answer.outcome())
        return account

    @property
    def paths(self) -> tuple[Path, ...]:
        """What was found, in order."""
        return tuple(e.path for e in self.entries if e.path is not None)


def search_record(run: Run, search: str, first: float, budget: float | None) -> SearchRecord | None:
    """What a run's search has cost so far; ``None`` where it makes none.

    Args:
        run: The run.
        search: As in its settings.
        first: See :meth:`Branches.account`.
        budget: The run's cap, for the case that nothing was found yet.
    """
    if not search:
        return None
    asked = parse_search(search)
    branches = Branches.read(run)
    account, paths = branches.account(first), branches.paths
    return SearchRecord(
        kind=asked.kind,
        width=asked.width,
        calls=account.calls,
        cost=account.spent,
        seconds=account.seconds,
        budget=paths[-1].rules.budget if paths else budget,
    )
