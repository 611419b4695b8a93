"""Splits of datasets: what is kept together, balanced and refused, and that audits find leaks."""

from __future__ import annotations

import csv
import hashlib
import json
import random
from collections import defaultdict

import pytest

from tests.contract.run import contents
from tests.fixtures.ddti import make as quirks
from tests.toy import finding, graded, make_dataset, record
from thyrodata.conversion import convert
from thyrodata.dataset import Dataset
from thyrodata.errors import CaseError, DatasetError, SplitError, ThyrodataError, UsageError
from thyrodata.partition import (
    SplitPlan,
    add_split,
    audit_dataset,
    check_kind,
    parse_kind,
    parse_ratios,
    plan_split,
)
from thyrodata.schema.geometry import Box
from thyrodata.schema.record import Label, OfficialSplit
from thyrodata.schema.vocab import GroupKind, TiradsEu

SEEDS = range(20)
HALVES = {"train": 0.5, "test": 0.5}
SUSPICIOUS = {"4a", "4b", "4c", "5"}
"""TI-RADS of Kwak from 4a on."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of quirks, converted; 2_1 and 17_1, of two cases, are the same bytes. Only to be read."""
    folder = tmp_path_factory.mktemp("quirks")
    quirks.make(folder / "raw")
    return convert("ddti", folder / "raw", folder / "ddti").dataset


def parts_of(dataset, name):
    return {image_id: part for part, ids in dataset.split(name).items() for image_id in ids}


# ---------------------------------------------------------------- the identity


def test_a_split_by_patient_is_refused_where_cases_are_published(copied, command):
    before = contents(copied)
    with pytest.raises(SplitError, match="does not name patients: what it names is the case") as caught:
        add_split(Dataset(copied), SplitPlan(name="mine", by=GroupKind.PATIENT))
    assert "case" in caught.value.hint
    ran = command("split", "make", copied, "--name", "mine", "--by", "patient")
    assert (ran.code, ran.out) == (1, "")
    assert "case" in ran.err
    assert contents(copied) == before


def test_a_conversion_by_patient_is_refused_before_anything_is_read(release, tmp_path, command):
    ran = command("convert", "ddti", release, "-o", tmp_path / "out", "--by", "patient")
    assert (ran.code, ran.out) == (1, "")
    assert "case" in ran.err
    assert "hint: " in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("by", ["nodule", "clip", "image"])
def test_a_split_by_a_finer_identity_is_refused(copied, by, command):
    ran = command("split", "make", copied, "--name", "mine", "--by", by)
    assert (ran.code, ran.out) == (1, "")
    assert "case" in ran.err


def test_naming_the_published_identity_changes_nothing(whole):
    survey = whole.survey()
    named = plan_split(survey, SplitPlan(by=GroupKind.CASE, seed=3))
    assert named.split == plan_split(survey, SplitPlan(seed=3)).split
    assert named.kinds == (GroupKind.CASE,)


def test_patients_may_be_asked_for_where_they_are_published():
    check_kind(GroupKind.PATIENT, [GroupKind.PATIENT])
    check_kind(None, GroupKind)
    with pytest.raises(SplitError):
        check_kind(GroupKind.PATIENT, [GroupKind.PATIENT, GroupKind.CASE])


def test_an_unknown_identity_is_refused(copied, command):
    assert [parse_kind(kind.value) for kind in GroupKind] == list(GroupKind)
    with pytest.raises(UsageError, match="'person'") as caught:
        parse_kind("person")
    assert "patient" in caught.value.hint
    assert command("split", "make", copied, "--name", "mine", "--by", "person").code == 2


# ---------------------------------------------------------------- ratios


