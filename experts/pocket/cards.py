"""`python -m experts.pocket.cards`: writes the model cards and the tables of docs/pocket.md.

A card says what a model is, how it was trained (`experts.pocket.recipes`, ``training.json``) and
what it measured (the capability tables that `poser experts probe` wrote).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from experts.pocket.recipes import RECIPES, Recipe
from experts.pocket.training.files import replace_file
from poser.core.capability import CapabilityTable, SkillMeasure

TABLES: Final = Path(__file__).parent / "capabilities"
DOCS: Final = Path(__file__).resolve().parent.parent.parent / "docs" / "pocket.md"

_ABOUT: Final[Mapping[str, str]] = {
    "painter": "Draws scenes of the pocket world, 64x64, from captions. The generalist: its small "
    "planner has seen pictures of one or two objects; four steps are enough.",
    "counter": "Draws scenes with the number of objects that the caption names: its planner has "
    "seen nothing but one or two kinds of object, two to four of at least one of them, and was "
    "never told what stands where.",
    "layout": "Draws scenes whose objects stand where the caption says: its planner has seen "
    "nothing but two or three objects of different kinds in a relation, and never two of a kind; "
    "takes six steps.",
    "editor": "Does every edit of 64x64 pictures: looks at the picture, plans with a small, "
    "briefly trained planner which places are to be emptied or painted, repaints those; another "
    "background or style is painted around, or from, the objects that it sees. Takes two steps: "
    "quick and cheap, and worse than those that do one thing.",
    "adder": "Adds objects (also at a relation), replaces, moves and multiplies them: of three "
    "plans it paints the one that covers least; takes four steps.",
    "remover": "The adder, its planner trained further on removing objects.",
    "recolourer": "The adder, its planner trained further on colours and sizes of objects.",
    "scenery": "Changes background and style of 64x64 pictures. The picture before comes in as "
    "further channels (as in InstructPix2Pix), and a gate says which pixels change: elsewhere the "
    "picture before shows through.",
    "stylist": "Gives 64x64 pictures a style, in one pass: what a style does to a picture follows "
    "from the picture, but for the grain of paper, which it takes from noise.",
}

_SLOTS: Final = """a diffusers pipeline in two parts. A planner (`SlotPlanner`, 0.2 to 1.4 million
  weights, flow matching) decides which objects go where{looks}. A renderer, shared by
  seven experts (`experts/pocket/weights/renderer`), paints them: flow matching over space-to-depth
  pixels, without an autoencoder, by a `UNet2DConditionModel` that reads a map of the plan. The
  text encoder is shared as well (`experts/pocket/weights/shared`)."""

_PIXELS: Final = """a diffusers pipeline over space-to-depth pixels, without an autoencoder: a
  `UNet2DConditionModel` with channels {channels}, flow matching, and the text encoder that all
  pocket experts share (`experts/pocket/weights/shared`)."""

_ONE_PASS: Final = """a diffusers pipeline around a small convolutional network (`StyleNet`), which
  adds to a picture what the text state asks for (FiLM), and may put it into a few shades. The text
  encoder is shared by all pocket experts (`experts/pocket/weights/shared`)."""


_CALLS: Final[Mapping[str, tuple[str, str, str]]] = {
    "plan": ("slot_pipeline", "PocketTextToImagePipeline",
             '"a red car left of a tree on a blue background"'),
    "plan edit": ("slot_pipeline", "PocketRepaintPipeline", '"remove the cat", image'),
    "edit": ("pipeline", "PocketEditPipeline", '"change the background to blue", image'),
    "style": ("stylist", "PocketStylePipeline", '"make it in comic style", image'),
}  # fmt: skip
"""By kind of model: module, class of the pipeline, and a call's arguments."""

_WHAT: Final[Mapping[str, str]] = {
    "plan": _SLOTS.format(looks=""),
    "plan edit": _SLOTS.format(looks=", from the instruction and the picture"),
    "edit": _PIXELS,
    "style": _ONE_PASS,
}

_SCENES: Final[Mapping[str, str]] = {
    "any": "scenes of every kind",
    "simple": "scenes of one or two objects",
    "counts": "scenes of one or two kinds, two to four of at least one of them, relations unsaid",
    "layouts": "scenes of single objects of two or three kinds, always related",
}


def _share(measure: SkillMeasure) -> str:
    low, high = measure.interval
    return f"{measure.rate or 0:.2f} ({low:.2f} to {high:.2f})"


def _kept(measure: SkillMeasure) -> str:
    return f"{measure.kept.rate:.3f} of {measure.kept.n}" if measure.kept.rate is not None else ""


def measured(table: CapabilityTable) -> str:
    """One expert's table, as Markdown."""
    lines = ["| skill | success (95 %) | n | the rest kept |", "|---|---|---|---|"]
    lines += [f"| {m.skill} | {_share(m)} | {m.n} | {_kept(m)} |" for m in table.skills]
    seconds = f"{table.seconds:.2f} s" if table.seconds is not None else "not timed"
    batch = f", {16 * table.batch_seconds:.1f} s for 16" if table.batch_seconds is not None else ""
    lines.append(f"\nA call takes {seconds}{batch} (one thread of a shared two-core machine).")
    return "\n".join(lines)


