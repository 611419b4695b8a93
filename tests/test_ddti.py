"""What is special to DDTI: cut texts, arrows, points outside, what is said of a case, odd values."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.run import convert
from tests.fixtures.ddti.make import CUTS, SVG_LIMIT, make
from thyrodata.converters.ddti import Ddti
from thyrodata.engine import OnError
from thyrodata.errors import CaseError
from thyrodata.io.raw import Raw
from thyrodata.phantoms import PhantomSpec, jpeg_bytes, phantom
from thyrodata.schema.geometry import Line, Polygon
from thyrodata.schema.record import Age, Label, Patient, SourceField
from thyrodata.schema.vocab import (
    Coverage,
    DdtiComposition,
    DdtiMargins,
    GroupKind,
    Malignancy,
    Sex,
    Structure,
    TiradsKwak,
)

WIDTH, HEIGHT = 160, 120
POINT = re.compile(r'\{"x":\s+(\d+),\s+"y":\s+(\d+)\}')
"""A vertex as the release writes it; lines may be wrapped at any of its spaces."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ddti") / "raw"
    make(folder)
    return folder


@pytest.fixture(scope="module")
def records(folder, tmp_path_factory):
    result = convert(Ddti(), folder, tmp_path_factory.mktemp("out"))
    return {record.image_id: record for record in result.records}


def svg_of(folder, case, image=1):
    text = (folder / f"{case}.xml").read_text()
    (svg,) = re.findall(rf"<image>{image}</image>\s*<svg>([^<]*)", text)
    return svg


def vertices(text):
    return tuple((float(x), float(y)) for x, y in POINT.findall(text))


def rings(record):
    """Return the outlines' vertices."""
    polygons = [g for f in record.findings for g in f.geometries if isinstance(g, Polygon)]
    assert all(len(polygon.parts) == 1 and not polygon.parts[0].holes for polygon in polygons)
    return [polygon.parts[0].exterior for polygon in polygons]


def codes(record):
    return [remark.code for remark in record.remarks]


# ---------------------------------------------------------------- cut texts


LOST = "region 2 and any after it are lost"
WHOLE_POINTS = "the points of region 2 are whole, any regions after it are lost"
WITHOUT_TYPE = f"{WHOLE_POINTS}; its type is lost too, and it is kept as an outline"


@pytest.mark.parametrize(
    ("case", "outlines", "lost"),
    [
        (4, 1, LOST),  # inside a number
        (5, 1, LOST),  # inside a key
        (6, 1, LOST),  # before a value
        (7, 2, WITHOUT_TYPE),  # right after the points
        (8, 2, WITHOUT_TYPE),  # inside "regionType", as in the release's cases 197 and 205
        (9, 2, WHOLE_POINTS),  # before the region's last brace
        (10, 2, "any further regions are lost"),
        (11, 2, "any further regions are lost"),
    ],
)
def test_what_is_whole_before_a_cut_is_kept_and_what_is_lost_is_said(folder, records, case, outlines, lost):
    svg, record = svg_of(folder, case), records[f"ddti/{case}_1"]
    assert len(svg) == SVG_LIMIT
    expected = [vertices(part) for part in svg.split('{"points"')[1:]]
    assert rings(record) == expected[:outlines]
    (remark,) = record.remarks
    assert remark.code == "outline-cut"
    assert remark.text == f"the release cuts the text at {SVG_LIMIT} characters; {lost}"
    assert record.coverage is Coverage.PARTIAL


def test_every_cut_of_the_fixture_is_expected_above(records):
    assert {record.group_id for record in records.values() if codes(record) == ["outline-cut"]} == {
        f"ddti/{case}" for case in CUTS
    }


@pytest.mark.parametrize("image", [1, 2])
def test_a_text_that_is_long_or_just_fits_is_whole(folder, records, image):
    svg, record = svg_of(folder, 12, image), records[f"ddti/12_{image}"]
    assert len(svg) == {1: 3100, 2: SVG_LIMIT}[image]
    assert rings(record) == [vertices(svg)]
    assert record.remarks == ()
    assert record.coverage is None


