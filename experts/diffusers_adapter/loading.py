"""From an entry to a pipeline on its device.

Weights come from safetensors files only, code only from installed packages.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experts.diffusers_adapter.failures import blames_source, one_line
from experts.diffusers_adapter.options import LoadOptions, Lora, Scheduler
from experts.nearest import did_you_mean
from experts.reference import BadReferenceError, is_reference, resolve
from experts.weights import is_folder_name
from poser.core.errors import ExpertError, RegistryError
from poser.core.expert import ExpertSpec, Task

_LOADING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A pipeline ready to be called.

    Attributes:
        pipeline: Any ``DiffusionPipeline``.
        accepts: The keyword arguments that its call takes.
        device: Where it runs.
        dtype: The type of its numbers, as ``float32``.
    """

    pipeline: Any
    accepts: frozenset[str]
    device: str
    dtype: str


def load_pipeline(spec: ExpertSpec, options: LoadOptions) -> Loaded:
    """Loads the pipeline of an entry.

    Raises:
        RegistryError: The entry names a class that is not there or does not fit.
        ExpertError: Weights or a package that it needs are missing.
        Exception: Whatever loading raises; :mod:`failures` says what of it a user can mend.
    """
    import torch

    local = is_folder_name(spec.source)
    if local and not Path(spec.source).is_dir():
        raise ExpertError(
            f"the weights of expert {spec.id!r} are not there: no folder {spec.source}",
            retryable=False,
            remedy="put them there, or correct 'source' in the entry",
        )
    device = options.device if options.device != "auto" else _best_device()
    dtype = options.dtype if options.dtype != "auto" else _best_dtype(device)
    fetch: dict[str, Any] = {"local_files_only": local}
    if not local:
        fetch["revision"] = spec.revision
    with _LOADING, quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the age of saved settings and the like
        loader = _pipeline_class(spec, fetch)
        if local:
            _check_complete(spec, frozenset(getattr(loader, "shared_parts", ())))
        pipeline = loader.from_pretrained(
            spec.source,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            trust_remote_code=False,
            **({"variant": options.variant} if options.variant else {}),
            **fetch,
        )
        accepts = call_parameters(type(pipeline))
        _check_task(spec, type(pipeline).__name__, accepts)
        if options.scheduler is not None:
            _set_scheduler(spec, pipeline, options.scheduler)
        if options.lora:
            _add_lora(spec, pipeline, options.lora)
        pipeline = pipeline.to(device)
    pipeline.set_progress_bar_config(disable=True)
    return Loaded(pipeline=pipeline, accepts=accepts, device=device, dtype=dtype)


def _check_complete(spec: ExpertSpec, shared: frozenset[str]) -> None:
    """Refuses a folder that lacks a part which its index lists.

    Some libraries make up for a missing folder with an empty model, as for tokenizers.

    Args:
        spec: The expert's entry.
        shared: Parts that the pipeline's class finds, and checks, elsewhere.
    """
    folder = Path(spec.source)
    if not (folder / "model_index.json").is_file():
        raise ExpertError(
            f"expert {spec.id!r}: {folder} holds no pipeline: it has no model_index.json",
            retryable=False,
            remedy="save a pipeline there (save_pretrained), or fetch the folder again",
        )
    try:
        index = json.loads((folder / "model_index.json").read_bytes())
    except (OSError, ValueError):
        return  # diffusers says what is wrong with it
    parts = index.items() if isinstance(index, dict) else ()
    for name, value in parts:
        listed = isinstance(value, list) and len(value) == 2 and all(value)
        if not listed or name.startswith("_") or name in shared:
            continue
        if not (folder / name).is_dir():
            raise ExpertError(
                f"the weights of expert {spec.id!r} are incomplete: no {name} in {folder}",
                retryable=False,
                remedy="fetch or save the folder again",
            )


