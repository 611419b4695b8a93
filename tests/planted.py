"""Plants marks on clean frames, with every pixel of their ink known: what a scanner or a reader may draw.

Fonts, sizes, strokes, levels, colours and outlines are drawn at random from wide ranges.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from thyrodata.qc.marks import MarkKind

__all__ = ["FONTS", "KINDS", "OTHER_FONTS", "Planted", "degraded", "inside", "jpeg", "plant"]

KINDS = {
    "x": MarkKind.CROSS,
    "+": MarkKind.PLUS,
    "dots": MarkKind.DOTS,
    "arrow": MarkKind.ARROW,
    "contour": MarkKind.CONTOUR,
    "text": MarkKind.TEXT,
    "body": MarkKind.BODY_MARK,
}
"""What is planted, by how it is asked for, and what it is."""
COLOURS = ((0, 228, 228), (240, 220, 40), (60, 230, 60), (240, 120, 30), (230, 80, 230), (90, 170, 255))
LETTERS = "ABCDTXY1234"
PHRASES = ("NODULE 2", "RIGHT LOBE", "LT TRANS", "TI-RADS 4", "ISTHMUS", "Cyst?", "LEVEL IV", "BX SITE 3")
SUPER = 4
"""Times finer that antialiased ink is drawn."""

FONTS = ("", "DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono")
"""Of Matplotlib; the empty name is Pillow's own."""

OTHER_FONTS = ("DejaVuSerif", "STIXGeneralBol", "cmtt10", "cmss10")
"""That nothing is fitted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A marked picture and its truth."""

    pixels: np.ndarray
    """uint8 (height, width), or (height, width, 3) where the ink is coloured."""
    opacities: Mapping[str, np.ndarray]
    """By kind, float (height, width): how much of each pixel its ink covers. Letters beside calipers are
    text, and dots between them dots."""
    centres: tuple[tuple[float, float], ...]
    """(x, y) of the calipers' centres."""
    colour: bool

    @property
    def inks(self) -> dict[str, np.ndarray]:
        """By kind, bool (height, width): the pixels that it covers by half of what it covers most or more."""
        return {kind: (a > 0) & (a >= 0.5 * a.max()) for kind, a in self.opacities.items()}

    @property
    def ink(self) -> np.ndarray:
        """bool (height, width): of all kinds."""
        return np.logical_or.reduce([np.zeros(self.pixels.shape[:2], bool), *self.inks.values()])


@dataclass(slots=True)
class _Pen:
    """Draws into the opacity of layers, finer than the picture where ink is antialiased."""

    shape: tuple[int, int]
    fine: int
    width: int
    font: str
    layers: dict[str, Image.Image] = field(default_factory=dict)
    kind: str = ""

    @property
    def draw(self) -> ImageDraw.ImageDraw:
        size = (self.shape[1] * self.fine, self.shape[0] * self.fine)
        return ImageDraw.Draw(self.layers.setdefault(self.kind, Image.new("L", size)))

    def line(self, *points: tuple[float, float], width: int | None = None) -> None:
        places = [(x * self.fine, y * self.fine) for x, y in points]
        self.draw.line(places, fill=255, width=(width or self.width) * self.fine)

    def area(self, *points: tuple[float, float]) -> None:
        self.draw.polygon([(x * self.fine, y * self.fine) for x, y in points], fill=255)

    def spot(self, x: float, y: float, size: int) -> None:
        left, top, side = round(x * self.fine), round(y * self.fine), size * self.fine - 1
        self.draw.rectangle((left, top, left + side, top + side), fill=255)

    def text(self, x: float, y: float, text: str, size: int) -> None:
        draw = self.draw
        if self.fine == 1:
            draw.fontmode = "1"
        draw.text((x * self.fine, y * self.fine), text, 255, _font(self.font, size * self.fine), anchor="mm")

    def opacities(self) -> dict[str, np.ndarray]:
        height, width = self.shape
        return {
            kind: np.asarray(layer, np.float64).reshape(height, self.fine, width, self.fine).mean(axis=(1, 3))
            / 255
            for kind, layer in self.layers.items()
        }


def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    if not name:
        return ImageFont.load_default(size)
    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf", size)


