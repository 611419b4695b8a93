"""What every curating command keeps, asked of the command line: a new one needs a line in the table."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from curated import content, unchanged
from drawing_tools import Drawn, cvat_xml

from tests.fixtures.ddti637.make import make as make_ddti637
from thyrodata.change import sums_sha256
from thyrodata.conversion import convert
from thyrodata.curation.worklists import export_worklists
from thyrodata.dataset import Dataset
from thyrodata.partition import audit_dataset
from thyrodata.schema.geometry import Box
from thyrodata.schema.record import ImageRecord

POLICY = """
name: two
readers: [A, B]
match: 0.1
boxes:
  agree: {iou: 0.5}
  then: mean
unmatched: adjudicate
one-reader: leave
"""
CRITERIA = """
criteria:
- name: graded
  level: patient
  require: {label: {scheme: tirads-kwak}}
  unknown: exclude
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the commands work on."""

    parent: Path
    raw: Path
    beside: Path
    """Holds what some commands read besides: another dataset, criteria, a reader's file."""


def _annotate(given: Given) -> list[str]:
    read = str(given.beside / "read.xml")
    return [
        "annotate",
        "import",
        str(given.parent),
        read,
        "--key",
        str(given.beside / "lists/key.csv"),
        "--reader",
        "A",
    ]


def _agree(given: Given) -> list[str]:
    return [
        "agree",
        "resolve",
        str(given.parent),
        "--policy",
        str(given.beside / "policy.yaml"),
        *_sources(given),
    ]


def _sources(given: Given) -> list[str]:
    return [word for name in ("A", "B") for word in ("--with", f"{name}={given.beside / f'{name}.xml'}")]


OPERATIONS: dict[str, Callable[[Given], list[str]]] = {
    "agree": _agree,
    "annotate": _annotate,
    "derive": lambda given: ["derive", str(given.parent), "--grey", "--letterbox", "64x64"],
    "merge": lambda given: ["merge", str(given.parent), str(given.beside / "other")],
    "relabel": lambda given: ["relabel", str(given.parent), "--map", "ddti-3-benign"],
    "remove": lambda given: ["remove", str(given.parent), "--group", "ddti/2"],
    "select": lambda given: ["select", str(given.parent), "--criteria", str(given.beside / "criteria.yaml")],
    "update": lambda given: ["update", str(given.parent), str(given.raw)],
}
NEW_SPLIT = {"merge"}
"""What makes a split anew; the others keep every part."""

operations = pytest.mark.parametrize("name", OPERATIONS)


