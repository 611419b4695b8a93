"""Deriving: pixels and outlines stay together, nothing is lost unsaid, and workers change no byte."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from curated import content, make_parent, unchanged
from toy import finding, make_dataset, record

import thyrodata
from thyrodata.change import sums_sha256
from thyrodata.curation.derive import derive
from thyrodata.dataset import Dataset
from thyrodata.derivation.affine import Affine, to_frame
from thyrodata.derivation.despeckle import FILTERS, despeckle
from thyrodata.derivation.extents import Margin
from thyrodata.echo import Doubt, find_echo
from thyrodata.errors import CaseError, DatasetError, OutputError, UsageError
from thyrodata.io.images import decode_image
from thyrodata.io.masks import decode_mask, encode_mask
from thyrodata.io.png import encode_png
from thyrodata.partition import SplitPlan, add_split, audit_dataset
from thyrodata.phantoms import PhantomSpec, jpeg_bytes, phantom
from thyrodata.schema.geometry import Box, Calipers, Line, Mask, Polygon, PolygonPart
from thyrodata.schema.record import (
    Acquisition,
    CropLedger,
    Finding,
    ImageRecord,
    ImageRef,
    Nodule,
    Read,
    Reading,
)
from thyrodata.schema.vocab import Coverage, Modality, Structure

SQUARE = ((20.0, 30.0), (60.0, 30.0), (60.0, 50.0), (20.0, 50.0))


def shown(
    name: str, pixels: np.ndarray, *findings: Finding, data: bytes | None = None, **fields: Any
) -> tuple[ImageRecord, bytes]:
    """A record with the image file that its pixels make."""
    data = data or encode_png(pixels)
    suffix = fields.pop("suffix", "png")
    image = ImageRef(
        width=pixels.shape[1],
        height=pixels.shape[0],
        path=f"images/{name}.{suffix}",
        sha256=sha256(data).hexdigest(),
        bit_depth=pixels.dtype.itemsize * 8,
        spacing_mm=fields.pop("spacing_mm", None),
        crop=fields.pop("crop", None),
    )
    readings = fields.pop("readings", (Reading(),))
    return replace(record(name, readings=readings), image=image, findings=findings, **fields), data


def parent_of(folder: Path, *pairs: tuple[ImageRecord, bytes]) -> Dataset:
    files = {each.image.path: data for each, data in pairs if each.image.path}
    dataset = make_dataset(folder, [each for each, _ in pairs], files)
    add_split(dataset, SplitPlan())
    return Dataset(folder)


def only(dataset: Dataset | None) -> tuple[ImageRecord, np.ndarray]:
    """The one record of a dataset and its pixels."""
    assert dataset
    (found,) = dataset.records()
    return found, pixels_of(dataset, found)


def pixels_of(dataset: Dataset, found: ImageRecord) -> np.ndarray:
    data = dataset.image_bytes(found)
    assert data
    return decode_image(data, "")


def area(ring: Any) -> Polygon:
    return Polygon(parts=(PolygonPart(exterior=ring),))


def bright_square() -> np.ndarray:
    pixels = np.full((90, 120), 40, np.uint8)
    pixels[30:50, 20:60] = 240
    return pixels


# ---------------------------------------------------------------- outlines and pixels stay together


@pytest.mark.parametrize(
    "steps",
    [
        {"resize": "240x90"},
        {"letterbox": "200x200"},
        {"crop": "nodule+margin", "margin": "7"},
        {"crop": "nodule+margin", "margin": "15%", "letterbox": "64x64"},
        {"crop": "nodule+margin", "margin": "10", "resize": "31x77"},
    ],
)
def test_a_bright_square_lies_where_its_outline_says(tmp_path: Path, steps: dict[str, str]) -> None:
    mask = np.zeros((90, 120), np.bool_)
    mask[30:50, 20:60] = True
    box = Box(x=20, y=30, width=40, height=20)
    calipers = Calipers(long=((20, 40), (60, 40)), short=((40, 30), (40, 50)))
    drawn = finding("1", area(SQUARE), box, encode_mask(mask), calipers, Line(points=SQUARE[:2]))
    parent = parent_of(tmp_path / "d", shown("a", bright_square(), drawn))
    new, pixels = only(derive(parent, tmp_path / "o", **steps).revision.dataset)
    (found,) = new.findings
    geometries = {type(geometry): geometry for geometry in found.geometries}
    bright = pixels > 140  # halfway between the square and its ground
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    x0, y0, x1, y1 = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    polygon, mapped = geometries[Polygon], geometries[Mask]
    assert isinstance(polygon, Polygon)
    assert isinstance(mapped, Mask)
    x, y, width, height = polygon.bbox_xywh_px
    assert np.abs(np.subtract((x, y, x + width, y + height), (x0, y0, x1, y1))).max() <= 0.51
    assert geometries[Box].bbox_xywh_px == pytest.approx(polygon.bbox_xywh_px)  # type: ignore[union-attr]
    assert np.count_nonzero(decode_mask(mapped) ^ bright) <= 2 * (x1 - x0 + y1 - y0)
    assert geometries[Line] == Line(points=polygon.parts[0].exterior[:2])
    assert geometries[Calipers].bbox_xywh_px == pytest.approx(polygon.bbox_xywh_px)  # type: ignore[union-attr]
    ring = [to_frame(new.image).point(point) for point in polygon.parts[0].exterior]
    assert np.allclose(ring, SQUARE, atol=1e-6)


def test_an_image_derived_twice_maps_to_its_frame(tmp_path: Path) -> None:
    parent = parent_of(
        tmp_path / "d", shown("a", bright_square(), finding("1", area(SQUARE)), spacing_mm=(0.1, 0.2))
    )
    once = derive(parent, tmp_path / "1", letterbox="300x300").revision.dataset
    assert once
    twice = derive(once, tmp_path / "2", crop="nodule+margin", margin="4", resize="50x80").revision.dataset
    new, pixels = only(twice)
    (geometry,) = new.findings[0].geometries
    assert isinstance(geometry, Polygon)
    ring = [to_frame(new.image).point(point) for point in geometry.parts[0].exterior]
    assert np.allclose(ring, SQUARE, atol=1e-6)
    assert new.image.crop == CropLedger(
        source_width=120,
        source_height=90,
        kept_box=(0, 0, 120, 90),
        frame_key=next(parent.records()).image.sha256 or "",
    )
    scaling = new.image.scaling
    assert scaling
    assert (scaling.source_width, scaling.source_height) == (120, 90)
    # 300 / 120 = 2.5 px per px; the square becomes 100 x 50 px, and with the margin 108 x 58.
    assert scaling.scale_x == pytest.approx(2.5 * 50 / 108)
    assert scaling.scale_y == pytest.approx(2.5 * 80 / 58)
    assert new.image.spacing_mm == pytest.approx((0.1 / scaling.scale_y, 0.2 / scaling.scale_x))
    assert pixels[40, 25] == 240


@pytest.mark.parametrize(
    ("margin", "box"),
    [
        ("0", (20, 30, 60, 50)),
        ("7", (13, 23, 67, 57)),
        ("15%", (14, 24, 66, 56)),  # of 40 px
        ("12.6%", (14, 24, 66, 56)),  # 5.04 px are six
        ("50%", (0, 10, 80, 70)),
        ("999999", (0, 0, 120, 90)),
    ],
)
def test_a_margin_is_in_pixels_or_a_share_of_the_longer_side(
    tmp_path: Path, margin: str, box: tuple[int, int, int, int]
) -> None:
    parent = parent_of(tmp_path / "d", shown("a", bright_square(), finding("1", area(SQUARE))))
    new, _ = only(derive(parent, tmp_path / "o", crop="nodule+margin", margin=margin).revision.dataset)
    assert new.image.crop
    assert new.image.crop.kept_box == box


def test_seven_hundredths_of_a_hundred_pixels_are_seven() -> None:
    assert 0.07 * 100 > 7
    assert Margin(share=0.07).of((0, 0, 100, 50)) == 7


def test_a_crop_of_a_crop_is_a_crop_of_the_frame(tmp_path: Path) -> None:
    ledger = CropLedger(
        source_width=500,
        source_height=400,
        kept_box=(100, 50, 220, 140),
        blanked_boxes=((0, 0, 50, 20),),
        frame_key="frame 7",
    )
    parent = parent_of(
        tmp_path / "d",
        shown("a", bright_square(), finding("1", area(SQUARE)), spacing_mm=(0.1, 0.2), crop=ledger),
    )
    new, pixels = only(derive(parent, tmp_path / "o", crop="nodule+margin", margin="5").revision.dataset)
    assert new.image.crop == replace(ledger, kept_box=(115, 75, 165, 105))
    assert new.image.scaling is None
    assert new.image.spacing_mm == (0.1, 0.2)
    assert np.array_equal(pixels, bright_square()[25:55, 15:65])
    assert to_frame(new.image) == Affine(offset_x=115, offset_y=75)


def test_twins_stay_in_one_part_whatever_their_crops(tmp_path: Path) -> None:
    pairs = []
    for case in range(30):
        pixels = np.random.default_rng(case // 2).integers(0, 256, (40, 50), np.uint8)
        box = Box(x=case % 7, y=case % 5, width=12, height=9)
        pairs.append(shown(f"{case}", pixels, finding("1", box)))
    parent = parent_of(tmp_path / "d", *pairs)
    made = derive(parent, tmp_path / "o", crop="nodule+margin", margin="2").revision.dataset
    assert made
    assert made.split() == parent.split()
    add_split(made, SplitPlan(name="new", seed=5))
    parts = {image_id: part for part, ids in made.split("new").items() for image_id in ids}
    assert all(parts[f"toy/{case}"] == parts[f"toy/{case + 1}"] for case in range(0, 30, 2))
    assert audit_dataset(made, "new") == ()


# ---------------------------------------------------------------- what is lost is said


def disc(*, x: int, y: int, size: int = 1) -> Mask:
    pixels = np.zeros((90, 120), np.bool_)
    pixels[y : y + size, x : x + size] = True
    return encode_mask(pixels)


def test_what_a_crop_does_to_findings_is_listed(tmp_path: Path) -> None:
    gland, outside = Structure.GLAND, Box(x=100, y=70, width=10, height=10)
    readings = [Reading(reader="A", coverage=Coverage.COMPLETE), Reading(reader="B")]
    by_a, by_b = (Read(reader=name) for name in "AB")
    drawn = [
        finding("whole", area(SQUARE), origin=by_a),
        finding("cut", disc(x=58, y=40, size=10), structure=gland, origin=by_a),
        finding("gone", disc(x=100, y=70, size=4), structure=gland, origin=by_b),
        finding("box left", disc(x=100, y=70, size=4), outside, structure=gland, origin=by_a),
        finding("arrow", Line(points=((5, 5), (8, 8))), structure=Structure.MARKER, origin=by_a),
    ]
    parent = parent_of(tmp_path / "d", shown("a", bright_square(), *drawn, readings=readings))
    made = derive(parent, tmp_path / "o", crop="nodule+margin", margin="2")
    new, _ = only(made.revision.dataset)
    assert [found.finding_id for found in new.findings] == ["whole", "cut", "box left", "arrow"]
    assert [remark.code for remark in new.remarks] == ["finding-left-out"]
    assert "'gone'" in new.remarks[0].text
    assert [reading.coverage for reading in new.readings] == [Coverage.COMPLETE, Coverage.PARTIAL]
    assert new.findings[2].geometries == (Box(x=82, y=42, width=10, height=10),)
    assert new.findings[3].geometries == (Line(points=((-13, -23), (-10, -20))),)
    said = json.loads((tmp_path / "o/reports/derive.json").read_bytes())
    assert said["findings"] == {"cut": 1, "given": 5, "left out": 1, "mask emptied": 2, "outside": 3}
    changed = {entry["finding_id"]: entry for entry in said["changed_findings"]}
    assert changed["cut"]["mask_pixels"] == 100
    assert changed["cut"]["mask_pixels_cut"] == 60  # columns 62 to 67 of 58 to 67
    assert changed["gone"]["left_out"]
    assert not changed["box left"]["left_out"]
    assert changed["box left"]["mask_emptied"]
    assert changed["arrow"]["reach"] == "outside"
    assert any("shown where the nodule is" in note for note in said["notes"])
    assert any("none of them is a negative" in note for note in said["notes"])


def test_a_nodule_too_small_to_be_seen_makes_no_negative(tmp_path: Path) -> None:
    complete = [Reading(coverage=Coverage.COMPLETE)]
    parent = parent_of(
        tmp_path / "d", shown("a", bright_square(), finding("1", disc(x=31, y=31)), readings=complete)
    )
    new, _ = only(derive(parent, tmp_path / "o", resize="12x9").revision.dataset)
    assert new.findings == ()
    assert new.coverage is Coverage.PARTIAL
    assert "nodule '1' has no pixel left" in new.remarks[0].text


def test_sizes_in_mm_stay(tmp_path: Path) -> None:
    nodule = Nodule(nodule_id="n", size_mm=(8.0, None, 5.5))
    pair = shown("a", bright_square(), spacing_mm=(0.1, 0.2), nodules=(nodule,))
    new, _ = only(derive(parent_of(tmp_path / "d", pair), tmp_path / "o", resize="60x30").revision.dataset)
    assert new.nodules == (nodule,)
    assert new.image.spacing_mm == pytest.approx((0.3, 0.4))


def test_images_without_a_nodule_are_refused_or_kept_whole(tmp_path: Path) -> None:
    gland = finding("1", Box(x=5, y=5, width=9, height=9), structure=Structure.GLAND)
    marker = finding("1", Box(x=5, y=5, width=9, height=9), structure=Structure.MARKER)
    outside = finding("1", Box(x=500, y=5, width=9, height=9))
    pairs = [
        shown("a", bright_square(), finding("1", area(SQUARE))),
        *(shown(f"b{n}", bright_square(), each) for n, each in enumerate((gland, marker, outside))),
        shown("c", bright_square()),
    ]
    parent = parent_of(tmp_path / "d", *pairs)
    before = sorted(tmp_path.iterdir())
    asked = {"crop": "nodule+margin", "margin": "0"}
    with pytest.raises(DatasetError, match="4 images in which no nodule or lesion is drawn") as refused:
        derive(parent, tmp_path / "o", **asked)
    assert "--keep-uncropped" in refused.value.hint
    assert sorted(tmp_path.iterdir()) == before
    made = derive(parent, tmp_path / "o", keep_uncropped=True, **asked)
    assert made.to_json()["steps"]["crop"] == {"cropped": 1, "kept whole": 4}
    assert [each["image_id"] for each in made.to_json()["kept_whole"]] == [
        "toy/b0",
        "toy/b1",
        "toy/b2",
        "toy/c",
    ]
    assert made.revision.dataset
    sizes = [(each.image.width, each.image.height) for each in made.revision.dataset.records()]
    assert sizes == [(40, 20), *[(120, 90)] * 4]


# ---------------------------------------------------------------- the echo region


def screen(seed: int, **fields: Any) -> Any:
    return phantom(PhantomSpec(seed=seed, **fields))


@pytest.mark.parametrize("seed", range(24))
def test_the_echo_region_of_a_phantom_is_found(seed: int) -> None:
    width, height = [(560, 360), (640, 480), (400, 300), (1024, 768)][seed % 4]
    drawn = screen(seed, width=width, height=height, dual=seed % 5 == 0, calipers=("x", None)[seed % 2])
    found = find_echo(drawn.pixels)
    assert not isinstance(found, Doubt)
    assert np.abs(np.subtract(found, drawn.echo_box)).max() <= 2


def test_an_echo_region_that_is_not_sure_is_none() -> None:
    noise = np.random.default_rng(0).integers(20, 200, (300, 400), np.uint8)
    black = np.zeros((300, 400), np.uint8)
    assert find_echo(black) is Doubt.NONE
    small, two, ring = black.copy(), black.copy(), black.copy()
    small[10:60, 10:60] = noise[10:60, 10:60]
    assert find_echo(small) is Doubt.SMALL
    two[50:250, 10:180] = noise[50:250, 10:180]
    two[50:250, 230:390] = noise[50:250, 230:390]
    assert find_echo(two) is Doubt.SEVERAL
    rows, columns = np.mgrid[:300, :400]
    band = np.abs(rows * 4 - columns * 3) < 200
    ring[band] = noise[band]
    assert find_echo(ring) is Doubt.RAGGED
    assert find_echo(noise) == (0, 0, 400, 300)
    deep = np.zeros((300, 400), np.uint16)
    deep[40:260, 60:340] = noise[40:260, 60:340].astype(np.uint16) * 257
    assert find_echo(deep) == (60, 40, 340, 260)


def test_an_echo_crop_cuts_no_outline(tmp_path: Path) -> None:
    drawn = screen(3)
    x0, y0 = drawn.echo_box[:2]
    inside = finding("1", Box(x=x0 + 30, y=y0 + 30, width=40, height=40))
    leaning = finding("1", Box(x=x0 - 12.5, y=y0 + 30, width=60, height=40))
    caption = finding("2", Box(x=2, y=2, width=9, height=3), structure=Structure.MARKER)
    noise = np.random.default_rng(0).integers(20, 200, (300, 400), np.uint8)
    data = jpeg_bytes(drawn.pixels)
    pairs = [
        shown("a", drawn.pixels, inside, caption, data=data, suffix="jpg"),
        shown("b", drawn.pixels, leaning, data=data, suffix="jpg"),
        shown("c", noise),
        shown("d", np.zeros_like(noise)),
    ]
    parent = parent_of(tmp_path / "d", *pairs)
    made = derive(parent, tmp_path / "o", crop="echo", workers=2)
    said = made.to_json()
    assert said["steps"]["crop"] == {"cropped": 2, "extended to hold findings": 1, "kept whole": 2}
    assert said["extended"] == ["toy/b"]
    assert said["kept_whole"] == [
        {"image_id": "toy/c", "why": "echo fills the picture"},
        {"image_id": "toy/d", "why": "nothing but black"},
    ]
    assert made.revision.dataset
    a, b, c, d = made.revision.dataset.records()
    assert a.image.crop
    assert b.image.crop
    assert np.abs(np.subtract(a.image.crop.kept_box, drawn.echo_box)).max() <= 2
    assert b.image.crop.kept_box[0] == x0 - 13
    assert b.findings[0].geometries[0].bbox_xywh_px[0] == 0.5  # type: ignore[union-attr]
    for kept, (old, data) in zip((c, d), pairs[2:], strict=True):
        assert made.revision.dataset.image_bytes(kept) == data
        assert kept.image == replace(old.image, crop=kept.image.crop)
        assert kept.image.crop
        assert kept.image.crop.frame_key == old.image.sha256
    assert a.image.path == "images/a.png"
    assert a.image.crop.frame_key == b.image.crop.frame_key == pairs[0][0].image.sha256


def test_only_ultrasound_has_an_echo_region(tmp_path: Path) -> None:
    parent = parent_of(tmp_path / "d", shown("a", bright_square(), modality=Modality.CT))
    with pytest.raises(DatasetError, match="1 image of another modality"):
        derive(parent, tmp_path / "o", crop="echo")


# ---------------------------------------------------------------- greys, windows, bits


def ramp(modality: Modality = Modality.CT, **fields: Any) -> tuple[ImageRecord, bytes]:
    pixels = np.linspace(0, 65535, 12 * 16).reshape(12, 16).astype(np.uint16)
    return shown("a", pixels, modality=modality, **fields)


def test_a_window_makes_8_bits_and_is_written_down(tmp_path: Path) -> None:
    parent = parent_of(tmp_path / "d", ramp())
    made = derive(parent, tmp_path / "o", window="-175,275", hu_offset=-32768)
    new, pixels = only(made.revision.dataset)
    stored = np.linspace(0, 65535, 12 * 16).reshape(12, 16).astype(np.uint16).astype(float)
    expected = np.rint(np.clip((stored - 32768 + 175) / 450, 0, 1) * 255)
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, expected)
    assert new.image.bit_depth == 8
    assert new.acquisition == Acquisition(window_hu=(-175, 275))
    assert made.to_json()["steps"]["window"] == {"windowed": 1}
    assert made.revision.dataset
    assert made.revision.dataset.manifest.operations[-1].settings[0].value == (
        "-175.0,275.0 HU, stored value 0 is -32768 HU"
    )


def test_the_window_of_each_record(tmp_path: Path) -> None:
    stated = Acquisition(window_hu=(-100.0, 200.0), slice_spacing_mm=5.0)
    eight = shown("b", bright_square(), modality=Modality.CT, acquisition=stated)
    parent = parent_of(tmp_path / "d", ramp(acquisition=stated), eight)
    made = derive(parent, tmp_path / "o", window="per-row", hu_offset=-1024)
    assert made.to_json()["steps"]["window"] == {"of 8 bits already": 1, "windowed": 1}
    assert made.revision.dataset
    a, b = made.revision.dataset.records()
    assert (a.acquisition, b.acquisition) == (stated, stated)
    assert made.revision.dataset.image_bytes(b) == eight[1]
    stored = np.linspace(0, 65535, 12 * 16).reshape(12, 16).astype(np.uint16).astype(float)
    expected = np.rint(np.clip((stored - 1024 + 100) / 300, 0, 1) * 255)
    assert np.array_equal(pixels_of(made.revision.dataset, a), expected)


@pytest.mark.parametrize(
    ("pair", "steps", "message"),
    [
        (ramp(), {"window": "per-row", "hu_offset": 0.0}, "1 image of more than 8 bits and without"),
        (ramp(Modality.ULTRASOUND), {"window": "0,1", "hu_offset": 0.0}, "of more than 8 bits but not of CT"),
        (ramp(), {"bits": 8}, "1 image of CT with more than 8 bits"),
        ((record("a"), b""), {"grey": True}, "1 image without an image file"),
    ],
)
def test_what_cannot_be_is_refused_with_its_number(
    tmp_path: Path, pair: tuple[ImageRecord, bytes], steps: dict[str, Any], message: str
) -> None:
    parent = parent_of(tmp_path / "d", pair)
    before = sorted(tmp_path.iterdir())
    with unchanged(parent.path), pytest.raises(DatasetError, match=message) as refused:
        derive(parent, tmp_path / "o", **steps)
    assert "toy/a" in refused.value.message
    assert (refused.value.where, bool(refused.value.hint)) == (str(parent.path), True)
    assert sorted(tmp_path.iterdir()) == before


def test_16_bits_stay_16_bits(tmp_path: Path) -> None:
    parent = parent_of(tmp_path / "d", ramp())
    new, pixels = only(derive(parent, tmp_path / "o", resize="32x24").revision.dataset)
    assert (pixels.dtype, pixels.shape, new.image.bit_depth) == (np.uint16, (24, 32), 16)
    assert pixels.max() == 65535
    assert len(np.unique(pixels)) > 256


def test_bits_are_scaled_over_their_full_range(tmp_path: Path) -> None:
    parent = parent_of(tmp_path / "d", ramp(Modality.ULTRASOUND))
    eight = derive(parent, tmp_path / "8", bits=8).revision.dataset
    assert eight
    stored = np.linspace(0, 65535, 12 * 16).reshape(12, 16).astype(np.uint16).astype(float)
    assert np.array_equal(only(eight)[1], np.rint(stored * 255 / 65535))
    new, pixels = only(derive(eight, tmp_path / "16", bits=16).revision.dataset)
    assert new.image.bit_depth == 16
    assert np.array_equal(pixels, only(eight)[1].astype(int) * 257)


def test_colours_become_luma_and_are_counted(tmp_path: Path) -> None:
    flow = np.zeros((90, 120, 3), np.uint8)
    flow[20:40, 30:50] = (200, 30, 90)
    equal = np.repeat(bright_square()[..., np.newaxis], 3, axis=2)
    pairs = [shown("a", flow), shown("b", equal), shown("c", bright_square())]
    parent = parent_of(tmp_path / "d", *pairs)
    made = derive(parent, tmp_path / "o", grey=True)
    said = made.to_json()
    assert said["steps"]["grey"] == {"grey already": 1, "lost colours": 1, "made grey": 2}
    assert said["coloured"] == ["toy/a"]
    assert made.revision.dataset
    a, b, c = made.revision.dataset.records()
    assert pixels_of(made.revision.dataset, a)[30, 40] == round(0.299 * 200 + 0.587 * 30 + 0.114 * 90)
    assert np.array_equal(pixels_of(made.revision.dataset, b), bright_square())
    assert made.revision.dataset.image_bytes(c) == pairs[2][1]
    with pytest.raises(CaseError, match="not stored with 16 bits") as refused:
        derive(parent, tmp_path / "p", bits=16)
    assert refused.value.where == "toy/a"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "o"]


# ---------------------------------------------------------------- speckle


def test_filters_are_those_of_their_libraries(tmp_path: Path) -> None:
    speckled = np.random.default_rng(1).rayleigh(60, (60, 70)).clip(0, 255).astype(np.uint8)
    expected = np.array(
        [
            [
                np.median([speckled[_mirror(r + i, 60), _mirror(c + j, 70)] for i in SPAN for j in SPAN])
                for c in range(70)
            ]
            for r in range(60)
        ]
    )
    assert np.array_equal(despeckle(speckled, "median"), expected)
    for name in FILTERS:
        filtered = despeckle(speckled, name)
        assert filtered.dtype == np.uint8
        assert filtered.std() < 0.95 * speckled.std(), name
        assert abs(filtered.mean() - speckled.mean()) < 4, name
        assert np.array_equal(despeckle(np.full((20, 20), 77, np.uint8), name), np.full((20, 20), 77)), name
        deep = despeckle(speckled.astype(np.uint16) * 257, name)
        assert np.abs(deep / 257 - filtered).max() < (1 if name == "median" else 40)


SPAN = range(-2, 3)


def _mirror(index: int, length: int) -> int:
    return -index - 1 if index < 0 else 2 * length - index - 1 if index >= length else index


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FILTERS))
def test_a_filter_does_the_same_on_any_number_of_workers(tmp_path: Path, name: str) -> None:
    parent = make_parent(tmp_path / "d")
    for out, workers in (("a", 1), ("b", 2)):
        derive(parent, tmp_path / out, despeckle=name, workers=workers)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    settings = Dataset(tmp_path / "a").manifest.operations[-1].settings
    assert settings[0].value == f"{name}: {FILTERS[name].parameters}"


def test_a_wrong_filter_is_answered_with_those_that_there_are(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "d")
    with pytest.raises(UsageError) as refused:
        derive(parent, tmp_path / "o", despeckle="list")
    for name, each in FILTERS.items():
        assert f"{name}: {each.citation}" in refused.value.hint


# ---------------------------------------------------------------- the framework


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_workers(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "d", cases=160)  # more than one chunk
    steps = {"crop": "nodule+margin", "margin": "50%", "letterbox": "20x20"}
    with unchanged(parent.path):
        for out, workers in (("a", 1), ("b", 2)):
            derive(parent, tmp_path / out, workers=workers, **steps)  # type: ignore[arg-type]
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert (tmp_path / "a/SHA256SUMS").read_bytes() == (tmp_path / "b/SHA256SUMS").read_bytes()
    made = Dataset(tmp_path / "a")
    assert made.verify() == ()
    (step,) = made.manifest.operations
    assert (step.name, [setting.name for setting in step.settings]) == ("derive", ["crop", "letterbox"])
    assert [each.sha256 for each in step.parents] == [sums_sha256(parent)]


def test_a_dry_run_says_all_and_writes_nothing(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "d")
    before = content(tmp_path)
    steps = {"crop": "nodule+margin", "margin": "3", "grey": True, "resize": "8x8"}
    dry = derive(parent, tmp_path / "o", dry_run=True, **steps)  # type: ignore[arg-type]
    assert content(tmp_path) == before
    assert dry.revision.dataset is None
    made = derive(parent, tmp_path / "o", **steps)  # type: ignore[arg-type]
    assert dry.to_json() | {"dry_run": False} == made.to_json()


def test_an_image_that_no_step_changes_keeps_its_file(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "d", cases=3)
    made = derive(parent, tmp_path / "o", resize="16x12", link=True).revision.dataset
    assert made
    assert made.manifest.encoder is None
    for old, new in zip(parent.records(), made.records(), strict=True):
        assert new.image.path == old.image.path
        assert new.image.path
        assert (made.path / new.image.path).samefile(parent.path / new.image.path)


def test_files_that_differ_in_their_suffix_do_not_collide(tmp_path: Path) -> None:
    pixels = bright_square()
    png = shown("a", pixels)
    jpg, data = shown("a", pixels, data=jpeg_bytes(pixels), suffix="jpg")
    capital, other = shown("A", pixels[::-1].copy())
    parent = parent_of(tmp_path / "d", (replace(jpg, image_id="toy/j"), data), png, (capital, other))
    made = derive(parent, tmp_path / "o", resize="30x20").revision.dataset
    assert made
    paths = [each.image.path for each in made.records()]
    assert len({path.casefold() for path in paths if path}) == 3
    assert made.verify() == ()


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "d")
    file = parent.path / "images/3_a.png"
    file.write_bytes(file.read_bytes()[:-9])
    for steps in ({"grey": True}, {"resize": "8x8"}):
        with pytest.raises(DatasetError, match="differs from its checksum") as refused:
            derive(parent, tmp_path / "o", **steps)  # type: ignore[arg-type]
        assert refused.value.where == str(file)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d"]


def test_a_record_that_contradicts_itself_is_named(tmp_path: Path) -> None:
    wrong, data = shown("a", bright_square())
    ledger = CropLedger(source_width=9, source_height=9, kept_box=(0, 0, 9, 9), frame_key="k")
    parent = parent_of(tmp_path / "d", (replace(wrong, image=replace(wrong.image, crop=ledger)), data))
    with pytest.raises(CaseError, match="crop ledger is of 9 x 9 px") as refused:
        derive(parent, tmp_path / "o", resize="8x8")
    assert refused.value.where == "toy/a"
    other = replace(wrong, image=replace(wrong.image, width=60))
    parent = parent_of(tmp_path / "e", (other, data))
    with pytest.raises(CaseError, match="120 x 90 px, its record says 60 x 90"):
        derive(parent, tmp_path / "o", resize="8x8")
    far = finding("1", Box(x=900_000, y=0, width=1, height=1))
    parent = parent_of(tmp_path / "f", shown("a", bright_square(), far))
    with pytest.raises(CaseError, match="beyond 1000000 px") as refused:
        derive(parent, tmp_path / "o", resize="1200x90")
    assert refused.value.where == "toy/a"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "e", "f"]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ({}, "nothing to do"),
        ({"crop": "face"}, "no crop 'face'"),
        ({"crop": "nodule+margin"}, "how wide"),
        ({"crop": "nodule+margin", "margin": "-3"}, "no margin"),
        ({"crop": "nodule+margin", "margin": "nan%"}, "no margin"),
        ({"crop": "nodule+margin", "margin": "1.5"}, "no margin"),
        ({"crop": "nodule+margin", "margin": "٣"}, "no margin"),
        ({"crop": "echo", "margin": "3"}, "belongs to"),
        ({"grey": True, "keep_uncropped": True}, "belongs to"),
        ({"window": "5,1", "hu_offset": 0.0}, "empty"),
        ({"window": "16bit", "hu_offset": 0.0}, "no window"),
        ({"window": "0,1"}, "needs to know"),
        ({"hu_offset": 1.0}, "without a window"),
        ({"window": "0,1", "hu_offset": 0.0, "bits": 8}, "a window makes 8 bits"),
        ({"resize": "8x8", "letterbox": "8x8"}, "not both"),
        ({"resize": "8"}, "no size"),
        ({"resize": "0x8"}, "no size"),
        ({"resize": "8x8x8"}, "no size"),
        ({"letterbox": "1000000000x1000000000"}, "no size"),
        ({"letterbox": "999999x999999"}, "more than the 67108864 pixels"),
        ({"bits": 12}, "12 bits"),
    ],
)
def test_what_cannot_be_asked_for(tmp_path: Path, steps: dict[str, Any], message: str) -> None:
    parent = make_parent(tmp_path / "d", cases=3)
    with pytest.raises(UsageError, match=message) as refused:
        derive(parent, tmp_path / "o", **steps)
    assert refused.value.hint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d"]


def test_the_output_may_not_lie_in_the_parent(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "d", cases=3)
    with unchanged(parent.path), pytest.raises(OutputError, match="inside the source"):
        derive(parent, parent.path / "o", grey=True)


# ---------------------------------------------------------------- the command


def test_the_command_prints_the_account(tmp_path: Path, command: Any) -> None:
    parent = make_parent(tmp_path / "d")
    steps = ["--crop", "nodule+margin", "--margin", "20%", "--letterbox", "32x32"]
    dry = command("derive", parent.path, "-o", tmp_path / "o", *steps, "--dry-run")
    assert (dry.code, dry.err) == (0, "")
    assert "would write 24 images" in dry.out
    assert not (tmp_path / "o").exists()
    ran = command("derive", parent.path, "-o", tmp_path / "o", *steps)
    assert (ran.code, ran.err) == (0, "")
    assert "shown where the nodule is" in ran.out
    assert "width 32 to 32 px" in ran.out
    said = command("derive", parent.path, "-o", tmp_path / "o", *steps, "--json", "--overwrite")
    account = json.loads((tmp_path / "o/reports/derive.json").read_bytes())
    assert json.loads(said.out) == {
        "out": str(tmp_path / "o"),
        "dry_run": False,
        "image_bytes": sum(file.stat().st_size for file in (tmp_path / "o/images").iterdir()),
        **account,
    }
    wrong = command("derive", parent.path, "-o", tmp_path / "p", "--window", "-175,275")
    assert wrong.code == 2
    assert "--hu-offset" in wrong.err


# ---------------------------------------------------------------- published samples


@pytest.mark.slow
def test_the_echo_regions_of_published_pictures(samples: Path, tmp_path: Path) -> None:
    """Of DDTI's screens nearly all are cut, no outline is, and a picture that is no sure case stays whole."""
    thyrodata.convert("ddti", samples / "ddti", tmp_path / "d", on_error="skip", max_skipped=1.0)
    made = derive(tmp_path / "d", tmp_path / "o", crop="echo", grey=True)
    said = made.to_json()
    assert said["steps"]["crop"]["cropped"] >= 0.99 * said["images"]
    assert said["findings"] == {"given": said["findings"]["given"]}
    assert made.revision.dataset
    assert made.revision.dataset.verify() == ()
    for each in made.revision.dataset.records():
        for found in each.findings:
            x, y, width, height = found.geometries[0].bbox_xywh_px  # type: ignore[union-attr]
            assert min(x, y) >= 0
            assert x + width <= each.image.width
            assert y + height <= each.image.height


