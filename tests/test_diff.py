"""What differs between two datasets is said, field by field and image by image, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from curated import make_parent, picture, unchanged, with_images
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from strategies import image_records
from toy import finding, graded, make_dataset, record

import thyrodata
from thyrodata.comparison.digests import ASPECTS, stream_digests
from thyrodata.comparison.pixels import Pixels
from thyrodata.comparison.records import RecordChanges, compare_records
from thyrodata.comparison.splits import compare_split
from thyrodata.curation.diff import diff
from thyrodata.dataset import RECORDS_FILE, Dataset, seal, write_manifest
from thyrodata.errors import DatasetError
from thyrodata.io.parquet import batch_of, write_records
from thyrodata.partition import SplitPlan, add_split
from thyrodata.schema.geometry import Box
from thyrodata.schema.manifest import Version
from thyrodata.schema.plain import to_plain
from thyrodata.schema.record import (
    ImageRecord,
    Nodule,
    OfficialSplit,
    Patient,
    Remark,
    SourceField,
)
from thyrodata.schema.vocab import GroupKind, Sex

BOX = Box(x=2, y=3, width=5, height=4)


def test_a_dataset_does_not_differ_from_itself(tmp_path: Path, converted: Path, command) -> None:
    assert diff(converted, converted).equal
    ran = command("diff", converted, converted)
    assert (ran.code, ran.out, ran.err) == (0, "nothing differs\n", "")
    assert json.loads(command("diff", converted, converted, "--json").out)["equal"] is True


def test_two_conversions_of_one_source_do_not_differ(release: Path, converted: Path, tmp_path: Path) -> None:
    thyrodata.convert("ddti", release, tmp_path / "again")
    assert diff(converted, tmp_path / "again").equal


# ---------------------------------------------------------------- records

ONE = record("1", finding("1", BOX), nodules=(Nodule(nodule_id="n"),), patient=Patient(sex=Sex.FEMALE))

CHANGES: dict[str, Callable[[ImageRecord], ImageRecord]] = {
    "case_labels": lambda one: replace(one, case_labels=graded("3")),
    "image_labels": lambda one: replace(one, image_labels=graded("3")),
    "nodules": lambda one: replace(one, nodules=(replace(one.nodules[0], size_mm=(3.0,)),)),
    "nodules.labels": lambda one: replace(one, nodules=(replace(one.nodules[0], labels=graded("3")),)),
    "findings": lambda one: replace(one, findings=(replace(one.findings[0], score=0.5),)),
    "findings.labels": lambda one: replace(one, findings=(replace(one.findings[0], labels=graded("3")),)),
    "findings.geometries": lambda one: replace(
        one, findings=(replace(one.findings[0], geometries=(replace(BOX, x=2.5),)),)
    ),
    "group_id": lambda one: replace(one, group_id="toy/other"),
    "group_kind": lambda one: replace(one, group_kind=GroupKind.PATIENT),
    "patient": lambda one: replace(one, patient=None),
    "image": lambda one: replace(one, image=replace(one.image, frame_index=3)),
    "image.spacing_mm": lambda one: replace(one, image=replace(one.image, spacing_mm=(0.1, 0.1))),
    "official_splits": lambda one: replace(one, official_splits=(OfficialSplit(part="test"),)),
    "remarks": lambda one: replace(one, remarks=(Remark(code="seen", text=""),)),
    "source_fields": lambda one: replace(one, source_fields=(SourceField(name="a", text="b"),)),
    "source": lambda one: replace(one, source="elsewhere"),
}


@pytest.mark.parametrize("aspect", CHANGES)
def test_a_field_that_differs_is_named(aspect: str, tmp_path: Path) -> None:
    two, three = record("2"), record("3")
    before = make_dataset(tmp_path / "before", [ONE, two])
    after = make_dataset(tmp_path / "after", [CHANGES[aspect](ONE), two])
    with unchanged(tmp_path):
        found = diff(before, after)
    assert not found.equal
    assert found.records.fields == {aspect: ("toy/1",)}
    assert found.records.changed == ("toy/1",)
    assert (found.records.added, found.records.removed) == ((), ())
    other = make_dataset(tmp_path / "other", [CHANGES[aspect](ONE), three])
    found = diff(before, other)
    assert (found.records.added, found.records.removed) == (("toy/3",), ("toy/2",))


def test_every_field_of_a_record_is_an_aspect() -> None:
    assert {aspect.partition(".")[0] for aspect in ASPECTS} | {"image_id"} == {
        field.name for field in fields(ImageRecord)
    }
    assert set(CHANGES) <= set(ASPECTS)


def test_the_order_is_compared(tmp_path: Path) -> None:
    records = [record(name) for name in "abc"]
    before = make_dataset(tmp_path / "before", records)
    after = make_dataset(tmp_path / "after", [records[1], records[0], records[2]])
    found = diff(before, after)
    assert found.records.reordered
    assert not found.equal
    assert found.records.fields == {}
    fewer = make_dataset(tmp_path / "fewer", records[1:])
    assert not diff(before, fewer).records.reordered


def table(folder: Path, name: str, records: Sequence[ImageRecord]) -> Path:
    write_records(folder / name, [batch_of(records)])
    return folder / name


def compared(before: Path, after: Path) -> RecordChanges:
    return compare_records(stream_digests(before), stream_digests(after))


@pytest.mark.slow
@settings(max_examples=60)
@given(
    st.lists(image_records(), max_size=2, unique_by=lambda each: each.image_id),
    st.lists(image_records(), max_size=2, unique_by=lambda each: each.image_id),
    st.data(),
)
def test_records_are_compared(
    tmp_path_factory, one: list[ImageRecord], other: list[ImageRecord], data: st.DataObject
) -> None:
    """Records differ where their JSON does; a set of records does not differ from itself; and the difference
    of B and A is that of A and B with the sides exchanged."""
    folder = tmp_path_factory.mktemp("tables")
    for each in one:  # the same images again, some of their fields those of another record
        if other and data.draw(st.booleans()):
            donor = data.draw(st.sampled_from(other))
            names = data.draw(st.sets(st.sampled_from(["patient", "case_labels", "source", "remarks"])))
            changed = replace(each, **{name: getattr(donor, name) for name in names})
            other = [*(old for old in other if old.image_id != each.image_id), changed]
    a, b = table(folder, "a", one), table(folder, "b", other)
    assert compared(a, a).empty
    there, back = compared(a, b), compared(b, a)
    plain = [{each.image_id: to_plain(each) for each in records} for records in (one, other)]
    both = plain[0].keys() & plain[1].keys()
    assert there.added == tuple(sorted(plain[1].keys() - both))
    assert there.removed == tuple(sorted(plain[0].keys() - both))
    assert set(there.changed) == {each for each in both if repr(plain[0][each]) != repr(plain[1][each])}
    for image_id in both:
        names = {
            field.name
            for field in fields(ImageRecord)
            if repr(plain[0][image_id].get(field.name)) != repr(plain[1][image_id].get(field.name))
        }
        assert names == {aspect.partition(".")[0] for aspect, ids in there.fields.items() if image_id in ids}
    assert (back.added, back.removed, back.fields) == (there.removed, there.added, there.fields)
    assert (back.groups_added, back.groups_removed) == (there.groups_removed, there.groups_added)
    assert back.reordered == there.reordered


# ---------------------------------------------------------------- pixels


def encoded(pixels: np.ndarray, level: int) -> bytes:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=level)
    return stream.getvalue()


def test_re_encoded_images_are_told_from_changed_ones(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (12, 16), np.uint8)
    other = pixels.copy()
    other[3, 4] ^= 1
    wide = record("wide")
    wide = replace(wide, image=replace(wide.image, width=17))
    names = ["same", "again", "changed", "lost"]
    before = with_images(
        tmp_path / "before",
        [*map(record, names), record("gained"), record("wide")],
        {f"toy/{name}": encoded(pixels, 1) for name in [*names, "wide"]},
    )
    after = with_images(
        tmp_path / "after",
        [*map(record, names), record("gained"), wide],
        {
            "toy/same": encoded(pixels, 1),
            "toy/again": encoded(pixels, 9),
            "toy/changed": encoded(other, 1),
            "toy/gained": encoded(pixels, 1),
            "toy/wide": picture(3, width=17),
        },
    )
    seen: list[tuple[int, int]] = []
    found = diff(before, after, progress=lambda done, total: seen.append((done, total)))
    assert {each.image_id: each.what for each in found.pixels} == {
        "toy/again": Pixels.RE_ENCODED,
        "toy/changed": Pixels.CHANGED,
        "toy/gained": Pixels.GAINED,
        "toy/lost": Pixels.LOST,
        "toy/wide": Pixels.RESIZED,
    }
    assert not any(path.startswith("images/") for path in (*found.files.added, *found.files.changed))
    assert seen == [(done, 5) for done in range(1, 6)]
    assert set(found.records.fields) == {"image", "image.sha256"}  # an image that is there has a path


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    before = make_parent(tmp_path / "before", cases=3)
    after = with_images(tmp_path / "after", [*before.records()], {"toy/0_a": picture(99)})
    (before.path / "images/0_a.png").unlink()
    with pytest.raises(DatasetError) as caught:
        diff(before, after)
    assert caught.value.where == str(before.path / "images/0_a.png")


# ---------------------------------------------------------------- splits


def test_moves_into_test_are_told() -> None:
    before = {"a": "train", "b": "train", "c": "test", "d": "val", "gone": "val"}
    after = {"a": "test", "b": "train", "c": "test", "d": "train", "new": "test"}
    groups = {"a": "1", "b": "1", "c": "2", "d": "3"}
    found = compare_split("x", before, after, {**groups, "gone": "4"}, {**groups, "new": "2"})
    assert found.into_test == ("a",)
    assert [(move.name, move.before, move.after) for move in found.images] == [
        ("a", ("train",), ("test",)),
        ("d", ("val",), ("train",)),
    ]
    assert [(move.name, move.before, move.after) for move in found.groups] == [
        ("1", ("train",), ("test", "train")),
        ("3", ("val",), ("train",)),
    ]
    assert (found.joined, found.left) == ({"test": 1}, {"val": 1})


parts = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["train", "val", "test"]))


@given(parts, parts)
def test_splits_are_compared(before: dict[str, str], after: dict[str, str]) -> None:
    """Every image of two splits stays, moves, joins or leaves; only a move to test is told as one."""
    groups = dict.fromkeys("abcdef", "g")
    found = compare_split("x", before, after, groups, groups)
    stays = {each for each in before.keys() & after.keys() if before[each] == after[each]}
    assert len(before | after) == (
        len(stays) + len(found.images) + sum(found.joined.values()) + sum(found.left.values())
    )
    assert set(found.into_test) == {
        each for each in after if after[each] == "test" and before.get(each, "test") != "test"
    }
    assert found.empty == (before == after)
    back = compare_split("x", after, before, groups, groups)
    assert (back.joined, back.left) == (found.left, found.joined)
    assert [(move.name, move.after, move.before) for move in back.images] == [
        (move.name, move.before, move.after) for move in found.images
    ]


def test_splits_of_one_name_and_of_others(tmp_path: Path) -> None:
    before = make_parent(tmp_path / "before")
    after = make_parent(tmp_path / "after")
    add_split(before, SplitPlan(name="mine", seed=1))
    add_split(after, SplitPlan(name="mine", seed=2))
    add_split(after, SplitPlan(name="more"))
    found = diff(before, after)
    assert (found.splits.before, found.splits.after) == ((), ("more",))
    (changed,) = found.changed_splits
    assert changed.name == "mine"
    old, new = before.split("mine"), after.split("mine")
    assert set(changed.into_test) == set(new["test"]) - set(old["test"])
    assert changed.into_test
    assert found.records.empty
    assert "splits/more.csv" in found.files.added
    assert "splits/mine.csv" in found.files.changed


def test_a_split_that_was_changed_by_hand_is_told(converted: Path, copied: Path, command) -> None:
    place = copied / "splits/default.csv"
    lines = place.read_text().splitlines(keepends=True)
    (moved, *_) = [line for line in lines if line.rstrip().endswith(",train")]
    place.write_text("".join(line.replace(",train", ",test") if line == moved else line for line in lines))
    found = diff(converted, copied)
    assert found.files.empty  # the checksums were not made anew
    assert not found.equal
    assert found.changed_splits[0].into_test == (moved.partition(",")[0],)
    ran = command("diff", converted, copied)
    assert ran.code == 1
    assert f"split default: MOVED INTO TEST: 1: {moved.partition(',')[0]}" in ran.out


# ---------------------------------------------------------------- lineage and counts


def test_what_the_manifests_say_is_compared(tmp_path: Path) -> None:
    before = make_dataset(tmp_path / "before", [record("1")])
    after = make_dataset(tmp_path / "after", [record("1")])
    version = Version(package="thyrodata", version="9")
    write_manifest(after.path, replace(after.manifest, name="other", versions=(version,)))
    seal(after.path, {})
    found = diff(before, Dataset(after.path))
    assert found.manifest == {"name": ("toy", "other"), "versions": ((), (version,))}
    assert found.to_json()["manifest"]["versions"] == {
        "before": [],
        "after": [{"package": "thyrodata", "version": "9"}],
    }
    assert found.files.changed == ("manifest.json",)
    assert (found.before.name, found.after.name) == ("toy", "other")


def test_a_relabelled_dataset(tmp_path: Path, command) -> None:
    parent = make_parent(tmp_path / "parent")
    thyrodata.relabel(parent, "ddti-3-benign", tmp_path / "out")
    found = diff(parent, tmp_path / "out")
    assert list(found.records.fields) == ["case_labels"]
    assert len(found.records.changed) == 20
    assert [step.name for step in found.operations.after] == ["relabel"]
    assert found.operations.before == ()
    assert {(each.what, each.value): (each.before, each.after) for each in found.counts} == {
        ("case-labels", "malignancy/benign"): (0, 4),
        ("case-labels", "malignancy/malignant"): (0, 6),
    }
    assert found.pixels == ()
    assert found.changed_splits == ()
    assert "reports/relabel.json" in found.files.added
    ran = command("diff", parent.path, tmp_path / "out")
    assert (ran.code, ran.err) == (1, "")
    assert "records that differ: 20: toy/0_a" not in ran.out  # case 0 has no grade
    assert "records that differ: 20: " in ran.out
    assert ", and 10 more" in ran.out
    assert "in case_labels: 20" in ran.out
    assert "operations only in B: 1: relabel" in ran.out
    said = json.loads(command("diff", parent.path, tmp_path / "out", "--json").out)
    assert len(said["records"]["fields"]["case_labels"]) == 20
    quiet = command("diff", parent.path, tmp_path / "out", "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (1, "", "")


def test_the_difference_of_b_and_a_mirrors_that_of_a_and_b(tmp_path: Path) -> None:
    before = make_parent(tmp_path / "before")
    records = [each for each in before.records() if not each.image_id.startswith("toy/3_")]
    after = with_images(
        tmp_path / "after",
        [*records, record("new", group="new", case_labels=graded("5"))],
        {each.image_id: picture(number) for number, each in enumerate(records)},
    )
    there, back = diff(before, after).to_json(), diff(after, before).to_json()
    assert there["records"]["added"] == ["toy/new"]
    assert there["records"]["removed"] == ["toy/3_a", "toy/3_b"]
    assert there["records"]["groups_removed"] == ["toy/3"]
    assert back == mirrored(there)


EXCHANGED = {
    "before": "after",
    "added": "removed",
    "groups_added": "groups_removed",
    "joined": "left",
    "gained": "lost",
}
EXCHANGED |= {new: old for old, new in EXCHANGED.items()}


def mirrored(value: object) -> object:
    """The difference with its sides exchanged; what moved into test is told by the moves."""
    match value:
        case dict():
            turned = {EXCHANGED.get(key, key): mirrored(each) for key, each in value.items()}
            if "moved_into_test" in turned:
                moves = turned["images_moved"]
                turned["moved_into_test"] = [move["name"] for move in moves if move["after"] == ["test"]]
            return turned
        case list():
            return [mirrored(each) for each in value]
    return EXCHANGED.get(value, value) if value in {"gained", "lost"} else value


def test_a_conversion_that_states_more(tmp_path: Path, release: Path, converted: Path) -> None:
    """Of a release that grew by nothing but a file's bytes, the source's hash and the images differ."""
    raw = tmp_path / "raw"
    raw.mkdir()
    for file in sorted(release.iterdir()):
        (raw / file.name).write_bytes(file.read_bytes())
    (file, *_) = sorted(raw.glob("*.xml"))
    file.write_text(file.read_text().replace("</sex>", " </sex>"))
    thyrodata.convert("ddti", raw, tmp_path / "other")
    found = diff(converted, tmp_path / "other")
    assert len(found.sources.before) == len(found.sources.after) == 1
    assert found.records.empty
    assert not found.equal


# ---------------------------------------------------------------- what is no dataset


def test_what_cannot_be_compared_is_told(tmp_path: Path, converted: Path, copied: Path, command) -> None:
    ran = command("diff", converted, tmp_path / "missing")
    assert (ran.code, ran.out) == (1, "")
    assert f"where: {tmp_path / 'missing' / 'manifest.json'}" in ran.err
    (copied / RECORDS_FILE).write_bytes(b"PAR1")
    with unchanged(tmp_path), pytest.raises(DatasetError, match="not what their checksum says"):
        diff(converted, copied)


def test_hostile_names_are_compared(tmp_path: Path) -> None:
    names = ["a b", "ä", "x,y", "q'uote"]
    before = make_dataset(tmp_path / "before", [record(name) for name in names])
    after = make_dataset(tmp_path / "after", [record(name) for name in names[1:]])
    assert diff(before, after).records.removed == ("toy/a b",)
