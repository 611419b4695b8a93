"""Quality control of a dataset: run the rules, and add what they found to the dataset's reports."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from thyrodata import __version__
from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.errors import InterruptedRunError
from thyrodata.io.files import write_file
from thyrodata.io.parquettable import table_bytes
from thyrodata.qc.rule import Issue, Severity
from thyrodata.qc.run import Checked, check_dataset
from thyrodata.qc.table import choose_rules
from thyrodata.revision import opened
from thyrodata.schema.plain import to_plain

__all__ = ["ACCOUNT", "ISSUES", "QualityReport", "run_qc"]

ISSUES = "reports/qc.parquet"
"""One row for each issue."""

ACCOUNT = "reports/qc.json"
"""The counts, which rules were run by which versions, and what was not read."""

VERSIONED = ("numpy", "pillow", "pycocotools", "scipy")
"""The packages on which what the rules find depends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """What quality control found in a dataset."""

    dataset: str
    """Its name."""
    checked: Checked
    written: bool
    """Whether it was added to the dataset."""

    @property
    def issues(self) -> tuple[Issue, ...]:
        """By code, and for each code in the order of the records."""
        return self.checked.issues

    def has(self, severity: Severity) -> bool:
        """Return whether there is an issue that is as grave, or graver."""
        return any(issue.severity.is_at_least(severity) for issue in self.issues)

    def account(self) -> dict[str, Any]:
        """Return all but the issues themselves as plain values: what :data:`ACCOUNT` holds."""
        done = self.checked
        severities = Counter(issue.severity for issue in self.issues)
        return {
            "dataset": self.dataset,
            "versions": {"thyrodata": __version__, **{name: version(name) for name in VERSIONED}},
            "complete": done.complete,
            "images": done.images,
            "images_not_reached": done.images_not_reached,
            "rules_not_run": [*done.rules_not_run],
            "images_not_read": [to_plain(each) for each in done.unread],
            "issues": {severity.value: severities[severity] for severity in Severity},
            "rules": [
                {
                    "code": rule.code,
                    "title": rule.title,
                    "severity": rule.severity.value,
                    "reads": rule.reads.value,
                    "issues": sum(issue.code == rule.code for issue in self.issues),
                    "images": len({issue.image_id for issue in self.issues if issue.code == rule.code}),
                }
                for rule in done.rules
            ],
        }

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**self.account(), "found": [to_plain(issue) for issue in self.issues]}


def run_qc(
    dataset: str | Path | Dataset,
    *,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    workers: int = 1,
    progress: Progress | None = None,
    write: bool = True,
) -> QualityReport:
    """Run rules of quality control over a dataset. Its records and images are only read.

    An image that cannot be read is named in the report, and its record is checked all the same.

    Args:
        dataset: The dataset, or its folder.
        select: Codes of rules, or how they begin: ``TD1``, ``TD201``. By default all.
        ignore: Likewise; the longer one of two that fit a rule holds.
        workers: Processes that read images; 1 is this process. What is found does not depend on them.
        progress: As of :func:`thyrodata.qc.run.check_dataset`.
        write: Add the report to the dataset, in place of an earlier one: :data:`ISSUES`, :data:`ACCOUNT`.

    Raises:
        UsageError: No rule is chosen, or a code is of none.
        DatasetError: The folder is no dataset, or its records are damaged.
        OutputError: The report could not be written.
        InterruptedRunError: The user stopped the run. What was found until then is written, with what is
            missing.
        ThyrodataError: A worker process died.
    """
    data = opened(dataset)
    rules = choose_rules(select, ignore)
    checked = check_dataset(data, rules, workers=workers, progress=progress)
    report = QualityReport(dataset=data.manifest.name, checked=checked, written=write)
    if write:
        with data.adding() as folder:
            (folder / ISSUES).parent.mkdir()
            write_file(folder / ISSUES, _table(checked.issues))
            text = json.dumps(report.account(), indent=2, ensure_ascii=False) + "\n"
            write_file(folder / ACCOUNT, text.encode())
        data.note("qc run")
    if not checked.complete:
        done = checked.images - checked.images_not_reached
        raise InterruptedRunError(
            f"stopped after {done} of {checked.images} images; "
            f"{len(checked.rules_not_run)} rules of the whole dataset were not run",
            where=str(data.path / ACCOUNT) if write else "",
            hint="what was found until then is there; run it again for the rest" if write else "run it again",
        )
    return report


def _table(issues: tuple[Issue, ...]) -> bytes:
    """Return the issues as Parquet. Arrays state the types of columns, which in an empty list none would."""
    texts = {
        "image_id": [issue.image_id for issue in issues],
        "finding_id": [issue.finding_id for issue in issues],
        "code": [issue.code for issue in issues],
        "severity": [issue.severity.value for issue in issues],
        "what": [issue.what for issue in issues],
        "hint": [issue.hint for issue in issues],
    }
    scores = np.array([np.nan if issue.score is None else issue.score for issue in issues], np.float64)
    columns = {name: np.array(values, np.str_) for name, values in texts.items()}
    return table_bytes({**columns, "score": np.ma.masked_invalid(scores)})  # type: ignore[dict-item]
