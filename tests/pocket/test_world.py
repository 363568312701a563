from __future__ import annotations

import subprocess
import sys

import pytest

from experts.pocket import world
from experts.pocket.tokens import build_tokenizer


def test_world_imports_nothing_heavy() -> None:
    code = (
        "import sys; import experts.pocket.world;"
        "print(sorted({'torch', 'numpy', 'PIL', 'diffusers', 'transformers'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_sizes_of_the_world() -> None:
    assert len(world.NOUNS) == 72
    assert len(world.COLOURS) == 8
    assert len(world.PLAIN_BACKGROUNDS) == 8
    assert len(world.SCENIC_BACKGROUNDS) >= 4
    assert len(set(world.VOCABULARY)) == len(world.VOCABULARY)


@pytest.mark.parametrize(
    ("word", "noun"),
    [
        ("cars", "car"),
        ("plane", "airplane"),
        ("puppies", "dog"),
        ("sheep", "sheep"),
        ("Bus", "bus"),
        ("wine glasses", "wine glass"),
        ("wineglass", "wine glass"),
        ("oranges", "orange"),
        ("sofa", "couch"),
    ],
)
def test_find_noun(word: str, noun: str) -> None:
    found = world.find_noun(word)
    assert found is not None
    assert found.name == noun


def test_find_noun_of_an_unknown_word() -> None:
    assert world.find_noun("submarine") is None


def test_unknown_words() -> None:
    assert world.unknown_words("A red car beside the glowing submarine.") == (
        "beside", "glowing", "submarine",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A photo of a red plane, to the left of the puppy!", "red airplane left of dog"),
        ("3 apples under the night sky", "three apples on night sky"),
        ("a cat under a tree", "cat below tree"),
        ("two mugs against a blue background", "two cups on blue background"),
        ("Change the background to a beach.", "change background to beach"),
        ("two hot dogs and a big teddy bear", "two hotdogs and large teddybear"),
        ("an orange car left of an orange", "orange car left of tangerine"),
        ("Is the orange orange?", "is tangerine orange"),
        ("make the cup orange", "make cup orange"),
        ("the orange background", "orange background"),
        ("a watercolour painting of a tiny sofa", "watercolor painting of small couch"),
        ("", ""),
    ],
)
def test_normalise_and_the_tokenizer_agree(text: str, expected: str) -> None:
    assert world.normalise(text) == expected
    tokenizer = build_tokenizer(32)
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids[1:-1]) == expected


def test_unknown_words_share_a_token() -> None:
    tokenizer = build_tokenizer(32)
    ids = tokenizer("a glowing submarine")["input_ids"]
    assert ids[1:-1] == [tokenizer.unk_token_id] * 2


def test_held_out_colours_are_possible_and_never_natural() -> None:
    for noun, colour in world.HELD_OUT_COLOURS:
        assert world.paintable(noun)
        assert colour in world.COLOURS
        assert colour != world.NOUNS[noun].natural


def test_a_relation_and_its_inverse_are_held_out_together() -> None:
    nouns = list(world.NOUNS)
    held = 0
    for first in nouns:
        for second in nouns:
            for relation in world.RELATIONS:
                out = world.relation_held_out(first, relation, second)
                assert out == world.relation_held_out(second, world.INVERSE[relation], first)
                held += out
    assert 0.05 < held / (4 * len(nouns) ** 2) < 0.12
