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
from thyrodata.errors import InterruptedRunError, UsageError
from thyrodata.io.extras import require_extra
from thyrodata.io.files import write_file
from thyrodata.io.interrupts import interrupts_held
from thyrodata.io.parquettable import table_bytes
from thyrodata.qc.rule import Issue, Reads, Rule, Severity
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

READING = ("onnxruntime", "rapidocr")
"""Likewise, where texts in pictures are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """What quality control found in a dataset."""

    dataset: str
    """Its name."""
    checked: Checked
    ocr: bool
    """Whether texts in the pictures were read."""
    rules_without_ocr: tuple[str, ...]
    """Codes of the rules that were chosen and need those texts, where they were not read."""
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
        packages = (*VERSIONED, *(READING if self.ocr else ()))
        severities = Counter(issue.severity for issue in self.issues)
        return {
            "dataset": self.dataset,
            "versions": {"thyrodata": __version__, **{name: version(name) for name in packages}},
            "complete": done.complete,
            "ocr": self.ocr,
            "rules_not_run_without_ocr": [*self.rules_without_ocr],
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
    ocr: bool = False,
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
        ocr: Run the rules of what is written in the pictures too, which takes about a second for each image.
        workers: Processes that read images; 1 is this process. What is found does not depend on them.
        progress: As of :func:`thyrodata.qc.run.check_dataset`.
        write: Add the report to the dataset, in place of an earlier one: :data:`ISSUES`, :data:`ACCOUNT`.

    Raises:
        UsageError: No rule is chosen, a code is of none, or one is of a rule that is not run without ``ocr``.
        MissingExtraError: The extra ``ocr`` is asked for, and not installed.
        DatasetError: The folder is no dataset, or its records are damaged.
        OutputError: The report could not be written.
        InterruptedRunError: The user stopped the run. What was found until then is written, with what is
            missing.
        ThyrodataError: A worker process died.
    """
    data = opened(dataset)
    selected = tuple(select)
    chosen = choose_rules(selected, ignore)
    rules = _readable(chosen, selected, ocr=ocr)
    checked = check_dataset(data, rules, workers=workers, progress=progress)
    report = QualityReport(
        dataset=data.manifest.name,
        checked=checked,
        ocr=ocr,
        rules_without_ocr=tuple(rule.code for rule in chosen if rule not in rules),
        written=write,
    )
    if write:
        # Who sees nothing happen presses Ctrl-C again: what was found is kept all the same.
        with interrupts_held():
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


def _readable(rules: tuple[Rule, ...], selected: tuple[str, ...], *, ocr: bool) -> tuple[Rule, ...]:
    """Return the rules that can be run with the pictures' texts or without.

    Raises:
        UsageError: One that needs the texts is asked for by its code, or no other is left.
        MissingExtraError: The texts are to be read, and the extra ``ocr`` is not installed.
    """
    if ocr:
        for module in READING:
            require_extra(module, "ocr")
        return rules
    left = tuple(rule for rule in rules if rule.reads is not Reads.TEXT)
    refused = [
        rule.code for rule in rules if rule.reads is Reads.TEXT and (rule.code in selected or not left)
    ]
    if refused:
        raise UsageError(
            f"{', '.join(refused)} reads what is written in the pictures, which was not asked for",
            hint="add --ocr (in Python ocr=True); it takes about a second for each image",
        )
    return left


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
