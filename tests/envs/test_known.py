"""Simulated worlds over the experts of a real registry."""

from __future__ import annotations

import numpy as np
import pytest

from envs import ImagePoserEnv, SimulatedVecEnv
from envs.layout import CONTEXT_FEATURES as CONTEXT
from envs.layout import EXPERT_FEATURES, OPS, Layout, LayoutError
from envs.observation import fingerprint, money
from envs.simulation import KnownExperts, Ranges, SimulatedEpisodes, draw_worlds
from poser.core.capability import CapabilityTable, Share, SkillMeasure
from poser.core.expert import Cost, ExpertSpec

DRAWER = ExpertSpec(
    id="drawer",
    adapter="x",
    task="text_to_image",
    capabilities={"add": 0.6, "create": 0.6, "background": 0.4},
    cost=Cost(usd=0.04, seconds=3.0),
)
EDITOR = ExpertSpec(
    id="editor",
    adapter="x",
    task="image_to_image",
    capabilities={"add": 0.5, "recolour": 0.9},
    vocabulary=frozenset({"bus"}),
    cost=Cost(usd=0.01, seconds=1.0),
)
PAINTER = ExpertSpec(id="painter", adapter="x", task="inpainting")
REGISTRY = {s.id: s for s in (DRAWER, EDITOR, PAINTER)}
TABLE = CapabilityTable(
    expert="editor",
    task="image_to_image",
    fingerprint="",
    evaluator="x",
    evaluator_revision="1",
    n=20,
    seed=0,
    skills=(
        SkillMeasure(
            skill="colour", ops=("recolour",), successes=15, n=20, kept=Share(successes=30, n=40)
        ),
    ),
)
KNOWN = KnownExperts(REGISTRY, {"editor": TABLE})
LAYOUT = Layout(max_commands=5, max_experts=3, text_dim=0, image_dim=0)
RANGES = Ranges(commands=(2, 4))


def test_experts_are_as_their_entries_and_tables_say() -> None:
    worlds = draw_worlds(np.random.default_rng(0), 6, LAYOUT, RANGES, KNOWN)
    add, recolour = OPS.index("add"), OPS.index("recolour")
    assert worlds.experts.all()
    assert (worlds.usd == [0.04, 0.01, 0.0]).all()
    assert (worlds.rate[:, 0, add] == 0.6).all()
    assert (worlds.rate[:, 1, recolour] == 0.75).all()
    assert (worlds.rate[:, 1, add] == 0.5).all()  # not measured: as the entry states it
    assert (worlds.kept[:, 1] == 0.75).all()
    assert worlds.closed.tolist() == [[False, True, False]] * 6
    assert worlds.able[:, 2, add].all()  # never available, as no mask is simulated
    assert not worlds.able[:, 0, recolour].any()


def test_a_stated_zero_is_heeded() -> None:
    """An expert that cannot count is no good at "add three birds", however well it adds."""
    able = {"add": 0.9, "count": 0.0}
    spec = DRAWER.model_copy(update={"capabilities": able})
    worlds = draw_worlds(np.random.default_rng(0), 64, LAYOUT, RANGES, KnownExperts({"x": spec}))
    adding = worlds.op == OPS.index("add")
    rate = worlds.at_commands(worlds.rate)[:, :, 0]
    assert (rate[adding & worlds.many] == 0.0).all()
    assert (rate[adding & ~worlds.many] == 0.9).all()
    assert (adding & worlds.many).any()


def test_observations_show_what_they_would_live() -> None:
    venv = SimulatedVecEnv(3, LAYOUT, RANGES, seed=1, known=KNOWN)
    observed = venv.reset()
    seen, capped = observed["experts"], observed["context"][:, CONTEXT.index("budget_known")]
    assert 0.0 < capped.mean() < 1.0
    for column, spec in enumerate((DRAWER, EDITOR)):
        live = fingerprint(spec, TABLE if spec is EDITOR else None)
        for part in ("rate", "evidence", "error"):
            start = EXPERT_FEATURES.index(f"{part}:create")
            shown = seen[:, column, start : start + len(OPS)]
            np.testing.assert_allclose(shown, [getattr(live, part)] * 3, atol=1e-6)
        price = seen[:, column, EXPERT_FEATURES.index("usd_if_capped")]
        np.testing.assert_allclose(price, money(spec.cost.usd) * capped, atol=1e-6)


def test_of_an_entry_that_says_nothing_nothing_is_shown_as_said() -> None:
    plain = ExpertSpec(id="plain", adapter="x", task="text_to_image")
    observed = SimulatedVecEnv(
        2, LAYOUT, RANGES, seed=1, known=KnownExperts({"plain": plain})
    ).reset()
    start = EXPERT_FEATURES.index("evidence:create")
    assert not observed["experts"][:, 0, start : start + len(OPS)].any()
    assert not fingerprint(plain, None).evidence.any()


def test_the_vector_and_the_single_environment_play_them() -> None:
    venv = SimulatedVecEnv(4, LAYOUT, RANGES, seed=2, known=KNOWN)
    venv.reset()
    rng = np.random.default_rng(0)
    for _ in range(60):
        masks = np.stack(venv.env_method("action_masks"))
        calls = masks[:, : LAYOUT.revert].reshape(4, -1, 3)
        assert not calls[:, :, 2].any()
        venv.step(np.array([rng.choice(np.flatnonzero(m)) for m in masks]))
    one = ImagePoserEnv(SimulatedEpisodes(LAYOUT, RANGES, known=KNOWN), LAYOUT)
    one.reset(seed=0)
    assert [s.cost.usd for s in one.rollout.episode.registry.values()] == [0.04, 0.01, 0.0]


def test_a_registry_larger_than_the_layout_is_refused() -> None:
    with pytest.raises(LayoutError, match="3 experts do not fit"):
        SimulatedVecEnv(1, Layout(5, 2, 0, 0), RANGES, known=KNOWN)
