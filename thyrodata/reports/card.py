"""The dataset card that lies in a dataset as README.md: the source's card, and what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from thyrodata.dataset import Dataset
from thyrodata.io.cards import load_card
from thyrodata.io.markdown import chapter
from thyrodata.schema.card import Card
from thyrodata.schema.manifest import Manifest, Tally

__all__ = ["dataset_card", "markdown_table"]

HEADINGS = {
    "annotations-only": "Records without an image file",
    "case-labels": "Cases by label (said of the case, not of an image or an outline)",
    "categories": "Outlines by COCO category",
    "coverage": "Images by coverage (what the absence of an outline means)",
    "finding-labels": "Findings by label",
    "findings": "Findings by structure",
    "groups": "Groups by kind",
    "image-labels": "Images by label",
    "images": "Images by modality",
    "nodule-labels": "Nodules by label",
    "nodules": "Nodules described",
    "outlined-images": "Images with an outline",
    "readers": "Outlines by reader",
    "remarks": "Remarks on what the source lost or left doubtful",
}


def dataset_card(dataset: Dataset) -> str:
    """Return the card of a dataset as Markdown: its source's front matter and prose, then the counts.

    Where there are several sources, each has its card as a chapter, under the names of all.
    """
    manifest = dataset.manifest
    return "\n".join(
        [
            *_source_cards(manifest),
            "",
            "## What this copy holds",
            "",
            f"Made by thyrodata {_version(manifest)} from {_files(manifest)}.",
            "",
            *_operations(manifest),
            *_count_tables(manifest.counts),
            "## Splits",
            "",
            "`splits/<name>.csv` says which part an image is in, `splits/<name>.json` how the split was",
            "made and how balanced it is. `thyrodata info` prints them.",
            "",
        ]
    )


def _source_cards(manifest: Manifest) -> list[str]:
    cards = {source.card: load_card(source.card) for source in manifest.sources}
    if len(cards) == 1:
        (card,) = cards.values()
        return [card.text.rstrip("\n")]
    if not cards:
        return [f"# {manifest.name}"]
    lines = [f"# {manifest.name}", "", "Several sources, each under its own licence and terms.", ""]
    rows = [
        (name, each.card.licence, each.card.redistribution.value, _kind(each.card), _coverage(each.card))
        for name, each in cards.items()
    ]
    header = ("source", "licence", "passing it on", "groups are", "an image without an outline means")
    lines += [*_text_table(header, rows), ""]
    for name, each in cards.items():
        lines += [f"## {name}: {each.card.title}", "", each.card.citation, ""]
        lines += [*chapter(each.prose, below=2), ""]
    return lines[:-1]


def _kind(card: Card) -> str:
    return f"{card.identity.value}s" if card.identity else "as the user said"


def _coverage(card: Card) -> str:
    return card.coverage.value if card.coverage else "not stated"


def _operations(manifest: Manifest) -> list[str]:
    """Say what was done since the conversion, step by step."""
    if not manifest.operations:
        return []
    lines = ["What was done since the sources were converted:", ""]
    for number, step in enumerate(manifest.operations, 1):
        settings = ", ".join(f"{setting.name} {setting.value}" for setting in step.settings)
        parents = " and ".join(f"{parent.name} ({parent.sha256[:12]})" for parent in step.parents)
        lines.append(f"{number}. {step.name} of {parents}" + (f": {settings}" if settings else ""))
    return [*lines, ""]


def _version(manifest: Manifest) -> str:
    return next((v.version for v in manifest.versions if v.package == "thyrodata"), "of unknown version")


def _files(manifest: Manifest) -> str:
    read = sum(source.raw_files_read for source in manifest.sources)
    skipped = sum(source.raw_files_skipped for source in manifest.sources)
    ignored = sum(source.raw_files_ignored for source in manifest.sources)
    return f"{read} raw files; {skipped} could not be read, {ignored} are no part of the dataset"


def _count_tables(counts: Iterable[Tally]) -> list[str]:
    lines: list[str] = []
    for what, group in groupby(counts, key=lambda count: count.what):
        rows = [
            (count.value or "(not named)" if what == "readers" else count.value or "all", str(count.n))
            for count in group
        ]
        lines += [*markdown_table((HEADINGS[what], "n"), rows), ""]
    return lines


def _text_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows)]


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table whose columns after the first are numbers."""
    rule = ["---", *["--:"] * (len(header) - 1)]
    return ["| " + " | ".join(row) + " |" for row in (header, rule, *rows)]
