"""Loading options, arguments, sizes and batches of the diffusers adapter."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from experts.check import MemoryPictures
from experts.diffusers_adapter import DiffusersExpert
from experts.diffusers_adapter.sizes import legal_size
from poser.core.errors import ExpertError, RegistryError
from poser.core.expert import ExpertRequest, ExpertSpec, Limits

Tiny = Callable[[str], Path]
SIZE = {"width": 64, "height": 64}


def make(source: Path | str, task: str = "text_to_image", **changes: Any) -> DiffusersExpert:
    defaults = {"num_inference_steps": 2, **changes.pop("defaults", {})}
    data = {"id": "t", "adapter": "diffusers", "task": task, "source": str(source)}
    return DiffusersExpert(ExpertSpec.model_validate(data | {"defaults": defaults} | changes))


def ask(expert: DiffusersExpert, **changes: Any) -> ExpertRequest:
    params = {**expert.spec.defaults, **changes.pop("params", SIZE)}
    data = {"expert": "t", "task": expert.spec.task, "prompt": "a red circle", "params": params}
    return ExpertRequest.model_validate(data | changes)


def draw(expert: DiffusersExpert, pictures: MemoryPictures, **changes: Any) -> Image.Image:
    return expert.generate([ask(expert, **changes)], pictures)[0].image


def test_another_scheduler_draws_another_picture(tiny: Tiny, pictures: MemoryPictures) -> None:
    folder = tiny("stable_diffusion")
    euler = {"name": "EulerDiscreteScheduler", "use_karras_sigmas": True}
    made = {
        draw(make(folder, load=load, defaults={"num_inference_steps": 4}), pictures).tobytes()
        for load in ({}, {"scheduler": "EulerDiscreteScheduler"}, {"scheduler": euler})
    }
    assert len(made) == 3


def test_a_16_bit_type_loads_and_draws(tiny: Tiny, pictures: MemoryPictures) -> None:
    expert = make(tiny("stable_diffusion"), load={"dtype": "bfloat16", "device": "cpu"})
    made = expert.generate([ask(expert)], pictures)[0]
    assert made.details["dtype"] == "bfloat16"
    assert made.details["device"] == "cpu"


@pytest.mark.parametrize(
    ("load", "part"),
    [
        ({"dtyp": "float32"}, "did you mean 'dtype'"),
        ({"dtype": "float8"}, "load.dtype"),
        ({"device": "tpu"}, "load.device"),
        ({"trust_remote_code": True}, "unknown key 'load.trust_remote_code'"),
        ({"lora": "owner/name"}, "weight_name"),
        ({"lora": [{"source": "/x", "weight_name": "../../x.bin"}]}, "load.lora"),
        ({"lora": [{"source": "https://x/y/z"}]}, "hub id"),
    ],
)
def test_wrong_load_options_are_refused_before_loading(load: dict[str, Any], part: str) -> None:
    with pytest.raises(RegistryError) as caught:
        make("/nowhere", load=load)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("load", "part"),
    [
        ({"scheduler": "EulerDiscretScheduler"}, "did you mean 'EulerDiscreteScheduler'"),
        ({"scheduler": "FluxPipeline"}, "no scheduler"),
        ({"scheduler": "FlowMatchEulerDiscreteScheduler"}, "does not fit"),
        ({"scheduler": {"name": "DDIMScheduler", "karras": 1}}, "no setting 'karras'"),
    ],
)
def test_wrong_schedulers_are_named(
    load: dict[str, Any], part: str, tiny: Tiny, pictures: MemoryPictures
) -> None:
    with pytest.raises(RegistryError) as caught:
        draw(make(tiny("stable_diffusion"), load=load), pictures)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("pipeline", "task", "part"),
    [
        ("StableDiffusionPipelin", "text_to_image", "did you mean 'StableDiffusionPipeline'"),
        ("EulerDiscreteScheduler", "text_to_image", "is no pipeline"),
        ("os:system", "text_to_image", "is no pipeline"),
        ("no_such_package:Pipeline", "text_to_image", "does not import"),
        ("StableDiffusionPipeline", "image_to_image", "takes no image"),
        ("StableDiffusionImg2ImgPipeline", "inpainting", "takes no mask_image"),
    ],
)
def test_wrong_pipeline_classes_are_named(
    pipeline: str, task: str, part: str, tiny: Tiny, pictures: MemoryPictures
) -> None:
    expert = make(tiny("stable_diffusion"), task, pipeline=pipeline)
    with pytest.raises(RegistryError) as caught:
        draw(expert, pictures)
    assert part in str(caught.value)


def test_a_named_pipeline_class_is_used(
    tiny: Tiny, pictures: MemoryPictures, photo: Image.Image
) -> None:
    named = "diffusers:StableDiffusionImg2ImgPipeline"
    expert = make(tiny("stable_diffusion"), "image_to_image", pipeline=named)
    made = expert.generate([ask(expert, image=pictures.put(photo).sha256, params={})], pictures)
    assert made[0].details["pipeline"] == "StableDiffusionImg2ImgPipeline"


def test_a_class_without_a_sibling_for_the_task_is_named(
    tiny: Tiny, pictures: MemoryPictures, photo: Image.Image
) -> None:
    expert = make(tiny("sana"), "inpainting")
    with pytest.raises(ExpertError) as caught:
        draw(expert, pictures)
    assert caught.value.kind == "unavailable"
    assert "Sana" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("guidance_scal", "did you mean 'guidance_scale'"),
        ("image_guidance_scale", "StableDiffusionPipeline takes"),
        ("num_images_per_prompt", "set by the adapter"),
        ("prompt", "set by the adapter"),
    ],
)
def test_defaults_that_the_call_does_not_take(
    key: str, part: str, tiny: Tiny, pictures: MemoryPictures
) -> None:
    expert = make(tiny("stable_diffusion"), defaults={key: 1})
    for _ in range(2):
        with pytest.raises(RegistryError) as caught:
            draw(expert, pictures)
        assert part in str(caught.value)
        assert "guidance_scale" in str(caught.value)


def test_arguments_of_a_request(tiny: Tiny, pictures: MemoryPictures) -> None:
    expert = make(tiny("stable_diffusion"))
    with pytest.raises(ExpertError, match="takes no argument 'guidance_scal'") as caught:
        draw(expert, pictures, params={"guidance_scal": 2})
    assert caught.value.kind == "invalid_request"
    hinted = expert.generate([ask(expert, params=SIZE | {"strength": 0.5})], pictures)[0]
    assert hinted.details["ignored"] == ["strength"]
    with pytest.raises(ExpertError, match="not inpainting"):
        draw(expert, pictures, task="inpainting")
    with pytest.raises(ExpertError, match="no number of pixels"):
        draw(expert, pictures, params={"width": "wide"})


def test_a_negative_prompt_counts(tiny: Tiny, pictures: MemoryPictures) -> None:
    expert = make(tiny("stable_diffusion"), defaults={"guidance_scale": 7.0})
    with_default = make(
        tiny("stable_diffusion"), defaults={"guidance_scale": 7.0, "negative_prompt": "blue"}
    )
    plain = draw(expert, pictures).tobytes()
    negative = draw(expert, pictures, negative_prompt="blue").tobytes()
    assert plain != negative
    assert draw(with_default, pictures).tobytes() == negative


def test_editing_needs_a_picture_and_filling_a_mask(
    tiny: Tiny, pictures: MemoryPictures, photo: Image.Image
) -> None:
    editor = make(tiny("stable_diffusion"), "image_to_image")
    with pytest.raises(ExpertError, match="none was given") as caught:
        draw(editor, pictures)
    assert caught.value.kind == "invalid_request"
    filler = make(tiny("stable_diffusion"), "inpainting")
    with pytest.raises(ExpertError, match="fills a mask"):
        draw(filler, pictures, image=pictures.put(photo).sha256)
    with pytest.raises(ExpertError, match="no step"):
        draw(editor, pictures, image=pictures.put(photo).sha256, params={"strength": 0.1})


def test_pictures_are_brought_to_a_legal_size(
    tiny: Tiny, pictures: MemoryPictures, photo: Image.Image
) -> None:
    limits = {"min_side": 32, "max_side": 96}
    editor = make(tiny("flux"), "image_to_image", limits=limits, defaults={"strength": 0.9})
    for size, legal in {(70, 45): (72, 48), (200, 100): (96, 48), (10, 10): (32, 32)}.items():
        key = pictures.put(photo.resize(size).convert("P")).sha256
        assert draw(editor, pictures, image=key, params={}).size == legal
    painter = make(tiny("stable_diffusion"), limits=limits)
    assert draw(painter, pictures, params={"width": 61, "height": 1000}).size == (8, 96)
    assert draw(painter, pictures, params={"width": 50}).size == (48, 48)


@given(
    st.integers(1, 20_000),
    st.integers(1, 20_000),
    st.sampled_from([8, 16, 24, 32]),
    st.integers(8, 512),
    st.integers(512, 4096),
)
def test_legal_sizes(width: int, height: int, multiple: int, least: int, most: int) -> None:
    limits = Limits(min_side=least, max_side=most)
    legal = legal_size((width, height), limits, multiple)
    assert all(side % multiple == 0 and multiple <= side <= most for side in legal)
    assert max(legal) >= least // multiple * multiple
    if max(width, height) <= most and min(width, height) >= least:
        pairs = zip(legal, (width, height), strict=True)
        assert all(abs(new - old) <= multiple for new, old in pairs)
    assert legal_size(legal, limits, multiple) == legal or min(legal) < least


def test_requests_are_batched_where_they_agree(
    tiny: Tiny, pictures: MemoryPictures, photo: Image.Image
) -> None:
    expert = make(tiny("stable_diffusion"), limits={"batch": 2})
    requests = [ask(expert, seed=seed) for seed in range(3)]
    requests.insert(1, ask(expert, seed=9, params=SIZE | {"guidance_scale": 3.0}))
    requests.append(ask(expert, seed=8, params={"width": 32, "height": 64}))
    made = expert.generate(requests, pictures)
    assert [m.details["batch"] for m in made] == [2, 1, 2, 1, 1]
    assert made[4].image.size == (32, 64)
    alone = [expert.generate([request], pictures)[0] for request in requests]
    for one, other in zip(made, alone, strict=True):
        assert one.image.size == other.image.size


def test_threads_take_turns(tiny: Tiny, pictures: MemoryPictures) -> None:
    expert = make(tiny("latent_consistency"))
    expected = [draw(expert, pictures, seed=seed).tobytes() for seed in range(4)]
    found: dict[int, bytes] = {}

    def work(seed: int) -> None:
        found[seed] = draw(expert, pictures, seed=seed).tobytes()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[seed] for seed in range(4)] == expected


def test_the_terminal_stays_quiet(
    tiny: Tiny, pictures: MemoryPictures, capfd: pytest.CaptureFixture[str]
) -> None:
    tiny("stable_diffusion_xl")
    capfd.readouterr()
    draw(make(tiny("stable_diffusion_xl")), pictures)
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


def save_lora(folder: Path, builder: str, seed: int = 0) -> Path:
    """Saves a LoRA with random weights for the U-Net of a tiny pipeline."""
    import torch
    from diffusers import StableDiffusionPipeline
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft import LoraConfig, get_peft_model_state_dict

    from tests.experts.tiny_pipelines import BUILDERS

    torch.manual_seed(seed)
    unet = BUILDERS[builder]().unet
    unet.add_adapter(LoraConfig(r=2, init_lora_weights="gaussian", target_modules=["to_q", "to_k"]))
    state = get_peft_model_state_dict(unet)
    state = {key: torch.randn_like(value) for key, value in state.items()}
    StableDiffusionPipeline.save_lora_weights(
        folder, unet_lora_layers=convert_state_dict_to_diffusers(state), safe_serialization=True
    )
    return folder / "pytorch_lora_weights.safetensors"


def test_lora_changes_the_picture_by_its_scale(
    tiny: Tiny, tmp_path: Path, pictures: MemoryPictures
) -> None:
    pytest.importorskip("peft")
    file = save_lora(tmp_path / "lora", "stable_diffusion")
    folder = tiny("stable_diffusion")

    def with_lora(lora: Any) -> bytes:
        return draw(make(folder, load={"lora": lora}), pictures).tobytes()

    plain = draw(make(folder), pictures).tobytes()
    full = with_lora(str(file))
    assert full != plain
    assert with_lora([{"source": str(file.parent)}]) == full
    assert with_lora([{"source": str(file), "scale": 0.0}]) == plain
    assert with_lora([{"source": str(file), "scale": 0.5}]) not in {plain, full}
    assert with_lora([{"source": str(file)}, {"source": str(file)}]) not in {plain, full}


def test_lora_mistakes_are_named(
    tiny: Tiny, tmp_path: Path, pictures: MemoryPictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("peft")
    import torch
    from safetensors.torch import save_file

    folder = tiny("stable_diffusion")

    def failure(lora: str) -> ExpertError:
        with pytest.raises(ExpertError) as caught:
            draw(make(folder, load={"lora": lora}), pictures)
        assert caught.value.kind == "unavailable"
        return caught.value

    assert "no .safetensors file" in str(failure(str(tmp_path / "none")))
    pickled = tmp_path / "pytorch_lora_weights.bin"
    pickled.write_bytes(b"x")
    assert "another kind" in str(failure(str(pickled)))
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"not safetensors")
    assert "does not load" in str(failure(str(broken)))
    other = save_lora(tmp_path / "other", "stable_diffusion_xl")
    assert "does not load" in str(failure(str(other)))
    stranger = tmp_path / "stranger.safetensors"
    save_file({"some.layer.weight": torch.zeros(2, 2)}, stranger)
    assert "does not load" in str(failure(str(stranger)))
    save_file({f"unet.no.lora_{part}.weight": torch.zeros(2, 2) for part in "AB"}, stranger)
    assert "made for this base model" in failure(str(stranger)).remedy
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "peft" else find(name, *a)
    )
    assert "image-poser[lora]" in failure(str(broken)).remedy
