"""That the critic that ships tells styles in the words that plans ask in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from critic.vqa import VqaCritic
from experts.pocket import world
from experts.pocket.drawing import render
from experts.pocket.phrasebook import STYLE_FORMS
from experts.pocket.sampling import sample_scene
from experts.pocket.sprites import SpriteSheet
from poser.decompose import RuleDecomposer

CRITIC = VqaCritic()


def test_styles_are_told_in_every_wording_that_plans_ask_in(sheet: SpriteSheet) -> None:
    """What is asked is what the decomposer makes of a prompt, not what the critic learned from."""
    rng = np.random.default_rng(5)
    wordings = {style: plan_questions(style) for style in world.STYLES}
    right = []
    for shown in (*world.STYLES, None) * 5:
        scene, _ = sample_scene(sheet, rng)
        image = Image.fromarray(render(sheet, replace(scene, style=shown)))
        for style, questions in wordings.items():
            yes = CRITIC.probabilities(questions, image)
            right += [(p > 0.5) == (style == shown) for p in yes]
    assert np.mean(right) > 0.95


def plan_questions(style: str) -> list[str]:
    plans = [RuleDecomposer().decompose(f"A cat. {form}.") for form in STYLE_FORMS[style]]
    asked = [k for plan in plans for k in plan.criteria if k.kind == "global"]
    assert CRITIC.outside_scope(asked) == {}
    return sorted({k.question for k in asked})
