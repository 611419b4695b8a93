"""Merging: names that cannot clash, same pictures in one group, what sources say kept beside one another."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from curated import content, unchanged
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from toy import finding, graded, make_dataset

import thyrodata
from tests.fixtures.ddti637.make import make as make_ddti637
from thyrodata.change import all_rows
from thyrodata.dataset import MANIFEST, Dataset
from thyrodata.duplicates import How, Same
from thyrodata.errors import CaseError, DatasetError, OutputError, UsageError
from thyrodata.merging.change import Merge
from thyrodata.merging.joining import Group, Member, join_groups, remarks_on
from thyrodata.merging.naming import name_parents
from thyrodata.merging.parents import read_parents
from thyrodata.partition import SplitPlan, add_split, audit_dataset, plan_split
from thyrodata.phantoms import PhantomSpec, phantom
from thyrodata.revision import revise
from thyrodata.schema.geometry import Box
from thyrodata.schema.record import (
    Age,
    CropLedger,
    ImageRecord,
    ImageRef,
    Label,
    Nodule,
    OfficialSplit,
    Patient,
    Reading,
)
from thyrodata.schema.vocab import (
    Basis,
    Bethesda,
    GroupKind,
    Malignancy,
    Modality,
    Sex,
    TiradsAcr,
)

HEIGHT, WIDTH = 180, 240


def drawn(seed: int) -> np.ndarray:
    return phantom(PhantomSpec(seed=seed, height=HEIGHT, width=WIDTH, nodules=seed % 3)).pixels


def stored(pixels: np.ndarray, form: str = "PNG", **how: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **how)
    return buffer.getvalue()


def image(image_id: str, data: bytes | None, *, group: str | None = None, **fields: Any) -> ImageRecord:
    """A record of an image in its own group, unless told otherwise."""
    namespace, _, name = image_id.partition("/")
    size = Image.open(io.BytesIO(data)).size if data else (WIDTH, HEIGHT)
    ref = ImageRef(
        width=size[0],
        height=size[1],
        path=f"images/{name}.png" if data else None,
        sha256=sha256(data).hexdigest() if data else None,
        bit_depth=8 if data else None,
        crop=fields.pop("crop", None),
    )
    return ImageRecord(
        image_id=image_id,
        image=ref,
        modality=fields.pop("modality", Modality.ULTRASOUND),
        group_id=f"{namespace}/{group or name}",
        group_kind=fields.pop("kind", GroupKind.IMAGE),
        readings=(Reading(),),
        source=f"{name}.txt",
        **fields,
    )


Image_ = tuple[ImageRecord, bytes | None]


def dataset(folder: Path, *images: Image_, split: bool = True) -> Dataset:
    """A dataset of images, with a default split."""
    files = {record.image.path: data for record, data in images if record.image.path and data}
    made = make_dataset(folder, [record for record, _ in images], files)
    if split:
        add_split(made, SplitPlan())
    return Dataset(folder)


def of(image_id: str, data: bytes | None, **fields: Any) -> Image_:
    return image(image_id, data, **fields), data


def cases(folder: Path, *, cases: int = 8, namespace: str = "hospital") -> Dataset:
    """Cases of two pictures each, as JPEG."""
    images = []
    for case in range(cases):
        for view in range(2):
            data = stored(drawn(10 * case + view), "JPEG", quality=92)
            name = f"{namespace}/{case}_{view}"
            box = finding("1", Box(x=9, y=9, width=30, height=20))
            images.append(
                of(
                    name,
                    data,
                    group=str(case),
                    kind=GroupKind.CASE,
                    findings=(box,),
                    case_labels=graded(["2", "3", "4a", "5"][case % 4]),
                )
            )
    return dataset(folder, *images)


def crops(folder: Path, *, cases: int = 8, namespace: str = "recut") -> Dataset:
    """The first picture of every other case cut again, in halves, as PNG; and one picture of its own."""
    images = []
    for case in range(0, cases, 2):
        published = np.array(Image.open(io.BytesIO(stored(drawn(10 * case), "JPEG", quality=92))))
        for half, cut in enumerate((published[:, : WIDTH // 2], published[:, WIDTH // 2 :])):
            crop = CropLedger(
                source_width=WIDTH,
                source_height=HEIGHT,
                kept_box=(half * WIDTH // 2, 0, (half + 1) * WIDTH // 2, HEIGHT),
                frame_key=f"{case}/1",
            )
            name = f"{namespace}/{case}{'lr'[half]}"
            images.append(of(name, stored(cut), group=f"{case}", crop=crop))
    images.append(of(f"{namespace}/own", stored(drawn(999))))
    return dataset(folder, *images)


def records(made: Dataset) -> dict[str, ImageRecord]:
    return {record.image_id: record for record in made.records()}


def account(made: Dataset) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((made.path / "reports/merge.json").read_text())
    return said


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return cases(tmp_path / "a").path, crops(tmp_path / "b").path


# ---------------------------------------------------------------- same pictures


def test_crops_of_another_source_join_the_case_that_shows_them(pair, tmp_path):
    made = thyrodata.merge(pair, tmp_path / "out").revision.dataset
    assert made.verify() == ()
    found = records(made)
    assert len(found) == 16 + 9
    for case in (0, 2, 4, 6):
        for half, x in (("l", 0), ("r", WIDTH // 2)):
            record = found[f"recut/{case}{half}"]
            assert (record.group_id, record.group_kind) == (f"hospital/{case}", GroupKind.CASE)
            (remark,) = record.remarks
            assert remark.code == "same-picture"
            assert remark.text == (
                f"shows the picture of hospital/{case}_0 (equal pixels, at x {x}, y 0); "
                f"its source's own group is recut/{case} (image)"
            )
    others = [
        found[name] for name in found if name not in {f"recut/{c}{h}" for c in (0, 2, 4, 6) for h in "lr"}
    ]
    assert all(not record.remarks for record in others)
    assert found["recut/own"].group_id == "recut/own"
    assert {record.group_id for record in others if record.image_id.startswith("hospital")} == {
        f"hospital/{case}" for case in range(8)
    }


def test_no_split_of_the_merged_tears_a_picture_apart(pair, tmp_path):
    made = thyrodata.merge(pair, tmp_path / "out").revision.dataset
    table = made.path / "reports/same_pictures.csv"
    for seed in range(5):
        rows = plan_split(made.survey(), SplitPlan(seed=seed)).split.assignments
        parts: dict[str, set[str]] = {}
        for row in rows:
            parts.setdefault(row.image_id.partition("/")[2][0], set()).add(row.part)
        assert all(len(parts[f"{case}"]) == 1 for case in (0, 2, 4, 6))
    assert audit_dataset(made, "default", table) == ()
    assert audit_dataset(made, "default", pixels=True) == ()


def without_links(parents: Sequence[Path], out: Path) -> Dataset:
    """The merge as it would be if nobody looked at the pixels."""
    datasets = [Dataset(parent) for parent in parents]
    change = Merge(
        rows=tuple(all_rows(datasets)),
        namings=tuple(parent.naming for parent in read_parents(datasets, ())),
        moved={},
        remarks={},
        stated=(),
        accounts={},
    )
    made = revise(change, datasets, out, splits=SplitPlan()).dataset
    assert made is not None
    return made


def test_the_audit_fails_where_the_links_are_left_out(pair, tmp_path, command):
    true = thyrodata.merge(pair, tmp_path / "true").revision.dataset
    naive = without_links(pair, tmp_path / "naive")
    assert audit_dataset(naive, "default") == ()  # bytes, groups and frames do not show it
    by_table = audit_dataset(naive, "default", true.path / "reports/same_pictures.csv")
    by_pixels = audit_dataset(naive, "default", pixels=True)
    for leaks in (by_table, by_pixels):
        assert leaks
        assert {leak.code for leak in leaks} == {"crosses-parts"}
    assert "show one picture (equal pixels, at x " in by_pixels[0].message
    assert {leak.image_ids for leak in by_table} == {leak.image_ids for leak in by_pixels}
    ran = command("split", "audit", naive.path, "--pixels")
    assert (ran.code, ran.err) == (1, "")
    assert "show one picture" in ran.out
    assert command("split", "audit", naive.path).code == 0
    clean = command("split", "audit", true.path, "--pixels")
    assert clean.code == 0
    assert "no picture that is stored again or cropped" in clean.out


def test_the_table_of_links_has_each_image_once(pair, tmp_path):
    made = thyrodata.merge(pair, tmp_path / "out").revision.dataset
    with (made.path / "reports/same_pictures.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted((row["image_id"], row["cluster"]) for row in rows) == sorted(
        (image_id, f"hospital/{case}_0")
        for case in (0, 2, 4, 6)
        for image_id in (f"hospital/{case}_0", f"recut/{case}l", f"recut/{case}r")
    )


def test_the_whole_group_is_joined_and_says_through_which_image(tmp_path):
    shared, other = stored(drawn(1)), stored(drawn(2))
    one = dataset(tmp_path / "a", of("a/x", shared, group="p1", kind=GroupKind.PATIENT))
    two = dataset(
        tmp_path / "b",
        of("b/x", stored(drawn(1), "BMP"), group="c", kind=GroupKind.CASE),
        of("b/y", other, group="c", kind=GroupKind.CASE),
    )
    found = records(thyrodata.merge([one, two], tmp_path / "out").revision.dataset)
    assert {record.group_id for record in found.values()} == {"a/p1"}
    assert {record.group_kind for record in found.values()} == {GroupKind.PATIENT}
    assert found["b/y"].remarks[0].text == (
        "is in one group with b/x, which shows the picture of a/x (equal pixels, at x 0, y 0); "
        "its source's own group is b/c (case)"
    )


def test_the_kind_nearest_to_the_patient_names_the_group_whatever_the_order(tmp_path):
    fine = dataset(tmp_path / "a", of("a/x", stored(drawn(1))))
    coarse = dataset(tmp_path / "b", of("b/x", stored(drawn(1), "BMP"), group="p", kind=GroupKind.PATIENT))
    for name, parents in (("1", [fine, coarse]), ("2", [coarse, fine])):
        made = thyrodata.merge(parents, tmp_path / name).revision.dataset
        assert {record.group_id for record in made.records()} == {"b/p"}


def test_byte_identical_images_of_one_source_keep_their_cases(tmp_path):
    """Two cases of one source share a picture; a crop in another source joins the first of them."""
    shared = stored(drawn(1))
    one = dataset(
        tmp_path / "a",
        of("a/150_1", shared, group="150", kind=GroupKind.CASE),
        of("a/233_2", shared, group="233", kind=GroupKind.CASE),
        of("a/233_1", stored(drawn(5)), group="233", kind=GroupKind.CASE),
    )
    two = dataset(tmp_path / "b", of("b/7", stored(drawn(1)[10:, 20:])))
    made = thyrodata.merge([one, two], tmp_path / "out").revision.dataset
    groups = {name: record.group_id for name, record in records(made).items()}
    assert groups == {"a/150_1": "a/150", "a/233_2": "a/233", "a/233_1": "a/233", "b/7": "a/150"}
    parts = {row: part for part, ids in made.split("default").items() for row in ids}
    assert len(set(parts.values())) == 1  # and still no split tears them apart


def test_pictures_stored_again_inside_one_source_join_their_groups(tmp_path):
    one = dataset(
        tmp_path / "a", of("a/1", stored(drawn(1))), of("a/2", stored(drawn(1), "JPEG", quality=90))
    )
    two = dataset(tmp_path / "b", of("b/7", stored(drawn(2))))
    groups = {
        r.image_id: r.group_id for r in thyrodata.merge([one, two], tmp_path / "o").revision.dataset.records()
    }
    assert groups == {"a/1": "a/1", "a/2": "a/1", "b/7": "b/7"}


members_of_few_groups = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 5), st.sampled_from("xyz")), min_size=1, max_size=14
).map(
    lambda drawn: [
        Member(
            image_id=f"n{parent}/{place}",
            parent=parent,
            sha256=sha256(digest.encode()).hexdigest() if place % 2 else None,
            group=Group(group_id=f"n{parent}/g{group}", kind=list(GroupKind)[group % 5]),
        )
        for place, (parent, group, digest) in enumerate(sorted(drawn))
    ]
)


def linked(first: str, second: str) -> Same:
    return Same(
        image_ids=(first, second),
        how=How.PIXELS,
        offset_px=(0, 0),
        overlap=1.0,
        mean_difference=0.0,
        max_difference=0.0,
    )


@given(members_of_few_groups, st.data())
@settings(max_examples=300)
def test_groups_are_one_if_and_only_if_a_chain_of_pictures_links_them(members, data):
    """Groups are one just where a chain of pictures links them; equal bytes in one parent are one picture."""
    places = st.integers(0, len(members) - 1)
    ends = data.draw(st.lists(st.tuples(places, places).filter(lambda ends: ends[0] < ends[1]), max_size=8))
    if len(members) == 1:
        ends = []
    found = [linked(members[one].image_id, members[other].image_id) for one, other in ends]
    first = {}
    stands = {m.image_id: first.setdefault((m.parent, m.sha256 or m.image_id), m) for m in members}
    reached = {member.group.group_id: {member.group.group_id} for member in members}
    for _ in members:
        for same in found:
            one, other = (stands[name].group.group_id for name in same.image_ids)
            reached[one] = reached[other] = reached[one] | reached[other]
        reached = {name: set().union(*map(reached.get, met)) for name, met in reached.items()}
    joined = join_groups(members, found)
    into = {group.group_id: one.into.group_id for one in joined for group in one.groups}
    kinds = {member.group.group_id: member.group.kind for member in members}
    order = list(kinds)
    for group_id, together in reached.items():
        expected = min(together, key=lambda name: (list(GroupKind).index(kinds[name]), order.index(name)))
        assert into.get(group_id, group_id) == expected
    remarks = remarks_on(members, found, joined)
    assert remarks.keys() == {m.image_id for m in members if m.group.group_id in into}
    for name, remark in remarks.items():
        own = next(member.group for member in members if member.image_id == name)
        assert remark.text.endswith(f"its source's own group is {own.group_id} ({own.kind.value})")


# ---------------------------------------------------------------- names


def plain(folder: Path, namespace: str, *names: str, **fields: Any) -> Dataset:
    """Images of flat grey, no two the same, in one namespace."""
    seed = int(sha256(f"{namespace} {names}".encode()).hexdigest(), 16) % 10**6
    rng = np.random.default_rng(seed)
    data = [stored(rng.integers(0, 256, (24, 32)).astype(np.uint8)) for _ in names]
    return dataset(
        folder, *(of(f"{namespace}/{name}", d, **fields) for name, d in zip(names, data, strict=True))
    )


def test_images_lie_in_a_folder_of_their_namespace(tmp_path):
    one, two = plain(tmp_path / "1", "a", "x", "y"), plain(tmp_path / "2", "b", "x", "y")
    made = thyrodata.merge([one, two], tmp_path / "out").revision.dataset
    assert {r.image_id: r.image.path for r in made.records()} == {
        "a/x": "images/a/x.png",
        "a/y": "images/a/y.png",
        "b/x": "images/b/x.png",
        "b/y": "images/b/y.png",
    }
    for source, parent in (("a", one), ("b", two)):
        for name in "xy":
            before = (parent.path / f"images/{name}.png").read_bytes()
            assert (made.path / f"images/{source}/{name}.png").read_bytes() == before


def test_two_parents_of_one_namespace_are_refused_and_both_named(tmp_path):
    one, two = plain(tmp_path / "1", "a", "x"), plain(tmp_path / "2", "a", "z")
    with pytest.raises(UsageError) as refused:
        thyrodata.merge([one, two], tmp_path / "out")
    assert str(one.path) in refused.value.message
    assert str(two.path) in refused.value.message
    assert "--name - --name a2" in refused.value.hint
    made = thyrodata.merge([one, two], tmp_path / "out", names=["-", "a2"]).revision.dataset
    assert [(r.image_id, r.group_id, r.image.path) for r in made.records()] == [
        ("a/x", "a/x", "images/a/x.png"),
        ("a2/z", "a2/z", "images/a2/z.png"),
    ]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["b"], "1 names are given for 2 datasets"),
        (["b", "B c"], "no namespace"),
        (["b", "b/c"], "no namespace"),
        (["b", "b"], "both have ids of the form b/"),
        (["b", ""], "no namespace"),
    ],
)
def test_names_that_cannot_be_used_are_refused(tmp_path, names, message):
    parents = [plain(tmp_path / "1", "a", "x"), plain(tmp_path / "2", "a", "z")]
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match=message):
        thyrodata.merge(parents, tmp_path / "out", names=names)
    assert sorted(tmp_path.iterdir()) == before


def cut(key: str) -> CropLedger:
    return CropLedger(source_width=64, source_height=48, kept_box=(0, 0, 32, 24), frame_key=key)


def test_frames_of_two_sources_stay_apart_unless_their_keys_are_hashes(tmp_path):
    digest = "ab" * 32
    data = [stored(np.random.default_rng(i).integers(0, 256, (24, 32)).astype(np.uint8)) for i in range(4)]
    one = dataset(tmp_path / "1", of("a/x", data[0], crop=cut("7/12")), of("a/y", data[1], crop=cut(digest)))
    two = dataset(tmp_path / "2", of("b/x", data[2], crop=cut("7/12")), of("b/y", data[3], crop=cut(digest)))
    made = thyrodata.merge([one, two], tmp_path / "out").revision.dataset
    keys = {r.image_id: r.image.crop.frame_key for r in made.records()}
    assert keys == {"a/x": "a/7/12", "a/y": digest, "b/x": "b/7/12", "b/y": digest}


def split_of(name: str, part: str) -> tuple[OfficialSplit, ...]:
    return (OfficialSplit(name=name, part=part),)


def test_published_splits_bear_the_namespace_of_their_source(tmp_path):
    one = plain(tmp_path / "1", "a.b_c", "x", "y", official_splits=split_of("", "test"))
    two = plain(tmp_path / "2", "d", "x", "y", official_splits=split_of("fold0", "train"))
    made = thyrodata.merge([one, two], tmp_path / "out").revision.dataset
    assert made.splits == ("default", "official-a-b-c", "official-d-fold0")
    assert made.split("official-a-b-c") == {"test": ("a.b_c/x", "a.b_c/y"), "excluded": ("d/x", "d/y")}
    assert made.split("official-d-fold0") == {"excluded": ("a.b_c/x", "a.b_c/y"), "train": ("d/x", "d/y")}
    assert account(made)["sources"][0]["splits_not_carried"] == ["default"]


def test_published_splits_that_would_get_one_name_are_refused(tmp_path):
    one = plain(tmp_path / "1", "a", "x", official_splits=split_of("b-c", "test"))
    two = plain(tmp_path / "2", "a-b", "x", official_splits=split_of("c", "train"))
    with pytest.raises(UsageError, match="would both be called 'a-b-c'"):
        thyrodata.merge([one, two], tmp_path / "out")
    assert thyrodata.merge([one, two], tmp_path / "out", names=["-", "e"]).revision.dataset.splits == (
        "default",
        "official-a-b-c",
        "official-e-c",
    )


def test_a_merge_of_a_merge_has_no_name_twice(tmp_path):
    fields = {"official_splits": split_of("fold0", "train"), "crop": cut("7")}
    parents = [plain(tmp_path / name, name, "x", "y", **fields) for name in "abc"]
    first = thyrodata.merge(parents[:2], tmp_path / "ab").revision.dataset
    by_steps = thyrodata.merge([first, parents[2]], tmp_path / "abc").revision.dataset
    at_once = thyrodata.merge(parents, tmp_path / "all").revision.dataset
    assert records(by_steps) == records(at_once)
    assert by_steps.splits == at_once.splits == ("default", *(f"official-{n}-fold0" for n in "abc"))
    assert [step.name for step in by_steps.manifest.operations] == ["merge", "merge"]


def test_a_merge_that_is_renamed_keeps_its_namespaces_below_the_name(tmp_path):
    fields = {"official_splits": split_of("", "train"), "crop": cut("7")}
    parents = [plain(tmp_path / name, name, "x", **fields) for name in "abc"]
    first = thyrodata.merge(parents[:2], tmp_path / "ab").revision.dataset
    made = thyrodata.merge([first, parents[2]], tmp_path / "out", names=["new", "-"]).revision.dataset
    assert [
        (r.image_id, r.group_id, r.image.path, r.image.crop.frame_key, r.official_splits[0].name)
        for r in made.records()
    ] == [
        ("new/a/x", "new/a/x", "images/new/a/x.png", "new/a/7", "new-a"),
        ("new/b/x", "new/b/x", "images/new/b/x.png", "new/b/7", "new-b"),
        ("c/x", "c/x", "images/c/x.png", "c/7", "c"),
    ]


@given(
    st.lists(
        st.sets(st.from_regex(r"[a-c][a-c_.-]{0,2}", fullmatch=True), min_size=1, max_size=3),
        min_size=2,
        max_size=3,
    ),
    st.lists(st.just("-") | st.from_regex(r"[a-c][a-c_.-]{0,2}", fullmatch=True), min_size=3, max_size=3),
    st.lists(st.sampled_from(["1", "a/1", "b/1", "1/1"]), min_size=1, max_size=3, unique=True),
)
def test_no_two_ids_become_one(namespaces, names, rests):
    """Whatever the namespaces and names, either they are refused or every id of the parents stays its own."""
    given_names = names[: len(namespaces)]
    places = [f"/{n}" for n in range(len(namespaces))]
    try:
        namings = name_parents(namespaces, given_names, [False] * len(namespaces), places)
    except UsageError:
        kept = [found if name == "-" else {name} for found, name in zip(namespaces, given_names, strict=True)]
        assert len(set().union(*kept)) < sum(map(len, kept))
        return
    ids = [(n, f"{space}/{rest}") for n, found in enumerate(namespaces) for space in found for rest in rests]
    assert len({namings[n].id(name) for n, name in ids}) == len(ids)
    assert len({namings[n].path(name.partition("/")[2], name) for n, name in ids}) == len(ids)
    assert len({namings[n].frame_key("7", name) for n, name in ids}) == len(ids) / len(rests)


# ---------------------------------------------------------------- what sources say


def said(**fields: Any) -> dict[str, Any]:
    return fields


def label(value: Any, **more: Any) -> tuple[Label, ...]:
    return (Label(value=value, **more),)


BENIGN, MALIGNANT = label(Malignancy.BENIGN), label(Malignancy.MALIGNANT)
FEMALE, MALE = Patient(sex=Sex.FEMALE), Patient(sex=Sex.MALE)
BOX = Box(x=9, y=9, width=30, height=20)

CONFLICTS = {
    "case-labels malignancy": (said(case_labels=BENIGN), said(case_labels=MALIGNANT)),
    "image-labels malignancy": (said(image_labels=BENIGN), said(image_labels=MALIGNANT)),
    "nodule-labels malignancy": (
        said(nodules=(Nodule(nodule_id="1", labels=BENIGN),)),
        said(nodules=(Nodule(nodule_id="n", labels=MALIGNANT),)),
    ),
    "finding-labels malignancy": (
        said(findings=(finding("1", BOX, labels=BENIGN),)),
        said(findings=(finding("f", BOX, labels=MALIGNANT),)),
    ),
    "sex": (said(patient=FEMALE), said(patient=MALE)),
    "age": (said(patient=Patient(age=Age(years=40))), said(patient=Patient(age=Age(years=41)))),
}
AGREEMENTS = {
    "equal": (said(case_labels=BENIGN), said(case_labels=BENIGN)),
    "unknown": (said(case_labels=BENIGN, patient=FEMALE), said(patient=Patient())),
    "another scope": (said(case_labels=BENIGN), said(image_labels=MALIGNANT)),
    "which nodule": (
        said(nodules=(Nodule(nodule_id="1", labels=BENIGN), Nodule(nodule_id="2"))),
        said(nodules=(Nodule(nodule_id="1", labels=MALIGNANT),)),
    ),
    "at least": (
        said(patient=Patient(age=Age(years=90, at_least=True))),
        said(patient=Patient(age=Age(years=93))),
    ),
}


def two_of_one_picture(tmp_path: Path, one: dict[str, Any], other: dict[str, Any]) -> list[Dataset]:
    return [
        dataset(tmp_path / "a", of("a/x", stored(drawn(1)), **one), split=False),
        dataset(tmp_path / "b", of("b/x", stored(drawn(1), "BMP"), **other), split=False),
    ]


@pytest.mark.parametrize("what", CONFLICTS)
def test_a_conflict_is_listed_and_not_resolved(tmp_path, what):
    one, other = CONFLICTS[what]
    made = thyrodata.merge(two_of_one_picture(tmp_path, one, other), tmp_path / "out")
    (conflict,) = made.account.conflicts
    assert (conflict.image_ids, conflict.what) == (("a/x", "b/x"), what)
    assert conflict.said[0] != conflict.said[1]
    assert account(made.revision.dataset)["conflicts"] == [conflict.to_json()]
    for record, stated in zip(made.revision.dataset.records(), (one, other), strict=True):
        for name, value in stated.items():
            assert getattr(record, name) == value


@pytest.mark.parametrize("what", AGREEMENTS)
def test_what_is_not_contradicted_is_no_conflict(tmp_path, what):
    made = thyrodata.merge(two_of_one_picture(tmp_path, *AGREEMENTS[what]), tmp_path / "out", dry_run=True)
    assert (made.account.conflicts, made.account.not_comparable) == ((), ())


def test_what_a_label_rests_on_is_said_in_a_conflict(tmp_path):
    parents = two_of_one_picture(
        tmp_path,
        said(case_labels=label(Malignancy.BENIGN, basis=Basis.CYTOLOGY)),
        said(case_labels=label(Malignancy.MALIGNANT, basis=Basis.HISTOLOGY)),
    )
    (conflict,) = thyrodata.merge(parents, tmp_path / "out", dry_run=True).account.conflicts
    assert conflict.said == (("malignancy/benign (cytology)",), ("malignancy/malignant (histology)",))


def test_two_scales_of_tirads_are_not_comparable_and_no_conflict(tmp_path):
    parents = two_of_one_picture(
        tmp_path, said(case_labels=graded("5")), said(image_labels=label(TiradsAcr.TR2))
    )
    made = thyrodata.merge(parents, tmp_path / "out", dry_run=True).account
    assert made.conflicts == ()
    (listed,) = made.not_comparable
    assert (listed.what, listed.said) == ("tirads", (("tirads-kwak/5",), ("tirads-acr/TR2",)))


MIXED = {
    "scales": (
        said(case_labels=graded("5")),
        said(case_labels=label(TiradsAcr.TR5)),
        "tirads-acr and tirads-kwak",
    ),
    "editions": (
        said(case_labels=label(Bethesda.II, edition="2009")),
        said(case_labels=label(Bethesda.II, edition="2023")),
        "bethesda of 2009 and bethesda of 2023",
    ),
}


@pytest.mark.parametrize("what", MIXED)
def test_different_scales_in_one_column_are_refused_unless_accepted(tmp_path, what, command):
    one, other, message = MIXED[what]
    parents = two_of_one_picture(tmp_path, one, other)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match=f"of the case: {message}") as refused:
        thyrodata.merge(parents, tmp_path / "out")
    assert "--accept mixed-scales" in refused.value.hint
    assert sorted(tmp_path.iterdir()) == before
    paths = [parent.path for parent in parents]
    assert command("merge", *paths, "-o", tmp_path / "out").code == 2
    ran = command("merge", *paths, "-o", tmp_path / "out", "--accept", "mixed-scales")
    assert ran.code == 0
    assert f"labels of the case mix {message}" in ran.out


def test_scales_said_of_different_things_do_not_clash(tmp_path):
    parents = two_of_one_picture(
        tmp_path,
        said(case_labels=graded("5")),
        said(findings=(finding("1", BOX, labels=label(TiradsAcr.TR2)),)),
    )
    assert thyrodata.merge(parents, tmp_path / "out").account.clashes == ()


# ---------------------------------------------------------------- what is refused, and what is kept


def test_parents_that_cannot_be_merged_are_refused(tmp_path, pair):
    one, two = pair
    copy = shutil.copytree(one, tmp_path / "copy")
    before = sorted(tmp_path.iterdir())
    for parents, message in (
        ([], "a merge of 0 datasets"),
        ([one], "a merge of 1 datasets"),
        ([one, one], "are the same dataset"),
        ([one, two, copy], "are the same dataset"),
    ):
        with pytest.raises(UsageError, match=message):
            thyrodata.merge(parents, tmp_path / "out")
    with pytest.raises(UsageError, match="'everything' is nothing"):
        thyrodata.merge([one, two], tmp_path / "out", accept=["everything"])
    with pytest.raises(OutputError):
        thyrodata.merge([one, two], two)
    with pytest.raises(DatasetError, match="not a thyrodata dataset"):
        thyrodata.merge([one, tmp_path], tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == before


def test_a_parent_of_another_schema_is_refused(tmp_path, pair):
    manifest = pair[1] / MANIFEST
    manifest.write_text(manifest.read_text().replace('"schema_version": "', '"schema_version": "9'))
    with pytest.raises(DatasetError, match="the manifest is of schema 9"):
        thyrodata.merge(pair, tmp_path / "out")


@pytest.mark.parametrize("spoil", ["missing", "cut", "other"])
def test_an_image_that_is_not_there_is_named_and_nothing_is_written(tmp_path, pair, spoil):
    place = pair[1] / "images/2l.png"
    data = place.read_bytes()
    place.unlink()
    if spoil == "cut":
        place.write_bytes(data[:-30])
    elif spoil == "other":
        place.write_bytes(stored(drawn(77)))
    before = sorted(tmp_path.iterdir())
    with pytest.raises((CaseError, DatasetError), match="recut/2l") as refused:
        thyrodata.merge(pair, tmp_path / "out")
    assert refused.value.where == str(place)
    assert sorted(tmp_path.iterdir()) == before


def test_annotations_without_images_are_merged_and_counted(tmp_path):
    one = dataset(tmp_path / "a", of("a/x", None), of("a/y", None))
    two = dataset(tmp_path / "b", of("b/x", stored(drawn(1)), modality=Modality.CT))
    made = thyrodata.merge([one, two], tmp_path / "out")
    assert made.revision.dataset.verify() == ()
    assert [r.image.path for r in made.revision.dataset.records()] == [None, None, "images/b/x.png"]
    notes = " | ".join(made.account.notes())
    assert "2 images of toy have no file" in notes
    assert "several modalities" in notes


def test_the_bytes_are_the_same_on_two_workers_and_the_parents_stay(pair, tmp_path):
    with unchanged(pair[0]), unchanged(pair[1]):
        alone = thyrodata.merge(pair, tmp_path / "1", workers=1).revision.dataset
        together = thyrodata.merge(pair, tmp_path / "2", workers=2).revision.dataset
    assert content(alone.path) == content(together.path)
    assert alone.verify() == ()


def test_the_parents_and_the_settings_stand_in_the_manifest(pair, tmp_path):
    made = thyrodata.merge(pair, tmp_path / "out", names=["-", "other"], seed=3).revision.dataset
    (step,) = made.manifest.operations
    assert step.name == "merge"
    assert [(s.name, s.value) for s in step.settings] == [("namespaces", "hospital other"), ("seed", "3")]
    sums = [sha256((parent / "SHA256SUMS").read_bytes()).hexdigest() for parent in pair]
    assert [parent.sha256 for parent in step.parents] == sums
    assert made.split_report("default")["seed"] == 3


def test_a_dry_run_writes_nothing_and_says_what_a_run_does(pair, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    planned = thyrodata.merge(pair, tmp_path / "out", dry_run=True)
    assert sorted(tmp_path.rglob("*")) == before
    done = thyrodata.merge(pair, tmp_path / "out")
    assert planned.account == done.account
    assert planned.to_json() | {"dry_run": False} == done.to_json()
    assert planned.revision.image_bytes == done.revision.image_bytes


def test_links_share_the_files_of_the_parents(pair, tmp_path):
    made = thyrodata.merge(pair, tmp_path / "out", link=True).revision.dataset
    assert (made.path / "images/hospital/0_0.png").samefile(pair[0] / "images/0_0.png")
    assert content(made.path) == content(thyrodata.merge(pair, tmp_path / "copied").revision.dataset.path)


def test_the_command_says_what_was_joined(pair, tmp_path, command):
    ran = command("merge", *pair, "-o", tmp_path / "out", "--dry-run")
    assert (ran.code, ran.err) == (0, "")
    assert "25 images would be in" in ran.out
    assert not (tmp_path / "out").exists()
    ran = command("merge", *pair, "-o", tmp_path / "out")
    assert ran.code == 0
    for line in (
        "25 images are in",
        "hospital: 16 images, groups: 8 cases",
        "pairs of images that show one picture, by what is equal: pixels 8",
        "4 groups are part of 4 others",
        "images in such groups, each with a remark of its own group: 8",
        "conflicts, where sources say different things of one picture: 0",
        "note: the groups are cases and images, not all patients",
        "note: splits made in toy are not carried",
    ):
        assert line in ran.out
    ran = command("merge", *pair, "-o", tmp_path / "json", "--json")
    assert json.loads(ran.out)["regrouped_images"] == 8
    assert command("merge", pair[0], "-o", tmp_path / "one").code == 2


def test_the_card_of_several_sources_has_a_chapter_for_each(converted: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    make_ddti637(tmp_path / "raw")
    thyrodata.convert("ddti637", tmp_path / "raw", tmp_path / "ddti637")
    thyrodata.merge([converted, tmp_path / "ddti637"], tmp_path / "both")
    lines = (tmp_path / "both" / "README.md").read_text().splitlines()
    headings = [line.removeprefix("## ").partition(":")[0] for line in lines if line.startswith("## ")]
    assert headings == ["ddti", "ddti637", "What this copy holds", "Splits"]
    assert [line for line in lines if line.startswith("# ")] == ["# ddti+ddti637"]
    assert "1. merge of ddti" in "\n".join(lines)
