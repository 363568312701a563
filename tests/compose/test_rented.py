"""Experts without a price, billed by the second."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from experts.registry import load_registry
from poser.compose.begin import Brief, begin, composer_for
from poser.core.errors import RegistryError, RunError
from poser.core.expert import ExpertResult
from poser.store import Run

RATE = 0.1


def rented(folder: Path, budget: float | None = None, rate: float = RATE) -> Run:
    return begin(Brief("A red car.", folder, usd_per_second=rate, budget=budget, finish=False))


def test_every_call_is_billed_the_measured_seconds_of_its_expert(tmp_path: Path) -> None:
    seconds = {i: spec.cost.seconds for i, spec in load_registry().items()}
    run = rented(tmp_path)
    episode = composer_for(run).compose()
    made = [s for s in episode.steps if isinstance(s.outcome, ExpertResult) and not s.cached]
    assert made
    for step in made:
        assert step.request is not None
        assert isinstance(step.outcome, ExpertResult)
        assert step.outcome.cost == pytest.approx(RATE * seconds[step.request.expert])
    assert episode.cost == pytest.approx(sum(s.outcome.cost for s in made if s.outcome))
    assert "usd_per_second" in run.report_path.read_text()
    assert composer_for(run).compose() == episode


def test_the_cap_holds_and_the_run_goes_on_at_the_same_rate(tmp_path: Path) -> None:
    run = rented(tmp_path, budget=1e-6)
    episode = composer_for(run).compose()
    assert (episode.end, episode.cost) == ("out_of_budget", 0.0)
    more = composer_for(run)
    more.budget = 1.0
    episode = more.compose()
    assert episode.result is not None
    assert 0.0 < episode.cost <= 1.0


MINE = """version: 1
experts:
- {id: my/painter, adapter: diffusers, task: text_to_image, source: ./none}
- {id: pocket/painter, cost: {seconds: 60}}
"""
FILLER = """version: 1
experts:
- {id: my/filler, adapter: diffusers, task: inpainting, source: ./none}
"""
NONE = "version: 1\nexperts: []\n"


def test_unknown_seconds_have_no_price(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(MINE)
    brief = Brief("A red car.", tmp_path / "runs", registry=(mine,))
    begin(brief)
    with pytest.raises(RegistryError, match=r"my/painter.*no price by the second"):
        begin(replace(brief, usd_per_second=RATE))
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_an_expert_that_needs_a_mask_is_priced_where_there_is_one(tmp_path: Path) -> None:
    mine, picture = tmp_path / "mine.yaml", tmp_path / "grey.png"
    mine.write_text(FILLER)
    Image.new("L", (64, 64), 128).save(picture)
    brief = Brief("A red car.", tmp_path, image=picture, registry=(mine,), usd_per_second=RATE)
    begin(brief)
    with pytest.raises(RegistryError, match=r"my/filler.*no price by the second"):
        begin(replace(brief, mask=picture))


def test_what_is_measured_or_registered_later_does_not_stop_a_run(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(NONE)
    brief = Brief("A red car.", tmp_path / "runs", registry=(mine,), finish=False)
    run = begin(replace(brief, usd_per_second=RATE))
    mine.write_text(MINE)
    assert 0.0 < composer_for(run).compose().cost < 1.0  # a call of 60 s would be $6


def test_other_defaults_and_another_critic_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(NONE)
    run = begin(Brief("A red car.", tmp_path / "runs", registry=(mine,)))
    composer_for(run)
    steps = "{id: pocket/painter, defaults: {num_inference_steps: 3}}"
    mine.write_text(f"version: 1\nexperts:\n- {steps}\n")
    with pytest.raises(RegistryError, match=r"pocket/painter.*defaults"):
        composer_for(run)
    mine.write_text(NONE)
    monkeypatch.setattr("critic.vqa.revision_of", lambda folder: "another")
    with pytest.raises(RunError, match="critic"):
        composer_for(run)


def test_another_price_of_its_own_does(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("version: 1\nexperts:\n- {id: pocket/painter, cost: {usd: 0.5}}\n")
    brief = Brief("A red car.", tmp_path / "runs", registry=(mine,), usd_per_second=RATE)
    run = begin(brief)
    mine.write_text(NONE)
    with pytest.raises(RegistryError, match=r"pocket/painter.*price"):
        composer_for(run)
