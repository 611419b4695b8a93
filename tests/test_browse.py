"""Browsing in FiftyOne: all that a record says is seen, tags come back, and FiftyOne reads what is exported.

What needs FiftyOne and its database is skipped where they are not: see ``fiftyonedb.py``.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image

from tests import strategies
from tests.browser import browser
from tests.conftest import Command
from tests.curated import content, make_parent, picture, unchanged, with_images
from tests.study import write_study
from tests.toy import finding, make_dataset, record
from thyrodata.conversion import convert
from thyrodata.curation.browse import browse_dataset
from thyrodata.curation.markers import find_markers
from thyrodata.curation.qc import run_qc
from thyrodata.curation.select import select
from thyrodata.curation.tags import import_tags
from thyrodata.dataset import Dataset
from thyrodata.demo import write_release
from thyrodata.errors import DatasetError, MissingExtraError, OutputError, UsageError
from thyrodata.exports.fiftyone.drawings import Readers
from thyrodata.exports.fiftyone.samples import Samples, Shown
from thyrodata.exports.fiftyone.tagging import LabelTag
from thyrodata.io.images import decode_image
from thyrodata.io.masks import encode_mask
from thyrodata.io.png import encode_png
from thyrodata.schema.geometry import Box, Calipers, Line, Polygon, PolygonPart
from thyrodata.schema.plain import to_plain
from thyrodata.schema.record import (
    Acquisition,
    Age,
    ImageRecord,
    Label,
    Patient,
    Read,
    Reading,
    Remark,
    SourceField,
)
from thyrodata.schema.vocab import (
    SCHEMES,
    Basis,
    Coverage,
    GroupKind,
    Malignancy,
    Modality,
    Sex,
    Structure,
    TiradsAcr,
    TiradsKwak,
)

pytest_plugins = ["tests.fiftyonedb"]

WIDE, HIGH = 16, 12
SIZE = (WIDE, HIGH)
BOX = Box(x=2.5, y=3, width=5, height=3.25)
TRIANGLE = ((1.0, 1.0), (9.5, 1.0), (5.0, 8.25))
SQUARE = ((10.0, 8.0), (14.0, 8.0), (14.0, 11.0), (10.0, 11.0))
POLYGON = Polygon(parts=(PolygonPart(exterior=TRIANGLE), PolygonPart(exterior=SQUARE)))
HOLE = ((10, 4), (12, 4), (12, 8), (10, 8))
HOLED = Polygon(parts=(PolygonPart(exterior=((8, 2), (14, 2), (14, 11), (8, 11)), holes=(HOLE,)),))
PIXELS = np.arange(HIGH * WIDE).reshape(HIGH, WIDE) % 7 == 0
MASK = encode_mask(PIXELS)
CALIPERS = Calipers(long=((1, 2), (9, 8)), short=((3, 7), (6, 3)))
ARROW = Line(points=((0, 0), (3, 4)))


def rich() -> ImageRecord:
    """A record that says something in every place that a sample has."""
    by = Read(reader="Dr. Ünal")
    return record(
        "rich",
        finding("1", MASK, BOX, POLYGON, score=0.25, origin=by),
        finding(
            "2",
            HOLED,
            labels=(Label(value=TiradsKwak("4a")),),
            source_fields=(SourceField(name="n", text="t"),),
        ),
        finding("3", CALIPERS),
        finding("4", ARROW, structure=Structure.MARKER),
        group="ward",
        readings=(Reading(reader=by.reader, role="resident", coverage=Coverage.PARTIAL), Reading()),
        patient=Patient(sex=Sex.FEMALE, age=Age(years=90, at_least=True)),
        acquisition=Acquisition(model="SSA-700", window_hu=(-50.0, 250.0)),
        case_labels=(
            Label(value=Malignancy.MALIGNANT, basis=Basis.HISTOLOGY),
            Label(value=Malignancy.BENIGN, basis=Basis.CYTOLOGY),
        ),
        image_labels=(Label(value=TiradsAcr.TR4, reader=by.reader),),
        remarks=(Remark(code="cut", text="the outline is cut off"),),
        source_fields=(SourceField(name="licence", text="unknown"),),
    )


def sample_of(said: ImageRecord) -> dict[str, Any]:
    return Samples(dataset="toy").sample(said, Shown(path="a.png", size_bytes=9), said.findings, row=0)


# ---------------------------------------------------------------- what needs no FiftyOne


def leaves(value: Any) -> Iterator[str | float]:
    """Texts and numbers that a value holds, but for truth values."""
    if isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield value


@settings(max_examples=30)
@given(strategies.image_records())
def test_every_text_and_number_of_a_record_but_coordinates_stands_in_its_sample(said: ImageRecord) -> None:
    """Whatever a record says beside what is drawn, its sample says too."""
    plain = to_plain(said)
    for each in plain.get("findings", ()):
        del each["geometries"]
    terms = {str(term) for scheme in SCHEMES.values() for term in scheme}
    shown = [*leaves(sample_of(said))]
    texts = [each for each in shown if isinstance(each, str)]
    for leaf in leaves(plain):
        if isinstance(leaf, str):
            wanted = leaf.partition("/")[2] if leaf in terms else leaf
            assert any(wanted in text for text in texts)
        else:
            assert leaf in shown


def test_each_kind_of_drawing_has_a_field_of_its_reader() -> None:
    sample = sample_of(rich())
    drawn = {
        name: [label["finding_id"] for label in value[value["_cls"].lower()]]
        for name, value in sample.items()
        if isinstance(value, dict) and value.get("_cls") in {"Detections", "Polylines"}
    }
    assert drawn == {
        "reader_dr_nal_masks": ["1"],
        "reader_dr_nal_boxes": ["1"],
        "reader_dr_nal_outlines": ["1"],
        "masks": ["2"],
        "calipers": ["3"],
        "marker_lines": ["4"],
    }


def test_labels_stand_under_their_scale_scope_and_reader_with_what_they_rest_on() -> None:
    sample = sample_of(rich())
    case, image = sample["case_malignancy"], sample["reader_dr_nal_image_tirads_acr"]
    assert (case["label"], case["basis"]) == ("malignant+benign", "histology+cytology")
    assert (image["label"], image["reader"]) == ("TR4", "Dr. Ünal")
    (drawn,) = sample["masks"]["detections"]
    assert (drawn["label"], drawn["tirads_kwak"], drawn["source_fields"]) == (
        "tirads-kwak/4a",
        "4a",
        ["n: t"],
    )


def test_readers_whose_names_look_alike_have_fields_of_their_own() -> None:
    readers = Readers()
    names = ["A-1", "a 1", "", "consensus", "1", "---", "###"]
    prefixes = [readers.prefix(name) for name in names]
    assert len(set(prefixes)) == len(names)
    assert prefixes[:3] == ["reader_a_1_", "reader_a_1_2_", ""]
    assert [readers.prefix(name) for name in names] == prefixes


def test_without_fiftyone_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fiftyone", None)
    with pytest.raises(MissingExtraError, match=r"thyrodata\[fiftyone\]"):
        browse_dataset(make_parent(tmp_path / "d", cases=2))
    with pytest.raises(MissingExtraError, match=r"thyrodata\[fiftyone\]"):
        import_tags(tmp_path / "d")


# ---------------------------------------------------------------- browsing


@pytest.fixture
def parent(tmp_path: Path) -> Dataset:
    """24 images of 12 cases, each with a box."""
    return make_parent(tmp_path / "data")


def test_a_sample_has_what_fiftyone_itself_would_find_and_the_image_stays_where_it_is(
    fo: Any, parent: Dataset
) -> None:
    with unchanged(parent.path):
        made = browse_dataset(parent)
    assert made.built is not None
    assert (made.built.images, made.built.shapes, made.built.previews) == (24, 24, 0)
    shown = fo.load_dataset("toy")
    assert shown.persistent
    assert shown.values("image_id") == [each.image_id for each in parent.records()]
    for sample in shown:
        found = fo.ImageMetadata.build_for(sample.filepath)
        for name in ("size_bytes", "mime_type", "width", "height"):
            assert sample.metadata[name] == found[name]
        assert sample.tags == []
        assert Path(sample.filepath).parent == parent.path / "images"


def test_the_fields_are_described_as_fiftyone_describes_the_same_samples(fo: Any, tmp_path: Path) -> None:
    """It is given the samples as objects, and asked to look into them for what they hold."""
    data = with_images(tmp_path / "data", [rich()], {"toy/rich": picture(1)})
    browse_dataset(data)
    ours = fo.load_dataset("toy")
    theirs = fo.Dataset()
    theirs.add_samples([sample.copy() for sample in ours], progress=False)
    theirs.add_dynamic_sample_fields()

    def described(made: Any) -> dict[str, str]:
        return {path: str(field) for path, field in made.get_field_schema(flat=True).items()}

    assert described(ours) == described(theirs)


def test_drawings_are_where_the_record_has_them(fo: Any, tmp_path: Path) -> None:
    data = with_images(tmp_path / "data", [rich()], {"toy/rich": picture(1)})
    made = browse_dataset(data)
    assert made.built is not None
    assert (made.built.shapes, made.built.as_pixels, made.built.not_shown) == (6, 1, ())
    sample = fo.load_dataset("toy").first()
    (mask,) = sample.reader_dr_nal_masks.detections
    assert np.array_equal(mask.to_segmentation(frame_size=SIZE).mask > 0, PIXELS)
    (holed,) = sample.masks.detections
    expected = np.zeros((HIGH, WIDE), bool)
    expected[2:11, 8:14] = True
    expected[4:8, 10:12] = False
    assert np.array_equal(holed.to_segmentation(frame_size=SIZE).mask > 0, expected)
    (box,) = sample.reader_dr_nal_boxes.detections
    assert np.multiply(box.bounding_box, (*SIZE, *SIZE)) == pytest.approx([2.5, 3, 5, 3.25])
    assert box.confidence == 0.25
    (outline,) = sample.reader_dr_nal_outlines.polylines
    assert outline.closed
    for points, ring in zip(outline.points, (TRIANGLE, SQUARE), strict=True):
        assert np.multiply(points, SIZE) == pytest.approx(np.array(ring))
    (pair,) = sample.calipers.polylines
    assert not pair.closed
    assert np.multiply(pair.points, SIZE) == pytest.approx(np.array([CALIPERS.long, CALIPERS.short]))
    (arrow,) = sample.marker_lines.polylines
    assert arrow.structure == "marker"


def test_a_mask_without_a_pixel_is_there_and_named(fo: Any, tmp_path: Path) -> None:
    empty = record("0", finding("1", encode_mask(np.zeros((HIGH, WIDE), bool))))
    made = browse_dataset(with_images(tmp_path / "data", [empty], {"toy/0": picture(1)}))
    assert made.built is not None
    assert [note.where for note in made.built.not_shown] == ["toy/0#1"]
    assert fo.load_dataset("toy").values("masks.detections.finding_id") == [["1"]]


def test_readers_stand_side_by_side(fo: Any, tmp_path: Path) -> None:
    data = write_study(tmp_path / "study")
    browse_dataset(data)
    shown = fo.load_dataset("toy")
    drawn = Counter(each.origin.reader for said in data.records() for each in said.findings)
    assert shown.count("reader_a_outlines.polylines") == drawn["A"]
    assert shown.count("reader_b_outlines.polylines") == drawn["B"]
    assert {"reader_a_outlines", "reader_b_outlines"} <= set(shown.app_config.active_fields.paths)


def test_quality_control_and_marks_and_same_pictures_are_shown(fo: Any, tmp_path: Path) -> None:
    marked = np.full((120, 160), 90, np.uint8)
    marked[50:71, 80] = marked[60, 70:91] = 255
    records, images = [], {}
    for name, pixels in (("0", marked), ("1", marked), ("2", np.full((120, 160), 90, np.uint8))):
        said = record(name, finding("1", Box(x=150, y=5, width=90, height=9)))
        records.append(replace(said, image=replace(said.image, width=160, height=120)))
        images[f"toy/{name}"] = encode_png(pixels)
    data = with_images(tmp_path / "data", records, images)
    report = run_qc(data)
    found = find_markers(data)
    with (
        data.adding() as folder
    ):  # as merge leaves it; that 0 and 1 are one picture quality control has found
        (folder / "reports").mkdir()
        text = "image_id,cluster\ntoy/1,toy/1\ntoy/2,toy/1\n"
        (folder / "reports/same_pictures.csv").write_text(text)
    made = browse_dataset(data)
    shown = fo.load_dataset("toy")
    issues = Counter((issue.image_id, issue.code) for issue in report.issues)
    seen = Counter(
        (sample.image_id, issue.label) for sample in shown.exists("qc") for issue in sample.qc.classifications
    )
    assert seen == issues
    assert sum(shown.values("qc_errors")) == sum(issue.severity.value == "error" for issue in report.issues)
    assert shown.values("marked") == [each.has_marker for each in found.images]
    for each, sample in zip(found.images, shown, strict=True):
        if each.mask is not None and each.has_marker:
            (mark,) = sample.found_marks.detections
            assert encode_mask(mark.to_segmentation(frame_size=(160, 120)).mask > 0) == each.mask
    assert len({*shown.values("same_picture")} - {None}) == 1
    assert None not in shown.values("same_picture")
    assert made.built is not None
    assert {"errors", "same pictures"} <= set(made.built.views)


@pytest.mark.parametrize(
    ("kind", "name"),
    [(GroupKind.CASE, "cases"), (GroupKind.PATIENT, "patients"), (GroupKind.IMAGE, "groups")],
)
def test_the_view_of_groups_says_what_a_group_is(fo: Any, tmp_path: Path, kind: GroupKind, name: str) -> None:
    records = [record(str(n), group=str(n // 2), group_kind=kind) for n in range(6)]
    images = {each.image_id: picture(n) for n, each in enumerate(records)}
    made = browse_dataset(with_images(tmp_path / "data", records, images))
    assert made.built is not None
    assert made.built.views[0] == name
    assert made.groups == (kind.value,)
    view = fo.load_dataset("toy").load_saved_view(name)
    assert len(view) == 3
    assert [[each.image_id for each in group] for group in view.iter_dynamic_groups()] == [
        [f"toy/{2 * n}", f"toy/{2 * n + 1}"] for n in range(3)
    ]


def test_each_split_is_a_field_and_each_part_of_the_chosen_one_a_view(fo: Any, parent: Dataset) -> None:
    browse_dataset(parent)
    shown = fo.load_dataset("toy")
    for part, ids in parent.split().items():
        rows = [each.image_id for each in parent.records(only=ids)]
        assert shown.match(fo.ViewField("split_default") == part).values("image_id") == rows
        assert shown.load_saved_view(f"default {part}").values("image_id") == rows


def deep(tmp_path: Path) -> tuple[Dataset, np.ndarray]:
    """A slice of CT as DeepLesion stores it, with a window of its own."""
    pixels = np.random.default_rng(3).integers(32768 - 1000, 32768 + 1000, (HIGH, WIDE), np.uint16)
    data = encode_png(pixels)
    said = record("0", finding("1", BOX), acquisition=Acquisition(window_hu=(-50.0, 250.0)))
    image = replace(said.image, path="images/0.png", sha256=sha256(data).hexdigest(), bit_depth=16)
    slices = [replace(said, modality=Modality.CT, image=image)]
    return make_dataset(tmp_path / "data", slices, {"images/0.png": data}), pixels


def test_an_image_of_16_bits_is_shown_in_the_window_of_its_record(fo: Any, tmp_path: Path) -> None:
    data, pixels = deep(tmp_path)
    with unchanged(data.path):
        made = browse_dataset(data, previews=tmp_path / "p", hu_offset=-32768)
    assert made.built is not None
    assert made.built.previews == 1
    (path,) = fo.load_dataset("toy").values("filepath")
    assert Path(path) == tmp_path / "p/images/0.png"
    seen = np.asarray(Image.open(path)).astype(int)
    hu = pixels.astype(int) - 32768
    assert (seen[hu <= -50] == 0).all()
    assert (seen[hu >= 250] == 255).all()
    inside = (hu > -50) & (hu < 250)
    assert abs(seen[inside] - (hu[inside] + 50) / 300 * 255).max() <= 0.5


def test_without_an_offset_an_image_of_16_bits_is_stretched_between_percentiles(
    fo: Any, tmp_path: Path
) -> None:
    data, pixels = deep(tmp_path)
    browse_dataset(data, previews=tmp_path / "p")
    (path,) = fo.load_dataset("toy").values("filepath")
    seen = decode_image(Path(path).read_bytes(), path)
    assert (seen.dtype, seen.min(), seen.max()) == (np.uint8, 0, 255)
    assert (np.diff(seen.ravel()[np.argsort(pixels, axis=None)].astype(int)) >= 0).all()


def test_previews_do_not_lie_in_the_dataset(fo: Any, parent: Dataset) -> None:
    with pytest.raises(OutputError, match="inside the source"):
        browse_dataset(parent, previews=parent.path / "p")
    assert fo.list_datasets() == []


def test_images_without_a_file_are_counted_and_where_there_is_none_it_is_said(
    fo: Any, tmp_path: Path
) -> None:
    records = [record(str(n), finding("1", BOX)) for n in range(3)]
    made = browse_dataset(with_images(tmp_path / "some", records, {"toy/1": picture(1)}), name="some")
    assert made.built is not None
    assert (made.built.images, made.built.without_file) == (1, 2)
    with pytest.raises(DatasetError, match="there is no image to show"):
        browse_dataset(with_images(tmp_path / "none", records, {}), name="none")
    assert fo.list_datasets() == ["some"]


def test_a_file_that_is_missing_is_named_and_nothing_is_left_behind(fo: Any, parent: Dataset) -> None:
    (parent.path / "images/3_b.png").unlink()
    with pytest.raises(DatasetError, match="toy/3_b cannot be read"):
        browse_dataset(parent)
    assert fo.list_datasets() == []


def test_a_split_that_is_not_there_is_refused(fo: Any, parent: Dataset) -> None:
    with pytest.raises(UsageError, match="there is no split 'mine'"):
        browse_dataset(parent, split="mine")


# ---------------------------------------------------------------- again


def test_what_is_there_is_used_again_while_the_dataset_stays_as_it_is(fo: Any, parent: Dataset) -> None:
    browse_dataset(parent)
    before = fo.load_dataset("toy").created_at
    parent.note("something")
    assert browse_dataset(parent).built is None
    assert fo.load_dataset("toy").created_at == before


def test_a_changed_dataset_is_shown_only_when_asked(fo: Any, parent: Dataset) -> None:
    browse_dataset(parent)
    run_qc(parent)
    with pytest.raises(OutputError, match="as it was"):
        browse_dataset(parent)
    assert "qc_errors" not in fo.load_dataset("toy").get_field_schema()
    assert browse_dataset(parent, overwrite=True).built is not None
    assert "qc_errors" in fo.load_dataset("toy").get_field_schema()
    assert fo.list_datasets() == ["toy"]


def test_a_dataset_of_someone_else_is_never_replaced(fo: Any, parent: Dataset) -> None:
    fo.Dataset("toy", persistent=True)
    for act in (lambda: browse_dataset(parent, overwrite=True), lambda: import_tags(parent)):
        with pytest.raises(UsageError, match="thyrodata did not make"):
            act()
    assert fo.load_dataset("toy").info == {}


# ---------------------------------------------------------------- tags


def tag(fo: Any, images: dict[str, list[str]], boxes: dict[str, list[str]]) -> None:
    """Set tags as the App does."""
    shown = fo.load_dataset("toy")
    for image_id, tags in images.items():
        shown.match(fo.ViewField("image_id") == image_id).tag_samples(tags)
    for image_id, tags in boxes.items():
        shown.match(fo.ViewField("image_id") == image_id).tag_labels(tags, label_fields="boxes")


def test_tags_set_in_the_app_come_back(fo: Any, parent: Dataset) -> None:
    browse_dataset(parent)
    tag(fo, {"toy/0_a": ["blurred", "marks, many"], "toy/5_b": ["blurred"]}, {"toy/1_a": ["too wide"]})
    with unchanged_but_tags(parent):
        brought = import_tags(parent)
    assert parent.verify() == ()
    assert brought.to_json()["images"] == {"blurred": 2, "marks, many": 1}
    assert brought.to_json()["labels"] == {"too wide": 1}
    assert (parent.path / "tags/toy.csv").read_text() == (
        'image_id,blurred,"marks, many"\ntoy/0_a,yes,yes\ntoy/5_b,yes,\n'
    )
    assert (parent.path / "tags/toy.labels.csv").read_text() == (
        "image_id,finding_id,field,label,tag\ntoy/1_a,1,boxes,nodule,too wide\n"
    )


class unchanged_but_tags:  # noqa: N801 -- it reads as a sentence
    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def _content(self) -> dict[str, str]:
        found = content(self._dataset.path)
        return {path: sha for path, sha in found.items() if not path.startswith(("tags/", "SHA256SUMS"))}

    def __enter__(self) -> None:
        self._before = self._content()

    def __exit__(self, *_: object) -> None:
        assert self._content() == self._before


def test_thyrodata_sets_no_tag_itself(fo: Any, parent: Dataset) -> None:
    run_qc(parent)
    browse_dataset(parent)
    brought = import_tags(parent)
    assert (brought.tags.images, brought.tags.labels, brought.unknown) == ((), (), ())
    assert (parent.path / "tags/toy.csv").read_text() == "image_id\n"


def test_a_tag_that_is_taken_away_goes_with_the_next_import(fo: Any, parent: Dataset) -> None:
    browse_dataset(parent)
    tag(fo, {"toy/0_a": ["blurred"]}, {})
    import_tags(parent)
    fo.load_dataset("toy").untag_samples("blurred")
    assert import_tags(parent).tags.images == ()


def test_tags_are_there_again_when_the_dataset_is_shown_anew(fo: Any, parent: Dataset) -> None:
    browse_dataset(parent)
    tag(fo, {"toy/0_a": ["blurred", "b"]}, {"toy/1_a": ["wide"], "toy/2_a": ["wide", "a"]})
    first = import_tags(parent)
    fo.delete_dataset("toy")
    browse_dataset(parent)
    again = import_tags(parent)
    assert again.tags == first.tags
    assert len(again.tags.labels) == 3


def test_tags_that_were_not_imported_are_not_thrown_away(fo: Any, parent: Dataset, tmp_path: Path) -> None:
    browse_dataset(parent)
    tag(fo, {"toy/0_a": ["blurred"]}, {})
    run_qc(parent)
    for each in (parent, write_other(tmp_path)):
        with pytest.raises(OutputError, match="tags that were not imported"):
            browse_dataset(each, name="toy", overwrite=True)
    import_tags(parent)
    browse_dataset(parent, overwrite=True)
    assert fo.load_dataset("toy").match_tags("blurred").values("image_id") == ["toy/0_a"]


def test_labels_that_a_person_adds_are_no_hindrance(fo: Any, parent: Dataset) -> None:
    browse_dataset(parent)
    first = fo.load_dataset("toy").first()
    first["points"] = fo.Keypoints(keypoints=[fo.Keypoint(points=[(0.5, 0.5)], tags=["mine"])])
    first["mine"] = fo.Detections(
        detections=[fo.Detection(label="cyst", bounding_box=[0, 0, 1, 1], tags=["x"])]
    )
    first.save()
    assert import_tags(parent).tags.labels == (LabelTag("toy/0_a", "", "mine", "cyst", "x"),)


def test_samples_that_the_dataset_does_not_have_are_named(fo: Any, parent: Dataset, tmp_path: Path) -> None:
    browse_dataset(parent)
    fo.load_dataset("toy").add_sample(fo.Sample(filepath=str(tmp_path / "mine.png"), tags=["x"]))
    brought = import_tags(parent)
    assert brought.unknown == (str(tmp_path / "mine.png"),)
    assert brought.tags.images == ()


def test_tags_of_a_dataset_that_is_not_shown_are_refused(fo: Any, parent: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no FiftyOne dataset toy"):
        import_tags(parent)
    browse_dataset(write_other(tmp_path), name="toy")
    with pytest.raises(UsageError, match="another dataset is shown by toy"):
        import_tags(parent)


def write_other(tmp_path: Path) -> Dataset:
    release = tmp_path / "release"
    release.mkdir()
    write_release(release, cases=3)
    return convert("ddti", release, tmp_path / "other").dataset


def test_a_tag_with_the_name_of_the_id_is_refused(fo: Any, parent: Dataset) -> None:
    browse_dataset(parent)
    tag(fo, {"toy/0_a": ["image_id"]}, {})
    with pytest.raises(UsageError, match="a tag cannot be called image_id"):
        import_tags(parent)
    assert not (parent.path / "tags").exists()


def test_select_takes_imported_tags_as_a_table(fo: Any, parent: Dataset, tmp_path: Path) -> None:
    browse_dataset(parent)
    tag(fo, {"toy/0_a": ["blurred", "marks"], "toy/5_b": ["blurred"], "toy/6_a": ["marks"]}, {})
    table = import_tags(parent).files[0]
    criteria = tmp_path / "criteria.yaml"
    criteria.write_text(
        "criteria:\n- name: sharp\n  level: image\n  exclude: {column: {name: blurred, is: [yes]}}\n"
        "  unknown: keep\n"
    )
    made = select(parent, tmp_path / "sharp", criteria=criteria, tables=[table])
    left = [each.image_id for each in made.revision.dataset.records()]
    assert left == [each.image_id for each in parent.records() if each.image_id not in {"toy/0_a", "toy/5_b"}]


# ---------------------------------------------------------------- the database

WRONG_VERSION = """
import fiftyone.constants
from packaging.version import Version
from thyrodata.errors import MissingExtraError
from thyrodata.exports.fiftyone import open_fiftyone
fiftyone.constants.MONGODB_MIN_VERSION = Version("99")
try:
    open_fiftyone()
