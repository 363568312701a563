"""What the words of an instruction say of objects."""

from __future__ import annotations

import numpy as np
import pytest

from experts.pocket import world
from experts.pocket.scenes import Scene, Thing
from experts.pocket.tokens import build_tokenizer
from experts.pocket.wording import Wording, wide_of, wording_of

TOKENIZER = build_tokenizer(48)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Make the zebra smaller", Wording(sizes={"zebra": "small"})),
        ("the hats should be small", Wording(sizes={"hat": "small"})),
        ("make it exactly four houses", Wording({"house": 4})),
        (
            "Put two large red cups over the sofa",
            Wording({"cup": 2}, {"cup": "large"}, ("cup", "above", "couch")),
        ),
        (
            "Move the traffic lights so that they are on the right side of the big bus",
            Wording({}, {"bus": "large"}, ("traffic light", "right of", "bus")),
        ),
        ("replace the dog with 3 kittens", Wording({"cat": 3})),
        ("change the background to beach", Wording()),
        ("make it two", Wording()),
    ],
)
def test_instructions_are_read(text: str, said: Wording) -> None:
    assert wording_of(TOKENIZER, text) == said


@pytest.mark.parametrize("relation", world.RELATIONS)
def test_what_falls_nowhere_short_of_a_relation_stands_in_it(relation: str) -> None:
    """By the scene's own rule, which is a little less strict."""
    line = np.arange(0.0, 64.0)
    others = [(30.0, 34.0), (36.0, 26.0)]
    wide = wide_of(relation, line[None, :], line[:, None], others)
    assert wide.shape == (64, 64)
    assert (wide == 0).any()
    trees = tuple(Thing("tree", None, x, y, 16, False) for x, y in others)
    for y, x in np.argwhere(wide == 0)[::7]:
        scene = Scene((Thing("car", None, float(x), float(y), 16, False), *trees), "white", 1)
        assert scene.relates("car", relation, "tree") is True
    assert wide_of(relation, np.array(33.0), np.array(30.0), others) > 5
