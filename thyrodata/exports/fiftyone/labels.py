"""FiftyOne's labels as the documents that it keeps in its database and writes into ``samples.json``.

The layout is that of ``fiftyone.types.FiftyOneDataset``: MongoDB's documents in its Extended JSON.
Coordinates are shares of the image's sides.
"""

from __future__ import annotations

import zlib
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.io.masks import decode_mask
from thyrodata.schema.geometry import Box, Mask, Point

__all__ = [
    "Document",
    "classification",
    "cropped",
    "detection",
    "mask_detection",
    "numbered_id",
    "object_id",
    "polyline",
    "relative",
]

Document = dict[str, Any]
"""What FiftyOne keeps as one document of MongoDB."""

_INSIDE = 1e-9
"""Pixels by which a mask's box begins inside its first pixel. FiftyOne's own rendering cuts decimals off, and
without it would put one edge in ten a pixel too far left or up (``coords_in`` of ``eta.core.geometry``)."""


def object_id(*names: str) -> Document:
    """Return the id of a document that is told apart by these names: the same for the same names."""
    return {"$oid": sha256("\n".join(names).encode()).hexdigest()[:24]}


def numbered_id(name: str, number: int) -> Document:
    """Return the id of one of several documents that MongoDB is to sort by their numbers."""
    return {"$oid": f"{object_id(name)['$oid'][:16]}{number:08x}"}


def classification(key: Document, label: str, **attributes: Any) -> Document:
    """Return a label of the whole image."""
    return {"_id": key, "_cls": "Classification", "tags": [], "label": label, **attributes}


def detection(key: Document, label: str, box: Box, size: tuple[int, int], **attributes: Any) -> Document:
    """Return a box; of an image of a size, width and height."""
    return {
        "_id": key,
        "_cls": "Detection",
        "attributes": {},
        "tags": [],
        "label": label,
        "bounding_box": relative(box, size),
        **attributes,
    }


def mask_detection(
    key: Document, label: str, mask: Mask, size: tuple[int, int], **attributes: Any
) -> Document:
    """Return a mask that has pixels, inside of its extent."""
    box, pixels = cropped(mask)
    written = BytesIO()
    np.save(written, pixels, allow_pickle=False)
    packed = b64encode(zlib.compress(written.getvalue())).decode()
    return {
        **detection(key, label, box, size),
        "mask": {"$binary": {"base64": packed, "subType": "00"}},
        **attributes,
    }


def polyline(
    key: Document,
    label: str,
    lines: Sequence[Sequence[Point]],
    size: tuple[int, int],
    *,
    closed: bool,
    **attributes: Any,
) -> Document:
    """Return one or more lines as one label; closed ones are outlines of areas."""
    width, height = size
    return {
        "_id": key,
        "_cls": "Polyline",
        "attributes": {},
        "tags": [],
        "label": label,
        "points": [[[x / width, y / height] for x, y in line] for line in lines],
        "closed": closed,
        "filled": closed,
        **attributes,
    }


def relative(box: Box, size: tuple[int, int]) -> list[float]:
    """Return left, top, width and height of a box as FiftyOne has them: shares of the image's sides."""
    width, height = size
    return [box.x / width, box.y / height, box.width / width, box.height / height]


def cropped(mask: Mask) -> tuple[Box, NDArray[np.bool_]]:
    """Return the extent of a mask that has pixels, and the pixels inside: bool (height, width) of the box."""
    pixels = decode_mask(mask)
    rows, columns = (np.flatnonzero(pixels.any(axis=axis)) for axis in (1, 0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    box = Box(x=left + _INSIDE, y=top + _INSIDE, width=right - left, height=bottom - top)
    # The App refuses arrays that run down the columns, as ours do.
    return box, np.ascontiguousarray(pixels[top:bottom, left:right])
