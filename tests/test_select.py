"""Select: published criteria on phantoms whose attributes are known, honest counts, and named refusals."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest
from curated import content, make_parent, picture, unchanged, with_images
from lxml import etree
from toy import finding, graded, make_dataset, record

import thyrodata
from thyrodata.change import sums_sha256
from thyrodata.curation.select import select
from thyrodata.dataset import Dataset
from thyrodata.errors import CaseError, DatasetError, RawLayoutError, ThyrodataError, UsageError
from thyrodata.schema.geometry import Box, Line
from thyrodata.schema.record import Acquisition, Age, Derived, Label, Nodule, Patient, Read, Reading, Remark
from thyrodata.schema.vocab import (
    Basis,
    Bethesda,
    Coverage,
    GroupKind,
    Location,
    Malignancy,
    Modality,
    Sex,
    Structure,
    ViewPlane,
)

EXAMPLES = Path(__file__).parents[1] / "docs/curation"
BOX = Box(x=2, y=3, width=5, height=4)
PLANES = {"T": ViewPlane.TRANSVERSE, "L": ViewPlane.LONGITUDINAL, "?": None}


# ---------------------------------------------------------------- phantoms with known attributes


@dataclass
class Lump:
    """A nodule of a phantom, as the test knows it."""

    name: str
    sizes: tuple[float | None, ...]
    histology: tuple[str, ...]
    bethesda: str | None


@dataclass
class Shot:
    """An image of a phantom, as the test knows it."""

    name: str
    person: int
    plane: str
    described: list[str]
    drawn: list[str | None]
    """Of each outline the nodule that it names."""
    marker: bool
    table: dict[str, str]


@dataclass
class Phantoms:
    """People, their nodules and images, and what a clinical table says of them."""

    people: dict[int, dict[str, str]] = field(default_factory=dict)
    lumps: dict[tuple[int, str], Lump] = field(default_factory=dict)
    shots: list[Shot] = field(default_factory=list)


def phantoms(n: int = 60) -> Phantoms:
    made = Phantoms()
    for i in range(n):
        made.people[i] = {
            "ultrasound_before_pathology": ["yes", "yes", "yes", "no", "yes", ""][i % 6],
            "invasive_treatment": "yes" if i % 11 == 3 else "no",
            "thyroid_function": ["normal", "normal", "low", "normal", ""][i % 5],
            "prior_interventions": str(max(0, i % 9 - 6)),
        }
        names = ["n1", "n2"] if i % 3 == 0 else ["n1"]
        for j, name in enumerate(names):
            made.lumps[i, name] = Lump(
                name=name,
                sizes=[(3.0, 4.0), (12.0, 8.0), (6.0, None), (2.0, None), (), (5.0,)][(i + 2 * j) % 6],
                histology=[("benign",), ("malignant",), (), ("benign", "malignant"), ("benign",)][
                    (i + j) % 5
                ],
                bethesda=["II", None, "III", "VI", None, "V", "IV"][(i + 3 * j) % 7],
            )
        for k in range(2 + i % 2):
            shown = names[k % len(names)]
            made.shots.append(
                Shot(
                    name=f"{i}_{k}",
                    person=i,
                    plane="?" if i % 13 == 7 and k else "TTL"[(k + 1) % 3] if i % 4 == 1 else "TLT"[k],
                    described=names if i % 2 else [shown],
                    drawn=[None] if i % 5 == 2 else [shown, None] if i % 7 == 4 else [shown],
                    marker=(i + k) % 8 == 6,
                    table={
                        "nodule_shown": "cut" if (i + k) % 10 == 1 else "whole",
                        "image_quality": ["clear", "clear", "clear", "unclear", "clear", ""][(i + 2 * k) % 6],
                        "blood_flow": "shown" if (2 * i + k) % 9 == 5 else "none",
                        "motion_or_blur": ["no", "no", "yes", ""][(i + k) % 4],
                    },
                )
            )
    return made


def labels_of(lump: Lump) -> tuple[Label, ...]:
    said = [Label(value=Malignancy(value), basis=Basis.HISTOLOGY) for value in lump.histology]
    said += [Label(value=Malignancy.MALIGNANT, basis=Basis.CYTOLOGY)] if lump.bethesda == "VI" else []
    said += [Label(value=Bethesda(lump.bethesda), basis=Basis.CYTOLOGY)] if lump.bethesda else []
    return tuple(said)


def phantom_dataset(folder: Path, made: Phantoms) -> Dataset:
    records = []
    for shot in made.shots:
        lumps = [made.lumps[shot.person, name] for name in shot.described]
        outlines = [finding(str(i), BOX, nodule_id=name) for i, name in enumerate(shot.drawn)]
        arrow = finding("m", Line(points=((0, 0), (5, 5))), structure=Structure.MARKER)
        records.append(
            record(
                shot.name,
                *outlines,
                *([arrow] if shot.marker else []),
                group=str(shot.person),
                group_kind=GroupKind.PATIENT,
                acquisition=Acquisition(view_plane=PLANES[shot.plane]),
                nodules=tuple(
                    Nodule(nodule_id=lump.name, size_mm=lump.sizes, labels=labels_of(lump)) for lump in lumps
                ),
                readings=[Reading(coverage=Coverage.COMPLETE)],
            )
        )
    images = {r.image_id: picture(i) for i, r in enumerate(records)}
    return with_images(folder, records, images)


def phantom_tables(folder: Path, made: Phantoms) -> list[Path]:
    people, images = folder / "patients.csv", folder / "images.csv"
    write_table(people, "group_id", {f"toy/{i}": row for i, row in made.people.items()})
    write_table(images, "image_id", {f"toy/{shot.name}": shot.table for shot in made.shots})
    return [people, images]


def write_table(path: Path, key: str, rows: dict[str, dict[str, str]]) -> Path:
    columns = list(next(iter(rows.values())))
    lines = [",".join([key, *columns])]
    lines += [",".join([name, *(row[column] for column in columns)]) for name, row in rows.items()]
    path.write_text("\n".join(lines) + "\n")
    return path


# ---------------------------------------------------------------- the oracle: plain loops over what is known


@dataclass
class Left:
    """What is left: of each shot, the nodules that it describes and its outlines."""

    made: Phantoms
    shots: list[Shot]

    def counts(self) -> dict[str, object]:
        groups = len({shot.person for shot in self.shots})
        return {
            "groups": {"patient": groups} if groups else {},
            "nodules": len({(shot.person, name) for shot in self.shots for name in shot.described}),
            "images": len(self.shots),
            "findings": sum(len(shot.drawn) + shot.marker for shot in self.shots),
        }

    def people(self, keep) -> None:
        self.shots = [shot for shot in self.shots if keep(shot.person)]

    def images(self, keep) -> None:
        self.shots = [shot for shot in self.shots if keep(shot)]

    def nodules(self, keep) -> None:
        shots = []
        for shot in self.shots:
            gone = {name for name in shot.described if not keep(self.made.lumps[shot.person, name])}
            described = [name for name in shot.described if name not in gone]
            drawn = [name for name in shot.drawn if name not in gone]
            if not gone:
                shots.append(shot)
            elif described or drawn:
                shots.append(replace(shot, described=described, drawn=drawn))
        self.shots = shots


def thyronet(made: Phantoms) -> Iterable[dict[str, object]]:
    left = Left(made, made.shots)
    left.people(lambda i: made.people[i]["ultrasound_before_pathology"] == "yes")
    yield left.counts()
    left.people(lambda i: made.people[i]["invasive_treatment"] == "no")
    yield left.counts()
    left.nodules(lambda lump: len(set(lump.histology)) == 1)
    yield left.counts()
    left.nodules(lambda lump: lump.bethesda not in ("III", "IV"))
    yield left.counts()
    left.images(lambda shot: shot.table["nodule_shown"] == "whole")
    yield left.counts()
    left.images(lambda shot: shot.table["image_quality"] == "clear")
    yield left.counts()
    left.images(lambda shot: not shot.marker)
    yield left.counts()
    left.images(lambda shot: shot.table["blood_flow"] == "none")
    yield left.counts()
    planes = [(shot.person, shot.plane) for shot in left.shots]
    left.people(lambda i: (i, "T") in planes and (i, "L") in planes)
    yield left.counts()


def larger_than_5(lump: Lump) -> bool:
    return max((size for size in lump.sizes if size), default=0) > 5


def thyroidxl(made: Phantoms) -> Iterable[dict[str, object]]:
    left = Left(made, made.shots)
    left.people(lambda i: made.people[i]["thyroid_function"] == "normal")
    yield left.counts()
    left.people(lambda i: int(made.people[i]["prior_interventions"]) == 0)
    yield left.counts()
    left.nodules(larger_than_5)
    yield left.counts()
    large = {shot.person for shot in left.shots if shot.described}
    left.people(lambda i: i in large)
    yield left.counts()
    cytology = {
        shot.person
        for shot in left.shots
        for name in shot.described
        if made.lumps[shot.person, name].bethesda
    }
    left.people(lambda i: i in cytology)
    yield left.counts()
    left.images(lambda shot: shot.table["motion_or_blur"] == "no")
    yield left.counts()


@pytest.mark.parametrize("oracle", [thyronet, thyroidxl])
def test_published_criteria_give_the_counts_of_the_phantoms(oracle, tmp_path: Path) -> None:
    made = phantoms()
    parent = phantom_dataset(tmp_path / "parent", made)
    name = {thyronet: "thyronet-x4.yaml", thyroidxl: "thyroidxl.yaml"}[oracle]
    with unchanged(parent.path):
        done = select(
            parent, tmp_path / "out", criteria=EXAMPLES / name, tables=phantom_tables(tmp_path, made)
        )
    expected = [Left(made, made.shots).counts(), *oracle(made)]
    said = done.to_json()
    assert [said["given"], *(stage["after"] for stage in said["criteria"])] == expected
    assert 0 < expected[-1]["images"] < len(made.shots) / 2
    removals = [before["images"] - after["images"] for before, after in pairwise(expected)]
    assert [stage["removed"]["images"] for stage in said["criteria"]] == removals
    assert len([n for n in removals if n]) >= len(removals) - 1, (
        "a criterion that removes nothing shows nothing"
    )
    out = Dataset(tmp_path / "out")
    assert out.verify() == ()
    assert out.manifest.count("images") == expected[-1]["images"]
    assert out.manifest.count("findings") == expected[-1]["findings"]
    assert json.loads((out.path / "reports/select.json").read_text()) == {
        key: value for key, value in said.items() if key not in OF_THE_RUN
    }


OF_THE_RUN = {"out", "dry_run", "refused", "image_bytes", "images"}


def test_unknown_and_contradictory_answers_are_counted_apart(tmp_path: Path) -> None:
    made = phantoms()
    parent = phantom_dataset(tmp_path / "parent", made)
    criteria = written(
        tmp_path,
        "{name: definitive, level: nodule, unknown: exclude, "
        "require: {label: {scheme: malignancy, basis: histology, definitive: true, is: [malignant]}}}",
    )
    (stage,) = select(parent, tmp_path / "out", criteria=criteria, dry_run=True).to_json()["criteria"]
    said = [lump for lump in made.lumps.values() if (lump.histology or lump.bethesda == "VI")]
    several = [lump for lump in said if len(lump.histology) == 2]
    other = [lump for lump in said if len(lump.histology) < 2 and lump.histology != ("malignant",)]
    assert stage["unknown"] == {
        "not_stated": len(made.lumps) - len(said),
        "contradictory": len(several),
        "then": "exclude",
    }
    assert stage["removed"]["why"] == {
        "not met": len(other),
        "unknown": len(made.lumps) - len(said),
        "contradictory": len(several),
    }
    assert stage["asked"] == len(made.lumps)
    assert several
    assert other


# ---------------------------------------------------------------- each condition


def written(folder: Path, *criteria: str) -> Path:
    path = folder / "criteria.yaml"
    path.write_text("criteria:\n" + "".join(f"- {criterion}\n" for criterion in criteria))
    return path


def small(folder: Path) -> Dataset:
    """Five cases that differ in everything that a condition may ask for."""
    benign = Label(value=Malignancy.BENIGN, basis=Basis.HISTOLOGY)
    malignant = Label(value=Malignancy.MALIGNANT, basis=Basis.CYTOLOGY)
    records = [
        record(
            "a1",
            finding("1", BOX, nodule_id="n"),
            group="a",
            patient=Patient(sex=Sex.FEMALE, age=Age(years=90, at_least=True)),
            acquisition=Acquisition(view_plane=ViewPlane.TRANSVERSE),
            nodules=(Nodule(nodule_id="n", location=Location.ISTHMUS, size_mm=(4, 7), labels=(benign,)),),
            readings=[Reading(coverage=Coverage.COMPLETE)],
        ),
        record(
            "a2",
            group="a",
            patient=Patient(sex=Sex.FEMALE),
            acquisition=Acquisition(view_plane=ViewPlane.LONGITUDINAL),
            remarks=(Remark(code="outline-cut", text="x"),),
        ),
        record("b1", group="b", patient=Patient(sex=Sex.MALE, age=Age(years=17)), image_labels=(benign,)),
        record("b2", group="b", patient=Patient(sex=Sex.FEMALE, age=Age(years=19))),
        record(
            "c1",
            group="c",
            patient=Patient(age=Age(years=40)),
            acquisition=Acquisition(view_plane=ViewPlane.TRANSVERSE),
            case_labels=(malignant, *graded("4a")),
        ),
        record(
            "d1",
            finding("1", BOX, structure=Structure.LYMPH_NODE),
            group="d",
            nodules=(Nodule(nodule_id="n", size_mm=(3, None), location=Location.LEFT_LOBE),),
        ),
        record("e1", group="e", readings=[Reading(coverage=Coverage.PARTIAL)]),
    ]
    wide = replace(records[-1], image=replace(records[-1].image, width=640, height=480))
    return make_dataset(folder, [*records[:-1], replace(wide, modality=Modality.CT)])


CONDITIONS = [
    ("patient", "{sex: female}", "a", "b c d e"),
    ("patient", "{sex: [female, male]}", "a b", "c d e"),
    ("patient", "{age_years: {at_least: 18}}", "a c", "b d e"),
    ("patient", "{age_years: {at_least: 18, less_than: 95}}", "c", "a b d e"),
    ("patient", "{age_years: {less_than: 80}}", "b c", "d e"),
    ("patient", "{location: isthmus}", "a", "b c e"),
    ("patient", "{size_mm: {more_than: 5}}", "a", "b c d e"),
    ("patient", "{size_mm: {at_least: 2}}", "a d", "b c e"),
    ("patient", "{size_mm: {less_than: 2}}", "", "b c e"),
    ("patient", "{view_planes: [transverse, longitudinal]}", "a", "b d e"),
    ("patient", "{label: {scheme: malignancy}}", "a b c", "d e"),
    ("patient", "{label: {scheme: malignancy, basis: histology}}", "a b", "d e"),
    ("patient", "{label: {scheme: malignancy, of: case, is: [malignant]}}", "c", "a b d e"),
    ("patient", "{label: {scheme: tirads-kwak, is: [4a, 4b]}}", "c", "a b d e"),
    ("image", "{label: {scheme: malignancy, of: image}}", "b1", "a1 a2 b2 c1 d1 e1"),
    ("image", "{modality: ct}", "e1", ""),
    ("image", "{source: toy}", "a1 a2 b1 b2 c1 d1 e1", ""),
    ("image", "{finding: {structure: [nodule, lymph-node]}}", "a1 d1", ""),
    ("image", "{coverage: [complete, partial]}", "a1 e1", "a2 b1 b2 c1 d1"),
    ("image", "{width_px: {at_least: 17}}", "e1", ""),
    ("image", "{height_px: {at_most: 12}}", "a1 a2 b1 b2 c1 d1", ""),
    ("image", "{remark: outline-cut}", "a2", ""),
]


@pytest.mark.parametrize(("level", "condition", "met", "unknown"), CONDITIONS)
def test_a_condition(level: str, condition: str, met: str, unknown: str, tmp_path: Path) -> None:
    """Three ways to say it: what meets it is kept, what does not is kept, and both with what is not known."""
    data = small(tmp_path / "data")
    every = {"patient": "a b c d e", "image": "a1 a2 b1 b2 c1 d1 e1"}[level].split()
    failed = [name for name in every if name not in (met + " " + unknown).split()]
    rules = [("exclude", met.split(), failed), ("keep", [*met.split(), *unknown.split()], failed)]
    for rule, required, excluded in rules if unknown else [("", met.split(), failed)]:
        told = f"level: {level}" + (f", unknown: {rule}" if rule else "")
        also = unknown.split() if rule == "keep" else []
        for verb, expected in (("require", required), ("exclude", [*excluded, *also])):
            criteria = written(tmp_path, f"{{name: x, {told}, {verb}: {condition}}}")
            done = select(data, tmp_path / "out", criteria=criteria, dry_run=True)
            removed = {entry["id"] for entry in done.to_json()["criteria"][0]["removed"]["listed"]}
            assert {f"toy/{name}" for name in every} - removed == {f"toy/{name}" for name in expected}


def test_a_nodule_takes_its_outlines_with_it_and_leaves_the_others(tmp_path: Path) -> None:
    """An image stays for a nodule or a finding that is no marker, and says no more that all is drawn."""
    arrow = finding("m", Line(points=((0, 0), (5, 5))), structure=Structure.MARKER)
    two = (Nodule(nodule_id="large", size_mm=(9,)), Nodule(nodule_id="small", size_mm=(2,)))
    readings = [Reading(reader=r, coverage=Coverage.COMPLETE) for r in ("A", "B")]

    def drawn(key: str, nodule: str | None, reader: str = "A"):
        return finding(key, BOX, nodule_id=nodule, origin=Read(reader=reader))

    records = [
        record("both", drawn("1", "large"), drawn("2", "small"), group="p", nodules=two, readings=readings),
        record("small", drawn("1", "small"), group="p", nodules=two[1:], readings=readings),
        record("loose", drawn("1", "small"), drawn("2", None), group="p", nodules=two[1:], readings=readings),
        record("arrow", arrow, group="q", nodules=two[1:]),
        record("none", group="r"),
        record(
            "derived",
            finding("1", BOX, nodule_id="small", origin=Derived(policy="vote", from_ids=())),
            group="s",
            nodules=two,
            readings=readings,
        ),
    ]
    data = make_dataset(tmp_path / "data", records)
    criteria = written(
        tmp_path, "{name: large, level: nodule, require: {size_mm: {more_than: 5}}, unknown: exclude}"
    )
    done = select(data, tmp_path / "out", criteria=criteria)
    left = {r.image_id: r for r in Dataset(tmp_path / "out").records()}
    assert list(left) == ["toy/both", "toy/loose", "toy/none", "toy/derived"]
    assert [f.finding_id for f in left["toy/both"].findings] == ["1"]
    assert [n.nodule_id for n in left["toy/both"].nodules] == ["large"]
    assert [f.finding_id for f in left["toy/loose"].findings] == ["2"]
    assert left["toy/loose"].nodules == ()
    coverages = {name: [r.coverage for r in each.readings] for name, each in left.items()}
    complete, partial = Coverage.COMPLETE, Coverage.PARTIAL
    assert coverages["toy/both"] == coverages["toy/loose"] == [partial, complete]
    assert coverages["toy/derived"] == [partial, partial]
    assert coverages["toy/none"] == [None]
    said = done.to_json()
    assert said["criteria"][0]["images_kept_for_findings_that_name_no_nodule"] == 1
    assert said["images_left_without_an_outline_they_had"] == 3
    assert said["criteria"][0]["removed"]["image_ids"] == ["toy/small", "toy/arrow"]
    assert {"group_id": "toy/p", "nodule_id": "small", "why": "not met"} in said["criteria"][0]["removed"][
        "listed"
    ]


# ---------------------------------------------------------------- clinical tables


ONE = "{name: x, require: {column: {name: quality, is: [good]}}, unknown: exclude}"


def test_ids_of_a_table_are_counted_and_named(tmp_path: Path) -> None:
    data = small(tmp_path / "data")
    table = tmp_path / "t.csv"
    table.write_text("group_id,quality\ntoy/a,good\ntoy/z,good\ntoy/b,good\ntoy/b,bad\ntoy/c, \n")
    made = select(data, tmp_path / "out", criteria=written(tmp_path, ONE), tables=[table], dry_run=True)
    said = made.to_json()
    assert said["tables"] == [
        {
            "name": "t.csv",
            "sha256": content(tmp_path)["t.csv"],
            "level": "patient",
            "columns": ["quality"],
            "rows": 5,
            "not_in_the_dataset": [{"id": "toy/z", "line": 3}],
            "twice": [{"id": "toy/b", "line": 5}],
            "without_a_row": [{"id": "toy/d"}, {"id": "toy/e"}],
        }
    ]
    assert said["criteria"][0]["unknown"] == {"not_stated": 3, "contradictory": 1, "then": "exclude"}
    assert said["left"]["groups"] == {"case": 1}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("image_id,quality\ntoy/a1,good\ntoy/b2,bad\n", {"a1"}),
        ("nodule_id,group_id,quality\nn,toy/a,good\nn,toy/d,bad\n", {"a1", "a2", "b1", "b2", "c1", "e1"}),
    ],
)
def test_the_first_column_says_of_what_a_table_is(text: str, kept: set[str], tmp_path: Path) -> None:
    data = small(tmp_path / "data")
    (tmp_path / "t.csv").write_text(text)
    made = select(
        data, tmp_path / "out", criteria=written(tmp_path, ONE), tables=[tmp_path / "t.csv"], dry_run=False
    )
    left = {r.image_id.removeprefix("toy/") for r in Dataset(made.out).records()}
    # the outline of d1 is no marker and names no nodule: it keeps the image
    assert left == kept | ({"d1"} if text.startswith("nodule") else set())


def test_a_table_of_nodules_needs_no_group_where_their_ids_differ(tmp_path: Path) -> None:
    nodules = [(Nodule(nodule_id=name),) for name in "kl"]
    data = make_dataset(tmp_path / "data", [record(n[0].nodule_id, nodules=n) for n in nodules])
    (tmp_path / "t.csv").write_text("nodule_id,ki67\nk,0.5\nl,2e1\n")
    criteria = written(tmp_path, "{name: x, require: {column: {name: ki67, at_most: 1}}, unknown: stop}")
    select(data, tmp_path / "out", criteria=criteria, tables=[tmp_path / "t.csv"])
    assert [r.image_id for r in Dataset(tmp_path / "out").records()] == ["toy/k"]


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("patient,quality\ntoy/a,good\n", "begins with 'patient', which is no id", "t.csv:1"),
        ("group_id\ntoy/a\n", "no column beside its ids", "t.csv:1"),
        ("group_id,quality,\ntoy/a,good,x\n", "a column has no name", "t.csv:1"),
        ("group_id,quality,quality\ntoy/a,good,x\n", "names 'quality' twice", "t.csv:1"),
        ("group_id,quality\ntoy/a\n", "the row has 1 cells", "t.csv:2"),
        ("group_id,quality\n ,good\n", "a row names nothing", "t.csv:2"),
        ("group_id,quality\na,good\nb,bad\n", "no patient of the dataset is in the table", "t.csv:1"),
        ("nodule_id,quality\nn,good\n", "'n' is a nodule of several groups", "t.csv:2"),
        ('group_id,quality\ntoy/a,"good\n', "cannot be read", "t.csv:2"),
        ("", "is empty", "t.csv"),
        ("group_id,other\ntoy/a,good\n", "no table has the column 'quality'", "criteria.yaml:2"),
    ],
)
def test_a_wrong_table_is_named(text: str, message: str, place: str, tmp_path: Path) -> None:
    data = small(tmp_path / "data")
    (tmp_path / "t.csv").write_text(text)
    refused(data, tmp_path, written(tmp_path, ONE), message, place, tables=[tmp_path / "t.csv"])


@pytest.mark.parametrize("cell", ["nan", "inf", "1e999", "<5", "1,5", "٣", "0x10"])
def test_a_cell_that_is_no_number_is_named(cell: str, tmp_path: Path) -> None:
    data = small(tmp_path / "data")
    (tmp_path / "t.csv").write_text(f'group_id,tsh\ntoy/a,1\ntoy/b,"{cell}"\n')
    criteria = written(tmp_path, "{name: x, unknown: keep, require: {column: {name: tsh, at_least: 0.4}}}")
    refused(data, tmp_path, criteria, "is not a number", "t.csv:3", tables=[tmp_path / "t.csv"])


# ---------------------------------------------------------------- refusals


def refused(
    data: Dataset, folder: Path, criteria: Path, message: str, place: str, **options: object
) -> ThyrodataError:
    before = content(folder)
    with pytest.raises(ThyrodataError, match=re.escape(message)) as caught:
        select(data, folder / "out", criteria=criteria, **options)
    assert caught.value.where.endswith(place)
    assert caught.value.hint
    assert str(folder) in caught.value.where
    assert content(folder) == before
    assert not list(folder.glob("out*"))
    return caught.value


A = "name: x, unknown: exclude, require: "
REFUSED = [
    ("{name: x, require: {age_years: {at_least: 18}}}", "what is done then is not said"),
    ("{name: x, unknown: keep, exclude: {finding: {structure: marker}}}", "'finding' is never unknown"),
    (f"{{{A}{{size_mm: {{more_than: 5}}}}}}", "may be asked of several things"),
    (f"{{{A}{{sex: female}}, level: image}}", "level of sex 'image' is not known"),
    (f"{{{A}{{sex: female, modality: ct}}}}", "'x' has 2 conditions"),
    (f"{{{A}{{}}}}", "'x' has 0 conditions"),
    ("{name: x, require: {modality: ct}, exclude: {modality: ct}}", "has 2 of require, exclude and sample"),
    ("{name: x}", "has 0 of require, exclude and sample"),
    ("{require: {modality: ct}}", "has no key 'name'"),
    (f"{{{A}{{blood_type: a}}}}", "has no key 'blood_type'"),
    (f"{{{A}{{sex: [female, female]}}}}", "'female' is there twice"),
    (f"{{{A}{{sex: []}}}}", "no sex is named"),
    (f"{{{A}{{sex: girl}}}}", "sex 'girl' is not known"),
    ("{name: x, unknown: perhaps, require: {sex: male}}", "unknown 'perhaps' is not known"),
    (f"{{{A}{{age_years: {{at_least: 65, less_than: 18}}}}}}", "there is no such number"),
    (f"{{{A}{{age_years: {{more_than: 17, less_than: 18}}}}}}", "there is no such number"),
    (f"{{{A}{{age_years: {{at_least: 131}}}}}}", "there is no such number"),
    (f"{{{A}{{age_years: {{at_least: nan}}}}}}", "is not a number"),
    (f"{{{A}{{age_years: {{at_least: 1e999}}}}}}", "is not a number"),
    (f"{{{A}{{age_years: {{}}}}}}", "age_years has no range"),
    (f"{{{A}{{age_years: {{at_least: 1, more_than: 2}}}}}}", "age_years has no range"),
    (f"{{{A}{{size_mm: {{at_most: 0}}}}, level: nodule}}", "there is no such number"),
    ("{name: x, require: {width_px: {less_than: 1}}}", "there is no such number"),
    (f"{{{A}{{label: {{scheme: tirads}}}}, level: image}}", "scheme 'tirads' is not known"),
    (f"{{{A}{{label: {{scheme: malignancy, is: [4a]}}}}, level: image}}", "value of malignancy '4a'"),
    (f"{{{A}{{label: {{scheme: malignancy, of: case}}}}, level: image}}", "none of a image"),
    (f"{{{A}{{label: {{scheme: malignancy, edition: 2017}}}}, level: image}}", "malignancy has no editions"),
    (f"{{{A}{{label: {{scheme: bethesda}}}}, level: patient}}", "the dataset has no label of bethesda"),
    (
        f"{{{A}{{label: {{scheme: tirads-kwak}}}}, level: nodule}}",
        "no finding or nodule has a label of tirads",
    ),
    ("{name: x, require: {source: elsewhere}}", "no image is of the source 'elsewhere'"),
    (f"{{{A}{{split: {{name: cv5, part: fold1}}}}}}", "there is no split 'cv5'"),
    (f"{{{A}{{split: {{name: default, part: dev}}}}}}", "the split 'default' has no part 'dev'"),
    ("{name: x, require: {remark: Outline cut}}", "is no remark's code"),
    ("{name: x, sample: {groups: 0, seed: 0}}", "groups '0' is no whole number from 1"),
    ("{name: x, sample: {groups: 1}}", "sample has no key 'seed'"),
    ("{name: x, sample: {groups: 1, seed: -1}}", "seed '-1' is no whole number"),
    ("{name: x, unknown: keep, sample: {groups: 1, seed: 0}}", "a sample has no 'unknown'"),
    ("{name: x, sample: {groups: 9, seed: 0}}", "and there are fewer"),
    ("{name: x, sample: {groups: 2, per: malignancy, seed: 0}}", "and there are fewer"),
    ("{name: x, sample: {groups: 1, per: tirads-eu, seed: 0}}", "the dataset has no label of tirads-eu"),
    (
        "{name: x, unknown: stop, require: {sex: female}}",
        "'x' is not known of toy/b, toy/c, toy/d, toy/e",
    ),
    ('{name: "a\\nb", require: {modality: ct}}', "has a line break in it"),
]


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """With a default split; only to be read."""
    folder = tmp_path_factory.mktemp("parent")
    data = small(folder / "small")
    thyrodata.add_split(data, thyrodata.SplitPlan())
    return Dataset(data.path)


@pytest.mark.parametrize(("criterion", "message"), REFUSED)
def test_what_cannot_be_asked_is_refused_with_its_line(
    criterion: str, message: str, parent: Dataset, tmp_path: Path
) -> None:
    first = "{name: first, require: {width_px: {at_least: 1}}}"
    with unchanged(parent.path):
        refused(parent, tmp_path, written(tmp_path, first, criterion), message, "criteria.yaml:3")


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (
            "{name: x, require: {modality: ct}}",
            "{name: x, exclude: {remark: y}}",
            "two criteria are called 'x'",
        ),
        (
            "{name: x, require: {modality: ct}}",
            "{name: y, exclude: {modality: ct}}",
            "require and exclude the",
        ),
        (
            "{name: x, require: {modality: ct}}",
            "{name: y, require: {modality: ultrasound}}",
            "cannot be both",
        ),
        (
            "{name: x, unknown: keep, require: {age_years: {at_least: 18}}}",
            "{name: y, unknown: keep, require: {age_years: {less_than: 18}}}",
            "require what cannot be both",
        ),
    ],
)
def test_criteria_that_contradict_each_other_are_refused(
    one: str, other: str, message: str, parent: Dataset, tmp_path: Path
) -> None:
    error = refused(parent, tmp_path, written(tmp_path, one, other), message, "criteria.yaml:3")
    assert "criteria.yaml:2 and " in error.where
    assert isinstance(error, UsageError)


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("", "is empty", "criteria.yaml"),
        ("criteria: []\n", "there are no criteria", "criteria.yaml:1"),
        ("- name: x\n", "the file is not a mapping", "criteria.yaml:1"),
        ("criteria:\n- &a {name: x}\n- *a\n", "aliases are not read", "criteria.yaml:3"),
        ("criteria:\n- !!python/object:os.system {}\n", "is not read", "criteria.yaml:2"),
        ("criteria: {" * 5_000, "YAML", "criteria.yaml"),
    ],
)
def test_a_broken_file_is_named(text: str, message: str, place: str, parent: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "criteria.yaml"
    path.write_text(text)
    with pytest.raises(RawLayoutError, match=re.escape(message)) as caught:
        select(parent, tmp_path / "out", criteria=path)
    assert place in caught.value.where
    assert list(tmp_path.iterdir()) == [path]


def test_files_that_are_not_there_are_named(parent: Dataset, tmp_path: Path) -> None:
    for name in ("none.yaml", "a\0b", ""):
        with pytest.raises((UsageError, CaseError)):
            select(parent, tmp_path / "out", criteria=tmp_path / name)
    with pytest.raises(DatasetError):
        select(tmp_path, tmp_path / "out", criteria=tmp_path / "none.yaml")
    assert list(tmp_path.iterdir()) == []


def test_a_selection_that_leaves_nothing_is_refused_after_the_ledger(parent: Dataset, tmp_path: Path) -> None:
    criteria = written(
        tmp_path, "{name: CT, require: {modality: ct}}", "{name: narrow, require: {width_px: {at_most: 99}}}"
    )
    error = refused(parent, tmp_path, criteria, "the criteria leave nothing", "criteria.yaml")
    assert "given: 5 cases, 2 nodules, 7 images, 2 findings" in error.message
    assert "after 'CT': 1 case, 0 nodules, 1 image, 0 findings" in error.message
    assert "after 'narrow': 0 groups, 0 nodules, 0 images, 0 findings" in error.message
    dry = select(parent, tmp_path / "out", criteria=criteria, dry_run=True).to_json()
    assert (dry["refused"], dry["left"]["images"], dry["left"]["groups"]) == (True, 0, {})


# ---------------------------------------------------------------- samples


def test_a_sample_is_stratified_seeded_and_nested(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent", cases=60)
    grade = {r.group_id: [str(label.value.value) for label in r.case_labels] for r in parent.records()}

    def drawn(groups: int, seed: int, per: str = ", per: tirads-kwak") -> set[str]:
        criteria = written(tmp_path, f"{{name: some, sample: {{groups: {groups}, seed: {seed}{per}}}}}")
        said = select(parent, tmp_path / "out", criteria=criteria, dry_run=True).to_json()["criteria"][0]
        if per:
            assert said["classes"] == dict.fromkeys(["2", "3", "4a", "4b", "5"], 10)
            assert said["unknown"] == {"not_stated": 10, "contradictory": 0, "then": "exclude"}
        return grade.keys() - {entry["id"] for entry in said["removed"]["listed"]}

    assert sorted(grade[group][0] for group in drawn(3, 0)) == sorted(["2", "3", "4a", "4b", "5"] * 3)
    assert drawn(3, 0) < drawn(4, 0)
    assert drawn(3, 0) != drawn(3, 1)
    assert len(drawn(7, 0, "")) == 7


# ---------------------------------------------------------------- through the framework


HALF = "{name: some, sample: {groups: 9, per: tirads-kwak, seed: 0}}"


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_workers_and_the_parent_is_named(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent", cases=160)
    criteria = written(tmp_path, HALF)
    with unchanged(parent.path):
        for n in (1, 2):
            select(parent, tmp_path / str(n), criteria=criteria, workers=n)
    assert content(tmp_path / "1") == content(tmp_path / "2")
    out = Dataset(tmp_path / "1")
    assert out.verify() == ()
    (step,) = out.manifest.operations
    assert step.name == "select"
    assert [p.sha256 for p in step.parents] == [sums_sha256(parent)]
    assert [(s.name, s.value) for s in step.settings] == [
        ("criterion 1, some", "patient: sample 9 of each value of tirads-kwak; seed: 0")
    ]
    assert str(tmp_path).encode() not in (out.path / "manifest.json").read_bytes()
    assert str(tmp_path).encode() not in (out.path / "reports/select.json").read_bytes()
    before = {name: part for part, ids in parent.split().items() for name in ids}
    after = {name: part for part, ids in out.split().items() for name in ids}
    assert after == {name: before[name] for name in after}
    assert len(after) == 90
    old = {r.image_id: r for r in parent.records()}
    assert all(r == old[r.image_id] for r in out.records())


def test_a_dry_run_writes_nothing_and_says_what_a_run_says(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent")
    criteria = written(tmp_path, "{name: some, sample: {groups: 1, per: tirads-kwak, seed: 0}}")
    before = sorted(tmp_path.rglob("*"))
    dry = select(parent, tmp_path / "out", criteria=criteria, dry_run=True).to_json()
    assert sorted(tmp_path.rglob("*")) == before
    done = select(parent, tmp_path / "out", criteria=criteria).to_json()
    assert dry.pop("dry_run") is True
    assert done.pop("dry_run") is False
    assert dry == done


def test_a_part_of_a_split_can_be_selected(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent")
    criteria = written(
        tmp_path, "{name: test, unknown: stop, require: {split: {name: default, part: [test, val]}}}"
    )
    select(parent, tmp_path / "out", criteria=criteria)
    parts = parent.split()
    assert {r.image_id for r in Dataset(tmp_path / "out").records()} == {*parts["test"], *parts["val"]}


def test_what_later_criteria_took_from_an_earlier_one_is_said(tmp_path: Path) -> None:
    planes = [ViewPlane.TRANSVERSE, ViewPlane.LONGITUDINAL]
    cut = (Remark(code="outline-cut", text="x"),)
    records = [
        record(
            f"{g}{p.value}",
            group=g,
            acquisition=Acquisition(view_plane=p),
            remarks=cut if i and g == "a" else (),
        )
        for g in "ab"
        for i, p in enumerate(planes)
    ]
    data = make_dataset(tmp_path / "data", records)
    both = "{name: both planes, unknown: exclude, require: {view_planes: [transverse, longitudinal]}}"
    whole = "{name: whole outlines, exclude: {remark: outline-cut}}"
    done = select(data, tmp_path / "out", criteria=written(tmp_path, both, whole)).to_json()
    assert [stage["no_longer_met"] for stage in done["criteria"]] == [[{"id": "toy/a"}], []]
    assert "1 case would not pass 'both planes' any more" in figure(tmp_path / "out")
    done = select(data, tmp_path / "other", criteria=written(tmp_path, whole, both)).to_json()
    assert [stage["no_longer_met"] for stage in done["criteria"]] == [[], []]
    assert done["left"]["groups"] == {"case": 1}


def test_a_coverage_that_a_nodule_took_is_said(tmp_path: Path) -> None:
    """An image of complete coverage is so no more when a nodule's outline is removed from it."""
    nodules = (Nodule(nodule_id="large", size_mm=(9,)), Nodule(nodule_id="small", size_mm=(2,)))
    drawn = [finding(n.nodule_id, BOX, nodule_id=n.nodule_id) for n in nodules]
    readings = [Reading(coverage=Coverage.COMPLETE)]
    data = make_dataset(tmp_path / "data", [record("1", *drawn, nodules=nodules, readings=readings)])
    criteria = written(
        tmp_path,
        "{name: complete, unknown: exclude, require: {coverage: complete}}",
        "{name: large, level: nodule, unknown: exclude, require: {size_mm: {more_than: 5}}}",
    )
    done = select(data, tmp_path / "out", criteria=criteria).to_json()
    assert done["criteria"][0]["no_longer_met"] == [{"id": "toy/1"}]
    assert done["images_left_without_an_outline_they_had"] == 1


