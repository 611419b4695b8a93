"""What is special to masks: what a pixel means, what one finding is, and what an empty mask says."""

from __future__ import annotations

import io
import warnings
from collections import deque

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from tests.contract.run import convert
from tests.fixtures.masks.make import HEIGHT, WIDTH, disc, make, png
from thyrodata.conversion import convert as convert_dataset
from thyrodata.converters.masks import MAX_PARTS, Instances, Masks, MasksSettings
from thyrodata.errors import CaseError, RawLayoutError, SplitError, UsageError
from thyrodata.io.maskvalues import MAX_VALUES
from thyrodata.io.raw import Raw
from thyrodata.phantoms import jpeg_bytes
from thyrodata.schema.geometry import Mask
from thyrodata.schema.record import Label
from thyrodata.schema.vocab import Coverage, GroupKind, Malignancy, Structure


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("masks") / "raw"
    make(folder)
    return folder


@pytest.fixture(scope="module")
def records(folder, tmp_path_factory):
    result = convert(Masks(), folder, tmp_path_factory.mktemp("out"))
    return {record.image_id: record for record in result.records}


def pixels(finding):
    (mask,) = finding.geometries
    assert isinstance(mask, Mask)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools' own, under this numpy
        return coco_mask.decode({"size": [mask.height, mask.width], "counts": mask.counts}).astype(bool)


def grey(area, value=255):
    return (area * value).astype(np.uint8)


def codes(record):
    return [remark.code for remark in record.remarks]


@pytest.fixture
def one(tmp_path):
    """A function that reads one mask, given as the bytes of a file, beside an image of the same size."""

    def read(mask, image=None, *, suffix="png", **fields):
        for name, data in {
            "images/1.png": png(np.zeros((HEIGHT, WIDTH), np.uint8)) if image is None else image,
            f"masks/1.{suffix}": mask,
        }.items():
            path = tmp_path / "one" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        converter = Masks(MasksSettings(**fields))
        (item,) = converter.items(Raw(tmp_path / "one"))
        (sample,) = converter.samples(item)
        (tmp_path / "one" / f"masks/1.{suffix}").unlink()
        return sample.record

    return read


# ---------------------------------------------------------------- one finding


@pytest.mark.parametrize(
    ("name", "radius"),
    [("1", 20), ("6", 20), ("7", 22), ("8", 24), ("9", 26), ("10", 26), ("11", 12), ("left/11", 28)],
    ids=["grey", "palette", "one bit", "16 bits", "RGBA", "RGB", "PNG", "BMP"],
)
def test_every_pixel_is_that_of_the_mask_however_it_was_saved(records, name, radius):
    (finding,) = records[f"masks/images/{name}"].findings
    assert (finding.finding_id, finding.structure, finding.labels) == ("1", Structure.NODULE, ())
    np.testing.assert_array_equal(pixels(finding), disc(60, 60, radius))


def test_two_parts_and_a_hole_are_one_finding(records):
    """Taking outlines of outer contours, as is often done, fills the hole and makes two findings."""
    (finding,) = records["masks/images/2"].findings
    area = (disc(50, 60, 20) & ~disc(50, 60, 8)) | disc(120, 50, 10)
    np.testing.assert_array_equal(pixels(finding), area)
    filled = disc(50, 60, 20) | disc(120, 50, 10)
    assert len(flooded(filled)) == 2
    assert filled.sum() > area.sum()


def test_the_noise_of_a_jpeg_is_no_foreground(folder, records):
    """Each of the naive readings of a JPEG mask gives other pixels."""
    with Image.open(folder / "masks/3.jpg") as picture:
        values = np.array(picture)
    drawn = disc(70, 50, 25)
    (finding,) = records["masks/images/3"].findings
    np.testing.assert_array_equal(pixels(finding), drawn)
    for naive in (values > 0, values == 255, values / 255 == 1):
        assert (naive != drawn).sum() > 100


