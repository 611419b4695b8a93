"""What every test may ask for: published samples, system tools, and how hard hypothesis tries."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from thyrodata.cli import main
from thyrodata.conversion import convert
from thyrodata.demo import write_release

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("quick", max_examples=25, derandomize=True, deadline=None)
settings.register_profile("soak", max_examples=5_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of published sample data; a test that asks for it is skipped where there is none."""
    folder = os.environ.get("THYRODATA_SAMPLES")
    if not folder:
        pytest.skip("THYRODATA_SAMPLES names no folder of published samples")
    return Path(folder)


@pytest.fixture(scope="session")
def system_tool() -> Callable[[str], str]:
    """A function from the name of a system tool to its path.

    Where the tool is missing the test is skipped; with THYRODATA_REQUIRE_TOOLS=1 it fails.
    """
    return find_system_tool


def find_system_tool(name: str) -> str:
    path = shutil.which(name)
    if path is None and os.environ.get("THYRODATA_REQUIRE_TOOLS") == "1":
        pytest.fail(f"the system tool {name} is missing, and THYRODATA_REQUIRE_TOOLS=1 asks for it")
    if path is None:
        pytest.skip(f"the system tool {name} is not installed")
    return path


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic release of 12 cases and 14 images; only to be read."""
    folder = tmp_path_factory.mktemp("release")
    write_release(folder, cases=12)
    return folder


@pytest.fixture(scope="session")
def converted(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset that the release is converted to; only to be read."""
    out = tmp_path_factory.mktemp("converted") / "ddti"
    convert("ddti", release, out)
    return out


@pytest.fixture
def copied(converted: Path, tmp_path: Path) -> Path:
    """A copy of the converted dataset, to be changed or spoiled."""
    return shutil.copytree(converted, tmp_path / "ddti")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str


Command = Callable[..., Ran]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """A function that runs the command line, in this process, as a shell would."""

    def run(*args: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["thyrodata", *map(str, args)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int | None)
        return Ran(code=ended.value.code or 0, out=said.out, err=said.err)

    return run
