"""How good and how fast the decomposition by rules is.

    python benchmarks/decompose.py [--quick] [--json FILE] [--seed N] [--benchmarks DIR]

Four measurements, on the public prompt sets in ``shared/benchmarks``:

**DSG-1k** (human-checked tuples). For each item the plan's criteria are compared with the tuples
of the item. What counts as a match, one to one, summed over all items (micro average):

- Normalised: lower case, articles and possessors stripped ("the man's shirt" is "shirt"), a
  collective before "of" stripped ("group of people" is "people"), words singular, verbs in their
  base form, degree words ("very") and the words "color", "made of" dropped.
- An entity matches an entity of the same head noun (the last word of the name).
- An attribute matches an attribute if the heads of the entities are the same and the attribute
  words are the same set. A relation of one thing only ("manikins, walk") counts as an attribute.
- A relation matches a relation if both heads are the same, in this order, and so is the relation:
  synonyms are one ("over", "above"), a verb of posture or place before a preposition is dropped
  ("sits on" is "on"), and "with", "has" and "wears" are one.
- Criteria about literal texts are left out on both sides: DSG files them under "other".
- Strict (the headline) is the above. Lenient: entities share their head or any word; attributes
  have the same entity head and share a word; relations join the same two heads in either order.

Entities, attributes and relations make the overall F1; counts and the global tuples (medium,
style) are reported apart. The rules were developed on one seeded half of these items; both halves
are shown.

**T2I-CoReBench** (checklists). A checklist question is covered where every content word of it
occurs in the plan's criteria (question, tuple or literal text): in those about one thing, that
is, a criterion with all that depend on it ("one thing"), or in any of them ("whole plan"). Words
that only frame a question ("present", "image", "positioned") are left out. Coverage says that the
plan speaks of what is asked, not that it says the same of it.

**GenEval** (short prompts with metadata). A prompt is right where the plan has every object, count,
colour and position of the metadata, word for word.

**LongBench-T2I** (long prompts). Time of ``decompose`` for 50 to 1,000 words, the median of
several prompts, and the exponent of a power law fitted to it: 1 is linear growth.
"""

from __future__ import annotations

import csv
import json
import math
import random
import re
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from machine import arguments, describe, write

from poser.core.errors import InvalidPromptError
from poser.core.plan import Plan
from poser.decompose import RuleDecomposer, content_words
from poser.decompose.lexicon import is_in, material_adjectives, word_set
from poser.decompose.morphology import number_value, singular, verb_base
from poser.decompose.prepositions import PREPOSITIONS

ROOT = Path(__file__).resolve().parents[1]
CATEGORIES = ("entity", "attribute", "relation")
_DROPPED = frozenset(
    """a an the very quite highly extremely slightly some color colour colored coloured be is are
    of made in to by from""".split()
)
_HAVING = frozenset("with have has wear wearing having".split())
_RELATION_SYNONYMS = {
    "inside": "in", "within": "in", "into": "in", "beside": "next to", "by": "next to",
    "alongside": "next to", "near": "next to", "atop": "on", "on top of": "on", "onto": "on",
    "upon": "on", "at the top of": "on", "over": "above", "under": "below", "beneath": "below",
    "underneath": "below", "in back of": "behind", "surround": "around", "surrounded": "around",
}  # fmt: skip
_PLACING = word_set(
    """
    appear arrange be crouch dance display exist find fix float fly grow hang hover install
    jump keep kneel lay lean lie live locate lounge mount nestle park perch pile place play
    position put recline relax remain rest run scatter seat see set sit situate sleep spread
    squat stack stand station stay swim wait walk work
    """
)
"""Verbs that add little to the preposition after them: "sits on" is "on"."""
_QUESTION_WORDS = frozenset(
    """present image picture scene position visible show appear appearance display locate place
    look clear noticeable color colour make exact just text total pair""".split()
)