def test_a_mask_without_a_pixel_is_no_finding_and_no_negative(records):
    record = records["masks/images/4"]
    assert (record.findings, record.coverage, codes(record)) == ((), Coverage.NONE, ["mask-empty"])


def test_of_an_image_without_a_mask_nothing_is_said(records):
    record = records["masks/images/5"]
    assert (record.findings, record.coverage, codes(record)) == ((), Coverage.NONE, ["image-without-mark"])
    assert record.source == "images/5.jpg"


def test_complete_makes_a_negative_of_an_empty_mask_and_not_of_a_missing_one(folder, tmp_path):
    result = convert(Masks(MasksSettings(complete=True)), folder, tmp_path)
    coverage = {record.image_id: (record.coverage, codes(record)) for record in result.records}
    assert coverage["masks/images/1"] == (Coverage.COMPLETE, [])
    assert coverage["masks/images/4"] == (Coverage.COMPLETE, [])
    assert coverage["masks/images/5"] == (Coverage.NONE, ["image-without-mark"])


def test_folders_below_make_other_images(records):
    assert records["masks/images/11"].image.path == "images/images/11.jpg"
    assert records["masks/images/left/11"].image.path == "images/images/left/11.JPG"
    assert all(r.group_id == r.image_id and r.group_kind is GroupKind.IMAGE for r in records.values())


# ---------------------------------------------------------------- thresholds


def test_a_mask_of_0_and_1_is_refused_and_read_with_a_threshold(one):
    area = disc(60, 60, 20)
    with pytest.raises(CaseError, match="none above 127") as caught:
        one(png(grey(area, 1)))
    assert "--threshold 0" in caught.value.hint
    (finding,) = one(png(grey(area, 1)), threshold=0).findings
    np.testing.assert_array_equal(pixels(finding), area)


@pytest.mark.parametrize(("threshold", "expected"), [(126, True), (127, False)])
def test_a_pixel_counts_above_the_threshold_and_not_at_it(one, threshold, expected):
    values = grey(disc(60, 60, 20))
    values[0, 0] = 127
    (finding,) = one(png(values), threshold=threshold).findings
    assert pixels(finding)[0, 0] == expected


def test_a_stated_threshold_may_leave_nothing(one):
    assert one(png(grey(disc(60, 60, 20), 1)), threshold=1).findings == ()


# ---------------------------------------------------------------- components and colours


def flooded(area):
    """The parts of a mask whose pixels touch at a side or corner, by flooding from each pixel in turn."""
    left, parts = area.copy(), []
    for row, column in zip(*np.nonzero(area), strict=True):
        if not left[row, column]:
            continue
        part = np.zeros_like(area)
        queue = deque([(row, column)])
        left[row, column] = False
        while queue:
            r, c = queue.popleft()
            part[r, c] = True
            for nr in range(max(r - 1, 0), min(r + 2, area.shape[0])):
                for nc in range(max(c - 1, 0), min(c + 2, area.shape[1])):
                    if left[nr, nc]:
                        left[nr, nc] = False
                        queue.append((nr, nc))
        parts.append(part)
    return parts


def test_components_are_findings_in_the_order_of_their_first_pixels(one):
    area = disc(50, 60, 20) & ~disc(50, 60, 8)
    area |= disc(120, 50, 10)
    area[100, 100] = area[101, 101] = True  # touch at a corner
    record = one(png(grey(area)), instances=Instances.COMPONENTS)
    expected = flooded(area)
    assert [finding.finding_id for finding in record.findings] == ["1", "2", "3"]
    for finding, part in zip(record.findings, expected, strict=True):
        np.testing.assert_array_equal(pixels(finding), part)


def test_each_value_is_a_finding_named_by_it(one):
    values = grey(disc(50, 60, 20), 2)
    values[disc(120, 50, 10)] = 200
    record = one(png(values), instances=Instances.COLOURS)
    assert [finding.finding_id for finding in record.findings] == ["2", "200"]
    np.testing.assert_array_equal(pixels(record.findings[0]), values == 2)
    np.testing.assert_array_equal(pixels(record.findings[1]), values == 200)


