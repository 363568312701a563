"""The wheel holds five packages with their data, and nothing else at top level."""

from __future__ import annotations

import subprocess
import sys
import time
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("poser", "experts", "critic", "envs", "policies")
DATA = (
    "experts/pocket/experts.yaml",
    "experts/pocket/weights/painter/model_index.json",
    "experts/pocket/weights/painter/planner/diffusion_pytorch_model.safetensors",
    "experts/pocket/weights/renderer/unet/diffusion_pytorch_model.safetensors",
    "experts/pocket/capabilities/pocket-painter.json",
    "experts/pocket/weights/editor/model_index.json",
    "critic/weights/pocket_vqa/model.safetensors",
    "poser/report/templates/report.html.j2",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT],
        check=True,
        capture_output=True,
        text=True,
    )
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_the_packages_and_their_data(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for package in PACKAGES:
        assert f"{package}/__init__.py" in names
        assert f"{package}/py.typed" in names
    for data in DATA:
        assert data in names, data
    assert not [n for n in names if n.startswith("tests/")]
    assert any(n.endswith("licenses/LICENSE") for n in names)


def test_the_bundled_weights_stay_small(wheel: Path) -> None:
    assert wheel.stat().st_size < 60 * 2**20


def test_check_wheel_contents(wheel: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "check_wheel_contents", wheel],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_installed_into_a_clean_venv_all_five_import(wheel: Path, tmp_path: Path) -> None:
    """Ours from the wheel; the libraries from this environment, to keep the test short."""
    venv.create(tmp_path / "clean", with_pip=True)
    python = tmp_path / "clean" / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel],
        check=True,
        capture_output=True,
    )
    site = next(p for p in sys.path if p.endswith("site-packages"))
    script = (
        f"import sys; sys.path.append({site!r}); "
        f"import {', '.join(PACKAGES)}; "
        "from importlib.metadata import entry_points; "
        "from pathlib import Path; "
        f"print(*[Path(m.__file__).parent for m in ({', '.join(PACKAGES)})]); "
        "from experts.registry import load_registry; print(*load_registry()); "
        "from critic.vqa import VqaCritic; print(VqaCritic().revision)"
    )
    printed = subprocess.run(
        [python, "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert all(p.startswith(str(tmp_path / "clean")) for p in printed[0].split())
    assert "pocket/painter" in printed[1].split()


def test_help_answers_at_once() -> None:
    """No heavy import: judged by what is imported, not by the clock."""
    code = (
        "import sys; sys.argv = ['poser', '--help']\n"
        "from poser.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'diffusers', 'transformers', 'numpy', 'langgraph', 'ray', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    started = time.perf_counter()
    printed = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert printed.splitlines()[-1] == "[]"
    assert time.perf_counter() - started < 5
