"""Ten real pipeline classes, from a registry entry to a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from PIL import Image

from experts.base import Expert
from experts.check import MemoryPictures
from experts.registry import load_registry
from poser.core.expert import ExpertRequest

SIDE = 64

Tiny = Callable[[str], Path]


class Case(NamedTuple):
    pipeline: str
    task: str
    loads_as: str
    defaults: dict[str, Any]


SHORT = {"max_sequence_length": 16}
EDIT = {"strength": 0.9}
CASES = [
    Case("stable_diffusion", "text_to_image", "StableDiffusionPipeline", {}),
    Case("stable_diffusion", "image_to_image", "StableDiffusionImg2ImgPipeline", EDIT),
    Case("stable_diffusion", "inpainting", "StableDiffusionInpaintPipeline", EDIT),
    Case("instruct_pix2pix", "image_to_image", "StableDiffusionInstructPix2PixPipeline", {}),
    Case("latent_consistency", "text_to_image", "LatentConsistencyModelPipeline", {}),
    Case("stable_diffusion_xl", "text_to_image", "StableDiffusionXLPipeline", {}),
    Case("stable_diffusion_xl", "image_to_image", "StableDiffusionXLImg2ImgPipeline", EDIT),
    Case("stable_diffusion_xl", "inpainting", "StableDiffusionXLInpaintPipeline", EDIT),
    Case("stable_diffusion_3", "text_to_image", "StableDiffusion3Pipeline", {}),
    Case("stable_diffusion_3", "image_to_image", "StableDiffusion3Img2ImgPipeline", EDIT),
    Case("flux", "text_to_image", "FluxPipeline", SHORT),
    Case("flux", "image_to_image", "FluxImg2ImgPipeline", SHORT | EDIT),
    Case(
        "flux_kontext",
        "image_to_image",
        "FluxKontextPipeline",
        SHORT | {"max_area": SIDE * SIDE, "_auto_resize": False},
    ),
    Case(
        "sana",
        "text_to_image",
        "SanaPipeline",
        SHORT | {"complex_human_instruction": None, "use_resolution_binning": False},
    ),
    Case(
        "pixart_sigma",
        "text_to_image",
        "PixArtSigmaPipeline",
        SHORT | {"use_resolution_binning": False, "clean_caption": False},
    ),
    Case("z_image", "text_to_image", "ZImagePipeline", {"max_sequence_length": 32}),
    Case("z_image", "image_to_image", "ZImageImg2ImgPipeline", EDIT | {"max_sequence_length": 32}),
]


@pytest.fixture(params=CASES, ids=lambda case: f"{case.loads_as}")
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
def expert(case: Case, tiny: Tiny, tmp_path: Path) -> Iterator[Expert]:
    entry = {
        "id": "tiny/expert",
        "adapter": "diffusers",
        "task": case.task,
        "source": str(tiny(case.pipeline)),
        "defaults": {"num_inference_steps": 2, **case.defaults},
        "load": {"device": "cpu"},
    }
    path = tmp_path / "registry.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "experts": [entry]}))
    with load_registry([path]) as registry:
        yield registry.expert("tiny/expert")


def ask(expert: Expert, pictures: MemoryPictures, photo: Image.Image, seed: int) -> ExpertRequest:
    spec = expert.spec
    params = dict(spec.defaults)
    if not spec.needs_picture:
        params |= {"width": SIDE, "height": SIDE}
    mask = Image.new("L", photo.size, 0)
    mask.paste(255, (8, 8, 40, 40))
    return ExpertRequest(
        expert=spec.id,
        task=spec.task,
        prompt=f"a red circle {seed}",
        image=pictures.put(photo).sha256 if spec.needs_picture else None,
        mask=pictures.put(mask).sha256 if spec.task == "inpainting" else None,
        seed=seed,
        params=params,
    )


def pixels(image: Image.Image) -> np.ndarray[Any, Any]:
    return np.asarray(image, dtype=np.int16)


def test_an_entry_becomes_pictures(
    case: Case, expert: Expert, pictures: MemoryPictures, photo: Image.Image
) -> None:
    first, other = (ask(expert, pictures, photo, seed) for seed in (1, 2))
    alone = expert.generate([first], pictures)[0]
    assert alone.details["pipeline"] == case.loads_as
    assert alone.image.mode == "RGB"
    assert alone.image.size == (SIDE, SIDE)
    assert pixels(alone.image).std() > 5
    assert alone.seconds > 0

    again = expert.generate([first], pictures)[0]
    assert again.image.tobytes() == alone.image.tobytes()

    batch = expert.generate([other, first], pictures)
    assert [made.details["batch"] for made in batch] == [2, 2]
    # Matrices of another shape are multiplied in another order: one level at most.
    assert np.abs(pixels(batch[1].image) - pixels(alone.image)).max() <= 1
    assert np.abs(pixels(batch[0].image) - pixels(alone.image)).mean() > 2


def test_a_reloaded_pipeline_gives_the_same_bytes(
    tiny: Tiny, tmp_path: Path, pictures: MemoryPictures, photo: Image.Image
) -> None:
    from experts.diffusers_adapter import DiffusersExpert
    from poser.core.expert import ExpertSpec

    spec = ExpertSpec(
        id="tiny/sd",
        adapter="diffusers",
        task="text_to_image",
        source=str(tiny("stable_diffusion")),
        defaults={"num_inference_steps": 2},
    )
    made = []
    for _ in range(2):
        expert = DiffusersExpert(spec)
        request = ask(expert, pictures, photo, 3)
        made.append(expert.generate([request], pictures)[0].image.tobytes())
        expert.close()
        made.append(expert.generate([request], pictures)[0].image.tobytes())
        expert.close()
    assert len(set(made)) == 1
