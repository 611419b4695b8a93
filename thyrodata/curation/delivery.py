"""What a new delivery of a source has that a dataset has not, or has otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import Any, ClassVar

from thyrodata.change import Row
from thyrodata.curation.remove import id_sha256, removed_ids
from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.errors import DatasetError
from thyrodata.io.parquet import stream_as
from thyrodata.sample import Absent, Kept, Sample
from thyrodata.schema.manifest import Setting
from thyrodata.schema.record import ImageRecord

__all__ = ["Changed", "Delivery", "Grow"]

OLD, FRESH = 0, 1
"""The parents of a grown dataset: what it was, and the delivery converted."""

NAMED = 5
"""Images that an error names; a report has them all."""


class Changed(StrEnum):
    """What becomes of records that the source now states otherwise."""

    STOP = "stop"
    KEEP = "keep"
    TAKE = "take"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grow:
    """Puts what is new behind what there is."""

    name: ClassVar[str] = "update"
    rows: tuple[Row, ...]
    said: Mapping[str, Any]
    """The account: lists of ids, and counts."""

    def settings(self) -> tuple[Setting, ...]:
        """Return the numbers of the account."""
        what = "taken" if self.said["changed_taken"] else "kept as they were"
        return (
            Setting(name="new images", value=str(len(self.said["new"]))),
            Setting(name="changed records", value=f"{len(self.said['changed'])} {what}"),
            Setting(name="withdrawn images left out", value=str(self.said["withdrawn"])),
        )

    def sample(self, record: ImageRecord, picture: Kept | Absent, parent: int) -> Sample:
        """Return the record as it is."""
        if isinstance(picture, Kept) and parent == FRESH:
            picture = replace(picture, link=True)  # the folder of the delivery is removed afterwards
        return Sample(record=record, pixels=picture)

    def files(self) -> Mapping[str, bytes]:
        """Return the account."""
        return {"reports/update.json": (json.dumps(self.said, indent=2, ensure_ascii=False) + "\n").encode()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    image_id: str
    group_id: str


class Delivery:
    """A delivery beside the dataset that it is for.

    Args:
        parent: The dataset.
        fresh: The delivery, converted.
        policy: What becomes of changed records.

    Raises:
        DatasetError: Records have changed, and the policy is to stop.

    Attributes:
        new: The images that the dataset has not, as rows of the delivery.
        changed: Images of which the source now says something else.
        absent: Images of the dataset that the delivery lacks.
        withdrawn: How many images stay out, since they or their groups were removed from the dataset.
        taken: Whether changed records are as the source says now.
    """

    def __init__(self, parent: Dataset, fresh: Dataset, policy: Changed) -> None:
        self._old, now = dict(_digests(parent)), dict(_digests(fresh))
        self._places = {image_id: index for index, image_id in enumerate(now)}
        self.changed = tuple(name for name, digest in self._old.items() if now.get(name, digest) != digest)
        self.absent = tuple(name for name in self._old if name not in now)
        self.taken = policy is Changed.TAKE
        if self.changed and policy is Changed.STOP:
            few = ", ".join(self.changed[:NAMED]) + (", ..." if len(self.changed) > NAMED else "")
            raise DatasetError(
                f"the source now says something else of {len(self.changed)} images: {few}",
                where=str(parent.path),
                hint="--changed keep leaves them as they were, --changed take takes what the source says now",
            )
        away = removed_ids(parent)
        unknown = [
            one for one in stream_as(fresh.path / RECORDS_FILE, _Named) if one.image_id not in self._old
        ]
        staying = [one for one in unknown if not {id_sha256(one.group_id), id_sha256(one.image_id)} & away]
        self.new = tuple(self._fresh_row(one.image_id) for one in staying)
        self.withdrawn = len(unknown) - len(staying)

    def change(self) -> Grow:
        """Return the change that adds what is new behind what there is."""
        other = frozenset(self.changed) if self.taken else frozenset()
        kept = (
            self._fresh_row(name) if name in other else Row(parent=OLD, index=index, image_id=name)
            for index, name in enumerate(self._old)
        )
        said = {
            "new": [row.image_id for row in self.new],
            "changed": [*self.changed],
            "changed_taken": self.taken,
            "absent": [*self.absent],
            "withdrawn": self.withdrawn,
        }
        return Grow(rows=(*kept, *self.new), said=said)

    def _fresh_row(self, image_id: str) -> Row:
        return Row(parent=FRESH, index=self._places[image_id], image_id=image_id)


def _digests(dataset: Dataset) -> Iterator[tuple[str, bytes]]:
    """Yield each image's id with a digest of all that is said of it, in order."""
    for record in dataset.records():
        yield record.image_id, sha256(repr(record).encode()).digest()
