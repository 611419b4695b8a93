"""What every operation has from the framework: kept images and splits, lineage, safety, resumption."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest
from curated import content, make_parent, picture, unchanged
from toy import make_dataset, record

from thyrodata.change import Row, all_rows, sums_sha256
from thyrodata.dataset import Dataset
from thyrodata.errors import CaseError, DatasetError, OutputError, SplitError
from thyrodata.partition import SplitPlan, audit_dataset
from thyrodata.revision import Splits, revise
from thyrodata.sample import Absent, Kept, Sample
from thyrodata.schema.manifest import Parent, Setting
from thyrodata.schema.record import ImageRecord, Remark


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """Remarks every record, and fails at one if told to."""

    name: ClassVar[str] = "touch"
    rows: tuple[Row, ...]
    fails_at: str = ""

    def settings(self) -> tuple[Setting, ...]:
        return (Setting(name="text", value="seen"),)

    def sample(self, record: ImageRecord, picture: Kept | Absent, parent: int) -> Sample:
        if record.image_id == self.fails_at:
            raise CaseError("it cannot be touched", where=record.image_id, hint="none")
        remark = Remark(code="seen", text=f"parent {parent}")
        return Sample(record=replace(record, remarks=(*record.remarks, remark)), pixels=picture)

    def files(self) -> Mapping[str, bytes]:
        return {"reports/touch.json": b"{}\n"}


def touch(parent: Dataset, **fields: str) -> Touch:
    return Touch(rows=tuple(all_rows([parent])), **fields)


def test_a_new_dataset_is_whole_and_names_its_parent(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent")
    with unchanged(parent.path):
        made = revise(touch(parent), [parent], tmp_path / "out").dataset
    assert made
    assert made.verify() == ()
    (step,) = made.manifest.operations
    assert step.name == "touch"
    assert step.settings == (Setting(name="text", value="seen"),)
    assert step.parents == (Parent(name="toy", sha256=sums_sha256(parent)),)
    assert (made.path / "reports/touch.json").read_bytes() == b"{}\n"
    assert "1. touch of toy" in (made.path / "README.md").read_text()
    for old, new in zip(parent.records(), made.records(), strict=True):
        assert replace(new, remarks=()) == old
        assert made.image_bytes(new) == parent.image_bytes(old)


def test_operations_add_up(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent")
    once = revise(touch(parent), [parent], tmp_path / "once").dataset
    assert once
    twice = revise(touch(once), [once], tmp_path / "twice").dataset
    assert twice
    assert [step.parents[0].sha256 for step in twice.manifest.operations] == [
        sums_sha256(parent),
        sums_sha256(once),
    ]


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_workers_or_links(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent", cases=160)  # more than one chunk
    for out, options in (("a", {"workers": 1}), ("b", {"workers": 2}), ("c", {"link": True})):
        revise(touch(parent), [parent], tmp_path / out, **options)  # type: ignore[arg-type]
    assert content(tmp_path / "a") == content(tmp_path / "b") == content(tmp_path / "c")
    linked = next((tmp_path / "c" / "images").iterdir())
    assert linked.samefile(parent.path / "images" / linked.name)
    assert not (tmp_path / "a" / "images" / linked.name).samefile(linked)


def test_images_that_are_left_keep_their_part(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent")
    change = touch(parent)
    half = replace(change, rows=change.rows[::3])
    made = revise(half, [parent], tmp_path / "out").dataset
    assert made
    before = {image: part for part, images in parent.split().items() for image in images}
    after = {image: part for part, images in made.split().items() for image in images}
    assert after == {row.image_id: before[row.image_id] for row in half.rows}
    assert audit_dataset(made, "default") == ()
    report = made.split_report()
    assert report["made"] == "in the parent dataset; every image keeps its part"
    assert report["balance"]["whole"]["images"] == len(half.rows)
    again = revise(touch(made), [made], tmp_path / "again").dataset
    assert again
    assert again.split() == made.split()


def test_a_split_may_be_made_anew_instead(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent")
    plan = SplitPlan(name="fresh", seed=3)
    made = revise(touch(parent), [parent], tmp_path / "out", splits=plan).dataset
    assert made
    assert made.splits == ("fresh",)


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent")
    before = sorted(tmp_path.rglob("*"))
    said = revise(touch(parent), [parent], tmp_path / "out", dry_run=True)
    assert sorted(tmp_path.rglob("*")) == before
    assert (said.dataset, said.images) == (None, 24)
    assert said.image_bytes == sum(file.stat().st_size for file in (parent.path / "images").iterdir())


def test_a_build_that_was_stopped_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent", cases=160)
    change = touch(parent)
    done: list[int] = []

    def stop(n: int, _: int) -> None:
        done.append(n)
        raise KeyboardInterrupt

    with pytest.raises(Exception, match="stopped; what was done is kept"):
        revise(change, [parent], tmp_path / "out", progress=stop)
    assert done == [256]
    assert not (tmp_path / "out").exists()
    with pytest.raises(OutputError, match="unfinished build differs in its link"):
        revise(change, [parent], tmp_path / "out", resume=True, link=True)
    seen: list[int] = []
    revise(change, [parent], tmp_path / "out", resume=True, progress=lambda n, _: seen.append(n))
    assert seen == [320]
    revise(change, [parent], tmp_path / "whole")
    assert content(tmp_path / "out") == content(tmp_path / "whole")


@pytest.mark.parametrize("damage", ["missing", "changed", "records"])
def test_a_damaged_parent_is_named_and_nothing_is_left(tmp_path: Path, damage: str) -> None:
    parent = make_parent(tmp_path / "parent")
    image = parent.path / "images" / "3_a.png"
    match damage:
        case "missing":
            image.unlink()
            message, where = "cannot be read", image
        case "changed":
            image.write_bytes(image.read_bytes() + b"x")
            message, where = "differs from its checksum", image
        case _:
            where = parent.path / "records.parquet"
            where.write_bytes(where.read_bytes()[:-1] + b"x")
            message = "cannot be read|not what their checksum says"
    with pytest.raises(DatasetError, match=message) as raised:
        revise(touch(parent), [parent], tmp_path / "out")
    assert raised.value.where == str(where)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parent"]


def test_a_failing_change_names_the_image(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent")
    with pytest.raises(CaseError, match="cannot be touched") as raised:
        revise(touch(parent, fails_at="toy/5_a"), [parent], tmp_path / "out")
    assert raised.value.where == "toy/5_a"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parent"]


def test_nothing_left_is_refused(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent")
    with pytest.raises(DatasetError, match="leaves no image"):
        revise(Touch(rows=()), [parent], tmp_path / "out")


def test_the_output_may_not_lie_in_the_parent(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent")
    with unchanged(parent.path), pytest.raises(OutputError, match="inside the source"):
        revise(touch(parent), [parent], parent.path / "out")


def test_a_damaged_split_is_named(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent")
    file = parent.path / "splits" / "default.csv"
    file.write_text(file.read_text().replace(",train", ",TRAIN"))
    with pytest.raises(SplitError, match="not the name of a part"):
        revise(touch(parent), [parent], tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parent"]


def test_new_images_extend_the_splits(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent", cases=30)
    change = touch(parent)
    some = replace(change, rows=change.rows[:30])
    small = revise(some, [parent], tmp_path / "small").dataset
    assert small
    grown = revise(
        replace(change, rows=(*_from(small, 0), *(replace(row, parent=1) for row in change.rows[30:]))),
        [small, parent],
        tmp_path / "grown",
        splits=Splits.EXTEND,
    ).dataset
    assert grown
    parts = {part: set(ids) for part, ids in grown.split().items()}
    assert all(set(ids) <= parts[part] for part, ids in small.split().items())
    assert sum(map(len, parts.values())) == 60
    assert audit_dataset(grown, "default") == ()
    assert json.loads((grown.path / "splits/default.json").read_bytes())["conflicts"] == []


def _from(dataset: Dataset, parent: int) -> tuple[Row, ...]:
    return tuple(replace(row, parent=parent) for row in all_rows([dataset]))


def test_a_file_whose_bit_depth_is_not_stated_is_kept(tmp_path: Path) -> None:
    """A record may leave out what no operation needs; the file is not lost by it."""
    data = picture(1)
    parent = make_dataset(tmp_path / "parent", [record("a", image=data)], {"images/a.jpg": data})
    made = revise(touch(parent), [parent], tmp_path / "out").dataset
    assert made
    assert made.verify() == ()
    assert (made.path / "images/a.jpg").read_bytes() == data


def test_a_file_without_a_hash_is_refused(tmp_path: Path) -> None:
    data = picture(1)
    each = record("a", image=data)
    each = replace(each, image=replace(each.image, sha256=None))
    parent = make_dataset(tmp_path / "parent", [each], {"images/a.jpg": data})
    with pytest.raises(DatasetError, match="does not state the hash") as raised:
        revise(touch(parent), [parent], tmp_path / "out")
    assert raised.value.where == f"{parent.path}/images/a.jpg"
