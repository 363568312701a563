"""What can go wrong with a pipeline, as one line with a remedy.

Only conditions that a user can mend are translated. Anything else is a bug, of ours or of the
pipeline, and passes through with its traceback.
"""

from __future__ import annotations

import gc
import re

from experts.weights import is_folder_name
from poser.core.errors import ExpertError, is_out_of_memory
from poser.core.expert import ExpertSpec

_TOKEN = re.compile(r"hf_[A-Za-z0-9]{6,}|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")
_FOREIGN = ("huggingface_hub", "httpx", "httpcore", "requests", "safetensors")
_SOURCE_FAULTS = (OSError, ValueError, ImportError, RuntimeError)


class DeadlinePassed(Exception):
    """Raised within a pipeline's step to leave it when its time is up."""


def out_of_memory(spec: ExpertSpec, doing: str) -> ExpertError:
    """The error for memory that ran out."""
    return ExpertError(
        f"expert {spec.id!r} ran out of memory while {doing}",
        kind="out_of_memory",
        retryable=True,
        remedy="lower limits.max_side or limits.batch, set load.dtype to a 16-bit type, "
        "or close other programs",
    )


def blames_source(error: Exception) -> bool:
    """Whether an error of loading is of the kind that missing or broken files cause."""
    if is_out_of_memory(error):
        return False
    foreign = type(error).__module__.partition(".")[0] in _FOREIGN
    missing_class = isinstance(error, AttributeError) and str(error).startswith("module ")
    return foreign or missing_class or isinstance(error, _SOURCE_FAULTS)


def loading_failure(spec: ExpertSpec, error: Exception) -> ExpertError | None:
    """The error for weights that do not load, or ``None`` where it is something else."""
    if not blames_source(error):
        return None
    reason = one_line(error)
    return ExpertError(
        f"expert {spec.id!r} does not load from {spec.source!r}: {reason}",
        kind="unavailable",
        retryable=_transient(error),
        remedy=_loading_remedy(reason, local=is_folder_name(spec.source)),
    )


def _loading_remedy(reason: str, *, local: bool) -> str:
    text = reason.lower()
    if "trust_remote_code" in text or "remote code" in text or "custom" in text:
        return (
            "code from a model's folder is never run; install it as a package and name it "
            "in 'pipeline' as package.module:Class"
        )
    if "gated" in text or "401" in text or "403" in text:
        return "accept its licence on the hub and log in with 'hf auth login'"
    if not local and not ("safetensors" in text or ".bin" in text):
        return (
            "connect to the hub to fetch it once (is HF_HUB_OFFLINE set?), check 'source' and "
            "'revision', or name a local folder"
        )
    if ".bin" in text or "safetensors" in text or "no file named" in text:
        return (
            "fetch it again with all its .safetensors files; "
            "pickled weights (.bin, .pt, .ckpt) are never loaded"
        )
    return "check 'source' of the entry, and that the folder is complete"


def _transient(error: BaseException | None) -> bool:
    transient = {"ConnectionError", "TimeoutError", "TransportError", "LocalEntryNotFoundError"}
    while error is not None:
        if transient & {cls.__name__ for cls in type(error).__mro__}:
            return True
        error = error.__cause__ or error.__context__
    return False


def one_line(error: BaseException) -> str:
    """What an error says, on one line of at most 300 characters, tokens left out."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = _TOKEN.sub("***", text)
    return text if len(text) <= 300 else f"{text[:297]}..."


def free_memory() -> None:
    """Gives unused memory back: unreachable cycles, then the accelerator's cache."""
    gc.collect()
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
