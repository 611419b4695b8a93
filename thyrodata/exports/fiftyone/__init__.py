"""Datasets in FiftyOne: browsed with all that is said of them, conflicts side by side, and exported.

Nothing else knows FiftyOne.
"""

from __future__ import annotations

from thyrodata.exports.fiftyone.conflicts import SIDE_BY_SIDE, ConflictsView, conflicts_view
from thyrodata.exports.fiftyone.connection import open_fiftyone
from thyrodata.exports.fiftyone.exporting import FiftyoneSettings, export_fiftyone

__all__ = [
    "SIDE_BY_SIDE",
    "ConflictsView",
    "FiftyoneSettings",
    "conflicts_view",
    "export_fiftyone",
    "open_fiftyone",
]
