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
    from thyrodata.curation.adjudicate import queue_readings, view_readings
    from thyrodata.curation.agree import ReportedAgreement, report_agreement
    from thyrodata.curation.annotate import ImportedReadings, import_readings
    from thyrodata.curation.browse import Browsed, browse_dataset
    from thyrodata.curation.decisions import import_decisions
    from thyrodata.curation.derive import DerivedImages, derive
    from thyrodata.curation.diff import Difference, diff
    from thyrodata.curation.duplicates import Duplicates, find_duplicates
    from thyrodata.curation.markers import FoundMarkers, find_markers
    from thyrodata.curation.merge import Merged, merge
    from thyrodata.curation.push import Pushed, push
    from thyrodata.curation.qc import QualityReport, run_qc
    from thyrodata.curation.queue import QueuedConflicts
    from thyrodata.curation.relabel import Relabelling, relabel
    from thyrodata.curation.remove import Removal, remove
    from thyrodata.curation.report import DatasetReport, report_dataset
    from thyrodata.curation.resolve import ResolvedReadings, resolve_readings
    from thyrodata.curation.restore import Restored, restore
    from thyrodata.curation.score import ScoredPredictions, score_predictions
    from thyrodata.curation.select import Selected, select
    from thyrodata.curation.shortcuts import ShortcutAudit, audit_shortcuts
    from thyrodata.curation.tags import ImportedTags, import_tags
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
    "Browsed",
    "CaptureReport",
    "Captured",
    "Conversion",
    "Dataset",
    "DatasetReport",
    "DerivedImages",
    "Detection",
    "Difference",
    "Duplicates",
    "Exported",
    "ExportedWorkLists",
    "FoundMarkers",
    "ImageRecord",
    "ImportedReadings",
    "ImportedTags",
    "Merged",
    "Pushed",
    "QualityReport",
    "QueuedConflicts",
    "Relabelling",
    "Removal",
    "ReportedAgreement",
    "ResolvedReadings",
    "Restored",
    "ScoredPredictions",
    "Selected",
    "ShortcutAudit",
    "SplitPlan",
    "ThyrodataError",
    "Update",
    "__version__",
    "add_split",
    "audit_capture",
    "audit_dataset",
    "audit_shortcuts",
    "browse_dataset",
    "convert",
    "derive",
    "detect",
    "diff",
    "export",
    "export_worklists",
    "find_duplicates",
    "find_markers",
    "import_decisions",
    "import_readings",
    "import_tags",
    "merge",
    "open",
    "push",
    "queue_readings",
    "relabel",
    "remove",
    "report_agreement",
    "report_capture",
    "report_dataset",
    "resolve_readings",
    "restore",
    "run_capture",
    "run_qc",
    "score_predictions",
    "select",
    "show",
    "update",
    "view_readings",
]

__version__ = "0.1.0"

_HOMES = {
    "Audit": "capture.audit",
    "Browsed": "curation.browse",
    "CaptureReport": "collection.report",
    "Captured": "collection.run",
    "Conversion": "conversion",
    "Dataset": "dataset",
    "DatasetReport": "curation.report",
    "DerivedImages": "curation.derive",
    "Detection": "detection",
    "Difference": "curation.diff",
    "Duplicates": "curation.duplicates",
    "Exported": "exports.run",
    "ExportedWorkLists": "curation.worklists",
    "FoundMarkers": "curation.markers",
    "ImageRecord": "schema.record",
    "ImportedReadings": "curation.annotate",
    "ImportedTags": "curation.tags",
    "Merged": "curation.merge",
    "Pushed": "curation.push",
    "QualityReport": "curation.qc",
    "QueuedConflicts": "curation.queue",
    "Relabelling": "curation.relabel",
    "Removal": "curation.remove",
    "ReportedAgreement": "curation.agree",
    "ResolvedReadings": "curation.resolve",
    "Restored": "curation.restore",
    "ScoredPredictions": "curation.score",
    "Selected": "curation.select",
    "ShortcutAudit": "curation.shortcuts",
    "SplitPlan": "partition",
    "ThyrodataError": "errors",
    "Update": "curation.update",
    "add_split": "partition",
    "audit_capture": "capture.audit",
    "audit_dataset": "partition",
    "audit_shortcuts": "curation.shortcuts",
    "browse_dataset": "curation.browse",
    "convert": "conversion",
    "derive": "curation.derive",
    "detect": "detection",
    "diff": "curation.diff",
    "export": "exports.run",
    "export_worklists": "curation.worklists",
    "find_duplicates": "curation.duplicates",
    "find_markers": "curation.markers",
    "import_decisions": "curation.decisions",
    "import_readings": "curation.annotate",
    "import_tags": "curation.tags",
    "merge": "curation.merge",
    "push": "curation.push",
    "queue_readings": "curation.adjudicate",
    "relabel": "curation.relabel",
    "remove": "curation.remove",
    "report_agreement": "curation.agree",
    "report_capture": "collection.report",
    "report_dataset": "curation.report",
    "resolve_readings": "curation.resolve",
    "restore": "curation.restore",
    "run_capture": "collection.run",
    "run_qc": "curation.qc",
    "score_predictions": "curation.score",
    "select": "curation.select",
    "show": "reports.show",
    "update": "curation.update",
    "view_readings": "curation.adjudicate",
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
