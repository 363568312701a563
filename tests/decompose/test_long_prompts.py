"""Long prompts of the everyday vocabulary: all that they require, and nothing else."""

from __future__ import annotations

import pytest

from experts.pocket.prompts import prompts
from experts.pocket.sprites import SpriteSheet
from poser.decompose import RuleDecomposer

DECOMPOSER = RuleDecomposer()

# prompt, and all that its plan adds and asks (existence of what is added left out)
PROMPTS: list[tuple[str, str]] = [
    (
        "On a yellow background there are two small blue cars. To the left of the cars stands "
        "a large green tree. A wine glass is above the tree, and below the cars lie three "
        "oranges. The picture should look like a watercolor painting. There must be no dog.",
        "add car | add tree | add wine glass | add orange | attribute background yellow | "
        "count car 2 | attribute car blue | attribute car small | attribute tree green | "
        "attribute tree large | count orange 3 | relation tree car left of | "
        "relation wine glass tree above | relation orange car below | not absence dog | "
        "global watercolor",
    ),
    (
        "A pixel art picture of a beach at sunset. Three red birds fly above a white boat. The "
        "boat is large and next to it floats a tiny yellow duck. To the right of the boat "
        "there is a brown dog.",
        "add bird | add boat | add duck | add dog | entity beach | count bird 3 | "
        "attribute bird red | attribute bird flying | attribute boat white | attribute boat large "
        "| attribute duck yellow | attribute duck tiny | attribute duck floating | "
        "attribute dog brown | relation bird boat above | relation duck boat next to | "
        "relation dog boat right of | global pixel art | global sunset",
    ),
    (
        "The scene takes place on a meadow. Two large brown cows stand left of a small white "
        "sheep. Above them there is a yellow kite, and underneath the sheep lie four red "
        "apples. No people. Everything is in comic style.",
        "add cow | add sheep | add kite | add apple | entity meadow | count cow 2 | "
        "attribute cow brown | attribute cow large | attribute cow standing | "
        "attribute sheep white | attribute sheep small | attribute kite yellow | count apple 4 | "
        "attribute apple red | relation cow sheep left of | relation kite cow above | "
        "relation apple sheep below | not absence person | global comic",
    ),
    (
        "In front of a night sky stands a tall green tree. Under the tree sit two black cats. "
        "A red umbrella is on their left and a blue backpack is to the right of it. Render "
        "everything as pixel art.",
        "add tree | add cat | add umbrella | add backpack | entity night sky | "
        "attribute tree green | attribute tree tall | count cat 2 | attribute cat black | "
        "attribute cat sitting | attribute umbrella red | attribute backpack blue | "
        "relation cat tree below | relation umbrella cat left of | "
        "relation backpack umbrella right of | global pixel art",
    ),
    (
        "A large red bus in the snow. On its left are three small orange traffic lights, on "
        "its right is a green fire hydrant. A purple kite hovers over the bus. There should "
        "not be any cars or people.",
        "add bus | add traffic light | add fire hydrant | add kite | entity snow | "
        "attribute bus red | attribute bus large | count traffic light 3 | "
        "attribute traffic light orange | attribute traffic light small | "
        "attribute fire hydrant green | attribute kite purple | attribute kite hovering | "
        "relation traffic light bus left of | relation fire hydrant bus right of | "
        "relation kite bus above | not absence car | not absence person",
    ),
    (
        "First there is a large white bed. To its right stands a small brown teddy bear. There "
        "are three red books above the bed and a black clock to the left of the books. The "
        "background is plain blue. The picture has no chairs. Make it look like a comic.",
        "add bed | add teddy bear | add book | add clock | attribute background blue | "
        "attribute bed white | attribute bed large | attribute teddy bear brown | "
        "attribute teddy bear small | count book 3 | attribute book red | attribute clock black | "
        "relation teddy bear bed right of | relation book bed above | relation clock book left of "
        "| not absence chair | global comic",
    ),
    (
        "A comic. Two giraffes and one zebra are on a green meadow. The giraffes are yellow, "
        "the zebra is small. Over the zebra flies a big red bird. To the left of the giraffes "
        "there are four trees. There is neither a car nor a house.",
        "add giraffe | add zebra | add bird | add tree | entity meadow | count giraffe 2 | "
        "attribute giraffe yellow | count zebra 1 | attribute zebra small | attribute bird red | "
        "attribute bird big | attribute bird flying | count tree 4 | relation bird zebra above | "
        "relation tree giraffe left of | not absence car | not absence house | global comic",
    ),
    (
        "Three cats sit above the traffic light. The traffic light is green and it stands to "
        "the left of a tiny red car. Below the car there is a hot dog, and next to the hot dog "
        "lie two purple forks. The background shows a sunset.",
        "add cat | add traffic light | add car | add hot dog | add fork | entity sunset | "
        "count cat 3 | attribute cat sitting | attribute traffic light green | attribute car red "
        "| attribute car tiny | count fork 2 | attribute fork purple | "
        "relation cat traffic light above | relation traffic light car left of | "
        "relation hot dog car below | relation fork hot dog next to",
    ),
    (
        "I want a picture with a white background in which there are one large red stop sign, "
        "two small blue cell phones and three orange carrots. The stop sign is above the cell "
        "phones. The carrots are to the right of the stop sign. Please no cat, and draw "
        "everything in the style of pixel art.",
        "add stop sign | add cell phone | add carrot | attribute background white | "
        "count stop sign 1 | attribute stop sign red | attribute stop sign large | "
        "count cell phone 2 | attribute cell phone blue | attribute cell phone small | "
        "count carrot 3 | attribute carrot orange | relation stop sign cell phone above | "
        "relation carrot stop sign right of | not absence cat | global pixel art",
    ),
    (
        "A small white cat is to the left of a big brown dog. The dog is below two green "
        "kites. The cat is wearing a red hat. The kites are above a blue skateboard as well. "
        "All of this is on a snowy meadow. The whole image should be a watercolor painting.",
        "add cat | add dog | add kite | add hat | add skateboard | entity meadow | "
        "attribute cat white | attribute cat small | attribute dog brown | attribute dog big | "
        "count kite 2 | attribute kite green | attribute hat red | attribute skateboard blue | "
        "relation cat dog left of | relation dog kite below | relation kite skateboard above | "
        "global watercolor",
    ),
    (
        "Two elephants are left of a bus. To the right of the bus, three purple kites are "
        "flying. Below the elephants: four oranges. Background: snow. Style: comic.",
        "add elephant | add bus | add kite | add orange | entity snow | count elephant 2 | "
        "count kite 3 | attribute kite purple | attribute kite flying | count orange 4 | "
        "relation elephant bus left of | relation kite bus right of | "
        "relation orange elephant below | global comic",
    ),
    (
        "Please draw three small pink clocks above a huge green couch with a black laptop on "
        "it. To the couch's right is a potted plant. Nothing else. It should be in a pixel art "
        "style.",
        "add clock | add couch | add laptop | add potted plant | count clock 3 | "
        "attribute clock pink | attribute clock small | attribute couch green | "
        "attribute couch huge | attribute laptop black | relation clock couch above | "
        "relation laptop couch on | relation potted plant couch right of | global pixel art",
    ),
    (
        "A watercolor painting of a small red house and two large trees. The trees are right "
        "of the house. Over the house flies a tiny yellow bird. In the background there is a "
        "sunset. There aren't any cars.",
        "add house | add tree | add bird | entity sunset | attribute house red | "
        "attribute house small | count tree 2 | attribute tree large | attribute bird yellow | "
        "attribute bird tiny | attribute bird flying | relation tree house right of | "
        "relation bird house above | not absence car | global watercolor",
    ),
]