@pytest.mark.parametrize(
    ("text", "ratios"),
    [
        (None, None),
        ("70/15/15", {"train": 0.7, "val": 0.15, "test": 0.15}),
        ("1/1/2", {"train": 0.25, "val": 0.25, "test": 0.5}),
        ("0.6/0.2/0.2", {"train": 0.6, "val": 0.2, "test": 0.2}),
        ("train=0.8,test=0.2", {"train": 0.8, "test": 0.2}),
        ("a=.5, b=.25 ,c=0.25", {"a": 0.5, "b": 0.25, "c": 0.25}),
    ],
)
def test_ratios(text, ratios):
    assert parse_ratios(text) == (ratios if ratios is None else pytest.approx(ratios))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "70",
        "70/30",
        "70/15/10/5",
        "70/15/15/",
        "70:15:15",
        "a/b/c",
        "0/0/0",
        "1/-1/0",
        "nan/1/1",
        "inf/1/1",
        "-1/1/1",
        "1e308/1e308/1",
        "0/1/1",
        "train=0.8",
        "train=1",
        "train=0.8,test=0.3",
        "train=0.8,train=0.2",
        "train=0.8,test",
        "train=0.8,test=0.2,",
        "train=0.8=0.2",
        "train=nan,test=0.2",
        "train=1.2,test=-0.2",
        "=0.8,test=0.2",
        "Train=0.8,test=0.2",
        "a/b=0.8,test=0.2",
        "excluded=0.8,test=0.2",
        "train=80,test=20",
    ],
)
def test_bad_ratios_are_refused(copied, text, command):
    before = contents(copied)
    with pytest.raises(UsageError) as caught:
        add_split(Dataset(copied), SplitPlan(name="mine", ratios=parse_ratios(text)))
    assert caught.value.message
    ran = command("split", "make", copied, "--name", "mine", f"--ratios={text}")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert contents(copied) == before


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("name", ["default", "official", "official-fold0"])
def test_a_name_that_is_there_or_kept_is_refused(copied, name):
    before = contents(copied)
    with pytest.raises(SplitError, match=name) as caught:
        add_split(Dataset(copied), SplitPlan(name=name))
    assert caught.value.hint
    assert contents(copied) == before


@pytest.mark.parametrize("name", ["", ".", "../up", "a/b", "/abs", "Mine", "my split", "a\n", "-x"])
def test_a_name_that_is_none_is_refused(copied, name):
    before = contents(copied.parent)
    with pytest.raises(UsageError) as caught:
        add_split(Dataset(copied), SplitPlan(name=name))
    assert caught.value.hint
    assert contents(copied.parent) == before


def test_a_split_is_added_with_its_account_and_coco(copied):
    dataset = Dataset(copied)
    before = contents(copied)
    made = add_split(dataset, SplitPlan(name="mine", ratios=HALVES, seed=4))
    added = set(contents(copied)) - set(before)
    assert added == {
        "splits/mine.csv",
        "splits/mine.json",
        "annotations/mine/instances_test.json",
        "annotations/mine/instances_train.json",
    }
    assert dataset.verify() == ()
    assert dataset.splits == ("default", "mine")
    assert dataset.split_report("mine") == made.to_json()
    assert parts_of(dataset, "mine") == {row.image_id: row.part for row in made.split.assignments}
    assert audit_dataset(dataset, "mine") == ()


def test_a_dry_run_says_the_same_and_writes_nothing(copied):
    before = contents(copied)
    plan = SplitPlan(name="mine", folds=3)
    dry = add_split(Dataset(copied), plan, dry_run=True)
    assert contents(copied) == before
    assert add_split(Dataset(copied), plan).split == dry.split


def test_a_split_by_hand_is_that_of_the_conversion(copied):
    dataset = Dataset(copied)
    add_split(dataset, SplitPlan(name="again", seed=0))
    assert dataset.split("again") == dataset.split("default")


# ---------------------------------------------------------------- what is balanced


def two_scales():
    """Four cases by Kwak, two of them in two images, and three by EU-TIRADS: four images each."""
    eu = (Label(value=TiradsEu.EU5),)
    kwak = [record(f"k{n}", group=f"k{n}", case_labels=graded("4a")) for n in range(4)]
    both = [record(f"e{n}", group=f"e{n // 2}", image_labels=eu) for n in range(6)]
    return [*kwak, *both, record("n")]


def test_the_scale_that_grades_most_groups_is_balanced(tmp_path):
    dataset = make_dataset(tmp_path / "d", two_scales())
    assert plan_split(dataset.survey(), SplitPlan()).scheme == "tirads-kwak"
    asked = plan_split(dataset.survey(), SplitPlan(stratify="tirads-eu"))
    assert asked.scheme == "tirads-eu"
    assert asked.to_json()["balance"]["whole"]["groups_per_grade"] == {"5": 3}


def test_a_scale_that_nothing_has_is_refused(tmp_path, command):
    dataset = make_dataset(tmp_path / "d", two_scales())
    for scheme in ("bethesda", "no-such-scale", "ddti-margins"):
        with pytest.raises(UsageError, match=scheme) as caught:
            add_split(dataset, SplitPlan(name="mine", stratify=scheme))
        assert "tirads-eu, tirads-kwak" in caught.value.hint
    assert command("split", "make", dataset.path, "--name", "mine", "--stratify", "bethesda").code == 2
    assert dataset.splits == ()