@pytest.fixture(scope="module")
def one_case(tmp_path_factory):
    """A folder with one image, for case files that a test writes."""
    folder = tmp_path_factory.mktemp("one")
    view = phantom(PhantomSpec(seed=1, height=HEIGHT, width=WIDTH))
    (folder / "1_1.jpg").write_bytes(jpeg_bytes(view.pixels, rgb=True))
    return folder


def read(folder, svg, **said):
    """Return the record of the one image, or raise what its converter raises."""
    fields = "".join(f"<{tag}>{text}</{tag}>" for tag, text in {"number": "1", **said}.items())
    mark = f"<mark><image>1</image><svg>{svg}</svg></mark>"
    (folder / "1.xml").write_text(f"<case>{fields}{mark}</case>")
    converter = Ddti()
    ((sample,),) = ([*converter.samples(item)] for item in converter.items(Raw(folder)))
    return sample.record


def regions_text(regions):
    return json.dumps(
        [
            {"points": [{"x": x, "y": y} for x, y in points], "annotation": {}, "regionType": kind}
            for points, kind in regions
        ]
    )


coordinates = st.tuples(st.integers(0, WIDTH), st.integers(0, HEIGHT))
outline = st.tuples(st.lists(coordinates, min_size=3, max_size=6), st.just("freehand"))
arrow = st.tuples(st.lists(coordinates, min_size=2, max_size=2), st.just("arrow"))
within_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@within_one_folder
@given(st.lists(outline | arrow, min_size=1, max_size=4), st.data())
def test_a_cut_anywhere_keeps_what_is_whole(one_case, regions, data):
    """Wherever a text is cut, what is whole before it is read as if it were not, and the cut is remarked."""
    whole = regions_text(regions)
    cut_at = data.draw(st.integers(1, len(whole) - 1))
    kept = read(one_case, whole).findings
    record = read(one_case, (SVG_LIMIT - cut_at) * " " + whole[:cut_at])
    points_ends = [end.end() for end in re.finditer(r"\}\]", whole)][:-1]
    type_ends = [end.end() for end in re.finditer('"(freehand|arrow)"', whole)]
    certain = sum(end <= cut_at for end in type_ends)
    without_type = sum(end <= cut_at for end in points_ends) > certain
    assert codes(record) == ["outline-cut"]
    assert record.coverage is Coverage.PARTIAL
    assert len(record.findings) == certain + (without_type and regions[certain][1] == "freehand")
    assert record.findings == kept[: len(record.findings)]


@within_one_folder
@given(st.lists(outline | arrow, max_size=6))
def test_vertices_are_the_release_s_own(one_case, regions):
    """The vertices of a whole text are given unchanged and in order, neither closed nor simplified."""
    record = read(one_case, regions_text(regions))
    drawn = [(f.structure, f.geometries[0]) for f in record.findings]
    assert [g.points if isinstance(g, Line) else g.parts[0].exterior for _, g in drawn] == [
        tuple(points) for points, _ in regions
    ]
    kinds = {"freehand": (Structure.NODULE, Polygon), "arrow": (Structure.MARKER, Line)}
    assert [(structure, type(g)) for structure, g in drawn] == [kinds[kind] for _, kind in regions]


def test_an_arrow_whose_type_is_cut_is_lost_and_never_an_outline(one_case):
    svg = '[{"points": [{"x": 1, "y": 2}, {"x": 3, "y": 4}], "annota'
    record = read(one_case, (SVG_LIMIT - len(svg)) * " " + svg)
    assert record.findings == ()
    assert codes(record) == ["outline-cut"]


def test_what_is_noted_beside_an_outline_is_kept_before_a_cut_too(one_case):
    points = '[{"x": 1, "y": 2}, {"x": 3, "y": 4}, {"x": 9, "y": 9}]'
    region = f'{{"points": {points}, "annotation": {{"by": "me"}}, "regionType": "freehand"}}'
    noted = (SourceField(name="annotation", text='{"by": "me"}'),)
    assert read(one_case, f"[{region}]").findings[0].source_fields == noted
    cut = f"[{region[:-14]}"
    (finding,) = read(one_case, (SVG_LIMIT - len(cut)) * " " + cut).findings
    assert finding.source_fields == noted