@pytest.fixture(scope="module")
def given(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Given:
    home = tmp_path_factory.mktemp("given")
    first, beside = home / "first", home / "beside"
    for folder in (first, beside, home / "ddti637"):
        folder.mkdir()
    for file in release.iterdir():
        if int(file.stem.partition("_")[0]) <= 9:
            shutil.copy(file, first)
    convert("ddti", first, home / "parent")
    make_ddti637(home / "ddti637")
    convert("ddti637", home / "ddti637", beside / "other")
    (beside / "criteria.yaml").write_text(CRITERIA)
    (beside / "policy.yaml").write_text(POLICY)
    for name, shift in (("A", 0), ("B", 2)):
        (beside / f"{name}.xml").write_bytes(cvat_xml(_boxes(home / "parent", shift)))
    export_worklists(home / "parent", beside / "lists", readers=["A", "B"])
    handed = (beside / "lists/A/batch-01/annotations.xml").read_text()
    mark = r'\1><tag label="nothing to outline" source="manual"></tag></image>'
    (beside / "read.xml").write_text(re.sub(r"(<image [^>]*)/>", mark, handed))
    return Given(parent=home / "parent", raw=release, beside=beside)


def _boxes(parent: Path, shift: int) -> list[Drawn]:
    """A box on every image, as a reader draws it who sees things a little to the right."""
    return [
        Drawn(
            name=Path(record.image.path or "").name,
            width=record.image.width,
            height=record.image.height,
            shapes=[("nodule", Box(x=20 + shift, y=20, width=40, height=30))],
        )
        for record in Dataset(parent).records()
    ]


@operations
def test_the_new_dataset_is_whole_and_names_its_parents(
    name: str, given: Given, command: Callable, tmp_path: Path
) -> None:
    with unchanged(given.parent), unchanged(given.beside), unchanged(given.raw):
        ran = command(*OPERATIONS[name](given), "-o", tmp_path / "out")
    assert (ran.code, ran.err) == (0, "")
    made = Dataset(tmp_path / "out")
    assert made.verify() == ()
    step = made.manifest.operations[-1]
    assert step.name.split(" ")[0] == name
    assert step.parents[0].sha256 == sums_sha256(Dataset(given.parent))
    assert f". {step.name} of " in (made.path / "README.md").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert audit_dataset(made, "default") == ()


@operations
def test_no_image_changes_its_part(name: str, given: Given, command: Callable, tmp_path: Path) -> None:
    command(*OPERATIONS[name](given), "-o", tmp_path / "out")
    before = {image: part for part, images in Dataset(given.parent).split().items() for image in images}
    after = {image: part for part, images in Dataset(tmp_path / "out").split().items() for image in images}
    same = {image: part for image, part in after.items() if image in before}
    assert same
    if name not in NEW_SPLIT:
        assert same == {image: before[image] for image in same}


@pytest.mark.slow
@operations
def test_the_bytes_do_not_depend_on_workers_or_links(
    name: str, given: Given, command: Callable, tmp_path: Path
) -> None:
    for out, options in (("one", ["--workers", "1"]), ("two", ["--workers", "2"]), ("linked", ["--link"])):
        assert command(*OPERATIONS[name](given), "-o", tmp_path / out, *options).code == 0
    assert content(tmp_path / "one") == content(tmp_path / "two") == content(tmp_path / "linked")


@operations
def test_a_dry_run_says_what_would_be_and_writes_nothing(
    name: str, given: Given, command: Callable, tmp_path: Path
) -> None:
    ran = command(*OPERATIONS[name](given), "-o", tmp_path / "out", "--dry-run", "--json")
    assert (ran.code, ran.err) == (0, "")
    said = json.loads(ran.out)
    assert list(tmp_path.iterdir()) == []
    made = json.loads(command(*OPERATIONS[name](given), "-o", tmp_path / "out", "--json").out)
    assert said.keys() == made.keys()
    assert said["dry_run"] is True
    assert made["dry_run"] is False
    assert {key for key in said if said[key] != made[key]} <= {"dry_run", "image_bytes", "moved"}


@operations
def test_a_missing_image_is_named_and_nothing_is_left(
    name: str, given: Given, command: Callable, tmp_path: Path
) -> None:
    parent = shutil.copytree(given.parent, tmp_path / "parent")
    kept = [each for each in Dataset(parent).records() if _is_kept(each)]
    image = kept[len(kept) // 2].image.path
    assert image
    (parent / image).unlink()
    spoiled = Given(parent=parent, raw=given.raw, beside=given.beside)
    ran = command(*OPERATIONS[name](spoiled), "-o", tmp_path / "out")
    assert ran.code == 1
    assert f"where: {parent / image}" in ran.err
    assert "Traceback" not in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["parent"]


def _is_kept(record: ImageRecord) -> bool:
    """Whether every operation takes the image."""
    return record.group_id != "ddti/2" and any(
        label.value.scheme == "tirads-kwak" for label in record.case_labels
    )


@operations
@pytest.mark.parametrize("there", ["file", "dataset", "folder"])
def test_what_is_in_the_way_stays(
    name: str, given: Given, command: Callable, tmp_path: Path, there: str
) -> None:
    out = tmp_path / "out"
    match there:
        case "file":
            out.write_text("mine")
        case "dataset":
            shutil.copytree(given.parent, out)
        case _:
            out.mkdir()
            (out / "mine").touch()
    before = content(tmp_path)
    ran = command(*OPERATIONS[name](given), "-o", out)
    assert ran.code in {1, 2}
    assert ran.err.startswith("error: ")
    assert "Traceback" not in ran.err
    assert content(tmp_path) == before
    if there == "dataset":
        assert command(*OPERATIONS[name](given), "-o", out, "--overwrite").code == 0
        assert Dataset(out).manifest.operations[-1].name.split(" ")[0] == name


@operations
def test_the_output_may_not_lie_in_the_parent(name: str, given: Given, command: Callable) -> None:
    with unchanged(given.parent):
        ran = command(*OPERATIONS[name](given), "-o", given.parent / "out")
    assert ran.code == 1
    assert "inside the source" in ran.err
