"""English word forms by rule: singular, plural, verb bases, -ing forms, articles."""

from __future__ import annotations

from functools import cache, lru_cache

from poser.decompose.lexicon import NUMBERS, compounds, is_in, pairs, words

_VOWELS = frozenset("aeiou")
_AN_DESPITE_CONSONANT = ("hour", "honest", "honor", "honour", "heir")
_A_DESPITE_VOWEL = ("uni", "use", "usu", "eu", "one", "once", "ute", "ura", "ewe", "ufo", "ukulele")
_UN_WORDS = ("unin", "unid", "unim")


@lru_cache(maxsize=8192)
def singular(noun: str) -> str:
    """The singular of a lower-case noun; nouns that are singular come back as they are."""
    irregular = pairs("irregular_plurals").get(noun)
    if irregular:
        return irregular
    if is_in("singular_s", noun) or is_in("plural_only", noun):
        return noun
    for suffix in ("men", "women"):
        if noun.endswith(suffix) and len(noun) > len(suffix) + 2:
            return noun[: -len(suffix)] + suffix[:-2] + "an"
    if "-" in noun:
        stem, _, last = noun.rpartition("-")
        return f"{stem}-{singular(last)}" if last else noun
    if len(noun) == 3 and noun.endswith("s") and not _VOWELS & set(noun):
        return noun[:-1]
    if len(noun) < 4 or not noun.endswith("s") or noun.endswith(("ss", "us", "sis", "xis", "'s")):
        return noun
    if noun.endswith("ies"):
        return noun[:-3] + "y"
    if noun.endswith(("ches", "shes", "xes", "sses", "zzes")):
        return noun[:-2]
    if noun.endswith("ves"):
        return noun[:-1]
    return noun[:-1]


def is_plural(noun: str) -> bool:
    """Whether the noun takes "are": ``apples``, ``people``, ``scissors``."""
    return is_in("plural_only", noun) or singular(noun) != noun


@cache
def _irregular_by_singular() -> dict[str, str]:
    return {one: many for many, one in reversed(list(pairs("irregular_plurals").items()))}


@lru_cache(maxsize=4096)
def plural(noun: str) -> str:
    """The plural of a singular noun or noun phrase; its last word is made plural."""
    head, space, last = noun.rpartition(" ")
    if is_plural(last):
        return noun
    irregular = _irregular_by_singular().get(last)
    if irregular:
        many = irregular
    elif last in ("sheep", "deer", "fish", "moose", "aircraft", "salmon", "trout", "bison"):
        many = last
    elif last.endswith("man") and last not in ("human", "german", "roman", "talisman"):
        many = last[:-3] + "men"
    elif last.endswith(("s", "x", "z", "ch", "sh")):
        many = last + "es"
    elif last.endswith("y") and len(last) > 1 and last[-2] not in _VOWELS:
        many = last[:-1] + "ies"
    else:
        many = last + "s"
    return head + space + many


def is_uncounted(noun: str) -> bool:
    """Whether a singular noun or compound takes no "a": water, but not a traffic light."""
    before, _, last = noun.rpartition(" ")
    if not is_in("mass_nouns", last):
        return False
    named = (before.rpartition(" ")[2].lower(), last) in compounds()
    return not named and not (before and last == "glass")


def article(phrase: str) -> str:
    """``a`` or ``an``, as the phrase wants it."""
    first = phrase.lower().lstrip("\"'")
    if first.startswith(_AN_DESPITE_CONSONANT):
        return "an"
    if first.startswith(_A_DESPITE_VOWEL) and not first.startswith(_UN_WORDS):
        return "a"
    if first[:1] in ("8",) or first.startswith(("11", "18")):
        return "an"
    return "an" if first[:1] in _VOWELS else "a"


def is_comparative(word: str) -> bool:
    """Whether a lower-case word compares: ``bigger``, ``darker``, ``wider``."""
    if word in ("better", "worse", "closer", "nearer", "farther", "further"):
        return True
    stem = word[:-2] if word.endswith("er") else ""
    forms = {stem, f"{stem}e", _undouble(stem), f"{stem[:-1]}y" if stem.endswith("i") else stem}
    lists = ("adjectives", "sizes", "shapes", "colours", "colour_shades")
    return bool(stem) and any(form and is_in(name, form) for form in forms for name in lists)


def _known_verb(base: str) -> bool:
    return base in words("verbs") or base in words("verbs_mixed")


def _undouble(stem: str) -> str:
    if len(stem) > 2 and stem[-1] == stem[-2] and stem[-1] not in "sl":
        return stem[:-1]
    return stem


def _base_of_stem(stem: str) -> str:
    """The base of a verb whose ``-ing`` or ``-ed`` was cut off."""
    if _known_verb(stem):
        return stem
    if _known_verb(stem + "e"):
        return stem + "e"
    if len(stem) > 2 and stem[-1] == stem[-2] and _known_verb(stem[:-1]):
        return stem[:-1]
    undoubled = _undouble(stem)
    if undoubled != stem:
        return undoubled
    if stem.endswith(
        ("c", "v", "u", "dg", "rg", "nc", "rs", "as", "os", "is", "us", "iz", "yz", "at", "ut")
    ):
        return stem + "e"
    return stem


@lru_cache(maxsize=8192)
def verb_base(word: str) -> str:
    """The base form of a lower-case verb form: ``sitting`` -> ``sit``, ``worn`` -> ``wear``."""
    irregular = pairs("participles").get(word) or pairs("verb_irregular").get(word)
    if irregular:
        return irregular
    if word.endswith("ing") and len(word) > 4:
        return _base_of_stem(word[:-3])
    if word.endswith("ied") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("ed") and len(word) > 3 and not is_in("ing_nouns", word):
        return _base_of_stem(word[:-2])
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        return third_person_base(word)
    return word


def third_person_base(word: str) -> str:
    """The base of a form in -s: ``carries`` -> ``carry``, ``reaches`` -> ``reach``."""
    irregular = pairs("verb_irregular").get(word)
    if irregular:
        return irregular
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("es") and _known_verb(word[:-2]):
        return word[:-2]
    return word[:-1]


@lru_cache(maxsize=4096)
def gerund(base: str) -> str:
    """The -ing form of a verb base: ``sit`` -> ``sitting``, ``ride`` -> ``riding``."""
    if base.endswith("ing"):
        return base
    if base in ("lie", "die", "tie"):
        return base[:-2] + "ying"
    if base.endswith("e") and not base.endswith(("ee", "oe", "ye")):
        return base[:-1] + "ing"
    short = (
        len(base) >= 3
        and base[-1] not in _VOWELS | {"w", "x", "y"}
        and base[-2] in _VOWELS
        and base[-3] not in _VOWELS
        and sum(c in _VOWELS for c in base) == 1
    )
    return base + (base[-1] if short else "") + "ing"


def number_value(word: str) -> int | None:
    """The value of a number word or of digits; ``None`` where it is neither or too large."""
    if word in NUMBERS:
        return NUMBERS[word]
    first, hyphen, second = word.partition("-")
    if hyphen and NUMBERS.get(first, 0) >= 20 and 0 < NUMBERS.get(second, 0) < 10:
        return NUMBERS[first] + NUMBERS[second]
    if word.isascii() and word.isdigit() and len(word) < 5:
        return int(word)
    return None


def number_word(value: int) -> str:
    """A count as it stands in a question: words to twelve, then digits."""
    return next((w for w, v in NUMBERS.items() if v == value and v <= 12), str(value))