@dataclass
class Tally:
    """Matches, predictions and gold tuples."""

    matched: int = 0
    predicted: int = 0
    gold: int = 0

    def scores(self) -> tuple[float, float, float]:
        """Precision, recall, F1."""
        precision = self.matched / self.predicted if self.predicted else 0.0
        recall = self.matched / self.gold if self.gold else 0.0
        total = precision + recall
        return precision, recall, 2 * precision * recall / total if total else 0.0


@dataclass
class Item:
    """A DSG item: its prompt and the tuples by category, each a list of strings."""

    prompt: str
    tuples: dict[str, list[list[str]]] = field(default_factory=lambda: defaultdict(list))


# -- normal forms ------------------------------------------------------------------------------


def stem(word: str) -> str:
    """A word as it is compared: singular, verbs and materials in their base form."""
    word = material_adjectives().get(word, word)
    if word.endswith(("ing", "ed")) and not is_in("ing_nouns", word):
        return verb_base(word)
    base = verb_base(word)
    if base != word and is_in("verbs", base):
        return base
    return singular(word)


def name_words(name: str) -> list[str]:
    """The words of an entity's name that are compared; the last is its head."""
    text = name.lower().replace("’", "'").strip()
    text = re.sub(r"_\d+$", "", text)
    text = re.split(r"'s\s+|s'\s+", text)[-1]
    first, of, rest = text.partition(" of ")
    if of:
        head = first.split()[-1] if first.split() else ""
        text = rest if is_in("collectives", singular(head)) else first
    words = [singular(w) for w in re.findall(r"[\w-]+", text) if w not in ("a", "an", "the")]
    return words or [text]


def head(name: str) -> str:
    """The head noun of a name."""
    return name_words(name)[-1]


def attribute_words(text: str) -> frozenset[str]:
    """The words of an attribute that are compared."""
    words = [w for w in re.findall(r"[\w-]+", text.lower()) if w not in _DROPPED]
    return frozenset(stem(w) for w in words) or frozenset([text.lower()])


def relation_key(text: str) -> str:
    """A relation as it is compared."""
    lowered = " ".join(re.findall(r"[\w-]+", text.lower()))
    words = [w for w in lowered.split() if w not in ("be", "is", "are")]
    if words and (words[0] in _HAVING or verb_base(words[0]) in _HAVING):
        return "have"
    for start in range(len(words)):
        rest = " ".join(words[start:])
        if rest in PREPOSITIONS:
            normal = PREPOSITIONS[rest]
            normal = _RELATION_SYNONYMS.get(normal, normal)
            before = [verb_base(w) for w in words[:start]]
            if all(b in _PLACING for b in before):
                return "have" if normal == "with" else normal
            return " ".join([*before, normal])
    bases = [verb_base(w) for w in words]
    return " ".join(_RELATION_SYNONYMS.get(b, b) for b in bases)


# -- DSG-1k ------------------------------------------------------------------------------------


def read_dsg(path: Path) -> dict[str, Item]:
    """The items of a DSG file."""
    items: dict[str, Item] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            item = items.setdefault(row["item_id"], Item(row["text"]))
            match = re.match(r"^(\S+) - (.*?)\s*\((.*)\)\s*$", row["tuple"], re.DOTALL)
            if not match:
                continue
            broad, detail, inner = match.groups()
            parts = [p.strip() for p in inner.split(",")]
            category = row["category_broad"].strip()
            if category == "other" and detail.startswith("count"):
                item.tuples["count"].append([parts[0], parts[-1].lstrip("=> ")])
            elif category == "relation" and len(parts) == 2:
                item.tuples["attribute"].append(parts)
            elif category == "relation" and len(parts) >= 3:
                item.tuples["relation"].append([parts[0], parts[1], ", ".join(parts[2:])])
            elif category == "attribute" and len(parts) >= 2:
                item.tuples["attribute"].append([parts[0], ", ".join(parts[1:])])
            elif category == "entity" or category == "global":
                item.tuples[category].append([inner.strip()])
            del broad
    return items


