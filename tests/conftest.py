"""What every test may ask for: published samples, system tools, and how hard hypothesis tries."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None)
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
