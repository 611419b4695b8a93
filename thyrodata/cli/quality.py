"""What the commands of quality control understand and print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thyrodata.cli.output import images, lines, table
from thyrodata.duplicates import Same
from thyrodata.errors import UsageError
from thyrodata.qc.rule import Rule, Severity

if TYPE_CHECKING:
    from thyrodata.curation.duplicates import Duplicates
    from thyrodata.curation.markers import FoundMarkers
    from thyrodata.curation.qc import QualityReport
    from thyrodata.curation.shortcuts import ShortcutAudit

__all__ = [
    "parse_codes",
    "parse_severity",
    "print_duplicates",
    "print_issues",
    "print_markers",
    "print_rules",
    "print_shortcuts",
    "rules_json",
]

SHOWN = 3
"""Issues of a rule that a terminal shows; the report has all."""

ALTERED = "scaled, turned, brightened or marked"

LISTED = 20
"""Clusters that a terminal shows; the JSON and the table of links have all."""


def parse_codes(text: str) -> list[str]:
    """Return the codes in a list with commas."""
    return [code.strip() for code in text.split(",") if code.strip()]


def parse_severity(name: str) -> Severity:
    """Return the severity of this name.

    Raises:
        UsageError: There is none.
    """
    severities = {severity.value: severity for severity in Severity}
    if name not in severities:
        raise UsageError(f"there is no severity {name!r}", hint=f"there are: {', '.join(severities)}")
    return severities[name]


def print_issues(made: QualityReport) -> None:
    """Print how many issues each rule found, and a few of them."""
    account = made.account()
    rows = [rule for rule in account["rules"] if rule["issues"]]
    columns = ("code", "severity", "title", "issues", "images")
    if rows:
        table(columns, [[str(rule[name]) for name in columns] for rule in rows])
    lines(_examples(made))
    lines(_closing(made, account))


def _examples(made: QualityReport) -> Iterator[str]:
    for code, of_code in groupby(made.issues, attrgetter("code")):
        issues = [*of_code]
        for issue in islice(issues, SHOWN):
            place = f"{issue.image_id} finding {issue.finding_id}" if issue.finding_id else issue.image_id
            yield f"{code} {place}: {issue.what}"
        if len(issues) > SHOWN:
            yield f"{code} and {len(issues) - SHOWN} more"
        yield f"      {issues[0].hint}"


def _closing(made: QualityReport, account: dict[str, Any]) -> Iterator[str]:
    counts = ", ".join(f"{name}s {n}" for name, n in account["issues"].items())
    yield f"{images(account['images'])}, {len(account['rules'])} rules: {counts}"
    unread = account["images_not_read"]
    if unread:
        yield f"{images(len(unread))} could not be read, {unread[0]['image_id']} first: {unread[0]['why']}"
    if made.rules_without_ocr:
        yield f"not run without --ocr: {', '.join(made.rules_without_ocr)}"
    if made.written:
        yield "written to reports/qc.parquet and reports/qc.json"


def rules_json(rules: Sequence[Rule]) -> list[dict[str, str]]:
    """Return the rules as plain values."""
    return [
        {
            "code": rule.code,
            "title": rule.title,
            "severity": rule.severity.value,
            "reads": rule.reads.value,
            "docs": f"docs/qc.md#{rule.anchor}",
        }
        for rule in rules
    ]


def print_rules(rules: Iterable[Rule]) -> None:
    """Print the rules as a table."""
    rows = [
        (rule.code, rule.severity.value, rule.reads.value, rule.title, f"docs/qc.md#{rule.anchor}")
        for rule in rules
    ]
    table(("code", "severity", "reads", "title", "docs"), rows)


def print_duplicates(made: Duplicates, links: Path | None) -> None:
    """Print the clusters, how many pairs there are of each kind, and the groups that are joined.

    Args:
        made: What was found.
        links: The file that the clusters were written to, if any.
    """
    counts = Counter(pair.how.value if isinstance(pair, Same) else ALTERED for pair in made.pairs)
    if counts:
        table(("pairs", "how"), [(str(n), how) for how, n in counts.items()])
    lines(_listed("one picture", made.clusters))
    lines(_listed("groups joined", made.groups_joined))
    lines(_unread(made.unread))
    tied = f"clusters {len(made.clusters)}, of several groups {len(made.groups_joined)}"
    lines([f"{images(made.images)}: pairs {len(made.pairs)}, {tied}"])
    lines(
        [f"written to {links}" if links else "nothing was written: -o writes a file for `split make --links`"]
    )


def _listed(what: str, found: Sequence[Sequence[str]]) -> Iterator[str]:
    for names in found[:LISTED]:
        yield f"{what}: {', '.join(names)}"
    if len(found) > LISTED:
        yield f"{what}: {len(found) - LISTED} more"


def _unread(unread: Sequence[str]) -> Iterator[str]:
    if unread:
        yield f"{images(len(unread))} could not be read, {unread[0]} first"


def print_shortcuts(made: ShortcutAudit, *, written: bool) -> None:
    """Print a sentence for each label and split.

    Args:
        made: What was found.
        written: Whether it was added to the dataset.
    """
    lines(str(target) for target in made.targets)
    if not made.targets:
        lines(["there is no label of a scale, and no split"])
    if made.constant:
        lines([f"the same in all images: {', '.join(made.constant)}"])
    lines(_unread(made.unread))
    lines([f"intervals at {made.level:.0%}, over groups ({', '.join(made.group_kinds)})"])
    if not made.ocr:
        lines(["what is written in the pictures was not read: --ocr"])
    lines(["written to reports/shortcuts.json" if written else "nothing was written"])


def print_markers(made: FoundMarkers) -> None:
    """Print how many images have marks, and which."""
    rows = [(kind, str(n)) for kind, n in made.kinds().items() if n]
    if rows:
        table(("mark", "images"), rows, title=f"{len(made.marked)} of {len(made.images)} images have marks")
    lines(_listed("marked", [[each.image_id] for each in made.marked]))
    lines(_unread([each.image_id for each in made.unread]))
    if made.revision:
        deep = sum(each.deep for each in made.marked)
        lines([f"painted over: {len(made.marked) - deep} images, in {made.revision.out}"])
    lines(["note: an image without a mark may have one that was not found"])
    lines([f"table        {made.table}" if made.table else "nothing was written"])
