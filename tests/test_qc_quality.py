"""Each rule of image quality is tripped by a phantom of its own, alone, and by no clean one."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image
from scipy import ndimage

from tests.faults.quality import (
    TRIPPED,
    Pixels,
    blank,
    blurred,
    bordered,
    deep,
    doppler,
    doubtful,
    drawn,
    in_air,
    in_colour,
    mask,
    photograph,
    saturated,
)
from thyrodata.phantoms import PhantomSpec, jpeg_bytes, phantom
from thyrodata.qc import colour, quality
from thyrodata.qc.body import ROUND, roundness
from thyrodata.qc.look import Look
from thyrodata.schema.record import ImageRecord, ImageRef
from thyrodata.schema.vocab import GroupKind, Modality

RULES = (*quality.RULES, *colour.RULES)


def looked(pixels: Pixels, modality: Modality = Modality.ULTRASOUND) -> Look:
    height, width = pixels.shape[:2]
    record = ImageRecord(
        image_id="toy/1",
        image=ImageRef(width=width, height=height),
        modality=modality,
        group_id="toy/1",
        group_kind=GroupKind.IMAGE,
        source="1",
    )
    return Look(record, pixels)


def codes(pixels: Pixels, modality: Modality = Modality.ULTRASOUND) -> list[str]:
    look = looked(pixels, modality)
    return sorted(issue.code for rule in RULES for issue in rule.issues(look))


def test_every_rule_of_image_quality_has_a_picture_that_trips_it() -> None:
    assert TRIPPED.keys() == {rule.code for rule in RULES}


@pytest.mark.parametrize(("code", "made"), [(code, made) for code, all_ in TRIPPED.items() for made in all_])
def test_a_picture_that_is_bad_in_one_way_trips_one_rule_alone(code: str, made: Callable[[], Pixels]) -> None:
    assert codes(made()) == [code]


CLEAN: list[dict[str, Any]] = [
    *({"seed": seed, "nodules": seed % 4} for seed in range(8)),
    {"seed": 1, "calipers": "x", "dotted_line": True, "burned_in_text": "TIRADS 4C"},
    {"seed": 2, "calipers": "+", "burned_in_text": "BETHESDA VI", "mark_colour": "cyan"},
    {"seed": 3, "calipers": "x", "dotted_line": True, "mark_colour": "yellow", "nodules": 3},
    {"seed": 4, "width": 250, "height": 200},
    {"seed": 5, "width": 1100, "height": 800},
]


@pytest.mark.parametrize("fields", CLEAN)
def test_a_clean_phantom_trips_none(fields: dict[str, Any]) -> None:
    picture = drawn(**fields)[0]
    compressed = np.asarray(Image.open(io.BytesIO(jpeg_bytes(picture, quality=60, rgb=True))))
    assert codes(picture) == []
    assert codes(compressed) == []


def test_a_mask_among_the_images_is_no_b_mode_image() -> None:
    assert "TD506" in codes(mask())


def across(seed: int) -> Pixels:
    """A body as CT shows it: an ellipse with lungs, bone and noise that a kernel correlates, on air."""
    random = np.random.default_rng(seed)
    height, width = int(random.integers(200, 520)), int(random.integers(300, 520))
    y, x = np.mgrid[:height, :width]
    tall, wide = random.uniform(0.3, 0.46) * height, random.uniform(0.36, 0.48) * width
    bumps = 1 + 0.03 * np.cos(3 * np.arctan2(y - height / 2, x - width / 2) + random.uniform(0, 6))
    away = np.hypot((y - height / 2) / tall, (x - width / 2) / wide) / bumps
    body = np.where(away < 1, random.uniform(90, 170), 0.0)
    for side in (-1, 1):
        middle = x - width / 2 - side * 0.4 * wide
        body[np.hypot((y - height / 2) / (0.5 * tall), middle / (0.25 * wide)) < 1] = random.uniform(0, 60)
    body[np.hypot(y - height / 2 - 0.6 * tall, x - width / 2) < 0.12 * tall] = 255
    noise = ndimage.gaussian_filter(random.normal(size=body.shape), random.uniform(0.6, 1.5))
    noise *= random.uniform(2, 14) / noise.std()
    return np.clip(np.where(away < 1, body + noise, 0), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(12))
def test_a_body_on_one_grey_is_no_b_mode_image(seed: int) -> None:
    slice_ = across(seed)
    compressed = np.asarray(Image.open(io.BytesIO(jpeg_bytes(slice_, quality=75))))
    assert "TD506" in codes(slice_)
    assert "TD506" in codes(compressed)


def test_neither_a_box_nor_a_sector_is_a_round_body() -> None:
    y, x = np.mgrid[:360, :560]
    speckle = np.random.default_rng(0).rayleigh(60, y.shape).clip(20, 255)
    reach, turn = np.hypot(y + 40, x - 280), np.arctan2(x - 280, y + 40)
    for inside in (
        (abs(y - 180) < 140) & (abs(x - 280) < 200),
        (reach > 60) & (reach < 380) & (abs(turn) < 0.6),
        (reach > 200) & (reach < 380) & (abs(turn) < 0.5),
        (y < 340) & (y > 20) & (reach < 390) & (abs(turn) < 0.7),
    ):
        assert roundness(np.where(inside, speckle, 0).astype(np.uint8)) < ROUND


def test_a_grey_scale_in_one_hue_is_no_doppler() -> None:
    sepia = (in_colour(drawn()[0]) * np.array([1, 0.75, 0.3])).astype(np.uint8)
    assert codes(sepia) == []


def test_an_image_of_another_modality_is_judged_by_whether_it_is_blank_alone() -> None:
    for made in (in_air, blurred, saturated, doppler, photograph, deep, bordered, doubtful):
        assert codes(made(), Modality.CT) == []
    assert codes(blank(), Modality.CT) == ["TD501"]


def test_the_column_where_two_views_meet_is_said() -> None:
    (issue,) = [i for rule in quality.RULES for i in rule.issues(looked(drawn(dual=True)[0]))]
    x0, _, x1, _ = phantom(PhantomSpec(seed=3, dual=True)).echo_box
    assert abs(int(issue.what.rpartition(" ")[2]) - (x0 + x1) // 2) <= 3


@settings(max_examples=150, deadline=None)
@given(
    npst.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.tuples(st.integers(1, 90), st.integers(1, 90))
        | st.tuples(st.integers(1, 90), st.integers(1, 90), st.just(3)),
        elements={"min_value": 0, "max_value": 255},
        fill=st.integers(0, 255),
    ),
    st.sampled_from(Modality),
)
def test_no_rule_raises_on_any_picture(pixels: Pixels, modality: Modality) -> None:
    for code in codes(pixels, modality):
        assert code in TRIPPED


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (700, 1), (1, 1, 3), (65, 64), (64, 4096), (63, 64, 3)])
def test_no_rule_raises_on_noise_of_odd_shapes(shape: tuple[int, ...]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert set(codes(noise)) <= TRIPPED.keys()
