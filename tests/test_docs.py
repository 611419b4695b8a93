"""The code of README and docs runs, in order, as a reader would run it."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from tests.captures import patient, write_still
from tests.fixtures.ddti637.make import make as make_ddti637
from tests.fixtures.tn3k.make import make as make_tn3k
from tests.study import write_predictions, write_study
from thyrodata.capture.attributes import REMARKS
from thyrodata.capture.clinicalmap import read_clinical_map
from thyrodata.conversion import convert
from thyrodata.demo import write_release
from thyrodata.io.raw import Raw

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


def run(command: list[str], codes: Collection[int] = (0,)) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode in codes, f"{command}: {done.stderr}"
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
        "agree",
        "agree",
        "agree",
        "qc",
        "qc",
        "qc",
        "report",
        "export",
        "export",
        "card",
        "convert",
    ]
    write_study(reader / "readers")
    (policy,) = blocks("docs/agreement.md", "yaml")
    (reader / "policy.yaml").write_text(policy)
    for command in listed:
        run(command)


@pytest.fixture
def scanner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An export of a scanner beside a folder for secrets, as docs/capture.md has them."""
    for number in range(3):
        write_still(tmp_path / f"export/{number}.dcm", number, patient(number))
    (tmp_path / "secrets").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_python_of_capture_runs(scanner: Path) -> None:
    (code,) = blocks("docs/capture.md", "python")
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(code, {})  # noqa: S102 -- the docs are ours
    assert said.getvalue().startswith("3 0\n")


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/capture.md"])
def test_the_commands_of_capture_run(page: str, scanner: Path) -> None:
    lines = [line.partition("#")[0] for code in blocks(page, "sh") for line in code.splitlines()]
    listed = [shlex.split(line) for line in lines if line.startswith(("thyrodata key", "thyrodata capture"))]
    assert [command[1:3] for command in listed] == [
        ["key", "new"],
        ["capture", "run"],
        ["capture", "report"],
        ["capture", "audit"],
    ]
    for command in listed:
        run([part.replace("~", str(scanner)) for part in command])


@pytest.fixture
def looked_at(converted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The datasets that the pages on quality control and on the report name."""
    for name in ("data", "ddti"):
        shutil.copytree(converted, tmp_path / name)
    for name, make in (("ddti637", make_ddti637), ("tn3k", make_tn3k)):
        (tmp_path / f"raw-{name}").mkdir()
        make(tmp_path / f"raw-{name}")
        convert(name, tmp_path / f"raw-{name}", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", ["docs/qc.md", "docs/report.md"])
def test_the_code_of_quality_control_and_of_the_report_runs(page: str, looked_at: Path) -> None:
    lines = [line for code in blocks(page, "sh") for line in code.splitlines()]
    assert len(lines) > 2
    for line in lines:
        run(shlex.split(line, comments=True), codes={0, 1} if "--fail-on" in line else {0})
    (code,) = blocks(page, "python")
    with contextlib.redirect_stdout(io.StringIO()):
        exec(code, {})  # noqa: S102 -- the docs are ours


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two readers' dataset, the policy of docs/agreement.md and a model's predictions."""
    write_predictions(write_study(tmp_path / "study"), tmp_path / "predictions.json")
    (policy,) = blocks("docs/agreement.md", "yaml")
    (tmp_path / "policy.yaml").write_text(policy)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def decide(queue: Path, decided: Path) -> None:
    """What a senior gives back who finds the first reading right everywhere."""
    text = (queue / "senior/annotations.xml").read_text().replace('label="reading 1: ', 'label="')
    decided.write_text(text.replace("</image>", '<tag label="all outlined" source="manual"></tag></image>'))


@pytest.mark.slow
def test_the_commands_of_agreement_run(study: Path) -> None:
    listed = [
        shlex.split(line, comments=True)
        for code in blocks("docs/agreement.md", "sh")
        for line in code.splitlines()
    ]
    assert [command[2] for command in listed] == ["report", "resolve", "queue", "import", "resolve", "score"]
    for command in listed:
        if command[2] == "import":
            decide(study / "queue", study / "decided.xml")
        run(command)
    outcomes = json.loads((study / "final/reports/agree.json").read_text())["outcomes"]
    assert [each["open"] for each in outcomes] == [0, 0]
    assert all(each["adjudicated"] for each in outcomes)


@pytest.mark.slow
def test_the_python_of_agreement_runs(study: Path) -> None:
    (code,) = blocks("docs/agreement.md", "python")
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(code, {})  # noqa: S102 -- the docs are ours
    assert "dice mean" in said.getvalue()
    assert (study / "queue/senior/README.txt").exists()


def test_the_clinical_map_of_the_docs_is_one(tmp_path: Path) -> None:
    (text,) = blocks("docs/capture.md", "yaml")
    (tmp_path / "map.yaml").write_text(text)
    found = read_clinical_map(Raw(tmp_path).files[0])
    assert [column.name for column in found.columns()][:3] == ["MRN", "Hospital", "Accession"]


def test_the_python_of_the_docs_runs(reader: Path) -> None:
    codes = [code for page in PAGES for code in blocks(page, "python")]
    assert len(codes) == 9
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for code in codes:
            exec(code, names)  # noqa: S102 -- the docs are ours
    assert names["dataset"]


@pytest.mark.parametrize(
    "page",
    [
        *PAGES,
        "docs/agreement.md",
        "docs/baselines.md",
        "docs/leakage.md",
        "docs/browse.md",
        "docs/capture.md",
        "docs/publish.md",
        "docs/qc.md",
        "docs/report.md",
        "docs/design.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
    ],
)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert ((ROOT / page).parent / link).exists() or (ROOT / link).exists(), link


def test_every_remark_is_explained() -> None:
    explained = set(re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs/dataset.md").read_text(), re.MULTILINE))
    folders = ("converters", "derivation", "merging", "collection", "qc")
    source = "".join(f.read_text() for name in folders for f in (ROOT / "thyrodata" / name).glob("*.py"))
    given = set(re.findall(r'code="([a-z-]+)"', source))
    assert given | REMARKS.keys() == explained
