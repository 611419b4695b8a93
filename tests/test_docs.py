"""The code of README and docs runs, in order, as a reader would run it."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from thyrodata.demo import write_release

ROOT = Path(__file__).parents[1]
PAGES = [
    "README.md",
    "docs/dataset.md",
    "docs/export.md",
    "docs/curation.md",
    *(f"docs/curation/{page.name}" for page in sorted(Path(__file__).parents[1].glob("docs/curation/*.md"))),
]
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    return [code for name, code in BLOCK.findall((ROOT / page).read_text()) if name == language]


def commands(page: str) -> list[list[str]]:
    lines = [line.partition("#")[0] for code in blocks(page, "console") for line in code.splitlines()]
    return [shlex.split(line) for line in lines if line.startswith("thyrodata ")]


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "raw").mkdir()
    write_release(tmp_path / "raw", cases=20)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    assert done.stdout


@pytest.mark.slow
def test_the_commands_of_the_readme_run(reader: Path) -> None:
    listed = commands("README.md")
    assert [command[1] for command in listed] == [
        "list",
        "detect",
        "convert",
        "show",
        "verify",
        "split",
        "split",
        "export",
        "relabel",
        "relabel",
        "derive",
        "remove",
        "update",
        "annotate",
    ]
    for command in listed:
        run(command)


def test_the_python_of_the_docs_runs(reader: Path) -> None:
    codes = [code for page in PAGES for code in blocks(page, "python")]
    assert len(codes) == 9
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for code in codes:
            exec(code, names)  # noqa: S102 -- the docs are ours
    assert names["dataset"]


@pytest.mark.parametrize("page", [*PAGES, "docs/design.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert ((ROOT / page).parent / link).exists() or (ROOT / link).exists(), link


def test_every_remark_is_explained() -> None:
    explained = set(re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs/dataset.md").read_text(), re.MULTILINE))
    folders = ("converters", "derivation", "merging")
    source = "".join(f.read_text() for name in folders for f in (ROOT / "thyrodata" / name).glob("*.py"))
    given = set(re.findall(r'code="([a-z-]+)"', source))
    assert given == explained
