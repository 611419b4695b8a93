"""Parts of pictures are found by blobs that are described alike in a cropped, scaled or mirrored picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from thyrodata.phantoms import PhantomSpec, phantom
from thyrodata.qc import parts
from thyrodata.qc.blobs import Blobs, find_blobs
from thyrodata.qc.covering import covered
from thyrodata.qc.fitting import LEAST, Fit, Matches, fitted
from thyrodata.qc.parts import find_parts
from thyrodata.qc.views import Turn, turned

Grey = NDArray[np.uint8]
SIDE = 128


def picture(seed: int) -> Grey:
    return phantom(PhantomSpec(seed=seed)).pixels


def blobs(pixels: Grey) -> Blobs:
    return find_blobs(pixels, (0, 0, pixels.shape[1], pixels.shape[0]))


def planted(
    scale: tuple[float, float], shift: tuple[float, float], right: int, wrong: int, seed: int
) -> Matches:
    """Matches of which the first ones follow one scale and shift, half a pixel off, and the others do not."""
    rng = np.random.default_rng(seed)
    second = rng.uniform(0, 400, (right + wrong, 2))
    first = second * scale + shift + rng.uniform(-0.5, 0.5, second.shape)
    first[right:] = rng.uniform(0, 400, (wrong, 2))
    return Matches(first=first, second=second, scale=np.full(right + wrong, 3.0))


@given(
    scale=st.floats(0.3, 3),
    uneven=st.floats(0.85, 1.15),
    shift=st.tuples(st.floats(-300, 300), st.floats(-300, 300)),
    seed=st.integers(0, 999),
)
def test_scale_and_shift_are_found_among_wrong_matches(
    scale: float, uneven: float, shift: tuple[float, float], seed: int
) -> None:
    """Of eight matches that agree and four that do not, the eight say how the pictures lie."""
    fit = fitted(planted((scale, scale * uneven), shift, 8, 4, seed))
    assert isinstance(fit, Fit)
    assert fit.matches >= 7
    corners = np.array([[0.0, 0.0], [400.0, 400.0]])
    truth = corners * (scale, scale * uneven) + shift
    assert np.abs(corners * fit.scale + fit.shift - truth).max() < 6


@given(seed=st.integers(0, 999))
def test_fewer_matches_than_the_least_are_no_fit(seed: int) -> None:
    """Three points that agree say nothing."""
    assert fitted(planted((1, 1), (0, 0), LEAST - 1, 0, seed)) is None


@pytest.mark.parametrize("turn", Turn)
def test_a_turned_picture_has_the_same_blobs_at_turned_places(turn: Turn) -> None:
    pixels = picture(1)
    height, width = pixels.shape
    one, other = blobs(pixels), blobs(np.ascontiguousarray(turned(pixels, turn)))
    down, across = turn.value
    places = {
        (round(float(x)), round(float(y)), int(k)) for x, y, k in zip(one.x, one.y, one.key, strict=True)
    }
    x, y = (width - other.x if across else other.x), (height - other.y if down else other.y)
    same = [
        (round(float(a)), round(float(b)), int(k)) in places for a, b, k in zip(x, y, other.key, strict=True)
    ]
    assert np.mean(same) > 0.6


def test_a_mirrored_and_scaled_part_is_laid_where_it_was_cut() -> None:
    whole = picture(3)
    cut = np.ascontiguousarray(whole[60:300, 120:480][:, ::-1])
    part = np.asarray(Image.fromarray(cut).resize((270, 180)))
    sizes = [(560, 360), (270, 180)]
    (overlay,) = find_parts([blobs(whole), blobs(part)], sizes)
    assert overlay.turn is Turn.LEFT_RIGHT
    assert overlay.boxes[0] == pytest.approx((120, 60, 480, 300), abs=3)
    assert overlay.boxes[1] == pytest.approx((0, 0, 270, 180), abs=3)


def test_pictures_of_one_scanner_share_no_part() -> None:
    assert [*find_parts([blobs(picture(seed)) for seed in range(12)], [(560, 360)] * 12)] == []
    assert [*find_parts([], [])] == []


@pytest.mark.parametrize("chunk", [1, 50])
def test_what_is_found_does_not_depend_on_how_many_descriptions_are_held_at_a_time(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = [blobs(picture(1)), blobs(picture(2)), blobs(picture(1)[40:, 50:])]
    sizes = [(560, 360), (560, 360), (510, 320)]
    monkeypatch.setattr(parts, "_CHUNK", chunk)
    (found,) = find_parts(each, sizes)
    assert (found.first, found.second, found.turn) == (0, 2, Turn.NONE)
    assert found.boxes[0] == pytest.approx((50, 40, 560, 360), abs=3)


def echo(seed: int) -> NDArray[np.float64]:
    """Speckle without a mark."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.uniform(30, 120, (40, 40)).astype(np.float32))
    return np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float64)


def drawn(pixels: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    image = Image.fromarray(pixels.astype(np.float32))
    draw = ImageDraw.Draw(image)
    if kind == "caliper":
        draw.line((50, 60, 58, 60), 230, 2)
        draw.line((54, 56, 54, 64), 230, 2)
    elif kind == "blank":
        draw.rectangle((40, 50, 70, 66), 0)
    elif kind == "nodule":
        draw.ellipse((40, 40, 70, 66), 0)
    return np.asarray(image, np.float64)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("kind", ["caliper", "blank"])
def test_what_covers_one_of_two_pictures_is_told(kind: str, swapped: bool) -> None:
    clean = echo(1)
    marked = drawn(clean, kind)
    aside = covered(marked, clean) if swapped else covered(clean, marked)
    assert aside[np.abs(marked - clean) > 60].all()
    assert aside.mean() < np.mean(marked != clean) + 0.08


def test_a_nodule_covers_nothing_and_nor_does_other_speckle() -> None:
    clean = echo(1)
    assert covered(clean, drawn(clean, "nodule")).mean() < 0.01
    assert covered(clean, echo(2)).mean() < 0.01
    assert not covered(clean, clean * 1.2 + 7).any()
