"""The published ultrasound files: each is decoded, and as pydicom decodes it where that is right."""

import warnings

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_color_lut

from thyrodata.io.dicom import open_dicom
from thyrodata.io.dicomcolour import has_achromatic_corners

FILES = 27
BLACK_IN_PYDICOM = {
    "OBXXXX1A_expb.dcm": "OBXXXX1A.dcm",
    "OBXXXX1A_expb_2frame.dcm": "OBXXXX1A_2frame.dcm",
}
"""Big-endian palettes, whose words pydicom 3.0.2 reads as little-endian, and their little-endian twins."""


@pytest.fixture(scope="module")
def paths(samples):
    found = sorted((samples / "us_dicom").glob("*.dcm"))
    assert len(found) == FILES
    return found


def decode(path):
    with path.open("rb") as stream, open_dicom(stream, "file 1") as opened:
        return opened.header, np.stack(list(opened.frames()))


def by_pydicom(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path)
        pixels = dataset.pixel_array
        if dataset.PhotometricInterpretation == "PALETTE COLOR":
            pixels = apply_color_lut(pixels, dataset) >> 8
    several = int(dataset.get("NumberOfFrames") or 1) > 1
    return pixels if several else pixels[np.newaxis]


def test_every_file_is_decoded_as_an_independent_decoder_does(paths):
    for path in paths:
        header, frames = decode(path)
        assert header.modality == "US", path.name
        twin = BLACK_IN_PYDICOM.get(path.name)
        expected = by_pydicom(path.with_name(twin) if twin else path)
        assert frames.shape == expected.shape, path.name
        tolerance = 1 if header.photometric.startswith("YBR") else 0  # rounding in the conversion to RGB
        assert np.abs(frames.astype(np.int16) - expected).max() <= tolerance, path.name


def test_no_file_looks_as_if_its_colours_were_mistaken(paths):
    for path in paths:
        _, frames = decode(path)
        assert has_achromatic_corners(frames[0]), path.name


def test_frames_of_another_colour_space_look_mistaken(paths):
    for path in paths:
        header, frames = decode(path)
        if header.photometric == "RGB" and path.name != "ExplVR_BigEnd.dcm":  # a picture of 80 by 60, no scan
            ybr = frames[0].astype(float)
            green = ybr[..., 0] - 0.344 * (ybr[..., 1] - 128) - 0.714 * (ybr[..., 2] - 128)
            red, blue = ybr[..., 0] + 1.402 * (ybr[..., 2] - 128), ybr[..., 0] + 1.772 * (ybr[..., 1] - 128)
            mistaken = np.clip(np.stack([red, green, blue], axis=-1), 0, 255).astype(np.uint8)
            assert not has_achromatic_corners(mistaken), path.name