def test_broken_text_is_not_taken_for_a_cut_one(one_case):
    broken = '[{"points": [{"x": 1 "y": 2}]}]'
    with pytest.raises(CaseError, match="broken JSON"):
        read(one_case, (SVG_LIMIT - len(broken)) * " " + broken)


@pytest.mark.parametrize("length", [SVG_LIMIT - 1, SVG_LIMIT + 1])
def test_only_a_text_of_exactly_the_limit_is_taken_for_cut(one_case, length):
    cut = '[{"points": [{"x": 1, "y": 2'
    with pytest.raises(CaseError, match="broken JSON"):
        read(one_case, (length - len(cut)) * " " + cut)


def test_nesting_ends_in_a_case_error_or_a_record_whatever_its_depth(one_case):
    for depth in (10, *range(850, 1010), 10_000):
        region = regions_text([([(1, 2), (3, 4), (5, 6)], "freehand")])
        noted = region.replace("{}", "[" * depth + "]" * depth)
        try:
            assert len(read(one_case, noted).findings) == 1
        except CaseError as error:
            assert "nesting" in error.message  # noqa: PT017 -- either is right


# ---------------------------------------------------------------- what is drawn


def test_an_arrow_is_a_marker_and_says_no_more_than_nothing_drawn(records):
    beside, alone = records["ddti/15_1"], records["ddti/15_2"]
    assert [f.structure for f in beside.findings] == [Structure.NODULE, Structure.MARKER]
    assert beside.coverage is None
    (arrow_alone,) = alone.findings
    assert arrow_alone.structure is Structure.MARKER
    assert arrow_alone.geometries == (Line(points=((20.0, 30.0), (52.0, 47.0))),)
    assert alone.coverage is Coverage.NONE


def test_points_outside_the_image_are_kept_and_remarked(records):
    record = records["ddti/16_1"]
    assert rings(record) == [((200.0, 300.0), (320.0, 310.0), (300.0, 394.0), (240.0, 371.0))]
    (remark,) = record.remarks
    assert remark.code == "outside-image"
    assert "2 points" in remark.text


def test_a_point_on_the_far_edge_is_inside(one_case):
    record = read(one_case, regions_text([([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT)], "freehand")]))
    assert record.remarks == ()


def test_the_halves_of_a_dual_view_are_two_nodules_of_one_image(folder, records):
    record = records["ddti/13_1"]
    left, right = rings(record)
    assert max(x for x, _ in left) < record.image.width / 2 < min(x for x, _ in right)
    assert left + right == vertices(svg_of(folder, 13))


def test_wrapped_text_is_read_as_if_it_were_not(folder, records):
    for image in (1, 2):
        svg = svg_of(folder, 1, image)
        assert "\n" in svg
        first, second = rings(records[f"ddti/1_{image}"])
        assert first + second == vertices(svg)


def test_a_closed_outline_stays_closed_and_an_open_one_open(records):
    (closed,) = rings(records["ddti/2_1"])
    (opened,) = rings(records["ddti/3_1"])
    assert closed[0] == closed[-1]
    assert opened[0] != opened[-1]


@pytest.mark.parametrize("image", ["ddti/14_1", "ddti/14_2", "ddti/21_2"])
def test_an_image_on_which_nothing_is_drawn_covers_nothing(records, image):
    assert records[image].findings == ()
    assert records[image].coverage is Coverage.NONE


def test_an_image_without_a_mark_is_kept_and_remarked(records):
    assert "image-without-mark" in codes(records["ddti/21_2"])
    assert records["ddti/21_2"].source == "21.xml"


def test_a_record_names_its_mark_by_its_place_in_the_file(folder, records):
    in_file = re.findall(r"<image>(\d)</image>", (folder / "3.xml").read_text())
    assert in_file == ["3", "1", "2"]
    sources = {str(image): records[f"ddti/3_{image}"].source for image in (1, 2, 3)}
    assert sources == {image: f"3.xml#mark[{in_file.index(image) + 1}]" for image in sources}


