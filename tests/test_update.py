"""Growth: what is new in a source is added, and nothing that was assigned moves."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from curated import Unaltered, content, unchanged
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import graded, make_dataset, record

import thyrodata
from thyrodata.change import all_rows
from thyrodata.dataset import Dataset
from thyrodata.demo import write_release
from thyrodata.errors import DatasetError, OutputError, UsageError
from thyrodata.partition import SplitPlan, add_split, audit_dataset
from thyrodata.revision import Splits, revise


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A synthetic release of 20 cases, and the part of it that came first: 12 of them."""
    home = tmp_path_factory.mktemp("deliveries")
    for name in ("all", "first"):
        (home / name).mkdir()
    write_release(home / "all", cases=20)
    for file in (home / "all").iterdir():
        if int(file.stem.partition("_")[0]) <= 12:
            shutil.copy(file, home / "first")
    return home / "first", home / "all"


def parts(dataset: Dataset, name: str = "default") -> dict[str, str]:
    return {image: part for part, images in dataset.split(name).items() for image in images}


def test_what_is_new_is_added_and_nothing_moves(deliveries: tuple[Path, Path], tmp_path: Path) -> None:
    first, whole = deliveries
    thyrodata.convert("ddti", first, tmp_path / "d")
    old = Dataset(tmp_path / "d")
    add_split(old, SplitPlan(name="folds", folds=3))
    with unchanged(old.path), unchanged(whole):
        made = thyrodata.update(old, whole, tmp_path / "out")
    new = Dataset(tmp_path / "out")
    assert new.verify() == ()
    assert (made.changed, made.absent, made.withdrawn, made.moved) == ((), (), 0, ())
    records = list(new.records())
    assert records[: len(list(old.records()))] == list(old.records())
    thyrodata.convert("ddti", whole, tmp_path / "anew")
    assert sorted(map(repr, records)) == sorted(map(repr, Dataset(tmp_path / "anew").records()))
    for name in ("default", "folds"):
        after = parts(new, name)
        assert {image: after[image] for image in parts(old, name)} == parts(old, name)
        assert set(after) == {each.image_id for each in records}
        assert audit_dataset(new, name) == ()
    assert set(made.new) == set(parts(new)) - set(parts(old))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["anew", "d", "out"]
    assert not any(file.stat().st_nlink > 1 for file in (new.path / "images").rglob("*.jpg"))


def test_a_delivery_may_be_the_new_files_alone(deliveries: tuple[Path, Path], tmp_path: Path) -> None:
    first, whole = deliveries
    (tmp_path / "later").mkdir()
    for file in whole.iterdir():
        if int(file.stem.partition("_")[0]) > 12:
            shutil.copy(file, tmp_path / "later")
    thyrodata.convert("ddti", first, tmp_path / "d")
    made = thyrodata.update(tmp_path / "d", tmp_path / "later", tmp_path / "out", workers=2)
    assert set(made.absent) == {each.image_id for each in Dataset(tmp_path / "d").records()}
    thyrodata.update(tmp_path / "d", whole, tmp_path / "all")
    assert parts(Dataset(tmp_path / "out")) == parts(Dataset(tmp_path / "all"))
    assert len(Dataset(tmp_path / "out").manifest.sources) == 2


def test_what_was_removed_stays_out(deliveries: tuple[Path, Path], tmp_path: Path) -> None:
    first, whole = deliveries
    thyrodata.convert("ddti", first, tmp_path / "d")
    group = next(Dataset(tmp_path / "d").records()).group_id
    thyrodata.remove(tmp_path / "d", tmp_path / "without", groups=[group])
    made = thyrodata.update(tmp_path / "without", whole, tmp_path / "out")
    assert made.withdrawn >= 1
    assert group not in {each.group_id for each in Dataset(tmp_path / "out").records()}
    again = thyrodata.update(tmp_path / "out", whole, tmp_path / "again")
    assert (again.new, again.withdrawn) == ((), made.withdrawn)


def changed_delivery(whole: Path, folder: Path) -> str:
    """A delivery in which one case has another age."""
    shutil.copytree(whole, folder)
    case = min(folder.glob("*.xml"), key=lambda file: int(file.stem))
    text = case.read_text()
    start, end = text.index("<age>") + 5, text.index("</age>")
    case.write_text(text[:start] + "77" + text[end:])
    return f"ddti/{case.stem}"


def test_what_the_source_now_says_otherwise_is_a_choice(
    deliveries: tuple[Path, Path], tmp_path: Path
) -> None:
    first, whole = deliveries
    thyrodata.convert("ddti", first, tmp_path / "d")
    group = changed_delivery(whole, tmp_path / "later")
    with pytest.raises(DatasetError, match="now says something else of"):
        thyrodata.update(tmp_path / "d", tmp_path / "later", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "later"]
    for policy, years in (("keep", None), ("take", 77)):
        made = thyrodata.update(tmp_path / "d", tmp_path / "later", tmp_path / policy, changed=policy)
        new = Dataset(tmp_path / policy)
        assert new.verify() == ()
        ages = {
            r.patient.age.years if r.patient and r.patient.age else None
            for r in new.records()
            if r.group_id == group
        }
        old = {r.image_id: r for r in Dataset(tmp_path / "d").records()}
        assert set(made.changed) == {name for name, r in old.items() if r.group_id == group}
        if years:
            assert ages == {years}
        else:
            assert all(r == old[r.image_id] for r in new.records() if r.image_id in old)
        assert [r.image_id for r in new.records()][: len(old)] == list(old)


