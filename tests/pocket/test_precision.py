"""In which precision models are trained."""

from __future__ import annotations

import pytest
import torch

from experts.pocket.training import precision


@pytest.mark.parametrize("able", [True, False])
def test_a_processor_computes_in_bfloat16_only_where_it_has_instructions_for_it(
    able: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda: able)
    layer = torch.nn.Linear(4, 4)
    with precision.mixed(torch.device("cpu")):
        assert torch.is_autocast_enabled("cpu") is able
        assert layer(torch.ones(1, 4)).dtype is (torch.bfloat16 if able else torch.float32)


def test_this_processor_can_be_asked() -> None:
    assert isinstance(precision.has_bfloat16(), bool)
