"""Removing groups: nothing of them is left in any file, and what still holds them is named."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from curated import content, make_parent, picture, unchanged, with_images
from toy import finding, graded, record

import thyrodata
from thyrodata.change import sums_sha256
from thyrodata.curation.remove import id_sha256
from thyrodata.dataset import Dataset
from thyrodata.errors import DatasetError, UsageError
from thyrodata.io.images import decode_image
from thyrodata.io.png import PngEncoder, encode_png
from thyrodata.partition import audit_dataset
from thyrodata.phantoms import PhantomSpec, phantom
from thyrodata.schema.geometry import Box
from thyrodata.schema.record import CropLedger, ImageRecord, OfficialSplit, Remark
from thyrodata.schema.vocab import GroupKind


def searched(folder: Path) -> list[bytes]:
    """Every path and all that files hold, of a Parquet file its columns as text too: it is compressed."""
    found = []
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            found += [file.relative_to(folder).as_posix().encode(), file.read_bytes()]
            if file.suffix == ".parquet":
                found.append(json.dumps(pq.read_table(file).to_pylist()).encode())
    return found


def traces(each: ImageRecord) -> list[str]:
    """What would betray that a record is there: its id, its group, its image's place and hash."""
    image = each.image
    assert image.path
    assert image.sha256
    return [each.image_id, f'"{each.group_id}"', f",{each.group_id},", image.path, image.sha256]


def linked(folder: Path) -> Dataset:
    """Groups of two images; one image of group 7 is byte-identical to one of group 3, one of 8 is a crop of
    the same frame as one of group 4, and a remark of group 5 names an image of group 3."""
    box = finding("1", Box(x=2, y=3, width=5, height=4))
    records, images = [], {}
    for case in range(10):
        for view in "ab":
            name = f"{case}_{view}"
            each = record(
                name,
                box,
                group=str(case),
                case_labels=graded("3"),
                official_splits=[OfficialSplit(part="train")],
            )
            if name in {"4_a", "8_a"}:
                ledger = CropLedger(
                    source_width=99, source_height=99, kept_box=(0, 0, 16, 12), frame_key="f4"
                )
                each = replace(each, image=replace(each.image, crop=ledger))
            if name == "5_b":
                each = replace(each, remarks=(Remark(code="same", text="like toy/3_b, not toy/33_b"),))
            records.append(each)
            images[f"toy/{name}"] = picture({"7_a": 3001}.get(name, 1000 * case + (view == "b")))
    assert images["toy/7_a"] == images["toy/3_b"]
    return with_images(folder, records, images)


def test_no_byte_of_the_removed_is_left_in_any_file(tmp_path: Path) -> None:
    parent = linked(tmp_path / "parent")
    gone = [r for r in parent.records() if r.group_id in {"toy/3", "toy/4"}]
    with unchanged(parent.path):
        made = thyrodata.remove(parent, tmp_path / "out", groups=["toy/3", "toy/4"])
    out = tmp_path / "out"
    assert Dataset(out).verify() == ()
    assert made.groups == {"toy/3": 2, "toy/4": 2}
    assert made.same_pictures == ("toy/7_a", "toy/8_a")
    assert made.other_groups == ("toy/7", "toy/8")
    assert made.revision.images == 14
    files = searched(out)
    for each in gone:
        data = parent.image_bytes(each)
        assert data
        for trace in traces(each):
            hits = [text for text in files if trace.encode() in text]
            assert hits == []
        assert not any(data in text for text in files)


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    parent = linked(tmp_path / "parent")
    files = searched(parent.path)
    each = next(parent.records())
    for trace in traces(each):
        assert any(trace.encode() in text for text in files)


def test_a_remark_that_names_a_removed_image_no_longer_does(tmp_path: Path) -> None:
    parent = linked(tmp_path / "parent")
    thyrodata.remove(parent, tmp_path / "out", groups=["toy/3"])
    (left,) = Dataset(tmp_path / "out").records(["toy/5_b"])
    assert [remark.text for remark in left.remarks] == ["like (removed), not toy/33_b"]


def test_a_copy_that_is_stored_otherwise_goes_too(tmp_path: Path) -> None:
    """And what is the same as the copy: the picture may have gone through several hands."""
    whole = phantom(PhantomSpec(seed=3, width=256, height=192)).pixels
    files = {
        "toy/a": encode_png(whole),
        "toy/b": encode_png(whole, encoder=PngEncoder.ZLIB),
        "toy/left": encode_png(np.ascontiguousarray(whole[:, :128])),
        "toy/right": encode_png(np.ascontiguousarray(whole[:, 128:])),
        "toy/other": encode_png(phantom(PhantomSpec(seed=4, width=256, height=192)).pixels),
    }
    assert files["toy/a"] != files["toy/b"]
    records = []
    for image_id, data in files.items():
        height, width = decode_image(data, image_id).shape[:2]
        each = record(image_id.removeprefix("toy/"))
        records.append(replace(each, image=replace(each.image, width=width, height=height)))
    parent = with_images(tmp_path / "parent", records, files)
    made = thyrodata.remove(parent, tmp_path / "out", groups=["toy/left"])
    assert made.same_pictures == ("toy/a", "toy/b", "toy/right")
    assert [each.image_id for each in Dataset(tmp_path / "out").records()] == ["toy/other"]


