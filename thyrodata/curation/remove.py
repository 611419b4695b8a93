"""Removing groups, such as a patient who withdrew consent, from everything that a dataset holds."""

from __future__ import annotations

import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

from thyrodata.change import Row
from thyrodata.dataset import HISTORY, RECORDS_FILE, Dataset
from thyrodata.engine import Progress
from thyrodata.errors import DatasetError, UsageError
from thyrodata.io.journal import entries
from thyrodata.io.parquet import stream_as
from thyrodata.revision import Revision, opened, revise
from thyrodata.sample import Absent, Kept, Sample
from thyrodata.schema.manifest import Parent, Setting, Skip
from thyrodata.schema.record import ImageRecord
from thyrodata.schema.vocab import GroupKind
from thyrodata.splits import Link
from thyrodata.splits.pictures import picture_links
from thyrodata.survey import GlanceImage

__all__ = ["Removal", "id_sha256", "remove", "removed_ids"]

GROUP, IMAGE = "removed group", "removed image"
"""The settings that keep a removed id out for good: see :func:`id_sha256`."""

_PUBLISHING = {"export", "push"}
"""Operations in a dataset's history that have made copies of it."""


def id_sha256(name: str) -> str:
    """Return what a manifest keeps of a removed id, so that an update does not bring it back.

    Who knows the id can check it. It cannot be read back, but an id of a few digits can be guessed.
    """
    return sha256(name.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Glance:
    image_id: str
    image: GlanceImage
    group_id: str
    group_kind: GroupKind
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What was removed, and what still holds it."""

    groups: Mapping[str, int]
    """The removed groups, and how many images of each."""
    same_pictures: tuple[str, ...]
    """Images of other groups that are the same picture as a removed one, and were removed too."""
    other_groups: tuple[str, ...]
    """The groups of these images: they may be of the same patient, and were otherwise left."""
    to_delete: tuple[Path, Parent]
    """The parent, which holds what was withdrawn and is now to be deleted."""
    ancestors: tuple[Parent, ...]
    """Datasets that the parent was made from, which hold it as well if they are still somewhere."""
    copies: tuple[str, ...]
    """What the parent's history says of copies that were published or exported."""
    revision: Revision

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        path, parent = self.to_delete
        return {
            "groups": dict(self.groups),
            "same_pictures": [*self.same_pictures],
            "other_groups": [*self.other_groups],
            "images_left": self.revision.images,
            "to_delete": {"path": str(path), "name": parent.name, "sha256": parent.sha256},
            "ancestors": [{"name": each.name, "sha256": each.sha256} for each in self.ancestors],
            "copies": [*self.copies],
            "out": str(self.revision.out),
            "dry_run": self.revision.dataset is None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remove:
    name: ClassVar[str] = "remove"
    rows: tuple[Row, ...]
    removed: tuple[Setting, ...]
    mentions: re.Pattern[str]

    def settings(self) -> tuple[Setting, ...]:
        return self.removed

    def sample(self, record: ImageRecord, picture: Kept | Absent, parent: int) -> Sample:  # noqa: ARG002
        remarks = tuple(replace(each, text=self._without(each.text)) for each in record.remarks)
        return Sample(record=replace(record, remarks=remarks), pixels=picture)

    def _without(self, text: str) -> str:
        return self.mentions.sub("(removed)", text)

    def files(self) -> Mapping[str, bytes]:
        return {}


def remove(
    dataset: Dataset | str | Path,
    out: str | Path,
    *,
    groups: Collection[str] = (),
    patients: Collection[str] = (),
    link: bool = False,
    workers: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Removal:
    """Make a dataset without some groups: their records, images, annotations and rows of splits.

    Images of other groups that are the same picture go as well: by equal bytes, as crops of one frame, or by
    their pixels (:func:`thyrodata.duplicates.find_same`). Of what was removed the new dataset keeps a hash of
    each id, for :func:`thyrodata.update` to leave it out.

    Args:
        dataset: The dataset, or its folder. It is not changed, and is to be deleted by the user.
        out: The folder to make.
        groups: Ids of groups.
        patients: Ids of groups that are patients; refused where the source names no patients.
        link: Make hard links to images instead of copies.
        workers: Processes.
        resume: Continue an unfinished build.
        overwrite: Replace a dataset that is at ``out``.
        dry_run: Write nothing.
        progress: Called with the number of steps done and of all, first of the search for same pictures, then
            of the records.

    Raises:
        CaseError: An image cannot be read.
        UsageError: No id is given, or one is of no group.
        DatasetError: The dataset is damaged, or nothing would be left of it.
        OutputError: ``out`` is in the way or cannot be written.
    """
    parent = opened(dataset)
    glances = list(stream_as(parent.path / RECORDS_FILE, _Glance))
    named = _named(glances, groups, patients, parent.path)
    gone = {glance.image_id for glance in glances if glance.group_id in named}
    links = picture_links(parent.survey().members, parent.path, workers=workers, progress=progress)
    same = _same_pictures(glances, gone, links)
    out_of = gone | {glance.image_id for glance in same}
    rows = tuple(
        Row(parent=0, index=index, image_id=glance.image_id)
        for index, glance in enumerate(glances)
        if glance.image_id not in out_of
    )
    if not rows:
        raise DatasetError(
            "nothing would be left of the dataset", where=str(parent.path), hint="delete it instead"
        )
    left = {glance.source for glance in glances if glance.image_id not in out_of}
    sources = {_file(g.source) for g in glances if g.image_id in out_of} - set(map(_file, left))
    change = _Remove(rows=rows, removed=_tombstones(named, same), mentions=_pattern(named, out_of))
    revision = revise(
        change,
        [parent],
        out,
        hands_down=lambda skip: _says_nothing_of(skip, named | out_of, sources),
        link=link,
        workers=workers,
        resume=resume,
        overwrite=overwrite,
        dry_run=dry_run,
        progress=progress,
    )
    counts = Counter(glance.group_id for glance in glances if glance.group_id in named)
    return Removal(
        groups=dict(sorted(counts.items())),
        same_pictures=tuple(glance.image_id for glance in same),
        other_groups=tuple(sorted({glance.group_id for glance in same})),
        to_delete=(parent.path, revision.parents[0]),
        ancestors=tuple(dict.fromkeys(p for step in parent.manifest.operations for p in step.parents)),
        copies=_copies(parent),
        revision=revision,
    )


def _named(
    glances: Iterable[_Glance], groups: Collection[str], patients: Collection[str], place: Path
) -> frozenset[str]:
    """Return the groups to remove, each of which must be there, and be a patient if it is called one."""
    kinds = {glance.group_id: glance.group_kind for glance in glances}
    for wanted in (*patients, *groups):
        if wanted not in kinds:
            near = difflib.get_close_matches(wanted, kinds, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else "an id is of the form namespace/name"
            raise UsageError(f"there is no group {wanted!r}", where=str(place), hint=hint)
    for wanted in patients:
        if kinds[wanted] is not GroupKind.PATIENT:
            raise UsageError(
                f"{wanted} is a {kinds[wanted].value}, not a patient: the source names no patients",
                where=str(place),
                hint=f"remove what is known to be the patient's: --group {wanted}",
            )
    if not kinds.keys() & {*patients, *groups}:
        raise UsageError("no group is named", hint="name what to remove: --patient ID or --group ID")
    return frozenset((*patients, *groups))


def _same_pictures(glances: Iterable[_Glance], gone: Collection[str], links: Iterable[Link]) -> list[_Glance]:
    """Return the images of other groups that a tie by bytes, frame or pixels leads to from a removed one."""
    known = list(glances)
    ties: defaultdict[str, set[str]] = defaultdict(set)
    for glance in known:
        if glance.image.sha256:
            ties[glance.image.sha256].add(glance.image_id)
        if glance.image.crop:  # whose key may be the hash of a whole image in the dataset
            ties[glance.image.crop.frame_key].add(glance.image_id)
    for number, link in enumerate(links):
        ties[f"pixels {number}"].update(link.image_ids)
    tied_by: defaultdict[str, list[str]] = defaultdict(list)
    for tie, image_ids in ties.items():
        for image_id in image_ids:
            tied_by[image_id].append(tie)
    reached, found = set(gone), list(gone)
    while found:
        near = {image_id for tie in tied_by[found.pop()] for image_id in ties[tie]} - reached
        reached |= near
        found += near
    return [glance for glance in known if glance.image_id in reached and glance.image_id not in gone]


def _tombstones(groups: Iterable[str], same: Iterable[_Glance]) -> tuple[Setting, ...]:
    return (
        *(Setting(name=GROUP, value=digest) for digest in sorted(map(id_sha256, groups))),
        *(Setting(name=IMAGE, value=digest) for digest in sorted(id_sha256(g.image_id) for g in same)),
    )


def _pattern(groups: Iterable[str], image_ids: Iterable[str]) -> re.Pattern[str]:
    """Return what finds a removed id in a text."""
    names = "|".join(re.escape(name) for name in sorted({*groups, *image_ids}, key=lambda n: (-len(n), n)))
    return re.compile(rf"(?<![\w/-])(?:{names})(?![\w/-])")


def _file(source: str) -> str:
    """Return the file that a record's source names, without the place in it."""
    return source.partition("#")[0]


def _says_nothing_of(skip: Skip, names: Collection[str], sources: Collection[str]) -> bool:
    """Whether an entry of what could not be read is of files that no removed record came from."""
    said = {skip.item, skip.where, *skip.files, *map(_file, (skip.item, skip.where))}
    return not said & {*names, *sources}


def _copies(parent: Dataset) -> tuple[str, ...]:
    place = parent.path / HISTORY
    if not place.exists():
        return ()
    try:
        said = [(str(entry.get("time")), str(entry.get("operation"))) for entry in entries(place)]
    except (ValueError, AttributeError) as error:
        raise DatasetError(
            f"the history cannot be read: {error}", where=str(place), hint="mend or remove its broken line"
        ) from None
    return tuple(f"{time}: {what}" for time, what in said if what.split(" ")[0] in _PUBLISHING)


def removed_ids(dataset: Dataset) -> frozenset[str]:
    """Return the hashes of the groups and images that were removed from a dataset or from its parents."""
    return frozenset(
        setting.value
        for step in dataset.manifest.operations
        if step.name == _Remove.name
        for setting in step.settings
    )