def test_what_is_no_dataset_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not a thyrodata dataset"):
        derive(tmp_path / "nowhere", tmp_path / "o", grey=True)


def test_the_page_lists_every_filter() -> None:
    page = (Path(__file__).parents[1] / "docs/curation/derive.md").read_text(encoding="utf-8")
    for name, each in FILTERS.items():
        assert f"| `{name}` | {each.citation} | {each.parameters} |" in page


def test_an_image_and_what_was_derived_of_it_stay_in_one_part(tmp_path: Path) -> None:
    """Merged under other names, at another scale, where no comparison of pixels finds them."""
    parent = make_parent(tmp_path / "parent")
    thyrodata.derive(parent, tmp_path / "small", resize="8x6")
    thyrodata.merge([parent, tmp_path / "small"], tmp_path / "both", names=["-", "small"])
    both = Dataset(tmp_path / "both")
    part_of = {image: part for part, images in both.split().items() for image in images}
    originals = [name for name in part_of if name.startswith("toy/")]
    assert len(originals) == len(part_of) / 2
    assert all(part_of[name] == part_of[name.replace("toy/", "small/")] for name in originals)
    made = thyrodata.remove(both, tmp_path / "out", groups=["toy/3"])
    assert set(made.same_pictures) == {"small/3_a", "small/3_b"}
