"""Training of the detector that pictures are measured with.

It is no reward. All it shares with the critic is the world and the ways pictures are degraded:
it is made of convolutions that find centres, sees data of its own (another stream of chance, and
the colours and relations that are held out from every other model as well; painted pictures of
another seed), and learns from the scene graph instead of questions.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from critic.centre_net import BOX_UNIT, STRIDE, CentreNet, Found, Outputs, look_twice, peaks
from experts.pocket import world
from experts.pocket.degrade import blend, degrade, letter, ruin, worn
from experts.pocket.drawing import in_style, render
from experts.pocket.sampling import sample_scene
from experts.pocket.scenes import Scene
from experts.pocket.scope import detector_words
from experts.pocket.sprites import SpriteSheet
from experts.pocket.training.losses import UNKNOWN, known_cross_entropy
from experts.pocket.training.painted import PaintedScenes
from experts.pocket.training.precision import mixed
from experts.pocket.training.tensors import to_tensor

Bytes = NDArray[np.uint8]

STREAM: Final = 11
RUINED: Final = 0.3
"""Share of rendered pictures in which one kind of object is spoiled, and is not to be found."""
GHOSTED: Final = 0.06
"""Share of pictures that another one, which is not to be found, shines through."""
LETTERED: Final = 0.08
HELD_OUT: Final = 0.15
"""Share of scenes in the colours and relations that no other model has seen."""
EMPTY: Final = 0.03
UNSURE: Final = "unsure"
"""In place of a style that is not to be learned."""
STYLED: Final = 0.5
"""Of the painted pictures without a style, the share that is put into one."""
RESTYLED: Final = 0.25
"""Share of rendered pictures that are put into a style, whatever theirs was."""
WORN: Final = 0.5
"""Share of pictures that are degraded, of which one in five is left as it is."""
PAINTED: Final = 0.4
"""Share of pictures that the renderer painted, of a seed of their own: what is to be measured."""
STYLE_WEIGHS: Final = 1.0
"""Weight of the loss of the style."""
CELLS: Final = world.NATIVE_SIZE // STRIDE
PROBES: Final = 256
"""Fresh pictures by which the threshold is chosen."""
THRESHOLDS: Final = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)

_NOUNS: Final = {noun: index for index, noun in enumerate(world.NOUNS)}


def detector_config(**sizes: Any) -> dict[str, Any]:
    """What ``config.json`` of the detector holds; `sizes` override backbone, neck and head."""
    return {
        "model_type": "centre_net",
        "backbone": {
            "embedding_size": 32, "hidden_sizes": [32, 64, 128, 160], "depths": [1, 2, 1, 1]
        },
        "neck": 80,
        "head": 112,
        "threshold": 0.4,
        "nouns": list(world.NOUNS),
        "colours": list(world.COLOURS),
        "backgrounds": list(world.BACKGROUNDS),
        "styles": list(world.STYLES),
        **sizes,
    }  # fmt: skip


def mirrored(scene: Scene) -> NDArray[np.float32]:
    """The objects of a scene's mirror image; see `objects_of`."""
    objects = objects_of(scene)
    objects[:, 1] = world.NATIVE_SIZE - objects[:, 1]
    return objects


def objects_of(scene: Scene) -> NDArray[np.float32]:
    """Noun, x, y, longest side and colour of every object, as indices and native pixels."""
    colours = {colour: index for index, colour in enumerate(world.COLOURS)}
    return np.array(
        [
            (_NOUNS[t.noun], t.x, t.y, t.size, colours.get(t.seen_colour or "", len(colours)))
            for t in scene.things
        ],
        np.float32,
    ).reshape(-1, 5)