# ---------------------------------------------------------------- the figure


def figure(out: Path) -> str:
    """The text of the figure, lines joined by spaces."""
    root = etree.fromstring((out / "reports/select.svg").read_bytes())
    return " ".join(text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text"))


def test_the_figure_holds_the_ledger_and_nothing_overlaps(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent", cases=24)
    hostile = (
        '<script>alert(1)</script> & \\"quotes\\" ' + "W" * 90 + " \\u202e甲状腺結節" + " 甲状腺結節" * 8
    )
    criteria = written(
        tmp_path,
        "{name: graded, level: patient, unknown: exclude, require: {label: {scheme: tirads-kwak}}}",
        f'{{name: "{hostile}", exclude: {{finding: {{structure: marker}}}}}}',
    )
    select(parent, tmp_path / "out", criteria=criteria)
    said = figure(tmp_path / "out")
    assert "24 cases 0 nodules 48 images 48 findings" in said
    assert "removed: 4 cases, 0 nodules, 8 images, 8 findings of 24 cases: unknown 4" in said
    assert "patients" in said.partition("Selected")[2], "the note that a case is no patient"
    assert "<script>alert(1)</script>" in said
    root = etree.fromstring((tmp_path / "out/reports/select.svg").read_bytes())
    ns = "{http://www.w3.org/2000/svg}"
    assert {element.tag.removeprefix(ns) for element in root.iter()} == {
        "svg",
        "title",
        "rect",
        "path",
        "text",
    }
    names = ("x", "y", "width", "height")
    boxes = [[float(r.get(n)) for n in names] for r in root.iter(f"{ns}rect") if r.get("stroke")]
    assert len(boxes) == 5
    for i, (x, y, w, h) in enumerate(boxes):
        for x2, y2, w2, h2 in boxes[i + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    lines = [(float(t.get("x")), float(t.get("y"))) for t in root.iter(f"{ns}text")]
    assert len(set(lines)) == len(lines)
    assert max(y for _, y in lines) < float(root.get("height"))


# ---------------------------------------------------------------- the command


def test_the_command_prints_the_ledger(command, tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent")
    criteria = written(
        tmp_path, "{name: graded, level: patient, unknown: exclude, require: {label: {scheme: tirads-kwak}}}"
    )
    args = ("select", parent.path, "--criteria", criteria, "-o", tmp_path / "out")
    dry = command(*args, "--dry-run")
    assert (dry.code, dry.err) == (0, "")
    assert "12 cases, 0 nodules, 24 images, 24 findings" in dry.out
    assert "10 cases, 0 nodules, 20 images, 20 findings" in dry.out
    assert "unknown 2" in dry.out
    assert "one patient may stand in several groups" in dry.out
    assert "would write 20 images" in dry.out
    assert not (tmp_path / "out").exists()
    done = command(*args, "--json")
    assert json.loads(done.out)["left"]["images"] == 20
    again = command(*args)
    assert again.code == 1
    assert "select.json" in command(*args, "--overwrite").out


def test_the_command_exits_1_on_a_dry_run_that_leaves_nothing(command, tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent")
    criteria = written(tmp_path, "{name: CT, require: {modality: ct}}")
    args = ("select", parent.path, "--criteria", criteria, "-o", tmp_path / "out")
    dry = command(*args, "--dry-run")
    assert dry.code == 1
    assert "the criteria leave nothing" in dry.out
    done = command(*args)
    assert (done.code, done.out) == (2, "")
    assert "given: 12 cases" in done.err
    assert not list(tmp_path.glob("out*"))
