"""Single letters are found by their stems wherever they stand, and neither tissue nor noise is one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from tests.burnedin import burn, covered, jpeg, script_font, tissue
from thyrodata.capture.letters import TALLEST, letter_boxes


def found(grey, words):
    mask = covered(letter_boxes(grey), grey.shape)
    return [word.text for word in words if mask[word.ink].mean() >= 0.99]


def drawn(rows):
    """A picture of a drawing, whose # are bright."""
    return np.pad(np.array([[200 * (mark == "#") for mark in row] for row in rows], np.uint8), 12)


@pytest.mark.parametrize("letter", ["L", "7", "R", "1", "V", "И", "Ω"])
@pytest.mark.parametrize("size", [16, 24, 32])
def test_a_letter_alone_on_tissue_is_found(letter, size):
    picture, words = burn(tissue(21, 200, 200), [letter], script_font("Greek", size), seed=size, contrast=100)
    assert len(words) == 1
    assert found(picture, words) == [letter]


@pytest.mark.parametrize("letter", ["L", "R"])
def test_a_letter_is_found_after_a_lossy_jpeg(letter):
    picture, words = burn(tissue(22, 200, 200), [letter], script_font("Latin", 20), seed=1, contrast=110)
    assert found(jpeg(picture, 75), words) == [letter]


def test_a_letter_takes_its_neighbour_along():
    picture, words = burn(tissue(23, 200, 200), ["C1"], script_font("Latin", 20), seed=2, contrast=100)
    assert found(picture, words) == ["C1"]


@pytest.mark.parametrize("seed", range(31, 35))
def test_tissue_has_no_letters(seed):
    clean = tissue(seed, 300, 400)
    assert covered(letter_boxes(clean), clean.shape).mean() < 0.001


def test_noise_has_no_letters():
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 256, (300, 400), np.uint8)
        assert len(letter_boxes(noise)) <= 1


def test_a_level_stroke_is_tissue_and_an_upright_one_is_none():
    level = drawn(["#" * 12] * 2)
    assert letter_boxes(level) == ()
    assert len(letter_boxes(np.ascontiguousarray(level.T))) == 1


def test_a_line_longer_than_letters_is_drawing():
    assert len(letter_boxes(drawn(["##"] * TALLEST))) == 1
    assert letter_boxes(drawn(["##"] * (TALLEST + 1))) == ()


def test_a_stroke_that_is_uneven_or_faint_or_broad_is_tissue():
    stem = drawn(["##"] * 12)
    assert len(letter_boxes(stem)) == 1
    uneven = stem.copy()
    uneven[::2] //= 2
    assert letter_boxes(uneven) == ()
    assert letter_boxes(stem // 4) == ()
    assert letter_boxes(drawn(["#" * 6] * 12)) == ()
    assert letter_boxes(ndimage.gaussian_filter(stem, 3)) == ()


@given(
    hnp.arrays(
        np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 30)), elements=st.sampled_from([0, 250])
    )
)
def test_boxes_lie_in_the_picture(picture):
    """Whatever its size, and with letters at its very border."""
    for x0, y0, x1, y1 in letter_boxes(picture):
        assert 0 <= x0 < x1 <= picture.shape[1]
        assert 0 <= y0 < y1 <= picture.shape[0]


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 60))
def test_a_letter_is_found_wherever_it_stands_and_however_bright_it_is_all_around(down, right, light):
    """Boxes move with the picture, and do not change with a brightness that is added to all of it."""
    shape = drawn(["##      "] * 10 + ["########"] * 2)
    large = np.pad(shape, ((20, 40), (20, 40)))
    (box,) = letter_boxes(large)
    moved = np.roll(large, (down, right), axis=(0, 1)) // 2 + np.uint8(light)
    x0, y0, x1, y1 = box
    assert letter_boxes(moved) == ((x0 + right, y0 + down, x1 + right, y1 + down),)
