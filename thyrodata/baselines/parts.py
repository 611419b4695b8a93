"""The parts of a split as a training takes them, also those of a cross-validation. No torch is needed."""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import sha256

from thyrodata.errors import UsageError
from thyrodata.exports.view import View

__all__ = ["TEST", "TRAIN", "VALIDATION", "folds_of", "held_out_of", "hold_out", "parts_sha256"]

TRAIN, VALIDATION, TEST = "train", "val", "test"

FEWEST_FOLDS = 3
"""One is held out, one chooses the epoch, and something has to be learnt from."""

_FOLD = re.compile(r"fold(\d+)")
_HELD_OUT = re.compile(r"(.+), (fold\d+) held out")


def folds_of(view: View) -> tuple[str, ...]:
    """Return the folds of a split for cross-validation, in their order.

    Raises:
        UsageError: It is none, or has too few.
    """
    found = {int(match[1]): match[0] for part in view.parts if (match := _FOLD.fullmatch(part))}
    if len(found) < FEWEST_FOLDS or len(found) < len(view.parts):
        raise UsageError(
            f"the split {view.split!r} has the parts {', '.join(view.parts) or 'of no image'},"
            f" and a cross-validation needs {FEWEST_FOLDS} folds or more",
            where=str(view.dataset.path),
            hint="make one with `thyrodata split make --folds 5`, and give its name with --split",
        )
    return tuple(found[number] for number in sorted(found))


def hold_out(view: View, fold: str) -> View:
    """Return the view as a training of a cross-validation takes it.

    The fold is the part ``test``; the next one, after the last the first, is ``val``; the others are
    ``train``. Groups stay together, since those of the split do.

    Raises:
        UsageError: The split is none for cross-validation, or has no such fold.
    """
    folds = folds_of(view)
    if fold not in folds:
        raise UsageError(f"there is no fold {fold!r}", hint=f"there are: {', '.join(folds)}")
    chooses = folds[(folds.index(fold) + 1) % len(folds)]
    taken_as = {**dict.fromkeys(folds, TRAIN), chooses: VALIDATION, fold: TEST}
    part_of = {image_id: taken_as[part] for image_id, part in view.part_of.items()}
    return replace(view, part_of=part_of, split=f"{view.split}, {fold} held out")


def held_out_of(split: str) -> tuple[str, str | None]:
    """Return the names of the split and of the fold that :func:`hold_out` made a name of.

    The name of any other split comes back with no fold.
    """
    match = _HELD_OUT.fullmatch(split)
    return (match[1], match[2]) if match else (split, None)


def parts_sha256(view: View) -> str:
    """Return a digest of which image is in which part."""
    assigned = "".join(f"{image_id}\t{part}\n" for image_id, part in sorted(view.part_of.items()))
    return sha256(assigned.encode()).hexdigest()
