"""The wheel holds the package with its cards and schemas, nothing else, and runs where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

import thyrodata

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project_files(system_tool: Callable[[str], str]) -> list[str]:
    """The files git knows or would add, so that the wheel is built of nothing left lying about."""
    if not (ROOT / ".git").exists():
        pytest.skip("the project is not a git checkout")
    command = [system_tool("git"), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file())


@pytest.fixture(scope="module")
def wheel(project_files: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    for name in project_files:
        copy = folder / "source" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), "source"]
    built = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_the_package_its_cards_and_its_schemas(wheel: Path, project_files: list[str]) -> None:
    homes = {"thyrodata": "thyrodata", "cards": "thyrodata/cards", "schemas": "thyrodata/schemas"}
    expected = set()
    for name in project_files:
        folder, *rest = PurePosixPath(name).parts
        if folder in homes and rest:
            expected.add("/".join([homes[folder], *rest]))
    held = set(zipfile.ZipFile(wheel).namelist())
    info = f"thyrodata-{thyrodata.__version__}.dist-info"

    assert {name for name in held if not name.startswith(info)} == expected
    assert "thyrodata/py.typed" in held
    assert any(name.startswith("thyrodata/cards/") for name in held)
    assert any(name.startswith("thyrodata/schemas/") for name in held)
    assert f"{info}/licenses/LICENSE" in held


def test_the_installed_wheel_says_its_version(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, "--target", str(site), str(wheel)], check=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def run(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=elsewhere,
            env={**os.environ, "PYTHONPATH": str(site)},  # stands before the checkout on the path
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    assert Path(run("-c", "import thyrodata; print(thyrodata.__file__)")).is_relative_to(site)
    assert thyrodata.__version__ in run("-m", "thyrodata", "--version")
    assert thyrodata.__version__ in run(str(site / "bin" / "thyrodata"), "--version")
