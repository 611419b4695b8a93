"""Every text in a dataset's folder, by the place where it stands; and the files that should not be there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thyrodata.capture.audit.decoding import decoded_bytes, decoded_text
from thyrodata.capture.audit.pngfile import png_faults
from thyrodata.capture.audit.search import ANY, Least
from thyrodata.dataset import RECORDS_FILE
from thyrodata.io.hashes import list_files
from thyrodata.io.parquet import stream_batches
from thyrodata.io.parquettable import stream_rows
from thyrodata.io.raw import named_file

__all__ = ["OutputFile", "Passage", "faults_of", "log_passages", "output_files", "passages_of"]

PROSE = Least(letters=0, digits=6)
"""Counts and years stand in prose, as short numbers."""

NUMBERS = Least(letters=8, digits=8)
"""Pixels, areas and coordinates are shorter than a date."""

DECODED = Least(letters=6, digits=6)
"""Ordinary words decode to short garbage."""

BINARY = Least(letters=8, digits=8)
"""Compressed bytes hold every short sequence."""

PIECE = 2**20
"""Characters that are searched at once."""

OVERLAP = 512
"""Characters that two pieces share: more than the longest sequence has."""

_LAYOUT = re.compile(
    r"README\.md|manifest\.json|records\.parquet|SHA256SUMS|history\.jsonl"
    r"|images/[PCF][A-Z2-7]{16}(?:/\d+)+(?:-\d+)?\.png"
    r"|annotations/[a-z0-9-]+/(?:[\w%~ -]+/)?[a-z0-9_-]+\.json"  # a reader's folder, percent-encoded
    r"|agreement/[a-z0-9-]+/(?:policy\.yaml|votes\.parquet|shares/\d+-\d+\.png)"
    r"|splits/[a-z0-9-]+\.(?:csv|json)"
    r"|reports/(?:[a-z0-9-]+/)*[a-z0-9_-]+\.(?:jsonl?|csv|md|html|parquet|png|svg)"
)
"""The files of a captured dataset."""

_SHOWN = re.compile(
    r"README\.md|manifest\.json|records\.parquet|SHA256SUMS|history\.jsonl"
    r"|images/[PCF][A-Z2-7]{16}(?:/\d+)+(?:-\d+)?\.png"
    r"|annotations/default/instances_(?:train|val|test)\.json"
    r"|splits/default\.(?:csv|json)"
    r"|reports/(?:capture(?:-audit)?\.jsonl?|clinical\.json|qc\.(?:json|parquet)|skipped\.jsonl)"
)
"""Those whose names are the same in every dataset. Any other name may be a person's, and is not shown."""

_PROSE_NAMES = (".md", ".html")
_TABLE_NAMES = (".json", ".jsonl", ".csv")
_NUMBER = re.compile(r"(?<=[\[:,\s])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?=[\],}\s])")
_TIME = re.compile(r'"time": "\d{4}-\d\d-\d\dT[\d:.+-]{8,24}Z?"')
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """A file of the dataset."""

    place: Path
    path: str
    """Relative to the dataset. Shown only through :attr:`where`: it may be a name."""
    number: int
    """Its place in the sorted listing, from 1."""

    @property
    def expected(self) -> bool:
        """Whether a captured dataset has such a file."""
        return _LAYOUT.fullmatch(self.path) is not None and not self.place.is_symlink()

    @property
    def where(self) -> str:
        """The path, if it is one that tells nothing."""
        return self.path if _SHOWN.fullmatch(self.path) else f"output file {self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A text of the output."""

    where: str
    text: str
    least: Least


def output_files(data: Path) -> tuple[OutputFile, ...]:
    """List the files of a dataset's folder, sorted by path. Links are listed, not followed."""
    return tuple(
        OutputFile(place=data / path, path=path, number=number)
        for number, path in enumerate(list_files(data), 1)
    )


def faults_of(file: OutputFile) -> Iterator[str]:
    """Say what is wrong with a PNG file's form: it must hold an image and nothing else."""
    if file.path.endswith(".png") and not file.place.is_symlink():
        yield from png_faults(file.place.read_bytes())


