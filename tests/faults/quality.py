"""Pictures that are bad in one way each, and a fault of one for each rule of TD5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tests.faults.model import Fault, image_record, png
from thyrodata.phantoms import PhantomSpec, phantom

__all__ = ["FAULTS", "TRIPPED"]

Pixels = NDArray[Any]


def drawn(seed: int = 3, **fields: Any) -> tuple[Pixels, Pixels]:
    """A phantom's picture, and a view of its echo region."""
    made = phantom(PhantomSpec(seed=seed, **fields))
    picture = made.pixels.copy()
    x0, y0, x1, y1 = made.echo_box
    return picture, picture[y0:y1, x0:x1]


def in_colour(picture: Pixels) -> Pixels:
    return np.repeat(picture[:, :, np.newaxis], 3, axis=2)


def blank() -> Pixels:
    picture, echo = drawn()
    echo[:] = 0
    return picture


def in_air(seed: int = 0) -> Pixels:
    """Reverberations: stripes that fade with depth, a little sloped, above the noise of the receiver."""
    picture, echo = drawn()
    random = np.random.default_rng(seed)
    height, width = echo.shape
    depth = np.arange(height)[:, np.newaxis] + random.uniform(-0.02, 0.02) * np.arange(width)
    stripes = (1 + np.cos(2 * np.pi * depth / random.uniform(8, 30))) / 2
    noise = ndimage.gaussian_filter(random.rayleigh(1, echo.shape), (0.7, 1.2)) * random.uniform(5, 25)
    echo[:] = np.clip(
        random.uniform(120, 240) * np.exp(-depth / random.uniform(25, 90)) * stripes + noise, 0, 255
    )
    return picture


def blurred() -> Pixels:
    picture, echo = drawn()
    echo[:] = ndimage.gaussian_filter(echo, 3)
    return picture


def saturated() -> Pixels:
    picture, echo = drawn()
    echo[:] = np.minimum(echo.astype(int) * 2, 235)  # the white of video
    return picture


def doppler() -> Pixels:
    picture = drawn()[0]
    coloured = in_colour(picture)
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    vessel = np.hypot((y - 180) / 20, (x - 250) / 45) < 1
    coloured[vessel] = coloured[vessel] // 3 + np.array([150, 20, 10], np.uint8)
    return coloured


def elastogram() -> Pixels:
    picture, _ = drawn()
    coloured = in_colour(picture)
    stiffness = np.linspace(0, 2, 150)[:, np.newaxis] + np.zeros(200)
    overlay = np.stack(
        [np.clip(1 - stiffness, 0, 1), 1 - abs(1 - stiffness), np.clip(stiffness - 1, 0, 1)], -1
    )
    part = coloured[100:250, 150:350]
    part[:] = part // 2 + (120 * overlay).astype(np.uint8)
    return coloured


def photograph() -> Pixels:
    random = np.random.default_rng(1)
    hues = ndimage.zoom(random.uniform(0, 255, (6, 8, 3)), (60, 70, 1), order=1)
    return np.clip(hues + random.normal(0, 12, hues.shape), 0, 255).astype(np.uint8)


def mask() -> Pixels:
    y, x = np.mgrid[:360, :560]
    return np.where(np.hypot(y - 170, (x - 300) / 1.7) < 160, 255, 0).astype(np.uint8)


def deep() -> Pixels:
    return drawn()[0].astype(np.uint16) * 256


def bordered() -> Pixels:
    return np.pad(drawn()[0], ((60, 60), (0, 0)))


def doubtful() -> Pixels:
    """An echo region too small to be sure, on a screen whose edges are ruled."""
    echo = drawn()[1]
    screen = np.zeros((900, 1400), np.uint8)
    screen[300:500, 500:800] = echo[:200, :300]
    screen[::20, 3::20], screen[3::20, ::20] = 160, 160
    return screen


TRIPPED: dict[str, list[Callable[[], Pixels]]] = {
    "TD501": [
        blank,
        lambda: np.full((90, 120), 128, np.uint8),
        lambda: np.full((90, 120, 3), (9, 80, 200), np.uint8),
    ],
    "TD502": [in_air, lambda: in_air(1), lambda: in_air(2)],
    "TD503": [blurred],
    "TD504": [saturated],
    "TD505": [doppler, elastogram],
    "TD506": [photograph, deep],
    "TD507": [lambda: drawn(dual=True)[0]],
    "TD508": [bordered],
    "TD509": [doubtful],
}
"""By the code of the one rule that each trips."""


def fault_of(pixels: Pixels) -> Fault:
    height, width = pixels.shape[:2]
    picture = png(pixels)
    record = image_record("a", picture=picture, size=(width, height))
    return Fault(records=(record,), images={"images/a.jpg": picture})


FAULTS = {code: fault_of(made[0]()) for code, made in TRIPPED.items()}
"""By code."""
