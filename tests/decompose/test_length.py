"""Time is linear in the length of the prompt, whatever it holds.

Ratios, not seconds: the time of a text four times as long is compared with that of the text.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from poser.core.errors import InvalidPromptError
from poser.decompose import RuleDecomposer

DECOMPOSER = RuleDecomposer()

PROSE = (
    "A red car is to the left of a big wooden house on a beach. Two black cats and a dog sit under "
    "the tree, and the dog is holding a yellow ball in its mouth. Behind them there is a fence "
    'with a sign that says "OPEN". The fence is covered with ivy, without any flowers. '
)

SHAPES = {
    "prose": PROSE,
    "articles": "a ",
    "double quotes": '"',
    "open quotes": '"a ',
    "open apostrophes": "'a ",
    "quoted": '"OPEN" ',
    "marks": ".,;!",
    "one word": "x",
    "other script": "一只红色的猫在桌子上。",
    "things": "a cat ",
    "list": "cat, ",
    "endless and": "a cat and ",
    "endless on": "a cat on ",
    "endless of": "cat of ",
    "owners": "cat's ",
    "adjectives": "red ",
    "pronouns": "its cat. ",
    "mentions": "the cat. ",
    "orders": "make the cat red, ",
    "denials": "no cat ",
    "numbers": "3 ",
    "breaks": "\n\n",
    "spaces": "\n ",
}


def seconds(text: str) -> float:
    """The least processor time of three runs."""
    times = []
    for _ in range(3):
        start = time.process_time()
        with suppress(InvalidPromptError):
            DECOMPOSER.decompose(text)
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.parametrize("shape", SHAPES)
def test_linear(shape: str) -> None:
    unit = SHAPES[shape]
    small, large = (unit * (size // len(unit)) for size in (3_000, 12_000))
    DECOMPOSER.decompose("a cat")
    # 4 times the length may take up to 8 times as long (16 would be quadratic)
    assert seconds(large) <= 8 * seconds(small) + 0.01


def test_fifty_to_two_thousand_words() -> None:
    words = (PROSE * 50).split()
    assert len(words) > 2000
    each = [seconds(" ".join(words[:n])) / n for n in (50, 200, 2000)]
    assert each[2] <= 2.5 * each[0] + 1e-5
    assert each[2] <= 2.5 * each[1] + 1e-5


@pytest.mark.parametrize("shape", ["articles", "open quotes", "one word", "other script", "list"])
def test_a_hundred_kilobytes(shape: str) -> None:
    text = SHAPES[shape] * (100_000 // len(SHAPES[shape]))
    try:
        plan = DECOMPOSER.decompose(text)
    except InvalidPromptError:
        assert shape == "articles"
    else:
        assert plan.commands


def test_another_script_becomes_a_plain_command() -> None:
    plan = DECOMPOSER.decompose("红色的汽车在房子旁边")
    assert [(c.op, c.instruction) for c in plan.commands] == [("other", "红色的汽车在房子旁边")]


def test_light_to_import() -> None:
    code = (
        "import sys; from poser.decompose import RuleDecomposer; "
        "RuleDecomposer().decompose('a cat'); "
        "heavy = ('torch', 'numpy', 'rich', 'transformers', 'inflect'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert found.stdout.strip() == "[]", found.stderr
