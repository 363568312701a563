"""Time and memory of one decision of the learned policy, by commands and experts.

    python benchmarks/decision.py [--quick] [--seed N] [--json FILE] [--policy FOLDER]

A decision is what ``poser compose`` waits for at each step: the observation of a state, the
scores, the choice. Time does not depend on what the weights are, so that without a policy an
untrained one of the default size is measured. Times are of the processor, on one thread: what an
idle machine takes. Memory is the most that tensors take at once.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from machine import arguments, describe, write

from envs.legality import legal_actions
from envs.rules import Rules
from envs.state import State, initial_state
from policies.export import FEATURES, PolicyCard, load_policy
from policies.learned import LearnedPolicy
from policies.scorer import Scorer
from policies.shape import ScorerShape
from poser.core.critique import Critique, Verdict
from poser.core.expert import ExpertSpec
from poser.core.picture import ImageRef
from poser.core.plan import Command, Criterion, Plan

EXPERTS = (8, 64, 512)
COMMANDS = (4, 16, 64)
OPS = ("add", "recolour", "relation", "background", "count", "remove", "attribute", "style")
"""Each expert serves three of these, so that three pairs in eight are legal."""


def registry_of(count: int) -> dict[str, ExpertSpec]:
    """So many experts, one in four of which draws from text."""
    specs = {}
    for n in range(count):
        able = {OPS[(n + k) % len(OPS)]: 0.3 + 0.1 * k for k in range(3)}
        task = "image_to_image" if n % 4 else "text_to_image"
        specs[f"e{n}"] = ExpertSpec.model_validate(
            {"id": f"e{n}", "adapter": "x", "task": task, "capabilities": able}
        )
    return specs


def state_of(commands: int) -> State:
    """A state with a picture of which nothing is satisfied yet: all is to be chosen among."""
    made = tuple(
        Command(
            id=f"c{n}",
            op=OPS[n % len(OPS)],  # type: ignore[arg-type]
            instruction=f"change thing {n}",
            criteria=(Criterion(id=f"k{n}", question="Is it?"),),
        )
        for n in range(commands)
    )
    plan = Plan(prompt="p", commands=made)
    verdicts = tuple(Verdict(criterion=k.id, score=0.1) for k in plan.judged)
    image = ImageRef(sha256=f"{1:064x}", width=64, height=64)
    critique = Critique(score=0.1, verdicts=verdicts)
    return initial_state(plan, Rules(max_steps=3 * commands), image=image, critique=critique)


def peak_megabytes(policy: LearnedPolicy, state: State, registry: dict[str, ExpertSpec]) -> float:
    """The most that is allocated at once by tensors in one decision, in MB."""
    from torch.profiler import ProfilerActivity, profile

    legal = legal_actions(state, registry)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        policy.choose(state, legal, registry)
    now = most = 0
    for event in profiled.profiler.kineto_results.events():  # type: ignore[union-attr]
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return most / 1e6


def main() -> None:
    """Measures and prints the table."""
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--policy", type=Path, metavar="FOLDER", help="of a trained policy")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    if options.policy:
        scorer, card = load_policy(options.policy)
    else:
        scorer, card = untrained()
    print(describe())
    print(f"{scorer.parameters_count} weights, 1 thread")
    header = ("commands", "experts", "legal", "observe ms", "decide ms", "tensors MB")
    print(" ".join(f"{name:>10}" for name in header))
    rows = []
    for commands in COMMANDS:
        for experts in EXPERTS:
            registry, state = registry_of(experts), state_of(commands)
            policy = LearnedPolicy(scorer, card)
            legal = legal_actions(state, registry)
            policy.choose(state, legal, registry)
            encoder = policy.encoder_of(state, registry)
            whole, seen = [], []
            began = time.process_time()
            least = 1 if options.quick else 5
            while len(whole) < least or (time.process_time() - began < 0.5 and len(whole) < 50):
                start = time.process_time()
                encoder.observe(state)
                middle = time.process_time()
                policy.choose(state, legal, registry)
                whole.append(1000 * (time.process_time() - middle))
                seen.append(1000 * (middle - start))
            row = {
                "commands": commands,
                "experts": experts,
                "legal": len(legal),
                "observe_ms": statistics.median(seen),
                "decide_ms": statistics.median(whole),
                "megabytes": peak_megabytes(policy, state, registry),
            }
            rows.append(row)
            print(
                f"{commands:>10} {experts:>10} {len(legal):>10} {row['observe_ms']:>10.2f} "
                f"{row['decide_ms']:>10.2f} {row['megabytes']:>10.1f}",
                flush=True,
            )
    write(options.json, {"weights": scorer.parameters_count, "decisions": rows})


def untrained() -> tuple[Scorer, PolicyCard]:
    """A scorer of the default size that was never trained, and its card."""
    shape = ScorerShape()
    card = PolicyCard(scorer=shape, features=FEATURES, weights=64 * "0")
    return Scorer(shape).eval(), card


if __name__ == "__main__":
    main()
