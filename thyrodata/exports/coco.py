"""COCO annotation files, one per part of a split.

An image's number is its place in the dataset, and annotations are numbered through the whole dataset, so that
both are the same in every split. Where the names of all images (their ids without the namespace) are distinct
whole numbers above zero, those are the numbers, and likewise for findings where the ids of all of them are: a
dataset that was read from COCO keeps its own.
"""

from __future__ import annotations

import re
import shutil
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.exports.cocoentries import annotation_entries, image_entry
from thyrodata.exports.folder import FileNames, Folder, file_name
from thyrodata.exports.ledger import LossLedger
from thyrodata.exports.records import ExportedRecord
from thyrodata.exports.view import View, ViewedImage
from thyrodata.exports.windows import PictureSettings
from thyrodata.io.files import replacing, writing
from thyrodata.io.jsontext import json_bytes
from thyrodata.io.parquet import stream_as
from thyrodata.schema.coco import CocoCategory, CocoInfo

__all__ = ["CocoSettings", "CocoTarget", "export_coco", "numbered", "write_coco"]


HOLDS = frozenset(
    {
        "case_labels",
        "findings.labels",
        "findings.nodule_id",
        "findings.score",
        "group_id",
        "image_labels",
    }
)
"""The fields of a record that are written beside COCO's own keys."""

