"""The contact sheet: many images on one page, each with its outlines drawn over it and a caption under it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median_high

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from thyrodata.errors import CaseError, UsageError
from thyrodata.io.images import MAX_PIXELS, decode_image, probe_image
from thyrodata.io.png import encode_png
from thyrodata.schema.geometry import Box, Calipers, Geometry, Line, Mask, Point, Polygon, Segment
from thyrodata.schema.record import Derived, Finding, ImageRecord, Label
from thyrodata.schema.vocab import Coverage, GroupKind, Structure

__all__ = ["Tile", "contact_sheet"]

_Rgb = tuple[int, int, int]
_Path = NDArray[np.float64]
"""(points, 2) of x, y: an open line in pixels of the drawing."""
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_PAGE, _PANEL, _WELL, _BLANK = (17, 20, 24), (28, 32, 38), (9, 11, 13), (38, 43, 51)
_BRIGHT, _MUTED, _CAUTION = (236, 239, 242), (158, 168, 179), (240, 190, 90)

# Okabe & Ito, "Color Universal Design" (2008): distinguishable under every common kind of colour blindness.
# Black is left out on dark images, and the dark blue comes last.
_MARKER_COLOUR: _Rgb = (86, 180, 233)
_PALETTE: tuple[_Rgb, ...] = (
    (240, 228, 66),
    (204, 121, 167),
    (0, 158, 115),
    (213, 94, 0),
    (230, 159, 0),
    (0, 114, 178),
)
_OTHER_COLOUR: _Rgb = (245, 245, 245)

_MARKER, _OTHER = "marker: no anatomy", "any other"
_OVERSAMPLING = 3
_CASING_ALPHA, _TINT_ALPHA = 150, 56
_MIN_TILE_WIDTH = 64
_LONGEST_TEXT = 300  # characters; no tile shows more

_SCHEME_NAMES = {
    "bethesda": "Bethesda",
    "malignancy": "",
    "tirads-acr": "ACR TI-RADS",
    "tirads-chinese": "C-TIRADS",
    "tirads-eu": "EU-TIRADS",
    "tirads-french": "French TIRADS",
    "tirads-horvath": "TIRADS Horvath",
    "tirads-korean": "K-TIRADS",
    "tirads-kwak": "TI-RADS Kwak",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One image of a contact sheet."""

    record: ImageRecord
    data: bytes | None
    """The image file's bytes; ``None`` where there are annotations only."""


