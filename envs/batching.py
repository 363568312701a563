"""Many calls at once: one batch for each expert, one for the critic.

One set of weights serves any number of episodes. What an episode gets does not depend on which
others are stepped with it, nor on their order: a batch is sorted by content and the same request
is made once. (Of a diffusion model in a larger batch the last bit of a value may differ; see
:class:`experts.diffusers_adapter.DiffusersExpert`.)
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from envs.calling import Caller, critic_failure, expert_failure, judgement_key
from envs.outcomes import LiveOutcomes, Outcome
from envs.state import State
from experts.base import Expert, Generated
from poser.core.action import Call
from poser.core.critique import CriticFailure, Critique
from poser.core.errors import CriticError, ExpertError, StorageError
from poser.core.expert import ExpertFailure, ExpertRequest, ExpertResult
from poser.core.picture import ImageRef, ImageSource
from poser.core.plan import Plan

if TYPE_CHECKING:
    from PIL.Image import Image

Asked = tuple[LiveOutcomes, State, Call, int]
"""A call of an episode: its outcomes, its state before the step, what was chosen, its seed."""


@runtime_checkable
class BatchCritic(Protocol):
    """A critic that can judge several pictures in one go."""

    def judge_many(self, asked: Sequence[tuple[Plan, Image]]) -> Sequence[Critique]:
        """One critique for each plan and picture, the same as :meth:`critic.base.Critic.judge`.

        Raises:
            CriticError: The batch could not be judged; each is then judged alone.
        """
        ...


def outcomes_together(asked: Sequence[Asked]) -> list[Outcome]:
    """The outcomes of calls of several episodes, in their order.

    What fails, fails alone: where a batch fails, each of its requests is made by itself.
    """
    started = time.perf_counter()
    requests = [live.request(state, call, seed) for live, state, call, seed in asked]
    results: list[ExpertResult | ExpertFailure | None] = []
    for (live, state, _, _), request in zip(asked, requests, strict=True):
        results.append(live.caller.recorded(request, state.step))
    cached = [result is not None for result in results]
    _generate(asked, requests, results)
    critiques = _judge(asked, results)
    seconds = (time.perf_counter() - started) / max(1, len(asked))
    return [
        Outcome(result, critique, request, known, seconds)
        for result, critique, request, known in zip(
            results, critiques, requests, cached, strict=True
        )
        if result is not None
    ]


def _generate(
    asked: Sequence[Asked],
    requests: Sequence[ExpertRequest],
    results: list[ExpertResult | ExpertFailure | None],
) -> None:
    """Fills in the results that are not on record."""
    open_ones = [n for n, result in enumerate(results) if result is None]
    by_key: dict[tuple[str, str], list[int]] = {}
    for n in open_ones:
        by_key.setdefault((requests[n].expert, requests[n].key), []).append(n)
    by_expert: dict[str, list[list[int]]] = {}
    for (expert_id, _), same in sorted(by_key.items()):
        by_expert.setdefault(expert_id, []).append(same)
    for expert_id, groups in by_expert.items():
        first = [same[0] for same in groups]
        source = _Pictures(asked, requests, first)
        started = time.perf_counter()
        made = _served(asked[first[0]][0].caller, expert_id, [requests[n] for n in first], source)
        seconds = (time.perf_counter() - started) / sum(len(same) for same in groups)
        for same, one in zip(groups, made, strict=True):
            for n in same:
                caller, step = asked[n][0].caller, asked[n][1].step
                caller.outside_seconds += seconds
                if isinstance(one, ExpertFailure):
                    results[n] = one
                else:
                    results[n] = caller.keep(requests[n], one, step)


def _served(
    caller: Caller, expert_id: str, requests: Sequence[ExpertRequest], pictures: ImageSource
) -> list[Generated | ExpertFailure]:
    started = time.perf_counter()
    try:
        expert = caller.expert(expert_id)
    except ExpertError as error:
        return [expert_failure(error, time.perf_counter() - started) for _ in requests]
    billed = 0.0
    if len(requests) > 1:
        try:
            return [*expert.generate(requests, pictures)]
        except ExpertError as error:
            # One of them may be at fault: each is made by itself. What was billed stays billed.
            billed = error.cost
    made = [_served_alone(expert, request, pictures) for request in requests]
    if billed:
        first, cost = made[0], made[0].cost + billed
        if isinstance(first, ExpertFailure):
            made[0] = first.model_copy(update={"cost": cost})
        else:
            made[0] = replace(first, cost=cost)
    return made


def _served_alone(
    expert: Expert, request: ExpertRequest, pictures: ImageSource
) -> Generated | ExpertFailure:
    started = time.perf_counter()
    try:
        (generated,) = expert.generate([request], pictures)
    except ExpertError as error:
        return expert_failure(error, time.perf_counter() - started)
    return generated


def _judge(
    asked: Sequence[Asked], results: Sequence[ExpertResult | ExpertFailure | None]
) -> list[Critique | CriticFailure | None]:
    """The critiques of the pictures among these results, in one batch where the critic can."""
    critiques: list[Critique | CriticFailure | None] = [None] * len(asked)
    images: dict[int, ImageRef] = {}
    for n, ((live, state, _, _), result) in enumerate(zip(asked, results, strict=True)):
        if isinstance(result, ExpertResult):
            known = live.caller.recorded_judgement(state.plan, result.image, state.step)
            critiques[n] = known
            if known is None:
                images[n] = result.image
    by_critic: dict[int, list[int]] = {}
    for n in images:
        by_critic.setdefault(id(asked[n][0].caller.critic), []).append(n)
    for same in by_critic.values():
        together, billed = _judged_together(asked, images, same)
        for n in same:
            live, state = asked[n][0], asked[n][1]
            critique = together.get(n)
            if critique is None:
                critiques[n] = live.caller.judge(state.plan, images[n], state.step)
                continue
            try:
                live.caller.keep_judgement(state.plan, images[n], critique, state.step)
                critiques[n] = critique
            except CriticError as error:
                critiques[n] = critic_failure(error, critique.seconds)
        first = critiques[same[0]]
        if billed and first is not None:
            critiques[same[0]] = first.model_copy(update={"cost": first.cost + billed})
    return critiques


def _judged_together(
    asked: Sequence[Asked], images: dict[int, ImageRef], positions: Sequence[int]
) -> tuple[dict[int, Critique], float]:
    """Critiques by position, none where the critic cannot judge them in one go; what it billed."""
    critic = asked[positions[0]][0].caller.critic
    if len(positions) < 2 or not isinstance(critic, BatchCritic):
        return {}, 0.0
    keys = {n: judgement_key(critic, asked[n][1].plan, images[n]) for n in positions}
    first: dict[str, int] = {}
    for n in sorted(positions, key=lambda n: (images[n].sha256, keys[n])):
        first.setdefault(keys[n], n)
    pairs = [
        (asked[n][1].plan, asked[n][0].caller.images.get(images[n].sha256)) for n in first.values()
    ]
    started = time.perf_counter()
    try:
        judged = dict(zip(first, critic.judge_many(pairs), strict=True))
    except CriticError as error:
        return {}, error.cost
    seconds = (time.perf_counter() - started) / len(positions)
    for n in positions:
        asked[n][0].caller.outside_seconds += seconds
    return {n: judged[keys[n]] for n in positions}, 0.0


class _Pictures:
    """The pictures that some requests name, each from its own episode."""

    def __init__(
        self, asked: Sequence[Asked], requests: Sequence[ExpertRequest], positions: Sequence[int]
    ) -> None:
        self._source: dict[str, ImageSource] = {}
        for n in positions:
            for sha256 in (requests[n].image, requests[n].mask):
                if sha256 is not None:
                    self._source[sha256] = asked[n][0].caller.images

    def get(self, sha256: str) -> Image:
        """See :class:`poser.core.picture.ImageSource`."""
        if sha256 not in self._source:
            raise StorageError(f"no request names the picture {sha256}")
        return self._source[sha256].get(sha256)