class DetectorTask:
    """The loss and the export of the detector; see `experts.pocket.training.loop.Task`."""

    name = "detector"

    def __init__(
        self, sheet: SpriteSheet, seed: int, batch: int, device: torch.device, **sizes: Any
    ) -> None:
        """Builds the network and its data; `sizes` override those of `detector_config`."""
        self.sheet, self.seed, self.batch, self.device = sheet, seed, batch, device
        self.config = detector_config(**sizes)
        self._aspect = np.array([sheet.aspect[noun] for noun in world.NOUNS], np.float32)
        torch.manual_seed(seed)
        self.net = CentreNet(self.config).to(device)
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model: nn.Module = self.net
        self.painted: PaintedScenes | None = None

    def start_from(self, state: dict[str, Any]) -> None:
        """Takes over the averaged weights of a checkpoint of the same sizes."""
        self.net.load_state_dict(state["averaged"])

    def scenes_of(self, rng: np.random.Generator, size: int) -> list[tuple[Bytes, Scene]]:
        """Pictures, not yet degraded, and what is to be found in them."""
        made: list[tuple[Bytes, Scene]] = []
        for _ in range(size):
            if self.painted is not None and rng.random() < PAINTED:
                made.append(self._painted(self.painted, rng))
                continue
            scene, _ = sample_scene(self.sheet, rng, held_out=bool(rng.random() < HELD_OUT))
            if rng.random() < RESTYLED:
                scene = replace(scene, style=str(rng.choice(world.STYLES)))
            if rng.random() < EMPTY:
                for noun in scene.nouns():
                    scene = scene.without(noun)
            if scene.things and rng.random() < RUINED:
                image, scene, _ = ruin(self.sheet, scene, rng)
            else:
                image = render(self.sheet, scene)
            if made and rng.random() < GHOSTED:
                image = blend(image, made[-1][0], float(rng.uniform(0.1, 0.28)))
                scene = replace(scene, style=UNSURE)
            made.append((image, scene))
        return made

    @staticmethod
    def _painted(painted: PaintedScenes, rng: np.random.Generator) -> tuple[Bytes, Scene]:
        """A painted picture about which nobody could argue."""
        while True:
            painting, image = painted.sample(rng)
            if not painting.doubtful:
                if painting.shown.style is not None:
                    # It is not certain that the renderer got it right.
                    return image, replace(painting.shown, style=UNSURE)
                if rng.random() >= STYLED:
                    return image, painting.shown
                style = str(rng.choice(world.STYLES))
                shown = in_style(image, style, painting.shown.background_seed)
                return shown, replace(painting.shown, style=style)

    def batch_of(self, rng: np.random.Generator, size: int) -> tuple[list[Bytes], dict[str, Any]]:
        """Degraded pictures, every scene twice, the second time mirrored; and their targets."""
        images, objects, scenes = [], [], []
        made = self.scenes_of(rng, (size + 1) // 2)
        for turn in (False, True):
            for index, (image, scene) in enumerate(made):
                shown = np.ascontiguousarray(image[:, ::-1]) if turn else image
                if rng.random() < WORN:
                    shown, changed = worn(shown, rng, made[index - 1][0])
                    scene = replace(scene, style=UNSURE) if changed else scene
                images.append(letter(shown, rng) if rng.random() < LETTERED else shown)
                objects.append(mirrored(scene) if turn else objects_of(scene))
                scenes.append(scene)
        return images[:size], self.targets(objects[:size], scenes[:size])

    def targets(self, objects: list[NDArray[np.float32]], scenes: list[Scene]) -> dict[str, Any]:
        """Heat maps, centres, boxes, colours, backgrounds and styles to learn."""
        heat = np.zeros((len(objects), len(_NOUNS), CELLS, CELLS), np.float32)
        line = np.arange(CELLS, dtype=np.float32)
        places, boxes, colours = [], [], []
        for index, things in enumerate(objects):
            for noun, x, y, side, colour in things:
                cell_x, cell_y = (
                    min(max(v / STRIDE, 0.0), CELLS - 1e-3) for v in (float(x), float(y))
                )
                col, row = int(cell_x), int(cell_y)
                spread = 2 * (0.35 + float(side) / STRIDE / 9) ** 2
                peak = np.exp(-((line - row) ** 2)[:, None] / spread - (line - col) ** 2 / spread)
                plane = heat[index, int(noun)]
                np.maximum(plane, peak, out=plane)
                width, height = self._aspect[int(noun)] * side
                places.append((index, row, col))
                boxes.append(
                    (width / BOX_UNIT, height / BOX_UNIT, cell_x - col - 0.5, cell_y - row - 0.5)
                )
                colours.append(int(colour))
        styles = [*world.STYLES, None]
        return {
            "heat": torch.from_numpy(heat).to(self.device),
            "places": torch.tensor(places, dtype=torch.long, device=self.device).reshape(-1, 3),
            "box": torch.tensor(boxes, dtype=torch.float32, device=self.device).reshape(-1, 4),
            "colour": torch.tensor(colours, dtype=torch.long, device=self.device),
            "background": torch.tensor(
                [world.BACKGROUNDS.index(s.background) for s in scenes], device=self.device
            ),
            "style": torch.tensor(
                [UNKNOWN if s.style == UNSURE else styles.index(s.style) for s in scenes],
                device=self.device,
            ),
        }

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Focal loss of the centres, and what is read off at them and of the whole picture."""
        rng = np.random.default_rng([self.seed, STREAM, step])
        images, truth = self.batch_of(rng, self.batch)
        with mixed(self.device):
            out = self.net(to_tensor(images, self.device))
        index, row, col = truth["places"].unbind(1)
        count = max(1, len(index))
        heat = focal(out.heat, truth["heat"]) / count
        box = (out.box[index, :, row, col] - truth["box"]).abs().sum() / count
        guess = out.colour[index, :, row, col]
        colour = functional.cross_entropy(guess, truth["colour"], reduction="sum") / count
        background = functional.cross_entropy(out.background, truth["background"])
        style = known_cross_entropy(out.style, truth["style"])
        right = (guess.argmax(1) == truth["colour"]).sum() / count
        figures = {
            "heat": float(heat.detach()),
            "box": float(box.detach()),
            "colour": float(colour.detach()),
            "background": float(background.detach()),
            "style": float(style.detach()),
            "colour_accuracy": float(right),
            "noun_accuracy": self._noun_accuracy(out, truth),
        }
        return heat + 0.5 * box + 0.5 * colour + 0.2 * background + STYLE_WEIGHS * style, figures

    @staticmethod
    def _noun_accuracy(out: Outputs, truth: dict[str, Any]) -> float:
        """Share of the centres at which the right kind of object has the highest heat."""
        index, row, col = truth["places"].unbind(1)
        if not len(index):
            return 1.0
        want = truth["heat"][index, :, row, col].argmax(1)
        return float((out.heat[index, :, row, col].argmax(1) == want).float().mean())

    def _threshold(self, net: CentreNet) -> float:
        """The score from which peaks are objects that counts fresh scenes best."""
        made = self.scenes_of(np.random.default_rng([self.seed, STREAM + 1]), PROBES)
        rng = np.random.default_rng([self.seed, STREAM + 2])
        pixels = to_tensor([degrade(image, rng) for image, _ in made], self.device)
        right = dict.fromkeys(THRESHOLDS, 0)
        with torch.inference_mode():
            for start in range(0, len(made), 32):
                out = look_twice(net, pixels[start : start + 32])
                for threshold in THRESHOLDS:
                    for (_, scene), found in zip(
                        made[start : start + 32], peaks(out, threshold), strict=True
                    ):
                        right[threshold] += counted(found) == counted(
                            [Found(_NOUNS[t.noun], 0, 0, 0, 1, 1, 1) for t in scene.things]
                        )
        best = max(right.values())
        return float(np.median([t for t, hits in right.items() if hits >= best - 1]))

    def export(self, averaged: dict[str, Tensor], folder: Path, record: dict[str, Any]) -> None:
        """Saves the averaged weights in float16, the configuration and the words it is told in."""
        from safetensors.torch import save_file

        net = CentreNet(self.config).to(self.device)
        net.load_state_dict(averaged)
        net.eval()
        config = {**self.config, "threshold": round(self._threshold(net), 3)}
        weights = {
            key: (v.half() if v.is_floating_point() else v).cpu().contiguous().clone()
            for key, v in net.state_dict().items()
            if not key.endswith("num_batches_tracked")
        }
        folder.mkdir(parents=True, exist_ok=True)
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        for name, data in (
            ("config.json", config),
            ("labels.json", detector_words()),
            ("training.json", record),
        ):
            (folder / name).write_text(json.dumps(data, indent=1) + "\n")


def counted(found: list[Found]) -> dict[int, int]:
    """How often each kind of object was found."""
    counts: dict[int, int] = {}
    for one in found:
        counts[one.noun] = counts.get(one.noun, 0) + 1
    return counts


def focal(logits: Tensor, target: Tensor) -> Tensor:
    """CenterNet's focal loss, summed: only cells of target 1 are positive."""
    chance = logits.sigmoid()
    positive = target.eq(1)
    hit = -functional.logsigmoid(logits) * (1 - chance).square()
    miss = -functional.logsigmoid(-logits) * chance.square() * (1 - target).square().square()
    return torch.where(positive, hit, miss).sum()
