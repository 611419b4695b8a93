"""The same figure of parts of the images: by class, TI-RADS, composition, size, or markers.

A stratum is told by a text for each unit. ``None`` is a unit of which it is not known; those make a stratum
of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

import numpy as np

from thyrodata.agreement.resampling import Resampling
from thyrodata.baselines.metrics.figures import Figure
from thyrodata.baselines.metrics.intervals import Measured, measured
from thyrodata.errors import UsageError
from thyrodata.schema.record import ImageRecord
from thyrodata.schema.vocab import SCHEMES, Structure

__all__ = ["LEAST", "SEVERAL", "Axis", "Stratum", "by_stratum", "label_axis", "marker_axis", "size_axis"]

LEAST = 10
"""Groups from which a stratum has a figure, if nothing else is asked."""
SEVERAL = "several"
"""The stratum of images with different labels of one vocabulary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What units are parted by."""

    name: str
    """As ``tirads-kwak``, ``ddti-composition``, ``size_mm`` or ``markers``."""
    values: tuple[str | None, ...]
    """Of each unit; ``None`` where it is not known."""
    order: tuple[str, ...]
    """The values that there may be, as they are to be listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """A figure of the units that share a value."""

    axis: str
    value: str | None
    """``None``: the units of which it is not known."""
    name: str
    """Of the figure."""
    units: int
    groups: int
    figure: Measured | None
    """``None``: there are too few groups to say anything."""


def by_stratum(
    figure: Figure, axis: Axis, groups: Sequence[str], resampling: Resampling, *, least: int = LEAST
) -> tuple[Stratum, ...]:
    """Return a figure of each stratum that has a unit, in the axis's order, the unknown last.

    Args:
        figure: What is computed.
        axis: What the units are parted by.
        groups: The group of each unit.
        resampling: How the intervals are made.
        least: Groups that a stratum needs, of those that the figure says anything of: with fewer it is named
            with what it holds, and has no figure.

    Raises:
        UsageError: There are not as many values, or groups, as units, or a value is not in the axis's order.
    """
    if not len(axis.values) == len(groups) == figure.tells.size:
        raise UsageError(
            f"{figure.name} is of {figure.tells.size} units, of which {axis.name} has {len(axis.values)} "
            f"and {len(groups)} groups are given",
            hint="give one of each for every unit",
        )
    strange = sorted({value for value in axis.values if value is not None} - {*axis.order})
    if strange:
        raise UsageError(f"{strange[0]!r} is no value of {axis.name}", hint=f"there are: {axis.order}")
    values = np.array(axis.values, object)
    named = np.array(groups, np.str_)
    found = []
    for value in (*axis.order, None):
        among = np.array([each == value for each in values], np.bool_)
        if not among.any():
            continue
        telling = len(np.unique(named[among & figure.tells]))
        found.append(
            Stratum(
                axis=axis.name,
                value=value,
                name=figure.name,
                units=int(np.count_nonzero(among)),
                groups=len(np.unique(named[among])),
                figure=measured(figure, groups, resampling, among=among) if telling >= least else None,
            )
        )
    return tuple(found)


def label_axis(records: Sequence[ImageRecord], scheme: str) -> Axis:
    """Part images by a vocabulary: a TI-RADS, a composition, malignancy.

    Labels of the case, the image, its nodules and its findings count alike: an image of which they differ is
    of the stratum ``several``, and one without any is unknown.

    Args:
        records: Of each unit.
        scheme: A key of :data:`thyrodata.schema.vocab.SCHEMES`.

    Raises:
        UsageError: There is no such scheme.
    """
    if scheme not in SCHEMES:
        raise UsageError(f"there is no vocabulary {scheme!r}", hint=f"there are: {', '.join(SCHEMES)}")
    values: list[str | None] = []
    for record in records:
        labels = [*record.case_labels, *record.image_labels]
        labels += [label for nodule in record.nodules for label in nodule.labels]
        labels += [label for finding in record.findings for label in finding.labels]
        terms = {str(label.value) for label in labels if label.value.scheme == scheme}
        values.append(None if not terms else terms.pop() if len(terms) == 1 else SEVERAL)
    return Axis(name=scheme, values=tuple(values), order=(*(str(term) for term in SCHEMES[scheme]), SEVERAL))


def size_axis(sizes: Sequence[float | None], bounds: Sequence[float], *, unit: str) -> Axis:
    """Part units by size: ``<10``, ``10-<20``, ``>=20`` for the bounds 10 and 20.

    Args:
        sizes: Of each unit, a length such as the longest diameter of its greatest nodule; ``None`` where it
            is not known.
        bounds: Ascending. A size that equals a bound is above it.
        unit: ``px`` or ``mm``: a size in px says as much of the zoom as of the nodule.

    Raises:
        UsageError: The bounds are none or do not ascend, the unit is another, or a size is not a number.
    """
    if not bounds or any(low >= high for low, high in pairwise(bounds)):
        raise UsageError(f"the bounds of sizes are {[*bounds]}", hint="give one or more that ascend")
    if unit not in {"px", "mm"}:
        raise UsageError(f"the unit of sizes is {unit!r}", hint="it is px or mm")
    if not all(size is None or isfinite(size) for size in sizes):
        raise UsageError("a size is not a number", hint="leave out, as None, what is not known")
    names = [
        f"<{bounds[0]:g}",
        *(f"{low:g}-<{high:g}" for low, high in pairwise(bounds)),
        f">={bounds[-1]:g}",
    ]
    places = [None if size is None else int(np.searchsorted(bounds, size, side="right")) for size in sizes]
    return Axis(
        name=f"size_{unit}",
        values=tuple(None if place is None else names[place] for place in places),
        order=tuple(names),
    )


def marker_axis(records: Sequence[ImageRecord], found: Mapping[str, bool] | None = None) -> Axis:
    """Part images by whether a marker is in them: calipers, arrows or text, drawn over the picture.

    Args:
        records: Of each unit. A marker is recorded where the source outlines it.
        found: What a search of the pixels said of each image id, if there was one: an image that it lacks,
            and of which no marker is recorded, is unknown. Without a search an image may have markers that
            nobody looked for: ``no marker recorded``.
    """
    recorded = [
        any(finding.structure is Structure.MARKER for finding in record.findings) for record in records
    ]
    if found is None:
        with_marker, without = "markers recorded", "no marker recorded"
        values = [with_marker if marked else without for marked in recorded]
        return Axis(name="markers", values=tuple(values), order=(with_marker, without))
    with_marker, without = "markers recorded or found", "no marker found"
    names = {True: with_marker, False: without, None: None}
    said = [
        names[True if marked else found.get(record.image_id)]
        for record, marked in zip(records, recorded, strict=True)
    ]
    return Axis(name="markers", values=tuple(said), order=(with_marker, without))