def test_where_nothing_is_graded_nothing_is_balanced(tmp_path):
    dataset = make_dataset(tmp_path / "d", [record(name) for name in "abcd"])
    made = add_split(dataset, SplitPlan(name="mine", ratios=HALVES))
    assert made.scheme is None
    assert made.split.balance.whole.labelled_groups == 0
    with pytest.raises(UsageError, match="graded"):
        plan_split(dataset.survey(), SplitPlan(stratify="tirads-kwak"))


def test_the_grade_of_a_group_is_the_highest_said_at_any_scope(tmp_path):
    said = [
        record("a", group="p", case_labels=graded("2")),
        record("b", finding("1", Box(x=1, y=1, width=2, height=2), labels=graded("4c")), group="p"),
        record("c", group="q", case_labels=graded("2"), image_labels=graded("3")),
    ]
    made = plan_split(make_dataset(tmp_path / "d", said).survey(), SplitPlan(ratios=HALVES))
    grades = made.to_json()["balance"]["whole"]["groups_per_grade"]
    assert {grade: n for grade, n in grades.items() if n} == {"3": 1, "4c": 1}


# ---------------------------------------------------------------- official splits


def official():
    parts = {"a": "train", "b": "train", "c": "test", "d": "test"}
    return [
        record(
            name,
            finding("1", Box(x=1, y=1, width=2, height=2)),
            group="p" if name in "bc" else name,
            official_splits=(
                OfficialSplit(part=part),
                *([OfficialSplit(name="fold0", part="val")] if name != "d" else []),
            ),
        )
        for name, part in parts.items()
    ]


def test_official_splits_are_written_as_they_are_published(tmp_path):
    dataset = make_dataset(tmp_path / "d", official())
    assert dataset.splits == ("official", "official-fold0")
    assert dataset.split("official") == {"train": ("toy/a", "toy/b"), "test": ("toy/c", "toy/d")}
    assert dataset.split("official-fold0") == {"val": ("toy/a", "toy/b", "toy/c")}
    assert dataset.split_report("official")["made"] == "as the source publishes it"
    for split in dataset.splits:
        found = {path.name for path in (dataset.path / "annotations" / split).iterdir()}
        assert found == {f"instances_{part}.json" for part in dataset.split(split)}
    assert dataset.verify() == ()


def test_an_official_split_that_leaks_fails_the_audit_and_is_not_mended(tmp_path, command):
    dataset = make_dataset(tmp_path / "d", official())
    (crossing,) = audit_dataset(dataset, "official")
    assert crossing.code == "crosses-parts"
    assert crossing.image_ids == ("toy/b", "toy/c")
    assert command("split", "audit", dataset.path).code == 1
    assert dataset.split("official")["train"] == ("toy/a", "toy/b")


def test_official_splits_are_locked(tmp_path):
    dataset = make_dataset(tmp_path / "d", official())
    before = contents(dataset.path)
    for name in ("official", "official-fold0", "official-fold1", "officially"):
        with pytest.raises(SplitError, match=name):
            add_split(dataset, SplitPlan(name=name))
    assert contents(dataset.path) == before


# ---------------------------------------------------------------- links and extensions


def test_linked_images_stay_together(copied, tmp_path):
    dataset = Dataset(copied)
    parts = dataset.split("default")
    linked = (parts["train"][0], parts["test"][0])
    links = tmp_path / "links.csv"
    links.write_text("image_id,cluster\n" + "".join(f"{image_id},twins\n" for image_id in linked))
    (crossing,) = audit_dataset(dataset, "default", links)
    assert set(linked) <= set(crossing.image_ids)
    made = add_split(dataset, SplitPlan(name="linked", links=links))
    part_of = parts_of(dataset, "linked")
    assert part_of[linked[0]] == part_of[linked[1]]
    assert audit_dataset(dataset, "linked", links) == ()
    assert [join.why for join in made.split.joins] == ["link twins"]