except MissingExtraError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_database_of_the_wrong_version_is_named_in_one_message(database: str, tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "FIFTYONE_DATABASE_URI": database}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WRONG_VERSION],
        env=os.environ | environment | {"FIFTYONE_DATABASE_VALIDATION": "true"},
        check=False,
        capture_output=True,
        text=True,
    )
    said = run.stdout.splitlines()
    assert said[0].startswith("FiftyOne has no database: Found `mongod` version ")
    assert "99" in said[0]
    assert "FIFTYONE_DATABASE_URI" in said[1]


ROOT = Path(__file__).parents[1]


# ---------------------------------------------------------------- the command and the App


def test_the_command_makes_a_dataset_and_brings_tags_back(fo: Any, parent: Dataset, command: Command) -> None:
    ran = command("browse", parent.path, "--no-app", "--json")
    assert (ran.code, json.loads(ran.out)["images"], json.loads(ran.out)["reused"]) == (0, 24, False)
    assert json.loads(command("browse", parent.path, "--no-app", "--json").out)["reused"]
    tag(fo, {"toy/0_a": ["blurred"]}, {})
    ran = command("browse", parent.path, "--import-tags")
    assert (ran.code, ran.out.splitlines()[:2]) == (0, ["images       blurred: 1", "labels       no tag"])
    run_qc(parent)
    ran = command("browse", parent.path, "--no-app")
    assert ran.code == 1
    assert "add --overwrite" in ran.err


