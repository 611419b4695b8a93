"""The sections of a report on what quality control found: issues by rule, and pictures that are the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from math import inf
from typing import Any

from thyrodata.qc.rule import Issue
from thyrodata.qc.table import all_rules
from thyrodata.reports.agreementtables import safe
from thyrodata.reports.datapage.accounts import at, entries, worded
from thyrodata.reports.datapage.html import link, note, pictures, sentence, side_by_side, table
from thyrodata.reports.datapage.pictures import Gallery

__all__ = ["copies", "joined_clusters", "pictured", "quality", "same_pictures", "sides"]

UNKNOWN_RULE = "a rule that this version does not have"
WORST = 4
"""Issues of a rule that are pictured."""
LISTED = 20
"""Issues of a rule that are listed: all are in reports/qc.parquet."""
MOST_CLUSTERS = 12
"""Sets of images that show one picture."""
MOST_TWINS = 3
"""Pictures of a cluster."""

SAME_PICTURE = frozenset({"TD301", "TD302"})
"""Rules that say of an image whose picture it shows too: of its own group, or of another."""

_ID = re.compile(r"[a-z0-9][a-z0-9_.-]*/[^\s,;()]+")
"""An image's id as a sentence names it. One that has a space or a comma is missed: its picture alone is."""


def pictured(issues: Iterable[Issue]) -> Iterator[str]:
    """Yield the ids of the images of issues that are pictured, and of others that may stand beside them."""
    for each in _by_code(issues).values():
        for issue in _worst(each):
            yield from (issue.image_id, *_others(issue))


def copies(issues: Iterable[Issue]) -> Iterator[tuple[str, ...]]:
    """Yield the ids of two images that show one picture, of each issue that says so."""
    for issue in issues:
        if issue.code in SAME_PICTURE:
            yield (issue.image_id, *_others(issue)[:1])


def sides(clusters: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the ids of the images that are shown side by side."""
    for cluster in islice(clusters, MOST_CLUSTERS):
        yield from cluster[:MOST_TWINS]


def quality(issues: Sequence[Issue] | None, account: Mapping[str, Any], gallery: Gallery) -> Iterator[str]:
    """Yield the rules that were run and what they found, and the worst issues of each with their pictures.

    Args:
        issues: What was found; ``None`` if quality control was not run.
        account: Which rules were run, and what was not read, as ``reports/qc.json`` has it.
        gallery: The images of :func:`pictured`.
    """
    if issues is None:
        yield sentence(
            "Not run. `thyrodata qc run` looks for what is wrong with outlines, labels and images."
        )
        return
    if at(account, "complete") is False:
        yield note("The run was stopped: not every rule has seen every image.")
    if unread := entries(account, "images_not_read"):
        yield note(
            f"Images that could not be read, and that no rule has seen the pixels of: {len(unread):,}."
        )
    found = _by_code(issues)
    ran = entries(account, "rules")
    titles = {worded(at(each, "code")): worded(at(each, "title")) for each in ran}
    titles |= {rule.code: rule.title for rule in all_rules()}
    severities = {worded(at(each, "code")): worded(at(each, "severity")) for each in ran}
    severities |= {code: each[0].severity.value for code, each in found.items()}
    rows = [
        (
            link(code, code) if code in found else code,
            titles.get(code, UNKNOWN_RULE),
            severities[code],
            len(found.get(code, ())),
            len({issue.image_id for issue in found.get(code, ())}),
        )
        for code in sorted(severities)
    ]
    yield table("Rules", ("rule", "what it says", "severity", "issues", "images"), rows, numbers_from=3)
    for code, each in found.items():
        yield f'<h3 id="{safe(code)}">{safe(code)}: {safe(titles.get(code, UNKNOWN_RULE))}</h3>'
        yield sentence(f"{each[0].hint[:1].upper()}{each[0].hint[1:]}.")
        yield pictures(_pictured(issue, gallery) for issue in _worst(each) if issue.image_id in gallery)
        yield f"<details><summary>{_listed(len(each))}</summary>{_list(each[:LISTED])}</details>"


def _by_code(issues: Iterable[Issue]) -> dict[str, list[Issue]]:
    """Return the issues of each rule, rules by their codes, the worst first."""
    found: dict[str, list[Issue]] = {}
    for issue in sorted(issues, key=lambda each: each.code):
        found.setdefault(issue.code, []).append(issue)
    for each in found.values():
        each.sort(key=lambda issue: inf if issue.score is None else -issue.score)
    return found


def _worst(issues: Iterable[Issue]) -> list[Issue]:
    """Return the issues of a rule that are pictured: the worst of each of a few images."""
    first: dict[str, Issue] = {}
    for issue in issues:
        first.setdefault(issue.image_id, issue)
    return [*first.values()][:WORST]


def _listed(n: int) -> str:
    return f"All {n:,} in words" if n <= LISTED else f"The worst {LISTED} of {n:,} in words"


def _list(issues: Iterable[Issue]) -> str:
    rows = [(issue.image_id, issue.finding_id, issue.what, _score(issue)) for issue in issues]
    return table("Issues", ("image", "finding", "what", "score"), rows, numbers_from=3)


def _score(issue: Issue) -> str:
    return "" if issue.score is None else f"{issue.score:.3g}"


def _pictured(issue: Issue, gallery: Gallery) -> str:
    where = f"finding {issue.finding_id}: " if issue.finding_id else ""
    shown = gallery.draw(issue.image_id, issue.finding_id).figure(f"{where}{issue.what}")
    others = [gallery.draw(other).figure() for other in _others(issue) if other in gallery]
    return side_by_side([shown, *others]) if others else shown


def _others(issue: Issue) -> list[str]:
    """Return what an issue's sentence names that looks like ids of other images: a copy's original, say."""
    found = dict.fromkeys(_ID.findall(issue.what))
    return [name for name in found if name != issue.image_id][: MOST_TWINS - 1]


def joined_clusters(*several: Iterable[Sequence[str]]) -> list[tuple[str, ...]]:
    """Return sets of images; those that share an image become one, and one image alone is none."""
    home: dict[str, dict[str, None]] = {}
    for ids in chain(*several):
        joined: dict[str, None] = {}
        for image_id in ids:
            joined.update(home.get(image_id, {image_id: None}))
        home.update(dict.fromkeys(joined, joined))
    return [tuple(ids) for ids in {id(ids): ids for ids in home.values()}.values() if len(ids) > 1]


def same_pictures(
    clusters: Sequence[Sequence[str]], parts: Mapping[str, str], gallery: Gallery
) -> Iterator[str]:
    """Yield images that show one picture side by side."""
    if not clusters:
        yield sentence("No two images are known to show the same picture.")
        return
    for cluster in clusters[:MOST_CLUSTERS]:
        where = sorted({parts[image_id] for image_id in cluster if image_id in parts})
        if len(where) > 1:
            yield note(f"{' and '.join(cluster)} are in several parts of the split: {', '.join(where)}")
        drawn = (
            gallery.draw(image_id).figure(*([f"part {parts[image_id]}"] if image_id in parts else []))
            for image_id in cluster[:MOST_TWINS]
            if image_id in gallery
        )
        yield side_by_side(drawn)
    yield sentence(f"{min(len(clusters), MOST_CLUSTERS):,} of {len(clusters):,} such sets are shown.")
