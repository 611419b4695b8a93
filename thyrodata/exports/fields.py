"""Which fields of a record a format may have no place for, and where they lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from thyrodata.io.stated import Column, count_stated

__all__ = ["FIELDS", "count_fields"]

_COLUMNS = (
    Column(name="acquisition", leaf="acquisition.lossy"),
    Column(name="case_labels", leaf="case_labels.list.element.value"),
    Column(
        name="findings.geometries",
        leaf="findings.list.element.geometries.list.element.box.x",
        more_than=1,  # one is what is exported
    ),
    Column(
        name="findings.labels",
        leaf="findings.list.element.labels.list.element.value",
        more_than=1,  # the first is the category
    ),
    Column(name="findings.nodule_id", leaf="findings.list.element.nodule_id"),
    Column(name="findings.score", leaf="findings.list.element.score"),
    Column(
        name="findings.source_fields",
        leaf="findings.list.element.source_fields.list.element.name",
        named=True,
    ),
    Column(name="group_id", leaf="group_id"),
    Column(name="image.crop", leaf="image.crop.source_width"),
    Column(name="image.frame_index", leaf="image.frame_index"),
    Column(name="image.scaling", leaf="image.scaling.source_width"),
    Column(name="image.spacing_mm", leaf="image.spacing_mm.list.element"),
    Column(name="image_labels", leaf="image_labels.list.element.value"),
    Column(name="nodules", leaf="nodules.list.element.nodule_id"),
    Column(name="official_splits", leaf="official_splits.list.element.part"),
    Column(name="patient", leaf="patient.sex"),
    Column(name="readings", leaf="readings.list.element.coverage"),
    Column(name="remarks", leaf="remarks.list.element.code"),
    Column(name="series_id", leaf="series_id"),
    Column(name="source", leaf="source"),
    Column(name="source_fields", leaf="source_fields.list.element.name", named=True),
    Column(name="study_id", leaf="study_id"),
)

FIELDS = {column.name: column for column in _COLUMNS}
"""The fields that are counted where a format has no place for them, by their names.

A finding's category, its reader, and the image's name, size and part are not among them: they stand in every
format, or in the account of the export.
"""


def count_fields(path: Path, places: Sequence[int], held: Collection[str]) -> Counter[str]:
    """Count, of some records, those that state each field that a format has no place for.

    Of source fields each name is counted: ``source_fields/license``.

    Args:
        path: The records file.
        places: Of the records in it: 0-based, ascending.
        held: Names of :data:`FIELDS` that the format has a place for.
    """
    asked = {name: FIELDS[name] for name in FIELDS if name not in held}
    return count_stated(path, asked, np.array(places, np.int64))
