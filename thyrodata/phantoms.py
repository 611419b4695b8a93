"""Synthetic thyroid ultrasound: transverse B-mode views of a neck that nobody has, with known nodules.

A phantom looks enough like a scanner's still to exercise every tool without a patient's data: skin, strap
muscles, a thyroid lobe with fully developed speckle, carotid artery, jugular vein and trachea, and up to
three nodules per view whose outlines are the truth. Points are continuous pixels: origin at the top-left
corner of the top-left pixel, x right, y down, the pixel in column j covers [j, j+1).
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from thyrodata.errors import UsageError

__all__ = ["Phantom", "PhantomNodule", "PhantomSpec", "jpeg_bytes", "phantom"]

Point: TypeAlias = tuple[float, float]
Outline: TypeAlias = tuple[Point, ...]
Diameter: TypeAlias = tuple[Point, Point]
BoxPx: TypeAlias = tuple[int, int, int, int]
Echogenicity: TypeAlias = Literal["hypoechoic", "isoechoic", "anechoic"]
Margin: TypeAlias = Literal["smooth", "lobulated", "spiculated"]
_Grey: TypeAlias = npt.NDArray[np.uint8]
_Real: TypeAlias = npt.NDArray[np.float32]
_Curve: TypeAlias = Callable[[float], float]

_MIN_HEIGHT: Final = 120
_MIN_VIEW_WIDTH: Final = 160
_MAX_SIDE: Final = 4096
_MAX_NODULES: Final = 3
_MAX_JPEG_SIDE: Final = 65_535
_MAX_JPEG_QUALITY: Final = 100

_MARK_RGB: Final = {"grey": (232, 232, 232), "cyan": (0, 228, 228), "yellow": (240, 220, 40)}
_CALIPER_STROKES: Final = {
    "x": (((-1, -1), (1, 1)), ((-1, 1), (1, -1))),
    "+": (((-1, 0), (1, 0)), ((0, -1), (0, 1))),
}
_NODULE_KINDS: Final[tuple[tuple[Echogenicity, Margin], ...]] = (
    ("hypoechoic", "smooth"),
    ("hypoechoic", "lobulated"),
    ("hypoechoic", "spiculated"),
    ("isoechoic", "smooth"),
    ("isoechoic", "lobulated"),
    ("anechoic", "smooth"),
)

# Grey levels, 0-255, before speckle, shadows and depth gain.
_GEL, _SKIN, _FAT, _MUSCLE, _FIBRE, _FASCIA = 14, 128, 78, 50, 118, 170
_LOBE, _CAPSULE, _DEEP, _WALL, _BLOOD, _AIR = 126, 186, 70, 150, 4, 22
_HALO, _CALCIUM, _TEXT = 74, 250, 176
_NODULE_LEVEL: Final = {"hypoechoic": 60, "isoechoic": 128, "anechoic": 3}
_NOISE_FLOOR: Final = 6
# Beam strength below a structure: _UNSHADED leaves tissue as it is. Shadows are drawn on a coarser raster.
_UNSHADED, _SHADOWED, _ENHANCED = 128, 48, 174
_COARSE: Final = 4

# One stream of random numbers for each concern, so that asking for one thing never moves another.
_ANATOMY, _TEXTURE, _SIDE, _APERTURE, _SECOND_READER = range(5)
_TEXTURE_SEED: Final = 1983
# Texture period in pixels: what is cut from it wraps round without a seam.
_PERIOD: Final = 1024
# Mean of the fourth root of an exponential variable of mean 1: Gamma(5/4).
_MEAN_FOURTH_ROOT: Final = 0.9064024771


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomSpec:
    """What is asked of a phantom; equal specs give equal bytes.

    Raises:
        UsageError: A value is out of range, or the burned-in text does not fit the echo region.
    """

    seed: int
    """Chooses anatomy, nodules and speckle; 0 or more."""
    height: int = 360
    """Rows of the whole picture, 120 to 4096."""
    width: int = 560
    """Columns of the whole picture, 160 (320 for a dual view) to 4096."""
    nodules: int = 1
    """Nodules in each view, 0 to 3."""
    dual: bool = False
    """Two views side by side, the right lobe and the left, each with its own nodules."""
    margin_text: bool = True
    """Made-up scanner text, depth ticks and a grey bar in the black margin."""
    calipers: Literal["x", "+"] | None = None
    """The sign at the ends of each nodule's long and short diameter."""
    dotted_line: bool = False
    """Whether dots run along each nodule's long and short diameter."""
    burned_in_text: str = ""
    """Text written into the echo region, such as a reader's category."""
    mark_colour: Literal["grey", "cyan", "yellow"] = "grey"
    """Colour of calipers, dotted lines and burned-in text."""
    second_reader: bool = False
    """Whether each nodule also gets the outline that a second reader would have drawn."""

    def __post_init__(self) -> None:
        min_width = _MIN_VIEW_WIDTH * (2 if self.dual else 1)
        _require_range("seed", self.seed, 0, 2**63 - 1)
        _require_range("height", self.height, _MIN_HEIGHT, _MAX_SIDE)
        _require_range("width", self.width, min_width, _MAX_SIDE)
        _require_range("nodules", self.nodules, 0, _MAX_NODULES)
        if self.calipers not in (None, "x", "+"):
            raise UsageError(f"unknown caliper sign {self.calipers!r}", hint="use 'x', '+' or None")
        if self.mark_colour not in _MARK_RGB:
            raise UsageError(
                f"unknown mark colour {self.mark_colour!r}", hint=f"use one of {', '.join(_MARK_RGB)}"
            )
        if not self.burned_in_text.isprintable():
            raise UsageError("burned-in text holds unprintable characters", hint="use one line of plain text")
        x0, _, x1, _ = _echo_box(self)
        room = 0.9 * (x1 - x0)
        if len(self.burned_in_text) > room or _label_font(self).getlength(self.burned_in_text) > room:
            raise UsageError(
                f"burned-in text {self.burned_in_text[:40]!r} is wider than the echo region",
                hint="shorten the text or widen the picture",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomNodule:
    """One nodule as it was drawn, in continuous pixels of the whole picture."""

    outline: Outline
    """The true border: a polygon, closed implicitly."""
    second_outline: Outline
    """What a second reader would have drawn; empty unless it was asked for."""
    long_diameter: Diameter
    """Ends of the greatest distance between two vertices of the outline."""
    short_diameter: Diameter
    """Ends of the greatest width between two vertices across the long diameter."""
    composition: Literal["solid", "cystic"]
    echogenicity: Echogenicity
    margin: Margin
    microcalcifications: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class Phantom:
    """A drawn phantom and the truth about it."""

    pixels: npt.NDArray[np.uint8]
    """(height, width) grey, or (height, width, 3) RGB where a coloured mark was drawn."""
    nodules: tuple[PhantomNodule, ...]
    """The views' nodules, from left to right within each view."""
    marker_mask: npt.NDArray[np.bool_]
    """(height, width): exactly the pixels that calipers, dotted lines and burned-in text changed."""
    echo_box: BoxPx
    """x0, y0, x1, y1 of the echo region, x1 and y1 exclusive: marks lie inside, margin text outside."""


def phantom(spec: PhantomSpec) -> Phantom:
    """Draw the phantom that a spec asks for.

    Args:
        spec: What to draw.

    Returns:
        The picture and its truth. Asking for more changes nothing but what it adds: outside `marker_mask`
        the picture is the one that the same seed gives without marks, and the same neck with no nodules is
        the healthy twin.
    """
    echo_box = _echo_box(spec)
    clean = _margin(spec, echo_box)
    nodules: list[PhantomNodule] = []
    for index, (box, side) in enumerate(_views(spec, echo_box)):
        view = _View(spec, index, box, side)
        x0, y0, x1, y1 = box
        clean[y0:y1, x0:x1] = view.render()
        nodules += view.nodules
    marked = _with_marks(spec, clean, nodules, echo_box)
    changed = marked != (clean if marked.ndim == clean.ndim else clean[:, :, np.newaxis])
    return Phantom(
        pixels=marked,
        nodules=tuple(nodules),
        marker_mask=changed if changed.ndim == clean.ndim else changed.any(axis=2),
        echo_box=echo_box,
    )


def jpeg_bytes(pixels: npt.NDArray[np.uint8], *, quality: int = 90, rgb: bool = False) -> bytes:
    """Encode a picture as JPEG.

    Args:
        pixels: (height, width) grey or (height, width, 3) RGB.
        quality: 1 to 100, as Pillow takes it.
        rgb: Store three channels even where the picture is grey, as most published sets do.

    Returns:
        The bytes of a JPEG file.

    Raises:
        UsageError: The array is no such picture, or the quality is out of range.
    """
    _require_range("JPEG quality", quality, 1, _MAX_JPEG_QUALITY)
    is_picture = pixels.dtype == np.uint8 and (pixels.ndim, pixels.shape[2:]) in ((2, ()), (3, (3,)))
    if not is_picture or not pixels.size or max(pixels.shape) > _MAX_JPEG_SIDE:
        raise UsageError(
            f"an array of {pixels.dtype} and shape {pixels.shape} cannot be a JPEG picture",
            hint=f"give uint8 of (height, width) or (height, width, 3), no side above {_MAX_JPEG_SIDE}",
        )
    image = Image.fromarray(pixels)
    buffer = io.BytesIO()
    (image.convert("RGB") if rgb else image).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _require_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise UsageError(f"{name} {value} is out of range", hint=f"use {low} to {high}")


def _rng(spec: PhantomSpec, concern: int, part: int = 0) -> np.random.Generator:
    return np.random.default_rng([spec.seed, concern, part])


# ---------------------------------------------------------------- the scanner's screen


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _margin_font_size(spec: PhantomSpec) -> int:
    return max(9, spec.height // 32)


def _label_font(spec: PhantomSpec) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return _font(max(12, spec.height // 18))


def _echo_box(spec: PhantomSpec) -> BoxPx:
    """Leave a margin for one line of text above and below, and for the grey bar on the right."""
    line = _margin_font_size(spec) + 8
    return (spec.width // 20, line, spec.width - spec.width // 12, spec.height - line)


def _views(spec: PhantomSpec, echo_box: BoxPx) -> list[tuple[BoxPx, str]]:
    """Return each view's box and the side of the neck it shows."""
    x0, y0, x1, y1 = echo_box
    if not spec.dual:
        return [(echo_box, "RT" if _rng(spec, _SIDE).integers(2) else "LT")]
    middle, half_gap = (x0 + x1) // 2, 2
    return [((x0, y0, middle - half_gap, y1), "RT"), ((middle + half_gap, y0, x1, y1), "LT")]


def _margin(spec: PhantomSpec, echo_box: BoxPx) -> _Grey:
    """Draw all that surrounds the echo region."""
    image = Image.new("L", (spec.width, spec.height))
    if spec.margin_text:
        draw, font = ImageDraw.Draw(image), _font(_margin_font_size(spec))
        x0, y0, x1, _ = echo_box
        draw.text((x0, y0 - 4), f"PHANTOM {spec.seed % 10_000:04d}", _TEXT, font, anchor="ls")
        draw.text((x1, y0 - 4), "SYNTHETIC", _TEXT, font, anchor="rs")
        for (left, _, right, _), side in _views(spec, echo_box):
            draw.text(((left + right) // 2, spec.height - 4), f"THYROID {side}", _TEXT, font, anchor="ms")
        _draw_scales(draw, spec.width, echo_box)
        image.paste(0, echo_box)
    return np.array(image)


def _draw_scales(draw: ImageDraw.ImageDraw, width: int, echo_box: BoxPx) -> None:
    """Draw depth ticks beside the echo region and a grey bar to their right."""
    _, y0, x1, y1 = echo_box
    for tick in range(41):
        y = y0 + tick * (y1 - y0 - 1) // 40
        draw.line((x1 + 3, y, x1 + (9 if tick % 10 == 0 else 6 if tick % 5 == 0 else 4), y), _TEXT)
    left, top, bottom = (x1 + width) // 2, y0 + (y1 - y0) // 20, y0 + (y1 - y0) // 2
    right = left + max(3, width // 70)
    draw.rectangle((left - 1, top - 1, right + 1, bottom), outline=_DEEP)
    for y in range(top, bottom):
        draw.line((left, y, right, y), 255 * (bottom - 1 - y) // (bottom - top))


def _with_marks(spec: PhantomSpec, clean: _Grey, nodules: Sequence[PhantomNodule], echo_box: BoxPx) -> _Grey:
    """Return the picture with the marks asked for; it is RGB only where they are coloured."""
    has_marks = bool(spec.burned_in_text.strip() or (nodules and (spec.calipers or spec.dotted_line)))
    if not has_marks:
        return clean
    grey = spec.mark_colour == "grey"
    ink = _MARK_RGB[spec.mark_colour]
    picture = Image.fromarray(clean).convert("L" if grey else "RGB")
    echo = picture.crop(echo_box)  # what is drawn past its edge is cut off
    _draw_marks(ImageDraw.Draw(echo), spec, nodules, echo_box, ink[0] if grey else ink)
    picture.paste(echo, echo_box)
    return np.array(picture)


def _draw_marks(
    draw: ImageDraw.ImageDraw,
    spec: PhantomSpec,
    nodules: Sequence[PhantomNodule],
    echo_box: BoxPx,
    ink: int | tuple[int, int, int],
) -> None:
    x0, y0, _, y1 = echo_box
    arm = max(3, spec.height // 64)
    strokes = _CALIPER_STROKES[spec.calipers] if spec.calipers else ()
    for diameter in (d for nodule in nodules for d in (nodule.long_diameter, nodule.short_diameter)):
        start, stop = ((int(x) - x0, int(y) - y0) for x, y in diameter)
        if spec.dotted_line:
            draw.point(_dots(start, stop), ink)
        for x, y in (start, stop):
            for stroke in strokes:
                draw.line([(x + arm * dx, y + arm * dy) for dx, dy in stroke], ink)
    corner = (spec.width // 40, y1 - y0 - spec.height // 40)
    draw.text(corner, spec.burned_in_text, ink, _label_font(spec), anchor="ls")


def _dots(start: tuple[int, int], stop: tuple[int, int]) -> list[tuple[int, int]]:
    """Return pixels on a line, about five apart."""
    steps = max(1, round(math.dist(start, stop) / 5))
    (ax, ay), (bx, by) = start, stop
    return [(ax + round((bx - ax) * k / steps), ay + round((by - ay) * k / steps)) for k in range(steps + 1)]


# ---------------------------------------------------------------- one transverse view


class _View:
    """One lobe in transverse section: its tissue, the shadows below it, and its nodules.

    Anatomy stands in fractions of the view: u from lateral (0) to the trachea (1), v from the skin (0) down.
    """

    def __init__(self, spec: PhantomSpec, index: int, box: BoxPx, side: str) -> None:
        self._spec, self._index, self._box, self._side = spec, index, box, side
        self._width, self._height = box[2] - box[0], box[3] - box[1]
        self._rng, self._texture_rng = _rng(spec, _ANATOMY, index), _rng(spec, _TEXTURE, index)
        self._stroke = max(1, round(self._height / 280))
        self._bulge, self._phase = self._rng.uniform(0.03, 0.1), self._rng.uniform(0, 2 * math.pi)
        self._tissue = Image.new("L", (self._width, self._height), _DEEP)
        self._draw = ImageDraw.Draw(self._tissue)
        self._shade = Image.new("L", (-(-self._width // _COARSE), -(-self._height // _COARSE)), _UNSHADED)
        self._specks: list[Point] = []
        self.nodules: list[PhantomNodule] = []
        self._draw_deep_muscle()
        self._draw_trachea()
        lobe, radii = self._draw_lobe()
        self._draw_superficial_layers()
        self._draw_vessels()
        for slot in range(spec.nodules):
            self._draw_nodule(lobe, radii, slot)

    def render(self) -> _Grey:
        """Return the view, (height, width): tissue times speckle, shadows and gain, within the aperture."""
        image = self._tissue.filter(ImageFilter.GaussianBlur(1 + 0.4 * self._stroke))
        specks = ImageDraw.Draw(image)
        for level, size in ((_CALCIUM // 2, 1.5 * self._stroke), (_CALCIUM, 0.6 * self._stroke)):
            for x, y in self._specks:
                specks.ellipse((x - size, y - 0.7 * size, x + size, y + 0.7 * size), level)
        shade = self._shade.filter(ImageFilter.GaussianBlur(1.2)).resize(
            image.size, Image.Resampling.BILINEAR
        )
        # Only correctly rounded operations on pixels: no processor's own sine or logarithm decides a byte.
        grey = self._speckle()
        grey *= np.asarray(image, np.float32) + _NOISE_FLOOR
        grey *= np.asarray(shade, np.float32) / _UNSHADED
        grey *= self._mottle()
        depth = (np.arange(self._height, dtype=np.float32) / self._height)[:, np.newaxis]
        grey *= np.float32(1.06) - np.float32(0.4) * depth * depth
        pixels = np.minimum(grey, 255, out=grey).astype(np.uint8)
        return pixels if self._spec.dual else self._cut_to_aperture(pixels)

    def _speckle(self) -> _Real:
        """Cut a piece of speckle whose grains widen with depth, as a focused beam's do."""
        near, far = _speckle_period()
        row, column = self._texture_rng.integers(_PERIOD, size=2)
        rows = (row + np.arange(self._height)) % _PERIOD
        columns = (column + np.arange(self._width)) % _PERIOD
        depth = (np.arange(self._height, dtype=np.float32) / self._height)[:, np.newaxis]
        speckle: _Real = near[rows][:, columns]
        speckle += depth * (far[rows][:, columns] - speckle)
        return speckle

    def _mottle(self) -> _Real:
        """Return slow unevenness of tissue about 1, from a coarse lattice of random levels."""
        cells = (self._height // 14 + 2, self._width // 18 + 2)
        lattice = Image.fromarray(self._texture_rng.integers(104, 153, size=cells, dtype=np.uint8))
        smooth = lattice.resize((self._width, self._height), Image.Resampling.BICUBIC)
        return np.asarray(smooth, np.float32) / np.float32(128)

    def _cut_to_aperture(self, pixels: _Grey) -> _Grey:
        """Blacken what a steered (trapezoid) aperture does not see; most views are rectangular."""
        rng = _rng(self._spec, _APERTURE)
        inset = rng.uniform(0.03, 0.07) * self._width
        if rng.integers(4):
            return pixels
        seen = Image.new("1", (self._width, self._height))
        w, h = self._width - 1, self._height - 1
        ImageDraw.Draw(seen).polygon([(inset, 0), (w - inset, 0), (w, h), (0, h)], fill=1)
        return np.where(np.asarray(seen), pixels, np.uint8(0))

    def _at(self, u: float, v: float) -> Point:
        x = u * self._width
        return (x if self._side == "RT" else self._width - x, v * self._height)

    def _layer(self, v: float) -> _Curve:
        """Return a tissue border at about depth v, which dips laterally below the long muscle of the neck."""

        def border(u: float) -> float:
            return v * (1 + self._bulge * math.cos(3 * u + self._phase) + 0.35 * v * (1 - u) ** 2)

        return border

    def _draw_band(self, top: _Curve, bottom: _Curve, level: int) -> None:
        us = [k / 24 for k in range(25)]
        edge = [self._at(u, top(u)) for u in us] + [self._at(u, bottom(u)) for u in reversed(us)]
        self._draw.polygon(edge, level)

    def _draw_fibres(self, top: _Curve, bottom: _Curve, levels: tuple[int, int], count: int) -> None:
        """Draw short bright lines that run along a band, as the septa of muscle and fat do."""
        for share, start, length, tint in self._rng.random((count, 4)).tolist():
            us = [start * 1.1 - 0.1 + (0.04 + 0.2 * length) * k / 4 for k in range(5)]
            points = [self._at(u, top(u) + share * (bottom(u) - top(u))) for u in us]
            level = levels[0] + round((levels[1] - levels[0]) * tint)
            self._draw.line(points, level, self._stroke)

    def _draw_border(self, border: _Curve, level: int, thickness: int) -> None:
        self._draw.line(
            [self._at(k / 24, border(k / 24)) for k in range(25)], level, thickness * self._stroke
        )

    def _draw_superficial_layers(self) -> None:
        """Draw gel, skin, fat and strap muscles with the fasciae between them."""
        skin, fat, muscle, bed = (self._layer(v) for v in (0.025, 0.055, 0.13, 0.265))
        self._draw_band(lambda _: -1, skin, _GEL)
        self._draw_band(skin, fat, _SKIN)
        self._draw_band(fat, muscle, _FAT)
        self._draw_fibres(fat, muscle, (_FAT, _FASCIA), 14)
        self._draw_band(muscle, bed, _MUSCLE)
        self._draw_fibres(muscle, bed, (_MUSCLE, _FIBRE + 20), 70)
        self._draw_border(muscle, _FASCIA + 24, 2)
        self._draw_border(self._layer(0.19), _FASCIA - 20, 1)
        self._draw_border(bed, _FASCIA, 1)

    def _draw_deep_muscle(self) -> None:
        """Draw the muscle in front of the spine, and the bright front and the shadow of a vertebra."""
        top, bone = self._layer(0.66), self._layer(0.82)
        self._draw_band(top, bone, _MUSCLE)
        self._draw_fibres(top, bone, (_MUSCLE, _FIBRE), 60)
        self._draw_band(bone, lambda _: 1.1, _MUSCLE // 2)
        self._draw_border(bone, _FASCIA - 50, 3)
        self._draw_fibres(bone, self._layer(0.835), (_FASCIA, _FASCIA + 50), 9)

    def _draw_trachea(self) -> None:
        """Draw the air interface, its reverberations and its shadow."""
        r = min(0.21 * self._width, 0.25 * self._height)
        (x, top) = self._at(1.03, 0.385)
        y = top + r
        self._cast(x, top + 0.5 * r, 0.85 * r, _SHADOWED)
        self._draw.ellipse((x - r, y - r, x + r, y + r), _MUSCLE)
        self._draw.ellipse((x - 0.9 * r, y - 0.9 * r, x + 0.9 * r, y + 2.5 * r), _AIR)
        for shrink, level, thickness in ((0.9, 235, 4), (0.72, 110, 2), (0.54, 70, 2), (0.38, 46, 2)):
            bow = (x - shrink * r, y - shrink * r, x + shrink * r, y + shrink * r)
            self._draw.arc(bow, 205, 335, level, thickness * self._stroke)

    def _draw_lobe(self) -> tuple[Point, Point]:
        """Draw lobe and isthmus; return the lobe's centre and half-axes in pixels of the view."""
        u, v = self._rng.uniform(0.5, 0.54), self._rng.uniform(0.49, 0.52)
        centre = self._at(u, v)
        radii = (self._rng.uniform(0.25, 0.28) * self._width, self._rng.uniform(0.19, 0.22) * self._height)
        lobe = _ring(centre, radii, _harmonics(self._rng, (2, 3, 4), 0.03))
        isthmus = [
            self._at(u + 0.1, v - 0.17),
            self._at(1.02, 0.31),
            self._at(1.02, 0.375),
            self._at(u + 0.2, v),
        ]
        self._draw.polygon(isthmus, _LOBE)
        self._draw.polygon(lobe, _LOBE)
        self._draw.line([*lobe[len(lobe) // 2 :], lobe[0]], _CAPSULE, 2 * self._stroke)
        return centre, radii

    def _draw_vessels(self) -> None:
        """Draw the round carotid artery and, in front of it, the flattened jugular vein."""
        rng = self._rng
        r = rng.uniform(0.095, 0.115) * min(self._height, 0.75 * self._width)
        artery = self._at(rng.uniform(0.13, 0.17), rng.uniform(0.55, 0.6))
        vein = self._at(rng.uniform(0.06, 0.12), rng.uniform(0.37, 0.4))
        lumen = r - 2.5 * self._stroke
        rounding = _harmonics(rng, (2, 3), 0.04)
        self._cast(*artery, 0.8 * r, _ENHANCED)
        self._draw.polygon(_ring(artery, (r, r), rounding), _WALL)
        self._draw.polygon(_ring(artery, (lumen, lumen), rounding), _BLOOD)
        self._draw.polygon(_ring(vein, (1.3 * r, 0.5 * r), _harmonics(rng, (2, 3), 0.08)), _BLOOD)

    def _draw_nodule(self, lobe: Point, lobe_radii: Point, slot: int) -> None:
        """Draw one nodule in its own share of the lobe's width and note its truth."""
        rng, count = self._rng, self._spec.nodules
        offset = 0.62 * (2 * slot / (count - 1) - 1) if count > 1 else rng.uniform(-0.25, 0.25)
        room = (lobe_radii[0] / count, lobe_radii[1] * math.sqrt(1 - offset**2))
        rx = room[0] * (rng.uniform(0.24, 0.48) if count == 1 else rng.uniform(0.45, 0.68))
        radii = (rx, min(rx * rng.uniform(0.7, 1.25), rng.uniform(0.5, 0.68) * room[1]))
        centre = (lobe[0] + offset * lobe_radii[0], lobe[1] + rng.uniform(-0.15, 0.15) * room[1])
        echogenicity, margin = _NODULE_KINDS[rng.integers(len(_NODULE_KINDS))]
        border = _border(rng, margin)
        outline = _ring(centre, radii, border)
        self._fill_nodule(centre, radii, outline, echogenicity)
        calcified = echogenicity == "hypoechoic" and bool(rng.integers(2))
        if calcified:
            self._specks += [
                (centre[0] + radii[0] * r * math.cos(t), centre[1] + radii[1] * r * math.sin(t))
                for r, t in rng.uniform((0, 0), (0.65, 2 * math.pi), (int(rng.integers(5, 14)), 2)).tolist()
            ]
        second: list[Point] = []
        if self._spec.second_reader:
            stream = _rng(self._spec, _SECOND_READER, self._index * _MAX_NODULES + slot)
            second = _second_look(stream, centre, radii, border)
        placed = self._in_picture(outline)
        long_diameter, short_diameter = _diameters(placed)
        self.nodules.append(
            PhantomNodule(
                outline=placed,
                second_outline=self._in_picture(second),
                long_diameter=long_diameter,
                short_diameter=short_diameter,
                composition="cystic" if echogenicity == "anechoic" else "solid",
                echogenicity=echogenicity,
                margin=margin,
                microcalcifications=calcified,
            )
        )

    def _fill_nodule(
        self, centre: Point, radii: Point, outline: Sequence[Point], echogenicity: Echogenicity
    ) -> None:
        # Pillow truncates a polygon's vertices: each falls into the pixel that holds it.
        (x, y), (rx, ry), level = centre, radii, _NODULE_LEVEL[echogenicity]
        if echogenicity == "isoechoic":
            self._draw.polygon(outline, _HALO)
            inner = 1 - min(0.2, 4.5 * self._stroke / min(radii))
            outline = [(x + inner * (px - x), y + inner * (py - y)) for px, py in outline]
        if echogenicity == "anechoic":
            self._cast(x, y + 0.9 * ry, 0.8 * rx, _ENHANCED)
            self._draw.line([p for p in outline if p[1] > y + 0.7 * ry], _WALL, 3 * self._stroke)
        self._draw.polygon(outline, level)

    def _cast(self, x: float, y: float, half_width: float, level: int) -> None:
        """Shadow or enhance all that lies below a structure."""
        left, top, right = ((x - half_width) / _COARSE, y / _COARSE, (x + half_width) / _COARSE)
        ImageDraw.Draw(self._shade).rectangle((left, top, right, self._shade.height), level)

    def _in_picture(self, points: Sequence[Point]) -> Outline:
        """Move points from the view to the whole picture, to a hundredth of a pixel."""
        return tuple((round(x + self._box[0], 2), round(y + self._box[1], 2)) for x, y in points)


# ---------------------------------------------------------------- shapes


def _ring(centre: Point, radii: Point, border: _Curve, vertices: int = 72) -> list[Point]:
    """Return an ellipse whose radius is multiplied by `border` of the angle in radians."""
    (x, y), (rx, ry) = centre, radii
    angles = [2 * math.pi * k / vertices for k in range(vertices)]
    return [(x + rx * border(t) * math.cos(t), y + ry * border(t) * math.sin(t)) for t in angles]


def _harmonics(rng: np.random.Generator, orders: Sequence[int], amplitude: float) -> _Curve:
    waves = [(k, amplitude * rng.uniform(0.3, 1), rng.uniform(0, 2 * math.pi)) for k in orders]
    return lambda angle: 1 + sum(size * math.cos(k * angle + phase) for k, size, phase in waves)


def _border(rng: np.random.Generator, margin: Margin) -> _Curve:
    """Return the radius of a smooth, lobulated or spiculated border, about 1, by angle in radians."""
    body = _harmonics(rng, (2, 3), 0.05)
    phase = rng.uniform(0, 2 * math.pi)
    if margin == "smooth":
        return body
    if margin == "lobulated":
        lobules = int(rng.integers(5, 8))
        return lambda angle: body(angle) + 0.13 * abs(math.cos(lobules * (angle - phase) / 2)) - 0.07
    spikes = [phase + 2 * math.pi * (k + rng.uniform(0.2, 0.8)) / 9 for k in range(9)]

    def spiculated(angle: float) -> float:
        nearest = min(abs(math.remainder(angle - spike, 2 * math.pi)) for spike in spikes)
        return body(angle) + 0.2 * max(0.0, 1 - nearest / 0.2) - 0.06

    return spiculated


def _second_look(rng: np.random.Generator, centre: Point, radii: Point, border: _Curve) -> list[Point]:
    """Draw the same nodule as another reader would: shifted, scaled, with fewer points and unsteadily."""
    dx, dy = rng.uniform(-0.08, 0.08, 2).tolist()
    scale, unsteady = rng.uniform(0.9, 1.1), _harmonics(rng, (2, 3, 5), 0.03)
    moved = (centre[0] + dx * radii[0], centre[1] + dy * radii[1])
    return _ring(moved, radii, lambda angle: scale * border(angle) * unsteady(angle), vertices=40)


def _diameters(outline: Outline) -> tuple[Diameter, Diameter]:
    """Return the longest line between vertices, and the widest one across it to within 6 degrees."""
    points = np.array(outline)
    offsets = points[np.newaxis] - points[:, np.newaxis]
    i, j = divmod(int((offsets * offsets).sum(axis=2).argmax()), len(points))
    axis_x, axis_y = offsets[i, j]
    along = np.abs(offsets[:, :, 0] * axis_x + offsets[:, :, 1] * axis_y)
    across = np.abs(offsets[:, :, 1] * axis_x - offsets[:, :, 0] * axis_y)
    k, m = divmod(int(np.where(along <= 0.1 * across, across, 0).argmax()), len(points))
    return (outline[i], outline[j]), (outline[k], outline[m])


# ---------------------------------------------------------------- speckle


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
