"""Prompts and the tuples, commands and questions that their plans must hold."""

from __future__ import annotations

import pytest

from poser.core.plan import Plan
from poser.decompose import RuleDecomposer

DECOMPOSER = RuleDecomposer()

# prompt -> (kind, about...) of every criterion that must be there; "not" before the kind where
# the expected answer is no
TUPLES: list[tuple[str, list[str]]] = [
    # entities, articles, plurals
    ("a cat", ["entity cat"]),
    ("An owl and two mice", ["entity owl", "entity mouse", "count mouse 2"]),
    ("a pair of shoes", ["entity shoe", "count shoe 2"]),
    ("3 boats", ["count boat 3"]),
    ("several children", ["entity child", "count child several"]),
    ("a single red apple", ["count apple 1", "attribute apple red"]),
    ("a group of people", ["entity person"]),
    ("a tennis court", ["entity tennis court"]),
    # attributes
    ("a red car", ["attribute car red"]),
    ("a dark green car", ["attribute car dark green"]),
    ("a red and blue bus", ["attribute bus red", "attribute bus blue"]),
    ("a small wooden chair", ["attribute chair small", "attribute chair wood"]),
    ("a glass bottle", ["attribute bottle glass"]),
    ("a cube made of denim", ["attribute cube denim"]),
    ("the ball is round and very shiny", ["attribute ball round", "attribute ball shiny"]),
    ("The baseball is white in color.", ["attribute baseball white"]),
    ("A motorcycle. It looks like a race car.", ["attribute motorcycle race car"]),
    ("a smiling woman", ["attribute woman smiling"]),
    ("a snow-covered mountain", ["attribute mountain snow-covered"]),
    ("two walking robots", ["attribute robot walking", "count robot 2"]),
    # relations
    ("a cat to the left of a dog", ["relation cat dog left of"]),
    ("a cat on the right side of a dog", ["relation cat dog right of"]),
    ("a lamp over a desk", ["relation lamp desk above"]),
    ("a ball underneath a table", ["relation ball table below"]),
    ("a man in front of a bus", ["relation man bus in front of"]),
    ("a bowl on top of a shelf", ["relation bowl shelf on top of"]),
    ("Behind the table there is a wall.", ["relation wall table behind"]),
    ("A man is holding a knife.", ["relation man knife holding"]),
    ("a woman riding a horse", ["relation woman horse riding"]),
    ("a dock surrounded by trees", ["relation dock tree surrounded by"]),
    (
        "an airplane flying over a city",
        ["relation airplane city above", "attribute airplane flying"],
    ),
    (
        "A woman in a white shirt is standing on a red court.",
        ["relation woman court on", "attribute woman standing", "attribute shirt white"],
    ),
    (
        "a laptop and a phone on a desk",
        ["relation laptop desk on", "relation phone desk on"],
    ),
    ("chair beside chair", ["relation chair chair next to"]),
    (
        "A tv is under exactly two blue zebras.",
        ["relation tv zebra below", "count zebra 2", "attribute zebra blue"],
    ),
    (
        "An apple is on the right side of precisely one ball.",
        ["relation apple ball right of", "count ball 1"],
    ),
    (
        "There is an orange. Above the orange there should be a bottle.",
        ["relation bottle orange above"],
    ),
    # numbers on top of others
    ("There are two cars. Add one more car.", ["entity car", "count car 3"]),
    ("a cat next to one more cat", ["relation cat cat next to"]),
    ("A cat is next to a dog. Both of them are red.", ["attribute cat red", "attribute dog red"]),
    ("There are three more birds in the sky.", ["count bird 3"]),
    ("a tree in the background", ["relation tree background in"]),
    ("On the table sits a cat.", ["relation cat table on", "attribute cat sitting"]),
    ("In front of the bus is a man.", ["relation man bus in front of"]),
    ("The cat is larger than the dog.", ["relation cat dog larger than"]),
    ("a dog between a cat and a hen", ["relation dog cat and hen between"]),
    ("two kids building a castle", ["relation kid castle building"]),
    ("a vase to the man's left", ["relation vase man left of"]),
    ("a red cup on a table next to a jug", ["relation cup jug next to"]),
    # parts
    ("a cat with green eyes", ["entity eye", "attribute eye green"]),
    ("The dog's tail is long.", ["entity tail", "attribute tail long"]),
    ("a man wearing a red hat", ["entity hat", "attribute hat red"]),
    ("a bowl of soup", ["entity bowl", "entity soup", "relation soup bowl in"]),
    # reference
    ("There is a car. The car is red.", ["attribute car red"]),
    ("a cat and a dog. Both are black.", ["attribute cat black", "attribute dog black"]),
    ("There is a boy. He is holding a kite.", ["relation boy kite holding"]),
    ("A red cup and a blue cup. The blue cup is big.", ["attribute cup big"]),
    # background, style, text, absence
    ("a dog on a beach", ["entity beach"]),
    ("a ball on a blue background", ["attribute background blue"]),
    ("a ball. The background is dark green.", ["attribute background dark green"]),
    ("a boat under a night sky", ["entity night sky"]),
    ("an oil painting of a fox", ["global oil painting", "entity fox"]),
    ("a fox in the style of van Gogh", ["global van Gogh"]),
    ("a fox, highly detailed, 4k", ["global highly detailed", "global 4k"]),
    ('a sign that says "OPEN"', ["entity sign", "text OPEN"]),
    ("a shop with the words ‘Fresh Bread’ on it", ["entity shop", "text Fresh Bread"]),
    ("a bowl of fruit, no bananas", ["not absence banana"]),
    ("a street without any people", ["not absence person"]),
    ("There are no cars or trucks.", ["not absence car", "not absence truck"]),
    ("a cat with no tail", ["not absence cat tail"]),
    ("The car is not red.", ["not attribute car red"]),
    ("The ball is not painted red.", ["not attribute ball red"]),
    ("The cup is not in red.", ["not attribute cup red"]),
    ("The cup is not made of wood.", ["not attribute cup wood"]),
    ("The car is not to the left of the tree.", ["not relation car tree left of"]),
    ("A dog that isn't on the bed.", ["not relation dog bed on"]),
    ("a dog, not on the bed", ["not relation dog bed on"]),
    ("The dog is not sitting on the bed.", ["not relation dog bed on"]),
    ("The dog is not between the cat and the bird.", ["not relation dog cat and bird between"]),
    ("The cat is not in the middle of the picture.", ["not relation cat middle in"]),
    (
        "The dog is not on the bed but under the table.",
        ["not relation dog bed on", "relation dog table below"],
    ),
    ("The dog is not only on the bed but under the tree.", ["relation dog bed on"]),
    ("The ball is not just red.", ["attribute ball red"]),
    ("Three cups. None of them is red.", ["count cup 3", "not attribute cup red"]),
    ("Two cats, neither of them red.", ["count cat 2", "not attribute cat red"]),
    ("Two dogs, none of which is above the ball.", ["not relation dog ball above"]),
    ("Three cups. No cup is red.", ["count cup 3", "not attribute cup red"]),
    (
        "None of the cups, which are on a table, is red.",
        ["not attribute cup red", "relation cup table on"],
    ),
    (
        "Three cups, none of them on the table, and a dog is black.",
        ["not relation cup table on", "attribute dog black"],
    ),
    ("Three cups. None is red.", ["not attribute cup red"]),
    ("Not one of the cups is red.", ["entity cup", "not attribute cup red"]),
    ("A man holds none of the balls.", ["not relation man ball holding"]),
    ("None of the cats is not on the table.", ["relation cat table on"]),
    ("The man is not smiling next to the car.", ["relation man car next to"]),
    ("The dog is neither on the bed nor under it.", ["not relation dog bed below"]),
    (
        "Neither the cat nor the dog is on the bed.",
        ["not relation cat bed on", "not relation dog bed on"],
    ),
    (
        "A cat and a dog. Neither the cat nor the dog is black.",
        ["not attribute cat black", "not attribute dog black"],
    ),
    ("The man wears neither a hat nor a scarf.", ["not absence man hat", "not absence man scarf"]),
    ("There is neither a car nor a bus.", ["not absence car", "not absence bus"]),
    ("The dog is under the table, not on the bed.", ["not relation dog bed on"]),
    ("A dog not on a leash.", ["not absence leash"]),
    ("The dog is not on the beach.", ["not absence beach"]),
    (
        "A red cup and a blue cup. No cup is on the table.",
        ["attribute cup blue", "not relation cup table on"],
    ),
    ("A toy car on a shelf. No car is visible.", ["entity toy car", "not absence car"]),
    ("a man holding not one ball but two", ["entity man", "entity ball"]),
    ("Not a single cat is to be seen.", ["not absence cat"]),
    ("a dog, and not one cat", ["entity dog", "not absence cat"]),
    ("a cat without a hat and a dog with a hat", ["not absence cat hat", "entity dog"]),
    ("no cars and a red bike", ["not absence car", "entity bike"]),
    ("two cats, one black and one white", ["attribute cat black", "attribute cat white"]),
    ("A cat on a chair. A dog is under it.", ["relation dog chair below"]),
    ('At the top, the title "NEWS".', ["text NEWS", "relation NEWS top at"]),
    # edits
    ("make the car red", ["entity car", "attribute car red"]),
    ("remove the dog", ["not absence dog"]),
    ("replace the cat with a dog", ["entity dog", "not absence cat"]),
    ("change the background to a forest", ["entity forest"]),
    ("move the cup to the left of the plate", ["relation cup plate left of"]),
    ("make it an oil painting", ["global oil painting"]),
    ("change the number of apples to four", ["count apple 4"]),
    ('change the text to "CLOSED"', ["text CLOSED"]),
]


