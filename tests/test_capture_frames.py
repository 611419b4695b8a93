"""Frames are chosen by a stated rule; near-identical ones are thinned, and counted."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from thyrodata.capture.frames import AllFrames, Every, Sharpest, choose, look_at, parse_choice
from thyrodata.errors import UsageError


def speckle(seed: int, blur: float = 0.0) -> NDArray[np.uint8]:
    """(120, 160): another picture for each seed, the less sharp the more it is blurred."""
    noise = np.random.default_rng(seed).normal(0, 1, (120, 160))
    tissue = ndimage.gaussian_filter(noise, 6) * 400 + 120 + ndimage.gaussian_filter(noise, blur) * 15
    return np.clip(tissue, 0, 255).astype(np.uint8)


def looks(frames: list[NDArray[np.uint8]]):
    return [look_at(index, [frame]) for index, frame in enumerate(frames)]


def test_all_frames_are_all_frames_also_where_they_repeat() -> None:
    chosen = choose(AllFrames(), looks([speckle(0), speckle(0), speckle(1)]))
    assert [index for index, _ in chosen.frames] == [0, 1, 2]
    assert chosen.thinned == 0


def test_every_second_without_those_that_repeat_the_last() -> None:
    frames = [speckle(seed) for seed in (0, 1, 0, 2, 3, 4, 3, 5, 3)]
    chosen = choose(Every(step=2), looks(frames))
    assert [index for index, _ in chosen.frames] == [0, 4]
    assert chosen.thinned == 3


def test_the_sharpest_are_those_that_were_blurred_least() -> None:
    frames = [speckle(seed, blur) for seed, blur in enumerate([2.0, 0.0, 1.0, 0.5, 3.0])]
    chosen = choose(Sharpest(count=2), looks(frames))
    assert [index for index, _ in chosen.frames] == [1, 3]
    assert [score for _, score in chosen.frames] == sorted((s for _, s in chosen.frames), reverse=True)


def test_the_sharpest_do_not_repeat_themselves() -> None:
    frames = [speckle(0), speckle(0), speckle(1, 1.0), speckle(0)]
    chosen = choose(Sharpest(count=2), looks(frames))
    assert [index for index, _ in chosen.frames] == [0, 2]
    assert chosen.thinned == 2


def test_noise_of_the_receiver_makes_no_new_frame_and_movement_does() -> None:
    still = speckle(0)
    noise = np.random.default_rng(1).integers(-3, 4, still.shape)
    noisy = np.clip(still.astype(int) + noise, 0, 255).astype(np.uint8)
    moved = np.roll(still, 6, axis=1)
    chosen = choose(Every(step=1), looks([still, noisy, moved]))
    assert [index for index, _ in chosen.frames] == [0, 2]


def test_sharpness_is_the_mean_squared_laplacian() -> None:
    frame = speckle(3)
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    laplacian = ndimage.convolve(frame.astype(np.int64), kernel)[1:-1, 1:-1]
    assert look_at(0, [frame]).sharpness == int(np.square(laplacian).sum()) // laplacian.size


def test_two_regions_are_looked_at_together_and_colour_counts_by_its_brightest_channel() -> None:
    grey = speckle(0)
    colour = np.stack([grey, grey // 2, grey // 3], axis=2)
    one = look_at(0, [colour, grey])
    assert one.sharpness == look_at(0, [grey, grey]).sharpness
    assert one.blocks.size == 2 * look_at(0, [grey]).blocks.size


def test_a_picture_of_a_few_pixels_is_no_error() -> None:
    tiny = np.zeros((2, 1), np.uint8)
    assert look_at(0, [tiny]).sharpness == 0
    assert choose(Sharpest(count=1), looks([tiny])).frames == ((0, 0),)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("all", AllFrames()),
        ("every 10", Every(step=10)),
        ("sharpest 3", Sharpest(count=3)),
        ("every:2", Every(step=2)),
    ],
)
def test_a_choice_is_read_and_written(text: str, choice: object) -> None:
    assert parse_choice(text) == choice
    assert parse_choice(str(choice)) == choice


@pytest.mark.parametrize(
    "text", ["", "every", "every 0", "sharpest -1", "ALL", "every 1.5", "every 10000000"]
)
def test_what_is_no_choice_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_choice(text)
