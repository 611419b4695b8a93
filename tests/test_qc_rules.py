"""The rules: each finds its own fault and no other, says nothing of what is right, and is documented."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults import FAULTS
from tests.faults.labels import BENIGN, CYTOLOGY_VI, MALIGNANT, SEVEN_POINTS
from tests.faults.model import disk, image_record, mask_of, nodule, outlined, pictured
from tests.strategies import image_records
from tests.toy import make_dataset
from thyrodata.echo import Doubt
from thyrodata.phantoms import PhantomSpec, jpeg_bytes, phantom
from thyrodata.qc.look import Look
from thyrodata.qc.rule import Reads, Rule, Severity
from thyrodata.qc.run import check_dataset
from thyrodata.qc.table import MODULES, all_rules
from thyrodata.schema.geometry import Box
from thyrodata.schema.record import Age, Label, Nodule, OfficialSplit, Patient
from thyrodata.schema.vocab import Basis, Bethesda, Malignancy, Modality, Sex, TiradsAcr

DOCS = Path(__file__).parents[1] / "docs" / "qc.md"


def codes(folder, records, images=None):
    checked = check_dataset(make_dataset(folder, records, images), all_rules())
    return [issue.code for issue in checked.issues]


def code_of(rule: Rule) -> str:
    return rule.code


# ---------------------------------------------------------------- the table


def test_the_codes_are_sorted_and_each_is_given_once():
    given_codes = [rule.code for rule in all_rules()]
    assert given_codes == sorted(set(given_codes))
    assert list(MODULES) == sorted(set(MODULES))


def test_the_headings_of_the_docs_are_the_rules():
    headings = re.findall(r"^#+ (TD\d\d\d .*)$", DOCS.read_text(), re.MULTILINE)
    assert headings == [f"{rule.code} {rule.title}" for rule in all_rules()]


def test_the_docs_say_how_grave_each_rule_is_and_what_it_reads():
    said = re.findall(r"^## (TD\d\d\d) .*\n\n\*(\w+), reads the (\w+)\.\*", DOCS.read_text(), re.MULTILINE)
    assert said == [(rule.code, rule.severity.value, rule.reads.value) for rule in all_rules()]


def test_an_issue_is_at_least_as_grave_as_itself_and_what_is_lighter():
    assert Severity.ERROR.is_at_least(Severity.NOTE)
    assert Severity.WARNING.is_at_least(Severity.WARNING)
    assert not Severity.NOTE.is_at_least(Severity.WARNING)


# ---------------------------------------------------------------- faults, and what is none


@pytest.mark.parametrize("rule", all_rules(), ids=code_of)
def test_a_rule_finds_its_own_fault_and_no_other_but_what_goes_with_it(rule, tmp_path):
    fault = FAULTS[rule.code]
    alike = rule.reads is Reads.TEXT or rule.code.startswith("TD2")  # reading each picture takes too long
    rules = [other for other in all_rules() if alike or other.reads is not Reads.TEXT]
    checked = check_dataset(make_dataset(tmp_path / "d", fault.records, fault.images), rules)
    assert [issue.code for issue in checked.issues] == sorted([rule.code, *fault.also])
    (issue,) = (issue for issue in checked.issues if issue.code == rule.code)
    assert issue.severity is rule.severity
    assert issue.hint
    assert not issue.what.endswith(".")


def test_few_faults_go_with_another():
    assert {code: fault.also for code, fault in FAULTS.items() if fault.also} == {
        "TD112": ("TD507",),  # the seam is that of a dual view
        "TD202": ("TD204",),  # the text over the echo is a label
        "TD303": ("TD302",),  # a picture in two parts is there twice, and so for the next two
        "TD306": ("TD301",),
        "TD307": ("TD302",),
        "TD412": ("TD204",),  # a label that contradicts is a label
    }


@pytest.mark.slow
@pytest.mark.parametrize("dual", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_clean_phantom_has_no_issue_but_that_it_is_a_dual_view(dual, seed, tmp_path):
    spec = PhantomSpec(seed=seed, dual=dual)
    drawn = phantom(spec)
    clean = pictured(
        spec,
        *outlined(drawn),
        patient=Patient(sex=Sex.FEMALE, age=Age(years=90, at_least=True)),
        case_labels=(BENIGN,),
        nodules=(
            Nodule(
                nodule_id="n",
                size_mm=(20.0, None),
                labels=(BENIGN, Label(value=Bethesda.II, edition="2023"), Label(value=TiradsAcr.TR5)),
                points=SEVEN_POINTS,
            ),
        ),
        spacing_mm=(0.1, 0.1),
    )
    assert codes(tmp_path / "d", clean.records, clean.images) == (["TD507"] if dual else [])


@pytest.mark.slow
def test_a_clean_dataset_of_several_cases_and_a_split_has_no_issue(tmp_path):
    records, images = [], {}
    for number in range(6):
        drawn = phantom(PhantomSpec(seed=number))
        case = number // 2
        part = OfficialSplit(part="test" if case == 0 else "train")
        picture = images[f"images/{number}.jpg"] = jpeg_bytes(drawn.pixels, rgb=number % 2 == 1)
        records.append(
            image_record(
                str(number), *outlined(drawn), picture=picture, group=f"c{case}", official_splits=(part,)
            )
        )
    assert codes(tmp_path / "d", records, images) == []


def test_a_gland_of_two_lobes_and_a_crowd_are_not_merged_nodules(tmp_path):
    two = mask_of(disk(x=150, radius=30), disk(x=350, radius=40))
    crowd = replace(nodule(two), crowd=True)
    gland = replace(nodule(two, finding_id="2"), structure=type(crowd.structure).GLAND)
    assert codes(tmp_path / "d", [image_record("a", crowd, gland)]) == []


def test_a_nodule_that_a_shadow_divides_is_one(tmp_path):
    pixels = disk()
    pixels[:, 276:284] = False
    assert codes(tmp_path / "d", [image_record("a", nodule(mask_of(pixels)))]) == []


def test_a_disk_that_only_touches_the_edge_is_not_cut(tmp_path):
    assert codes(tmp_path / "d", [image_record("a", nodule(mask_of(disk(x=49.5))))]) == []


def test_two_readers_may_draw_one_nodule(tmp_path):
    record = FAULTS["TD105"].records[0]
    first, second = record.findings
    readings = (*record.readings, replace(record.readings[0], reader="b"))
    second = replace(second, origin=replace(second.origin, reader="b"))
    told = replace(record, readings=readings, findings=(first, second))
    assert codes(tmp_path / "d", [told]) == []


def test_a_box_within_two_pixels_of_its_mask_is_its_extent(tmp_path):
    box = Box(x=228.5, y=131, width=103, height=98)
    assert codes(tmp_path / "d", [image_record("a", nodule(mask_of(disk()), box))]) == []


def test_the_wall_of_a_computed_tomograph_is_no_edge_of_echo(tmp_path):
    fault = FAULTS["TD112"]
    ct = replace(fault.records[0], modality=Modality.CT)
    assert codes(tmp_path / "d", [ct], fault.images) == []


SAID = {
    "a false negative of cytology": (("TD402",), (Label(value=Bethesda.II, edition="2017"), MALIGNANT)),
    "an indeterminate cytology": ((), (Label(value=Bethesda.IV, edition="2017"), BENIGN)),
    "cytology and histology that agree": ((), (CYTOLOGY_VI, MALIGNANT)),
    "cytology by malignancy": (
        ("TD402",),
        (Label(value=Malignancy.BENIGN, basis=Basis.CYTOLOGY), MALIGNANT),
    ),
    "one look and one histology": (
        (),
        (Label(value=Malignancy.BENIGN, basis=Basis.IMAGING), MALIGNANT),
    ),
    "two readers": (
        (),
        tuple(Label(value=level, reader=level.value) for level in (TiradsAcr.TR3, TiradsAcr.TR4)),
    ),
    "one grade twice": ((), (Label(value=TiradsAcr.TR3), Label(value=TiradsAcr.TR3))),
    "pathology without a basis": (
        ("TD402", "TD410"),
        (CYTOLOGY_VI, Label(value=Malignancy.BENIGN)),
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_labels_of_one_nodule_contradict_each_other_or_do_not(case, tmp_path):
    expected, labels = SAID[case]
    record = image_record("a", nodules=(Nodule(nodule_id="n", labels=labels),))
    assert codes(tmp_path / "d", [record]) == list(expected)


@pytest.mark.parametrize(
    ("points", "level", "found"),
    [((0, 0), 1, False), ((1, 0), 1, False), ((2, 0), 2, False), ((2, 1), 3, False), ((2, 2), 4, False),
     ((2, 3), 5, True), ((2, 0), 1, True), ((1, 0), 5, False)],
)  # fmt: skip
def test_points_are_held_against_the_chart_which_has_no_level_for_one_point(points, level, found, tmp_path):
    told = replace(SEVEN_POINTS, composition=points[0], echogenicity=points[1], shape=0)
    labels = (Label(value=TiradsAcr(f"TR{level}")),)
    record = image_record("a", nodules=(Nodule(nodule_id="n", points=told, labels=labels),))
    assert codes(tmp_path / "d", [record]) == (["TD404"] if found else [])


def test_what_is_said_of_a_case_with_each_of_its_images_is_one_issue(tmp_path):
    (record,) = FAULTS["TD401"].records
    again = [replace(record, image_id=f"toy/{n}", group_id="toy/c") for n in range(3)]
    assert codes(tmp_path / "d", again) == ["TD401"]


# ---------------------------------------------------------------- any record


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=60)
@given(record=image_records())
def test_a_rule_of_records_raises_nothing_on_any_valid_record(record):
    """What is found is of the record and its findings, and is the same the second time."""
    findings = {"", *(finding.finding_id for finding in record.findings)}
    for rule in all_rules():
        if rule.reads is Reads.RECORD:
            found = list(rule.issues(record))
            assert found == list(rule.issues(record))
            assert {issue.image_id for issue in found} <= {record.image_id}
            assert {issue.finding_id for issue in found} <= findings


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=5)
@given(records=st.lists(image_records(), min_size=1, max_size=4, unique_by=lambda record: record.image_id))
def test_a_rule_of_the_dataset_raises_nothing_on_any_valid_records(records, tmp_path_factory):
    """Images of one case with any labels are checked to the end, and each issue is of one of them."""
    group = records[0].group_id
    bare = [replace(each, group_id=group, image=replace(each.image, path=None)) for each in records]
    checked = check_dataset(make_dataset(tmp_path_factory.mktemp("any") / "d", bare), all_rules())
    assert checked.complete
    assert {issue.image_id for issue in checked.issues} <= {each.image_id for each in bare}


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=20)
@given(record=image_records(), seed=st.integers(0, 3), coloured=st.booleans(), deep=st.booleans())
def test_a_rule_of_pixels_raises_nothing_on_any_picture(record, seed, coloured, deep):
    """Noise, or one grey level, of any size is looked at without an error."""
    shape = (record.image.height, record.image.width, *([3] if coloured and not deep else []))
    levels = np.random.default_rng(seed).integers(0, 256, shape) if seed else np.zeros(shape)
    look = Look(record, levels.astype(np.uint16 if deep else np.uint8))
    for rule in all_rules():
        if rule.reads is Reads.PIXELS:
            list(rule.issues(look))


# ---------------------------------------------------------------- what a look sees


def test_the_seam_of_a_dual_view_is_found_and_a_single_view_has_none():
    for seed in range(4):
        for dual in (False, True):
            drawn = phantom(PhantomSpec(seed=seed, dual=dual))
            seam = Look(image_record("a"), drawn.pixels).seam
            middle = (drawn.echo_box[0] + drawn.echo_box[2]) / 2
            assert (seam is not None and abs(seam - middle) <= 4) is dual, (seed, dual, seam)


def test_a_look_is_grey_in_8_bits_of_whatever_is_stored():
    coloured = np.full((12, 16, 3), (255, 0, 0), np.uint8)
    assert Look(image_record("a"), coloured).grey[0, 0] == 76  # 0.299 of 255, ITU-R BT.601
    deep = np.full((12, 16), 0xAB12, np.uint16)
    look = Look(image_record("a"), deep)
    assert look.grey.dtype == np.uint8
    assert look.grey[0, 0] == 0xAB
    assert Look(image_record("a"), np.zeros((12, 16), np.uint8)).echo is Doubt.NONE
