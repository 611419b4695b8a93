"""Pictures of more than 8 bits are looked at as those of 8, however few of their bits they use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw

from tests.burnedin import script_font
from tests.captures import capture, clip, patient
from tests.dicoms import write_dicom
from thyrodata.capture.brightness import in_eight_bits
from thyrodata.collection.run import Captured
from thyrodata.io.images import decode_image

DEEP = hnp.arrays(np.uint16, st.tuples(st.integers(1, 6), st.integers(1, 6)))

TYPED = range(6, 14)
"""The frames in which a name stands over the tissue: neither the first nor the last."""

FRAMES, REGIONS = clip(3, 20)


def with_a_name(frames):
    """Write a name onto some frames of a clip, and white into the margin of all; return where it stands."""
    left, top, *_ = REGIONS[0].box
    named = frames.copy()
    named[:, :4, :4] = 255
    for index in TYPED:
        picture = Image.fromarray(named[index])
        ImageDraw.Draw(picture).text((left + 30, top + 40), "NGUYEN", fill=230, font=script_font("latin", 16))
        named[index] = np.asarray(picture)
    return named


CLIP = with_a_name(FRAMES)
NAME = (CLIP != FRAMES)[:, 4:, 4:]


def captured(folder: Path, pixels, *, header=True, **options) -> Captured:
    (folder / "raw").mkdir(parents=True)
    bits = options.pop("bits_stored", None)
    regions = REGIONS if header else ()
    write_dicom(folder / "raw/1.dcm", pixels, regions=regions, elements=patient(1), bits_stored=bits)
    return capture(folder / "raw", folder / "data", **options)


def what_was_done(made: Captured):
    """The frames that were exported, what was kept of each, and what was blanked."""
    assert made.dataset is not None
    crops = [(record.image.frame_index, record.image.crop) for record in made.dataset.records()]
    return [(index, crop.kept_box, crop.blanked_boxes) for index, crop in crops if crop]


@given(DEEP, st.integers(0, 8))
def test_eight_bits_are_stretched_over_what_is_used(picture, unused):
    picture = picture >> unused
    shown = in_eight_bits(picture)
    assert shown.dtype == np.uint8
    order = np.argsort(picture, axis=None, kind="stable")
    assert (np.diff(shown.ravel()[order].astype(int)) >= 0).all()
    if picture.min() < picture.max():
        assert (shown.min(), shown.max()) == (0, 255)


def test_frames_of_a_clip_are_stretched_alike():
    dark, bright = np.array([[100, 200]], np.uint16), np.array([[300, 4180]], np.uint16)
    assert in_eight_bits(dark, (100, 4180)).tolist() == [[0, 6]]
    assert in_eight_bits(bright, (100, 4180)).tolist() == [[12, 255]]


def test_eight_bits_stay_as_they_are():
    picture = np.array([[3, 9]], np.uint8)
    assert in_eight_bits(picture) is picture
    assert in_eight_bits(picture, (0, 9)) is picture


@pytest.fixture(scope="module")
def of_eight_bits(tmp_path_factory) -> Captured:
    return captured(tmp_path_factory.mktemp("eight"), CLIP)


@pytest.mark.slow
@pytest.mark.parametrize("bits_stored", [12, 16])
def test_a_name_in_the_middle_of_a_clip_is_blanked(bits_stored, of_eight_bits, tmp_path):
    """16 bits stored, of which 12 are used, is what a header may say of a scanner that has 12."""
    made = captured(tmp_path, CLIP.astype(np.uint16) << 4, bits_stored=bits_stored)
    assert what_was_done(made) == what_was_done(of_eight_bits)
    left, top, *_ = REGIONS[0].box
    for record in made.dataset.records():
        pixels = decode_image(made.dataset.image_bytes(record), "x")
        assert pixels.dtype == np.uint16
        height, width = pixels.shape
        name = NAME[record.image.frame_index, top - 4 : top - 4 + height, left - 4 : left - 4 + width]
        assert not pixels[name].any()


@pytest.mark.slow
def test_what_moves_is_not_taken_for_near_identical(tmp_path):
    deep = CLIP.astype(np.uint16) << 4
    for name, pixels, bits in (("8", CLIP, None), ("12", deep, 12)):
        made = captured(tmp_path / name, pixels, frames="every 2", bits_stored=bits)
        assert [index for index, *_ in what_was_done(made)] == list(range(0, 20, 2))


@pytest.mark.slow
def test_the_picture_of_a_screen_without_regions_is_found(tmp_path):
    still = FRAMES[0].copy()
    still[:4, :4] = 255
    eight, twelve = (
        what_was_done(captured(tmp_path / name, pixels, header=False, bits_stored=bits))
        for name, pixels, bits in (("8", still, None), ("12", still.astype(np.uint16) << 4, 12))
    )
    assert eight == twelve