# ---------------------------------------------------------------- what is said


def test_what_is_said_is_said_of_the_case(records):
    for record in records.values():
        number = record.image_id.removeprefix("ddti/").split("_")[0]
        assert (record.group_id, record.group_kind) == (f"ddti/{number}", GroupKind.CASE)
        assert record.image_labels == ()
        assert record.nodules == ()
        assert record.official_splits == ()
        assert all(finding.labels == () and finding.nodule_id is None for finding in record.findings)
    plain = records["ddti/2_1"]
    assert [str(label.value) for label in plain.case_labels] == [
        "ddti-composition/solid",
        "ddti-echogenicity/hypoechogenicity",
        "ddti-margins/well defined",
        "ddti-calcifications/microcalcifications",
        "tirads-kwak/4a",
    ]
    assert plain.patient == Patient(sex=Sex.FEMALE, age=Age(years=45))
    assert (plain.source_fields, plain.remarks) == ((), ())


def test_nothing_is_mapped_to_malignancy_and_no_basis_is_made_up(records):
    labels = [label for record in records.values() for label in record.case_labels]
    assert labels
    assert not any(isinstance(label.value, Malignancy) for label in labels)
    assert all(label.basis is None and label.reader is None and label.edition is None for label in labels)


def test_the_two_spellings_stay_two(records):
    assert records["ddti/18_1"].case_labels == (Label(value=DdtiMargins.ILL_DEFINED_HYPHEN),)
    assert records["ddti/19_1"].case_labels == (Label(value=DdtiMargins.ILL_DEFINED),)


def test_a_sex_that_is_not_explained_is_kept_as_text(records):
    record = records["ddti/18_1"]
    assert record.patient == Patient(age=Age(years=51))
    assert record.source_fields == (SourceField(name="sex", text="u"),)


def test_free_text_is_verbatim(records):
    (report,) = records["ddti/19_1"].source_fields
    assert report == SourceField(name="reporteco", text="Schilddrüse vergrößert,\nKnoten 8 mm & Zyste")


def test_a_value_outside_its_scale_is_kept_as_text_and_remarked(records):
    record = records["ddti/20_1"]
    assert record.case_labels == ()
    assert record.patient is None
    assert {field.name: field.text for field in record.source_fields} == {
        "age": "about 40",
        "echogenicity": "anechoic",
        "tirads": "4d",
    }
    assert codes(record) == 3 * ["value-not-understood"]


@pytest.mark.parametrize("age", ["999999999999999999999", 5000 * "9", "-4", "4.5", "٤٥", "45y"])
def test_an_age_that_is_no_number_of_years_is_kept_as_text_and_remarked(one_case, age):
    record = read(one_case, "", age=age)
    assert record.patient is None
    assert record.source_fields == (SourceField(name="age", text=age),)
    assert codes(record) == ["value-not-understood"]


def test_identical_pictures_keep_what_each_case_says(records):
    here, there = records["ddti/2_1"], records["ddti/17_1"]
    assert here.image.sha256 == there.image.sha256
    assert Label(value=TiradsKwak.T4A) in here.case_labels
    assert there.case_labels == (Label(value=DdtiComposition.CYSTIC), Label(value=TiradsKwak.T2))


def test_cases_come_in_the_order_of_their_numbers(records):
    numbers = [tuple(map(int, image.removeprefix("ddti/").split("_"))) for image in records]
    assert numbers == sorted(numbers)
    assert numbers[-1] == (100, 5)


def test_files_named_otherwise_belong_to_no_case(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "raw")
    strays = ["01.xml", "2_0.jpg", "2_1.gif", "2_1_1.jpg", "2.xml.bak", "٢.xml", "2-1.jpg", "_1.jpg", ".xml"]
    for stray in strays:
        (copy / stray).write_bytes(b"")
    result = convert(Ddti(), copy, tmp_path / "out", on_error=OnError.SKIP)
    assert sorted(skip.item for skip in result.run.skips) == sorted(strays)
    assert len(result.records) == 35
