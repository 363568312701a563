"""`python -m experts.pocket.prompts`: long prompts in the pocket world, with what they ask for.

Every prompt is made from a scene that fulfils it, so each can be drawn. The splits share no
(noun, colour) pair and no (noun, relation, other) triple: a hash gives each to one split, about
80, 10 and 10 in a hundred; those kept out of the models' training belong to the test split.
"""

from __future__ import annotations

import argparse
import json
import pkgutil
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from experts.pocket.drafts import Draft
from experts.pocket.prose import tell
from experts.pocket.requirements import SPLITS, Key, is_held_out, key_of
from experts.pocket.scenes import Scene, arrange
from experts.pocket.sprites import SpriteSheet
from poser.core.plan import Criterion

FEWEST: Final = 4
MOST: Final = 12
"""Fewest and most requirements of a prompt."""

_STREAM: Final = 7_301
_MANY: Final = 7_302
_TRIES: Final = 2_000


@dataclass(frozen=True, slots=True)
class LongPrompt:
    """A prompt and its truth.

    Attributes:
        text: The prompt.
        scene: A picture that fulfils it.
        criteria: All it asks for, in the forms of `poser.decompose.RuleDecomposer`.
        split: One of `SPLITS`.
        seed: `sample_prompt` with it, and the same other arguments, makes the prompt again.
    """

    text: str
    scene: Scene
    criteria: tuple[Criterion, ...]
    split: str
    seed: int

    @property
    def requirements(self) -> int:
        """How many criteria there are."""
        return len(self.criteria)

    @property
    def held_out(self) -> bool:
        """Whether it asks for a colour or relation kept out of the models' training."""
        return any(is_held_out(criterion) for criterion in self.criteria)


def sample_prompt(
    sheet: SpriteSheet,
    source: np.random.Generator | int,
    split: str = "train",
    requirements: int | None = None,
    held_out: bool = True,
) -> LongPrompt:
    """Draws one prompt.

    Args:
        sheet: Sprites, for their proportions.
        source: A seed, or a generator to draw one from.
        split: One of `SPLITS`; the same seed means another prompt in another split.
        requirements: How many things it asks for, `FEWEST` to `MOST`; drawn where None.
        held_out: Whether a test prompt may ask for colours and relations that are kept out of
            the models' training.

    Raises:
        ValueError: The split is unknown or the number is out of range.
    """
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; one of {', '.join(SPLITS)}")
    if requirements is not None and not FEWEST <= requirements <= MOST:
        raise ValueError(f"requirements must be {FEWEST} to {MOST}, not {requirements}")
    seed = source if isinstance(source, int) else int(source.integers(1 << 31))
    rng = np.random.default_rng([_STREAM, SPLITS.index(split), seed])
    wanted = requirements or int(rng.integers(FEWEST, MOST + 1))
    draft = Draft(rng, split, held_out)
    for _ in range(_TRIES):
        drawn = draft.draw(wanted)
        if drawn is None:
            continue
        asked, background = drawn
        try:
            scene = arrange(
                sheet, rng, asked.groups, asked.relations, background, asked.style
            )  # fmt: skip
        except ValueError:
            continue
        return LongPrompt(tell(asked, rng), scene, asked.criteria(), split, seed)
    raise RuntimeError(f"no {split} prompt with {wanted} requirements was found")


def prompts(
    sheet: SpriteSheet,
    split: str,
    n: int,
    seed: int,
    requirements: int | None = None,
    held_out: bool = True,
) -> list[LongPrompt]:
    """Draws `n` prompts of a split; arguments and errors as `sample_prompt`."""
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; one of {', '.join(SPLITS)}")
    rng = np.random.default_rng([_MANY, SPLITS.index(split), seed])
    return [sample_prompt(sheet, rng, split, requirements, held_out) for _ in range(n)]


def to_json(prompt: LongPrompt) -> dict[str, Any]:
    """The prompt as plain data: one JSON line."""
    scene = prompt.scene
    return {
        "text": prompt.text,
        "split": prompt.split,
        "seed": prompt.seed,
        "requirements": prompt.requirements,
        "held_out": prompt.held_out,
        "criteria": [criterion.model_dump(mode="json") for criterion in prompt.criteria],
        "scene": {
            "background": scene.background,
            "style": scene.style,
            "things": [
                [t.noun, t.colour, round(t.x, 1), round(t.y, 1), t.size] for t in scene.things
            ],
        },
    }


