"""The dataset card that lies in a dataset as README.md: the source's card, and what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from thyrodata.dataset import Dataset
from thyrodata.io.cards import load_card
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
    """Return the card of a dataset as Markdown: its source's front matter and prose, then the counts."""
    manifest = dataset.manifest
    sources = [load_card(source.card) for source in manifest.sources]
    return "\n".join(
        [
            sources[0].text.rstrip("\n"),
            "",
            "## What this copy holds",
            "",
            f"Made by thyrodata {_version(manifest)} from {_files(manifest)}.",
            "",
            *_count_tables(manifest.counts),
            "## Splits",
            "",
            "`splits/<name>.csv` says which part an image is in, `splits/<name>.json` how the split was",
            "made and how balanced it is. `thyrodata info` prints them.",
            "",
        ]
    )


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


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table whose columns after the first are numbers."""
    rule = ["---", *["--:"] * (len(header) - 1)]
    return ["| " + " | ".join(row) + " |" for row in (header, rule, *rows)]
