"""Burns text into pictures, with every pixel of its ink known: over black or a phantom's tissue."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from thyrodata.phantoms import PhantomSpec, phantom

__all__ = ["SCRIPTS", "Word", "burn", "covered", "fan", "jpeg", "script_font", "tissue"]

SCRIPTS = {
    "Latin": ("SMITH, MARY A", "Klinikum Mitte", "MRN 00482731", "Patient 7"),
    "digits": ("12/03/1958", "2019-07-24 14:32", "00482731", "#4471-22"),
    "Vietnamese": ("Nguyễn Thị Ánh", "TRẦN ĐỨC HẬU", "Lê Hoàng Phương", "Ngày sinh"),
    "Cyrillic": ("Иванова Мария", "Петров", "Сидорчук"),
    "Greek": ("Παπαδόπουλος", "Γεώργιος", "ΑΘΗΝΑ"),
    "Han": ("王小明", "北京协和医院", "姓名陈静"),
}
"""Made-up names, numbers and places."""

FAN = 42
"""Degrees to either side that the beams of a sector scan span."""

LETTER = 15
"""Pixels across the surroundings of a letter, whose mean the contrast is to."""

_SYSTEM_FONTS = {
    "Han": ("wqy-zenhei.ttc", "fonts-wqy-zenhei"),
    **dict.fromkeys(["Vietnamese", "Cyrillic", "Greek"], ("DejaVuSans.ttf", "fonts-dejavu-core")),
}
"""File and Debian package of the fonts that Pillow does not carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word that was burned in."""

    text: str
    ink: np.ndarray
    """bool (height, width): where it is, but for the faintest border of its strokes."""


def script_font(script: str, size: int) -> ImageFont.FreeTypeFont:
    """A font for a script; a test that needs one which is not installed is skipped."""
    if script not in _SYSTEM_FONTS:
        return ImageFont.load_default(size)
    name, package = _SYSTEM_FONTS[script]
    found = sorted(Path("/usr/share/fonts").rglob(name))
    if not found and os.environ.get("THYRODATA_REQUIRE_TOOLS") == "1":
        pytest.fail(f"the font {name} of {package} is missing, and THYRODATA_REQUIRE_TOOLS=1 asks for it")
    if not found:
        pytest.skip(f"the font {name} of {package} is not installed")
    return ImageFont.truetype(found[0], size)


def tissue(seed: int, height: int, width: int) -> np.ndarray:
    """The echo of a phantom without anything written on it."""
    drawn = phantom(PhantomSpec(seed=seed, height=height + height // 4, width=width + width // 4))
    x0, y0, x1, y1 = drawn.echo_box
    return np.asarray(Image.fromarray(drawn.pixels[y0:y1, x0:x1]).resize((width, height)))


def fan(seed: int, height: int, width: int, *, gain: float = 1.5) -> np.ndarray:
    """The echo of a phantom as a sector scan shows it: at its sides, what lies across the beams leans."""
    beams = np.clip(tissue(seed, 256, 384) * gain, 0, 235)
    y, x = np.mgrid[:height, :width]
    depth = np.hypot(x - width / 2, y) / height
    angle = np.degrees(np.arctan2(x - width / 2, y)) / FAN
    places = [depth * (len(beams) - 1), (angle + 1) / 2 * (beams.shape[1] - 1)]
    return ndimage.map_coordinates(beams, places, order=1).astype(np.uint8)


def burn(
    background: np.ndarray,
    texts: Sequence[str],
    font: ImageFont.FreeTypeFont,
    *,
    seed: int,
    contrast: float = 80,
    colour: tuple[float, float, float] | None = None,
) -> tuple[np.ndarray, tuple[Word, ...]]:
    """Return the picture with texts at random places, apart from each other, and what was written.

    Args:
        background: uint8 (height, width).
        texts: What is written; one that finds no place is left out.
        font: In which.
        seed: Chooses the places.
        contrast: Grey levels above the brightest surroundings of any letter; negative for text that is darker
            than the darkest.
        colour: Factors of that level for red, green and blue; ``None`` for a picture that stays grey.
    """
    chance = np.random.default_rng(seed)
    height, width = background.shape
    rgb = np.repeat(background[..., None], 3, axis=2).astype(np.float64)
    around_it = ndimage.uniform_filter(background.astype(np.float64), LETTER)
    taken = np.zeros((height, width), bool)
    words = []
    for text in texts:
        alpha = _drawn(text, font)
        rows, columns = alpha.shape
        for _ in range(200):
            y, x = int(chance.integers(height - rows)), int(chance.integers(width - columns))
            place = (slice(y, y + rows), slice(x, x + columns))
            around = taken[max(y - 12, 0) : y + rows + 12, max(x - 12, 0) : x + columns + 12]
            level = (around_it[place].max() if contrast > 0 else around_it[place].min()) + contrast
            if not around.any() and 0 <= level <= 255:
                taken[place] = True
                ink = np.zeros((height, width), bool)
                ink[place] = alpha > 0.3
                words.append(Word(text=text, ink=ink))
                pen = level * np.array(colour or (1, 1, 1))
                rgb[place] += alpha[..., None] * (pen - rgb[place])
                break
    picture = np.clip(np.round(rgb), 0, 255).astype(np.uint8)
    return picture if colour else picture[..., 0], tuple(words)


def _drawn(text: str, font: ImageFont.FreeTypeFont) -> np.ndarray:
    """The opacity of a text, 0 to 1, in a tight rectangle with two pixels around it."""
    left, top, right, bottom = (int(side) for side in font.getbbox(text))
    canvas = Image.new("L", (right - left + 4, bottom - top + 4))
    ImageDraw.Draw(canvas).text((2 - left, 2 - top), text, fill=255, font=font)
    return np.asarray(canvas) / 255


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """The picture after a lossy JPEG."""
    encoded = io.BytesIO()
    Image.fromarray(picture).save(encoded, "JPEG", quality=quality)
    return np.asarray(Image.open(encoded))


def covered(boxes: Iterable[tuple[int, int, int, int]], shape: tuple[int, ...]) -> np.ndarray:
    """Where boxes are, bool (height, width)."""
    mask = np.zeros(shape[:2], bool)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask
