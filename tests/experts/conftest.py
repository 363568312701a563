from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from experts.check import MemoryPictures


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Saves a tiny pipeline once a session and gives its folder."""
    folder = tmp_path_factory.mktemp("tiny")

    def save(name: str) -> Path:
        from tests.experts.tiny_pipelines import save_tiny

        return save_tiny(name, folder)

    return save


@pytest.fixture
def pictures() -> MemoryPictures:
    return MemoryPictures()


@pytest.fixture
def photo() -> Image.Image:
    """A red disc on a blue ground, 64 px."""
    image = Image.new("RGB", (64, 64), (40, 60, 160))
    ImageDraw.Draw(image).ellipse((16, 16, 47, 47), fill=(200, 40, 40))
    return image