def plan_tuples(plan: Plan) -> dict[str, list[list[str]]]:
    """The tuples behind a plan's criteria, by category."""
    found: dict[str, list[list[str]]] = defaultdict(list)
    where_texts_are = {k.id for c in plan.commands if c.op == "text" for k in c.criteria}
    for criterion in plan.criteria:
        if criterion.id in where_texts_are:
            continue
        about = list(criterion.about)
        if criterion.kind in ("entity", "global") and about:
            found[criterion.kind].append(about[:1])
        elif criterion.kind == "attribute" and len(about) == 2:
            found["attribute"].append(about)
        elif criterion.kind == "count" and len(about) == 2:
            found["count"].append(about)
        elif criterion.kind == "relation" and len(about) == 3:
            found["relation"].append(about)
    return found


def keys(category: str, parts: list[str], lenient: bool) -> frozenset[Any]:
    """What a tuple can match by: two tuples match where they share one of these."""
    if category == "entity":
        words = name_words(parts[0])
        return frozenset(words if lenient else [words[-1]])
    if category == "attribute":
        words_of = attribute_words(parts[1])
        if lenient:
            return frozenset((head(parts[0]), w) for w in words_of)
        return frozenset([(head(parts[0]), words_of)])
    if category == "relation":
        ends = (head(parts[0]), head(parts[1]))
        if lenient:
            return frozenset([tuple(sorted(ends))])
        return frozenset([(*ends, relation_key(parts[2]))])
    if category == "count":
        number = number_value(parts[1].lower())
        return frozenset([(head(parts[0]), str(number) if number else parts[1].lower())])
    return attribute_words(parts[0])


def matches(gold: list[frozenset[Any]], predicted: list[frozenset[Any]]) -> int:
    """The size of a greatest one-to-one matching (augmenting paths)."""
    edges = [[i for i, p in enumerate(predicted) if g & p] for g in gold]
    taken: dict[int, int] = {}

    def assign(g: int, seen: set[int]) -> bool:
        for p in edges[g]:
            if p not in seen:
                seen.add(p)
                if p not in taken or assign(taken[p], seen):
                    taken[p] = g
                    return True
        return False

    return sum(assign(g, set()) for g in range(len(gold)))


def measure_dsg(items: Iterable[Item]) -> dict[str, dict[str, Tally]]:
    """Tallies by variant (strict, lenient) and category, "overall" included."""
    decomposer = RuleDecomposer()
    result: dict[str, dict[str, Tally]] = {v: defaultdict(Tally) for v in ("strict", "lenient")}
    for item in items:
        try:
            predicted = plan_tuples(decomposer.decompose(item.prompt))
        except InvalidPromptError:
            predicted = {}
        for variant, tallies in result.items():
            for category in (*CATEGORIES, "count", "global"):
                lenient = variant == "lenient"
                gold = [keys(category, t, lenient) for t in item.tuples.get(category, [])]
                ours = [keys(category, t, lenient) for t in predicted.get(category, [])]
                found = matches(gold, ours)
                names = [category] + (["overall"] if category in CATEGORIES else [])
                for name in names:
                    tallies[name].matched += found
                    tallies[name].predicted += len(ours)
                    tallies[name].gold += len(gold)
    return {v: dict(t) for v, t in result.items()}


def halves(items: dict[str, Item], seed: int) -> tuple[list[Item], list[Item]]:
    """The half that the rules were developed on, and the other."""
    order = sorted(items)
    random.Random(seed).shuffle(order)
    middle = len(order) // 2
    return [items[i] for i in order[:middle]], [items[i] for i in order[middle:]]


# -- T2I-CoReBench -----------------------------------------------------------------------------


def _stems(text: str) -> set[str]:
    return {stem(w.replace("-", "")) for w in content_words(text)}


