"""The CSV files of splits and of links."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from thyrodata.dataset import SPLIT_HEADER
from thyrodata.errors import SplitError
from thyrodata.splits.items import PUBLISHED_PART, Assignment, Link, check_cell

__all__ = ["format_csv", "read_links", "read_split_csv"]

_LINKS_HEADER = ("image_id", "cluster")
_CSV_FIELD = r'"[^"]*(?:""[^"]*)*"|[^",]*'
_CSV_LINE = re.compile(rf"(?:{_CSV_FIELD})(?:,(?:{_CSV_FIELD}))*")
_CSV_CELL = re.compile(rf"(?:^|,)({_CSV_FIELD})")


def format_csv(rows: Iterable[Assignment]) -> str:
    r"""Return the text of `splits/<name>.csv`: `image_id,group_id,part`, sorted, lines ending in \n."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(SPLIT_HEADER)
    writer.writerows(sorted((row.image_id, row.group_id, row.part) for row in rows))
    return out.getvalue()


def read_split_csv(text: str, where: str) -> tuple[Assignment, ...]:
    """Read the text of a split's CSV file.

    Args:
        text: The file's content.
        where: The file, as errors name it.

    Returns:
        The assignments sorted by image_id.

    Raises:
        SplitError: The text is not such a file, is empty or cut short, or assigns an image twice.
    """
    rows: dict[str, Assignment] = {}
    for place, (image_id, group_id, part) in _read_rows(text, where, SPLIT_HEADER):
        if image_id in rows:
            raise SplitError(f"image {image_id!r} is assigned twice", where=place)
        if not PUBLISHED_PART.fullmatch(part):
            raise SplitError(f"{part!r} is not the name of a part", where=place)
        rows[image_id] = Assignment(image_id=image_id, group_id=group_id, part=part)
    if not text.endswith("\n"):
        raise SplitError(
            "the last line does not end",
            where=where,
            hint="the file may be cut short; if it is whole, end its last line with a line feed",
        )
    return tuple(rows[image_id] for image_id in sorted(rows))


def read_links(text: str, where: str) -> tuple[Link, ...]:
    """Read a CSV file `image_id,cluster` of images that belong together.

    Args:
        text: The file's content.
        where: The file, as errors name it.

    Returns:
        One link per cluster, by name; its images sorted.

    Raises:
        SplitError: The text is not such a file, is empty, or names an image twice.
    """
    seen: set[str] = set()
    clusters: defaultdict[str, list[str]] = defaultdict(list)
    for place, (image_id, cluster) in _read_rows(text, where, _LINKS_HEADER):
        if image_id in seen:
            raise SplitError(
                f"image {image_id!r} stands twice",
                where=place,
                hint="give each image one row, in one cluster",
            )
        seen.add(image_id)
        clusters[cluster].append(image_id)
    return tuple(Link(cluster=name, image_ids=tuple(sorted(clusters[name]))) for name in sorted(clusters))


def _read_rows(text: str, where: str, header: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    """Yield the place and the cells of every row below the header."""
    lines = text.removesuffix("\n").split("\n")
    if lines[0].removesuffix("\r") != ",".join(header):
        raise SplitError(f"the header is not {','.join(header)}", where=f"{where}:1")
    if len(lines) == 1:
        raise SplitError("there are no rows below the header", where=f"{where}:2")
    for number, line in enumerate(lines[1:], start=2):
        place = f"{where}:{number}"
        row = _cells(line.removesuffix("\r"), place)
        if len(row) != len(header):
            raise SplitError(f"{len(row)} cells instead of {len(header)}", where=place)
        for column, cell in zip(header, row, strict=True):
            check_cell(cell, column, place)
        yield place, row


def _cells(line: str, where: str) -> list[str]:
    """Return the cells of a CSV line (RFC 4180); here no cell goes on in the next line."""
    if not _CSV_LINE.fullmatch(line):
        raise SplitError(
            "quotes stand where CSV does not allow them",
            where=where,
            hint="put the whole cell in double quotes and double those inside it",
        )
    cells: list[str] = _CSV_CELL.findall(line)
    return [cell[1:-1].replace('""', '"') if cell.startswith('"') else cell for cell in cells]
