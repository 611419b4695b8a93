"""What is asked and answered about equal pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

__all__ = ["How", "Picture", "Same"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image file that takes part in the search."""

    image_id: str
    place: str
    """The file."""
    sha256: str | None
    """Of the file's bytes as its record states it, to be checked; ``None`` where nothing does."""


class How(Enum):
    """In what two pictures are the same."""

    BYTES = "bytes"
    """The files are equal."""
    PIXELS = "pixels"
    """The decoded grey levels are equal wherever the two overlap."""
    GREY_LEVELS = "grey-levels"
    """They differ by no more than compression and noise do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """Two images that show one picture, pixel for pixel at the same scale."""

    image_ids: tuple[str, str]
    """In the order in which the pictures were given."""
    how: How
    offset_px: tuple[int, int]
    """Where the top-left corner of the second lies in the first (x, y), in whole pixels: below zero where the
    second reaches beyond it."""
    overlap: float
    """The share of the smaller image's pixels that both show."""
    mean_difference: float
    """Grey levels, over the overlap."""
    max_difference: float
    """Grey levels, over the overlap."""

    def __str__(self) -> str:
        """Say how the two are the same, and where the second's corner lies in the first, in pixels."""
        how = {
            How.BYTES: "equal bytes",
            How.PIXELS: "equal pixels",
            How.GREY_LEVELS: f"equal within {self.max_difference:g} grey levels",
        }[self.how]
        x, y = self.offset_px
        return how if self.how is How.BYTES else f"{how}, at x {x}, y {y}"

    def seen_from(self, image_id: str) -> Same:
        """Return it with this image as the second.

        Raises:
            ValueError: It is neither of the two.
        """
        if self.image_ids.index(image_id) == 1:
            return self
        x, y = self.offset_px
        return replace(self, image_ids=(self.image_ids[1], image_id), offset_px=(-x, -y))
