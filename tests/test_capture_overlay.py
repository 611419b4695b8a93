"""Text that stands still on a clip, however briefly, is in one of the few pictures that are looked at."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from tests.burnedin import burn, covered, script_font, tissue
from thyrodata.capture.overlay import LASTING, STANDING, OverlayWatch
from thyrodata.capture.text import TextDetector

HEIGHT, WIDTH = 160, 240
WIDE = tissue(1, HEIGHT + 60, WIDTH + 200)
FONT = script_font("Latin", 16)


def sweep(number):
    """A probe that moves over tissue."""
    for index in range(number):
        x, y = int(100 + 99 * np.sin(index / 20)), int(30 + 29 * np.sin(index / 31))
        yield WIDE[y : y + HEIGHT, x : x + WIDTH]


def flicker(number):
    """Tissue of which every frame has speckle of its own."""
    chance = np.random.default_rng(2)
    smooth = ndimage.gaussian_filter(WIDE[:HEIGHT, :WIDTH].astype(float), 8)
    for _ in range(number):
        speckle = ndimage.gaussian_filter(chance.normal(size=(HEIGHT, WIDTH)), 1.2) * 80
        yield np.clip(smooth + speckle, 0, 255).astype(np.uint8)


def frozen(number):
    for _ in range(number):
        yield WIDE[:HEIGHT, :WIDTH]


def ink(text, seed):
    _, (word,) = burn(np.zeros((HEIGHT, WIDTH), np.uint8), [text], FONT, seed=seed)
    return word.ink


def watched(frames, *overlays):
    """The pictures of a clip on which each (ink, start, stop) stands out white from one frame to another."""
    watch = OverlayWatch()
    for index, frame in enumerate(frames):
        shown = frame.copy()
        for drawn, start, stop in overlays:
            if start <= index < stop:
                shown[drawn] = 230
        watch.add(shown)
    return (*watch.pictures(), *watch.strokes())


def shows(pictures, drawn):
    """Whether a picture has all of some ink, as it was burned in, or its strokes stand out in one."""
    return any((picture[drawn] == 230).all() or (picture[drawn] >= 60).all() for picture in pictures)


def test_of_no_frame_nothing_is_looked_at():
    assert OverlayWatch().pictures() == OverlayWatch().strokes() == ()


@pytest.mark.parametrize("number", [1, 2, STANDING - 1])
def test_all_frames_of_the_shortest_clips_are_looked_at(number):
    pictures = watched(sweep(number))
    assert len(pictures) == number
    assert all(any(np.array_equal(frame, picture) for picture in pictures) for frame in sweep(number))


def test_a_frozen_clip_is_one_picture():
    assert len(watched(frozen(50))) == 1


@pytest.mark.parametrize("clip", [sweep, flicker, frozen])
def test_pictures_are_few(clip):
    assert len(watched(clip(300))) <= 7


@given(start=st.integers(0, 150), length=st.integers(STANDING, 30))
def test_text_that_stands_for_a_few_frames_is_in_a_picture(start, length):
    """Wherever in the clip it begins, also across the border between two spans."""
    drawn = ink("MARY SMITH", 1)
    assert shows(watched(sweep(160), (drawn, start, start + length)), drawn)


def test_text_of_the_first_and_of_the_last_frame_alone_is_in_a_picture():
    first, last = ink("FIRST 12", 2), ink("LAST 1958", 3)
    pictures = watched(sweep(60), (first, 0, 1), (last, 59, 60))
    assert shows(pictures, first)
    assert shows(pictures, last)


def test_text_that_is_typed_letter_by_letter_is_in_a_picture():
    whole = ink("MARY SMITH", 1)
    columns = np.flatnonzero(whole.any(axis=0))
    letters = [whole & (np.arange(WIDTH) < stop) for stop in np.linspace(columns[0], columns[-1] + 1, 11)[1:]]
    typed = [(letter, 20 + 3 * index, 60) for index, letter in enumerate(letters)]
    assert shows(watched(sweep(120), *typed), whole)


@pytest.mark.parametrize("clip", [sweep, flicker, frozen])
def test_text_that_stands_for_a_few_frames_is_found(clip):
    drawn = ink("MARY SMITH 1958", 4)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    for picture in watched(clip(200), (drawn, 90, 90 + STANDING)):
        mask |= covered(TextDetector().find_in_strokes(picture), picture.shape)
    assert mask[drawn].all()


def test_text_that_lasts_is_seen_with_less_tissue_than_what_stood_briefly():
    drawn = ink("MARY SMITH 1958", 4)
    _, _, lasting, brief = watched(sweep(120), (drawn, 50, 50 + LASTING + STANDING))
    assert (lasting[drawn] >= 60).all()
    assert (brief[drawn] >= 60).all()
    assert lasting[~drawn].mean() < 0.8 * brief[~drawn].mean()


def test_frames_may_be_rgb_and_may_change_later():
    for frame in (np.dstack([WIDE] * 3), WIDE):
        watch = OverlayWatch()
        shown = frame.copy()
        for _ in range(6):
            watch.add(shown)
        shown[:] = 0
        (picture,) = watch.pictures()
        assert np.array_equal(picture, frame)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_clip():
    def peak(number):
        tracemalloc.start()
        watched(frozen(number))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(2000) < 1.2 * peak(200)