def passages_of(file: OutputFile) -> Iterator[Passage]:
    """Yield all texts of a file, and its own path, also as far as they are wrapped in other encodings.

    A PNG file that is nothing but an image has no text; of a link there is only its path and target.

    Raises:
        DatasetError: The records cannot be read.
        RawLayoutError: The table of a report cannot be read.
    """
    yield from _text(f"the path of {file.where}", file.path, ANY)
    if file.place.is_symlink():
        yield from _text(f"the target of {file.where}", str(file.place.readlink()), ANY)
    elif file.path.endswith(".parquet"):
        yield from _parquet(file)
    elif not file.expected:
        for text in decoded_bytes(file.place.read_bytes()):
            yield from _text(file.where, text, ANY)
    elif not file.path.endswith(".png"):
        yield from _plain(file)
    elif any(faults_of(file)):
        for text in decoded_bytes(file.place.read_bytes()):
            yield from _pieces(file.where, text, BINARY)


def log_passages(number: int, log: Path) -> Iterator[Passage]:
    """Yield the texts of a log, which is known by its number."""
    for text in decoded_bytes(log.read_bytes()):
        yield from _text(f"log {number}", text, PROSE)


def _plain(file: OutputFile) -> Iterator[Passage]:
    first, *others = decoded_bytes(file.place.read_bytes())
    for text in others:
        yield from _text(file.where, text, BINARY)
    if file.path.endswith(_TABLE_NAMES):
        if file.path == "history.jsonl":
            first = _TIME.sub("", first)  # when the dataset was made, which may be the day of an exam
        numbers = "\n".join(_NUMBER.findall(first))
        yield from _pieces(file.where, numbers, NUMBERS)
        first = _NUMBER.sub("\0", first)
        if "\\u" in first:
            yield from _text(file.where, _ESCAPE.sub(lambda found: chr(int(found[1], 16)), first), ANY)
    yield from _text(file.where, first, PROSE if file.path.endswith(_PROSE_NAMES) else ANY)


def _parquet(file: OutputFile) -> Iterator[Passage]:
    """Yield every string and number by its row, the metadata, and the bytes of the file as they stand."""
    for text in decoded_bytes(file.place.read_bytes()):
        yield from _pieces(f"the bytes of {file.where}", text, BINARY)
    if file.path == RECORDS_FILE:
        yield from _records(file)
    else:
        yield from _table(file)


def _table(file: OutputFile) -> Iterator[Passage]:
    for number, row in enumerate(stream_rows(named_file(file.place)), 1):
        yield from _row(f"{file.where}, row {number}", row)


def _records(file: OutputFile) -> Iterator[Passage]:
    row = 0
    for batch in stream_batches(file.place):
        metadata = batch.schema.metadata or {}
        for key, value in metadata.items():
            for text in (*decoded_bytes(key), *decoded_bytes(value)):
                yield from _text(f"the metadata of {file.where}", text, ANY)
        for values in batch.to_pylist():
            row += 1
            for column, value in values.items():
                yield from _row(f"{file.where}, row {row}, column {column}", value)


def _row(where: str, value: Any) -> Iterator[Passage]:
    strings, numbers = _leaves(value)
    if strings:
        yield from _text(where, "\n".join(strings), ANY)
    if numbers:
        yield Passage(where=where, text="\n".join(numbers), least=NUMBERS)


def _leaves(value: Any) -> tuple[list[str], list[str]]:
    """Return the strings and the numbers in a nested value."""
    strings: list[str] = []
    numbers: list[str] = []
    held = [value]
    while held:
        match held.pop():
            case str(text):
                strings.append(text)
            case bool() | None:
                pass
            case int(number) | float(number):
                numbers.append(str(number))
            case Mapping() as members:
                held += reversed([*members.values()])
            case Sequence() as items:
                held += reversed(items)
    return strings, numbers


def _text(where: str, text: str, least: Least) -> Iterator[Passage]:
    yield from _pieces(where, text, least)
    for inner in decoded_text(text):
        yield from _pieces(where, inner, DECODED)


def _pieces(where: str, text: str, least: Least) -> Iterator[Passage]:
    """Yield a long text in pieces that share some words and cut none."""
    start = 0
    while start < len(text):
        stop = start + PIECE
        while stop < len(text) and text[stop].isalnum():
            stop += 1
        yield Passage(where=where, text=text[start:stop], least=least)
        if stop >= len(text):
            return
        start = max(start + 1, stop - OVERLAP)
        while start < stop and text[start - 1].isalnum():
            start += 1