def test_a_port_that_is_taken_is_refused_before_the_app_starts(
    fo: Any, parent: Dataset, command: Command
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = command("browse", parent.path, "--port", port)
    assert ran.code == 1
    assert ran.err.splitlines()[0] == f"error: the port {port} cannot be used: Address already in use"
    assert "--port" in ran.err


@pytest.fixture
def app(
    fo: Any, database: str, tmp_path: Path, free_port: int
) -> Iterator[tuple[str, Dataset, subprocess.Popen[str]]]:
    """The command as a user runs it on phantoms, its address, and the process; it is stopped with Ctrl-C."""
    release = tmp_path / "release"
    release.mkdir()
    write_release(release, cases=12)
    data = convert("ddti", release, tmp_path / "shown").dataset
    arguments = ["-m", "thyrodata", "browse", data.path, "--name", "in the app", "--port", str(free_port)]
    environment = os.environ | {
        "HOME": str(tmp_path),
        "FIFTYONE_DATABASE_URI": database.replace("=200", "=20000"),
        "FIFTYONE_DATABASE_VALIDATION": "false",
        "PYTHONWARNINGS": "ignore",
    }
    running = subprocess.Popen(
        [sys.executable, "-u", *arguments], env=environment, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert running.stdout is not None
    try:
        for line in running.stdout:
            if line.startswith("look"):
                yield line.split()[1], data, running
                break
    finally:
        running.kill()
        running.wait()
        running.stdout.close()


@pytest.mark.slow
def test_the_app_answers_this_machine_alone_until_it_is_stopped(
    app: tuple[str, Dataset, subprocess.Popen[str]], system_tool: Callable[[str], str]
) -> None:
    address, _, running = app
    port = int(address.rpartition(":")[2].partition("/")[0])
    assert address == f"http://127.0.0.1:{port}/datasets/in%20the%20app"
    asked = HTTPConnection("127.0.0.1", port, timeout=20)
    asked.request("GET", "/fiftyone")
    assert "version" in json.loads(asked.getresponse().read())
    asked.close()
    listening = subprocess.run(
        [system_tool("ss"), "-Hltn", f"sport = :{port}"], capture_output=True, text=True, check=True
    )
    assert [line.split()[3] for line in listening.stdout.splitlines()] == [f"127.0.0.1:{port}"]
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 0
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), 5)