def plant(
    frame: np.ndarray,
    box: tuple[int, int, int, int],
    kinds: Sequence[str],
    chance: np.random.Generator,
    level: float | None = None,
    fonts: Sequence[str] = FONTS,
) -> Planted:
    """Return the frame with marks of the kinds asked for, at random places inside a box.

    Args:
        frame: uint8 (height, width).
        box: x0, y0, x1, y1: where marks may lie.
        kinds: Of `KINDS`.
        chance: Chooses all that is not asked for.
        level: Of grey ink; without it, chance chooses from what the eye can tell, and sometimes a colour.
        fonts: To choose from.
    """
    pen = _Pen(
        shape=frame.shape,
        fine=int(chance.choice([1, 1, SUPER])),
        width=int(chance.choice([1, 1, 1, 2, 2, 3])),
        font=str(chance.choice(fonts)),
    )
    centres: list[tuple[float, float]] = []
    for kind in kinds:
        pen.kind = kind
        _DRAWN[kind](pen, box, chance, centres)
    opacities = pen.opacities()
    alpha = np.maximum.reduce([np.zeros(frame.shape), *opacities.values()]) * chance.uniform(0.85, 1)
    if chance.random() < 0.15:  # some scanners outline their marks in black
        dark = ndimage.maximum_filter(alpha, 3)
        frame = np.round(frame * (1 - 0.9 * dark)).astype(np.uint8)
    colour = chance.random() < 0.25
    under = frame[alpha > 0.5]
    floor = 120 if not under.size else max(120, min(float(np.median(under)) + 45, 235))
    chosen = float(chance.uniform(floor, 256))
    colour, level = (colour, chosen) if level is None else (False, level)
    if not colour:
        pixels = frame + alpha * (level - frame)
    else:
        ink = np.array(COLOURS[chance.integers(len(COLOURS))]) * level / 255
        pixels = frame[..., None] + alpha[..., None] * (ink - frame[..., None])
    rounded = np.clip(np.round(pixels), 0, 255).astype(np.uint8)
    return Planted(pixels=rounded, opacities=opacities, centres=tuple(centres), colour=bool(colour))


