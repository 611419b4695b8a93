"""Making a dataset whose labels are read by a map: the named, counted step from one scheme to another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

from thyrodata.change import Row, all_rows
from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.engine import Progress
from thyrodata.errors import UsageError
from thyrodata.io.parquet import stream_as
from thyrodata.labelmaps.account import Account, account_of
from thyrodata.labelmaps.fates import Fate
from thyrodata.labelmaps.grammar import DROP, SAME
from thyrodata.labelmaps.image import LabelledImage
from thyrodata.labelmaps.model import LabelMap
from thyrodata.labelmaps.reading import relabelled
from thyrodata.labelmaps.shipped import load_map
from thyrodata.revision import Revision, opened, revise
from thyrodata.sample import Absent, Kept, Sample
from thyrodata.schema.manifest import Setting
from thyrodata.schema.record import ImageRecord
from thyrodata.schema.vocab import Scope

__all__ = ["Relabelling", "Unmapped", "map_json", "relabel"]


class Unmapped(Enum):
    """What happens to labels of the scheme whose value the map does not name."""

    STOP = "stop"
    KEEP = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relabelling:
    """What a map made of a dataset's labels, or with ``dry_run`` would make."""

    label_map: LabelMap
    unmapped: Unmapped
    account: Account
    revision: Revision

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            **_account_json(self.label_map, self.unmapped, self.account),
            "out": str(self.revision.out),
            "image_bytes": self.revision.image_bytes,
            "dry_run": self.revision.dataset is None,
        }


def map_json(label_map: LabelMap) -> dict[str, Any]:
    """Return a map as plain values, by the names that its file has."""
    made = label_map.to_scheme
    return {
        "name": label_map.name,
        "title": label_map.title,
        "source": label_map.source,
        "from": {"scheme": label_map.from_scheme, "scope": label_map.from_scope.value},
        "to": {"scheme": made, "scope": label_map.to_scope.value} if made else None,
        "keep": label_map.keep,
        "basis": (label_map.basis.value if label_map.basis else SAME) if made else None,
        "values": {value: str(term.value) if term else DROP for value, term in label_map.values},
        "loses": label_map.loses,
        "does_not_say": [*label_map.does_not_say],
    }


def _account_json(label_map: LabelMap, unmapped: Unmapped, account: Account) -> dict[str, Any]:
    return {"map": map_json(label_map), "unmapped": unmapped.value, **account.to_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Relabel:
    """See :class:`thyrodata.change.Change`."""

    name: ClassVar[str] = "relabel"
    rows: tuple[Row, ...]
    label_map: LabelMap
    unmapped: Unmapped
    account: Account

    def settings(self) -> tuple[Setting, ...]:
        chosen = self.label_map
        said = {
            "map": chosen.name,
            "reads": str(chosen),
            "values": ", ".join(f"{value}: {term.value if term else DROP}" for value, term in chosen.values),
            "keep": str(chosen.keep).lower(),
            "basis": chosen.basis.value if chosen.basis else SAME,
            "unmapped": self.unmapped.value,
            "source": chosen.source,
            "loses": chosen.loses,
            "does not say": " ".join(chosen.does_not_say),
        }
        return tuple(Setting(name=name, value=value) for name, value in said.items())

    def sample(self, record: ImageRecord, picture: Kept | Absent, parent: int) -> Sample:  # noqa: ARG002 -- there is one
        return Sample(record=relabelled(self.label_map, record), pixels=picture)

    def files(self) -> Mapping[str, bytes]:
        said = _account_json(self.label_map, self.unmapped, self.account)
        return {"reports/relabel.json": (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode()}


def relabel(
    dataset: Dataset | str | Path,
    label_map: str | Path | LabelMap,
    out: str | Path,
    *,
    unmapped: Unmapped | str = Unmapped.STOP,
    link: bool = False,
    workers: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Relabelling:
    """Make a dataset with the labels that a map makes of a dataset's; all else of its records is as it was.

    Args:
        dataset: The dataset, or its folder.
        label_map: The map, the name of one that ships (:func:`thyrodata.labelmaps.shipped.map_names`), or the
            file of one.
        out: The folder to make.
        unmapped: Whether labels whose value the map does not name end it, or stay without making a label.
        link: Make hard links to the dataset's images instead of copies.
        workers: Processes; 1 is this process. By default one, or one per core for large datasets.
        resume: Continue an unfinished build.
        overwrite: Replace a dataset that is at ``out``.
        dry_run: Write nothing; count what would be made.
        progress: Called with the number of records done and of all.

    Returns:
        The account of what was made of which labels, and the new dataset.

    Raises:
        UsageError: There is no such map or choice, the dataset has nothing that the map reads, or has values
            that it does not name.
        RawLayoutError: The map's file is broken; ``where`` is the file and the line.
        CaseError: The map's file cannot be read.
        DatasetError: The dataset is damaged.
        OutputError: ``out`` is in the way or cannot be written.
        InterruptedRunError: The user stopped it; it can be resumed.
    """
    choice = _choice(unmapped)
    parent = opened(dataset)
    chosen = label_map if isinstance(label_map, LabelMap) else load_map(label_map)
    account = account_of(chosen, stream_as(parent.path / RECORDS_FILE, LabelledImage))
    _check(chosen, account, choice, parent)
    change = _Relabel(rows=tuple(all_rows([parent])), label_map=chosen, unmapped=choice, account=account)
    revision = revise(
        change,
        [parent],
        out,
        link=link,
        workers=workers,
        resume=resume,
        overwrite=overwrite,
        dry_run=dry_run,
        progress=progress,
    )
    return Relabelling(label_map=chosen, unmapped=choice, account=account, revision=revision)


def _choice(unmapped: Unmapped | str) -> Unmapped:
    known = [choice.value for choice in Unmapped]
    if not isinstance(unmapped, Unmapped) and unmapped not in known:
        raise UsageError(f"unmapped {unmapped!r} is no choice", hint=f"there are: {', '.join(known)}")
    return Unmapped(unmapped)


def _check(label_map: LabelMap, account: Account, unmapped: Unmapped, parent: Dataset) -> None:
    """Refuse a map that reads nothing of the dataset, or not all of it."""
    place = str(parent.path / RECORDS_FILE)
    if not account.lines:
        raise UsageError(
            f"the map {label_map.name} reads {label_map.from_scheme} of the {label_map.from_scope.value}, "
            "and the dataset states none",
            where=place,
            hint=f"it has labels of: {', '.join(_stated(parent)) or 'no scheme'}",
        )
    holes = account.of(Fate.UNMAPPED)
    if holes and unmapped is Unmapped.STOP:
        what = "; ".join(
            f"{line.value} ({line.labels} of them, such as of {line.first_image})" for line in holes
        )
        raise UsageError(
            f"the map {label_map.name} does not name {what}",
            where=place,
            hint="name them in a map of your own, or leave them as they are with --unmapped keep",
        )


def _stated(parent: Dataset) -> Iterator[str]:
    """Yield the schemes of a dataset's labels, each with what it is said of."""
    counts = parent.manifest.counts
    for scope in Scope:
        schemes = {count.value.partition("/")[0] for count in counts if count.what == f"{scope.value}-labels"}
        yield from (f"{scheme} of the {scope.value}" for scheme in sorted(schemes))
