"""What experts are told."""

from __future__ import annotations

from envs.requests import build_request, prompt_for
from envs.rules import Rules
from envs.state import initial_state
from poser.core.action import ALL, Call
from poser.core.expert import ExpertSpec, Limits
from poser.core.plan import Command, Criterion, Plan


def thing(name: str, caption: str) -> Command:
    noun = caption.split()[-1]
    question = Criterion(id=f"k{name}", question=f"Is there a {noun}?", about=(noun,))
    return Command(
        id=name, op="add", instruction=f"add {caption}", caption=caption, criteria=(question,)
    )


def relation(name: str, one: Command, words: str, other: Command) -> Command:
    about = (one.caption.split()[-1], other.caption.split()[-1], words)
    question = Criterion(id=f"k{name}", question="?", kind="relation", about=about)
    return Command(
        id=name,
        op="relation",
        instruction=f"move it {words}",
        caption="x",
        depends_on=(one.id, other.id),
        criteria=(question,),
    )


CAR, TREE, BALL, BIRDS = (
    thing("c1", "a red car"),
    thing("c2", "a green tree"),
    thing("c3", "a ball"),
    thing("c4", "two blue birds"),
)
PLAN = Plan(
    prompt="a very long prompt " * 30,
    commands=(
        Command(id="c0", op="background", instruction="make it blue", caption="on blue"),
        CAR,
        TREE,
        BALL,
        BIRDS,
        relation("c5", TREE, "right of", CAR),
        relation("c6", BALL, "below", TREE),
        relation("c7", BIRDS, "above", CAR),
        Command(id="c8", op="remove", instruction="remove the bananas", subject="bananas"),
    ),
)
WORDS = frozenset(
    "a red car green tree ball two birds right of left below above on blue make it".split()
)
OPEN = ExpertSpec(id="open", adapter="x", task="text_to_image")
CLOSED = OPEN.model_copy(update={"id": "closed", "vocabulary": WORDS})


def test_an_expert_that_reads_everything_gets_the_prompt_itself() -> None:
    assert prompt_for(PLAN, None, OPEN) == PLAN.prompt


def test_a_short_caption_names_each_thing_once_and_tells_as_many_relations_as_it_can() -> None:
    limited = OPEN.model_copy(update={"limits": Limits(prompt_words=40)})
    assert prompt_for(PLAN, None, limited) == (
        "a ball below a green tree, two blue birds above a red car, on blue"
    )
    assert prompt_for(PLAN, None, CLOSED) == prompt_for(PLAN, None, limited)


def test_a_short_caption_keeps_to_the_limit_and_to_the_vocabulary() -> None:
    tight = OPEN.model_copy(update={"limits": Limits(prompt_words=9)})
    assert prompt_for(PLAN, None, tight) == "a ball below a green tree, on blue"
    blind = CLOSED.model_copy(update={"vocabulary": WORDS - {"birds", "blue"}})
    assert "birds" not in prompt_for(PLAN, None, blind)
    assert "red car" in prompt_for(PLAN, None, blind)


def test_what_is_to_be_absent_goes_to_the_negative_prompt() -> None:
    state = initial_state(PLAN, Rules())
    request = build_request(state, Call(command=ALL, expert="open"), OPEN, seed=1)
    assert (request.negative_prompt, request.image) == ("bananas", None)
    closed = build_request(state, Call(command=ALL, expert="closed"), CLOSED, seed=1)
    assert closed.negative_prompt == ""


def test_seeds_differ_by_run_command_expert_and_attempt() -> None:
    state = initial_state(PLAN, Rules())
    call = Call(command=ALL, expert="open")
    seeds = {
        build_request(state, call, OPEN, seed=1).seed,
        build_request(state, call, OPEN, seed=2).seed,
        build_request(state, Call(command="c1", expert="open"), OPEN, seed=1).seed,
        build_request(state, Call(command=ALL, expert="closed"), CLOSED, seed=1).seed,
    }
    assert len(seeds) == 4
