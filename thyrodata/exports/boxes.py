"""The boxes of a view, read from columns: most images are plain, and need no record to be built.

An image is plain if it has findings, all of them of the view's reader, no marker or crowd, and each with a
box inside of the image. Of all others the records are read, and the view decides. What comes of it is the
same.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from thyrodata.dataset import RECORDS_FILE
from thyrodata.exports.records import ExportedRecord
from thyrodata.exports.shapes import ROUNDING, Outside
from thyrodata.exports.view import View, ViewedImage
from thyrodata.io.boxcolumns import BoxColumns, stream_box_columns
from thyrodata.io.parquet import RowsOf
from thyrodata.io.windows import DEEP, PixelWindow
from thyrodata.schema.geometry import MAX_COORDINATE, Box
from thyrodata.schema.vocab import Coverage, Structure
from thyrodata.survey import CONSENSUS

__all__ = ["BoxedImage", "boxed_images"]

_COVERING = {None, Coverage.PARTIAL.value, Coverage.COMPLETE.value}
_ANATOMY = {structure.value for structure in Structure} - {Structure.MARKER.value}
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .()-]*(?:/[A-Za-z0-9_][A-Za-z0-9_ .()-]*)*")


class BoxedImage(NamedTuple):
    """An image that is exported, with its boxes."""

    image_id: str
    path: str | None
    part: str
    width: int
    height: int
    window: PixelWindow | None
    """As in :class:`ViewedImage`."""
    boxes: Sequence[tuple[str, Sequence[float]]]
    """The category of each finding, and left, top, width and height of its box in pixels."""


def boxed_images(view: View) -> Iterator[BoxedImage]:
    """Yield the images of a view whose shape is the box, in the order of the records, and fill its ledger.

    Raises:
        UsageError: An image has more than 8 bits, and nothing says what to do with them.
        DatasetError: The records are damaged, or do not fit the manifest.
    """
    view.ledger.clear()
    written = array("q")
    start = 0
    for columns, rows_of in stream_box_columns(view.dataset.path / RECORDS_FILE, ExportedRecord):
        for row, image in _shown(view, columns, rows_of, start):
            written.append(start + row)
            yield image
        start += len(columns.image_id)
    view.count_fields(written)


def _shown(
    view: View, columns: BoxColumns, rows_of: RowsOf[ExportedRecord], start: int
) -> Iterator[tuple[int, BoxedImage]]:
    parts = [view.part_of.get(image_id) for image_id in columns.image_id]
    given = np.array([part is not None for part in parts])
    plain = given & _is_plain(view, columns)
    images, findings = int(plain.sum()), int(np.diff(columns.first_finding)[plain].sum())
    for counter in (view.ledger.given, view.ledger.written):
        counter.update(images=images, findings=findings)
    rest = np.nonzero(given & ~plain)[0].tolist()
    records = dict(zip(rest, rows_of(rest) if rest else (), strict=True))
    build = _builder(columns)
    for row, part in enumerate(parts):
        if part is None:
            continue
        if row not in records:
            yield row, build(row, part)
        elif shown := view.show(records[row], start + row + 1, part):
            yield row, _boxed(shown)


def _boxed(image: ViewedImage) -> BoxedImage:
    """Return what a record comes to, for an image that is not plain."""
    record = image.record
    return BoxedImage(
        record.image_id,
        record.image.path,
        image.part,
        record.image.width,
        record.image.height,
        image.window,
        [(f.category, f.geometry.bbox_xywh_px) for f in image.findings if isinstance(f.geometry, Box)],
    )


def _builder(columns: BoxColumns) -> Callable[[int, str], BoxedImage]:
    """Return a function that builds a plain image from its row and part."""
    sizes = columns.size.astype(int).tolist()
    first = columns.first_finding.tolist()
    boxes = list(zip(_categories(columns), columns.box.tolist(), strict=True))
    ids, paths = columns.image_id.tolist(), columns.path.tolist()

    def build(row: int, part: str) -> BoxedImage:
        width, height = sizes[row]
        found = boxes[first[row] : first[row + 1]]
        return BoxedImage(ids[row], paths[row], part, width, height, None, found)

    return build


def _categories(columns: BoxColumns) -> list[str]:
    pairs = zip(columns.label, columns.structure, strict=True)
    return [structure if label is None else label for label, structure in pairs]


def _is_plain(view: View, columns: BoxColumns) -> NDArray[np.bool_]:
    """Return which images need no decision: bool (images,)."""
    first = columns.first_finding
    unusual = np.concatenate([[0], np.cumsum(~_plain_findings(view, columns))])
    plain: NDArray[np.bool_] = (np.diff(first) > 0) & (unusual[first[1:]] == unusual[first[:-1]])
    plain &= _is_covered(view, columns)
    plain &= (columns.size >= 1).all(axis=1)
    plain &= np.array([path is None or bool(_PLAIN_PATH.fullmatch(path)) for path in columns.path])
    if view.images:
        plain &= np.array([path is not None for path in columns.path])
        plain &= ~(columns.bit_depth > DEEP)  # not a number where it is not stated
    return plain


def _is_covered(view: View, columns: BoxColumns) -> NDArray[np.bool_]:
    """Return which images the reader covered somehow: bool (images,)."""
    covering = [
        coverage in _COVERING and view.reader in {CONSENSUS, reader or ""}
        for coverage, reader in zip(columns.coverage, columns.reading_reader, strict=True)
    ]
    covered = np.zeros(len(columns.image_id), np.bool_)
    covered[columns.image_of_reading[np.array(covering, np.bool_)]] = True
    if view.reader == CONSENSUS:  # whose own reading, where it has one, is the one that counts
        own = np.array([reader == CONSENSUS for reader in columns.reading_reader], np.bool_)
        covered[columns.image_of_reading[own & ~np.array(covering, np.bool_)]] = False
    return covered


def _plain_findings(view: View, columns: BoxColumns) -> NDArray[np.bool_]:
    """Return which findings are written as they are: bool (findings,)."""
    categories = {*view.categories}
    plain = np.array(
        [
            structure in _ANATOMY
            and category in categories
            and ((reader or "") if read else CONSENSUS) == view.reader
            for structure, category, read, reader in zip(
                columns.structure, _categories(columns), columns.read, columns.finding_reader, strict=True
            )
        ],
        np.bool_,
    )
    plain &= ~columns.crowd
    with np.errstate(invalid="ignore"):  # a comparison with what is missing is false
        x, y, wide, high = columns.box.T
        plain &= (np.abs(columns.box) <= MAX_COORDINATE).all(axis=1) & (wide >= 0) & (high >= 0)
        if view.outside is not Outside.KEEP:
            width, height = np.repeat(columns.size, np.diff(columns.first_finding), axis=0).T
            dx, dy = ROUNDING * width, ROUNDING * height
            plain &= (x >= -dx) & (y >= -dy) & (x + wide <= width + dx) & (y + high <= height + dy)
    return plain