def test_an_earlier_split_is_extended(tmp_path):
    small = make_dataset(tmp_path / "small", [record(f"{n}") for n in range(6)])
    add_split(small, SplitPlan(name="mine", ratios=HALVES, seed=7))
    large = make_dataset(tmp_path / "large", [record(f"{n}") for n in range(12)])
    earlier = small.split_file("mine")
    add_split(large, SplitPlan(name="mine", ratios=HALVES, extend=earlier))
    old, new = parts_of(small, "mine"), parts_of(large, "mine")
    assert {image_id: new[image_id] for image_id in old} == old
    assert len(new) == 12


@pytest.mark.parametrize(
    "text",
    [
        None,
        b"",
        b"image_id,cluster\n",
        b"image_id,cluster\nddti/none-such,a\n",
        b"image_id,group_id,part\n",
        b"image_id,group_id,part\nddti/1_1,ddti/1,train",
        b"image_id,group_id,part\nddti/1_1,ddti/1,elsewhere\n",
        b"\xff\xfe",
        b'image_id,cluster\n"a,b\n',
        b"image_id,cluster\0\n",
    ],
)
@pytest.mark.parametrize("option", ["--links", "--extend"])
def test_bad_files_are_refused(copied, tmp_path, text, option, command):
    file = tmp_path / "given.csv"
    if text is not None:
        file.write_bytes(text)
    before = contents(copied)
    ran = command("split", "make", copied, "--name", "mine", option, file)
    assert ran.code == 1
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert "Traceback" not in ran.err
    assert contents(copied) == before
    field = option.removeprefix("--")
    with pytest.raises((SplitError, CaseError)):
        add_split(Dataset(copied), SplitPlan(name="mine", **{field: file}))


# ---------------------------------------------------------------- audit


def move(dataset, image_id, part):
    """Put one image of a split into another part."""
    file = dataset.split_file("default")
    with file.open(newline="") as stream:
        rows = list(csv.reader(stream))
    changed = [[*row[:2], part if row[0] == image_id else row[2]] for row in rows]
    file.write_text("".join(",".join(row) + "\n" for row in changed))


def pair(dataset):
    """Two images of one case."""
    groups = defaultdict(list)
    for found in dataset.records():
        groups[found.group_id].append(found.image_id)
    return next(ids for ids in groups.values() if len(ids) > 1)


def test_a_case_that_crosses_parts_is_found(copied, command):
    dataset = Dataset(copied)
    assert audit_dataset(dataset, "default") == ()
    one, other = pair(dataset)
    here = parts_of(dataset, "default")[one]
    move(dataset, other, "test" if here != "test" else "train")
    (leak,) = audit_dataset(dataset, "default")
    assert leak.code == "crosses-parts"
    assert set(leak.image_ids) == {one, other}
    ran = command("split", "audit", copied, "--json")
    assert ran.code == 1
    assert set(json.loads(ran.out)["default"][0]["image_ids"]) == {one, other}


def test_byte_identical_images_of_two_cases_that_cross_parts_are_found(whole, tmp_path):
    twins = ("ddti/17_1", "ddti/2_1")
    part_of = parts_of(whole, "default")
    assert part_of[twins[0]] == part_of[twins[1]]
    assert audit_dataset(whole, "default") == ()
    copy = make_dataset(tmp_path / "d", whole.records(), images_of(whole))
    (copy.path / "splits").mkdir()
    (copy.path / "splits" / "default.csv").write_bytes(whole.split_file("default").read_bytes())
    move(copy, twins[0], "test" if part_of[twins[0]] != "test" else "train")
    (leak,) = audit_dataset(copy, "default")
    assert leak.code == "crosses-parts"
    assert set(leak.image_ids) == set(twins)


def images_of(dataset):
    return {found.image.path: dataset.image_bytes(found) for found in dataset.records()}


def test_images_without_a_part_and_rows_without_an_image_are_found(copied):
    dataset = Dataset(copied)
    file = dataset.split_file("default")
    header, first, *rest = file.read_text().splitlines(keepends=True)
    file.write_text("".join([header, *rest, "ddti/unknown,ddti/x,train\n"]))
    leaks = {leak.code: leak.image_ids for leak in audit_dataset(dataset, "default")}
    assert leaks.pop("unassigned") == (first.split(",")[0],)
    assert leaks.pop("unknown-image") == ("ddti/unknown",)
    assert set(leaks) <= {"crosses-parts"}


def test_an_unknown_split_is_refused(copied, command):
    with pytest.raises(DatasetError, match="none-such"):
        audit_dataset(Dataset(copied), "none-such")
    assert command("split", "audit", copied, "--name", "none-such").code == 1


