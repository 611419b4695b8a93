"""Scores a captured dataset against an answer key; what each action type means stands in ``answers``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from thyrodata.capture.audit.answers import Action, FileKey
from thyrodata.capture.audit.model import Kind
from thyrodata.capture.audit.originals import origin_of
from thyrodata.capture.audit.output import log_passages, output_files, passages_of
from thyrodata.capture.audit.pixels import pixel_faults
from thyrodata.capture.audit.search import Index
from thyrodata.capture.audit.words import own_words
from thyrodata.dataset import Dataset
from thyrodata.io.images import decode_image
from thyrodata.schema.record import ImageRecord, Label, PixelBox, SourceField

__all__ = ["Line", "Miss", "Score", "score_capture"]


_REMOVALS = {Kind.DATE: Action.DATE_SHIFTED, Kind.UID: Action.UID_CHANGED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A check that failed."""

    action: Action
    tag: str
    ordinal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The checks of one action type on one tag."""

    action: Action
    tag: str
    passed: int
    applicable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How a dataset does."""

    lines: tuple[Line, ...]
    """By action type and tag, sorted."""
    misses: tuple[Miss, ...]
    quarantined: int
    """Files of the key from which nothing was exported."""

    def of(self, action: Action) -> tuple[int, int]:
        """Return how many checks of an action type passed, and how many there were."""
        lines = [line for line in self.lines if line.action is action]
        return sum(line.passed for line in lines), sum(line.applicable for line in lines)

    def table(self, *, tags: bool = False) -> str:
        """Return a line for each action type, and if wanted for each of its tags."""
        rows = []
        for action in Action:
            passed, applicable = self.of(action)
            rows.append(f"{action:18}{passed:7} of {applicable:6}")
            if tags:
                lines = [line for line in self.lines if line.action is action]
                rows += [f"    {line.tag:44}{line.passed:7} of {line.applicable:6}" for line in lines]
        return "\n".join(rows)


def score_capture(data: Path, key: Sequence[FileKey], *, logs: Sequence[Path] = ()) -> Score:
    """Compare a captured dataset with an answer key.

    Args:
        data: The dataset.
        key: What is known of each original.
        logs: Further files that leave with it.

    Raises:
        DatasetError: It is no dataset, or damaged.
        CaseError: A picture cannot be decoded.
    """
    dataset = Dataset(data)
    exported: dict[str, list[ImageRecord]] = {file.ordinal: [] for file in key}
    for record in dataset.records():
        origin = origin_of(record)
        if origin:
            exported.setdefault(origin[1], []).append(record)
    left = [file for file in key if exported[file.ordinal]]
    checks: list[tuple[bool, Miss]] = [
        *_removals(dataset, key, logs),
        *(check for file in left for check in _retentions(file, exported[file.ordinal])),
        *_consistencies(left, exported),
        *(check for file in key for check in _pixels(data, file, exported[file.ordinal])),
    ]
    return _score(checks, quarantined=len(key) - len(left))


def _score(checks: Sequence[tuple[bool, Miss]], *, quarantined: int) -> Score:
    counts: dict[tuple[Action, str], list[bool]] = {}
    for passed, check in checks:
        counts.setdefault((check.action, check.tag), []).append(passed)
    lines = (
        Line(action=action, tag=tag, passed=sum(results), applicable=len(results))
        for (action, tag), results in sorted(counts.items())
    )
    misses = (check for passed, check in checks if not passed)
    return Score(lines=tuple(lines), misses=tuple(misses), quarantined=quarantined)