def test_all_that_is_left_stays_as_it_was(tmp_path: Path) -> None:
    parent = linked(tmp_path / "parent")
    thyrodata.remove(parent, tmp_path / "out", groups=["toy/9"])
    made = Dataset(tmp_path / "out")
    assert list(made.records()) == [r for r in parent.records() if r.group_id != "toy/9"]
    for name in ("default", "official"):
        before = {image: part for part, images in parent.split(name).items() for image in images}
        after = {image: part for part, images in made.split(name).items() for image in images}
        assert after == {image: part for image, part in before.items() if not image.startswith("toy/9_")}
        assert audit_dataset(made, name) == ()


def test_what_still_holds_it_is_named(tmp_path: Path) -> None:
    first = linked(tmp_path / "first")
    thyrodata.remove(first, tmp_path / "second", groups=["toy/0"])
    second = Dataset(tmp_path / "second")
    second.note("push a/b")
    second.note("split make other")
    made = thyrodata.remove(second, tmp_path / "third", groups=["toy/1"])
    assert made.to_delete[0] == tmp_path / "second"
    assert made.to_delete[1].sha256 == sums_sha256(second)
    assert [parent.sha256 for parent in made.ancestors] == [sums_sha256(first)]
    (copy,) = made.copies
    assert copy.endswith("push a/b")


def test_a_hash_of_the_id_is_kept(tmp_path: Path) -> None:
    parent = linked(tmp_path / "parent")
    thyrodata.remove(parent, tmp_path / "out", groups=["toy/3"])
    (step,) = Dataset(tmp_path / "out").manifest.operations
    assert [(s.name, s.value) for s in step.settings] == [
        ("removed group", id_sha256("toy/3")),
        ("removed image", id_sha256("toy/7_a")),
    ]


def test_a_patient_must_be_one(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent")
    with pytest.raises(UsageError, match="is a case, not a patient"):
        thyrodata.remove(parent, tmp_path / "out", patients=["toy/3"])
    people = [record(str(n), group=str(n), group_kind=GroupKind.PATIENT) for n in range(4)]
    named = with_images(tmp_path / "people", people, {})
    made = thyrodata.remove(named, tmp_path / "out", patients=["toy/3"])
    assert made.groups == {"toy/3": 1}


@pytest.mark.parametrize(
    ("groups", "message"), [((), "no group is named"), (("toy/33",), "there is no group 'toy/33'")]
)
def test_an_unknown_group_is_refused(tmp_path: Path, groups: tuple[str, ...], message: str) -> None:
    parent = make_parent(tmp_path / "parent")
    with pytest.raises(UsageError, match=message):
        thyrodata.remove(parent, tmp_path / "out", groups=groups)
    assert [path.name for path in tmp_path.iterdir()] == ["parent"]


def test_removing_everything_is_refused(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent", cases=3)
    with pytest.raises(DatasetError, match="nothing would be left"):
        thyrodata.remove(parent, tmp_path / "out", groups=["toy/0", "toy/1", "toy/2"])


@pytest.mark.slow
def test_bytes_do_not_depend_on_workers(tmp_path: Path) -> None:
    parent = linked(tmp_path / "parent")
    thyrodata.remove(parent, tmp_path / "a", groups=["toy/3"], workers=1)
    thyrodata.remove(parent, tmp_path / "b", groups=["toy/3"], workers=2, link=True)
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_what_could_not_be_read_of_the_removed_is_forgotten(
    command: object, release: Path, tmp_path: Path
) -> None:
    raw = shutil.copytree(release, tmp_path / "raw")
    broken = min(raw.glob("*.jpg"))
    case = broken.stem.partition("_")[0]
    broken.write_bytes(broken.read_bytes()[:50])
    thyrodata.convert("ddti", raw, tmp_path / "d", on_error="skip", max_skipped=1)
    d = Dataset(tmp_path / "d")
    other = next(r.group_id for r in d.records())
    assert case in (d.path / "reports/skipped.jsonl").read_text()
    thyrodata.remove(d, tmp_path / "out", groups=[other])
    kept = (tmp_path / "out/reports/skipped.jsonl").read_text()
    assert f"{case}.xml" in kept
    assert Dataset(tmp_path / "out").manifest.skips == 1


def test_a_dry_run_says_what_would_go(tmp_path: Path) -> None:
    parent = linked(tmp_path / "parent")
    before = sorted(tmp_path.rglob("*"))
    said = thyrodata.remove(parent, tmp_path / "out", groups=["toy/3"], dry_run=True)
    assert said.same_pictures == ("toy/7_a",)
    assert said.to_json()["dry_run"] is True
    assert sorted(tmp_path.rglob("*")) == before
