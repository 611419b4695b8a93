"""The echo of tissue: speckle, shadows, gain and the aperture's shape."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from thyrodata.phantoms.model import Concern, PhantomSpec, View, random_stream
from thyrodata.phantoms.tissue import UNSHADED, Tissue

__all__ = ["render"]

_Grey: TypeAlias = npt.NDArray[np.uint8]
_Real: TypeAlias = npt.NDArray[np.float32]

_CALCIUM: Final = 250
_NOISE_FLOOR: Final = 6
_TEXTURE_SEED: Final = 1983
# Texture period in pixels: what is cut from it wraps round without a seam.
_PERIOD: Final = 1024
# Mean of the fourth root of an exponential variable of mean 1: Gamma(5/4).
_MEAN_FOURTH_ROOT: Final = 0.9064024771


def render(tissue: Tissue, spec: PhantomSpec, view: View) -> _Grey:
    """Return the view, (height, width): tissue times speckle, shadows and gain, within the aperture."""
    image = tissue.image.filter(ImageFilter.GaussianBlur(1 + 0.4 * tissue.stroke))
    _draw_specks(ImageDraw.Draw(image), tissue)
    shade = tissue.shade.filter(ImageFilter.GaussianBlur(1.2)).resize(image.size, Image.Resampling.BILINEAR)
    texture = random_stream(spec, Concern.TEXTURE, view.index)
    depth = (np.arange(tissue.height, dtype=np.float32) / np.float32(tissue.height))[:, np.newaxis]
    # Only correctly rounded operations on pixels: no processor's own sine or logarithm decides a byte.
    grey = _speckle(texture, depth, tissue.width)
    grey *= np.asarray(image, np.float32) + _NOISE_FLOOR
    grey *= np.asarray(shade, np.float32) / UNSHADED
    grey *= _mottle(texture, tissue.width, tissue.height)
    grey *= np.float32(1.06) - np.float32(0.4) * depth * depth
    pixels = np.minimum(grey, 255, out=grey).astype(np.uint8)
    return pixels if spec.dual else _cut_to_aperture(pixels, random_stream(spec, Concern.APERTURE))


def _draw_specks(draw: ImageDraw.ImageDraw, tissue: Tissue) -> None:
    """Draw each speck of calcium as a bright core in a fainter halo."""
    for level, size in ((_CALCIUM // 2, 1.5 * tissue.stroke), (_CALCIUM, 0.6 * tissue.stroke)):
        for x, y in tissue.specks:
            draw.ellipse((x - size, y - 0.7 * size, x + size, y + 0.7 * size), level)


def _speckle(rng: np.random.Generator, depth: _Real, width: int) -> _Real:
    """Cut a piece of speckle whose grains widen with depth, as a focused beam's do.

    Args:
        rng: Chooses the piece.
        depth: (height, 1): 0 at the skin, towards 1 at the bottom.
        width: Columns of the piece.
    """
    near, far = _speckle_period()
    row, column = rng.integers(_PERIOD, size=2)
    rows = (row + np.arange(len(depth))) % _PERIOD
    columns = (column + np.arange(width)) % _PERIOD
    speckle: _Real = near[rows][:, columns]
    speckle += depth * (far[rows][:, columns] - speckle)
    return speckle


def _mottle(rng: np.random.Generator, width: int, height: int) -> _Real:
    """Return slow unevenness of tissue about 1, from a coarse lattice of random levels."""
    cells = (height // 14 + 2, width // 18 + 2)
    lattice = Image.fromarray(rng.integers(104, 153, size=cells, dtype=np.uint8))
    smooth = lattice.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(smooth, np.float32) / np.float32(128)


def _cut_to_aperture(pixels: _Grey, rng: np.random.Generator) -> _Grey:
    """Blacken what a steered (trapezoid) aperture does not see; most views are rectangular."""
    height, width = pixels.shape
    inset = rng.uniform(0.03, 0.07) * width
    if rng.integers(4):
        return pixels
    seen = Image.new("1", (width, height))
    right, bottom = width - 1, height - 1
    ImageDraw.Draw(seen).polygon([(inset, 0), (right - inset, 0), (right, bottom), (0, bottom)], fill=1)
    return np.where(np.asarray(seen), pixels, np.uint8(0))


@lru_cache(maxsize=1)
def _speckle_period() -> tuple[_Real, _Real]:
    """Return one period of compressed speckle of mean 1, with narrow (near) and with wide (far) grains.

    The envelope of two smoothed fields in quadrature is Rayleigh distributed, as fully developed speckle is
    (Wagner et al., IEEE Trans. Sonics Ultrason. 30, 1983); its square root stands in for log compression.
    """
    rng = np.random.default_rng(_TEXTURE_SEED)
    quadratures = [rng.integers(-127, 128, (_PERIOD, _PERIOD), dtype=np.int32) for _ in range(2)]
    axial = [_box_sum(_box_sum(q, 3, axis=0), 2, axis=0) for q in quadratures]
    near, far = ([_box_sum(q, width, axis=1) for q in axial] for width in (3, 7))
    return _compressed_envelope(*near), _compressed_envelope(*far)


def _box_sum(field: npt.NDArray[np.int32], width: int, *, axis: int) -> npt.NDArray[np.int32]:
    total = field.copy()
    for shift in range(1, width):
        total += np.roll(field, shift, axis)
    return total


def _compressed_envelope(real: npt.NDArray[np.int32], imaginary: npt.NDArray[np.int32]) -> _Real:
    power = real * real + imaginary * imaginary
    mean = int(power.sum(dtype=np.int64)) / power.size
    speckle = np.sqrt(np.sqrt(power / mean)) / _MEAN_FOURTH_ROOT
    for axis in (0, 1):  # a screen's interpolation softens the grains
        speckle = (speckle + np.roll(speckle, 1, axis)) / 2
    return speckle.astype(np.float32)