def call_parameters(pipeline_class: type) -> frozenset[str]:
    """The keyword arguments that a pipeline class takes when called."""
    parameters = inspect.signature(pipeline_class.__call__).parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return frozenset(p.name for p in parameters if p.kind in kinds and p.name != "self")


def _best_device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _best_dtype(device: str) -> str:
    import torch

    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    return "float16" if device == "mps" else "float32"


def _pipeline_class(spec: ExpertSpec, fetch: dict[str, Any]) -> Any:
    """The class to load with: the one named, else the saved one or its sibling for the task."""
    import diffusers

    if spec.pipeline:
        return _named_class(spec)
    config = diffusers.DiffusionPipeline.load_config(spec.source, **fetch)
    name = config.get("_class_name")
    saved: Any = getattr(diffusers, name, None) if isinstance(name, str) else None
    if not _is_pipeline(saved):
        raise ExpertError(
            f"expert {spec.id!r}: its model_index.json names {str(name)[:100]!r}, "
            "which is no pipeline of the installed diffusers",
            retryable=False,
            remedy="name an installed class in 'pipeline', or change the version of diffusers",
        )
    if _serves(spec.task, call_parameters(saved)):
        return saved
    automatic = {
        "text_to_image": diffusers.AutoPipelineForText2Image,
        "image_to_image": diffusers.AutoPipelineForImage2Image,
        "inpainting": diffusers.AutoPipelineForInpainting,
    }
    return automatic[spec.task]


def _serves(task: Task, accepts: frozenset[str]) -> bool:
    if task == "inpainting":
        return {"image", "mask_image"} <= accepts
    if task == "image_to_image":
        return "image" in accepts and "mask_image" not in accepts
    return "image" not in accepts


def _is_pipeline(found: Any) -> bool:
    import diffusers

    return inspect.isclass(found) and issubclass(found, diffusers.DiffusionPipeline)


def _named_class(spec: ExpertSpec) -> Any:
    import diffusers

    if is_reference(spec.pipeline):
        try:
            found = resolve(spec.pipeline)
        except BadReferenceError as error:
            raise RegistryError(
                f"expert {spec.id!r}: 'pipeline': {error}",
                remedy="install the package that holds the class",
            ) from error
    else:
        found = getattr(diffusers, spec.pipeline, None)
    if found is None:
        names = [name for name in dir(diffusers) if name.endswith("Pipeline")]
        raise RegistryError(
            f"expert {spec.id!r}: diffusers has no pipeline {spec.pipeline!r}",
            remedy=did_you_mean(spec.pipeline, names),
        )
    if not _is_pipeline(found):
        raise RegistryError(
            f"expert {spec.id!r}: {spec.pipeline!r} is no pipeline",
            remedy="name a class that derives from diffusers.DiffusionPipeline",
        )
    return found


def _check_task(spec: ExpertSpec, name: str, accepts: frozenset[str]) -> None:
    wanted = {"text_to_image": ["prompt"], "image_to_image": ["prompt", "image"]}.get(
        spec.task, ["prompt", "image", "mask_image"]
    )
    missing = [key for key in wanted if key not in accepts]
    if missing:
        raise RegistryError(
            f"expert {spec.id!r}: {name} cannot serve {spec.task}: it takes no "
            f"{' and no '.join(missing)}",
            remedy="change 'task', or name another class in 'pipeline'",
        )


def _set_scheduler(spec: ExpertSpec, pipeline: Any, scheduler: str | Scheduler) -> None:
    import diffusers

    name = scheduler if isinstance(scheduler, str) else scheduler.name
    settings = {} if isinstance(scheduler, str) else scheduler.settings
    found: Any = getattr(diffusers, name, None)
    if not _is_scheduler(found):
        names = [n for n in dir(diffusers) if n.endswith("Scheduler")]
        raise RegistryError(
            f"expert {spec.id!r}: diffusers has no scheduler {name!r}",
            remedy=did_you_mean(name, names),
        )
    unknown = set(settings) - set(inspect.signature(found.__init__).parameters)
    if unknown:
        raise RegistryError(
            f"expert {spec.id!r}: {name} has no setting {sorted(unknown)[0]!r}",
            remedy=did_you_mean(sorted(unknown)[0], set(inspect.signature(found).parameters)),
        )
    current = pipeline.scheduler
    fitting = {cls.__name__ for cls in getattr(current, "compatibles", [])}
    if fitting and name not in fitting and name != type(current).__name__:
        raise RegistryError(
            f"expert {spec.id!r}: {name} does not fit {type(pipeline).__name__}",
            remedy=f"one of {', '.join(sorted(fitting))}",
        )
    pipeline.scheduler = found.from_config(current.config, **settings)