def card(recipe: Recipe, table: CapabilityTable | None) -> str:
    """The model card of a drawing or editing model."""
    record = json.loads((recipe.folder / "training.json").read_text())
    edits = recipe.task != "plan"
    module, kind, call = _CALLS[recipe.task]
    steps = table.defaults.get("num_inference_steps") if table is not None else None
    call = call if steps is None else f"{call}, num_inference_steps={steps}"
    start = f", starting from the {recipe.start}'s weights" if recipe.start else ""
    operations = ", ".join(f"{name} {share:.0%}" for name, share in recipe.operations)
    if recipe.task == "style":
        data = "pictures, also painted ones, and what a style's own treatment makes of them"
    elif edits:
        data = operations or "every edit as it comes"
    else:
        data = _SCENES[recipe.scenes]
    what = _WHAT[recipe.task].format(channels=recipe.channels)
    return f"""---
license: apache-2.0
library_name: diffusers
pipeline_tag: {"image-to-image" if edits else "text-to-image"}
---

# Pocket {recipe.name}

{_ABOUT[recipe.name]}

```python
from experts.pocket.{module} import {kind}

pipeline = {kind}.from_pretrained("experts/pocket/weights/{recipe.name}")
pipeline({call}).images[0]
```

- **What it is**: {what}
- **Data**: rendered on the fly by `experts/pocket`: {data}.
  One (object, colour) pair of each paintable object and one in twelve (object, relation, object)
  are held out.
- **Recipe**: `python -m experts.pocket.train {recipe.name} --minutes M`{start}.
  {record["images"]:,} {"texts" if recipe.task == "plan" else "pairs"}, {record["steps"]:,} steps,
  {record["seconds"] / 60:.0f} minutes on one core of a busy two-core CPU machine.
- **Limits**: knows only the words of `experts/pocket/world.py`; other sizes are resampled to 64x64.
- **Licence**: Apache-2.0. Trained on renderings of Fluent Emoji by Microsoft (MIT), package
  `@lobehub/fluent-emoji-3d` (MIT); see `experts/pocket/ATTRIBUTION.md`.

## Measured

By `poser experts probe`, on tasks drawn afresh, by the word of the detector
(`critic/weights/pocket_detector`), which errs too: its own card says how often. A task succeeds
where everything asked for holds; "the rest kept" is the share of what held before, and was not to
change, that still holds.

{measured(table) if table else "Not measured yet."}
"""


def overview(tables: Sequence[CapabilityTable]) -> str:
    """All experts beside one another: the best of each skill in bold, as Markdown."""
    skills = list(dict.fromkeys(m.skill for table in tables for m in table.skills))
    heads = [table.expert.removeprefix("pocket/") for table in tables]
    lines = [f"| skill | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for skill in skills:
        found = [table.skill(skill) for table in tables]
        rates = [m.rate for m in found if m is not None and m.rate is not None]
        cells = []
        for measure in found:
            if measure is None or measure.rate is None:
                cells.append("")
            else:
                best = measure.rate == max(rates) and len(rates) > 1
                cells.append(f"**{measure.rate:.2f}**" if best else f"{measure.rate:.2f}")
        lines.append(f"| {skill} | {' | '.join(cells)} |")
    kept = [f"{t.kept.rate:.3f}" if t.kept.rate is not None else "" for t in tables]
    times = [f"{t.seconds:.2f}" if t.seconds is not None else "" for t in tables]
    batches = [f"{16 * t.batch_seconds:.1f}" if t.batch_seconds is not None else "" for t in tables]
    lines.append(f"| the rest kept | {' | '.join(kept)} |")
    lines.append(f"| seconds a call | {' | '.join(times)} |")
    lines.append(f"| seconds for 16 | {' | '.join(batches)} |")
    return "\n".join(lines)


def write_between(page: Path, name: str, text: str) -> None:
    """Replaces what stands between ``<!-- NAME -->`` and ``<!-- end -->`` on a page.

    Raises:
        ValueError: The page has no such marks.
    """
    old, mark, end = page.read_text(), f"<!-- {name} -->\n", "<!-- end -->"
    head, found, rest = old.partition(mark)
    if not found or end not in rest:
        raise ValueError(f"{page} has no part {name!r}")
    replace_file(page, (head + mark + text + "\n" + rest[rest.index(end) :]).encode())


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m experts.pocket.cards", description=__doc__)
    parser.add_argument("--tables", type=Path, default=TABLES, help="what the probe wrote")
    options = parser.parse_args(arguments)
    tables = {}
    for name in _ABOUT:
        path = options.tables / f"pocket-{name}.json"
        tables[name] = CapabilityTable.from_json(path.read_bytes()) if path.exists() else None
        text = card(RECIPES[name], tables[name])
        replace_file(RECIPES[name].folder / "README.md", text.encode())
    present = [table for table in tables.values() if table is not None]
    if present:
        write_between(DOCS, "capabilities", overview(present))
    sys.stdout.write(f"{len(tables)} cards, {len(present)} of them with a table\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
