"""COCO annotation files as thyrodata writes them: COCO's own keys, and what is known of image and finding.

COCO's keys: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, and cocodataset.org's format.
"""

from __future__ import annotations

from typing import Literal, TypedDict

__all__ = ["CocoAnnotation", "CocoCategory", "CocoFile", "CocoImage", "CocoInfo", "CocoRle"]


class CocoInfo(TypedDict):
    """What the file is."""

    description: str
    reader: str
    """Whose findings the file holds; empty for the reader that the source does not name."""


class CocoCategory(TypedDict):
    """A structure (``nodule``), or ``scheme/value`` where findings have labels of their own."""

    id: int
    name: str


class CocoImage(TypedDict):
    """An image; ``file_name`` is relative to the dataset's folder."""

    id: int
    file_name: str
    width: int
    height: int
    image_id: str
    group_id: str
    group_kind: str
    coverage: str | None
    case_labels: list[dict[str, str]]
    image_labels: list[dict[str, str]]


class CocoRle(TypedDict):
    """A run-length encoded mask: (height, width) and the compressed counts, column-major."""

    size: list[int]
    counts: str


class CocoAnnotation(TypedDict):
    """A finding; ``bbox`` is left, top, width, height in pixels, ``area`` that of the decoded mask."""

    id: int
    image_id: int
    category_id: int
    iscrowd: Literal[0, 1]
    bbox: list[float]
    area: float
    segmentation: list[list[float]] | CocoRle
    """Rings x0, y0, x1, y1, ... of a polygon's parts; empty for a box."""
    finding_id: str
    structure: str
    geometry: str
    """The class of the geometry that is written: mask, polygon or box."""
    labels: list[dict[str, str]]
    nodule_id: str | None
    reader: str | None
    score: float | None


class CocoFile(TypedDict):
    """One part of a split."""

    info: CocoInfo
    categories: list[CocoCategory]
    images: list[CocoImage]
    annotations: list[CocoAnnotation]
