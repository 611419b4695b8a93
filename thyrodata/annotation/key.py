"""The key: which image each file of a work list is. It stays with the coordinator."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from thyrodata.errors import CaseError

__all__ = ["KEY", "KeyRow", "format_key", "read_key", "rows_sha256"]

KEY = "key.csv"
HEADER = ("reader", "file", "image_id", "sha256")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_AGAIN = "take the key as it was written with the work lists"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """One file of one reader."""

    reader: str
    file: str
    """Its path in the reader's folder. The last part of it is of no other file of any reader."""
    image_id: str
    sha256: str
    """Of the image's file in the dataset."""
    line: int = 0
    """1-based, where it was read from a file."""

    @property
    def name(self) -> str:
        """The last part of the path: what a tool shows."""
        return self.file.rpartition("/")[2]


def format_key(rows: Iterable[KeyRow]) -> bytes:
    """Return the content of ``key.csv``, in the order of the rows."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows((row.reader, row.file, row.image_id, row.sha256) for row in rows)
    return out.getvalue().encode()


def rows_sha256(rows: Iterable[KeyRow]) -> str:
    """Return the SHA-256 of the rows as :func:`format_key` writes them, however they are stored."""
    return sha256(format_key(rows)).hexdigest()


def read_key(text: str, where: str) -> tuple[KeyRow, ...]:
    """Read a key.

    Args:
        text: The file's content.
        where: The file's place, for errors.

    Raises:
        CaseError: It is no key, or a file or an image of a reader is there twice.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[KeyRow] = []
    seen: set[tuple[str, str]] = set()
    try:
        for cells in reader:
            place = f"{where}:{reader.line_num}"
            if reader.line_num == 1:
                _check(tuple(cells) == HEADER, f"the header is not {','.join(HEADER)}", place)
                continue
            _check(len(cells) == len(HEADER), f"a row has {len(cells)} cells", place)
            row = KeyRow(
                reader=cells[0], file=cells[1], image_id=cells[2], sha256=cells[3], line=reader.line_num
            )
            _check(all(cells) and _SHA256.fullmatch(row.sha256) is not None, "a row is damaged", place)
            for what in (("", row.name), (row.reader, row.image_id)):
                _check(what not in seen, f"{what[1]!a} is there twice", place)
                seen.add(what)
            rows.append(row)
    except csv.Error as error:
        raise CaseError(
            f"the key cannot be read: {error}", where=f"{where}:{reader.line_num}", hint=_AGAIN
        ) from None
    _check(bool(rows), "the key has no row", where)
    return tuple(rows)


def _check(whole: bool, what: str, where: str) -> None:
    if not whole:
        raise CaseError(f"this is not the key that was written: {what}", where=where, hint=_AGAIN)