def said(plan: Plan) -> list[str]:
    """The criteria of a plan as in the table."""
    return [" ".join([*([] if k.expected else ["not"]), k.kind, *k.about]) for k in plan.criteria]


@pytest.mark.parametrize(("prompt", "expected"), TUPLES, ids=[p for p, _ in TUPLES])
def test_tuples(prompt: str, expected: list[str]) -> None:
    found = said(DECOMPOSER.decompose(prompt))
    assert [e for e in expected if e not in found] == [], found


# prompt -> all criteria, no more and no fewer
WHOLE: list[tuple[str, list[str]]] = [
    ("a red car", ["Is there a car?", "Is the car red?"]),
    ("three red apples", ["Are there apples?", "Are there three apples?", "Are the apples red?"]),
    ("A cat is above a dog.", ["Is there a cat?", "Is there a dog?", "Is the cat above the dog?"]),
    (
        "two black cats under a tree on a blue background",
        [
            "Is the background blue?",
            "Are there cats?",
            "Are there two cats?",
            "Are the cats black?",
            "Is there a tree?",
            "Are the cats below the tree?",
        ],
    ),
    ("a beach ball at the beach", ["Is the background a beach?", "Is there a beach ball?"]),
    ("an orange", ["Is there an orange?"]),
    ("scissors", ["Are there scissors?"]),
    ("a hat. There is an apple. It is green.",
     ["Is there a hat?", "Is there an apple?", "Is the apple green?"]),
    ("The man is wearing sunglasses.",
     ["Is there a man?", "Is the man wearing sunglasses?"]),
    ("the red ball and the blue ball",
     ["Is there a ball?", "Is there a red ball?", "Is there a ball?", "Are there two balls?",
      "Is there a blue ball?"]),
    ("a red and a blue ball",
     ["Is there a ball?", "Is there a red ball?", "Is there a ball?", "Are there two balls?",
      "Is there a blue ball?"]),
    ("two red and three blue cups",
     ["Are there cups?", "Are there two red cups?", "Are there cups?", "Are there five cups?",
      "Are there three blue cups?"]),
    ("two red cups, a blue cup and a green cup",
     ["Are there cups?", "Are there two red cups?", "Is there a cup?", "Is there a blue cup?",
      "Is there a cup?", "Are there four cups?", "Is there a green cup?"]),
    ("Three cats sit on a wall. A black cat is above them.",
     ["Are there cats?", "Are the other cats sitting?", "Is there a wall?", "Is there a cat?",
      "Are there three cats?", "Is there a black cat?", "Are the other cats on the wall?",
      "Is the black cat above the other cats?"]),
    ("A red car is on the left. A blue one is on the right.",
     ["Is there a car?", "Is there a red car?", "Is there a car?", "Are there two cars?",
      "Is there a blue car?", "Is the red car on the left?", "Is the blue car on the right?"]),
    ("a red bird between a white cup and a black one",
     ["Is there a bird?", "Is the bird red?", "Is there a cup?", "Is there a white cup?",
      "Is there a cup?", "Are there two cups?", "Is there a black cup?",
      "Is the bird between the white cup and the black cup?"]),
    ("Four chairs: two are wooden and one is red.",
     ["Are there chairs?", "Are there four chairs?", "Are there two wooden chairs?",
      "Is there a red chair?"]),
    ("A bowl of apples. One of them is green.",
     ["Is there a bowl?", "Are there apples?", "Is there a green apple?",
      "Are the apples in the bowl?"]),
    ("On the left one man stands, on the right one woman sits.",
     ["Is there a man?", "Is there one man?", "Is the man standing?", "Is there a woman?",
      "Is there one woman?", "Is the woman sitting?", "Is the man on the left?",
      "Is the woman on the right?"]),
    ("Three apples. One apple is red. The red apple is on a plate.",
     ["Are there apples?", "Are there three apples?", "Is there a red apple?", "Is there a plate?",
      "Is one of the apples on the plate?"]),
    ("two cats. One is black, and they are sleeping.",
     ["Are there cats?", "Are there two cats?", "Is there a black cat?", "Are the cats sleeping?"]),
    ("A knight with a sword and a shield standing on a hill",
     ["Is there a knight?", "Is the knight standing?", "Does the knight have a sword?",
      "Does the knight have a shield?", "Is there a hill?", "Is the knight on the hill?"]),
    ("one orange and one red apple",
     ["Is there an orange?", "Is there one orange?", "Is there an apple?", "Is there one apple?",
      "Is the apple red?"]),
    ("a boy holding a red balloon and a girl holding a blue one",
     ["Is there a boy?", "Is there a balloon?", "Is there a red balloon?", "Is there a girl?",
      "Is there a balloon?", "Are there two balloons?", "Is there a blue balloon?",
      "Is the boy holding the red balloon?", "Is the girl holding the blue balloon?"]),
    ("several red cups and two blue cups",
     ["Are there cups?", "Are there several red cups?", "Are there cups?",
      "Are there two blue cups?"]),
    ("A tree. Behind it a tall tree.",
     ["Is there a tree?", "Is there a tree?", "Is there a tall tree?",
      "Is the tall tree behind the first tree?"]),
    ("Three cups. One cup is red.",
     ["Are there cups?", "Are there three cups?", "Is there a red cup?"]),
    ("Three cats. One cat is running, and one of them is on a bed.",
     ["Are there cats?", "Are there three cats?", "Is one of the cats running?", "Is there a bed?",
      "Is one of the cats on the bed?"]),
    ("Four balloons: one red, one blue and two yellow.",
     ["Are there balloons?", "Are there four balloons?", "Is there a red balloon?",
      "Is there a blue balloon?", "Are there two yellow balloons?"]),
    ("Four balloons: one red balloon, one blue balloon and two yellow balloons.",
     ["Are there balloons?", "Is there a balloon?", "Is there one red balloon?",
      "Is there a balloon?", "Is there one blue balloon?", "Are there balloons?",
      "Are there four balloons?", "Are there two yellow balloons?"]),
    ("five dogs, two of them running",
     ["Are there dogs?", "Are there five dogs?", "Are two of the dogs running?"]),
    ("Six birds: two above a tree and four on the left",
     ["Are there birds?", "Are there six birds?", "Is there a tree?",
      "Are two of the birds above the tree?", "Are four of the birds on the left?"]),
    ("two cats, two of them black",
     ["Are there cats?", "Are there two cats?", "Are the cats black?"]),
    ("A red apple and two green ones.",
     ["Is there an apple?", "Is there a red apple?", "Are there apples?",
      "Are there three apples?", "Are there two green apples?"]),
    ("a cat on a red chair and a dog on a blue one",
     ["Is there a cat?", "Is there a chair?", "Is there a red chair?", "Is there a dog?",
      "Is there a chair?", "Are there two chairs?", "Is there a blue chair?",
      "Is the cat on the red chair?", "Is the dog on the blue chair?"]),
    ("a small coffee cup and a big one",
     ["Is there a coffee cup?", "Is there a small coffee cup?", "Is there a coffee cup?",
      "Are there two coffee cups?", "Is there a big coffee cup?"]),
    ("a man next to a dog, both wearing hats",
     ["Is there a man?", "Is there a dog?", "Is the man wearing hats?",
      "Is the man next to the dog?"]),
    ("A man holding a rose in one hand and a flag in the other, a dog behind him.",
     ["Is there a man?", "Is there a rose?", "Is there a flag?", "Is there a dog?",
      "Is the man holding the rose?", "Is the man holding the flag?",
      "Is the dog behind the man?"]),
    ("Behind the cat and the dog is a fence.",
     ["Is there a cat?", "Is there a dog?", "Is there a fence?", "Is the fence behind the cat?",
      "Is the fence behind the dog?"]),
    ("There is a dog left of a cat. Behind them is a fence.",
     ["Is there a dog?", "Is there a cat?", "Is there a fence?", "Is the dog left of the cat?",
      "Is the fence behind the dog?", "Is the fence behind the cat?"]),
    ("a girl wearing a coat and red boots jumping in a puddle",
     ["Is there a girl?", "Is the girl jumping?", "Is the girl wearing a coat?",
      "Is the girl wearing boots?", "Are the girl's boots red?", "Is there a puddle?",
      "Is the girl in the puddle?"]),
    ("a kitchen with a stove and a window above a sink",
     ["Is there a kitchen?", "Does the kitchen have a stove?", "Does the kitchen have a window?",
      "Is there a sink?", "Is the kitchen's window above the sink?"]),
    ("Two foxes, one orange and one white, sitting on a bed",
     ["Are there foxes?", "Are there two foxes?", "Is there an orange fox?",
      "Is there a white fox?", "Are the foxes sitting?", "Is there a bed?",
      "Are the foxes on the bed?"]),
    ("Three cats in a basket: the left one is grey, and the right one is red.",
     ["Are there cats?", "Are there three cats?", "Is there a grey cat?", "Is there a red cat?",
      "Is there a basket?", "Are the cats in the basket?", "Is one of the cats on the left?",
      "Is one of the cats on the right?"]),
    ("a cabin with smoke rising from a chimney",
     ["Is there a cabin?", "Does the cabin have smoke?", "Is there a chimney?",
      "Is the cabin's smoke rising from the chimney?"]),
    ("A king next to a queen and two pawns in front of them.",
     ["Is there a king?", "Is there a queen?", "Are there pawns?", "Are there two pawns?",
      "Is the king next to the queen?", "Are the pawns in front of the king?",
      "Are the pawns in front of the queen?"]),
    ("one big and several small stars",
     ["Is there a star?", "Is there one big star?", "Are there stars?",
      "Are there several small stars?"]),
    ("a woman in a red dress and a man in a blue one",
     ["Is there a woman?", "Does the woman have a dress?", "Is there a red dress?",
      "Is there a man?", "Does the man have a dress?", "Is there a blue dress?"]),
    ("red wine and white wine",
     ["Is there wine?", "Is there red wine?", "Is there wine?", "Is there white wine?"]),
    ("The sun is setting.", ["Is there a sun?", "Is the sun setting?"]),
    ("no bananas", ["Is there a banana?"]),
    ("Two trucks are left of a suitcase. One should see all of it at once.",
     ["Are there trucks?", "Are there two trucks?", "Is there a suitcase?",
      "Are the trucks left of the suitcase?"]),
]  # fmt: skip


