"""The background: settings named on their own, "the beach" again, what is said of it."""

from __future__ import annotations

from poser.decompose.lexicon import is_in
from poser.decompose.morphology import singular
from poser.decompose.phrases import Modifier, Phrase
from poser.decompose.reading import Gatherer, Reading
from poser.decompose.reference import References
from poser.decompose.scene import Scene, Span, Thing
from poser.decompose.tagging import Word


class SceneryReader:
    """The part of reading a clause that takes what is behind everything."""

    words: list[Word]
    now: Reading

    def __init__(self, scene: Scene, references: References) -> None:
        self.scene = scene
        self.references = references
        self.gather = Gatherer(scene, references)
        self.words = []
        self.now = Reading()

    def _behind(self) -> bool:
        """Whether "in the background" opened the clause."""
        return any(front.region == "the background" for front in self.now.fronts)

    def _sets(self, end: int) -> bool:
        """Whether a setting right at the start of the prompt stands by itself: "a beach with"."""
        if end >= len(self.words) or self.words[end].lower in (",", "where"):
            return True
        after = self.words[end + 1 : end + 2]
        return self.words[end].lower == "with" and bool(after) and after[0].tag in ("DET", "NUM")

    def _scenery(self, phrase: Phrase, end: int, spans: list[Span]) -> int:
        carry, self.now.carry = self.now.carry, []
        thing = self.scene.background([*carry, *spans])
        adjectives = [m.text for m in phrase.modifiers]
        text = " ".join([*adjectives, *phrase.compound, phrase.head])
        key = " ".join([*phrase.compound, phrase.lemma])
        self.references.describe(thing, Modifier(text, key, "scene", tuple(phrase.words)))
        self.now.adjacent = False
        self.now.pending = None
        return end

    def _is_setting(self, phrase: Phrase) -> bool:
        """Whether the phrase names a scene that can be the background."""
        named = is_in("backdrops", phrase.lemma) or (
            phrase.lemma == "sky" and "night" in phrase.compound
        )
        named = named or (
            phrase.lemma == "field" and any(m.key == "snowy" for m in phrase.modifiers)
        )
        free = self.scene.backdrop is None and not phrase.owner and not phrase.owner_pronoun
        plain = phrase.count is None and phrase.determiner in ("indef", "def", "")
        return named and free and plain and not phrase.proper

    def _is_scenery(self, phrase: Phrase) -> bool:
        """Whether the phrase names the background again: "the beach"."""
        if self.scene.backdrop is None or phrase.count or phrase.owner or phrase.owner_pronoun:
            return False
        key = " ".join([*phrase.compound, phrase.lemma])
        traits = self.scene.things[self.scene.backdrop].traits
        return any(t.kind == "scene" and t.key in (key, phrase.lemma) for t in traits)

    def _background(self, phrase: Phrase, spans: list[Span]) -> Thing:
        thing = self.scene.background(spans)
        for modifier in phrase.modifiers:
            self.references.describe(thing, modifier)
        for noun in phrase.compound:
            words = tuple(w for w in phrase.words if w.lower == noun)
            kind = "colour" if is_in("colours", noun) else "scene"
            self.references.describe(thing, Modifier(noun, singular(noun), kind, words))
        return thing
