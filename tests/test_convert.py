"""Converting from end to end: the same bytes from the same source, bad requests told and harmless."""

from __future__ import annotations

import json
import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

import thyrodata
from tests.contract.run import contents
from tests.fixtures.ddti import make as quirks
from thyrodata.dataset import HISTORY, MANIFEST, Dataset
from thyrodata.errors import CaseError, OutputError, RawLayoutError, ThyrodataError, UsageError
from thyrodata.io.hashes import SUMS


@pytest.fixture
def here(release, tmp_path, monkeypatch):
    """A working directory with a copy of the release in ``raw``."""
    place = tmp_path / "here"
    place.mkdir()
    shutil.copytree(release, place / "raw")
    monkeypatch.chdir(place)
    return place


def tree(folder):
    """Everything below a folder: the bytes of files, the targets of links, and empty folders."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        found[name] = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
    return found


def check_error(ran, code, *words):
    assert ran.code == code
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert "Traceback" not in ran.err
    assert "\nhint: " in ran.err
    for word in words:
        assert str(word) in ran.err


def lossless(dataset):
    """All bytes of a dataset but those of the file that holds a time."""
    return {path: data for path, data in contents(dataset).items() if path != HISTORY}


# ---------------------------------------------------------------- what comes out


def test_the_result_says_what_was_done(here):
    made = thyrodata.convert("ddti", "raw")
    assert made.name == "ddti"
    assert made.out == Path("ddti")
    assert (made.items, made.images, made.skips) == (12, 14, ())
    assert made.image_bytes == sum(path.stat().st_size for path in (here / "raw").glob("*.jpg"))
    assert made.dataset.verify() == ()
    assert {path.name for path in here.iterdir()} == {"raw", "ddti"}


def test_a_dataset_has_its_files_and_no_other(converted):
    parts = ("train", "val", "test")
    images = {found.image.path for found in Dataset(converted).records()}
    assert set(contents(converted)) == {
        *images,
        *(f"annotations/default/instances_{part}.json" for part in parts),
        *("README.md", MANIFEST, "records.parquet", "reports/skipped.jsonl", HISTORY, SUMS),
        *("splits/default.csv", "splits/default.json"),
    }


def test_images_are_copies_byte_by_byte(converted, release):
    for found in Dataset(converted).records():
        assert (converted / found.image.path).read_bytes() == (
            release / Path(found.image.path).name
        ).read_bytes()


def test_raw_is_only_read(here):
    before = tree(here / "raw")
    thyrodata.convert("ddti", "raw")
    assert tree(here / "raw") == before


def test_the_bytes_are_the_same_from_another_place_to_another(here, converted, tmp_path):
    """Also at another time, through links, with other names and in other words."""
    elsewhere = tmp_path / "another place" / "of the release"
    shutil.copytree(here / "raw", elsewhere, copy_function=shutil.copy)
    for file in elsewhere.iterdir():
        os.utime(file, (1, 1))
    (tmp_path / "link").symlink_to(elsewhere)
    expected = lossless(converted)
    assert lossless(thyrodata.convert("ddti", tmp_path / "link", tmp_path / "out put").out) == expected
    assert lossless(thyrodata.convert("ddti", "raw", "x/y", by="case", on_error="skip").out) == expected
    assert lossless(thyrodata.convert("ddti", "raw", "x/y", overwrite=True, max_skipped=1).out) == expected


def test_another_seed_changes_the_split_alone(here, converted):
    made = thyrodata.convert("ddti", "raw", seed=5)
    differ = {path for path, data in lossless(made.out).items() if data != lossless(converted)[path]}
    below = {path.split("/")[0] for path in differ}
    assert "splits/default.csv" in differ
    assert below == {"splits", "annotations", SUMS}


def test_no_file_holds_a_time_or_a_place(here):
    made = thyrodata.convert("ddti", here / "raw", here / "out")
    today = datetime.now(UTC).date().isoformat()
    for path, data in lossless(made.out).items():
        for word in (str(here), str(here.resolve()), str(Path.home()) + "/", today):
            assert word.encode() not in data, (path, word)
    (line,) = (made.out / HISTORY).read_text().splitlines()
    assert json.loads(line)["operation"] == "convert ddti"


def test_the_manifest_says_where_every_raw_file_went(here):
    """Read, skipped and ignored files sum to those of the folder."""
    quirks.make(here / "quirks")
    (here / "quirks" / "3_2.jpg").write_bytes(b"")
    (here / "quirks" / "stray.txt").write_bytes(b"stray")
    made = thyrodata.convert("ddti", here / "quirks", on_error="skip", max_skipped=0.5)
    (source,) = made.dataset.manifest.sources
    files = list((here / "quirks").iterdir())
    assert source.raw_files_skipped == 5  # the case, its three images, and the stray
    assert source.raw_files_read + source.raw_files_skipped + source.raw_files_ignored == len(files)
    assert made.dataset.manifest.skips == len(made.skips) == 2


# ---------------------------------------------------------------- refused before anything is done


def empty_folder(here):
    (here / "nothing").mkdir()
    return ["nothing"]


def nested_release(here):
    (here / "download").mkdir()
    (here / "raw").rename(here / "download" / "ddti-v1")
    return ["download"]


def folder_of_something_else(here):
    (here / "other").mkdir()
    (here / "other" / "notes.txt").write_bytes(b"notes")
    return ["other"]


def output_holds_something(here):
    (here / "mine").mkdir()
    (here / "mine" / "thesis.tex").write_bytes(b"years of work")
    return ["raw", "-o", "mine"]


def output_is_a_file(here):
    (here / "mine").write_bytes(b"years of work")
    return ["raw", "-o", "mine"]


def output_is_a_dataset(here):
    thyrodata.convert("ddti", "raw")
    return ["raw"]


def output_is_a_link(here):
    made = thyrodata.convert("ddti", "raw", "real")
    (here / "link").symlink_to(made.out)
    return ["raw", "-o", "link", "--overwrite"]


def output_links_to_nowhere(here):
    (here / "link").symlink_to("nowhere")
    return ["raw", "-o", "link"]


def output_has_no_name(here):
    (here / "new").mkdir()
    os.chdir(here / "new")
    return ["../raw", "-o", "."]


def output_is_below_a_file(here):
    (here / "file").write_bytes(b"")
    return ["raw", "-o", "file/out"]


def the_place_of_the_build_is_taken(here):
    (here / "ddti.partial").mkdir()
    (here / "ddti.partial" / "thesis.tex").write_bytes(b"years of work")
    return ["raw"]


def the_place_of_the_build_is_a_file(here):
    (here / "ddti.partial").write_bytes(b"years of work")
    return ["raw"]


def raw_has_the_default_name(here):
    (here / "raw").rename(here / "ddti")
    return ["ddti"]


def raw_lies_in_output(here):
    (here / "out").mkdir()
    (here / "raw").rename(here / "out" / "raw")
    return ["out/raw", "-o", "out", "--overwrite"]


def raw_links_to_output(here):
    (here / "link").symlink_to("raw")
    return ["link", "-o", "raw"]


BAD = [
    (empty_folder, 1, "where: nothing"),
    (nested_release, 1, "where: download"),
    (folder_of_something_else, 1, "where: other"),
    (lambda here: ["missing"], 1, "where: missing"),
    (lambda here: ["raw/1.xml"], 1, "is not a folder"),
    (output_holds_something, 1, "where: mine"),
    (lambda here: [*output_holds_something(here), "--overwrite"], 1, "no thyrodata dataset"),
    (output_is_a_file, 1, "where: mine"),
    (lambda here: [*output_is_a_file(here), "--overwrite"], 1, "no thyrodata dataset"),
    (output_is_a_dataset, 1, "--overwrite"),
    (output_is_a_link, 1, "where: link"),
    (output_links_to_nowhere, 1, "where: link"),
    (output_has_no_name, 1, "where: ."),
    (output_is_below_a_file, 1, "where: file"),
    (the_place_of_the_build_is_taken, 1, "where: ddti.partial"),
    (lambda here: [*the_place_of_the_build_is_taken(here), "--overwrite"], 1, "where: ddti.partial"),
    (the_place_of_the_build_is_a_file, 1, "where: ddti.partial"),
    (raw_has_the_default_name, 1, "the output is the source"),
    (lambda here: ["raw", "-o", "raw/out"], 1, "the output lies inside the source"),
    (raw_lies_in_output, 1, "the source lies inside the output"),
    (raw_links_to_output, 1, "the output is the source"),
    (lambda here: ["raw", "--resume"], 1, "where: ddti.partial"),
    (lambda here: ["raw", "--by", "patient"], 1, "case"),
    (lambda here: ["raw", "--by", "person"], 2, "'person'"),
    (lambda here: ["raw", "--on-error", "ignore"], 2, "raise, skip"),
]


@pytest.mark.parametrize(("request_of", "code", "said"), BAD)
def test_a_bad_request_is_told_and_changes_nothing(here, request_of, code, said, command):
    args = request_of(here)
    before = tree(here)
    check_error(command("convert", "ddti", *args), code, said)
    assert tree(here) == before


def test_an_unknown_dataset_is_refused_with_those_that_there_are(here, command):
    before = tree(here)
    check_error(command("convert", "ddtj", "raw"), 2, "'ddtj'", "ddti")
    check_error(command("card", "ddtj"), 2, "'ddtj'", "ddti")
    assert tree(here) == before


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["ddti"],
        ["ddti", "raw", "more"],
        ["ddti", "raw", "--workers", "0"],
        ["ddti", "raw", "--workers", "many"],
        ["ddti", "raw", "--max-skipped", "2"],
        ["ddti", "raw", "--max-skipped", "nan"],
        ["ddti", "raw", "--max-skipped", "-0.1"],
        ["ddti", "raw", "--seed", "x"],
        ["ddti", "raw", "--no-such-option"],
    ],
)
def test_wrong_usage_exits_2(here, args, command):
    before = tree(here)
    ran = command("convert", *args)
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err
    assert tree(here) == before


@pytest.mark.parametrize(
    "options",
    [{"workers": 0}, {"workers": -1}, {"max_skipped": -0.1}, {"max_skipped": float("nan")}, {"on_error": ""}],
)
def test_wrong_arguments_are_refused_in_python_as_well(here, options):
    before = tree(here)
    with pytest.raises(UsageError) as caught:
        thyrodata.convert("ddti", "raw", **options)
    assert caught.value.hint
    assert tree(here) == before


def test_no_error_of_the_interpreter_reaches_the_user(here, command):
    """Errors are printed without a traceback, and with one for who asks for it."""
    check_error(command("convert", "ddti", "missing"), 1)
    with pytest.raises(RawLayoutError):
        command("--debug", "convert", "ddti", "missing")


# ---------------------------------------------------------------- what cannot be read


def spoil(here, name="3.xml"):
    (here / "raw" / name).write_bytes(b"<case><number>3</number>")


def test_by_default_the_first_bad_item_ends_the_run(here, command):
    spoil(here)
    ran = command("convert", "ddti", "raw")
    check_error(ran, 1, "where: 3.xml")
    assert not (here / "ddti").exists()
    check_error(command("convert", "ddti", "raw"), 1, "where: ddti.partial", "--resume", "--overwrite")


def test_a_mended_source_is_another_source(here, release, command):
    spoil(here)
    command("convert", "ddti", "raw")
    shutil.copy(release / "3.xml", here / "raw" / "3.xml")
    check_error(command("convert", "ddti", "raw", "--resume"), 1, "source", "--overwrite")
    assert command("convert", "ddti", "raw", "--overwrite").code == 0
    assert {path.name for path in here.iterdir()} == {"raw", "ddti"}


def test_too_many_skips_publish_nothing_and_a_larger_share_resumes(here, command):
    spoil(here)
    ran = command("convert", "ddti", "raw", "--on-error", "skip")
    check_error(ran, 1, "1 of 12 items", "where: ddti.partial", "--max-skipped", "--resume")
    assert not (here / "ddti").exists()
    where = re.search("where: (.*)", ran.err)[1]
    assert "3.xml" in Path(where).read_text()
    again = ["convert", "ddti", "raw", "--resume", "--on-error", "skip"]
    check_error(command(*again), 1, "1 of 12 items")
    ran = command(*again, "--max-skipped", "0.2", "--json")
    assert ran.code == 0
    said = json.loads(ran.out)
    assert [skip["item"] for skip in said["skips"]] == ["3.xml"]
    assert said["manifest"]["skips"] == 1
    assert {path.name for path in here.iterdir()} == {"raw", "ddti"}
    dataset = Dataset(here / "ddti")
    assert dataset.verify() == ()
    assert not any(found.group_id == "ddti/3" for found in dataset.records())
    (line,) = (here / "ddti" / "reports" / "skipped.jsonl").read_text().splitlines()
    skip = json.loads(line)
    assert skip["files"][0] == "3.xml"
    assert all(skip[name] for name in ("reason", "where", "hint"))


def test_what_a_raised_error_stopped_can_be_resumed_by_skipping(here, command, tmp_path):
    spoil(here)
    assert command("convert", "ddti", "raw").code == 1
    options = ["--on-error", "skip", "--max-skipped", "0.1"]
    assert command("convert", "ddti", "raw", "--resume", *options).code == 0
    assert command("convert", "ddti", "raw", "-o", tmp_path / "at once", *options).code == 0
    assert lossless(here / "ddti") == lossless(tmp_path / "at once")


def test_where_nothing_can_be_read_nothing_is_published(here, command):
    for file in (here / "raw").glob("*.xml"):
        spoil(here, file.name)
    ran = command("convert", "ddti", "raw", "--on-error", "skip", "--max-skipped", "1")
    check_error(ran, 1, "no image could be read", "where: ddti.partial")
    assert not (here / "ddti").exists()


def test_a_stray_file_is_an_error_or_a_skip(here, command):
    (here / "raw" / "notes.txt").write_bytes(b"notes")
    check_error(command("convert", "ddti", "raw"), 1, "where: notes.txt", "--on-error skip")
    assert not (here / "ddti").exists()
    options = ["--on-error", "skip", "--max-skipped", "0.1", "--overwrite"]
    ran = command("convert", "ddti", "raw", *options)
    assert ran.code == 0
    assert "skipped notes.txt" in ran.out
    assert re.search(r"items skipped\s+1\b", ran.out)
    assert len(list(Dataset(here / "ddti").records())) == 14


def test_the_errors_are_those_of_the_docstring(here):
    spoil(here)
    with pytest.raises(CaseError) as caught:
        thyrodata.convert("ddti", "raw")
    assert caught.value.where.startswith("3.xml")
    with pytest.raises(OutputError):
        thyrodata.convert("ddti", "raw")
    assert issubclass(CaseError, ThyrodataError)


# ---------------------------------------------------------------- overwriting


def test_a_dataset_is_overwritten_whole(here, command):
    assert command("convert", "ddti", "raw").code == 0
    first = lossless(here / "ddti")
    (here / "ddti" / "more.txt").write_bytes(b"")
    check_error(command("convert", "ddti", "raw"), 1, "the output exists", "--overwrite")
    assert command("convert", "ddti", "raw", "--overwrite").code == 0
    assert lossless(here / "ddti") == first
    assert {path.name for path in here.iterdir()} == {"raw", "ddti"}


def test_a_failed_overwrite_leaves_the_old_dataset(here, command):
    assert command("convert", "ddti", "raw").code == 0
    first = contents(here / "ddti")
    spoil(here)
    check_error(command("convert", "ddti", "raw", "--overwrite"), 1, "where: 3.xml")
    assert contents(here / "ddti") == first


def test_an_empty_folder_is_room_for_a_dataset(here, command):
    (here / "out").mkdir()
    assert command("convert", "ddti", "raw", "-o", "out").code == 0
    assert Dataset(here / "out").verify() == ()


# ---------------------------------------------------------------- what is printed


def test_the_table_at_the_end_holds_the_numbers(here, command):
    ran = command("convert", "ddti", "raw")
    assert (ran.code, ran.err) == (0, "")
    dataset = Dataset(here / "ddti")
    manifest = dataset.manifest
    for words, n in {
        "groups: cases": 12,
        "images": 14,
        "with an outline": manifest.count("outlined-images"),
        "findings: nodule": manifest.count("findings", "nodule"),
        "items skipped": 0,
        "remarks": 0,
    }.items():
        assert re.search(rf"{words}\s+{n}\b", ran.out), words
    for scheme in ("tirads-kwak", "ddti-composition", "ddti-margins"):
        assert scheme in ran.out
    for part, counted in dataset.split_report()["balance"]["parts"].items():
        assert re.search(rf"{part}\s+{counted['images']}\s+{counted['groups']}\b", ran.out)
    assert "case-grouped" in ran.out
    assert "patient-grouped" not in ran.out
    assert "one patient may be in several parts" in ran.out
    for place in ("records.parquet", "images", "annotations/default", "README.md"):
        assert f"ddti/{place}" in ran.out


def test_json_holds_the_counts(here, command):
    ran = command("convert", "ddti", "raw", "--json")
    assert (ran.code, ran.err) == (0, "")
    said = json.loads(ran.out)
    assert (said["name"], said["out"], said["items"], said["images"]) == ("ddti", "ddti", 12, 14)
    assert said["skips"] == []
    counts = {(count["what"], count["value"]): count["n"] for count in said["manifest"]["counts"]}
    assert counts["groups", "case"] == 12
    assert counts["images", "ultrasound"] == 14
    assert said["splits"]["default"]["balance"]["whole"]["images"] == 14
    assert json.loads(command("info", "ddti", "--json").out).items() <= said.items()


def test_quiet_prints_nothing(here, command):
    ran = command("convert", "ddti", "raw", "--quiet")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert Dataset(here / "ddti").verify() == ()


def test_quiet_still_prints_errors(here, command):
    check_error(command("convert", "ddti", "missing", "--quiet"), 1)


def test_a_dry_run_says_what_would_be_written_and_writes_nothing(here, command):
    before = tree(here)
    size = sum(path.stat().st_size for path in (here / "raw").glob("*.jpg"))
    ran = command("convert", "ddti", "raw", "--dry-run")
    assert (ran.code, ran.err) == (0, "")
    assert "14 images of 12 items" in ran.out
    assert f"{size / 1e6:.1f} MB" in ran.out
    said = json.loads(command("convert", "ddti", "raw", "--dry-run", "--json").out)
    assert (said["images"], said["items"], said["image_bytes"], said["dry_run"]) == (14, 12, size, True)
    assert tree(here) == before


def test_a_dry_run_finds_what_cannot_be_read(here, command):
    spoil(here)
    before = tree(here)
    check_error(command("convert", "ddti", "raw", "--dry-run"), 1, "where: 3.xml")
    ran = command("convert", "ddti", "raw", "--dry-run", "--on-error", "skip")
    assert ran.code == 0
    assert "skipped 3.xml" in ran.out
    assert tree(here) == before
