"""Experts without a price, billed by the second."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experts.registry import load_registry
from poser.compose.begin import Brief, begin, composer_for
from poser.core.errors import RegistryError
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


def test_unknown_seconds_have_no_price(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("""version: 1
experts:
- {id: my/painter, adapter: diffusers, task: text_to_image, source: ./none}
""")
    brief = Brief("A red car.", tmp_path / "runs", registry=(mine,))
    begin(brief)
    with pytest.raises(RegistryError, match=r"my/painter.*no price by the second"):
        begin(replace(brief, usd_per_second=RATE))
    assert len(list((tmp_path / "runs").iterdir())) == 1
