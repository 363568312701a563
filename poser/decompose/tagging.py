"""Parts of speech by word lists, endings and the neighbouring words.

One pass from left to right, looking one word ahead: enough for the plain, descriptive English of
prompts, and linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from poser.decompose.compounds import compound_places
from poser.decompose.lexicon import (
    COLLECTIVE_COUNTS,
    QUANTIFIERS,
    is_in,
    material_adjectives,
    pairs,
    word_set,
)
from poser.decompose.morphology import is_plural, number_value, singular, verb_base
from poser.decompose.prepositions import PREPOSITIONS, longest_preposition
from poser.decompose.tokens import Token


@dataclass(frozen=True, slots=True)
class Word:
    """A token, or several that make one preposition, with its part of speech.

    Attributes:
        text: As it stands in the prompt.
        lower: In lower case; of a preposition, its normal form.
        tag: One of DET POSS NUM ADJ NOUN VERB GER PART BE HAVE MODAL PREP CONJ SUB TO ADV PRON
            REL EX GEN NEG QUOTE MARK OTHER.
        tokens: The tokens behind it.
    """

    text: str
    lower: str
    tag: str
    tokens: tuple[Token, ...] = field(repr=False, default=())

    @property
    def start(self) -> int:
        """Where it begins in the prompt."""
        return self.tokens[0].start

    @property
    def end(self) -> int:
        """Where it ends in the prompt."""
        return self.tokens[-1].end


_CLOSED: dict[str, str] = {}
for _tag, _members in {
    "DET": "a an the this these those each every any no another both all either neither such",
    "POSS": "his its their my our your whose",
    "BE": "is are was were be been being am",
    "HAVE": "has have had having",
    "MODAL": "will would shall should can could may might must do does did",
    "CONJ": "and or but & plus nor yet",
    "SUB": "how why unless while when as because since although though if where so whereas before "
    "after until",
    "REL": "which who whom that",
    "PRON": "i you he she it we they me him us them itself himself herself themselves one ones "
    "mine theirs other others what nothing everything anything nobody",
    "NEG": "not n't never",
}.items():
    for _member in _members.split():
        _CLOSED[_member] = _tag

_EDGE = frozenset(("DET", "POSS", "NUM", "ADJ", "GEN"))
_ADJECTIVE_ENDINGS = (
    "ful", "ous", "ish", "less", "able", "ible", "ive", "esque", "like", "ic", "al", "ary",
)  # fmt: skip
_NOUNS_THAT_END_SO = word_set(
    """
    fish dish radish polish finish brush table vegetable cable olive archive hive drive
    music fabric comic mosaic plastic ceramic traffic attic clinic critic logic magic
    mechanic picnic public republic topic tunic garlic relic animal metal crystal hospital
    cathedral festival petal pedal medal portal coral canal signal mural cereal terminal
    journal meal seal sandal goal coal opal carnival rival arrival funeral general capital
    individual professional library diary canary dictionary secretary sanctuary statuary
    constable bible crucible automobile mountain skull detective locomotive five bicycle
    syllable parable stable native captive relative arctic hall wall ball mall shawl bowl
    owl jewel material ritual
    """
)
_INTRANSITIVE = word_set(
    """
    glow flow tower smile float fly burn shimmer sparkle glisten glitter gleam twinkle bloom
    blossom overflow flicker crumble cascade roll rise set fall swirl twist wind sleep run
    melt dance laugh cry bubble steam smoke drip sprawl loom hover drift blaze rot wilt dry
    grow spin crash billow flutter wave trail stand sit live work rust decay boil age shine
    hang weep cheer march roar scatter bark howl rush bustle sprout simmer swim blow peel
    fade gallop graze lounge chirp hum buzz surround captivate
    """
)
NOUNS_TOO = word_set("light remote square spiral oval classic original mobile solid liquid")
_PLACING = word_set("stand lie sit hang be there")
_AFTER_THERE = word_set("is are was were 's 're should must shall will can appears appear")
_SIDES = word_set("left right top bottom middle front back center centre")
_PAST_NOUNS = word_set("saw ground felt left set cut hit put read lay lit bound led found")


def _static(token: Token) -> str:
    """The part of speech without context; "" where the word alone does not tell."""
    if token.kind == "quote":
        return "QUOTE"
    if token.kind == "foreign":
        return "OTHER"
    if token.kind in ("mark", "break"):
        return "CONJ" if token.lower == "&" else "MARK"
    lower = token.lower
    if lower in _CLOSED:
        return _CLOSED[lower]
    if lower in PREPOSITIONS:
        return "PREP"
    if lower in NUM_WORDS or number_value(lower) is not None:
        return "NUM"
    if token.kind == "number":
        return "OTHER" if lower[0] in "-—–" else "NOUN"
    if lower.startswith("'"):
        return "GEN" if lower == "'s" else "BE"
    return ""


NUM_WORDS = frozenset(QUANTIFIERS - {"plenty", "lots"})
"""Quantifiers that stand where a number stands."""


def tag(tokens: Sequence[Token]) -> list[Word]:
    """The words of a sentence with their parts of speech."""
    tagger = _Tagger(_merge(tokens))
    return tagger.run()


def _merge(tokens: Sequence[Token]) -> list[tuple[Token, ...]]:
    """The tokens, with those of a preposition of several words put together."""
    merged: list[tuple[Token, ...]] = []
    index = 0
    lowers = [t.lower for t in tokens]
    while index < len(tokens):
        length = longest_preposition(lowers, index)
        merged.append(tuple(tokens[index : index + length]))
        index += length
    return merged


class _Tagger:
    """The state of one pass: the words so far, and whether the clause has its verb."""

    def __init__(self, groups: list[tuple[Token, ...]]) -> None:
        self.groups = groups
        self.words: list[Word] = []
        self.verb_seen = False
        self.named = compound_places([" ".join(t.lower for t in g) for g in groups])

    def run(self) -> list[Word]:
        for index, group in enumerate(self.groups):
            lower = " ".join(t.lower for t in group)
            if len(group) > 1:
                part = "CONJ" if lower in ("as well as", "along with") else "PREP"
                lower = PREPOSITIONS.get(lower, lower)
            else:
                part = self._context(index, group[0])
            if part in ("VERB", "BE", "MODAL", "HAVE"):
                self.verb_seen = True
            elif part in ("REL", "SUB") or (part == "MARK" and group[0].lower == ","):
                self.verb_seen = False
            text = " ".join(t.text for t in group)
            if part == "PREP":
                lower = PREPOSITIONS.get(lower, lower)
            self.words.append(Word(text, lower, part, group))
        return self.words

    def _previous(self) -> str:
        return self.words[-1].tag if self.words else ""

    def _next(self, index: int) -> Token | None:
        if index + 1 < len(self.groups) and len(self.groups[index + 1]) == 1:
            return self.groups[index + 1][0]
        return None

    def _next_static(self, index: int) -> str:
        if index + 1 >= len(self.groups):
            return "MARK"
        if len(self.groups[index + 1]) > 1:
            return "PREP"
        token = self.groups[index + 1][0]
        if token.lower == "to":
            return "PREP"
        return _static(token)

    def _comma_next(self, index: int) -> bool:
        """Whether a comma comes next, so that more adjectives may follow."""
        token = self._next(index)
        return token is not None and token.lower == ","

    def _finite_next(self, index: int) -> bool:
        """Whether a verb in -s comes next, by itself and by what follows it."""
        token = self._next(index)
        if token is None or not token.lower.endswith("s") or len(token.lower) < 4:
            return False
        if token.lower.endswith("ves") or not is_in("verbs", verb_base(token.lower)):
            return False
        return self._next_static(index + 1) in ("DET", "POSS", "PREP", "PRON")

    def _stands_next(self, index: int) -> bool:
        """Whether a verb of place comes next: "to its right stands ..."."""
        token = self._next(index)
        return token is not None and verb_base(token.lower) in _PLACING

    def _participle_next(self, lower: str, index: int) -> bool:
        """Whether a participle with words of its own comes next: "light streaming in"."""
        formed = lower.endswith("ing") or is_past_form(lower)
        if not formed or is_in("ing_nouns", lower):
            return False
        return self._next_static(index + 1) in ("PREP", "DET", "POSS")

    def _nounish_next(self, index: int) -> bool:
        """Whether a noun, or a word on the way to one, comes next."""
        following = self._next_static(index)
        if following in ("NUM",):
            return True
        token = self._next(index)
        if following or token is None:
            return False
        if token.lower == "there":
            return False
        if token.lower.endswith("ly") and not is_in("adjectives", token.lower):
            return False
        if self._finite_next(index):
            return False
        if self._participle_next(token.lower, index):
            return False
        return not (
            is_in("verbs", verb_base(token.lower))
            and not is_plural(token.lower)
            and not token.lower.endswith(("ing", "ed"))
            and token.lower in _PURE
        )

    def _context(self, index: int, token: Token) -> str:
        if index in self.named:
            return "NOUN"
        lower = token.lower
        known = _static(token)
        before = self._previous()
        if lower == "'":
            plural_owner = before == "NOUN" and is_plural(self.words[-1].lower)
            return "GEN" if plural_owner and self._nounish_next(index) else "MARK"
        if lower == "that":
            after = self._next_static(index)
            return "DET" if before not in ("NOUN", "PRON", "QUOTE") and after == "" else "REL"
        if lower == "there":
            after_token = self._next(index)
            follows = after_token.lower if after_token else ""
            return "EX" if follows in _AFTER_THERE or before == "BE" else "ADV"
        if lower == "her":
            return "POSS" if self._nounish_next(index) else "PRON"
        if lower == "to":
            follow = self._next(index)
            if follow and follow.lower == verb_base(follow.lower) and is_in("verbs", follow.lower):
                return "TO"
            return "PREP"
        if lower == "neither" and before == "BE":
            return "NEG"
        if lower in ("other", "what") and self._nounish_next(index):
            return "ADJ"
        if lower == "one" and not self._nounish_next(index):
            return "PRON"
        if lower == "one":
            return "NUM"
        if lower in ("like", "near", "inside", "outside", "past", "opposite", "off", "down", "up"):
            return self._particle(index, lower, before)
        if lower == "can" and self._next_static(index) in ("PREP", "MARK", "REL"):
            return "NOUN"
        if known == "GEN" and before in ("PRON", "EX", "REL"):
            return "BE"
        if known == "SUB" and lower in ("as", "before", "after", "until"):
            return "PREP"
        if known:
            return known
        return self._open(index, token, before)

    def _particle(self, index: int, lower: str, before: str) -> str:
        after = self._next_static(index)
        if lower in ("off", "down", "up", "inside", "outside", "past", "near") and after in (
            "MARK",
            "PREP",
            "CONJ",
        ):
            return "ADV"
        if lower in ("up", "down") and before in ("GER", "PART", "VERB"):
            return "ADV"
        if lower == "opposite" and before in _EDGE:
            return "ADJ"
        return "PREP"

    def _open(self, index: int, token: Token, before: str) -> str:
        lower = token.lower
        nounish = self._nounish_next(index)
        if lower in ("n't", "non"):
            return "NEG"
        doing = before == "NOUN" and self._next_static(index) in ("DET", "POSS", "NUM")
        doing = doing and is_in("verbs", verb_base(lower))
        said = before == "BE" and not nounish  # "the sun is setting", but "there is seating"
        doing = doing or (said and len(self.words) > 1 and self.words[-2].tag != "EX")
        if lower.endswith("ing") and len(lower) > 4 and (doing or not is_in("ing_nouns", lower)):
            return self._ing(lower, before, nounish)
        if self._is_participle(lower):
            found = self._participle(index, lower, before, nounish)
            if found:
                return found
        if is_in("colours", lower):
            takes_noun = lower in ("orange", "gold", "silver", "rose", "salmon", "lavender", "plum")
            if takes_noun and not nounish and before in ("DET", "NUM", "POSS", "PREP", "ADJ"):
                after = self._next_static(index)
                return "ADJ" if before == "PREP" and after == "CONJ" else "NOUN"
            if lower in ("lime", "olive", "peach", "mint", "coral", "cream", "charcoal", "mustard"):
                return "ADJ" if nounish and before != "NOUN" else "NOUN"
            return "ADJ"
        if lower in material_adjectives():
            return "ADJ"
        if lower in COLLECTIVE_COUNTS:
            return "NOUN"
        if lower.endswith("ly") and len(lower) > 4 and not is_in("adjectives", lower):
            if singular(lower) in ("family", "butterfly", "lily", "belly", "jelly", "ally", "fly"):
                return "NOUN"
            return "ADV"
        if is_in("adverbs", lower) and not (nounish and is_in("adjectives", lower)):
            if before in ("DET", "POSS") and not nounish:
                return "NOUN"
            return "ADV" if before != "NOUN" or not is_in("adjectives", lower) else "ADJ"
        if lower in NOUNS_TOO and before == "NOUN" and not nounish:
            return "NOUN"
        if lower in _SIDES and before in ("DET", "POSS", "GEN") and not nounish:
            return "NOUN"
        if lower in ("left", "right") and before in ("POSS", "GEN") and self._stands_next(index):
            return "NOUN"
        verb = self._verb(index, lower, before, nounish)
        if verb:
            return verb
        if is_in("adjectives", lower) or is_in("shapes", lower) or is_in("sizes", lower):
            after = self._next_static(index)
            alone = not nounish and before in ("DET", "POSS", "ADJ", "GEN")
            if alone and self._comma_next(index):
                return "ADJ"
            if alone and after in ("PREP", "BE", "MARK", "HAVE", "REL", "MODAL"):
                return "ADJ" if before == "ADJ" and after == "MARK" else "NOUN"
            return "ADJ"
        return self._ending(index, lower, nounish, before)

    def _ending(self, index: int, lower: str, nounish: bool, before: str) -> str:
        if "-" in lower:
            last = lower.rpartition("-")[2]
            shaped = last.endswith(("ed", "ing")) or is_in("adjectives", last)
            if self._comma_next(index) and before in ("DET", "MARK", "ADJ"):
                return "ADJ"
            if shaped or is_in("colours", last) or last in ("like", "style", "sized", "shaped"):
                return "ADJ" if nounish or before in ("BE", "CONJ", "ADV") else "NOUN"
            return "ADJ" if nounish and number_value(lower.partition("-")[0]) else "NOUN"
        if lower in _NOUNS_THAT_END_SO or singular(lower) in _NOUNS_THAT_END_SO:
            return "NOUN"
        predicate = before in ("BE", "ADV") and not is_plural(lower)
        if (nounish or predicate) and len(lower) > 4 and lower.endswith(_ADJECTIVE_ENDINGS):
            return "ADJ"
        return "NOUN"

    def _ing(self, lower: str, before: str, nounish: bool) -> str:
        base = verb_base(lower)
        listed = is_in("adjectives", lower)
        summed = before == "DET" and self.words[-1].lower in ("both", "each", "all")
        if summed and not (nounish and (listed or base in _INTRANSITIVE)):
            return "GER"
        if before in _EDGE:
            if nounish and is_in("ing_compounds", lower):
                return "NOUN"
            return "ADJ" if nounish or listed else "NOUN"
        if before in ("BE", "NOUN", "PRON", "REL", "QUOTE", "HAVE"):
            return "ADJ" if listed and before == "BE" and not nounish else "GER"
        if nounish and is_in("ing_compounds", lower) and before in ("", "PREP", "CONJ", "MARK"):
            return "NOUN"
        adjectival = nounish and (listed or base in _INTRANSITIVE)
        if adjectival and before in ("", "PREP", "CONJ", "MARK", "ADV", "VERB", "GER", "PART"):
            return "ADJ"
        return "GER"

    def _is_participle(self, lower: str) -> bool:
        if is_in("ing_nouns", lower):
            return False
        if lower in _PAST_NOUNS and self._previous() in ("DET", "ADJ", "POSS", "NUM", "PREP", ""):
            return False
        return is_past_form(lower)

    def _participle(self, index: int, lower: str, before: str, nounish: bool) -> str:
        after = self._next_static(index)
        if lower == "left" and before == "DET" and not nounish:
            return "NOUN"
        if lower == "left":
            return "" if after not in ("DET", "POSS") or before == "DET" else "VERB"
        if lower in ("ground", "felt", "bound") and before != "BE":
            return "NOUN"
        if before in _EDGE:
            if nounish or is_in("adjectives", lower) or after == "CONJ":
                return "ADJ"
            return "PART" if after in ("PREP",) else "ADJ"
        if nounish and before in ("", "PREP", "CONJ", "MARK", "NOUN", "ADV", "VERB", "GER", "PART"):
            return "ADJ"
        if before == "BE" and not nounish and is_in("adjectives", lower) and after != "PREP":
            return "ADJ"
        if before == "NOUN" and after in ("DET", "POSS"):
            return "VERB"
        return "PART"

    def _verb(self, index: int, lower: str, before: str, nounish: bool) -> str:
        base = verb_base(lower) if lower.endswith("s") and len(lower) > 3 else lower
        pure = is_in("verbs", base)
        mixed = not pure and is_in("verbs_mixed", base)
        if base != lower and lower.endswith("ves") and lower in pairs("irregular_plurals"):
            return ""
        if not (pure or mixed) or before in _EDGE:
            return ""
        after = self._next_static(index)
        if before in ("TO", "MODAL") and base == lower:
            return "VERB"
        if before == "NEG" and base == lower and self.verb_seen:
            return "VERB"
        if before == "PRON" and self.words[-1].lower not in ("it", "him", "them", "us", "me"):
            return "VERB"
        opened = after in ("DET", "POSS", "PREP", "PRON", "NUM")
        if before == "PRON" and (opened or base != lower):
            return "VERB"
        if before == "REL":
            return "VERB"
        opens = after in ("DET", "POSS", "PREP", "PRON", "NUM", "QUOTE")
        return self._finite(lower, base, before, opens, nounish, pure)

    def _several(self) -> bool:
        """Whether the noun before is singular after a number, so that its head is to come."""
        for word in self.words[:-7:-1]:
            if word.tag == "NUM":
                return (number_value(word.lower) or 0) > 1
            if word.tag not in ("NOUN", "ADJ"):
                return False
        return False

    def _finite(
        self, lower: str, base: str, before: str, opens: bool, nounish: bool, pure: bool
    ) -> str:
        third = base != lower
        if before == "":
            return "VERB" if not third and (opens or (pure and nounish)) and base in _PURE else ""
        if before in ("CONJ", "MARK") and base != "have" and _is_known_noun(base):
            return "VERB" if third and opens and self.verb_seen else ""
        if before in ("PREP", "QUOTE") or (before == "CONJ" and not self.verb_seen and not opens):
            return "VERB" if before == "QUOTE" and opens else ""
        if before == "NOUN":
            many = is_plural(self.words[-1].lower)
            if third and not many and self._several():
                return ""
            if third:
                if pure:
                    return "VERB" if not many or opens else ""
                return "VERB" if not many and opens and not self.verb_seen else ""
            if base in _PURE and not self.verb_seen:
                return "VERB"
            return "VERB" if many and not self.verb_seen and (opens or pure) else ""
        if before in ("ADV", "CONJ", "MARK"):
            return "VERB" if pure and (opens or base in _PURE or self.verb_seen) else ""
        return ""


_PURE = word_set(
    """
    wear sit hold carry eat ride contain depict feature surround add remove replace erase
    delete bring read make keep put get give take include consist hang lean lie grow appear
    become cover chase follow create connect fill hug throw catch pull push write sing swim
    fly eat drink lay kick stand face have display reflect reach illuminate adorn form
    resemble wear see insert draw move change turn recolour recolor paint place swap swing
    show touch hit sleep use
    """
)


def _is_known_noun(word: str) -> bool:
    """Whether a word that may be a verb is on one of the lists of nouns."""
    lists = ("parts", "clothing", "persons", "animals", "containers", "settings", "materials")
    return any(is_in(name, word) for name in lists)


def is_past_form(lower: str) -> bool:
    """Whether the word looks like a past participle: ``covered``, ``worn``."""
    if is_in("ing_nouns", lower):
        return False
    if lower in pairs("participles"):
        return True
    return lower.endswith("ed") and len(lower) > 4 and not lower.endswith("eed")
