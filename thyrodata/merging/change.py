"""The merge as a change of records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from thyrodata.change import Row
from thyrodata.merging.joining import Group
from thyrodata.merging.naming import Naming
from thyrodata.sample import Absent, Kept, Sample
from thyrodata.schema.manifest import Setting
from thyrodata.schema.record import ImageRecord, Remark

__all__ = ["Merge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """Puts the records of several datasets into one. See :class:`thyrodata.change.Change`."""

    name: ClassVar[str] = "merge"
    rows: tuple[Row, ...]
    namings: tuple[Naming, ...]
    """Of each parent."""
    moved: Mapping[str, Group]
    """The group that each joined group became part of, by its id."""
    remarks: Mapping[str, Remark]
    """On the images whose group was joined, by id."""
    stated: tuple[Setting, ...]
    accounts: Mapping[str, bytes]

    def settings(self) -> tuple[Setting, ...]:
        """Return the namespaces and what was accepted."""
        return self.stated

    def sample(self, record: ImageRecord, picture: Kept | Absent, parent: int) -> Sample:
        """Return a record by its names in the merged dataset, in its joined group."""
        naming = self.namings[parent]
        named = naming.record(record)
        remark = self.remarks.get(named.image_id)
        if remark:
            into = self.moved[named.group_id]
            named = replace(
                named, group_id=into.group_id, group_kind=into.kind, remarks=(*named.remarks, remark)
            )
        if isinstance(picture, Kept):
            picture = replace(picture, path=naming.path(picture.path, record.image_id))
        return Sample(record=named, pixels=picture)

    def files(self) -> Mapping[str, bytes]:
        """Return the account and the table of same pictures."""
        return self.accounts
