"""The table of lesions on CT slices that DeepLesion publishes (``DL_info.csv``), and the slices themselves.

A row is a lesion; several lesions on a slice are several rows. Cells of several numbers are quoted, with a
comma and a space between two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from thyrodata.errors import CaseError, RawLayoutError
from thyrodata.io.raw import RawFile, RawImage
from thyrodata.io.tables import Row, Table, read_table
from thyrodata.schema.geometry import Box, Calipers
from thyrodata.schema.record import MAX_AGE, Age
from thyrodata.schema.vocab import Sex

__all__ = [
    "Lesion",
    "LesionSlice",
    "neighbour_paths",
    "read_lesion",
    "read_lesion_slice",
    "read_lesion_table",
    "read_slice_image",
    "rows_by_slice",
    "slice_path",
]

_OF_SLICE = (
    "Patient_index",
    "Study_index",
    "Series_ID",
    "Key_slice_index",
    "Slice_range",
    "Spacing_mm_px_",
    "Image_size",
    "DICOM_windows",
    "Patient_gender",
    "Patient_age",
    "Train_Val_Test",
)
"""What a row says of its slice: the rows of one slice agree on it."""
_OF_LESION = (
    "Measurement_coordinates",
    "Bounding_boxes",
    "Lesion_diameters_Pixel_",
    "Normalized_lesion_location",
    "Coarse_lesion_type",
    "Possibly_noisy",
)
_COLUMNS = ("File_name", *_OF_SLICE, *_OF_LESION)

_FILE_NAME = re.compile(r"([0-9]{6}_[0-9]{2}_[0-9]{2})_([0-9]{3})\.png")
_WHOLE = r"[0-9]{1,6}"
_INDEX, _PAIR = re.compile(_WHOLE), re.compile(rf"({_WHOLE}), *({_WHOLE})")
_SIZE = re.compile(r"([1-9][0-9]{0,5}), *([1-9][0-9]{0,5})")
_NUMBER = r"-?[0-9]{1,9}(?:\.[0-9]{1,17})?(?:e[-+]?[0-9]{1,2})?"
_NUMBERS = {count: re.compile(", *".join(count * [_NUMBER])) for count in (2, 3, 4, 8)}
_AGE = re.compile(r"[0-9]{1,3}")
_SEXES = {"F": Sex.FEMALE, "M": Sex.MALE}
_PARTS = {"1": "train", "2": "val", "3": "test"}
_NOT_SAID = frozenset({"", "NaN"})
_PADDING = 5
"""Pixels. A published box is the extent of the measurement with so many on each side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionSlice:
    """What rows say of the slice that they are of; ``None`` where they say nothing that is understood."""

    series: str
    """Patient, study and series: ``000001_01_01``."""
    number: str
    """Of the slice in its series: ``109``."""
    patient_index: int
    study_index: int
    series_index: int
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    spacing_mm: tuple[float, float, float]
    """Along x and y, and between slices (their interval, not their thickness)."""
    window_hu: tuple[float, float] | None
    """CT display window, low and high, in Hounsfield units."""
    sex: Sex | None
    age: Age | None
    part: str | None
    """Of the official split, by patient: train, val or test."""
    not_understood: tuple[str, ...]
    """The columns that say something else than their scale has."""
    repeats: tuple[str, ...]
    """Which rows are the same as an earlier one: one lesion measured once, or two of one measure."""
    ended: bool
    """Whether the line of its last row has an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesion:
    """How a lesion is drawn, in continuous pixels."""

    box: Box
    calipers: Calipers
    apart_px: float
    """How far an edge of the box is from where the calipers put it."""


def read_lesion_table(file: RawFile) -> Table:
    """Read the table.

    Raises:
        CaseError: The file cannot be read.
        RawLayoutError: It is no table, or has not the columns of the release or others as well.
    """
    table = read_table(file, _COLUMNS, ends=False)
    unknown = [column for column in table.columns if column not in _COLUMNS]
    if unknown:
        raise RawLayoutError(
            f"the table has a column that the release has not: {unknown[0]!r}",
            where=f"{file}:1",
            hint="copy the table again from the release",
        )
    return table


def rows_by_slice(table: Table) -> Mapping[str, list[int]]:
    """Return the 0-based rows of each file name, in the order of the table.

    A row that is too short is of the slice that its first cells name, so that it costs no other.
    """
    place = table.columns.index("File_name")
    found: dict[str, list[int]] = {}
    for index, row in enumerate(table.rows):
        found.setdefault(row.cells[place] if place < len(row.cells) else "", []).append(index)
    return found


def slice_path(name: str) -> str:
    """Return where an image lies, which is not where the table says; empty if the name is none of a slice."""
    parts = _FILE_NAME.fullmatch(name)
    return f"Images_png/{parts[1]}/{parts[2]}.png" if parts else ""


def neighbour_paths(row: Row, path: str, count: int) -> Iterator[str]:
    """Return where the slices lie that were published on each side of a key slice, up to so many.

    Args:
        row: A row of the key slice.
        path: Where the key slice lies.
        count: Slices on each side.
    """
    published = _PAIR.fullmatch(row["Slice_range"]) if len(row.cells) == len(row.columns) else None
    if path and published:
        folder, _, name = path.rpartition("/")
        key = int(name.removesuffix(".png"))
        first, last = max(key - count, int(published[1])), min(key + count, int(published[2]))
        yield from (f"{folder}/{number:03d}.png" for number in range(first, last + 1))


def read_lesion_slice(rows: Sequence[Row]) -> LesionSlice:
    """Read which slice some rows are of.

    Raises:
        CaseError: A row is broken, or contradicts itself or another.
    """
    first = rows[0]
    name = _FILE_NAME.fullmatch(first["File_name"])
    indices = [first[column] for column in ("Patient_index", "Study_index", "Series_ID", "Key_slice_index")]
    if not name or not all(map(_INDEX.fullmatch, indices)):
        raise _bad(first, "File_name", "no name of patient_study_series_slice.png with its four indices")
    patient, study, series, number = map(int, indices)
    if [patient, study, series, number] != [int(part) for part in f"{name[1]}_{name[2]}".split("_")]:
        raise _bad(first, "File_name", f"not of patient, study, series, slice {', '.join(indices)}")
    _check_agreement(rows)
    size = _SIZE.fullmatch(first["Image_size"])
    if not size:
        raise _bad(first, "Image_size", "not two whole numbers of pixels")
    across, down, between = _numbers(first, "Spacing_mm_px_", 3)
    window, sex = _window(first["DICOM_windows"]), _SEXES.get(first["Patient_gender"])
    age, part = _age(first["Patient_age"]), _PARTS.get(first["Train_Val_Test"])
    read = {"DICOM_windows": window, "Patient_gender": sex, "Patient_age": age, "Train_Val_Test": part}
    odd = [column for column, value in read.items() if value is None and first[column] not in _NOT_SAID]
    return LesionSlice(
        series=name[1],
        number=name[2],
        patient_index=patient,
        study_index=study,
        series_index=series,
        width=int(size[1]),  # all images are square: which comes first, the release does not show
        height=int(size[2]),
        spacing_mm=(across, down, between),
        window_hu=window,
        sex=sex,
        age=age,
        part=part,
        not_understood=tuple(odd),
        repeats=tuple(_repeats(rows)),
        ended=rows[-1].ended,
    )


def _check_agreement(rows: Sequence[Row]) -> None:
    first, *others = rows
    for row in others:
        for column in _OF_SLICE:
            if row[column] != first[column]:
                raise _bad(
                    row, column, f"not the {first[column]!r} of {first.where}, which is of the same slice"
                )


def _repeats(rows: Sequence[Row]) -> Iterator[str]:
    seen: dict[tuple[str, ...], Row] = {}
    for row in rows:
        first = seen.setdefault(row.cells, row)
        if first is not row:
            yield f"{row.where} is the same as {first.where}"


def read_lesion(row: Row) -> Lesion:
    """Read how a lesion is drawn.

    Raises:
        CaseError: The row is broken, or its box ends before it begins.
    """
    # Published coordinates are 1-based. The authors' own loaders subtract 1 and take what is left as
    # continuous pixels, and so does this. If 1.0 was meant as the centre of the first pixel, it would be 0.5
    # here and all lie half a pixel further on; the release does not say.
    x1, y1, x2, y2 = (value - 1 for value in _numbers(row, "Bounding_boxes", 4))
    ends = [value - 1 for value in _numbers(row, "Measurement_coordinates", 8)]
    if x2 < x1 or y2 < y1:
        raise _bad(row, "Bounding_boxes", "a box that ends before it begins")
    a, b, c, d = zip(ends[::2], ends[1::2], strict=True)
    calipers = Calipers(long=(a, b), short=(c, d))
    x, y, width, height = calipers.bbox_xywh_px
    apart = (
        x - _PADDING - x1,
        y - _PADDING - y1,
        x + width + _PADDING - x2,
        y + height + _PADDING - y2,
    )
    box = Box(x=x1, y=y1, width=x2 - x1, height=y2 - y1)
    return Lesion(box=box, calipers=calipers, apart_px=max(map(abs, apart)))


def read_slice_image(file: RawFile, of: LesionSlice) -> RawImage:
    """Read a slice: 16-bit grey, whose pixels are Hounsfield units + 32768.

    Raises:
        CaseError: It is broken, windowed to 8 bits, or of another size than its row says.
    """
    image = file.image()
    header = image.header
    if (header.width, header.height) != (of.width, of.height):
        raise CaseError(
            f"the image has {header.width} x {header.height} pixels; its row says {of.width} x {of.height}",
            where=str(file),
            hint="find out which is right: the boxes are in pixels",
        )
    if (header.bit_depth, header.channels) != (16, 1):
        raise CaseError(
            f"the image has {header.channels} channels of {header.bit_depth} bits, not one of 16",
            where=str(file),
            hint="copy it from the release: a windowed copy has lost the Hounsfield units",
        )
    return image


def _numbers(row: Row, column: str, count: int) -> tuple[float, ...]:
    if not _NUMBERS[count].fullmatch(row[column]):
        raise _bad(row, column, f"not {count} numbers")
    return tuple(map(float, row[column].split(",")))


def _window(text: str) -> tuple[float, float] | None:
    low, high = map(float, text.split(",")) if _NUMBERS[2].fullmatch(text) else (0.0, 0.0)
    return (low, high) if low < high else None


def _age(text: str) -> Age | None:
    return Age(years=int(text)) if _AGE.fullmatch(text) and int(text) <= MAX_AGE else None


def _bad(row: Row, column: str, why: str) -> CaseError:
    text = row[column] if len(row[column]) <= 60 else f"{row[column][:60]}..."  # noqa: PLR2004 -- a line
    return CaseError(f"{column} {text!r} is {why}", where=row.where, hint="compare the row with the release")
