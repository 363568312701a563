"""Worlds with pixels say what they were made of."""

from __future__ import annotations

from pathlib import Path

from policies.training.config import checked
from poser.compose.worlds import live_worlds


def test_other_prompts_make_another_world(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a red car left of a tree")
    changing = tmp_path / "b.txt"
    stage = {"name": "live", "steps": 64, "envs": 2, "world": "pixels", "prompts": [str(tmp_path)]}
    config = checked({"max_experts": 16, "stages": [stage]}, "a test")
    make = live_worlds((), None)

    def made_of(prompt: str) -> dict[str, str]:
        changing.write_text(prompt)
        world = make(config.stages[0], config.layout, 2, held_out=False)
        world.venv.close()
        world.close()
        return dict(world.fingerprints)

    one, again, other = map(made_of, ("two cats", "two cats", "three cats"))
    assert one == again
    assert {name for name in one if one[name] != other[name]} == {"prompts"}
    assert set(one) == {"registry", "tables", "critic", "prompts"}
