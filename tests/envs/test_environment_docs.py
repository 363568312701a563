"""The examples of docs/environment.md run, and name what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from critic.vqa import POCKET
from envs.layout import COMMAND_FEATURES, CONTEXT_FEATURES, EXPERT_FEATURES, PAIR_FEATURES

TEXT = (Path(__file__).parents[2] / "docs" / "environment.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_examples_run(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    if "VqaCritic" in EXAMPLES[number] and not (POCKET / "model.safetensors").is_file():
        pytest.skip("the critic that ships is not here")
    exec(EXAMPLES[number], {})
    if number == 0:
        assert "'final'" in capsys.readouterr().out


def test_every_feature_is_described() -> None:
    for name in (*COMMAND_FEATURES, *EXPERT_FEATURES, *PAIR_FEATURES, *CONTEXT_FEATURES):
        shown = name.partition(":")[0] + ":*" if ":" in name else name
        assert f"`{shown}`" in TEXT, name
