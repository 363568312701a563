"""Training of the planners: which objects go where, for captions and for edits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from experts.pocket import world
from experts.pocket.degrade import soften
from experts.pocket.drawing import render
from experts.pocket.edits import Edit, sample_edit
from experts.pocket.labels import patch_labels
from experts.pocket.language import caption
from experts.pocket.planner import (
    PLACES,
    SlotPlanner,
    named_in,
    noun_indices,
    planning_loss,
)
from experts.pocket.recipes import Recipe
from experts.pocket.sampling import sample_drawn_scene, sample_scene
from experts.pocket.scenes import Thing
from experts.pocket.sharing import encode_text, load_text_encoder
from experts.pocket.sight import CELL
from experts.pocket.slots import EMPTIED, PAINTED, SLOTS, in_groups
from experts.pocket.sprites import SpriteSheet
from experts.pocket.training.precision import mixed
from experts.pocket.training.sight import setting_loss, setting_of, sight_loss
from experts.pocket.training.tensors import to_tensor

LOOK_FIRST = 1200
"""Steps in which a planner that edits only learns to look."""

SEEING = 0.5
"""Weight of the loss of what each cell of the picture shows."""


def changes(edit: Edit) -> list[tuple[Thing, int]]:
    """What an edit empties and what it paints; what is repainted in place is not emptied first.

    In place is what stays of its kind; where another kind takes its place, the old is emptied.
    """
    before, after = edit.before.things, edit.after.things
    new = [thing for thing in after if thing not in before]
    gone = [
        thing
        for thing in before
        if thing not in after
        and not any(
            (t.noun, t.x, t.y, t.size) == (thing.noun, thing.x, thing.y, thing.size) for t in new
        )
    ]
    return [(thing, EMPTIED) for thing in gone] + [(thing, PAINTED) for thing in new]


class PlanTask:
    """The loss and the export of a planner; see `experts.pocket.training.loop.Task`."""

    def __init__(
        self,
        recipe: Recipe,
        sheet: SpriteSheet,
        seed: int,
        batch: int,
        device: torch.device,
        text: Path,
        **sizes: int,
    ) -> None:
        """Builds the model and its data.

        Args:
            recipe: What it is taught.
            sheet: Sprites.
            seed: Of the weights and of all data.
            batch: Texts a step.
            device: Where to train.
            text: Folder of the trained text encoder; it stays as it is.
            **sizes: Passed on to `SlotPlanner`.
        """
        self.name, self.recipe, self.sheet = recipe.name, recipe, sheet
        self.seed, self.batch, self.device, self.text = seed, batch, device, text
        self.edits = recipe.task == "plan edit"
        self.text_encoder, self.tokenizer = load_text_encoder(text)
        self.text_encoder.to(device)
        torch.manual_seed(seed)
        width = int(self.text_encoder.config.hidden_size)
        sizes = {**dict(recipe.planner), **sizes}
        self.planner = SlotPlanner(looks=self.edits, text_width=width, **sizes)
        self.model: nn.Module = nn.ModuleDict({"planner": self.planner}).to(device)

    def start_from(self, state: dict[str, Any]) -> None:
        """Takes over the averaged weights of a checkpoint of the same sizes."""
        self.model.load_state_dict(state["averaged"])

    def _drawn(self, rng: np.random.Generator) -> tuple[Any, ...]:
        scene, relations = sample_drawn_scene(self.sheet, rng, self.recipe.scenes)
        # What stands where is said to those alone who are to learn it.
        said = [] if self.recipe.scenes == "counts" else relations
        told = caption(scene, said, rng)
        return told, [(thing, PAINTED) for thing in scene.things], None, None

    def _edited(self, rng: np.random.Generator) -> tuple[Any, ...]:
        names, shares = zip(*self.recipe.operations, strict=True)
        edit = sample_edit(self.sheet, rng, str(rng.choice(names, p=shares)))
        before = render(self.sheet, edit.before)
        if rng.random() < 0.6:
            before = soften(before, rng)
        labels = patch_labels(self.sheet, edit.before, CELL)
        setting = setting_of(edit.before)
        return edit.told, changes(edit), before, labels, setting

    def _look(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        """Only what the eye sees: several times as fast as planning, and planning rests on it."""
        images, labels, settings = [], [], []
        for _ in range(self.batch):
            scene, _ = sample_scene(self.sheet, rng)
            image = render(self.sheet, scene)
            images.append(soften(image, rng) if rng.random() < 0.6 else image)
            labels.append(patch_labels(self.sheet, scene, CELL))
            settings.append(setting_of(scene))
        nouns = torch.full((self.batch, world.MAX_GROUPS), -1, device=self.device)
        with mixed(self.device):
            shown, _, setting = self.planner.look(to_tensor(images, self.device), nouns)
        sight, ground = sight_loss(shown, labels), setting_loss(setting, settings)
        return sight + ground, {"sight": float(sight.detach()), "setting": float(ground.detach())}

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of one batch."""
        rng = np.random.default_rng([self.seed, 17, step])
        if self.edits and self.recipe.start is None and step < LOOK_FIRST:
            return self._look(rng)
        source = torch.Generator().manual_seed((self.seed << 32) + step)
        draw = self._edited if self.edits else self._drawn
        drawn = [draw(rng) for _ in range(self.batch)]
        texts = [item[0].text for item in drawn]
        named, kinds = named_in(self.tokenizer, texts)
        made = [in_groups(item[1], words) for item, words in zip(drawn, kinds, strict=True)]
        rows = torch.from_numpy(np.stack(made)).to(self.device)
        named = named.to(self.device)
        noise = torch.randn(len(drawn), SLOTS, PLACES, generator=source).to(self.device)
        level = torch.sigmoid(0.5 + torch.randn(len(drawn), generator=source)).to(self.device)
        pure = torch.rand(len(drawn), generator=source).to(self.device) < 0.15
        level = torch.where(pure, torch.ones_like(level), level)
        with mixed(self.device):
            with torch.no_grad():
                states, mask = encode_text(self.tokenizer, self.text_encoder, texts)
            seen, sight = None, torch.zeros((), device=self.device)
            if self.edits:
                shown, seen, setting = self.planner.look(
                    to_tensor([item[2] for item in drawn], self.device),
                    noun_indices(kinds).to(self.device),
                )
                sight = sight_loss(shown, [item[3] for item in drawn])
                sight = sight + setting_loss(setting, [item[4] for item in drawn])
            loss, figures = planning_loss(
                self.planner, rows, level, noise, states, mask, named, seen
            )
        figures["sight"] = float(sight.detach())
        return loss.float() + SEEING * sight, figures

    def export(self, averaged: dict[str, Tensor], folder: Path, record: dict[str, Any]) -> None:
        """Saves the averaged planner in float16 as part of a pipeline."""
        from experts.pocket.slot_pipeline import export_pipeline

        config = {k: v for k, v in self.planner.config.items() if not k.startswith("_")}
        planner = SlotPlanner(**config)
        planner.load_state_dict(
            {
                k.removeprefix("planner."): v.cpu()
                for k, v in averaged.items()
                if k[:8] == "planner."
            }
        )
        export_pipeline(planner.half().eval(), self.recipe, folder, self.text)
        (folder / "training.json").write_text(json.dumps(record, indent=2) + "\n")