def test_a_dry_run_leaves_nothing(deliveries: tuple[Path, Path], tmp_path: Path) -> None:
    first, whole = deliveries
    thyrodata.convert("ddti", first, tmp_path / "d")
    before = sorted(tmp_path.rglob("*"))
    said = thyrodata.update(tmp_path / "d", whole, tmp_path / "out", dry_run=True)
    assert said.new
    assert said.revision.dataset is None
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_workers(deliveries: tuple[Path, Path], tmp_path: Path) -> None:
    first, whole = deliveries
    thyrodata.convert("ddti", first, tmp_path / "d")
    thyrodata.update(tmp_path / "d", whole, tmp_path / "a", workers=1)
    thyrodata.update(tmp_path / "d", whole, tmp_path / "b", workers=2, link=True)
    assert content(tmp_path / "a") == content(tmp_path / "b")


@pytest.mark.parametrize("case", ["relabelled", "exists", "settings", "policy", "layout", "cut"])
def test_wrong_input_is_named_and_nothing_is_left(
    deliveries: tuple[Path, Path], tmp_path: Path, case: str
) -> None:
    first, whole = deliveries
    raw = shutil.copytree(whole, tmp_path / "raw")
    thyrodata.convert("ddti", first, tmp_path / "d")
    options: dict[str, Any] = {}
    match case:
        case "relabelled":
            data = Dataset(tmp_path / "d")
            revise(Unaltered(rows=tuple(all_rows([data]))), [data], tmp_path / "e")
            shutil.rmtree(tmp_path / "d")
            (tmp_path / "e").rename(tmp_path / "d")
            error, message = DatasetError, "was changed since its conversion: unaltered"
        case "exists":
            (tmp_path / "out").mkdir()
            (tmp_path / "out" / "file").touch()
            error, message = OutputError, "is no thyrodata dataset"
        case "settings":
            options = {"settings": object()}
            error, message = UsageError, "settings"
        case "policy":
            options = {"changed": "maybe"}
            error, message = UsageError, "cannot 'maybe'"
        case "layout":
            (raw / "stray.txt").touch()
            error, message = thyrodata.ThyrodataError, "belongs to no item"
        case _:
            image = next(raw.glob("*.jpg"))
            image.write_bytes(image.read_bytes()[:100])
            error, message = thyrodata.ThyrodataError, "cut|ends before"
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(error, match=message):
        thyrodata.update(tmp_path / "d", raw, tmp_path / "out", **options)
    assert [p for p in sorted(path.name for path in tmp_path.iterdir()) if ".partial" not in p] == before


# ---------------------------------------------------------------- a law

NEW_IMAGES = st.lists(
    st.tuples(
        st.integers(0, 14),  # group
        st.sampled_from([None, "2", "3", "4a", "5"]),
        st.integers(0, 30),  # which picture: equal ones are byte-identical
    ),
    min_size=3,
    max_size=12,
)


def grown(folder: Path, history: list[list[tuple[int, str | None, int]]]) -> list[Dataset]:
    """A dataset, and what it grows into, a delivery at a time."""
    stages: list[Dataset] = []
    count = 0
    for number, delivery in enumerate(history):
        records = []
        for group, grade, shown in delivery:
            each = record(f"{group}_{count}", group=str(group), case_labels=graded(grade))
            count += 1
            digest = f"{shown:064x}"
            records.append(replace(each, image=replace(each.image, sha256=digest)))
        fresh = make_dataset(folder / f"fresh{number}", records)
        if not stages:
            add_split(fresh, SplitPlan())
            stages.append(fresh)
            continue
        old = stages[-1]
        rows = (*all_rows([old]), *(replace(row, parent=1) for row in all_rows([fresh])))
        revise(Unaltered(rows=rows), [old, fresh], folder / f"stage{number}", splits=Splits.EXTEND)
        stages.append(Dataset(folder / f"stage{number}"))
    return stages


@pytest.mark.slow
@settings(max_examples=25)
@given(history=st.lists(NEW_IMAGES, min_size=2, max_size=4))
def test_growth_keeps_every_assignment(history: list[list[tuple[int, str | None, int]]]) -> None:
    """However a dataset grows, every image keeps its part unless a tie joins two parts, which is reported;
    test gains no image that was elsewhere, and no split leaks."""
    with TemporaryDirectory() as folder:
        stages = grown(Path(folder), history)
        for old, new in pairwise(stages):
            before, after = parts(old), parts(new)
            moved = {
                row["image_id"] for conflict in new.split_report()["conflicts"] for row in conflict["moved"]
            }
            assert {image for image, part in before.items() if after[image] != part} == moved
            assert all(after[image] == "excluded" for image in moved)
            assert all(before[image] != "test" for image in moved)
            assert audit_dataset(new, "default") == ()
            assert set(after) == {each.image_id for each in new.records()}
