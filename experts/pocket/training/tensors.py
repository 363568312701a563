"""Pictures as tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def to_tensor(images: list[np.ndarray], device: torch.device) -> Tensor:
    """Pictures (height, width, 3) of bytes to (batch, 3, height, width) in [-1, 1]."""
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    return stacked.to(device).float().div_(127.5).sub_(1)