def contact_sheet(
    tiles: Sequence[Tile], *, columns: int = 6, tile_width: int = 320, title: str = ""
) -> bytes:
    """Draw images with their outlines over them, captions under them and a legend at the bottom.

    Outlines are coloured by structure and by reader or policy; markers are thinner and have a colour of
    their own; masks are tinted too. What lies outside an image is not drawn. Images of 16 bits are shown from
    their 1st to their 99th percentile, which caption and legend say.

    Args:
        tiles: What to show, in reading order.
        columns: Tiles in a row, at most.
        tile_width: Pixels; everything else scales with it.
        title: One line above the tiles.

    Returns:
        A PNG file; equal tiles and settings give equal bytes.

    Raises:
        UsageError: There is no tile, a number is too small, or the sheet would be too large.
        CaseError: An image cannot be decoded, or is not of the size that its record says.
    """
    layout = _Layout.of(tiles, columns, tile_width)
    colours = _colours(tile.record for tile in tiles)
    captions = [_caption(tile) for tile in tiles]
    legend = _legend_rows(layout, colours, _notes(tiles))
    top = layout.margin + (layout.line(layout.title_font) + layout.gap if title else 0)
    panel_height = layout.picture_height + 2 * layout.pad + max(map(len, captions)) * layout.line(layout.font)
    rows = -(-len(tiles) // layout.columns)
    legend_top = top + rows * (panel_height + layout.gap)
    height = legend_top + len(legend) * layout.line(layout.font) + layout.margin
    if layout.width * height > MAX_PIXELS:
        raise UsageError(
            f"the sheet would have {layout.width} x {height} pixels, past the limit of {MAX_PIXELS}",
            hint="show fewer tiles, or give a smaller tile width",
        )
    sheet = Image.new("RGB", (layout.width, height), _PAGE)
    draw = ImageDraw.Draw(sheet)
    if title:
        line = _shortened(title, layout.title_font, layout.width - 2 * layout.margin)
        draw.text((layout.margin, layout.margin), line, _BRIGHT, layout.title_font)
    for index, (tile, caption) in enumerate(zip(tiles, captions, strict=True)):
        row, column = divmod(index, layout.columns)
        x = layout.margin + column * (layout.tile_width + layout.gap)
        y = top + row * (panel_height + layout.gap)
        draw.rectangle((x, y, x + layout.tile_width - 1, y + panel_height - 1), _PANEL)
        sheet.paste(_framed(tile, layout, colours), (x, y))
        _draw_caption(draw, layout, caption, x, y + layout.picture_height + layout.pad)
    _draw_legend(draw, layout, legend, legend_top)
    return encode_png(np.asarray(sheet))


# --- the page --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """The sizes of everything, in pixels of the sheet."""

    columns: int
    tile_width: int
    picture_height: int
    font: _Font
    title_font: _Font

    @classmethod
    def of(cls, tiles: Sequence[Tile], columns: int, tile_width: int) -> _Layout:
        if not tiles:
            raise UsageError("a contact sheet needs at least one tile", hint="select at least one image")
        if columns < 1:
            raise UsageError(f"a contact sheet cannot have {columns} columns", hint="use 1 or more")
        if tile_width < _MIN_TILE_WIDTH:
            raise UsageError(
                f"a tile of {tile_width} px is too narrow", hint=f"use {_MIN_TILE_WIDTH} px or more"
            )
        if tile_width * tile_width > MAX_PIXELS:
            raise UsageError(f"a tile of {tile_width} px is too wide", hint="give a smaller tile width")
        aspect = median_high([tile.record.image.height / tile.record.image.width for tile in tiles])
        return cls(
            columns=min(columns, len(tiles)),
            tile_width=tile_width,
            picture_height=round(tile_width * min(max(aspect, 0.5), 1)),
            font=ImageFont.load_default(max(8, tile_width / 24)),
            title_font=ImageFont.load_default(max(12, tile_width / 13)),
        )

    @property
    def gap(self) -> int:
        return max(4, self.tile_width // 22)

    @property
    def margin(self) -> int:
        return 2 * self.gap

    @property
    def pad(self) -> int:
        return max(3, self.tile_width // 32)

    @property
    def swatch(self) -> int:
        """A legend's line of colour and the space after it."""
        return 3 * self.pad

    @property
    def stroke(self) -> float:
        return max(1.4, self.tile_width / 190)

    @property
    def width(self) -> int:
        return 2 * self.margin + self.columns * (self.tile_width + self.gap) - self.gap

    @staticmethod
    def line(font: _Font) -> int:
        """Return the distance between lines."""
        return round(1.32 * (font.size if isinstance(font, ImageFont.FreeTypeFont) else 11))


def _shortened(text: str, font: _Font, width: float) -> str:
    """Cut a text with an ellipsis to fit a width; what no font can print becomes a box."""
    text = "".join(c if c.isprintable() else "\ufffd" for c in text[:_LONGEST_TEXT])
    if font.getlength(text) <= width:
        return text
    fitting = bisect_right(range(len(text)), width, key=lambda n: font.getlength(text[:n] + "…"))
    return text[: max(0, fitting - 1)].rstrip() + "…"


# --- captions --------------------------------------------------------------------------------------------

_Caption = tuple[tuple[str, _Rgb], ...]
"""Lines and their colours."""


def _caption(tile: Tile) -> _Caption:
    record = tile.record
    group = record.group_id.partition("/")[2]
    findings = [label for finding in record.findings for label in finding.labels]
    nodules = [label for nodule in record.nodules for label in nodule.labels]
    coverage = _coverage_note(record)
    lines = (
        (record.image_id, _BRIGHT),
        (f"{record.group_kind.value} {group}", _MUTED),
        (_said({"case": record.case_labels, "image": record.image_labels}), _MUTED),
        (_said({"nodule": nodules, "outline": findings}), _MUTED),
        (" · ".join([coverage, *_counts(tile)]), _MUTED if _is_whole(record) else _CAUTION),
    )
    return tuple(line for line in lines if line[0])


def _said(labels_by_scope: dict[str, Iterable[Label]]) -> str:
    """Return ``case: TI-RADS Kwak 4a, solid · image: benign``: scope first, so that it is not cut off."""
    texts = {
        scope: ", ".join(dict.fromkeys(_label_text(label) for label in sorted(labels, key=_is_minor)))
        for scope, labels in labels_by_scope.items()
    }
    return " · ".join(f"{scope}: {text}" for scope, text in texts.items() if text)


def _is_minor(label: Label) -> bool:
    """Tell labels that grade concern, which come first, from those that describe."""
    return label.value.scheme not in _SCHEME_NAMES


def _label_text(label: Label) -> str:
    scheme = label.value.scheme
    name = _SCHEME_NAMES.get(scheme, scheme.partition("-")[2])
    text = f"{name} {label.value.value}".strip()
    if label.basis:
        text += f" by {label.basis.value}"
    return text if label.reader is None else f"{text} ({label.reader})"


def _outlines(record: ImageRecord) -> int:
    return sum(finding.structure is not Structure.MARKER for finding in record.findings)


def _is_whole(record: ImageRecord) -> bool:
    """Tell whether the absence of an outline needs no caution."""
    return record.coverage is Coverage.COMPLETE or (record.coverage is None and _outlines(record) > 0)


def _coverage_note(record: ImageRecord) -> str:
    outlines = _outlines(record)
    drawn = _many(outlines, "outline")
    match record.coverage:
        case Coverage.COMPLETE:
            return f"{drawn}, complete"
        case Coverage.PARTIAL:
            return f"{drawn}, partial"
        case Coverage.NONE:
            return f"{drawn}: no reading covers it" if outlines else "no outline: says nothing"
        case None:
            return drawn if outlines else "no outline, coverage not stated"


def _counts(tile: Tile) -> Iterator[str]:
    markers = len(tile.record.findings) - _outlines(tile.record)
    if markers:
        yield _many(markers, "marker")
    if tile.record.remarks:
        yield _many(len(tile.record.remarks), "remark")
    if _is_windowed(tile):
        yield "windowed"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _draw_caption(draw: ImageDraw.ImageDraw, layout: _Layout, caption: _Caption, x: int, y: int) -> None:
    for row, (text, colour) in enumerate(caption):
        line = _shortened(text, layout.font, layout.tile_width - 2 * layout.pad)
        draw.text((x + layout.pad, y + row * layout.line(layout.font)), line, colour, layout.font)


# --- the legend ------------------------------------------------------------------------------------------

_Item = tuple[str, _Rgb | None]
"""A text, and the colour that it explains."""


def _kind(finding: Finding) -> str:
    """Return what a finding's colour stands for."""
    if finding.structure is Structure.MARKER:
        return _MARKER
    structure = finding.structure.value.replace("-", " ")
    if isinstance(finding.origin, Derived):
        return f"{structure}, derived by {finding.origin.policy}"
    return structure if finding.origin.reader is None else f"{structure}, reader {finding.origin.reader}"


def _colours(records: Iterable[ImageRecord]) -> dict[str, _Rgb]:
    """Give each kind of finding a colour; those past the palette's end share one, and one name."""
    order = list(Structure)
    found = {(order.index(f.structure), _kind(f)) for record in records for f in record.findings}
    kinds = [kind for _, kind in sorted(found)]
    colours = dict(zip((kind for kind in kinds if kind != _MARKER), _PALETTE, strict=False))
    return {kind: _MARKER_COLOUR if kind == _MARKER else colours.get(kind, _OTHER_COLOUR) for kind in kinds}


def _notes(tiles: Sequence[Tile]) -> Iterator[str]:
    """Say how many images of how many groups there are, and that a group of another kind is no patient."""
    for kind in GroupKind:
        groups = [tile.record.group_id for tile in tiles if tile.record.group_kind is kind]
        if not groups:
            continue
        text = _many(len(groups), "image")
        if kind is not GroupKind.IMAGE:
            text += f" of {_many(len(set(groups)), kind.value)}"
        yield text if kind is GroupKind.PATIENT else f"{text}: 1 {kind.value} is not 1 patient"
    if any(_is_windowed(tile) for tile in tiles):
        yield "windowed: 16-bit values from the 1st to the 99th percentile"


def _legend_rows(layout: _Layout, colours: dict[str, _Rgb], notes: Iterable[str]) -> list[list[_Item]]:
    """Break the legend into rows that fit the page."""
    named = {_OTHER if colour == _OTHER_COLOUR else kind: colour for kind, colour in colours.items()}
    room = layout.width - 2 * layout.margin
    rows: list[list[_Item]] = []
    used = 0.0
    items: list[_Item] = [*named.items(), *((note, None) for note in notes)]
    for text, colour in items:
        swatch = 0 if colour is None else layout.swatch
        line = _shortened(text, layout.font, room - swatch)
        width = swatch + layout.font.getlength(line)
        if not rows or used + width > room:
            rows.append([])
            used = 0.0
        rows[-1].append((line, colour))
        used += width + layout.margin
    return rows


def _draw_legend(draw: ImageDraw.ImageDraw, layout: _Layout, rows: list[list[_Item]], top: int) -> None:
    step = layout.line(layout.font)
    for row, items in enumerate(rows):
        x, y = float(layout.margin), top + row * step
        for text, colour in items:
            if colour is not None:
                middle = y + step // 2
                thickness = max(2, round(layout.stroke * 1.5))
                draw.line((x, middle, x + 2 * layout.pad, middle), colour, thickness)
                x += layout.swatch
            draw.text((x, y), text, _MUTED, layout.font)
            x += layout.font.getlength(text) + layout.margin


# --- pictures --------------------------------------------------------------------------------------------


def _framed(tile: Tile, layout: _Layout, colours: dict[str, _Rgb]) -> Image.Image:
    """Return the image with its outlines, as large as fits the tile, in the middle of a dark well."""
    width, height = tile.record.image.width, tile.record.image.height
    scale = min(layout.tile_width / width, layout.picture_height / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = _picture(tile, size)
    overlay = _overlay(tile.record, size, colours, layout.stroke)
    picture.paste(overlay, (0, 0), overlay)
    well = Image.new("RGB", (layout.tile_width, layout.picture_height), _WELL)
    well.paste(picture, ((well.width - size[0]) // 2, (well.height - size[1]) // 2))
    if tile.data is None:
        note = _shortened("annotations only, no image", layout.font, layout.tile_width - 2 * layout.pad)
        ImageDraw.Draw(well).text((layout.pad, layout.pad), note, _MUTED, layout.font)
    return well


def _picture(tile: Tile, size: tuple[int, int]) -> Image.Image:
    """Decode the image and scale it to a size (width, height), or return an empty ground."""
    image = tile.record.image
    if image.width * image.height > MAX_PIXELS:
        raise CaseError(
            f"an image of {image.width} x {image.height} pixels is past the limit of {MAX_PIXELS}",
            where=_where(tile),
            hint="leave the image out",
        )
    if tile.data is None:
        return Image.new("RGB", size, _BLANK)
    pixels = decode_image(tile.data, _where(tile))
    if pixels.shape[:2] != (image.height, image.width):
        raise CaseError(
            f"the file has {pixels.shape[1]} x {pixels.shape[0]} pixels, its record says "
            f"{image.width} x {image.height}: outlines would lie at wrong places",
            where=_where(tile),
            hint="make the dataset again from its source",
        )
    return Image.fromarray(_eight_bit(pixels)).resize(size, Image.Resampling.LANCZOS).convert("RGB")


def _where(tile: Tile) -> str:
    path = tile.record.image.path
    return tile.record.image_id if path is None else f"{tile.record.image_id}, {path}"


def _is_windowed(tile: Tile) -> bool:
    return tile.data is not None and probe_image(tile.data, _where(tile)).bit_depth > 8  # noqa: PLR2004


def _eight_bit(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Stretch 16-bit values from their 1st to their 99th percentile to 8 bits; leave 8 bits as they are."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    low, high = np.percentile(pixels, (1, 99))
    stretched = (pixels - low) * (255 / max(high - low, 1))
    shown: NDArray[np.uint8] = stretched.clip(0, 255).astype(np.uint8)
    return shown


# --- outlines --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """How an image's coordinates map to a drawing that is `_OVERSAMPLING` times as large as it is shown."""

    image: tuple[int, int]
    """Width and height in pixels of the image."""
    drawing: tuple[int, int]
    """Width and height in pixels of the drawing."""
    head: float
    """Length of an arrow's head and of a caliper's tick, in pixels of the drawing."""

    def path(self, points: Iterable[Point], *, closed: bool = False) -> _Path:
        """Map an open or closed line."""
        path = np.array([*points], np.float64)
        if closed:
            path = np.vstack((path, path[:1]))
        return path * np.divide(self.drawing, self.image)

    def raster(self, mask: Mask) -> Image.Image:
        """Map a mask; a pixel of the drawing is on where any of the mask's pixels in it is."""
        runs = mask.runs()
        raster = np.repeat(np.arange(len(runs), dtype=np.uint8) % 2, runs).reshape(mask.width, mask.height)
        for axis, size in enumerate(self.drawing):
            # reduceat takes the maximum of a range, and the single value where a range is empty.
            starts = np.arange(size) * raster.shape[axis] // size
            raster = np.maximum.reduceat(raster, starts, axis=axis)
        return Image.fromarray(np.ascontiguousarray(raster.T * np.uint8(255)))


def _overlay(
    record: ImageRecord, size: tuple[int, int], colours: dict[str, _Rgb], stroke: float
) -> Image.Image:
    """Draw a record's findings on a clear ground of a size (width, height): colour over a dark casing."""
    drawing = (size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING)
    view = _View(
        image=(record.image.width, record.image.height),
        drawing=drawing,
        head=6 * stroke * _OVERSAMPLING,
    )
    overlay = Image.new("RGBA", drawing)
    strokes = [
        (
            geometry,
            colours[_kind(finding)],
            stroke * _OVERSAMPLING * (0.75 if _is_thin(finding, geometry) else 1),
        )
        for finding in record.findings
        for geometry in finding.geometries
    ]
    for geometry, colour, _ in strokes:
        if isinstance(geometry, Mask):
            overlay.paste((*colour, _TINT_ALPHA), mask=view.raster(geometry))
    for geometry, _, width in strokes:
        overlay.paste((0, 0, 0, _CASING_ALPHA), mask=_ink(geometry, view, width + 1.2 * _OVERSAMPLING))
    for geometry, colour, width in strokes:
        overlay.paste((*colour, 255), mask=_ink(geometry, view, width))
    return overlay.reduce(_OVERSAMPLING)


def _is_thin(finding: Finding, geometry: Geometry) -> bool:
    """Tell what is drawn with a thinner line: markers, and a box around what is drawn in another way too."""
    return finding.structure is Structure.MARKER or (
        isinstance(geometry, Box) and len(finding.geometries) > 1
    )


def _ink(geometry: Geometry, view: _View, width: float) -> Image.Image:
    """Return a raster of the drawing's size: 255 where the line of a width runs, 0 elsewhere."""
    match geometry:
        case Mask():
            return _rim(view.raster(geometry), width)
        case Box(x=x, y=y, width=w, height=h):
            paths = [view.path(((x, y), (x + w, y), (x + w, y + h), (x, y + h)), closed=True)]
        case Polygon(parts=parts):
            rings = (ring for part in parts for ring in (part.exterior, *part.holes))
            paths = [view.path(ring, closed=True) for ring in rings]
        case Calipers(long=long, short=short):
            paths = [*_with_ticks(view, long), *(_with_ticks(view, short) if short else ())]
        case Line(points=points):
            paths = [*_with_head(view, points)]
    ink = Image.new("L", view.drawing)
    draw = ImageDraw.Draw(ink)
    for path in paths:
        _trace(draw, path, view.drawing, width)
    return ink


def _rim(raster: Image.Image, width: float) -> Image.Image:
    """Return what lies within half a width of a raster's edge, the image's own border taken as outside."""
    margin = round(width / 2) + 1
    blurred = ImageOps.expand(raster, margin).filter(ImageFilter.BoxBlur((width - 1) / 2))
    return ImageOps.crop(blurred.point([0, *[255] * 254, 0]), margin)


def _with_ticks(view: _View, segment: Segment) -> Iterator[_Path]:
    path = view.path(segment)
    yield path
    along = _unit(path[1] - path[0])
    across = np.array((-along[1], along[0])) * (view.head / 2)
    for end in path:
        yield np.array((end - across, end + across))


def _with_head(view: _View, points: Sequence[Point]) -> Iterator[_Path]:
    """Yield a line, and the two strokes of the head at its last point."""
    path = view.path(points)
    yield path
    along = _unit(path[-1] - path[-2]) * view.head
    across = np.array((-along[1], along[0])) * 0.5
    yield np.array((path[-1] - along + across, path[-1], path[-1] - along - across))


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    length = float(np.hypot(*vector))
    return vector / length if length else np.array((1.0, 0.0))


def _trace(draw: ImageDraw.ImageDraw, path: _Path, size: tuple[int, int], width: float) -> None:
    """Draw a line with round joints and ends."""
    radius = (width - 1) / 2
    for segment in _clipped(path, size, width):
        ends = segment - 0.5  # Pillow counts from the middle of a pixel
        draw.line([tuple(end) for end in ends.tolist()], 255, 2 * int(width / 2) + 1)
        for x, y in ends.tolist():
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), 255)


def _clipped(path: _Path, size: tuple[int, int], margin: float) -> NDArray[np.float64]:
    """Return what of a line's segments lies in a drawing or within a margin around it.

    Far points would cost Pillow a step per pixel. The method is that of Liang and Barsky (ACM Trans. Graph.
    1984;3:1-22).

    Returns:
        (segments, 2 ends, 2) of x, y.
    """
    start, step = path[:-1], np.diff(path, axis=0)
    with np.errstate(all="ignore"):  # a segment along an axis crosses two borders at infinity
        crossings = np.stack(((-margin - start) / step, (np.array(size) + margin - start) / step))
    enter = np.fmin(*crossings).max(axis=1, initial=0)
    leave = np.fmax(*crossings).min(axis=1, initial=1)
    seen = enter <= leave
    times = np.stack((enter[seen], leave[seen]), axis=1)
    clipped: NDArray[np.float64] = start[seen, None] + times[..., None] * step[seen, None]
    return clipped
