"""A selection as a change of records: those that are left, without the nodules that were removed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from thyrodata.change import Row
from thyrodata.sample import Absent, Kept, Sample
from thyrodata.schema.manifest import Setting
from thyrodata.schema.record import ImageRecord, readings_without
from thyrodata.selection.glance import NoduleKey

__all__ = ["Select", "without_nodules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """Takes some records, and removes nodules from them with the findings that name them."""

    name: ClassVar[str] = "select"
    rows: tuple[Row, ...]
    removed_nodules: frozenset[NoduleKey]
    stated: tuple[Setting, ...]
    accounts: tuple[tuple[str, bytes], ...]
    """Files of the dataset, by path."""

    def settings(self) -> tuple[Setting, ...]:
        """Return the criteria in words, and the hashes of the tables that they asked."""
        return self.stated

    def sample(self, record: ImageRecord, picture: Kept | Absent, parent: int) -> Sample:  # noqa: ARG002
        """Return the record without removed nodules; its image stays as it is."""
        gone = {
            nodule.nodule_id
            for nodule in record.nodules
            if (record.group_id, nodule.nodule_id) in self.removed_nodules
        }
        return Sample(record=without_nodules(record, gone), pixels=picture)

    def files(self) -> Mapping[str, bytes]:
        """Return the ledger and its figure."""
        return dict(self.accounts)


def without_nodules(record: ImageRecord, gone: Collection[str]) -> ImageRecord:
    """Return a record without some nodules and the findings that name them."""
    if not gone:
        return record
    lost = [finding for finding in record.findings if finding.nodule_id in gone]
    return replace(
        record,
        nodules=tuple(nodule for nodule in record.nodules if nodule.nodule_id not in gone),
        findings=tuple(finding for finding in record.findings if finding.nodule_id not in gone),
        readings=readings_without(record.readings, lost),
    )
