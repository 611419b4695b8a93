"""The sections of a report that say what a dataset is, what it holds and what was left out of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from thyrodata.dataset import RECORDS_FILE
from thyrodata.io.cards import load_card
from thyrodata.reports.card import HEADINGS
from thyrodata.reports.datapage.accounts import at, entries, fields, worded
from thyrodata.reports.datapage.beside import Beside
from thyrodata.reports.datapage.distributions import NOT_STATED
from thyrodata.reports.datapage.gathering import NotedRemark
from thyrodata.reports.datapage.html import beside as columns
from thyrodata.reports.datapage.html import listed, sentence, table, wide_image
from thyrodata.schema.manifest import Manifest, Operation, Setting

__all__ = ["about", "counts", "left_out", "remarks"]

MOST_SKIPS = 20
"""Items named of those that could not be read: all are in reports/skipped.jsonl."""

_OWN_SECTIONS = frozenset({"agree", "select"})
"""Operations whose account is shown in its own way."""
_THINGS = (
    "groups",
    "images",
    "annotations-only",
    "outlined-images",
    "coverage",
    "nodules",
    "findings",
    "categories",
    "readers",
    "remarks",
)
_LABELS = ("case-labels", "nodule-labels", "image-labels", "finding-labels")
_UNNAMED = {"readers": "reader not named"}


def about(manifest: Manifest, beside: Beside) -> Iterator[str]:
    """Yield where a dataset is from, under which terms, what was done, and the checksums that name it."""
    yield "<h3>Sources</h3>"
    if not manifest.sources:
        yield sentence(f"{NOT_STATED.capitalize()}.")
    for source in manifest.sources:
        card = load_card(source.card).card
        read, skipped, ignored = source.raw_files_read, source.raw_files_skipped, source.raw_files_ignored
        yield table(
            f"Source {source.card}",
            (),
            [
                ("source", card.title),
                ("licence", source.licence),
                ("passing it on", card.redistribution.value),
                ("access", card.access),
                ("consent", card.consent),
                ("ethics", card.ethics),
                ("citation", card.citation),
                ("DOI", card.doi or NOT_STATED),
                ("homepage", card.homepage or NOT_STATED),
                ("who drew and graded", card.readers),
                ("known issues", listed(card.known_issues) if card.known_issues else "none"),
                ("converter", f"{source.converter}{_settings(source.settings)}"),
                ("raw files", f"{read:,} read, {skipped:,} could not be read, {ignored:,} are no part of it"),
                ("SHA-256 of the raw files", source.raw_sha256),
            ],
        )
    yield "<h3>What was done since</h3>"
    if manifest.operations:
        rows = [
            (str(n), step.name, _parents(step), _settings(step.settings, ""))
            for n, step in enumerate(manifest.operations, 1)
        ]
        yield table("Operations", ("step", "operation", "of", "settings"), rows)
    else:
        yield sentence("Nothing: the records are as they were converted.")
    yield "<h3>Versions and checksums</h3>"
    yield table(
        "Versions and checksums",
        (),
        [
            ("schema", manifest.schema_version),
            *((version.package, version.version) for version in manifest.versions),
            ("encoder of images", manifest.encoder or "none: every image is a copy"),
            ("SHA-256 of the records", beside.sums.get(RECORDS_FILE, NOT_STATED)),
            ("SHA-256 of the pixels", manifest.pixel_sha256),
        ],
    )


def _settings(settings: Iterable[Setting], before: str = ", ") -> str:
    said = ", ".join(f"{setting.name} {setting.value}" for setting in settings)
    return f"{before}{said}" if said else ""


def _parents(step: Operation) -> str:
    return " and ".join(f"{parent.name} ({parent.sha256[:12]})" for parent in step.parents)


def counts(manifest: Manifest) -> Iterator[str]:
    """Yield everything that a manifest counts; what it counts none of is said too."""
    things = [(HEADINGS[what], *row) for what in _THINGS for row in _tallies(manifest, what)]
    labels = [
        table(HEADINGS[what], (HEADINGS[what], "n"), _tallies(manifest, what), numbers_from=1)
        for what in _LABELS
    ]
    yield columns(table("Counts", ("what", "of", "n"), things, numbers_from=2), "".join(labels))


def _tallies(manifest: Manifest, what: str) -> list[tuple[str, int]]:
    found = [tally for tally in manifest.counts if tally.what == what]
    return [(tally.value or _UNNAMED.get(what, "all"), tally.n) for tally in found] or [("none", 0)]


def left_out(manifest: Manifest, beside: Beside) -> Iterator[str]:
    """Yield what could not be read, what was selected, and the accounts of operations."""
    yield "<h3>Items that could not be read</h3>"
    if manifest.skips:
        skips = beside.skips(MOST_SKIPS)
        header = ("item", "why", "where", "what to do")
        yield table("Items skipped", header, [(s.item, s.reason, s.where, s.hint) for s in skips])
        yield sentence(f"{len(skips):,} of {manifest.skips:,} are listed.")
    else:
        yield sentence("None.")
    yield "<h3>Selection</h3>"
    selection, flow = beside.account("select"), beside.flow()
    if selection is None:
        earlier = any(step.name == "select" for step in manifest.operations)
        yield sentence(
            "It was made in an earlier step, whose settings stand above." if earlier else "None was made."
        )
    if flow is not None:
        yield wide_image(flow, "image/svg+xml", "Flow of the selection: what each criterion left and removed")
    if selection is not None:
        yield _criteria(selection)
    for step in dict.fromkeys(step.name for step in manifest.operations):
        name = step.split()[0]
        account = None if name in _OWN_SECTIONS else beside.account(name)
        if account is not None:
            yield f"<h3>Account of {step}</h3>"
            yield table(f"Account of {step}", (), fields(account))


def _criteria(selection: Mapping[str, Any]) -> str:
    shown = {
        "criterion": ("name",),
        "rule": ("rule",),
        "of each": ("level",),
        "asked": ("asked",),
        "removed, and why": ("removed", "why"),
        "images removed": ("removed", "images"),
        "images left": ("after", "images"),
    }
    rows = [[worded(at(stage, *keys)) for keys in shown.values()] for stage in entries(selection, "criteria")]
    return table("Criteria of the selection", [*shown], rows)


def remarks(noted: Iterable[NotedRemark]) -> Iterator[str]:
    """Yield what the source lost or left doubtful, by code."""
    rows = [(each.code, f"{each.n:,}", each.text, ", ".join(each.image_ids)) for each in noted]
    header = ("code", "n", "of the first", "where first")
    yield table("Remarks", header, rows) if rows else sentence("None.")