def test_every_error_of_a_split_is_one_of_ours(copied):
    plans = [SplitPlan(name="m", folds=1), SplitPlan(name="m", folds=99), SplitPlan(name="m", ratios={})]
    for plan in [*plans, SplitPlan(name="m", folds=2, ratios=HALVES)]:
        with pytest.raises(ThyrodataError):
            add_split(Dataset(copied), plan)
    assert Dataset(copied).splits == ("default",)


# ---------------------------------------------------------------- the promise


def prevalence(groups):
    """Labelled groups, and how many of them have TI-RADS 4a or more; the grade is a group's highest."""
    labelled = [grades for grades in groups.values() if grades]
    return len(labelled), sum(bool(grades & SUSPICIOUS) for grades in labelled)


def grades_by_part(records, part_of):
    """What is said of each group, by part; by None of all."""
    found = defaultdict(lambda: defaultdict(set))
    for image in records:
        said = [label.value for label in image.case_labels if label.value.scheme == "tirads-kwak"]
        for part in (part_of[image.image_id], None):
            found[part][image.group_id].update(term.value for term in said)
    return found


def check_balance(records, part_of, points):
    """Each part's prevalence is within so many points of the whole's, or within one group."""
    found = grades_by_part(records, part_of)
    labelled, suspicious = prevalence(found.pop(None))
    whole = suspicious / labelled
    assert 0 < whole < 1
    assert set(found) == {"train", "val", "test"}
    for part, groups in found.items():
        inside, high = prevalence(groups)
        assert abs(high / inside - whole) <= max(points, 1 / inside), part


def check_together(part_of, key_of):
    """What has one key is in one part."""
    parts = defaultdict(set)
    for image_id, part in part_of.items():
        parts[key_of[image_id]].add(part)
    assert all(len(found) == 1 for found in parts.values())
    assert len(parts) < len(part_of)


@pytest.fixture(scope="module")
def sample(samples, tmp_path_factory):
    return convert("ddti", samples / "ddti", tmp_path_factory.mktemp("sample") / "ddti", workers=1).dataset


def test_splits_of_the_published_sample_are_balanced_and_do_not_leak(sample, samples):
    """Over twenty seeds, by the files' own names and bytes."""
    survey, records = sample.survey(), list(sample.records())
    names = {found.image_id: found.image_id.removeprefix("ddti/") for found in records}
    case_of = {image_id: name.split("_")[0] for image_id, name in names.items()}
    bytes_of = {
        image_id: hashlib.md5((samples / "ddti" / f"{name}.jpg").read_bytes()).hexdigest()  # noqa: S324
        for image_id, name in names.items()
    }
    made = set()
    for seed in SEEDS:
        rows = plan_split(survey, SplitPlan(seed=seed)).split.assignments
        part_of = {row.image_id: row.part for row in rows}
        assert set(part_of) == set(names)
        check_together(part_of, case_of)
        check_together(part_of, bytes_of)
        check_balance(records, part_of, points=0.02)
        made.add(rows)
    assert len(made) == len(SEEDS)


def test_the_default_split_of_the_published_sample(sample):
    assert audit_dataset(sample, "default") == ()
    shares = {part: len(ids) / 360 for part, ids in sample.split().items()}
    assert shares == pytest.approx({"train": 0.70, "val": 0.15, "test": 0.15}, abs=0.02)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """5,000 cases of one to three images; a fifth of them is not graded."""
    draw = random.Random(0)  # noqa: S311 -- nothing is secret here
    records = []
    for case in range(5000):
        grade = draw.choices([None, "2", "3", "4a", "4b", "4c", "5"], (20, 10, 20, 20, 15, 10, 5))[0]
        records += [
            record(f"{case}_{k}", group=f"{case}", case_labels=graded(grade))
            for k in range(draw.choices((1, 2, 3), (6, 3, 1))[0])
        ]
    return make_dataset(tmp_path_factory.mktemp("many") / "d", records)


@pytest.mark.slow
def test_splits_of_many_groups_are_balanced_within_a_point(many):
    survey, records = many.survey(), list(many.records())
    group_of = {found.image_id: found.group_id for found in records}
    for seed in SEEDS:
        part_of = {
            row.image_id: row.part for row in plan_split(survey, SplitPlan(seed=seed)).split.assignments
        }
        check_together(part_of, group_of)
        check_balance(records, part_of, points=0.01)
