"""What goes wrong with pipelines: said in one line, nothing leaked, bugs left alone."""

from __future__ import annotations

import gc
import json
import shutil
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from experts.check import MemoryPictures
from experts.diffusers_adapter import DiffusersExpert
from experts.diffusers_adapter import expert as module
from experts.diffusers_adapter.failures import one_line
from poser.core.errors import ExpertError, RegistryError
from tests.experts.test_diffusers_calls import SIZE, ask, draw, make

Tiny = Callable[[str], Path]


@pytest.fixture
def folder(tiny: Tiny, tmp_path: Path) -> Path:
    """A copy of a tiny pipeline, to be damaged."""
    return Path(shutil.copytree(tiny("stable_diffusion"), tmp_path / "model"))


def failure(expert: DiffusersExpert, pictures: MemoryPictures, **changes: Any) -> ExpertError:
    with pytest.raises(ExpertError) as caught:
        draw(expert, pictures, **changes)
    error = caught.value
    assert "\n" not in str(error)
    assert error.remedy
    return error


def pickle_weights(folder: Path, file: str) -> None:
    from safetensors.torch import load_file

    path = next(folder.glob("*.safetensors"))
    torch.save(load_file(path), folder / file)
    path.unlink()


def test_no_source(pictures: MemoryPictures) -> None:
    with pytest.raises(RegistryError, match="no 'source'"):
        make("")


def test_a_folder_that_is_not_there(tmp_path: Path, pictures: MemoryPictures) -> None:
    error = failure(make(tmp_path / "none"), pictures)
    assert (error.kind, error.retryable) == ("unavailable", False)
    assert str(tmp_path / "none") in error.message


@pytest.mark.parametrize(
    "path",
    [
        "model_index.json",
        "unet/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "vae/config.json",
        "tokenizer",
    ],
)
def test_missing_files(path: str, folder: Path, pictures: MemoryPictures) -> None:
    found = folder / path
    if found.is_dir():
        shutil.rmtree(found)
    else:
        found.unlink()
    assert failure(make(folder), pictures).kind == "unavailable"


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("unet/diffusion_pytorch_model.safetensors", b"\x00" * 100),
        ("text_encoder/model.safetensors", b""),
        ("model_index.json", b"{"),
        ("model_index.json", b"{}"),
        ("model_index.json", b'{"_class_name": "GonePipeline"}'),
        ("vae/config.json", b"not json"),
    ],
)
def test_broken_files(path: str, content: bytes, folder: Path, pictures: MemoryPictures) -> None:
    (folder / path).write_bytes(content)
    assert failure(make(folder), pictures).kind == "unavailable"


def test_half_a_weights_file(folder: Path, pictures: MemoryPictures) -> None:
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert failure(make(folder), pictures).kind == "unavailable"


@pytest.mark.parametrize(
    ("part", "file"),
    [("unet", "diffusion_pytorch_model.bin"), ("text_encoder", "pytorch_model.bin")],
)
def test_pickles_are_never_loaded(
    part: str, file: str, folder: Path, pictures: MemoryPictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickle_weights(folder / part, file)
    monkeypatch.setattr(torch, "load", lambda *a, **k: pytest.fail("a pickle was read"))
    error = failure(make(folder), pictures)
    assert error.kind == "unavailable"
    assert "safetensors" in error.remedy


def test_code_in_a_folder_is_never_run(
    folder: Path, tmp_path: Path, pictures: MemoryPictures
) -> None:
    trap = tmp_path / "trap"
    code = (
        f"open({str(trap)!r}, 'w').close()\n"
        "from diffusers import StableDiffusionPipeline, UNet2DConditionModel\n"
        "class Mine(StableDiffusionPipeline): pass\n"
        "class MyUNet(UNet2DConditionModel): pass\n"
    )
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "pipeline.py").write_text(code)
    (folder / "my_pipeline.py").write_text(code)
    (folder / "unet" / "my_unet.py").write_text(code)
    for change in (
        {"_class_name": ["my_pipeline", "Mine"]},
        {"_class_name": "Mine"},
        {"unet": ["my_unet", "MyUNet"]},
    ):
        (folder / "model_index.json").write_text(json.dumps(index | change))
        assert failure(make(folder), pictures).kind == "unavailable"
        assert not trap.exists()


def test_a_hub_that_cannot_be_reached(pictures: MemoryPictures) -> None:
    error = failure(make("owner/model", revision="0" * 40), pictures)
    assert error.kind == "unavailable"
    assert "owner/model" in error.message
    assert "hub" in error.remedy


def test_secrets_stay_out_of_messages() -> None:
    text = one_line(OSError("401 for https://me:pw123@hub.co with hf_abcDEF123456\nnext line"))
    assert "pw123" not in text
    assert "hf_abc" not in text
    assert "\n" not in text


def loaded_pipeline(expert: DiffusersExpert) -> Any:
    assert expert._loaded is not None
    return expert._loaded.pipeline


