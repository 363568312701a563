"""What holds for every prompt: no crash, a sound plan, nothing dropped, an exact round trip."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from poser.core.errors import InvalidPromptError
from poser.core.plan import Plan
from poser.decompose import Decomposer, RuleDecomposer, content_words
from poser.decompose.lexicon import words

DECOMPOSER = RuleDecomposer()

VOCABULARY = """
    a an the this these both another each no two three 3 several some red blue dark green wooden
    big small round sitting standing smiling covered cat cats dog car tree apples people man woman
    she it its they their him her one ones other house beach sky background picture image painting
    eyes hat is are was has have there not n't never without with and or but , . ; : - ( ) in on at
    of to by above below near holding wearing rides looks like made surrounded that which who whose
    where while says text words color number style make add remove replace change move put turn
    into give write set keep first then finally very quickly everything nothing group pair bowl
    left right top front next middle "OPEN" “hi” 'yo' --ar 16:9 --no 4k 's ’s 中文 Paris Van Gogh
""".split()

PROMPTS = st.lists(st.sampled_from(VOCABULARY), max_size=40).map(" ".join)


def plan_of(prompt: str, has_picture: bool) -> Plan | None:
    try:
        return DECOMPOSER.decompose(prompt, has_picture=has_picture)
    except InvalidPromptError:
        return None


def check(prompt: str, has_picture: bool) -> None:
    plan = plan_of(prompt, has_picture)
    if plan is None:
        assert content_words(prompt) == []
        return
    assert plan.commands
    assert Plan.from_json(plan.to_json()) == plan
    assert plan.prompt == prompt
    assert plan.decomposer == DECOMPOSER.name
    kept = {w for c in plan.commands for w in content_words(c.source)}
    assert set(content_words(prompt)) <= kept
    for criterion in plan.criteria:
        assert criterion.question.endswith("?")
        assert criterion.about
        assert all(criterion.about)
        assert "  " not in criterion.question
    for command in plan.commands:
        assert command.instruction == command.instruction.strip()
    texts = [c for c in plan.commands if c.op == "text"]
    assert list(plan.commands[len(plan.commands) - len(texts) :]) == texts
    assert all(c.text for c in texts)


@settings(max_examples=600, deadline=None)
@example('into this "OPEN"', False)
@given(PROMPTS, st.booleans())
@example("move the cat", True)
@example("give a group two a give", False)
@example("it is the background", False)
@example("replace the cat", True)
@example('a mug with "BEST DAD" printed on it', False)
def test_any_words(prompt: str, has_picture: bool) -> None:
    check(prompt, has_picture)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=120), st.booleans())
@example("", False)
@example("\x00", False)
@example("İİİ ﬀ ǅ", False)
@example("n't 's ' \" “", True)
def test_any_text(prompt: str, has_picture: bool) -> None:
    check(prompt, has_picture)


@settings(max_examples=150, deadline=None)
@given(PROMPTS)
def test_no_plain_word_is_dropped(prompt: str) -> None:
    """The same as above, with a definition of words that is independent of the tokeniser."""
    plan = plan_of(prompt, False)
    if plan is not None:
        kept = " ".join(c.source for c in plan.commands).lower()
        for word in re.findall(r"[a-z]{3,}", prompt.lower()):
            assert word in kept or word in words("stop_words")


@settings(max_examples=50, deadline=None)
@given(PROMPTS)
def test_same_prompt_same_plan(prompt: str) -> None:
    assert plan_of(prompt, False) == plan_of(prompt, False)


def test_is_a_decomposer() -> None:
    assert isinstance(DECOMPOSER, Decomposer)


@pytest.mark.parametrize("prompt", ["", "  \n\t ", "...", "?!", "the of and", "a a a", "\u200b"])
def test_nothing_drawable(prompt: str) -> None:
    with pytest.raises(InvalidPromptError) as caught:
        DECOMPOSER.decompose(prompt)
    assert "for example" in caught.value.remedy
