"""What the experts make of whole prompts, alone and composed: parts of ``benchmarks/pocket.py``."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from poser.core.plan import Criterion
from poser.core.record import EpisodeRecord

COMPOSED = "composed (router)"


@dataclass(frozen=True, slots=True)
class Case:
    """A prompt, what must hold of its picture, and what it counts under."""

    text: str
    criteria: tuple[Criterion, ...]
    tag: str


@dataclass(frozen=True, slots=True)
class Score:
    """Verdicts on one picture: how many criteria hold, of how many, in how many seconds."""

    tag: str
    holds: int
    of: int
    seconds: float
    calls: int


def long_prompts(options: argparse.Namespace) -> dict[str, Any]:
    """Long test prompts, tagged by their number of requirements."""
    from experts.pocket.prompts import prompts
    from experts.pocket.sprites import SpriteSheet

    n = options.n or (3 if options.quick else 60)
    drawn = prompts(SpriteSheet.load(), "test", n, options.seed)
    cases = [Case(p.text, p.criteria, _band(p.requirements)) for p in drawn]
    print(f"{n} test prompts; share of their requirements that hold, and of prompts fulfilled\n")
    scored = _scored(cases, options.seed, planned=True)
    return _table(scored, lambda s: s.holds / s.of, "requirements")


def _band(requirements: int) -> str:
    low = 4 + 3 * ((requirements - 4) // 3)
    return f"{low} to {low + 2}"


def geneval(options: argparse.Namespace) -> dict[str, Any]:
    """GenEval's prompts within the world, by tag."""
    path = options.benchmarks / "geneval" / "evaluation_metadata.jsonl"
    if not path.exists():
        print(f"skipped: {path} is not there (--benchmarks DIR)")
        return {}
    known = [case for line in path.read_text().splitlines() if (case := _case(json.loads(line)))]
    rng = np.random.default_rng(options.seed)
    n = options.n or (1 if options.quick else 30)
    cases: list[Case] = []
    for tag in dict.fromkeys(case.tag for case in known):
        mine = [case for case in known if case.tag == tag]
        cases += [mine[i] for i in rng.permutation(len(mine))[:n]]
    print(f"{len(known)} of GenEval's 553 prompts are within the world; {len(cases)} of them used. "
          "Share of prompts of which all holds\n")  # fmt: skip
    return _table(_scored(cases, options.seed), lambda s: float(s.holds == s.of), "prompts")


def _case(entry: Mapping[str, Any]) -> Case | None:
    """A GenEval prompt as criteria; None where the world lacks a class or colour."""
    from experts.pocket import world
    from experts.pocket.requirements import attribute, counts, exists, graph, related
    from experts.pocket.scenes import Group

    groups, criteria = [], []
    for wanted in entry["include"]:
        noun = world.find_noun(wanted["class"].replace("sports ball", "ball"))
        if noun is None or (wanted.get("color") or "red") not in world.COLOURS:
            return None
        group = Group(noun.name, wanted.get("color"), wanted["count"])
        groups.append(group)
        criteria.append(exists(group))
        if entry["tag"] == "counting":
            criteria.append(counts(group))
        if group.colour is not None:
            criteria.append(attribute(group, group.colour))
        if "position" in wanted:
            relation, other = wanted["position"]
            criteria.append(related(group, relation, groups[other]))
    return Case(entry["prompt"], graph(criteria), entry["tag"])


def _scored(
    cases: Sequence[Case], seed: int, planned: bool = False
) -> Iterator[tuple[str, list[Score]]]:
    """Who made the pictures, and the scores of theirs.

    An expert alone is told the prompt itself. With `planned` it is also told the short caption
    that our plan of the prompt makes, as composing does in its first step.
    """
    from critic.detector import DetectorEvaluator
    from experts.registry import load_registry

    evaluator = DetectorEvaluator()
    with load_registry() as registry:
        for spec in registry.values():
            if spec.task != "text_to_image" or not spec.id.startswith("pocket/"):
                continue
            for told in ("prompt", "caption") if planned else ("prompt",):
                made = _one_call(cases, registry, spec, seed, told)
                name = f"{spec.id}, told the {told}"
                yield name, [_score(evaluator, c, *m) for c, m in zip(cases, made, strict=True)]
    made = _composed(cases, seed)
    yield COMPOSED, [_score(evaluator, c, *m) for c, m in zip(cases, made, strict=True)]