def _about_one_thing(plan: Plan) -> list[set[str]]:
    """The words of the criteria about each thing: those that depend on it, and what they name."""
    own: dict[str, set[str]] = {}
    for command in plan.commands:
        for k in command.criteria:
            own[k.id] = _stems(" ".join([k.question, *k.about, command.text or ""]))
    groups = {name: set(words) for name, words in own.items()}
    for k in plan.criteria:
        for parent in k.depends_on:
            groups[parent] |= own[k.id]
            groups[k.id] |= own[parent]
    return list(groups.values())


def measure_corebench(
    folder: Path, limit: int | None, seed: int
) -> dict[str, tuple[int, int, int]]:
    """Per file: checklist questions, and how many are covered strictly and leniently."""
    decomposer = RuleDecomposer()
    result: dict[str, tuple[int, int, int]] = {}
    for path in sorted(folder.glob("C-*.json")):
        entries = list(json.loads(path.read_text(encoding="utf-8")).values())
        if limit:
            entries = random.Random(seed).sample(entries, min(limit, len(entries)))
        total = strict = lenient = 0
        for entry in entries:
            plan = decomposer.decompose(entry["Prompt"])
            said = _about_one_thing(plan)
            everything = set().union(*said)
            for check in entry["Checklist"]:
                total += 1
                asked = _stems(check["question"]) - _QUESTION_WORDS
                strict += any(asked <= own for own in said)
                lenient += asked <= everything
        result[path.stem] = (total, strict, lenient)
    return result


# -- GenEval -----------------------------------------------------------------------------------


def measure_geneval(path: Path) -> dict[str, tuple[int, int]]:
    """Per kind of prompt: how many, and of how many the plan holds all that the metadata say."""
    decomposer = RuleDecomposer()
    result: dict[str, tuple[int, int]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        plan = decomposer.decompose(entry["prompt"])
        found = {(k.kind, *k.about) for k in plan.criteria}
        wanted: set[tuple[str, ...]] = set()
        for thing in entry["include"]:
            name = thing["class"]
            wanted.add(("entity", name))
            if thing["count"] > 1:
                wanted.add(("count", name, str(thing["count"])))
            if "color" in thing:
                wanted.add(("attribute", name, thing["color"]))
            if "position" in thing:
                relation, other = thing["position"]
                wanted.add(("relation", name, entry["include"][other]["class"], relation))
        total, right = result.get(entry["tag"], (0, 0))
        result[entry["tag"]] = (total + 1, right + (wanted <= found))
    return result


# -- time --------------------------------------------------------------------------------------


def measure_time(path: Path, seed: int, quick: bool) -> tuple[list[tuple[int, float]], float]:
    """Median seconds by length in words, and the fitted exponent."""
    with path.open(encoding="utf-8") as file:
        prompts = [json.loads(line)["instruction"] for line in file]
    random.Random(seed).shuffle(prompts)
    text = " ".join(" ".join(prompts).split()).split(" ")
    decomposer = RuleDecomposer()
    decomposer.decompose(" ".join(text[:200]))
    table = []
    for words in (50, 100, 200, 400, 700, 1000):
        times = []
        for sample in range(3 if quick else 9):
            prompt = " ".join(text[sample * 1000 : sample * 1000 + words])
            start = time.perf_counter()
            decomposer.decompose(prompt)
            times.append(time.perf_counter() - start)
        table.append((words, statistics.median(times)))
    return table, exponent(table)


def exponent(table: list[tuple[int, float]]) -> float:
    """The slope of log time over log length."""
    xs = [math.log(w) for w, _ in table]
    ys = [math.log(s) for _, s in table]
    mx, my = statistics.fmean(xs), statistics.fmean(ys)
    below = sum((x - mx) ** 2 for x in xs)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys, strict=True)) / below


# -- printing ----------------------------------------------------------------------------------


