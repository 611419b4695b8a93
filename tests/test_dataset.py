"""A dataset on disk: what is read from it, and that no change of any byte goes unnoticed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import thyrodata
from tests.contract.run import contents
from tests.toy import make_dataset, record
from thyrodata.dataset import HISTORY, MANIFEST, RECORDS_FILE, Dataset
from thyrodata.errors import DatasetError, OutputError, SchemaError
from thyrodata.io.hashes import SUMS
from thyrodata.io.parquet import batch_of, write_records


def paths(problems):
    return {problem.path for problem in problems}


def check_says_all(error, where):
    assert error.message
    assert str(where) in error.where
    assert error.hint


# ---------------------------------------------------------------- reading


def test_records_come_in_order_and_by_id(converted):
    dataset = thyrodata.open(converted)
    records = list(dataset.records())
    assert len(records) == dataset.manifest.count("images") == 14
    assert [r.image_id for r in records] == sorted((r.image_id for r in records), key=natural)
    some = [records[3].image_id, records[0].image_id]
    assert list(dataset.records(only=some)) == [records[0], records[3]]
    assert list(dataset.records(only=())) == []


def natural(image_id):
    return [int(part) for part in image_id.removeprefix("ddti/").split("_")]


def test_table_and_frame_hold_the_same_rows(converted):
    dataset = thyrodata.open(converted)
    table, frame = dataset.table(), dataset.to_pandas()
    ids = [r.image_id for r in dataset.records()]
    assert table.column("image_id").to_pylist() == ids
    assert list(frame["image_id"]) == ids
    assert list(frame.columns) == table.column_names
    assert [len(found) for found in frame["findings"]] == [len(r.findings) for r in dataset.records()]


def test_a_split_gives_each_image_to_one_part(converted):
    dataset = thyrodata.open(converted)
    assert dataset.splits == ("default",)
    parts = dataset.split()
    assert set(parts) == {"train", "val", "test"}
    given = [image_id for ids in parts.values() for image_id in ids]
    assert sorted(given) == sorted(r.image_id for r in dataset.records())
    balance = dataset.split_report()["balance"]["parts"]
    assert {part: counted["images"] for part, counted in balance.items()} == {
        part: len(ids) for part, ids in parts.items()
    }


def test_an_unknown_split_is_refused_with_those_that_there_are(converted):
    for read in (Dataset.split, Dataset.split_report, Dataset.split_file):
        with pytest.raises(DatasetError, match="'none-such'") as caught:
            read(Dataset(converted), "none-such")
        check_says_all(caught.value, converted)
        assert "default" in caught.value.hint


def test_image_bytes_are_those_of_the_release(converted, release):
    dataset = Dataset(converted)
    for found in dataset.records():
        name = found.image_id.removeprefix("ddti/")
        assert dataset.image_bytes(found) == (release / f"{name}.jpg").read_bytes()


def test_annotations_may_come_without_images(tmp_path):
    dataset = make_dataset(tmp_path / "d", [record("a")])
    assert [dataset.image_bytes(found) for found in dataset.records()] == [None]
    assert dataset.manifest.count("annotations-only") == 1
    assert dataset.verify() == ()


def test_a_missing_image_is_named(copied):
    dataset = Dataset(copied)
    first = next(dataset.records())
    (copied / first.image.path).unlink()
    with pytest.raises(DatasetError, match=first.image_id) as caught:
        dataset.image_bytes(first)
    check_says_all(caught.value, copied / first.image.path)


def test_the_repr_is_the_call(converted):
    assert eval(repr(Dataset(converted))).path == converted  # noqa: S307 -- that is its promise


# ---------------------------------------------------------------- verify


def test_a_converted_dataset_is_whole(converted):
    assert Dataset(converted).verify() == ()


def listed(folder):
    return sorted(line[66:] for line in (folder / SUMS).read_text().splitlines())


def test_every_file_but_two_is_in_the_checksums(converted):
    assert listed(converted) == sorted(set(contents(converted)) - {SUMS, HISTORY})


def test_one_flipped_byte_of_any_file_is_found(copied):
    """The first, the middle or the last byte of each file, one at a time."""
    dataset = Dataset(copied)
    for path in listed(copied):
        data = (copied / path).read_bytes()
        for place in {0, len(data) // 2, len(data) - 1}:
            spoiled = bytearray(data or b"\0")
            spoiled[place] ^= 1
            (copied / path).write_bytes(spoiled)
            assert paths(dataset.verify()) == {path}, (path, place)
        (copied / path).write_bytes(data)
    assert dataset.verify() == ()


def test_a_file_that_is_gone_or_longer_or_shorter_is_found(copied):
    dataset = Dataset(copied)
    for path in listed(copied):
        data = (copied / path).read_bytes()
        changes = [None, data + b"\n", *([data[:-1]] if data else [])]
        for changed in changes:
            (copied / path).unlink()
            if changed is not None:
                (copied / path).write_bytes(changed)
            if path == MANIFEST and changed is None:
                with pytest.raises(DatasetError, match="no manifest"):
                    Dataset(copied)
            assert paths(dataset.verify()) == {path}
            (copied / path).write_bytes(data)
    assert dataset.verify() == ()


@pytest.mark.parametrize(
    "path", ["more.txt", "images/9_9.jpg", "splits/mine.csv", ".hidden", "annotations/new/deep/x.json"]
)
def test_a_file_too_many_is_found(copied, path):
    (copied / path).parent.mkdir(parents=True, exist_ok=True)
    (copied / path).write_bytes(b"")
    assert [(p.path, p.what) for p in Dataset(copied).verify()] == [(path, "is not in the checksums")]


@pytest.mark.parametrize("name", [b"\xff.jpg", b"new\nline", b"back\\slash"])
def test_a_file_too_many_is_found_whatever_its_name(copied, name, command):
    (copied / os.fsdecode(name)).write_bytes(b"")
    assert len(Dataset(copied).verify()) == 1
    for options in ([], ["--json"]):
        ran = command("verify", copied, *options)
        assert ran.code == 1
        assert "is not in the checksums" in ran.out


def test_the_history_is_outside_the_checksums(copied):
    with (copied / HISTORY).open("a") as stream:
        stream.write("{}\n")
    assert Dataset(copied).verify() == ()


def test_a_flipped_byte_of_the_checksums_is_found(copied):
    place = copied / SUMS
    data = place.read_bytes()
    for at in {*range(0, len(data), 41), *range(64, 68), len(data) - 1}:
        for bit in (1, 32):
            spoiled = bytearray(data)
            spoiled[at] ^= bit
            place.write_bytes(spoiled)
            assert finds_something(copied), (at, bit)


def finds_something(folder):
    try:
        return bool(Dataset(folder).verify())
    except DatasetError as error:
        check_says_all(error, folder / SUMS)
        return True


DIGEST = 64 * "0"


@pytest.mark.parametrize(
    "line",
    [
        f"{DIGEST}  ../outside",
        f"{DIGEST}  images/../../outside",
        f"{DIGEST}  /etc/hostname",
        f"{DIGEST}  images\\1_1.jpg",
        f"{DIGEST}  a\tb",
        f"{DIGEST}  {MANIFEST}",
        f"{DIGEST.replace('0', 'A')}  new",
        f"{DIGEST[1:]}  new",
        f"{DIGEST} new",
        f"{DIGEST} *new",
        f"{DIGEST}  ",
        f"\\{DIGEST}  new",
        "",
        "# a comment",
    ],
)
def test_a_line_that_is_no_checksum_in_the_dataset_is_refused(copied, line):
    with (copied / SUMS).open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(DatasetError) as caught:
        Dataset(copied).verify()
    check_says_all(caught.value, copied / SUMS)


def test_no_checksums_are_refused(copied):
    (copied / SUMS).unlink()
    with pytest.raises(DatasetError, match="No such file") as caught:
        Dataset(copied).verify()
    check_says_all(caught.value, copied / SUMS)


def test_a_link_to_the_very_bytes_is_no_file_of_the_dataset(copied, tmp_path):
    """A dataset refers to nothing outside of itself."""
    image = next(Dataset(copied).records()).image.path
    outside = shutil.copy(copied / image, tmp_path / "outside.jpg")
    (copied / image).unlink()
    (copied / image).symlink_to(outside)
    assert paths(Dataset(copied).verify()) == {image}


@pytest.mark.parametrize("target", ["images", "nowhere", "."])
def test_a_link_too_many_is_found(copied, target):
    (copied / "more").symlink_to(target)
    assert paths(Dataset(copied).verify()) == {"more"}


def test_a_linked_folder_is_no_folder_of_the_dataset(copied, tmp_path):
    (copied / "images").rename(tmp_path / "images")
    (copied / "images").symlink_to(tmp_path / "images")
    assert len(Dataset(copied).verify()) == 1 + 14


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(copied):
    image = next(Dataset(copied).records()).image.path
    (copied / image).unlink()
    os.mkfifo(copied / image)
    assert paths(Dataset(copied).verify()) == {image}


def reseal(folder):
    """Write checksums of what is there, as somebody would who changes a dataset on purpose."""
    names = sorted(set(contents(folder)) - {SUMS, HISTORY})
    sums = subprocess.run(
        ["sha256sum", "--", *names], cwd=folder, check=True, capture_output=True, text=True
    ).stdout
    (folder / SUMS).write_text(sums)


def test_images_that_do_not_match_their_records_are_found(copied, system_tool):
    system_tool("sha256sum")
    one, other, *_ = (found.image.path for found in Dataset(copied).records())
    shutil.copy(copied / other, copied / one)
    (copied / "images" / "stray.jpg").write_bytes(b"stray")
    reseal(copied)
    assert {(p.path, p.what) for p in Dataset(copied).verify()} == {
        (one, "has another checksum in the records"),
        ("images/stray.jpg", "belongs to no record"),
    }


def test_sha256sum_agrees(copied, system_tool):
    check = [system_tool("sha256sum"), "--check", "--strict", "--quiet", SUMS]
    assert subprocess.run(check, cwd=copied, check=False, capture_output=True).returncode == 0
    with (copied / "README.md").open("ab") as stream:
        stream.write(b"\n")
    assert subprocess.run(check, cwd=copied, check=False, capture_output=True).returncode == 1


# ---------------------------------------------------------------- adding files


def test_added_files_join_the_checksums(copied):
    dataset = Dataset(copied)
    before = contents(copied)
    with dataset.adding() as folder:
        (folder / "reports" / "deep").mkdir(parents=True)
        (folder / "reports" / "deep" / "new.json").write_bytes(b"{}")
        assert contents(copied) == before
    assert dataset.verify() == ()
    assert "reports/deep/new.json" in listed(copied)
    after = contents(copied)
    assert after.pop("reports/deep/new.json") == b"{}"
    assert {**after, SUMS: before[SUMS]} == before
    assert list(copied.parent.iterdir()) == [copied]


def test_added_files_replace_those_of_their_name(copied):
    dataset = Dataset(copied)
    with dataset.adding() as folder:
        (folder / "README.md").write_bytes(b"anew")
    assert dataset.verify() == ()
    assert (copied / "README.md").read_bytes() == b"anew"


def add(place, path, error=None):
    """Add one file to a dataset, or fail on the way."""
    with Dataset(place).adding() as folder:
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(b"new")
        if error:
            raise error


class Stop(Exception):  # noqa: N818 -- stands for anything
    pass


@pytest.mark.parametrize("stop", [Stop, KeyboardInterrupt, OSError])
def test_a_failure_while_adding_changes_nothing(copied, stop):
    before = contents(copied)
    with pytest.raises(stop):
        add(copied, "new.txt", stop)
    assert contents(copied) == before
    assert list(copied.parent.iterdir()) == [copied]


def test_damaged_checksums_are_not_built_upon(copied):
    (copied / SUMS).write_bytes(b"damaged\n")
    before = contents(copied)
    with pytest.raises(DatasetError):
        add(copied, "new.txt")
    assert contents(copied) == before


def test_ctrl_c_while_files_take_their_places_waits_until_their_checksums_have(copied, monkeypatch):
    dataset = Dataset(copied)
    rename = thyrodata.dataset.rename
    moved = []

    def pressed(source, target):
        signal.raise_signal(signal.SIGINT)
        rename(source, target)
        moved.append(target.name)

    monkeypatch.setattr("thyrodata.dataset.rename", pressed)
    with pytest.raises(KeyboardInterrupt), dataset.adding() as folder:  # noqa: PT012 -- it is the block's end
        (folder / "one.txt").write_text("1")
        (folder / "two.txt").write_text("2")
    assert moved == ["one.txt", "two.txt", SUMS]
    assert dataset.verify() == ()


@pytest.mark.parametrize("path", [MANIFEST, RECORDS_FILE, SUMS, HISTORY, "images/1_1.jpg", "images/new.jpg"])
def test_records_images_and_manifest_are_never_rewritten(copied, path):
    before = contents(copied)
    with pytest.raises(OutputError, match="never rewritten") as caught:
        add(copied, path)
    check_says_all(caught.value, copied)
    assert contents(copied) == before


@pytest.mark.parametrize("where", [".", "../ddti", "images/.."])
def test_adding_works_from_within(copied, where, monkeypatch):
    monkeypatch.chdir(copied)
    add(where, "new.txt")
    assert Dataset(copied).verify() == ()
    assert (copied / "new.txt").read_bytes() == b"new"


# ---------------------------------------------------------------- damage

MANIFESTS = {
    "empty": b"",
    "cut": b'{"schema_version": "0.1", "na',
    "no object": b"[]",
    "another object": b"{}",
    "not UTF-8": b'{"name": "\xff"}',
    "NaN": b'{"skips": NaN}',
    "deep": b"[" * 100_000,
    "long number": b"9" * 10_000,
}


@pytest.mark.parametrize("data", MANIFESTS.values(), ids=MANIFESTS)
def test_a_damaged_manifest_is_refused(copied, data, command):
    (copied / MANIFEST).write_bytes(data)
    with pytest.raises(DatasetError) as caught:
        _ = Dataset(copied).manifest
    assert str(copied / MANIFEST) in caught.value.where
    check_refused(command, copied, MANIFEST)


def check_refused(command, folder, where):
    ran = command("info", folder)
    assert ran.code == 1
    assert ran.err.startswith("error: ")
    assert f"where: {folder / where}" in ran.err
    assert "Traceback" not in ran.err


def test_a_manifest_of_another_schema_version_is_refused(copied):
    said = json.loads((copied / MANIFEST).read_bytes())
    (copied / MANIFEST).write_text(json.dumps({**said, "schema_version": "0.7"}))
    with pytest.raises(DatasetError, match=r"0\.7") as caught:
        _ = Dataset(copied).manifest
    check_says_all(caught.value, copied / MANIFEST)


@pytest.mark.parametrize("kind", ["nothing", "file", "folder", "manifest that is a folder"])
def test_what_is_no_dataset_is_refused(tmp_path, kind):
    place = tmp_path / "place"
    if kind == "file":
        place.write_bytes(b"")
    elif kind != "nothing":
        place.mkdir()
    if kind == "manifest that is a folder":
        (place / MANIFEST).mkdir()
    with pytest.raises(DatasetError, match="not a thyrodata dataset") as caught:
        thyrodata.open(place)
    check_says_all(caught.value, place)


READERS = {
    "records": lambda dataset: list(dataset.records()),
    "survey": Dataset.survey,
    "table": Dataset.table,
    "to_pandas": Dataset.to_pandas,
}


def check_records_refused(folder):
    for read in READERS.values():
        with pytest.raises(DatasetError) as caught:
            read(Dataset(folder))
        assert caught.value.message
        assert str(folder / RECORDS_FILE) in caught.value.where


@pytest.mark.parametrize("percent", [0, 1, 30, 60, 90, 99])
def test_cut_records_are_refused(copied, percent):
    size = (copied / RECORDS_FILE).stat().st_size
    os.truncate(copied / RECORDS_FILE, size * percent // 100)
    check_records_refused(copied)


@pytest.mark.parametrize("data", [b"\0" * 5000, b"PAR1" * 500, b"not at all"])
def test_records_that_are_no_parquet_are_refused(copied, data):
    (copied / RECORDS_FILE).write_bytes(data)
    check_records_refused(copied)


def test_missing_records_are_refused(copied):
    (copied / RECORDS_FILE).unlink()
    check_records_refused(copied)


def test_other_columns_are_refused(copied):
    pq.write_table(pa.table({"a": [1]}), copied / RECORDS_FILE)
    for read in ("records", "survey"):
        with pytest.raises(DatasetError, match="columns") as caught:
            READERS[read](Dataset(copied))
        check_says_all(caught.value, copied / RECORDS_FILE)


def test_two_records_of_one_id_are_refused(copied):
    write_records(copied / RECORDS_FILE, [batch_of([record("a"), record("a")])])
    with pytest.raises(SchemaError, match="toy/a"):
        Dataset(copied).survey()


SPLITS = {
    "empty": b"",
    "no header": b"ddti/1_1,ddti/1,train\n",
    "other header": b"image,group,part\n",
    "short row": b"image_id,group_id,part\nddti/1_1,ddti/1\n",
    "not UTF-8": b"image_id,group_id,part\n\xff,a,train\n",
    "a quote": b'image_id,group_id,part\n"a,b,train\n',
}


@pytest.mark.parametrize("data", SPLITS.values(), ids=SPLITS)
def test_a_damaged_split_is_refused(copied, data, command):
    (copied / "splits" / "default.csv").write_bytes(data)
    with pytest.raises(DatasetError) as caught:
        Dataset(copied).split()
    check_says_all(caught.value, copied / "splits" / "default.csv")
    for args in (["show", copied, "--part", "train"], ["split", "audit", copied]):
        ran = command(*args)
        assert ran.code == 1
        assert "default.csv" in ran.err
        assert "Traceback" not in ran.err


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"name": "x"}', b"[" * 100_000, b"\xff"])
def test_a_damaged_account_of_a_split_is_refused(copied, data, command):
    (copied / "splits" / "default.json").write_bytes(data)
    with pytest.raises(DatasetError) as caught:
        Dataset(copied).split_report()
    check_says_all(caught.value, copied / "splits" / "default.json")
    check_refused(command, copied, "splits/default.json")


def test_reading_a_dataset_changes_nothing(copied):
    before = contents(copied)
    dataset = Dataset(copied)
    for read in READERS.values():
        read(dataset)
    dataset.split()
    dataset.split_report()
    dataset.verify()
    assert contents(copied) == before
    assert list(copied.parent.iterdir()) == [copied]


def test_a_dataset_can_be_moved(copied, tmp_path):
    moved = copied.rename(tmp_path / "elsewhere")
    code = "import sys, thyrodata; d = thyrodata.open(sys.argv[1]); print(d.verify(), len(list(d.records())))"
    ran = subprocess.run(
        [sys.executable, "-c", code, moved.name], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert ran.stdout == "() 14\n"
