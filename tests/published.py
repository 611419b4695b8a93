"""Small datasets with everything that cards and their kin tell of, and the tree that is published of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from tests.curated import picture, with_images
from tests.toy import finding, record
from thyrodata import export
from thyrodata.dataset import Dataset, seal, write_manifest
from thyrodata.exports.hub.tree import Shard
from thyrodata.schema.geometry import Box, Polygon, PolygonPart
from thyrodata.schema.manifest import Source
from thyrodata.schema.record import Age, ImageRecord, Label, Patient, Reading
from thyrodata.schema.vocab import Basis, Coverage, GroupKind, Malignancy, Sex, TiradsKwak

__all__ = ["Tree", "cohort", "source", "tree_of", "with_sources"]

ROOF = Polygon(parts=(PolygonPart(exterior=((2.0, 8.0), (8.0, 2.0), (14.0, 8.0))),))


def cohort(folder: Path, kind: GroupKind = GroupKind.PATIENT) -> Dataset:
    """Twelve groups of two images. Of group n: n % 3 == 0 boxed, 1 outlined, 2 in turn negative and unread.

    Even groups state a sex, those below six an age of 40 + n years, all a category of TI-RADS, and half of
    them malignancy by histology.
    """
    records, images = [], {}
    for group in range(12):
        for view in "ab":
            name = f"{group}_{view}"
            records.append(_record(name, group, view, kind))
            images[f"toy/{name}"] = picture(100 * group + ord(view))
    return with_images(folder, records, images)


def _record(name: str, group: int, view: str, kind: GroupKind) -> ImageRecord:
    drawn = {0: (Box(x=2, y=3, width=5, height=4),), 1: (ROOF,), 2: ()}[group % 3]
    covered = {0: None, 1: Coverage.PARTIAL, 2: Coverage.COMPLETE if view == "a" else Coverage.NONE}
    labels: Sequence[Label] = [Label(value=TiradsKwak("4a" if group % 2 else "3"))]
    if group % 2:
        labels = [*labels, Label(value=Malignancy.MALIGNANT, basis=Basis.HISTOLOGY)]
    return record(
        name,
        *([finding("1", *drawn)] if drawn else []),
        group=str(group),
        group_kind=kind,
        readings=[Reading(role="radiologist", coverage=covered[group % 3])],
        case_labels=tuple(labels),
        patient=Patient(
            sex=None if group % 2 else Sex.FEMALE, age=Age(years=40 + group) if group < 6 else None
        ),
    )


def source(card: str) -> Source:
    """A source as a conversion names it."""
    return Source(
        card=card,
        licence="not stated",
        converter=card,
        raw_sha256="0" * 64,
        raw_files_read=12,
        raw_files_skipped=1,
        raw_files_ignored=2,
    )


def with_sources(dataset: Dataset, *cards: str, **fields: Any) -> Dataset:
    """The dataset as if it had been made from the sources of these cards."""
    write_manifest(
        dataset.path, replace(dataset.manifest, sources=tuple(source(card) for card in cards), **fields)
    )
    seal(dataset.path, {})
    return Dataset(dataset.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """What was published of a dataset, as it lies on the disk."""

    dataset: Dataset
    path: Path
    shards: tuple[Shard, ...]
    front: dict[str, Any]
    """Of the card."""
    body: str
    """Of the card."""

    @property
    def features(self) -> list[dict[str, Any]]:
        """The columns as the card has them."""
        features: list[dict[str, Any]] = self.front["dataset_info"][0]["features"]
        return features

    def rows(self) -> list[dict[str, Any]]:
        """The rows of all shards, by Parquet alone."""
        return [row for shard in self.shards for row in pq.read_table(self.path / shard.path).to_pylist()]

    def croissant(self) -> dict[str, Any]:
        """The metadata as JSON."""
        said: dict[str, Any] = json.loads((self.path / "croissant.json").read_bytes())
        return said


def tree_of(dataset: Dataset, out: Path, **asked: Any) -> Tree:
    """Publish a dataset into a folder, and read what lies there."""
    export("huggingface", dataset, out, **asked)
    fence, front, body = (out / "README.md").read_text("utf-8").split("---\n", 2)
    assert not fence
    return Tree(
        dataset=dataset,
        path=out,
        shards=tuple(_shard(out, path) for path in sorted((out / "data").rglob("*.parquet"))),
        front=yaml.safe_load(front),
        body=body,
    )


def _shard(out: Path, path: Path) -> Shard:
    data = path.read_bytes()
    return Shard(
        path=path.relative_to(out).as_posix(),
        part=path.parent.name,
        read=path.name.startswith("read"),
        rows=pq.read_metadata(path).num_rows,
        bytes=len(data),
        sha256=sha256(data).hexdigest(),
    )