@dataclass(slots=True)
class Agreement:
    """How well a decomposer recovers what prompts ask for.

    Attributes:
        right: Requirements that it read.
        truth: Requirements that there were.
        read: Criteria that it made, each once.
        missed: Requirements that it did not read, by kind.
        invented: Criteria that nothing in the prompt asks for, by kind.
        wrong: Texts of prompts that were not read exactly, with what was missed and invented.
    """

    right: int = 0
    truth: int = 0
    read: int = 0
    missed: Counter[str] = field(default_factory=Counter)
    invented: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[str, list[Key], list[Key]]] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Share of the requirements that were read."""
        return self.right / max(self.truth, 1)

    @property
    def precision(self) -> float:
        """Share of what was read that is a requirement."""
        return self.right / max(self.read, 1)

    def add(self, prompt: LongPrompt, criteria: Sequence[Criterion]) -> None:
        """Counts what was read out of one more prompt."""
        truth = {key_of(criterion) for criterion in prompt.criteria}
        read = {key_of(criterion) for criterion in criteria}
        self.right += len(truth & read)
        self.truth += len(truth)
        self.read += len(read)
        self.missed.update(key[0] for key in truth - read)
        self.invented.update(key[0] for key in read - truth)
        if truth != read:
            self.wrong.append((prompt.text, sorted(truth - read), sorted(read - truth)))

    def __str__(self) -> str:
        missed = ", ".join(f"{n} {kind}" for kind, n in self.missed.most_common()) or "nothing"
        invented = ", ".join(f"{n} {kind}" for kind, n in self.invented.most_common()) or "nothing"
        return (
            f"recall {self.recall:.3f}, precision {self.precision:.3f} of {self.truth} "
            f"requirements; missed {missed}; invented {invented}"
        )


def agreement(
    sample: Sequence[LongPrompt], read: Callable[[str], Sequence[Criterion]]
) -> Agreement:
    """Holds what `read` makes of each prompt's text against its truth."""
    found = Agreement()
    for prompt in sample:
        found.add(prompt, read(prompt.text))
    return found


def _shown(prompt: LongPrompt) -> str:
    asked = [
        f"  {k.id:>3} {'' if k.expected else 'not '}{k.question}  ({k.kind} {', '.join(k.about)})"
        for k in prompt.criteria
    ]
    head = f"# {prompt.split} {prompt.seed}, {prompt.requirements} requirements"
    return "\n".join([head, prompt.text, *asked, ""])


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m experts.pocket.prompts", description=__doc__)
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--n", type=int, default=5, help="how many prompts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--requirements", type=int, metavar="K", help=f"{FEWEST} to {MOST}")
    parser.add_argument(
        "--known", action="store_true", help="leave out what the models were not trained on"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write JSON lines to FILE")
    parser.add_argument(
        "--texts", type=Path, metavar="FOLDER", help="write each text to a file there, to train on"
    )
    parser.add_argument(
        "--check",
        nargs="?",
        const="poser.decompose:RuleDecomposer",
        metavar="MODULE:CLASS",
        help="print how well a decomposer recovers the truth; the built-in one where none is named",
    )
    options = parser.parse_args(arguments)
    sample = prompts(
        SpriteSheet.load(),
        options.split,
        options.n,
        options.seed,
        options.requirements,
        not options.known,
    )
    if options.json:
        lines = [json.dumps(to_json(prompt), ensure_ascii=False) for prompt in sample]
        options.json.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if options.texts:
        options.texts.mkdir(parents=True, exist_ok=True)
        for number, prompt in enumerate(sample):
            file = options.texts / f"{options.split}-{number:04d}.txt"
            file.write_text(prompt.text + "\n", encoding="utf-8")
    if options.check:
        decomposer = pkgutil.resolve_name(options.check)()
        found = agreement(sample, lambda text: decomposer.decompose(text).criteria)
        for text, missed, invented in found.wrong:
            sys.stdout.write(f"{text}\n  missed {missed}\n  invented {invented}\n\n")
        sys.stdout.write(f"{found}\n")
    elif not options.json and not options.texts:
        sys.stdout.write("\n".join(_shown(prompt) for prompt in sample))
    return 0


if __name__ == "__main__":
    sys.exit(main())