def _score(
    evaluator: Any, case: Case, image: Image.Image | None, seconds: float, calls: int
) -> Score:
    if image is None:
        return Score(case.tag, 0, len(case.criteria), seconds, calls)
    verdicts = evaluator.verdicts(case.criteria, image)
    judged = [v for v in verdicts.values() if v is not None]
    return Score(case.tag, sum(judged), len(judged), seconds, calls)


Made = tuple[Image.Image | None, float, int]


def _one_call(cases: Sequence[Case], registry: Any, spec: Any, seed: int, told: str) -> list[Made]:
    """One picture a prompt, for the prompt itself or for the caption of its plan."""
    import time

    from envs.requests import prompt_for
    from poser.core.expert import ExpertRequest
    from poser.decompose import RuleDecomposer
    from poser.store.images import DiskImageStore

    decomposer, expert = RuleDecomposer(), registry.expert(spec.id)
    requests = [
        ExpertRequest(
            expert=spec.id, revision=spec.fingerprint, task=spec.task, seed=seed + number,
            prompt=case.text if told == "prompt" else (
                prompt_for(decomposer.decompose(case.text), None, spec)
            ),
            params=dict(spec.defaults),
        )
        for number, case in enumerate(cases)
    ]  # fmt: skip
    made: list[Made] = []
    with tempfile.TemporaryDirectory() as folder:
        images = DiskImageStore(Path(folder))
        for start in range(0, len(requests), spec.limits.batch):
            part = requests[start : start + spec.limits.batch]
            began = time.perf_counter()
            results = expert.generate(part, images)
            seconds = (time.perf_counter() - began) / len(part)
            made += [(result.image, seconds, 1) for result in results]
    return made


def _composed(cases: Sequence[Case], seed: int) -> list[Made]:
    import time

    from poser.compose.begin import Brief, begin, composer_for

    made: list[Made] = []
    for number, case in enumerate(cases):
        with tempfile.TemporaryDirectory() as folder:
            brief = Brief(
                case.text, Path(folder), policy="router", seed=seed + number, finish=False
            )
            run = begin(brief)
            began = time.perf_counter()
            episode = composer_for(run).compose()
            seconds = time.perf_counter() - began
            image = None
            if run.result_path.exists():
                with Image.open(run.result_path) as stored:
                    image = stored.convert("RGB")
            made.append((image, seconds, calls_of(episode)))
    return made


def calls_of(episode: EpisodeRecord) -> int:
    """How many steps called an expert; ``Stop`` and ``Revert`` are steps without a request."""
    return sum(step.request is not None for step in episode.steps)


def _table(scored: Iterable[tuple[str, list[Score]]], value: Any, unit: str) -> dict[str, Any]:
    """Prints one row for each maker as it comes, with 95 % bootstrap intervals."""
    found: dict[str, Any] = {}
    for maker, scores in scored:
        tags = sorted({s.tag for s in scores}, key=lambda tag: (len(tag), tag))
        if not found:
            print(f"| made by | {' | '.join(tags)} | all {unit} | fulfilled | calls | seconds |")
            print("|---" * (len(tags) + 5) + "|")
        by_tag = {tag: float(np.mean([value(s) for s in scores if s.tag == tag])) for tag in tags}
        low, high = _interval([value(s) for s in scores])
        row = {
            **by_tag,
            "all": float(np.mean([value(s) for s in scores])),
            "interval": [low, high],
            "fulfilled": float(np.mean([s.holds == s.of for s in scores])),
            "calls": float(np.mean([s.calls for s in scores])),
            "seconds": float(np.mean([s.seconds for s in scores])),
        }
        cells = [f"{by_tag[tag]:.2f}" for tag in tags]
        print(f"| {maker} | {' | '.join(cells)} | {row['all']:.3f} ({low:.3f} to {high:.3f}) "
              f"| {row['fulfilled']:.2f} | {row['calls']:.1f} | {row['seconds']:.2f} |",
              flush=True)  # fmt: skip
        found[maker] = row
    return found


def _interval(values: Sequence[float]) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    means = rng.choice(np.asarray(values), (2000, len(values))).mean(1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))
