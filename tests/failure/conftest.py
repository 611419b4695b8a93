"""The release that is converted, and what an undisturbed conversion makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.failure.run import content, convert
from thyrodata.demo import write_release


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 cases, one of which cannot be read and is to be skipped."""
    raw = tmp_path_factory.mktemp("release")
    write_release(raw, cases=24)
    broken = raw / "7.xml"
    broken.write_bytes(broken.read_bytes()[:100])
    return raw


@pytest.fixture(scope="session")
def whole(release: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of the dataset that an undisturbed conversion makes."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    ended = convert(release, out)
    assert ended.returncode == 0, ended.stderr
    return content(out)
