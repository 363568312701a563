"""In which precision models are trained."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch


def mixed(device: torch.device) -> AbstractContextManager[object]:
    """Mixed precision in bfloat16, off where a processor would have to emulate it.

    Without instructions for it a convolution takes many times as long as in float32.
    """
    able = device.type != "cpu" or has_bfloat16()
    return torch.autocast(device.type, torch.bfloat16, enabled=able)


def has_bfloat16() -> bool:
    """Whether this is an x86 processor with instructions for bfloat16."""
    cpu = torch.cpu
    return bool(cpu._is_avx512_bf16_supported() or cpu._is_amx_tile_supported())