@pytest.mark.slow
def test_outlines_are_seen_in_the_grid_at_once(
    app: tuple[str, Dataset, subprocess.Popen[str]], system_tool: Callable[[str], str], tmp_path: Path
) -> None:
    """In a real browser: the colour of the field covers what the outlines cover, and was not asked for."""
    with browser(system_tool("chromium"), tmp_path / "profile") as running:
        target = running.ask("Target.createTarget", url="about:blank")["targetId"]
        running._session = running.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        running.ask(
            "Emulation.setDeviceMetricsOverride", width=1400, height=900, deviceScaleFactor=1, mobile=False
        )
        running.ask("Page.enable")
        running.ask("Page.navigate", url=app[0])
        running._wait("Page.loadEventFired")
        until = time.monotonic() + 180  # it takes its time, and more on a busy machine
        while (seen := yellow(b64decode(running.ask("Page.captureScreenshot")["data"]))) < 0.01:
            assert time.monotonic() < until, f"{seen:.2%} of the page is yellow"
            time.sleep(1)


def yellow(picture: bytes) -> float:
    """The share of a picture that has the colour of outlines, however much grey there is in it."""
    red, green, blue = np.moveaxis(np.asarray(Image.open(BytesIO(picture)).convert("RGB")).astype(int), 2, 0)
    return float(((red - blue > 25) & (abs(red - green) < 20)).mean())


# ---------------------------------------------------------------- published data


@pytest.mark.slow
def test_every_outline_of_the_published_sample_is_shown(fo: Any, samples: Path, tmp_path: Path) -> None:
    data = convert("ddti", samples / "ddti", tmp_path / "ddti").dataset
    made = browse_dataset(data)
    shown = fo.load_dataset("ddti")
    drawn = {each.image_id: each.findings for each in data.records()}
    assert made.built is not None
    assert made.built.shapes == sum(map(len, drawn.values()))
    for sample in shown:
        size = (sample.metadata.width, sample.metadata.height)
        outlines = sample.outlines.polylines if sample.outlines else []
        for label, said in zip(outlines, drawn[sample.image_id], strict=True):
            polygon = said.geometry(Polygon)
            assert isinstance(polygon, Polygon)
            for points, part in zip(label.points, polygon.parts, strict=True):
                assert np.multiply(points, size) == pytest.approx(np.array(part.exterior))