def sabotage(
    expert: DiffusersExpert, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Makes the U-Net of a loaded pipeline fail."""

    def fail(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(loaded_pipeline(expert).unet, "forward", fail)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        MemoryError(),
    ],
)
def test_running_out_of_memory_frees_the_pipeline(
    error: Exception, tiny: Tiny, pictures: MemoryPictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    expert = make(tiny("stable_diffusion"))
    before = draw(expert, pictures).tobytes()
    unet = weakref.ref(loaded_pipeline(expert).unet)
    with monkeypatch.context() as patch:
        sabotage(expert, patch, error)
        found = failure(expert, pictures)
    assert (found.kind, found.retryable) == ("out_of_memory", True)
    assert "batch" in found.remedy
    assert expert._loaded is None
    error.__traceback__ = None
    gc.collect()
    assert unet() is None
    assert draw(expert, pictures).tobytes() == before


def test_close_frees_the_pipeline(tiny: Tiny, pictures: MemoryPictures) -> None:
    expert = make(tiny("stable_diffusion"))
    before = draw(expert, pictures).tobytes()
    pipeline = loaded_pipeline(expert)
    parts = [weakref.ref(part) for part in (pipeline, pipeline.unet, pipeline.vae)]
    del pipeline
    expert.close()
    expert.close()
    assert [part() for part in parts] == [None, None, None]
    assert draw(expert, pictures).tobytes() == before


def test_a_failed_load_leaves_nothing_behind(
    tiny: Tiny, pictures: MemoryPictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[weakref.ref[Any]] = []
    load = module.load_pipeline

    def watched(*args: Any) -> Any:
        result = load(*args)
        loaded.append(weakref.ref(result.pipeline.unet))
        return result

    monkeypatch.setattr(module, "load_pipeline", watched)
    expert = make(tiny("stable_diffusion"), defaults={"no_such_argument": 1})
    errors = []
    for _ in range(3):
        with pytest.raises(RegistryError) as caught:
            draw(expert, pictures)
        errors.append(caught.value)  # kept, as a record of failures would
    del caught
    gc.collect()
    assert len(loaded) == 3
    assert [unet() for unet in loaded] == [None, None, None]


def test_time_is_up(tiny: Tiny, pictures: MemoryPictures) -> None:
    slow = {"limits": {"timeout": 0.05}, "defaults": {"num_inference_steps": 900}}
    error = failure(make(tiny("stable_diffusion"), **slow), pictures)
    assert (error.kind, error.retryable) == ("timeout", True)
    assert "limits.timeout" in error.remedy


def test_numbers_that_overflow(tiny: Tiny, pictures: MemoryPictures) -> None:
    expert = make(tiny("stable_diffusion"))
    draw(expert, pictures)
    with torch.no_grad():
        loaded_pipeline(expert).vae.decoder.conv_out.bias.fill_(float("nan"))
    error = failure(expert, pictures)
    assert error.kind == "bad_output"
    assert "NaN" in error.message
    assert "float32" in error.remedy


@pytest.mark.parametrize(
    ("output", "kind", "part"),
    [
        ({"images": [Image.new("RGB", (64, 64))]}, "bad_output", "black"),
        ({"images": []}, "bad_output", "gave 0"),
        ({"images": None}, "bad_output", "NoneType"),
        ({"images": ["no picture"]}, "bad_output", "gave a str"),
        ({"images": [Image.new("RGB", (8, 8), "red")]}, "bad_output", "not (64, 64)"),
        (
            {"images": [Image.new("RGB", (64, 64))], "nsfw_content_detected": [True]},
            "refused",
            "safety checker",
        ),
    ],
)
def test_unusable_output(
    output: dict[str, Any],
    kind: str,
    part: str,
    tiny: Tiny,
    pictures: MemoryPictures,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from diffusers import StableDiffusionPipeline

    expert = make(tiny("stable_diffusion"))
    draw(expert, pictures)
    result = type("Output", (), output)
    call = StableDiffusionPipeline.__call__

    def answer(self: Any, *args: Any, **kwargs: Any) -> Any:
        return result

    monkeypatch.setattr(StableDiffusionPipeline, "__call__", answer)
    error = failure(expert, pictures)
    assert error.kind == kind
    assert part in error.message
    monkeypatch.setattr(StableDiffusionPipeline, "__call__", call)


def test_arguments_that_the_pipeline_refuses(tiny: Tiny, pictures: MemoryPictures) -> None:
    expert = make(tiny("flux"), defaults={"max_sequence_length": 100_000})
    error = failure(expert, pictures)
    assert (error.kind, error.retryable) == ("invalid_request", False)
    assert "max_sequence_length" in error.message


def test_a_bug_keeps_its_traceback(
    tiny: Tiny, pictures: MemoryPictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    expert = make(tiny("stable_diffusion"))
    before = draw(expert, pictures).tobytes()
    with monkeypatch.context() as patch:
        sabotage(expert, patch, KeyError("a bug"))
        with pytest.raises(KeyError, match="a bug") as caught:
            draw(expert, pictures)
    assert any(entry.name == "fail" for entry in caught.traceback)
    assert draw(expert, pictures).tobytes() == before


def test_one_bad_request_does_not_spoil_the_next(tiny: Tiny, pictures: MemoryPictures) -> None:
    expert = make(tiny("stable_diffusion"))
    with pytest.raises(ExpertError):
        expert.generate([ask(expert), ask(expert, params={"nonsense": 1})], pictures)
    assert draw(expert, pictures, params=SIZE).size == (64, 64)
