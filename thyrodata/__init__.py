"""Curate and convert thyroid ultrasound (and DeepLesion CT) datasets.

>>> import thyrodata
>>> made = thyrodata.convert("ddti", "raw/ddti", "ddti")
>>> dataset = thyrodata.open("ddti")
>>> record = next(dataset.records())

Nothing heavy is loaded before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from thyrodata.capture.audit import Audit, audit_capture
    from thyrodata.collection.report import CaptureReport, report_capture
    from thyrodata.collection.run import Captured, run_capture
    from thyrodata.conversion import Conversion, convert
    from thyrodata.curation.annotate import ImportedReadings, import_readings
    from thyrodata.curation.derive import DerivedImages, derive
    from thyrodata.curation.diff import Difference, diff
    from thyrodata.curation.merge import Merged, merge
    from thyrodata.curation.relabel import Relabelling, relabel
    from thyrodata.curation.remove import Removal, remove
    from thyrodata.curation.select import Selected, select
    from thyrodata.curation.update import Update, update
    from thyrodata.curation.worklists import ExportedWorkLists, export_worklists
    from thyrodata.dataset import Dataset
    from thyrodata.detection import Detection, detect
    from thyrodata.errors import ThyrodataError
    from thyrodata.exports.run import Exported, export
    from thyrodata.partition import SplitPlan, add_split, audit_dataset
    from thyrodata.reports.show import show
    from thyrodata.schema.record import ImageRecord

__all__ = [
    "Audit",
    "CaptureReport",
    "Captured",
    "Conversion",
    "Dataset",
    "DerivedImages",
    "Detection",
    "Difference",
    "Exported",
    "ExportedWorkLists",
    "ImageRecord",
    "ImportedReadings",
    "Merged",
    "Relabelling",
    "Removal",
    "Selected",
    "SplitPlan",
    "ThyrodataError",
    "Update",
    "__version__",
    "add_split",
    "audit_capture",
    "audit_dataset",
    "convert",
    "derive",
    "detect",
    "diff",
    "export",
    "export_worklists",
    "import_readings",
    "merge",
    "open",
    "relabel",
    "remove",
    "report_capture",
    "run_capture",
    "select",
    "show",
    "update",
]

__version__ = "0.1.0"

_HOMES = {
    "Audit": "capture.audit",
    "CaptureReport": "collection.report",
    "Captured": "collection.run",
    "Conversion": "conversion",
    "Dataset": "dataset",
    "DerivedImages": "curation.derive",
    "Detection": "detection",
    "Difference": "curation.diff",
    "Exported": "exports.run",
    "ExportedWorkLists": "curation.worklists",
    "ImageRecord": "schema.record",
    "ImportedReadings": "curation.annotate",
    "Merged": "curation.merge",
    "Relabelling": "curation.relabel",
    "Removal": "curation.remove",
    "Selected": "curation.select",
    "SplitPlan": "partition",
    "ThyrodataError": "errors",
    "Update": "curation.update",
    "add_split": "partition",
    "audit_capture": "capture.audit",
    "audit_dataset": "partition",
    "convert": "conversion",
    "derive": "curation.derive",
    "detect": "detection",
    "diff": "curation.diff",
    "export": "exports.run",
    "export_worklists": "curation.worklists",
    "import_readings": "curation.annotate",
    "merge": "curation.merge",
    "relabel": "curation.relabel",
    "remove": "curation.remove",
    "report_capture": "collection.report",
    "run_capture": "collection.run",
    "select": "curation.select",
    "show": "reports.show",
    "update": "curation.update",
}


def open(path: str | Path) -> Dataset:  # noqa: A001 -- read as thyrodata.open
    """Open a dataset on disk.

    Args:
        path: The folder that ``convert`` made.

    Raises:
        DatasetError: The folder is no dataset.
    """
    home = import_module("thyrodata.dataset")
    dataset: Dataset = home.Dataset(path)
    return dataset


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