def _removals(dataset: Dataset, key: Sequence[FileKey], logs: Sequence[Path]) -> Iterator[tuple[bool, Miss]]:
    """Look for every value that must be gone. Equal values of several files are found or not together."""
    values = {(each.text, each.kind): each for file in key for each in file.removed}
    numbers = {value: str(number) for number, value in enumerate(values)}
    index = Index(own_words(dataset.manifest.name))
    for value, identifier in values.items():
        index.add(numbers[value], [identifier])
    passages = chain(
        *(passages_of(file) for file in output_files(dataset.path)),
        *(log_passages(number, log) for number, log in enumerate(logs, 1)),
    )
    found = {hit.ordinal for passage in passages for hit in index.find(passage.text, passage.least)}
    for file in key:
        for each in file.removed:
            action = _REMOVALS.get(each.kind, Action.TEXT_REMOVED)
            miss = Miss(action=action, tag=each.tag, ordinal=file.ordinal)
            yield numbers[each.text, each.kind] not in found, miss


def _retentions(file: FileKey, records: Sequence[ImageRecord]) -> Iterator[tuple[bool, Miss]]:
    for wanted in file.retained:
        values = [_value_at(record, wanted.place) for record in records]
        right = all(value is not None if wanted.value is None else value == wanted.value for value in values)
        yield right, Miss(action=wanted.action, tag=wanted.tag, ordinal=file.ordinal)


def _value_at(record: ImageRecord, place: str) -> Any:
    value: Any = record
    for name in place.split("."):
        match value:
            case None:
                return None
            case tuple() as fields if all(isinstance(field, SourceField) for field in fields):
                value = next((field.text for field in fields if field.name == name), None)
            case tuple() as items:
                value = items[int(name)] if int(name) < len(items) else None
            case _:
                value = getattr(value, name)
    match value:
        case Label():
            return str(value.value)
        case Enum():
            return value.value
        case _:
            return value


def _consistencies(
    files: Sequence[FileKey], exported: dict[str, list[ImageRecord]]
) -> Iterator[tuple[bool, Miss]]:
    """Compare every file with every other: what is one in the originals is one in the records too."""
    for tag, action, depth in (
        ("PatientID", Action.PATID_CONSISTENT, 1),
        ("StudyInstanceUID", Action.UID_CONSISTENT, 2),
        ("SeriesInstanceUID", Action.UID_CONSISTENT, 3),
    ):
        known = [(file.patient, file.study, file.series)[:depth] for file in files]
        told = [
            {
                (record.group_id, record.study_id, record.series_id)[:depth]
                for record in exported[file.ordinal]
            }
            for file in files
        ]
        for file, truth, names in zip(files, known, told, strict=True):
            right = all(
                (names == others) == (truth == theirs) for theirs, others in zip(known, told, strict=True)
            )
            yield right and len(names) == 1, Miss(action=action, tag=tag, ordinal=file.ordinal)


def _pixels(data: Path, file: FileKey, records: Sequence[ImageRecord]) -> Iterator[tuple[bool, Miss]]:
    hidden = dict.fromkeys(file.burned_in, True)
    retained = True
    for record in records:
        image = record.image
        if image.path is None or image.crop is None:
            retained = False
            continue
        pixels = decode_image((data / image.path).read_bytes(), image.path)
        number = image.frame_index or 0
        for text in file.burned_in:
            if text.frames is None or number in text.frames:
                hidden[text] &= not _shown(pixels, image.crop.kept_box, text.box).any()
        if file.frames is not None:
            retained &= not any(pixel_faults(pixels, file.frames[number], image.crop))
    for text, is_hidden in hidden.items():
        yield is_hidden, Miss(action=Action.PIXELS_HIDDEN, tag=text.name, ordinal=file.ordinal)
    if records and file.frames is not None:
        yield retained, Miss(action=Action.PIXELS_RETAINED, tag="PixelData", ordinal=file.ordinal)


def _shown(pixels: NDArray[Any], kept: PixelBox, box: PixelBox) -> NDArray[Any]:
    """Return what a picture shows of a box of its frame."""
    x0, y0, x1, y1 = (max(0, edge - origin) for edge, origin in zip(box, kept[:2] * 2, strict=True))
    return pixels[y0:y1, x0:x1]