def degraded(planted: Planted, chance: np.random.Generator, scale: float = 1) -> Planted:
    """The picture scaled, blurred a little and taken through JPEG, as published sets have it.

    The ink is scaled with it.
    """
    height, width = planted.pixels.shape[:2]
    size = (round(width * scale), round(height * scale))
    filter_ = Image.Resampling(int(chance.choice([1, 2, 3])))
    blur = float(chance.choice([0, chance.uniform(0, 0.7)]))
    quality = int(chance.integers(75, 96))

    def scaled(plane: np.ndarray) -> np.ndarray:
        return np.array(Image.fromarray(plane.astype(np.float32)).resize(size, filter_))

    pixels = np.array(Image.fromarray(planted.pixels).resize(size, filter_))
    sigma = (blur, blur, 0)[: pixels.ndim]
    pixels = jpeg(np.round(ndimage.gaussian_filter(pixels.astype(float), sigma)).astype(np.uint8), quality)
    return replace(
        planted,
        pixels=pixels,
        opacities={kind: scaled(alpha) for kind, alpha in planted.opacities.items()},
        centres=tuple(((x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5) for x, y in planted.centres),
    )


def inside(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Where marks are planted in an echo region: not at its edge, where scanners draw their ticks."""
    x0, y0, x1, y1 = box
    aside, down = (x1 - x0) // 30, (y1 - y0) // 30
    return (x0 + aside, y0 + down, x1 - aside, y1 - down)


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    """The picture after a round through JPEG, (height, width, 3) as published sets store it."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


def _place(box: tuple[int, int, int, int], chance: np.random.Generator, room: float) -> tuple[float, float]:
    x0, y0, x1, y1 = box
    room = min(room, (x1 - x0) / 2 - 1, (y1 - y0) / 2 - 1)
    return float(round(chance.uniform(x0 + room, x1 - room))), float(
        round(chance.uniform(y0 + room, y1 - room))
    )


def _ends(box: tuple[int, int, int, int], chance: np.random.Generator) -> list[tuple[float, float]]:
    """The ends of one or two diameters of something, as calipers are set."""
    x0, y0, x1, y1 = box
    shorter = min(x1 - x0, y1 - y0)
    half = chance.uniform(0.06, 0.35) * shorter
    x, y = _place(box, chance, half + 16)
    turn = chance.uniform(0, math.pi)
    ends = []
    for across in range(int(chance.choice([1, 2, 2]))):
        angle, reach = turn + across * math.pi / 2, half * (1 if not across else chance.uniform(0.5, 1))
        dx, dy = reach * math.cos(angle), reach * math.sin(angle)
        ends += [(float(round(x - dx)), float(round(y - dy))), (float(round(x + dx)), float(round(y + dy)))]
    return ends


def _calipers(
    pen: _Pen,
    ends: list[tuple[float, float]],
    chance: np.random.Generator,
    strokes: Sequence[tuple[int, int]],
) -> None:
    size = round(math.exp(chance.uniform(math.log(5), math.log(31))))
    arm = max(2 + pen.width // 2, size // 2)
    gap = int(chance.choice([0, 0, 0, 1, 2])) if arm >= 4 else 0
    gap = min(gap, arm - 2)
    for x, y in ends:
        for dx, dy in strokes:
            if gap:
                pen.line((x + (gap) * dx, y + (gap) * dy), (x + arm * dx, y + arm * dy))
            else:
                pen.line((x, y), (x + arm * dx, y + arm * dy))
    letters = chance.random()
    if letters < 0.5:
        pen.kind = "text"
        letter, height = str(chance.choice(list(LETTERS))), int(chance.integers(9, 20))
        side = (arm + height * 0.7) * chance.choice([-1, 1])
        for x, y in ends[:: 1 if letters < 0.2 else 2]:
            pen.text(x + side, y - height * 0.2, letter, height)


def _dots_along(
    pen: _Pen, start: tuple[float, float], stop: tuple[float, float], chance: np.random.Generator
) -> None:
    size = min(pen.width, 2)
    apart = chance.uniform(3 + size, 12)
    steps = max(1, round(math.dist(start, stop) / apart))
    for k in range(steps + 1):
        pen.spot(*(round(a + (b - a) * k / steps) for a, b in zip(start, stop, strict=True)), size)


def _cross(pen, box, chance, centres, strokes):
    ends = _ends(box, chance)
    _calipers(pen, ends, chance, strokes)
    if chance.random() < 0.25:
        pen.kind = "dots"
        for a, b in zip(ends[::2], ends[1::2], strict=True):
            _dots_along(pen, a, b, chance)
    centres += ends


def _x(pen, box, chance, centres):
    _cross(pen, box, chance, centres, ((1, 1), (-1, 1), (1, -1), (-1, -1)))


def _plus(pen, box, chance, centres):
    _cross(pen, box, chance, centres, ((1, 0), (-1, 0), (0, 1), (0, -1)))


def _dots(pen, box, chance, centres):
    ends = _ends(box, chance)
    for a, b in zip(ends[::2], ends[1::2], strict=True):
        _dots_along(pen, a, b, chance)


def _arrow(pen, box, chance, centres):
    """A shaft with a head, filled or open; or a wide head without a shaft, as some scanners have it."""
    length = chance.uniform(14, 50)
    x, y = _place(box, chance, length + 2)
    angle = chance.uniform(0, 2 * math.pi)
    tip = (x + length * math.cos(angle), y + length * math.sin(angle))
    spread = chance.uniform(0.4, 0.6)
    reach = chance.uniform(0.25, 0.5) * length
    head = [
        (tip[0] - reach * math.cos(angle + turn), tip[1] - reach * math.sin(angle + turn))
        for turn in (-spread, spread)
    ]
    form = chance.choice(["filled", "open", "wide"], p=[0.4, 0.4, 0.2])
    if form != "wide":
        pen.line((x, y), tip, width=max(2, pen.width))
    if form == "open":
        pen.line(head[0], tip, head[1], width=max(2, pen.width))
    else:
        pen.area(tip, *head)
    if form == "wide":  # a block arrow
        side = 0.12 * length
        back = (tip[0] - reach * math.cos(angle), tip[1] - reach * math.sin(angle))
        dx, dy = -side * math.sin(angle), side * math.cos(angle)
        pen.area(
            (x + dx, y + dy),
            (back[0] + dx, back[1] + dy),
            (back[0] - dx, back[1] - dy),
            (x - dx, y - dy),
        )


def _contour(pen, box, chance, centres):
    radius = chance.uniform(0.1, 0.3) * min(box[2] - box[0], box[3] - box[1])
    x, y = _place(box, chance, 1.4 * radius + 3)
    phase, wobble, squash = chance.uniform(0, 6.3, 3), chance.uniform(0, 0.1, 3), chance.uniform(0.6, 1)
    points = []
    for t in np.linspace(0, 2 * math.pi, 90):
        waves = zip((2, 3, 4), wobble, phase, strict=True)
        r = radius * (1 + sum(high * math.sin(k * t + begin) for k, high, begin in waves))
        points.append((x + r * math.cos(t), y + squash * r * math.sin(t)))
    pen.line(*points)


def _text(pen, box, chance, centres):
    height = int(chance.integers(11, 30))
    phrase = str(chance.choice(PHRASES))
    x, y = _place(box, chance, height * len(phrase) * 0.36)
    pen.text(x, y, phrase, height)


def _body(pen, box, chance, centres):
    """The icon of a neck: an outline, a small box in it and a short line for the probe."""
    size = chance.uniform(22, 50)
    x, y = _place(box, chance, size)
    shape = ((-1, 0.5), (-0.7, 0), (-0.35, -0.5), (0.35, -0.5), (0.7, 0), (1, 0.5), (0.35, 0.2), (-0.35, 0.2))
    pen.line(*[(x + size * a, y + size * b) for a, b in (*shape, shape[0])])
    small = size * 0.14
    corners = ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
    pen.line(*[(x + small * a, y - size * 0.2 + small * b) for a, b in corners])
    pen.line((x + size * 0.3, y - size * 0.7), (x + size * 0.6, y - size * 0.55))


_DRAWN = {
    "x": _x,
    "+": _plus,
    "dots": _dots,
    "arrow": _arrow,
    "contour": _contour,
    "text": _text,
    "body": _body,
}