def print_dsg(name: str, count: int, scores: dict[str, dict[str, Tally]]) -> None:
    """One table of precision, recall and F1."""
    print(f"\nDSG-1k, {name} ({count} items)")
    print(f"  {'':<10} {'strict (headline)':^26}   {'lenient':^26}")
    columns = f"{'precision':>9} {'recall':>7} {'F1':>7}"
    print(f"  {'':<10} {columns}     {columns}")
    for row in (*CATEGORIES, "overall", "count", "global"):
        cells = []
        for variant in ("strict", "lenient"):
            p, r, f = scores[variant].get(row, Tally()).scores()
            cells.append(f"{p:9.3f} {r:7.3f} {f:7.3f}")
        print(f"  {row:<10} {cells[0]}     {cells[1]}")


def main(argv: list[str] | None = None) -> int:
    """Runs the measurements and prints the table."""
    parser = arguments((__doc__ or "").partition("\n")[0])
    default = ROOT.parent / "shared" / "benchmarks"
    parser.add_argument("--benchmarks", type=Path, default=default, help="folder of prompt sets")
    options = parser.parse_args(argv)
    report: dict[str, Any] = {"seed": options.seed, "quick": options.quick}
    print(describe())
    print(f"decomposer {RuleDecomposer.name}, seed {options.seed}")
    folder: Path = options.benchmarks
    dsg = folder / "dsg-1k" / "dsg-1k-dev.csv"
    if dsg.is_file():
        items = read_dsg(dsg)
        developed, other = halves(items, options.seed)
        for name, half in (
            ("developed on", developed),
            ("other half", other),
            ("all", [*developed, *other]),
        ):
            if options.quick and name == "all":
                continue
            scores = measure_dsg(half)
            print_dsg(name, len(half), scores)
            report[f"dsg-1k {name}"] = {
                v: {
                    c: dict(zip(("precision", "recall", "f1"), t.scores(), strict=True))
                    for c, t in s.items()
                }
                for v, s in scores.items()
            }
    else:
        print(f"\nDSG-1k: not measured, {dsg} is absent")
    core = folder / "t2i-corebench"
    if core.is_dir():
        covered = measure_corebench(core, 20 if options.quick else None, options.seed)
        print("\nT2I-CoReBench, share of checklist questions covered")
        print(f"  {'':<10} {'questions':>9} {'one thing':>14} {'whole plan':>11}")
        sums = Counter[str]()
        for name, (total, strict, lenient) in covered.items():
            sums.update(total=total, strict=strict, lenient=lenient)
            print(f"  {name:<10} {total:9d} {strict / total:14.3f} {lenient / total:11.3f}")
        total = sums["total"]
        one, whole = sums["strict"] / total, sums["lenient"] / total
        print(f"  {'all':<10} {total:9d} {one:14.3f} {whole:11.3f}")
        report["t2i-corebench"] = {
            n: {"questions": t, "one_thing": s / t, "whole_plan": w / t}
            for n, (t, s, w) in {**covered, "all": (total, sums["strict"], sums["lenient"])}.items()
        }
    else:
        print(f"\nT2I-CoReBench: not measured, {core} is absent")
    geneval = folder / "geneval" / "evaluation_metadata.jsonl"
    if geneval.is_file():
        right = measure_geneval(geneval)
        print("\nGenEval, prompts whose things, counts, colours and positions are all in the plan")
        for name, (total, good) in right.items():
            print(f"  {name:<14} {good:4d} of {total:4d}")
        report["geneval"] = {n: {"prompts": t, "right": g} for n, (t, g) in right.items()}
    else:
        print(f"\nGenEval: not measured, {geneval} is absent")
    long = folder / "longbench-t2i" / "instruction.jsonl"
    if long.is_file():
        table, slope = measure_time(long, options.seed, options.quick)
        print("\nLongBench-T2I, median time of decompose")
        for words, seconds in table:
            print(f"  {words:5d} words {seconds * 1000:8.1f} ms")
        print(f"  time grows with length to the power {slope:.2f}")
        report["longbench-t2i"] = {
            "milliseconds": {str(w): s * 1000 for w, s in table},
            "exponent": slope,
        }
    else:
        print(f"\nLongBench-T2I: not measured, {long} is absent")
    write(options.json, report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