def _is_scheduler(found: Any) -> bool:
    import diffusers

    return inspect.isclass(found) and issubclass(found, diffusers.SchedulerMixin)


def _add_lora(spec: ExpertSpec, pipeline: Any, loras: tuple[Lora, ...]) -> None:
    if importlib.util.find_spec("peft") is None:
        raise ExpertError(
            f"expert {spec.id!r} has a LoRA, which needs the package peft",
            retryable=False,
            remedy="pip install 'image-poser[lora]'",
        )
    if not hasattr(pipeline, "load_lora_weights"):
        raise RegistryError(
            f"expert {spec.id!r}: {type(pipeline).__name__} takes no LoRA",
            remedy="remove 'load.lora', or use another pipeline",
        )
    names = []
    for index, lora in enumerate(loras):
        name = f"lora_{index}"
        where, file_name = _lora_file(spec, lora)
        local = is_folder_name(lora.source)
        reason = ""
        try:
            pipeline.load_lora_weights(
                where,
                weight_name=file_name,
                adapter_name=name,
                use_safetensors=True,
                local_files_only=local,
                **({} if local else {"revision": lora.revision}),
            )
        except Exception as error:
            if not blames_source(error):
                raise
            reason = one_line(error)
        if reason:
            raise ExpertError(
                f"expert {spec.id!r}: the LoRA {lora.source!r} does not load: {reason}",
                retryable=False,
                remedy="use a .safetensors LoRA that was made for this base model",
            )
        present = {key for keys in pipeline.get_list_adapters().values() for key in keys}
        if name not in present:
            raise ExpertError(
                f"expert {spec.id!r}: the LoRA {lora.source!r} fits no layer of its model",
                retryable=False,
                remedy="use a LoRA made for this base model",
            )
        names.append(name)
    pipeline.set_adapters(names, adapter_weights=[lora.scale for lora in loras])


def _lora_file(spec: ExpertSpec, lora: Lora) -> tuple[str, str]:
    """Folder or hub id of a LoRA, and the name of its file."""
    if not is_folder_name(lora.source):
        return lora.source, str(lora.weight_name)
    path = Path(lora.source).expanduser()
    files = [path] if path.is_file() else sorted(path.glob(lora.weight_name or "*.safetensors"))
    if len(files) == 1 and files[0].suffix == ".safetensors":
        return str(files[0].parent), files[0].name
    found = "no .safetensors file" if len(files) != 1 else "another kind of file"
    if len(files) > 1:
        found = f"{len(files)} of them"
    raise ExpertError(
        f"expert {spec.id!r}: no one LoRA file at {lora.source}: {found}",
        retryable=False,
        remedy="name one .safetensors file in 'load.lora' (add 'weight_name' for a folder)",
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps the progress bars and notices of the libraries off the terminal."""
    import diffusers
    import transformers

    libraries = (diffusers.utils.logging, transformers.utils.logging)
    levels = [library.get_verbosity() for library in libraries]
    bars = [library.is_progress_bar_enabled() for library in libraries]
    for library in libraries:
        library.set_verbosity(logging.CRITICAL)
        library.disable_progress_bar()
    try:
        yield
    finally:
        for library, level, bar in zip(libraries, levels, bars, strict=True):
            library.set_verbosity(level)
            if bar:
                library.enable_progress_bar()