_BEFORE = b",\n"
"""Stands before each entry of a list, without the comma before the first: each has a line of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoSettings(PictureSettings):
    """How COCO is written. The settings are those of the images."""


def export_coco(view: View, out: Folder, settings: CocoSettings) -> LossLedger:
    """Write ``annotations/instances_<part>.json`` and ``images/``, to which ``file_name`` is relative."""
    shown = replace(view, images=not settings.labels_only, window=settings.pixel_choice(), holds=HOLDS)
    info: CocoInfo = {"description": view.dataset.manifest.name, "reader": view.reader}
    names = FileNames(view.ledger)

    def name(image: ViewedImage) -> str:
        stem, suffix = file_name(image)
        # A source with a folder "images" of its own would get one more at every round.
        found = names.take(stem.removeprefix("images/"), suffix) + suffix
        if not settings.labels_only:
            out.image(image, f"images/{found}")
        return found

    write_coco([CocoTarget(view=shown, folder=out.path / "annotations", info=info)], name)
    for part in view.parts:
        out.count(f"annotations/instances_{part}.json")
    return view.ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoTarget:
    """A view, and the folder of its files."""

    view: View
    folder: Path
    info: CocoInfo


def path_in_dataset(image: ViewedImage) -> str:
    """Return an image's path relative to the dataset's folder, or its id where there is no file."""
    return image.record.image.path or image.record.image_id


def write_coco(targets: Sequence[CocoTarget], name: Callable[[ViewedImage], str] = path_in_dataset) -> None:
    """Write ``instances_<part>.json`` for every part of each view, in one pass over their common dataset.

    One image is in memory at a time. Category ids are the same in every part. What is left out and why is in
    the ledgers of the views.

    Args:
        targets: Views of one dataset.
        name: Gives the ``file_name`` of an image.

    Raises:
        OutputError: A file could not be written.
        DatasetError: The records are damaged, or do not fit the manifest.
    """
    if not targets:
        return
    dataset = targets[0].view.dataset
    images_numbered, findings_numbered = numbered(dataset)
    with ExitStack() as stack:
        readers = [
            _Reader([target for target in targets if target.view.reader == reader], name, stack)
            for reader in dict.fromkeys(target.view.reader for target in targets)
        ]
        for place, record in enumerate(stream_as(dataset.path / RECORDS_FILE, ExportedRecord), 1):
            number = int(_name(record.image_id)) if images_numbered else place
            for reader in readers:
                reader.write(record, place, number, findings_numbered=findings_numbered)
    for reader in readers:
        reader.account()


class _Reader:
    """The files of one reader, into which the same entries go."""

    def __init__(
        self, targets: Sequence[CocoTarget], name: Callable[[ViewedImage], str], stack: ExitStack
    ) -> None:
        self._view = replace(targets[0].view, crowds=True)
        self._name = name
        self._categories = {category: number for number, category in enumerate(self._view.categories, 1)}
        self._targets = [(target.view, _open_parts(target, stack)) for target in targets]
        self._places: list[array[int]] = [array("q") for _ in targets]
        self._views: dict[tuple[bool, ...], View] = {}
        """By which of the targets its images are in: what it accounts for is of each of these."""
        self._annotations = 0
        for target in targets:
            target.view.ledger.clear()

    def write(self, record: ExportedRecord, place: int, number: int, *, findings_numbered: bool) -> None:
        """Write an image to the part that it has in each target."""
        parts = [view.part_of.get(record.image_id) for view, _ in self._targets]
        part = next(filter(None, parts), "")
        view = self._view_of(tuple(part is not None for part in parts))
        shown = view.show(record, number, part)
        if shown is None:
            return
        if not part:
            self._annotations += len(shown.findings)
            return
        entries = self._entries(shown, findings_numbered=findings_numbered)
        view.ledger.change("findings", "polygon-to-mask", entries.rasterised)
        for own, places, (_, files) in zip(parts, self._places, self._targets, strict=True):
            if own is not None:
                files[own].add(entries)
                places.append(place - 1)

    def _view_of(self, member: tuple[bool, ...]) -> View:
        """Return the view that shows images of some targets.

        Annotations of an image that is in none count too, without a look at its file.
        """
        if member not in self._views:
            images = self._view.images and any(member)
            self._views[member] = replace(self._view, ledger=LossLedger(), images=images)
        return self._views[member]

    def _entries(self, image: ViewedImage, *, findings_numbered: bool) -> _Entries:
        entry = image_entry(image)
        entry["file_name"] = self._name(image)
        annotations = list(annotation_entries(image, self._categories, self._annotations + 1))
        self._annotations += len(annotations)
        rasterised = 0
        for annotation in annotations:
            if findings_numbered:
                annotation["id"] = int(annotation["finding_id"])
            rasterised += annotation["geometry"] == "polygon" and isinstance(annotation["segmentation"], dict)
        return _Entries(
            image=_BEFORE + json_bytes(entry),
            annotations=b"".join(_BEFORE + json_bytes(annotation) for annotation in annotations),
            rasterised=rasterised,
        )

    def account(self) -> None:
        """Fill the ledgers of the targets' views."""
        for member, shown in self._views.items():
            for (view, _), inside in zip(self._targets, member, strict=True):
                if inside:
                    view.ledger.add(shown.ledger)
        for (view, _), places in zip(self._targets, self._places, strict=True):
            view.count_fields(places)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entries:
    """The entries of an image as JSON, each after :data:`_BEFORE`."""

    image: bytes
    annotations: bytes
    rasterised: int
    """Polygons that are written as masks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _NamedFinding:
    finding_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _NamedImage:
    image_id: str
    findings: tuple[_NamedFinding, ...]


def numbered(dataset: Dataset) -> tuple[bool, bool]:
    """Return whether all images, and all findings, of a dataset are named by distinct whole numbers."""
    images: set[str] | None = set()
    findings: set[str] | None = set()
    for record in stream_as(dataset.path / RECORDS_FILE, _NamedImage):
        images = _numbers(images, [_name(record.image_id)])
        findings = _numbers(findings, [finding.finding_id for finding in record.findings])
        if images is None and findings is None:
            break
    return bool(images), bool(findings)


def _numbers(seen: set[str] | None, names: Sequence[str]) -> set[str] | None:
    """Add names to those seen; ``None`` once one is no whole number above zero, or comes again."""
    if seen is None or not all(_NUMBER.fullmatch(name) for name in names):
        return None
    before = len(seen)
    seen.update(names)
    return seen if len(seen) == before + len(names) else None


_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


def _name(image_id: str) -> str:
    return image_id.partition("/")[2]


class _PartFile:
    """A COCO file in the making: images go straight to it, annotations wait in a second stream."""

    def __init__(self, images: BinaryIO, annotations: BinaryIO) -> None:
        self._images = _ListFile(images)
        self._annotations = _ListFile(annotations)

    def add(self, entries: _Entries) -> None:
        self._images.add(entries.image)
        self._annotations.add(entries.annotations)


class _ListFile:
    """A list of entries in the making."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._comma = 1
        """How many bytes are left out: the comma before the first entry."""

    def add(self, entries: bytes) -> None:
        if entries:
            self._stream.write(entries[self._comma :])
            self._comma = 0


def _open_parts(target: CocoTarget, stack: ExitStack) -> dict[str, _PartFile]:
    with writing(target.folder):
        target.folder.mkdir(parents=True, exist_ok=True)
    categories: list[CocoCategory] = [
        {"id": number, "name": name} for number, name in enumerate(target.view.categories, 1)
    ]
    return {
        part: stack.enter_context(
            _part_file(target.folder / f"instances_{part}.json", target.info, categories)
        )
        for part in target.view.parts
    }


@contextmanager
def _part_file(path: Path, info: CocoInfo, categories: Sequence[CocoCategory]) -> Iterator[_PartFile]:
    waiting = path.with_name(path.name + ".annotations")
    try:
        with replacing(path) as stream:
            stream.write(
                b'{"info": '
                + json_bytes(info)
                + b',\n"categories": '
                + json_bytes(categories)
                + b',\n"images": ['
            )
            with waiting.open("wb") as annotations:
                yield _PartFile(stream, annotations)
            stream.write(b'\n],\n"annotations": [')
            with waiting.open("rb") as annotations:
                shutil.copyfileobj(annotations, stream)
            stream.write(b"\n]}\n")
    finally:
        waiting.unlink(missing_ok=True)
