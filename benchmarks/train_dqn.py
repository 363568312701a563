"""The paper's baseline for ``benchmarks/orchestration.py --dqn``: a deep Q-network of one registry.

    python benchmarks/train_dqn.py [--steps N] [--seed N] [--out FOLDER] [--quick] [--json FILE]

Trained in the simulator, over the built-in experts as they were measured.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from machine import arguments, describe, write

ENVS = 32


def main() -> None:
    """Trains and prints what the held-out episodes came to."""
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, help="environment steps; 100000, quick 5000")
    parser.add_argument("--out", type=Path, default=Path("training/dqn-seed0"))
    options = parser.parse_args()
    steps = options.steps or (5_000 if options.quick else 100_000)
    from critic.rubric import THRESHOLD
    from envs.layout import Layout
    from envs.rules import Rules
    from envs.simulation import KnownExperts
    from envs.simulation.vector import SimulatedVecEnv
    from experts.registry import load_registry
    from policies.training.dqn import train_dqn

    print(describe())
    with load_registry() as registry:
        experts = list(registry)
        layout = Layout(16, len(experts), 0, 0)
        known = KnownExperts({i: registry[i] for i in registry}, registry.tables)
        rules = Rules(threshold=THRESHOLD)
        venv = SimulatedVecEnv(ENVS, layout, seed=options.seed, rules=rules, known=known)
        train_dqn(venv, steps, options.seed, options.out, layout=layout, experts=experts)
    print(f"{steps} steps, {len(experts)} experts: {options.out}")
    write(options.json, {"steps": steps, "experts": experts})


if __name__ == "__main__":
    main()
