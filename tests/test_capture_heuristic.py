"""A picture is found on screens that do not say where it is, without text around it, or is not believed."""

import warnings

import numpy as np
import pytest

from tests.burnedin import burn, covered, script_font, tissue
from thyrodata.capture.heuristic import find_picture
from thyrodata.capture.regions import RegionDoubt
from thyrodata.capture.text import TextDetector
from thyrodata.phantoms import PhantomSpec, phantom

DETECTOR = TextDetector()


class Illiterate(TextDetector):
    """Finds no text."""

    def find(self, picture, *, again=False):
        return ()


class Told(TextDetector):
    """Finds the texts that it is told."""

    def __init__(self, *texts):
        self.texts = texts

    def find(self, picture, *, again=False):
        return self.texts


FONT = script_font("Latin", 14)
HEADER = 60


def area(box):
    return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)


def inside(box, other):
    return box[0] >= other[0] and box[1] >= other[1] and box[2] <= other[2] and box[3] <= other[3]


def grown(box, pixels):
    return (box[0] - pixels, box[1] - pixels, box[2] + pixels, box[3] + pixels)


def screen(picture, y, x, height=420, width=560):
    """A black screen with a picture on it."""
    shown = np.zeros((height, width, *picture.shape[2:]), np.uint8)
    shown[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return shown


def with_header(shown, level=70):
    """The screen with a grey bar at the top and a name on it."""
    written, words = burn(
        np.full((30, shown.shape[1]), level, np.uint8), ["SMITH, MARY A 12/03/1958"], FONT, seed=1
    )
    marked = shown.copy()
    marked[:30] = written
    ink = np.zeros(shown.shape[:2], bool)
    ink[:30] = words[0].ink
    return marked, ink


@pytest.mark.parametrize("seed", range(4))
def test_the_echo_of_a_screen_is_found_without_its_margin(seed):
    drawn = phantom(PhantomSpec(seed=seed, height=420, width=560))
    box = find_picture([drawn.pixels], DETECTOR)
    assert inside(box, grown(drawn.echo_box, 3))
    assert area(box) > 0.75 * area(drawn.echo_box)


def test_a_header_bar_is_left_out():
    shown, ink = with_header(screen(tissue(1, 300, 400), HEADER, 80))
    box = find_picture([shown], DETECTOR)
    assert inside(box, grown((80, HEADER, 480, HEADER + 300), 3))
    assert area(box) > 0.8 * 300 * 400
    assert not (covered([box], shown.shape) & ink).any()


def test_a_plain_bar_that_touches_the_picture_is_left_out():
    shown, ink = with_header(screen(tissue(1, 300, 400), 30, 80))
    box = find_picture([shown], DETECTOR)
    assert not (covered([box], shown.shape) & ink).any()
    assert box[1] >= 25


def test_a_coloured_bar_that_touches_the_picture_is_a_doubt():
    picture = np.dstack([tissue(2, 300, 400)] * 3)
    picture[:30] = np.clip(picture[100:130] * np.array([0.4, 0.8, 1]) + np.array([0, 20, 90]), 0, 255)
    with pytest.raises(RegionDoubt, match="coloured bar"):
        find_picture([screen(picture, 60, 80)], Illiterate())


def test_text_at_the_border_of_the_picture_is_cut_off():
    picture = tissue(3, 300, 400)
    written, words = burn(picture[:40], ["MARY SMITH"], FONT, seed=2, contrast=100)
    picture = np.vstack([written, picture[40:]])
    box = find_picture([screen(picture, 60, 80)], DETECTOR)
    ink = screen(np.vstack([words[0].ink, np.zeros((260, 400), bool)]).astype(np.uint8), 60, 80) > 0
    assert not (covered([box], ink.shape) & ink).any()
    assert area(box) > 0.7 * 300 * 400


def test_text_in_the_middle_is_left_to_be_blanked():
    picture = tissue(4, 300, 400).copy()
    picture[120:180, 120:280], _ = burn(picture[120:180, 120:280], ["NODULE 1"], FONT, seed=3, contrast=100)
    box = find_picture([screen(picture, 60, 80)], DETECTOR)
    assert area(box) > 0.8 * 300 * 400


def test_motion_shows_echo_that_one_frame_does_not():
    """The parts of a frozen frame are several areas; over time the echo fills the whole picture."""
    picture = tissue(5, 300, 400)
    frames = []
    for start in (0, 75, 150):
        part = np.zeros_like(picture)
        part[start : start + 150] = picture[start : start + 150]
        frames.append(screen(part, 60, 80))
    box = find_picture(frames, DETECTOR)
    assert area(box) > 0.75 * 300 * 400


def test_colour_flow_within_the_picture_is_part_of_it():
    picture = np.dstack([tissue(6, 300, 400)] * 3)
    flow = np.random.default_rng(1).integers(120, 255, (80, 100))
    picture[100:180, 150:250] = flow[..., None] * np.array([1, 0.3, 0])
    box = find_picture([screen(picture, 60, 80)], DETECTOR)
    assert area(box) > 0.75 * 300 * 400


def test_what_is_left_of_echo_that_was_taken_for_text_is_no_strip_of_it():
    """A tenth of the screen, which may be all of its width and no picture."""
    shown = screen(tissue(9, 240, 520), 90, 20)
    texts = [(0, 0, 560, 150), (0, 250, 560, 420)]
    with pytest.raises(RegionDoubt, match=r"a strip of \d+ x 100 px"):
        find_picture([shown], Told(*texts))
    with pytest.raises(RegionDoubt, match=r"a strip of 90 x \d+ px"):
        find_picture([screen(tissue(9, 400, 130), 10, 200)], Told((290, 0, 560, 420)))


@pytest.mark.parametrize("deep", [100, 200])
def test_a_picture_of_which_text_leaves_less_than_half_is_a_doubt(deep):
    shown = screen(tissue(9, 340, 520), 40, 20)
    look = Told((0, 0, 560, 40 + deep))
    if deep == 100:
        assert find_picture([shown], look)[1] == 140
    else:
        with pytest.raises(RegionDoubt, match=r"leaves 4\d% of the picture"):
            find_picture([shown], look)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (np.zeros((420, 560), np.uint8), "nothing but black"),
        (np.full((420, 560), 128, np.uint8), "nothing but black"),
        (screen(tissue(7, 300, 400)[:90, :120], 100, 100), "too small"),
        (phantom(PhantomSpec(seed=1, height=420, width=800, dual=True)).pixels, "dual view"),
        (tissue(8, 420, 560), "covers"),
    ],
    ids=["black", "a plain panel", "an inset", "a dual view", "a full screen"],
)
def test_in_doubt_there_is_no_picture(shown, reason):
    with pytest.raises(RegionDoubt, match=reason):
        find_picture([shown], DETECTOR)


BANNERS = {
    "examples_rgb_color.dcm": (0, 0, 320, 30),
    "US1_UNCR.dcm": (0, 0, 640, 70),
    "gdcm-US-ALOKA-16.dcm": (0, 0, 640, 20),
}
"""Where three of the published samples show names, dates or places."""


@pytest.mark.slow
@pytest.mark.parametrize("name", BANNERS)
def test_banners_of_published_samples_are_left_out_or_the_file_is_put_aside(samples, name):
    pydicom = pytest.importorskip("pydicom")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(samples / "us_dicom" / name)
        pixels = dataset.pixel_array
        if "PALETTE" in dataset.PhotometricInterpretation:
            pixels = (pydicom.pixels.apply_color_lut(pixels, dataset) >> 8).astype(np.uint8)
    try:
        box = find_picture([pixels], DETECTOR)
    except RegionDoubt:
        return
    x0, y0, x1, y1 = BANNERS[name]
    assert not covered([box], pixels.shape)[y0:y1, x0:x1].any()
