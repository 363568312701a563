"""What the words of an instruction say of objects."""

from __future__ import annotations

import pytest

from experts.pocket.tokens import build_tokenizer
from experts.pocket.wording import Wording, wording_of

TOKENIZER = build_tokenizer(48)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # Numbers: in all, more, fewer, or none.
        ("make it exactly four houses", Wording(totals={"house": 4})),
        ("there should be two cars", Wording(totals={"car": 2})),
        ("change it to three red cars", Wording(totals={"car": 3}, colours={"car": "red"})),
        ("three zebras", Wording(totals={"zebra": 3})),
        ("make the cars three", Wording(totals={"car": 3})),
        ("make it two cars, not three", Wording(totals={"car": 2})),
        ("make it two red and blue cars", Wording()),
        ("add two cars", Wording(more={"car": 2}, new=frozenset({"car"}))),
        ("add one more car", Wording(more={"car": 1}, new=frozenset({"car"}))),
        ("add another car", Wording(more={"car": 1}, new=frozenset({"car"}))),
        ("add a car", Wording(more={"car": 1}, new=frozenset({"car"}))),
        ("add cars", Wording(new=frozenset({"car"}))),
        ("there should be two more cars", Wording(more={"car": 2}, new=frozenset({"car"}))),
        (
            "add two blue cars and a tree",
            Wording(more={"car": 2, "tree": 1}, colours={"car": "blue"},
                    new=frozenset({"car", "tree"})),
        ),
        ("remove one car", Wording(fewer={"car": 1})),
        ("remove two of the cars", Wording(fewer={"car": 2})),
        ("remove the cars", Wording()),
        ("make one of the cars red", Wording()),
        ("make the two cars red", Wording()),
        ("two cars should be red", Wording()),
        ("change the two cars to red and the three dogs to blue", Wording()),
        (
            "move the two cars left of the three trees",
            Wording(fewer={"car": 2}, relation=("car", "left of", "tree")),
        ),
        (
            "replace the dog with 3 kittens",
            Wording(more={"cat": 3}, new=frozenset({"cat"}), replaced=frozenset({"dog"})),
        ),
        (
            "replace the two dogs with cats",
            Wording(fewer={"dog": 2}, new=frozenset({"cat"}), replaced=frozenset({"dog"})),
        ),
        (
            "turn the two dogs into a cat",
            Wording(
                more={"cat": 1},
                fewer={"dog": 2},
                new=frozenset({"cat"}),
                replaced=frozenset({"dog"}),
            ),
        ),
        ("replace the red car with a blue car", Wording()),
        ("make it two", Wording()),
        ("there should be more than two cars", Wording()),
        ("there should be no two cars", Wording()),
        ("get rid of two cars", Wording()),
        ("remove two of the three cars", Wording(fewer={"car": 2})),
        ("remove all but one car", Wording()),
        ("remove one red car", Wording(fewer={"car": 1}, colours={"car": "red"})),
        ("make two of them", Wording()),
        ("make the cars two of a kind", Wording()),
        ("make it two cars and three dogs", Wording(totals={"car": 2, "dog": 3})),
        ("turn the car into a large car", Wording()),
        (
            "replace the car with a dog and the cat with two birds",
            Wording(
                more={"dog": 1, "bird": 2},
                new=frozenset({"dog", "bird"}),
                replaced=frozenset({"car", "cat"}),
            ),
        ),
        (
            "replace one of the red cars with a dog",
            Wording(
                more={"dog": 1},
                fewer={"car": 1},
                colours={"car": "red"},
                new=frozenset({"dog"}),
                replaced=frozenset({"car"}),
            ),
        ),
        (
            "replace every car with a dog",
            Wording(new=frozenset({"dog"}), replaced=frozenset({"car"})),
        ),
        ("change the two dogs to three dogs", Wording(totals={"dog": 3})),
        # Several of a kind: together, and the colour is not said of all.
        ("add a red car and two blue cars", Wording(more={"car": 3}, new=frozenset({"car"}))),
        ("there should be one red car and one blue car", Wording()),
        # What only says where.
        ("add a cat next to the dog", Wording(more={"cat": 1}, new=frozenset({"cat"}))),
        ("add a hat on the dog", Wording(more={"hat": 1}, new=frozenset({"hat"}))),
        ("add two cars to the three dogs", Wording(more={"car": 2}, new=frozenset({"car"}))),
        ("put the dog between the two cars", Wording()),
        (
            "add a bird between the car and the tree",
            Wording(more={"bird": 1}, new=frozenset({"bird"})),
        ),
        ("remove the car next to the two trees", Wording()),
        ("remove the dog with the two cars", Wording()),
        ("make the car next to the dog small", Wording(resized={"car": "small"})),
        ("two cars on a blue background", Wording(totals={"car": 2})),
        # What is not to be.
        ("do not move the car to the left of the tree", Wording()),
        ("don't add two cars", Wording()),
        ("never make the car small", Wording()),
        ("the car should not be left of the tree", Wording()),
        # Sizes: of what comes, of what is there, or which is meant.
        ("Make the zebra smaller", Wording(resized={"zebra": "small"})),
        ("the hats should be small", Wording(resized={"hat": "small"})),
        ("make the small car large", Wording(resized={"car": "large"})),
        ("make the small car blue", Wording()),
        ("remove the small car", Wording()),
        ("make the car bigger than the cat", Wording(resized={"car": "large"})),
        (
            "make the car smaller and the tree larger",
            Wording(resized={"car": "small", "tree": "large"}),
        ),
        ("replace the car with a bigger one", Wording()),
        (
            "replace the car with a small dog",
            Wording(
                more={"dog": 1},
                sizes={"dog": "small"},
                new=frozenset({"dog"}),
                replaced=frozenset({"car"}),
            ),
        ),
        (
            "add a car and make it small",
            Wording(more={"car": 1}, sizes={"car": "small"}, new=frozenset({"car"})),
        ),
        ("make the car red and small", Wording(resized={"car": "small"})),
        (
            "make the car and the dog small",
            Wording(resized={"car": "small", "dog": "small"}),
        ),
        ("make the dog small, the cat large", Wording(resized={"dog": "small", "cat": "large"})),
        ("do not make the dog red but make it small", Wording(resized={"dog": "small"})),
        ("make the small car a large one", Wording(resized={"car": "large"})),
        ("move the small car", Wording()),
        # Relations: asked for, or which is meant.
        (
            "Put two large red cups over the sofa",
            Wording(more={"cup": 2}, colours={"cup": "red"}, sizes={"cup": "large"},
                    relation=("cup", "above", "couch")),
        ),
        (
            "Move the traffic lights so that they are on the right side of the big bus",
            Wording(relation=("traffic light", "right of", "bus")),
        ),
        (
            "add a car left of the small tree and two cats",
            Wording(more={"car": 1, "cat": 2}, new=frozenset({"car", "cat"}),
                    relation=("car", "left of", "tree")),
        ),
        (
            "add a car and put it left of the tree",
            Wording(more={"car": 1}, new=frozenset({"car"}), relation=("car", "left of", "tree")),
        ),
        (
            "take the car and put it left of the tree",
            Wording(relation=("car", "left of", "tree")),
        ),
        (
            "put another car right of the tree",
            Wording(more={"car": 1}, new=frozenset({"car"}), relation=("car", "right of", "tree")),
        ),
        (
            "make it one car left of the tree",
            Wording(totals={"car": 1}, relation=("car", "left of", "tree")),
        ),
        (
            "move the car left of the tree to the right of the dog",
            Wording(relation=("car", "right of", "dog")),
        ),
        (
            "put the car above the tree and the dog below the bus",
            Wording(relation=("car", "above", "tree")),
        ),
        (
            "move the car to the left of the tree and the dog to the right of the tree",
            Wording(relation=("car", "left of", "tree")),
        ),
        (
            "put a cup to the left and a ball to the right of the dog",
            Wording(relation=("ball", "right of", "dog")),
        ),
        ("put the red car left of the blue car", Wording(colours={})),
        ("the car should be below the tree", Wording(relation=("car", "below", "tree"))),
        ("remove the car left of the tree", Wording()),
        ("make the car left of the tree red", Wording()),
        ("the car left of the tree should be blue", Wording()),
        ("make the car left of the tree small", Wording(resized={"car": "small"})),
        (
            "move the car to the left side and add a tree",
            Wording(more={"tree": 1}, new=frozenset({"tree"})),
        ),
        # Several at once, as an editor is told at another attempt.
        (
            "make the bus red, there should be two birds",
            Wording(totals={"bird": 2}),
        ),
        ("change the background to beach", Wording()),
    ],
)  # fmt: skip
def test_instructions_are_read(text: str, said: Wording) -> None:
    assert wording_of(TOKENIZER, text) == said