def test_the_values_of_16_bits_are_not_folded_into_8(one):
    values = np.zeros((HEIGHT, WIDTH), np.uint16)
    values[10:20, 10:20], values[10:20, 30:40], values[10:20, 50:60] = 1, 257, 65535
    record = one(png(values), instances=Instances.COLOURS)
    assert [finding.finding_id for finding in record.findings] == ["1", "257", "65535"]
    naive = np.unique(values.astype(np.uint8))
    assert len(naive) == 3  # with 0: 257 is 1 then, and two findings are one


def test_a_palette_is_read_by_its_colours(one):
    picture = Image.fromarray(grey(disc(50, 60, 20), 1) + grey(disc(120, 50, 10), 2)).convert("P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 128, 0])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    record = one(buffer.getvalue(), instances=Instances.COLOURS)
    assert [finding.finding_id for finding in record.findings] == ["#008000", "#ff0000"]
    np.testing.assert_array_equal(pixels(record.findings[1]), disc(50, 60, 20))


def test_colours_get_the_meaning_that_the_user_gives(one):
    values = np.dstack([grey(disc(50, 60, 20)), grey(disc(120, 50, 10)), grey(disc(0, 0, 0))])
    meanings = ("#ff0000=malignancy/malignant", "#00ff00=lymph-node")
    record = one(png(values), instances=Instances.COLOURS, category=meanings)
    said = {finding.finding_id: (finding.structure, finding.labels) for finding in record.findings}
    assert said == {
        "#00ff00": (Structure.LYMPH_NODE, ()),
        "#ff0000": (Structure.NODULE, (Label(value=Malignancy.MALIGNANT),)),
    }
    with pytest.raises(CaseError, match="#00ff00") as caught:
        one(png(values), instances=Instances.COLOURS, category=meanings[:1])
    assert "--category '#00ff00=nodule'" in caught.value.hint


def test_a_jpeg_is_not_read_by_its_values_which_compression_has_invented(one):
    mask = jpeg_bytes(grey(disc(70, 50, 25)), quality=60)
    with Image.open(io.BytesIO(mask)) as picture:
        assert len(np.unique(np.array(picture))) > 20  # each grey level a class, naively
    with pytest.raises(CaseError, match="JPEG"):
        one(mask, suffix="jpg", instances=Instances.COLOURS)


def test_a_picture_among_the_masks_is_refused(one):
    noise = np.random.default_rng(1).integers(0, 65536, (HEIGHT, WIDTH)).astype(np.uint16)
    with pytest.raises(CaseError, match=f"past the limit of {MAX_VALUES}"):
        one(png(noise), instances=Instances.COLOURS)
    dots = np.zeros((HEIGHT, WIDTH), np.uint8)
    dots[::2, ::2] = 255
    with pytest.raises(CaseError, match=f"more than {MAX_PARTS} parts"):
        one(png(dots), instances=Instances.COMPONENTS)


# ---------------------------------------------------------------- folders and settings


def test_masks_may_lie_beside_their_images_with_a_suffix(tmp_path):
    (tmp_path / "all").mkdir()
    (tmp_path / "all/12.png").write_bytes(png(grey(disc(60, 60, 20))))
    (tmp_path / "all/12_mask.png").write_bytes(png(grey(disc(60, 60, 20))))
    converter = Masks(MasksSettings(images="all", masks="all", mask_suffix="_mask"))
    (item,) = converter.items(Raw(tmp_path))
    assert [file.path for file in item.files] == ["all/12_mask.png", "all/12.png"]
    with pytest.raises(UsageError, match="tells masks from images"):
        MasksSettings(images="all", masks="./all/".removeprefix("./"))


def test_the_source_itself_may_hold_the_images(tmp_path):
    (tmp_path / "seg").mkdir()
    (tmp_path / "12.png").write_bytes(png(grey(disc(60, 60, 20))))
    (tmp_path / "seg/12.png").write_bytes(png(grey(disc(60, 60, 20))))
    (item,) = Masks(MasksSettings(images=".", masks="seg")).items(Raw(tmp_path))
    assert [file.path for file in item.files] == ["seg/12.png", "12.png"]


def test_what_the_images_are_of_comes_from_their_paths(folder, tmp_path):
    settings = MasksSettings(group="^images/(?:left/)?([0-9]+)", group_kind=GroupKind.CASE)
    result = convert(Masks(settings), folder, tmp_path)
    groups = {record.image_id: record.group_id for record in result.records}
    assert groups["masks/images/11"] == groups["masks/images/left/11"] == "masks/11"
    assert {record.group_kind for record in result.records} == {GroupKind.CASE}


def test_a_meaning_of_values_that_are_not_read_is_refused():
    with pytest.raises(UsageError, match="--instances colours"):
        MasksSettings(category=("1=nodule",))
    with pytest.raises(UsageError, match="maps no category"):
        Masks(MasksSettings(category=("nodule",), instances=Instances.COLOURS))


def test_a_folder_without_masks_is_refused(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/1.png").write_bytes(png(grey(disc(60, 60, 20))))
    with pytest.raises(RawLayoutError, match="no masks"):
        list(Masks().items(Raw(tmp_path)))


def test_the_whole_folder_becomes_a_dataset(folder, tmp_path):
    done = convert_dataset("masks", folder, tmp_path / "out")
    assert done.images == 12
    assert [str(s.value) for s in done.dataset.manifest.counts if s.what == "categories"] == ["nodule"]


def test_published_pairs_are_read_pixel_for_pixel(samples):
    """The re-cut of DDTI that other papers ship is a folder of images and masks."""
    converter = Masks(MasksSettings(images="image", masks="mask"))
    items = list(converter.items(Raw(samples / "ddti637")))
    assert len(items) == 382
    for item in items:
        (sample,) = converter.samples(item)
        with Image.open(samples / "ddti637" / item.masks[0].path) as picture:
            drawn = np.array(picture) == 255
        assert np.array_equal(sum(map(pixels, sample.record.findings), np.zeros(drawn.shape, int)), drawn)


# ---------------------------------------------------------------- laws

areas = st.integers(1, 9).flatmap(
    lambda height: st.integers(1, 9).flatmap(
        lambda width: st.lists(
            st.lists(st.integers(0, 3), min_size=width, max_size=width), min_size=height, max_size=height
        )
    )
)
within_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@within_one_folder
@given(areas)
def test_findings_by_colours_cover_each_pixel_that_is_not_0_once(one, area):
    """What is read by values gives the mask back when each value is put where its finding is."""
    values = np.array(area, np.uint8)
    record = one(png(values), png(values), instances=Instances.COLOURS)
    again = np.zeros_like(values)
    for finding in record.findings:
        assert not again[pixels(finding)].any()
        again[pixels(finding)] = int(finding.finding_id)
    np.testing.assert_array_equal(again, values)


@within_one_folder
@given(areas)
def test_components_cover_what_one_finding_covers(one, area):
    """The components of a mask are disjoint, connected, and together the whole mask."""
    values = np.array(area, np.uint8) * 85
    whole = values > 127
    parts = (
        one(png(values), png(values), instances=Instances.COMPONENTS, threshold=127) if whole.any() else None
    )
    found = [pixels(finding) for finding in parts.findings] if parts else []
    assert len(found) == len(flooded(whole))
    assert np.array_equal(sum(found, np.zeros(whole.shape, int)), whole)


def test_a_split_by_an_identity_that_is_not_said_is_refused_before_anything_is_written(folder, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(SplitError, match="does not name patients"):
        convert_dataset("masks", folder, out, by="patient")
    assert list(tmp_path.iterdir()) == []
    said = MasksSettings(group="([^/]*)$", group_kind=GroupKind.PATIENT)
    made = convert_dataset("masks", folder, out, by="patient", settings=said)
    assert made.dataset.split_report()["grouped_by"] == ["patient"]
