"""The run of the rules: which are chosen, what is written, what is said when it cannot be finished."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tests.contract.run import contents
from tests.faults import FAULTS
from tests.faults.labels import BENIGN, MALIGNANT
from tests.faults.model import image_record, nodule
from tests.toy import make_dataset
from thyrodata.cli.qc import app
from thyrodata.cli.quality import LISTED, print_duplicates
from thyrodata.conversion import convert
from thyrodata.curation.duplicates import Duplicates
from thyrodata.curation.qc import ACCOUNT, ISSUES, run_qc
from thyrodata.dataset import HISTORY, Dataset
from thyrodata.errors import DatasetError, InterruptedRunError, UsageError
from thyrodata.partition import SplitPlan, add_split
from thyrodata.phantoms import PhantomSpec, jpeg_bytes, phantom
from thyrodata.qc.altered import Altered
from thyrodata.qc.rule import Reads, Severity
from thyrodata.qc.run import CHUNK, check_dataset
from thyrodata.qc.table import all_rules, choose_rules
from thyrodata.qc.views import Turn
from thyrodata.schema.geometry import Box
from thyrodata.schema.record import OfficialSplit

OUTSIDE = Box(x=540, y=100, width=80, height=60)
OWN = ["TD1", "TD4"]


@pytest.fixture
def faulty(tmp_path):
    """Forty records without images: every fourth with a box outside, two with an outline in a knot."""
    records = [
        image_record(f"{n:02d}", nodule(OUTSIDE)) if n % 4 == 0 else image_record(f"{n:02d}")
        for n in range(38)
    ]
    knots = [replace(FAULTS["TD107"].records[0], image_id=f"toy/knot{n}") for n in range(2)]
    return make_dataset(tmp_path / "d", [*records, *knots])


@pytest.fixture
def pictures(tmp_path):
    """Two faults of pixels and one picture that is broken."""
    records, images = [], {}
    for code in ("TD111", "TD112"):
        (record,), data = FAULTS[code].records, FAULTS[code].images["images/a.jpg"]
        image = replace(record.image, path=f"images/{code}.jpg")
        records.append(replace(record, image_id=f"toy/{code}", image=image))
        images[f"images/{code}.jpg"] = data
    records.append(image_record("broken", picture=b"no picture"))
    return make_dataset(tmp_path / "p", records, {**images, "images/broken.jpg": b"no picture"})


# ---------------------------------------------------------------- choosing


def chosen(select="", ignore=""):
    return [rule.code for rule in choose_rules(select.split(), ignore.split())]


def test_all_rules_are_chosen_unless_told_otherwise():
    assert chosen() == [rule.code for rule in all_rules()]


def test_the_longer_of_two_prefixes_holds_and_of_equal_ones_the_one_that_ignores():
    geometry = chosen("TD1")
    assert set(geometry) == {rule.code for rule in all_rules() if rule.code.startswith("TD1")}
    assert chosen("TD1", "TD101") == geometry[1:]
    assert chosen("TD101", "TD1") == ["TD101"]
    assert chosen("TD1 TD4", "TD1") == chosen("TD4")


@pytest.mark.parametrize(
    ("select", "ignore"), [("TD9", ""), ("", "X"), ("101", ""), ("TD1", "TD1"), ("TD101x", "")]
)
def test_a_code_of_no_rule_and_a_choice_of_none_are_refused(select, ignore):
    with pytest.raises(UsageError, match=r"begins with|is ignored"):
        chosen(select, ignore)


# ---------------------------------------------------------------- what is found and written


def test_what_is_found_is_written_beside_the_records_and_the_dataset_stays_whole(faulty):
    before = contents(faulty.path)
    report = run_qc(faulty, select=OWN)
    assert faulty.verify() == ()
    after = contents(faulty.path)
    assert {path for path in after if after[path] != before.get(path)} == {
        ISSUES,
        ACCOUNT,
        HISTORY,
        "SHA256SUMS",
    }
    table = pq.read_table(faulty.path / ISSUES)
    assert table.column_names == ["image_id", "finding_id", "code", "severity", "what", "hint", "score"]
    rows = table.to_pylist()
    assert [(row["image_id"], row["code"]) for row in rows] == [
        *((f"toy/{n:02d}", "TD101") for n in range(0, 38, 4)),
        ("toy/knot0", "TD107"),
        ("toy/knot1", "TD107"),
    ]
    assert rows[0]["score"] == 60.0
    assert len(report.issues) == len(rows)


def test_the_account_counts_what_the_table_holds(faulty):
    run_qc(faulty, select=OWN)
    account = json.loads((faulty.path / ACCOUNT).read_text())
    assert account["complete"] is True
    assert account["images"] == 40
    assert account["issues"] == {"error": 10, "warning": 0, "note": 2}
    counts = {rule["code"]: (rule["issues"], rule["images"]) for rule in account["rules"] if rule["issues"]}
    assert counts == {"TD101": (10, 10), "TD107": (2, 2)}
    assert len(account["images_not_read"]) == 40
    assert set(account["versions"]) >= {"thyrodata", "numpy"}


def test_a_second_run_takes_the_place_of_the_first_byte_by_byte(faulty):
    run_qc(faulty, select=OWN)
    first = contents(faulty.path)
    run_qc(faulty, select=OWN, workers=1)
    second = contents(faulty.path)
    assert {path for path in second if first[path] != second[path]} == {HISTORY}


def test_a_table_without_issues_has_the_same_columns(faulty, tmp_path):
    run_qc(faulty, select=OWN)
    some = pq.read_schema(faulty.path / ISSUES)
    clean = make_dataset(tmp_path / "clean", [image_record("a")])
    run_qc(clean, select=OWN)
    assert pq.read_table(clean.path / ISSUES).num_rows == 0
    assert pq.read_schema(clean.path / ISSUES) == some


def test_without_writing_the_report_is_the_same_and_nothing_is_written(faulty):
    before = contents(faulty.path)
    report = run_qc(faulty, select=OWN, write=False)
    assert contents(faulty.path) == before
    assert report.has(Severity.ERROR)
    assert report.issues == run_qc(faulty, select=OWN).issues


def test_a_picture_that_cannot_be_read_is_named_and_the_others_are_checked(pictures):
    report = run_qc(pictures, select=OWN)
    assert [issue.code for issue in report.issues] == ["TD111", "TD112"]
    (unread,) = report.checked.unread
    assert unread.image_id == "toy/broken"
    assert "not an image" in unread.why


def test_a_picture_of_another_size_or_gone_is_named(pictures):
    other = jpeg_bytes(phantom(PhantomSpec(seed=0, width=400)).pixels)
    (pictures.path / "images" / "TD111.jpg").write_bytes(other)
    (pictures.path / "images" / "TD112.jpg").unlink()
    checked = check_dataset(pictures, choose_rules(["TD1"]))
    assert {each.image_id: each.why for each in checked.unread}.keys() == {
        "toy/TD111",
        "toy/TD112",
        "toy/broken",
    }
    assert any("400 x 360" in each.why for each in checked.unread)


def test_rules_of_records_read_no_picture(pictures):
    assert check_dataset(pictures, choose_rules(["TD101"])).unread == ()


@pytest.mark.slow
def test_what_is_found_does_not_depend_on_the_workers(tmp_path):
    records, images = [], {}
    for n in range(2 * CHUNK + 5):
        code = ("TD111", "TD112", "TD107", "TD101")[n % 4]
        (record,) = FAULTS[code].records
        for data in FAULTS[code].images.values():
            record = replace(record, image=replace(record.image, path=f"images/{n}.jpg"))
            images[f"images/{n}.jpg"] = data
        records.append(replace(record, image_id=f"toy/{n}", group_id=f"toy/{n}"))
    dataset = make_dataset(tmp_path / "d", records, images)
    steps: list[tuple[int, int]] = []
    rules = [rule for rule in all_rules() if rule.reads is not Reads.TEXT]  # 69 pictures read twice: a minute
    one = check_dataset(dataset, rules, progress=lambda *step: steps.append(step))
    two = check_dataset(dataset, rules, workers=2)
    assert (one.issues, one.unread, one.complete) == (two.issues, two.unread, two.complete)
    assert {issue.code for issue in one.issues} >= {"TD111", "TD112", "TD107", "TD101"}
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]
    # Comparing, which takes longest, is said too: half of its steps are not one.
    comparing = [done for done, total in steps if len(records) < done < total - 1]
    assert len(comparing) >= 2 * len(records) / CHUNK


# ---------------------------------------------------------------- stopping


def test_a_run_that_is_stopped_writes_what_it_found_and_says_what_is_missing(faulty):
    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError, match=f"after {CHUNK} of 40 images") as stopped:
        run_qc(faulty, select=OWN, progress=stop)
    assert ACCOUNT in stopped.value.where
    assert faulty.verify() == ()
    account = json.loads((faulty.path / ACCOUNT).read_text())
    assert account["complete"] is False
    assert account["images_not_reached"] == 40 - CHUNK
    assert set(account["rules_not_run"]) == {
        rule.code for rule in choose_rules(OWN) if rule.reads.value == "dataset"
    }
    found = pq.read_table(faulty.path / ISSUES)["image_id"].to_pylist()
    assert found == [f"toy/{n:02d}" for n in range(0, CHUNK, 4)]


def test_a_run_that_is_stopped_without_writing_writes_nothing(faulty):
    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    before = contents(faulty.path)
    with pytest.raises(InterruptedRunError):
        run_qc(faulty, progress=stop, write=False)
    assert contents(faulty.path) == before


# ---------------------------------------------------------------- the commands


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--select", "TD101"], 1),
        (["--select", "TD107"], 0),
        (["--select", "TD107", "--fail-on", "note"], 1),
        (["--select", "TD107", "--fail-on", "warning"], 0),
        (["--select", "TD1,TD4", "--ignore", "TD101"], 0),
    ],
)
def test_the_exit_code_says_whether_an_issue_is_as_grave_as_asked(faulty, options, code):
    assert run("run", faulty.path, "--quiet", *options).exit_code == code


def test_the_command_prints_counts_examples_and_where_they_are_written(faulty):
    said = run("run", faulty.path, "--select", "TD1").output
    assert "TD101 toy/00 finding 1: the drawing reaches 60.0 px out" in said
    assert "TD101 and 7 more" in said
    assert "errors 10, warnings 0, notes 2" in said
    assert "40 images could not be read, toy/00 first: there is no image file" in said
    assert "reports/qc.parquet" in said


def test_a_dry_run_of_the_command_writes_nothing_and_gives_json(faulty):
    before = contents(faulty.path)
    said = json.loads(run("run", faulty.path, "--select", "TD101", "--dry-run", "--json").output)
    assert len(said["found"]) == 10
    assert said["found"][0]["severity"] == "error"
    assert contents(faulty.path) == before


def test_a_severity_that_is_none_is_refused(faulty):
    error = run("run", faulty.path, "--fail-on", "fatal").exception
    assert isinstance(error, UsageError)


def test_the_rules_are_listed_with_the_heading_that_documents_each():
    listed = json.loads(run("rules", "--json").output)
    assert [rule["code"] for rule in listed] == [rule.code for rule in all_rules()]
    assert listed[0]["docs"] == "docs/qc.md#td101-outside-the-image"
    assert "TD101" in run("rules").output
    assert "TD401" not in run("rules", "--select", "TD1").output


def test_a_score_that_is_not_stated_is_null(tmp_path):
    dataset = make_dataset(tmp_path / "d", FAULTS["TD102"].records)
    run_qc(dataset, select=["TD102"])
    assert pq.read_table(dataset.path / ISSUES)["score"].to_pylist() == [None]


@pytest.fixture
def twice(tmp_path):
    """Two cases that show one picture, and a third that does not."""
    fault = FAULTS["TD302"]
    picture = jpeg_bytes(phantom(PhantomSpec(seed=7)).pixels)
    records = [*fault.records, image_record("c", picture=picture)]
    return make_dataset(tmp_path / "d", records, {**fault.images, "images/c.jpg": picture})


def test_the_command_of_duplicates_prints_clusters_and_writes_nothing(twice):
    before = contents(twice.path)
    said = run("duplicates", twice.path).output
    assert "one picture: toy/a, toy/b\n" in said
    assert "groups joined: toy/a, toy/b\n" in said
    assert "3 images: pairs 1, clusters 1, of several groups 1\nnothing was written" in said
    assert contents(twice.path) == before


def test_the_links_of_duplicates_keep_them_in_one_part(twice, tmp_path):
    links = tmp_path / "links.csv"
    assert "written to" in run("duplicates", twice.path, "-o", links).output
    for seed in range(6):
        plan = SplitPlan(name="linked", ratios={"train": 0.5, "test": 0.5}, seed=seed, links=links)
        parts = {each.image_id: each.part for each in add_split(twice, plan, dry_run=True).split.assignments}
        assert parts["toy/a"] == parts["toy/b"]
        assert parts["toy/c"] != parts["toy/a"]


def test_duplicates_of_many_clusters_are_not_all_printed(capsys):
    pairs = tuple(
        Altered(image_ids=(f"toy/{n}", f"toy/{n}b"), turn=Turn.NONE, sizes=((9, 9), (5, 5)), correlation=1.0)
        for n in range(LISTED + 5)
    )
    clusters = tuple(pair.image_ids for pair in pairs)
    found = Duplicates(images=60, pairs=pairs, clusters=clusters, groups_joined=(), unread=("toy/z",))
    print_duplicates(found, None)
    said = capsys.readouterr().out
    assert said.count("one picture: toy/") == LISTED
    assert "one picture: 5 more" in said
    assert "25   scaled, turned, brightened or marked" in said
    assert "1 image could not be read, toy/z first" in said


def test_duplicates_and_shortcuts_are_given_as_json(twice):
    found = json.loads(run("duplicates", twice.path, "--json").output)
    assert found["clusters"] == [["toy/a", "toy/b"]]
    assert found["pairs"] == [{"image_ids": ["toy/a", "toy/b"], "how": "equal bytes"}]
    assert json.loads(run("shortcuts", twice.path, "--json").output)["targets"] == []
    assert run("duplicates", twice.path, "--quiet").output == ""


def test_the_command_of_shortcuts_says_a_sentence_for_each_label_and_split(tmp_path):
    """Of twelve cases the malignant ones are twice as wide; the test part has one alone."""
    records, images = [], {}
    for n in range(12):
        size = (320, 180) if n % 2 else (160, 180)
        picture = jpeg_bytes(phantom(PhantomSpec(seed=n, width=size[0], height=size[1])).pixels)
        images[f"images/{n}.jpg"] = picture
        label = MALIGNANT if n % 2 else BENIGN
        part = OfficialSplit(part="test" if n == 0 else "train")
        records.append(
            image_record(str(n), picture=picture, size=size, case_labels=(label,), official_splits=(part,))
        )
    dataset = make_dataset(tmp_path / "d", records, images)
    said = run("shortcuts", dataset.path, "--resamples", 200).output
    assert "label malignancy: what is no anatomy tells benign from malignant with AUC 1.00" in said
    assert "split official: too few groups or features to be audited\n" in said
    assert "the same in all images: " in said
    assert "intervals at 99%, over groups (case)" in said
    only = run("shortcuts", dataset.path, "--label", "malignancy", "--split", "none").exception
    assert isinstance(only, DatasetError)


@pytest.mark.slow
def test_copies_quality_and_privacy_of_the_ddti_sample(samples, tmp_path):
    """All were looked at and are real: 142_2 is a probe in air, and 294_3 is the frozen 294_2 once more."""
    dataset = convert("ddti", samples / "ddti", tmp_path / "ddti").dataset
    images = defaultdict(set)
    for issue in check_dataset(dataset, choose_rules(["TD3", "TD5", "TD6"])).issues:
        images[issue.code].add(issue.image_id.removeprefix("ddti/"))
    assert len(images.pop("TD507")) == 169
    assert images == {
        "TD301": {"1_2", "92_4", "213_2", "230_2", "234_3", "294_3"},
        "TD302": {"233_2"},
        "TD306": {"1_2", "92_4", "233_2"},
        "TD502": {"142_2"},
    }


def test_what_rules_of_files_cannot_read_is_listed(copied):
    """A copy of a broken file would not be found: that is said, also where no rule reads pixels."""
    broken, gone, *_ = Dataset(copied).records()
    whole = (copied / broken.image.path).read_bytes()
    (copied / broken.image.path).write_bytes(whole[: len(whole) // 2])
    (copied / gone.image.path).unlink()
    report = run_qc(copied, select=["TD301"], write=False)
    assert {each.image_id for each in report.checked.unread} == {broken.image_id, gone.image_id}
    report = run_qc(copied, select=["TD601"], write=False)
    assert {each.image_id for each in report.checked.unread} == {gone.image_id}


def test_without_copies_there_is_no_file_of_links(pictures, tmp_path):
    said = run("duplicates", pictures.path, "-o", tmp_path / "links.csv")
    assert (said.exit_code, "nothing was written" in said.output) == (0, True)
    assert not (tmp_path / "links.csv").exists()
