"""Reads the exported pictures by OCR: all stills, and of a clip those that stand for its frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.capture.audit.originals import Picture
from thyrodata.errors import CaseError
from thyrodata.io.images import decode_image

__all__ = ["Pixels", "views_of"]

Pixels = NDArray[np.unsignedinteger[Any]]

SPREAD = 6
"""Frames of a clip that are read: text that stands for a fifth of the clip is in one of them."""


def views_of(pictures: Sequence[Picture]) -> Iterator[tuple[Picture, Pixels]]:
    """Yield what has to be read of an original's pictures, each with a picture that names its place.

    The pictures of one part of the screen are a clip. If it has more than a few frames, some spread over it
    are read, from the first to the last, and the darkest value of each pixel, in which moving tissue fades
    and text that stays does not.

    Raises:
        CaseError: A picture cannot be decoded.
    """
    clips: dict[tuple[int, int, int, int], list[Picture]] = {}
    for picture in pictures:
        clips.setdefault(picture.crop.kept_box, []).append(picture)
    for clip in clips.values():
        chosen = {round(at) for at in np.linspace(0, len(clip) - 1, min(SPREAD, len(clip)))}
        for number in sorted(chosen):
            yield clip[number], _decoded(clip[number])
        if len(clip) > SPREAD:
            yield clip[0], reduce(np.minimum, (_grey(_decoded(picture)) for picture in clip))


def _decoded(picture: Picture) -> Pixels:
    try:
        return decode_image(picture.place.read_bytes(), picture.where)
    except OSError:
        raise CaseError("the picture cannot be opened", where=picture.where) from None


def _grey(picture: Pixels) -> Pixels:
    return picture if picture.ndim == 2 else picture.max(axis=2)  # noqa: PLR2004 -- colours
