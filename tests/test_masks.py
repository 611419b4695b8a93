"""Masks between files, pixels and run lengths, against pycocotools, numpy and scipy."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image
from pycocotools import mask as coco_mask
from scipy import ndimage

from thyrodata.errors import CaseError, SchemaError
from thyrodata.io.masks import components, decode_mask, encode_mask, read_mask
from thyrodata.io.raw import Raw
from thyrodata.schema.geometry import Mask

# pycocotools 2.0.11 decodes with a call that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIDES = st.integers(1, 24)


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    """A mask of any kind: noise, or ellipses with holes in them, somewhere, touching edges or not."""
    shape = (draw(SIDES), draw(SIDES))
    if draw(st.booleans()):
        noise: np.ndarray = draw(npst.arrays(np.bool_, shape, elements=st.booleans(), fill=st.booleans()))
        return noise
    y, x = np.mgrid[: shape[0], : shape[1]]
    mask = np.zeros(shape, bool)
    for _ in range(draw(st.integers(0, 4))):
        cy, cx = draw(st.integers(-2, 26)), draw(st.integers(-2, 26))
        distance = np.hypot(y - cy, x - cx)
        outer = draw(st.floats(0.5, 12))
        mask |= (distance < outer) & (distance >= draw(st.floats(0, outer)))
    return mask


def coco(mask: np.ndarray) -> dict[str, object]:
    """The encoding by pycocotools itself."""
    encoded: dict[str, object] = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return encoded


def check_is_coco_s(mask: np.ndarray) -> None:
    encoded = encode_mask(mask)
    assert {"size": [encoded.height, encoded.width], "counts": encoded.counts.encode()} == coco(mask)
    decoded = decode_mask(encoded)
    assert decoded.dtype == np.bool_
    np.testing.assert_array_equal(decoded, mask)


@given(masks())
def test_encoding_is_that_of_pycocotools_and_decoding_its_inverse(mask: np.ndarray) -> None:
    """Any mask is encoded byte for byte as by pycocotools, and decoded to itself."""
    check_is_coco_s(mask)


@given(masks())
def test_the_layout_of_the_array_in_memory_does_not_matter(mask: np.ndarray) -> None:
    """Rows first, columns first, reversed or a part of a larger array: equal pixels have one encoding."""
    larger = np.ones((2 * mask.shape[0], 3 * mask.shape[1]), bool)
    larger[::2, ::3] = mask
    for same in (np.asfortranarray(mask), larger[::2, ::3], mask[::-1, ::-1].copy()[::-1, ::-1]):
        assert encode_mask(same) == encode_mask(mask)


@given(masks())
def test_decoding_reads_what_pycocotools_has_written(mask: np.ndarray) -> None:
    """What pycocotools encodes is decoded as pycocotools decodes it."""
    rle = coco(mask)
    height, width = mask.shape
    decoded = decode_mask(Mask(height=height, width=width, counts=rle["counts"].decode()))  # type: ignore[attr-defined]
    np.testing.assert_array_equal(decoded, coco_mask.decode(rle))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (5, 8), (300, 400)])
@pytest.mark.parametrize("value", [False, True])
def test_an_empty_and_a_full_mask(shape: tuple[int, int], value: bool) -> None:
    check_is_coco_s(np.full(shape, value))


@pytest.mark.parametrize("place", [(0, 0), (0, -1), (-1, 0), (-1, -1), (2, 3)])
def test_one_pixel_in_a_corner_or_inside(place: tuple[int, int]) -> None:
    for background in (False, True):
        mask = np.full((5, 8), background)
        mask[place] = not background
        check_is_coco_s(mask)


def test_runs_longer_than_one_and_two_characters() -> None:
    mask = np.zeros((3000, 2000), bool)
    mask[:, 900:901] = mask[17:2900, 1000:1400] = mask[5, 1990] = True
    check_is_coco_s(mask)


@given(st.text(st.sampled_from("0123:;?@ABOPQno"), max_size=12), SIDES, SIDES)
def test_counts_are_read_as_the_definition_says(counts: str, height: int, width: int) -> None:
    """Six bits a character, five of value, least significant first; from the fourth on added to the run two
    before (cocoapi, maskApi.c): read character by character, a string gives the same runs or none."""
    runs = runs_by_definition(counts)
    if runs is None or sum(runs) != height * width:
        with pytest.raises(SchemaError):
            Mask(height=height, width=width, counts=counts)
    else:
        assert Mask(height=height, width=width, counts=counts).runs() == tuple(runs)


def runs_by_definition(counts: str) -> list[int] | None:
    runs: list[int] = []
    value = bits = 0
    for character in counts:
        code = ord(character) - 48
        value += (code % 32) << bits
        bits += 5
        if code >= 32:
            continue
        if code >= 16:
            value -= 1 << bits
        runs.append(value + (runs[-2] if len(runs) >= 3 else 0))
        value = bits = 0
    return None if bits or min(runs, default=0) < 0 else runs


# ---------------------------------------------------------------- components


@given(masks())
def test_components_are_scipy_s_in_a_stable_order(mask: np.ndarray) -> None:
    """The parts are disjoint, make up the mask, are those of scipy's labelling with eight neighbours, and
    come in the order of their first pixels."""
    parts = list(components(mask))
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    assert len(parts) == count
    np.testing.assert_array_equal(np.sum([np.zeros(mask.shape, int), *parts], axis=0), mask)
    for part in parts:
        assert part.shape == mask.shape
        (label,) = np.unique(labels[part])
        np.testing.assert_array_equal(part, labels == label)
    firsts = [int(part.ravel().argmax()) for part in parts]
    assert firsts == sorted(firsts)


def test_pixels_that_touch_at_a_corner_are_one_part() -> None:
    assert len(list(components(np.eye(5, dtype=bool)))) == 1
    assert len(list(components(np.array([[True, False, True]])))) == 2
    assert list(components(np.zeros((3, 4), bool))) == []


# ---------------------------------------------------------------- files

GREY = np.array([[0, 1, 11, 126], [127, 128, 243, 255]], np.uint8)


def file_of(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder


def saved(pixels: np.ndarray, form: str, mode: str | None = None) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(buffer, form)
    return buffer.getvalue()


def read(folder: Path, above: int) -> np.ndarray:
    (file,) = Raw(folder).files
    return read_mask(file, above=above)


@pytest.mark.parametrize("above", [0, 127, 254, 255])
@pytest.mark.parametrize(
    ("form", "mode"), [("PNG", None), ("PNG", "RGB"), ("PNG", "RGBA"), ("BMP", None), ("BMP", "RGB")]
)
def test_a_grey_file_is_compared_with_the_threshold(
    tmp_path: Path, form: str, mode: str | None, above: int
) -> None:
    foreground = read(file_of(tmp_path, "m", saved(GREY, form, mode)), above)
    assert foreground.dtype == np.bool_
    np.testing.assert_array_equal(foreground, np.greater(GREY, above))


def test_sixteen_bits_and_one_bit(tmp_path: Path) -> None:
    deep = GREY.astype(np.uint16) * 200
    np.testing.assert_array_equal(read(file_of(tmp_path, "m", saved(deep, "PNG")), 25_400), deep > 25_400)
    line = saved(GREY > 127, "PNG")
    np.testing.assert_array_equal(read(file_of(tmp_path, "m", line), 127), GREY > 127)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_is_read_as_pillow_decodes_it(tmp_path: Path, mode: str) -> None:
    y, x = np.mgrid[:80, :90]
    data = saved((255 * (np.hypot(y - 30, x - 50) < 22)).astype(np.uint8), "JPEG", mode)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("L")) > 127
    assert expected.any()
    np.testing.assert_array_equal(read(file_of(tmp_path, "m", data), 127), expected)


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_mask_in_colour_is_refused(tmp_path: Path, channel: int) -> None:
    coloured = np.dstack([GREY] * 3)
    coloured[1, 1, channel] ^= 1
    with pytest.raises(CaseError) as caught:
        read(file_of(tmp_path, "m.png", saved(coloured, "PNG")), 127)
    assert "colour" in caught.value.message
    assert caught.value.where == "m.png"
    assert caught.value.hint


@pytest.mark.parametrize("data", [b"", b"no image", saved(GREY, "PNG")[:-20]])
def test_a_broken_file_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(CaseError) as caught:
        read(file_of(tmp_path, "m.png", data), 127)
    assert caught.value.where == "m.png"
