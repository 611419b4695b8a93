"""Objections from what quality control found in a dataset, or was not asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from thyrodata.dataset import Dataset
from thyrodata.publishing.objection import Objection
from thyrodata.qc.leakage import RULES as OF_SPLITS
from thyrodata.qc.privacy import RULES as OF_PRIVACY
from thyrodata.qc.rule import Issue, Reads, Severity
from thyrodata.qc.table import all_rules
from thyrodata.reports.datapage.accounts import at, entries
from thyrodata.reports.datapage.beside import ISSUES, Beside
from thyrodata.survey import Member

__all__ = ["of_quality"]

SHOWN = 3
"""Images of a rule that are named: all are in the report."""

_ELSEWHERE = frozenset(rule.code for rule in OF_SPLITS)
"""Splits may be added after the run, so they are audited afresh, by the same links: see ``leaks``."""

_ON_REQUEST = frozenset(rule.code for rule in all_rules() if rule.reads is Reads.TEXT)
"""Run only with ``--ocr``. What they found counts; that they were not run is no objection."""

_PRIVATE = frozenset(rule.code for rule in OF_PRIVACY)
"""Of whatever severity: on a disk a date in a file's EXIF is a warning, on the Hub it has left."""

_RUN = "run `thyrodata qc run`"


def of_quality(dataset: Dataset, beside: Beside, members: Sequence[Member]) -> Iterator[Objection]:
    """Yield an objection for each rule with errors, and if not every rule has seen every image.

    Raises:
        DatasetError: The report is damaged.
    """
    where = str(dataset.path / ISSUES)
    account, issues = beside.account("qc"), beside.issues()
    if account is None or issues is None:
        yield _unfinished("qc-missing", "quality control was not run", where)
        return
    if unseen := [*_unseen(account, members)]:
        yield _unfinished("qc-partial", f"quality control was not run whole: {'; '.join(unseen)}", where)
    found: dict[str, list[Issue]] = {}
    for issue in issues:
        if issue.code in _PRIVATE or (issue.severity is Severity.ERROR and issue.code not in _ELSEWHERE):
            found.setdefault(issue.code, []).append(issue)
    titles = {rule.code: rule.title for rule in all_rules()}
    for code, group in sorted(found.items()):
        images = dict.fromkeys(issue.image_id for issue in group)
        shown = ", ".join(islice(images, SHOWN)) + (", ..." if len(images) > SHOWN else "")
        yield Objection(
            code="qc-privacy" if code in _PRIVATE else "qc-error",
            text=f"{code} {titles.get(code, '')}: issues {len(group)}, images {len(images)} ({shown})",
            where=where,
            hint=f"{group[0].hint}; or look at each, and accept the rule by its code",
            override=code,
        )


def _unseen(account: Mapping[str, Any], members: Sequence[Member]) -> Iterator[str]:
    """Say what of a whole run is missing. An image without a file has no pixels that a rule could miss."""
    ran = {at(rule, "code") for rule in entries(account, "rules")}
    left = [rule.code for rule in all_rules() if rule.code not in ran | _ELSEWHERE | _ON_REQUEST]
    if left:
        yield f"{len(left)} rules were not run ({', '.join(left)})"
    if at(account, "complete") is not True:
        yield "the run was stopped"
    with_file = {member.image_id for member in members if member.path}
    unread = {at(each, "image_id") for each in entries(account, "images_not_read")} & with_file
    if unread:
        yield f"{len(unread)} images could not be read, the first {min(unread)}"


def _unfinished(code: str, text: str, where: str) -> Objection:
    return Objection(code=code, text=text, where=where, hint=_RUN, override=code)
