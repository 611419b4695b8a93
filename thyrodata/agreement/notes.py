"""What is noted: images, drawings and words that are not compared or not resolved, each by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from thyrodata.agreement.model import Noted

__all__ = ["SENTENCES", "noted"]

SENTENCES = {
    "equal-drawings": "drawings of two readers are equal in every pixel or number: two people who draw alone "
    "do not draw alike to the pixel, so these are hardly two readings, and say nothing of agreement",
    "other-image": "an image of one source that the dataset has not: nothing of it is compared",
    "no-counterpart": "an image that a source does not have: nothing of its readers is compared on it",
    "ambiguous-image": "an image of a source that may be several of the dataset: nothing of it is compared",
    "size-differs": "two sources state two sizes of one image: nothing of it is compared",
    "one-reader": "an image that one of the readers alone has read: it says nothing of agreement",
    "no-reader": "an image that none of the readers has read",
    "covers-nothing": "a reading that covers nothing of its image, as an empty mask does: the reader is "
    "taken not to have read it",
    "empty-drawing": "a drawing that covers no pixel of its image: it is not compared",
    "no-area": "a drawing without an area (calipers, a line): it is not compared",
    "crowd": "one drawing of several things: it is not compared",
    "duplicate-drawing": "a reader has drawn one thing twice: nothing tells which of the two is meant",
    "tied-match": "drawings that could be matched in several ways, equally well: they are not compared",
    "unclear-match": "drawings of three or more readers that do not all overlap one another: their grades "
    "and sizes are not compared",
    "not-whole": "an image on which one of two readers has drawn something that cannot be compared, or that "
    "could be matched in several ways: Dice per image and detection leave it out",
    "contradictory-grade": "a reader has given one thing two grades of one scheme: neither is compared",
    "scheme-of-one": "a scheme that one reader alone has used: grades of two schemes are not compared",
    "not-read-by-all": "an image that the model or a reader has not read: it is left out",
    "no-spacing": "an image whose spacing is not known: distances in mm are not measured on it",
    "arbiter-alone": "the arbiter has drawn what no reader has, or one thing as two: it is not taken",
    "scheme-not-asked": "a scheme that readers have used and the policy does not name: it is not resolved",
    "left-out": "something of a reader's file that has no place in a reading",
}
"""What is noted, in the order in which it is said."""


def noted(places: Mapping[str, Sequence[str]]) -> tuple[Noted, ...]:
    """Return the notes, in the order of the table, each place once.

    Args:
        places: Where each was found, by its code, in any order.
    """
    return tuple(
        Noted(code=code, sentence=SENTENCES[code], places=tuple(sorted(set(places[code]))))
        for code in SENTENCES
        if places.get(code)
    )