@pytest.mark.parametrize(("prompt", "questions"), WHOLE, ids=[p for p, _ in WHOLE])
def test_questions(prompt: str, questions: list[str]) -> None:
    plan = DECOMPOSER.decompose(prompt)
    assert [k.question for k in plan.criteria] == questions


# prompt, has_picture -> op and instruction of every command, and whether the picture is edited
COMMANDS: list[tuple[str, bool, list[str], bool]] = [
    ("two red apples", False, ["add: add two red apples", "recolour: make the apples red"], False),
    ("a wooden cup", False, ["add: add a wooden cup", "attribute: make the cup wooden"], False),
    ("a cat left of a dog", False,
     ["add: add a cat", "add: add a dog", "relation: move the cat to the left of the dog"], False),
    ("a cat with green eyes", False,
     ["add: add a cat", "attribute: give the cat green eyes"], False),
    ("a cat on a beach", False,
     ["background: change the background to a beach", "add: add a cat"], False),
    ('a shop sign that says "OPEN"', False,
     ["add: add a shop sign", 'text: write "OPEN" on the shop sign'], False),
    ("a street, no bananas", False, ["add: add a street", "remove: remove the bananas"], False),
    ("make the car red", False, ["recolour: make the car red"], True),
    ("make the cup wooden", True, ["attribute: make the cup wooden"], True),
    ("remove the dog on the left", False, ["remove: remove the dog on the left"], True),
    ("add two yellow bananas", True,
     ["add: add two yellow bananas", "recolour: make the bananas yellow"], True),
    ("add one more car", True, ["add: add one more car"], True),
    ("Make the dog red and add one more dog.", True,
     ["recolour: make the first dog red", "add: add one more dog"], True),
    ("Add one more car. Make it three cars.", True, ["count: make it three cars"], True),
    ("remove exactly one dog", True, ["remove: remove the dog"], True),
    ("make it exactly three apples", True, ["count: make it three apples"], True),
    ("Draw exactly four apples", False, ["add: add four apples"], False),
    ("add two more red cars", True,
     ["add: add two more red cars", "recolour: make the cars red"], True),
    ("replace the cat with a dog", False, ["replace: replace the cat with a dog"], True),
    ("make it three apples", False, ["count: make it three apples"], True),
    ("a large red, a green and two small blue coffee cups", False,
     ["add: add a large red coffee cup", "recolour: make one coffee cup red",
      "attribute: make the red coffee cup large", "add: add a green coffee cup",
      "recolour: make one coffee cup green", "add: add two small blue coffee cups",
      "recolour: make some coffee cups blue", "attribute: make the blue coffee cups small"],
     False),
    ("remove the red and the blue car", False,
     ["remove: remove the red car", "remove: remove the blue car"], True),
    ("Two dogs. One of them is left of a cat.", False,
     ["add: add two dogs", "add: add a cat",
      "relation: move one of the dogs to the left of the cat"], False),
    ("Two dogs. One dog is running.", False,
     ["add: add two dogs", "attribute: show one of the dogs running"], False),
    ("a cat and a dog on a sofa, and stars above the cat", False,
     ["add: add a cat", "add: add a dog", "add: add a sofa", "add: add stars",
      "relation: put the cat on the sofa", "relation: put the dog on the sofa",
      "relation: move the stars above the cat"], False),
    ("a cat on a beach, and a dog left of a tree", False,
     ["background: change the background to a beach", "add: add a cat", "add: add a dog",
      "add: add a tree", "relation: move the dog to the left of the tree"], False),
    ("a sofa on the left, a shelf behind it, and a cat sleeping on a rug", False,
     ["add: add a sofa", "add: add a shelf", "add: add a cat",
      "attribute: show the cat sleeping", "add: add a rug", "relation: move the sofa to the left",
      "relation: move the shelf behind the sofa", "relation: put the cat on the rug"], False),
    ("a dog running toward the waves and a kite in the sky", False,
     ["add: add a dog", "add: add waves", "add: add a kite", "add: add a sky",
      "relation: show the dog running towards the waves", "relation: put the kite in the sky"],
     False),
    ("a man with a beard and a boy holding a balloon", False,
     ["add: add a man", "attribute: give the man a beard", "add: add a boy", "add: add a balloon",
      "relation: show the boy holding the balloon"], False),
    ("a cat and a dog sleeping on a sofa", False,
     ["add: add a cat", "attribute: show the cat sleeping", "add: add a dog",
      "attribute: show the dog sleeping", "add: add a sofa", "relation: put the cat on the sofa",
      "relation: put the dog on the sofa"], False),
    ("A poster of a rocket on a lake, with the words 'GO' at the top", False,
     ["add: add a rocket", "add: add a lake", "relation: put the rocket on the lake",
      "style: make it a poster", 'text: write "GO"'], False),
    ("a red sign, with the word 'STOP'", False,
     ["add: add a red sign", "recolour: make the sign red", 'text: write "STOP" on the sign'],
     False),
    ("Six birds, four of which are on a roof", False,
     ["add: add six birds", "add: add a roof", "relation: put four of the birds on the roof"],
     False),
    ("a black and white cat and a dog", False,
     ["add: add a black and white cat", "recolour: make the cat black and white",
      "add: add a dog"], False),
    ("First add a tree, then remove the car.", False, ["add: add a tree", "remove: remove the car"],
     True),
    ("make the sky blue and the grass green", True,
     ["recolour: make the sky blue", "recolour: make the grass green"], True),
    ("make the dog a bit bigger and the cat more colourful", True,
     ["attribute: make the dog a bit bigger", "attribute: make the cat more colourful"], True),
    ("make the image brighter", True, ["style: make it brighter"], True),
    ("make the dog a cat and the tree a house", True,
     ["replace: replace the dog with a cat", "replace: replace the tree with a house"], True),
    ("give the man a hat", False, ["add: give the man a hat"], True),
    ("change the color of the car to blue", False, ["recolour: make the car blue"], True),
    ("turn it into a watercolour painting", True, ["style: make it a watercolour painting"], True),
    ("Draw a house, then add a tree.", False, ["add: add a house", "add: add a tree"], False),
    ("a red car", True, ["add: add a red car", "recolour: make the car red"], False),
    ("crop the picture", True, ["other: crop the picture"], True),
    ("A car and a tree. The car is not left of the tree.", False,
     ["add: add a car", "add: add a tree", "relation: move the car to the right of the tree"],
     False),
    ("A car and a tree. The car is not left of the tree, but above it.", False,
     ["add: add a car", "add: add a tree",
      "relation: do not move the car to the left of the tree",
      "relation: move the car above the tree"], False),
    ("The car is not on the left.", False,
     ["add: add a car", "relation: move the car to the right"], False),
    ("The car is neither on the left nor on the right.", False,
     ["add: add a car", "relation: move the car away from the left",
      "relation: move the car away from the right"], False),
    ("The dog is not on the bed but under it.", False,
     ["add: add a dog", "add: add a bed", "relation: take the dog off the bed",
      "relation: move the dog below the bed"], False),
    ("The dog is not next to the tree.", False,
     ["add: add a dog", "add: add a tree", "relation: move the dog away from the tree"], False),
    ("A car. Do not make the car red.", False,
     ["add: add a car", "recolour: make the car not red"], False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("prompt", "has_picture", "commands", "edits"), COMMANDS, ids=[c[0] for c in COMMANDS]
)
def test_commands(prompt: str, has_picture: bool, commands: list[str], edits: bool) -> None:
    plan = DECOMPOSER.decompose(prompt, has_picture=has_picture)
    assert [f"{c.op}: {c.instruction}" for c in plan.commands] == commands
    assert plan.edits_picture is edits


def test_dependencies() -> None:
    plan = DECOMPOSER.decompose('a red cat left of a dog, and a sign that says "HI"')
    by_op = {c.op: c for c in plan.commands}
    cat, dog = plan.commands[0], plan.commands[2]
    assert (cat.subject, dog.subject) == ("cat", "dog")
    assert by_op["recolour"].depends_on == (cat.id,)
    assert by_op["relation"].depends_on == (cat.id, dog.id)
    assert by_op["text"].depends_on == ()
    assert plan.commands[-1].op == "text"
    assert [k.question for k in by_op["text"].criteria] == [
        'Does the text "HI" appear?',
        'Is the text "HI" on the sign?',
    ]
    relation = by_op["relation"].criteria[0]
    assert relation.depends_on == (cat.criteria[0].id, dog.criteria[0].id)


def test_one_thing_is_added_once() -> None:
    prompt = (
        "There is a car. The car is red and it is on the street. A dog sits next to the car. "
        "The dog looks at it, and the animal is brown. The vehicle is big."
    )
    added = [c.subject for c in DECOMPOSER.decompose(prompt).commands if c.op == "add"]
    assert added == ["car", "street", "dog"]


def test_a_change_said_both_ways_is_one_command() -> None:
    plan = DECOMPOSER.decompose("A cat is left of a dog. The dog is right of the cat.")
    moves = [c for c in plan.commands if c.op == "relation"]
    assert [len(c.criteria) for c in moves] == [2]


def test_one_more_than_a_picture_has_is_not_judged() -> None:
    """A picture that has a car already is not content with it."""
    plan = DECOMPOSER.decompose("add one more car", has_picture=True)
    (command,) = plan.commands
    assert [k.question for k in command.criteria] == ["Is there one more car?"]
    assert command.ops == ("add", "count")
    assert plan.judged == ()
    assert [a.reason for a in plan.set_aside] == ["only the picture before could tell"]
    assert plan.setting_aside({}) == plan
    plan = DECOMPOSER.decompose("add two more red cars", has_picture=True)
    assert [k.question for k in plan.judged] == ["Are the cars red?"]


def test_captions() -> None:
    plan = DECOMPOSER.decompose("two red apples left of a cup on a white background")
    assert [c.caption for c in plan.commands if c.caption] == [
        "on a white background",
        "two red apples",
        "a cup",
        "two apples left of a cup",
    ]
    assert all(not c.caption for c in plan.commands if c.op == "recolour")


def test_unread_words_become_a_plain_command() -> None:
    plan = DECOMPOSER.decompose("一只红色的猫, and a dog")
    other = [c for c in plan.commands if c.op == "other"]
    assert [c.instruction for c in other] == ["一只红色的猫"]


def test_what_only_compares_is_not_asked_of_one_picture() -> None:
    plan = DECOMPOSER.decompose("make the dog bigger", has_picture=True)
    assert [k.question for k in plan.judged] == ["Is there a dog?"]
    (aside,) = plan.set_aside
    assert aside.reason == "only the picture before could tell"
