"""The simulator: the same observations and actions as live pixels, outcomes drawn, no pixels.

Random registries and random plans are drawn, so that what is learned is how to orchestrate any
registry. ``worlds`` draws them, ``values`` turns them into plans and registry entries, ``sampling``
draws what comes of a call, ``stepping`` and ``observing`` are the transition and the observation
for many episodes at once in NumPy, proven equal to ``envs.transition`` and ``envs.observation`` by
``tests/envs/test_simulation.py``; ``vector`` makes a VecEnv of them.
"""

from __future__ import annotations

from envs.simulation.known import KnownExperts
from envs.simulation.outcomes import SimulatedEpisodes
from envs.simulation.ranges import Ranges
from envs.simulation.worlds import Worlds, draw_worlds

__all__ = ["KnownExperts", "Ranges", "SimulatedEpisodes", "Worlds", "draw_worlds"]
