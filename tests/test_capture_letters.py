"""Single letters are found by strokes or colour wherever they stand, and neither tissue nor noise is one."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from tests.burnedin import burn, covered, fan, jpeg, script_font, tissue
from thyrodata.capture.brightness import LETTER
from thyrodata.capture.letters import MARGIN, TALLEST, letter_boxes


def found(picture, words):
    mask = covered(letter_boxes(picture), picture.shape)
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


@pytest.mark.parametrize("letter", ["3", "8", "C", "G", "S", "X", "a", "e", "s", "v", "y"])
def test_a_small_letter_without_a_straight_stem_is_found(letter):
    dark = tissue(25, 200, 200) // 2
    picture, words = burn(dark, [letter] * 6, script_font("Latin", 15), seed=5, contrast=100)
    assert len(words) == 6
    assert len(found(picture, words)) >= 5


@pytest.mark.parametrize("letter", ["i", "j", "É", "Å"])
@pytest.mark.parametrize("size", [16, 24, 32])
def test_what_stands_above_a_letter_is_covered_with_it(letter, size):
    font = script_font("Latin", size)
    picture, words = burn(np.zeros((120, 120), np.uint8), [letter], font, seed=3, contrast=150)
    assert found(picture, words) == [letter]


def test_a_letter_in_tissue_that_touches_a_bright_border_is_found():
    picture = drawn(["##      "] * 10 + ["########"] * 2) // 2 + np.uint8(60)
    border = np.pad(picture, ((0, 0), (60, 60)), constant_values=60)
    border[-12:] = 115
    assert letter_boxes(border)


@pytest.mark.parametrize("quality", [75, 95])
@pytest.mark.parametrize("colour", [(1, 1, 0), (0, 1, 1), (0, 1, 0)])
def test_whatever_letter_has_a_colour_is_found_by_that(colour, quality):
    """A JPEG halves the resolution of colours, and blurs small strokes."""
    letters = ["S", "z", "4", "L", "o", "k", "9", "m"]
    font = script_font("Latin", 13)
    picture, words = burn(tissue(24, 200, 300), letters, font, seed=4, contrast=90, colour=colour)
    assert len(words) == len(letters)
    assert found(jpeg(picture, quality), words) == letters


def test_what_is_small_and_has_a_colour_beside_colour_flow_is_flow():
    flow = np.zeros((100, 100, 3), np.uint8)
    flow[10:20, 10:14, 0] = 30
    assert letter_boxes(flow) == ((8, 4, 16, 22),)
    flow[50 : 50 + LETTER, 50 : 50 + LETTER, 0] = 30
    assert letter_boxes(flow) == ()


def test_dots_and_lines_that_have_a_colour_are_no_letters():
    marks = np.zeros((100, 100, 3), np.uint8)
    marks[10:90:10, 10:14, 1] = 200
    marks[50, 30 : 30 + TALLEST + 1, 1] = 200
    assert letter_boxes(marks) == ()


def test_a_letter_takes_its_neighbour_along():
    picture, words = burn(tissue(23, 200, 200), ["C1"], script_font("Latin", 20), seed=2, contrast=100)
    assert found(picture, words) == ["C1"]


def beside(height, gap):
    """How far to the right the box of a stem of 10 rows goes, with a block without a stroke beside it."""
    picture = np.zeros((80, 80), np.uint8)
    picture[30:40, 20:22] = picture[30 : 30 + height, 22 + gap : 28 + gap] = 200
    (box,) = letter_boxes(picture)
    return box[2] - 22


@pytest.mark.parametrize(("height", "is_taken"), [(2, False), (3, True), (10, True), (16, True), (17, False)])
def test_a_letter_takes_along_what_is_beside_it_and_about_as_tall(height, is_taken):
    assert (beside(height, gap=3) >= 9) == is_taken


def test_a_letter_takes_nothing_along_from_further_away_than_it_is_large():
    assert beside(10, gap=9) == 10 + MARGIN
    assert beside(10, gap=10) == MARGIN


@pytest.mark.parametrize("seed", range(31, 35))
def test_tissue_has_no_letters(seed):
    clean = tissue(seed, 300, 400)
    assert covered(letter_boxes(clean), clean.shape).mean() < 0.001


def test_of_the_streaks_of_sector_scans_little_is_taken_for_letters():
    """Where the beams lean, so do they; a box is small where nothing of its size stands beside it."""
    scans = [fan(seed, 240, 320) for seed in range(41, 45)]
    assert np.mean([covered(letter_boxes(scan), scan.shape).mean() for scan in scans]) < 0.02


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
    assert letter_boxes(stem // 6) == ()
    assert letter_boxes(drawn(["#" * 6] * 12)) == ()
    assert letter_boxes(ndimage.gaussian_filter(stem, 3)) == ()


@pytest.mark.parametrize(
    ("rows", "contrast", "is_letter"), [(12, 45, True), (6, 45, False), (6, 65, True), (12, 35, False)]
)
def test_the_longer_a_stroke_is_the_fainter_it_may_be(rows, contrast, is_letter):
    assert bool(letter_boxes(drawn(["##"] * rows) // 200 * np.uint8(contrast))) == is_letter


@example(np.array([[250, 0]] * 8, np.uint8))
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
