"""The worked example of CONTRIBUTING.md, put into a copy of the project, passes the contract suite."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILE = re.compile(r"^`(\S+)`:\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINE = re.compile(r"^The line in the table:\n\n```text\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def project(tmp_path):
    for part in ("thyrodata", "tests", "cards", "schemas", "docs"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("pyproject.toml", "CONTRIBUTING.md"):
        shutil.copy(ROOT / part, tmp_path / part)
    return tmp_path


@pytest.mark.slow
def test_the_example_touches_its_own_files_and_one_line_and_passes_the_suite(project):
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    files = dict(FILE.findall(guide))
    assert sorted(files) == [
        "cards/example.md",
        "tests/fixtures/example/golden.json",
        "tests/fixtures/example/make.py",
        "thyrodata/converters/example.py",
    ]
    for path, text in files.items():
        assert not (project / path).exists()
        (project / path).parent.mkdir(exist_ok=True)
        (project / path).write_text(text)
    (line,) = LINE.findall(guide)
    table = project / "thyrodata/converters/__init__.py"
    lines = [*table.read_text().splitlines(keepends=True)]
    first = lines.index("CONVERTERS: dict[str, str] = {\n") + 1
    last = lines.index("}\n", first)
    table.write_text("".join([*lines[:first], *sorted([*lines[first:last], line]), *lines[last:]]))

    suite = ["tests/contract", "tests/test_architecture.py", "tests/test_detection.py"]
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-k",
            "example or house or law",
            *suite,
        ],
        cwd=project,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout
    assert int(re.search(r"(\d+) passed", ran.stdout)[1]) > 30, ran.stdout
    lint = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--quiet",
        *(path for path in files if path.endswith(".py")),
    ]
    assert subprocess.run(lint, cwd=project, check=False).returncode == 0
