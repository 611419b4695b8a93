"""What a split is made of: images, links between them, and the assignment of each image to a part."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from thyrodata.errors import SplitError

__all__ = [
    "EXCLUDED",
    "PUBLISHED_PART",
    "Assignment",
    "Link",
    "SplitItem",
    "check_cell",
    "items_by_id",
    "rows_by_id",
]

EXCLUDED = "excluded"
"""The reserved part of images that no part may use: their cluster was found to join two parts."""

PUBLISHED_PART = re.compile(r"[a-z0-9][a-z0-9-]*")
"""The name of a part in a file; a source may number its parts."""

_BARRED = r"\x00-\x1f\x7f\ud800-\udfff"
_CELL = re.compile(rf"[^\s{_BARRED}](?:[^{_BARRED}]*[^\s{_BARRED}])?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitItem:
    """One image as a split sees it.

    Raises:
        SplitError: An identifier does not fit in a CSV cell, the digest is not one, or the grade is negative.
    """

    image_id: str
    group_id: str
    """The identity that the source publishes: a patient, a case, or only the image."""
    sha256: str | None
    """Digest of the image file's bytes, lower-case hexadecimal; None where there is no file."""
    grade: int | None
    """Rank of the label stratified by, 0 = lowest; None = unlabelled, which is never taken for the lowest."""
    frame_key: str | None = None
    """What the crops of one frame share; None where the image is not known to be cut from one."""

    def __post_init__(self) -> None:
        check_cell(self.image_id, "image_id")
        check_cell(self.group_id, "group_id")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise SplitError(f"{self.sha256!r} is not a SHA-256 digest", where=self.image_id)
        if self.grade is not None and self.grade < 0:
            raise SplitError(f"grade {self.grade} is below 0, the lowest rank", where=self.image_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The part that one image is in: a row of a split's CSV file.

    Raises:
        SplitError: An identifier does not fit in a CSV cell, or the part's name is invalid.
    """

    image_id: str
    group_id: str
    part: str

    def __post_init__(self) -> None:
        check_cell(self.image_id, "image_id")
        check_cell(self.group_id, "group_id")
        if not PUBLISHED_PART.fullmatch(self.part):
            raise SplitError(f"{self.part!r} is not the name of a part", where=self.image_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Images that a user knows to belong together, such as a cluster of near-duplicates."""

    cluster: str
    image_ids: tuple[str, ...]


def check_cell(value: str, column: str, where: str = "") -> None:
    """Refuse what a CSV file would not give back as it is.

    Raises:
        SplitError: The value is empty, is not Unicode text, or holds outer spaces or control characters.
    """
    if value.isascii() and value.isprintable() and value == value.strip() and value:
        return  # as nearly all are, and quicker to see
    if not _CELL.fullmatch(value):
        raise SplitError(
            f"{column} {value!r} is empty, is not Unicode text, or holds outer spaces or control characters",
            where=where,
        )


def items_by_id(items: Iterable[SplitItem]) -> dict[str, SplitItem]:
    """Key the items by image_id, in its order.

    Raises:
        SplitError: An image is given twice.
    """
    ordered = sorted(items, key=lambda item: item.image_id)
    for one, other in itertools.pairwise(ordered):
        if one.image_id == other.image_id:
            raise SplitError("the image is given twice", where=one.image_id)
    return {item.image_id: item for item in ordered}


def rows_by_id(assignments: Iterable[Assignment]) -> dict[str, Assignment]:
    """Key the assignments by image_id, in the order given.

    Raises:
        SplitError: An image is assigned twice.
    """
    rows: dict[str, Assignment] = {}
    for row in assignments:
        if row.image_id in rows:
            raise SplitError("the image is assigned twice", where=row.image_id)
        rows[row.image_id] = row
    return rows
