"""Masks, images and folds of TN3K's release, against Pillow, numpy, scipy and pycocotools.

The sample has images of one set and masks of the other, which are no pairs: so it is read file by file, and
the converter refuses it. Of the release itself only counts stand here.
"""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from scipy import ndimage

from thyrodata.converters.tn3k import Tn3k
from thyrodata.errors import RawLayoutError
from thyrodata.io.masks import components, decode_mask, encode_mask, read_mask
from thyrodata.io.raw import Raw
from thyrodata.io.splitfiles import read_index_split

COMPONENTS = {1: 544, 2: 65, 3: 4, 4: 1}
"""Masks of the whole test set (614) by their number of components."""


@pytest.fixture(scope="module")
def folder(samples):
    return samples / "tn3k"


@pytest.fixture(scope="module")
def raw(folder):
    return Raw(folder)


@pytest.fixture(scope="module")
def masks(folder):
    """Return the grey values of every mask as Pillow decodes them, by path."""
    found = {}
    for path in sorted(folder.glob("test-mask/*.jpg")):
        with Image.open(path) as image:
            assert image.mode == "L"
            found[f"test-mask/{path.name}"] = np.asarray(image)
    return found


def test_the_grey_values_are_noise_around_0_and_255(masks):
    assert len(masks) == 200
    values = np.unique(np.concatenate([np.unique(mask) for mask in masks.values()]))
    assert not [value for value in values if 20 < value < 235]
    assert sum(len(np.unique(mask)) > 2 for mask in masks.values()) == 200
    assert all((mask > 127).any() for mask in masks.values())


def test_the_naive_thresholds_are_wrong_on_every_mask(masks):
    """Above 0 adds noise around the border, equal to 255 takes some away, on each of the 200."""
    for mask in masks.values():
        foreground = mask > 127
        assert np.count_nonzero(mask > 0) > np.count_nonzero(foreground)
        assert np.count_nonzero(mask == 255) < np.count_nonzero(foreground)


def test_every_mask_is_read_encoded_and_decoded_without_losing_a_pixel(raw, masks):
    files = {file.path: file for file in raw.files if file.path in masks}
    assert files.keys() == masks.keys()
    for path, file in files.items():
        foreground = read_mask(file, above=127)
        np.testing.assert_array_equal(foreground, masks[path] > 127)
        encoded = encode_mask(foreground)
        expected = coco_mask.encode(np.asfortranarray(foreground.astype(np.uint8)))
        assert encoded.counts.encode() == expected["counts"]
        assert encoded.height * encoded.width == foreground.size
        np.testing.assert_array_equal(decode_mask(encoded), foreground)


def test_components_are_scipy_s_and_fit_the_counts_of_the_whole_set(raw, masks):
    counts = Counter()
    for file in raw.files:
        if file.path in masks:
            parts = list(components(read_mask(file, above=127)))
            labels, count = ndimage.label(masks[file.path] > 127, np.ones((3, 3)))
            assert len(parts) == count
            for number, part in enumerate(parts, 1):
                np.testing.assert_array_equal(part, labels == number)
            counts[count] += 1
    assert counts == {1: 174, 2: 23, 3: 2, 4: 1}
    assert all(number <= COMPONENTS[count] for count, number in counts.items())


def test_every_image_has_the_size_that_its_header_tells(raw, folder):
    probed = [file.image() for file in raw.files if file.path.startswith("trainval-image/")]
    assert len(probed) == 32
    for image in probed:
        with Image.open(folder / image.file.path) as picture:
            assert picture.size == (image.header.width, image.header.height)
            assert (picture.mode, image.header.channels) == ("L", 1)


def test_the_folds_part_the_places_of_2879_images(raw, folder):
    for fold in range(5):
        name = f"tn3k-trainval-fold{fold}.json"
        (file,) = (file for file in raw.files if file.path == name)
        parts = read_index_split(file, ("train", "val"), 2879)
        said = json.loads((folder / name).read_text())
        assert [place for place, part in enumerate(parts) if part == "val"] == sorted(said["val"])
        assert [place for place, part in enumerate(parts) if part == "train"] == sorted(said["train"])
        with pytest.raises(RawLayoutError, match="names 2879 places and there are 32 images"):
            read_index_split(file, ("train", "val"), 32)


def test_the_sample_is_no_release_and_is_refused(raw, folder):
    with pytest.raises(RawLayoutError) as caught:
        list(Tn3k().items(raw))
    assert caught.value.where == str(folder)
    assert "whole release" in caught.value.hint
