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

    from thyrodata.conversion import Conversion, convert
    from thyrodata.dataset import Dataset
    from thyrodata.detection import Detection, detect
    from thyrodata.errors import ThyrodataError
    from thyrodata.exports.run import Exported, export
    from thyrodata.partition import SplitPlan, add_split, audit_dataset
    from thyrodata.reports.show import show
    from thyrodata.schema.record import ImageRecord

__all__ = [
    "Conversion",
    "Dataset",
    "Detection",
    "Exported",
    "ImageRecord",
    "SplitPlan",
    "ThyrodataError",
    "__version__",
    "add_split",
    "audit_dataset",
    "convert",
    "detect",
    "export",
    "open",
    "show",
]

__version__ = "0.1.0"

_HOMES = {
    "Conversion": "conversion",
    "Dataset": "dataset",
    "Detection": "detection",
    "Exported": "exports.run",
    "ImageRecord": "schema.record",
    "SplitPlan": "partition",
    "ThyrodataError": "errors",
    "add_split": "partition",
    "audit_dataset": "partition",
    "convert": "conversion",
    "detect": "detection",
    "export": "exports.run",
    "show": "reports.show",
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