@pytest.mark.parametrize(("prompt", "expected"), PROMPTS, ids=[p[:40] for p, _ in PROMPTS])
def test_all_requirements(prompt: str, expected: str) -> None:
    plan = DECOMPOSER.decompose(prompt)
    found = [f"add {c.subject}" for c in plan.commands if c.op == "add"]
    grounds = {k.id for c in plan.commands if c.op == "background" for k in c.criteria}
    for k in plan.criteria:
        if k.kind != "entity" or k.id in grounds:
            found.append(" ".join([*([] if k.expected else ["not"]), k.kind, *k.about]))
    assert sorted(found) == sorted(expected.split(" | "))
    assert not [c for c in plan.commands if c.op in ("other", "replace", "text")]


def test_prompts_of_the_pocket_world_hold_nothing_strange() -> None:
    drawn = prompts(SpriteSheet.load(), "train", 400, 5)
    strange = [
        (c.instruction, p.text)
        for p in drawn
        for c in DECOMPOSER.decompose(p.text).commands
        if c.op == "other" or any(k.question.startswith(("Do ", "Does ")) for k in c.criteria)
    ]
    assert not strange


# prompt -> relations of its plan
FRAGMENTS: list[tuple[str, list[str]]] = [
    ("A car is large and next to it floats a duck.", ["duck car next to"]),
    ("A dog. On its left there is a bench.", ["bench dog left of"]),
    ("A dog. To the right of it stand two cats.", ["cat dog right of"]),
    ("A dog. Underneath is a book.", ["book dog below"]),
    ("a ball with a dog underneath", ["dog ball below"]),
    ("A cat sits on a chair, and a dog lies underneath.", ["cat chair on", "dog chair below"]),
    (
        "Above the cup there is a pizza, below it two chairs.",
        ["pizza cup above", "chair cup below"],
    ),
    ("a cat on the left and two dogs on the right", ["cat left on", "dog right on"]),
    ("A car is right of a tree and below a kite.", ["car tree right of", "car kite below"]),
    ("Two cats are above the bed. A dog is on their right.", ["cat bed above", "dog cat right of"]),
]


@pytest.mark.parametrize(("prompt", "relations"), FRAGMENTS, ids=[p for p, _ in FRAGMENTS])
def test_fragments_of_place(prompt: str, relations: list[str]) -> None:
    criteria = DECOMPOSER.decompose(prompt).criteria
    assert [" ".join(k.about) for k in criteria if k.kind == "relation"] == relations


# prompt -> what is asked about attributes
SIZES: list[tuple[str, list[str]]] = [
    ("a small red car", ["Is the car red?", "Is the car small?"]),
    ("the large dog", ["Is the dog large?"]),
    ("a tiny handbag", ["Is the handbag tiny?"]),
    ("The dog is big", ["Is the dog big?"]),
    ("make the dogs large", ["Are the dogs large?"]),
    ("two small cats left of a huge cow", ["Are the cats small?", "Is the cow huge?"]),
    ("a tiny cat and a huge cat", ["Is there a tiny cat?", "Is there a huge cat?"]),
    ("two cats, both are tiny", ["Are the cats tiny?"]),
    ("A car and a tree and a bus. All three are small.",
     ["Is the car small?", "Is the tree small?", "Is the bus small?"]),
]  # fmt: skip


@pytest.mark.parametrize(("prompt", "questions"), SIZES, ids=[p for p, _ in SIZES])
def test_sizes(prompt: str, questions: list[str]) -> None:
    criteria = DECOMPOSER.decompose(prompt).criteria
    assert [k.question for k in criteria if k.kind == "attribute"] == questions
