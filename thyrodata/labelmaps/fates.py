"""What becomes of a label that a map reads."""

from __future__ import annotations

from enum import Enum

__all__ = ["Fate"]


class Fate(Enum):
    """What became of a label that was read."""

    MADE = "made"
    """A label was made of it."""
    PRESENT = "present"
    """What it says in the other scheme was said already: nothing was added."""
    DROPPED = "dropped"
    """The map makes no label of this value."""
    UNMAPPED = "unmapped"
    """The map does not name the value: the label stays, and none is made."""
    NO_OUTLINE = "no-outline"
    """Not carried: no nodule or lesion is outlined in the image."""
    SEVERAL_OUTLINES = "several-outlines"
    """Not carried: which of the outlines it was said of is not known."""
    SEVERAL_READERS = "several-readers"
    """Not carried: each reader outlined one thing, and whether it is the same thing is not known."""
    SEVERAL_NODULES = "several-nodules"
    """Not carried: there is one outline, and the record names several nodules."""
    OUTLINES_MISSING = "outlines-missing"
    """Not carried: there is one outline, and a reading of the image is partial."""
    NOT_LINKED = "not-linked"
    """Not carried: the source links no outline to the nodule."""
