"""Reads the Thyroid Ultrasound Cine-clip set of Stanford AIMI, doi 10.71718/7m5n-rh16.

``dataset.hdf5`` holds the frames of all clips and a mask for each, ``metadata.csv`` a row per nodule.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import groupby
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from thyrodata.converters._values import Values
from thyrodata.errors import CaseError, RawLayoutError, SchemaError
from thyrodata.io.hdf5 import Hdf5File, open_hdf5
from thyrodata.io.masks import encode_mask
from thyrodata.io.raw import Raw, RawFile
from thyrodata.io.tables import Row, read_table
from thyrodata.sample import Encode, Sample
from thyrodata.schema import record, vocab
from thyrodata.schema.record import AcrPoints, ImageRecord, Label, Nodule, Remark
from thyrodata.schema.vocab import Location

__all__ = ["StanfordCine", "StanfordFrames"]

FRAMES_FILE, TABLE_FILE = "dataset.hdf5", "metadata.csv"

MAX_FRAMES = 16
MAX_PIXELS_AT_ONCE = 2**24
"""The most that an item holds, so that a clip of any length is read in the same memory."""

_SIZES = ("size_x", "size_y", "size_z")
_POINTS = {
    f"ti-rads_{name.replace('_', '')}": name
    for name in ("composition", "echogenicity", "shape", "margin", "echogenic_foci")
}
_OF_PATIENT = ("sex", "age")
_OF_NODULE = ("location", *_SIZES, *_POINTS, "ti-rads_level", "histopath_diagnosis")
_ANNOT_ID = re.compile(r"([0-9]{1,9})_?")  # b"103_" in the one file, 103_ in the other
_FRAME_NUM = re.compile(r"[0-9]{1,9}")
_WHOLE = re.compile(r"([0-9]{1,3})(?:\.0+)?")  # "52.0" is how a column with a gap in it is often written
_CM = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,6})?")
_SEX = {"Female": vocab.Sex.FEMALE, "Male": vocab.Sex.MALE}
_LOCATION = {"left": Location.LEFT_LOBE, "right": Location.RIGHT_LOBE, "isthmus": Location.ISTHMUS}
_MALIGNANCY = {"0": vocab.Malignancy.BENIGN, "1": vocab.Malignancy.MALIGNANT}
_LEVEL_OF_SUM = {0: 1, 2: 2, 3: 3, 4: 4, 5: 4, 6: 4} | dict.fromkeys(range(7, 19), 5)
"""Of points; a sum of one has no level (Tessler et al., J Am Coll Radiol 2017;14:587-595, figure 1)."""
_COMPARE = "compare the file with the release"


@dataclass(frozen=True, slots=True, kw_only=True)
class StanfordFrames:
    """Some consecutive frames of a nodule; none, for a nodule that only the table has."""

    files: tuple[RawFile, ...]
    """The file of the frames, and the table."""
    nodule: str
    start: int
    """The first frame's place in the file, from 0."""
    frames: tuple[tuple[int, int], ...]
    """Each frame's ``frame_num``, and how often the nodule has had that number, with this frame."""
    rows: tuple[Row, ...]
    """The rows of the nodule."""

    def __str__(self) -> str:
        """Return the file and the places in it, or the row."""
        last = self.start + len(self.frames) - 1
        return f"{self.files[0]}#{self.start}-{last}" if self.frames else self.rows[0].where


class StanfordCine:
    """Reads Stanford's cine clips: the release names 192 nodules, and none of the 167 patients."""

    name: ClassVar[str] = "stanford_cine"
    ignores: ClassVar[Mapping[str, str]] = {}

    def items(self, raw: Raw) -> Iterator[StanfordFrames]:
        """List the frames in the order of the file, at most 16 together, then the rows without a frame.

        Raises:
            RawLayoutError: A file of the two is missing, cut or corrupt, or is not laid out as published.
        """
        files = tuple(file for name in (FRAMES_FILE, TABLE_FILE) for file in raw.files if file.path == name)
        if len(files) < 2:  # noqa: PLR2004 -- two files
            raise RawLayoutError(
                f"{FRAMES_FILE} and {TABLE_FILE} do not both lie in the folder",
                where=str(raw.root),
                hint="give the folder of the release that holds the one beside the other",
            )
        rows: dict[str, list[Row]] = {}
        for row in read_table(files[1], ("annot_id", *_OF_PATIENT, *_OF_NODULE), ends=False).rows:
            rows.setdefault(_nodule_of(row), []).append(row)
        with open_hdf5(files[0]) as opened:
            nodules, numbers, at_once = _listing(opened, str(files[0]))
        times: Counter[tuple[str, int]] = Counter()
        stop = 0
        for nodule, run in groupby(nodules):
            start, stop = stop, stop + sum(1 for _ in run)
            for first in range(start, stop, at_once):
                frames = []
                for number in numbers[first : min(first + at_once, stop)]:
                    times[nodule, number] += 1
                    frames.append((number, times[nodule, number]))
                said = tuple(rows.get(nodule, ()))
                yield StanfordFrames(files=files, nodule=nodule, start=first, frames=tuple(frames), rows=said)
        framed = set(nodules)
        for nodule, them in rows.items():
            if nodule not in framed:
                yield StanfordFrames(files=files, nodule=nodule, start=0, frames=(), rows=tuple(them))

    def samples(self, item: StanfordFrames) -> Iterator[Sample]:
        """Read some frames, their masks, and what is said of their nodule.

        Raises:
            CaseError: The nodule has no frame, or not one row; or a frame cannot be read, or its mask holds
                other values than 0 and 255.
        """
        file, table = item.files
        if item.frames and item.start == 0:
            file.hash()  # with one item for all: the file is too large to be read whole for each
        if len(item.rows) != 1 or not item.frames:
            raise CaseError(
                f"nodule {item.nodule[:40]} has {len(item.rows)} rows in {TABLE_FILE}, and "
                f"{len(item.frames) or 'no'} frames in {FRAMES_FILE}",
                where=item.rows[-1].where if item.rows else str(table),
                hint="the release has one row for each nodule, and frames: compare both files with it",
            )
        cells = Values({name: item.rows[0][name] for name in item.rows[0] if name != "annot_id"})
        patient = record.Patient(sex=cells.read("sex", _SEX.get), age=cells.read("age", _age))
        nodule = _nodule(item.nodule, cells)
        with open_hdf5(file) as opened:
            stop = item.start + len(item.frames)
            images, masks = (opened.frames(name, item.start, stop) for name in ("image", "mask"))
        for offset, (number, time) in enumerate(item.frames):
            place = f"{file}#{item.start + offset}"
            findings = _findings(item.nodule, masks[offset], place)
            height, width = images[offset].shape
            name, remarks = f"{item.nodule}/{number}", list(cells.remarks)
            if time > 1:
                name += f"_{time}"
                text = f"frame {time} of those that have the number {number} in nodule {item.nodule}"
                remarks.insert(0, Remark(code="frame-number-repeated", text=text))
            if not findings:
                remarks.append(Remark(code="mask-empty", text="nothing is drawn in the frame's mask"))
            frame = ImageRecord(
                image_id=f"{self.name}/{name}",
                image=record.ImageRef(width=width, height=height, frame_index=number),
                modality=vocab.Modality.ULTRASOUND,
                group_id=f"{self.name}/{item.nodule}",
                group_kind=vocab.GroupKind.NODULE,
                patient=patient if patient != record.Patient() else None,
                series_id=item.nodule,
                nodules=(nodule,),
                # That nothing is drawn in a frame does not say that it shows nothing.
                readings=(record.Reading(coverage=None if findings else vocab.Coverage.NONE),),
                findings=findings,
                source_fields=cells.homeless(_OF_PATIENT),
                remarks=tuple(remarks),
                source=place,
            )
            yield Sample(record=frame, pixels=Encode(array=images[offset], path=f"{name}.png"))


def _nodule_of(row: Row) -> str:
    """Return the number in a row's annot_id, or else its text, which is that of no frame."""
    at = row.columns.index("annot_id")  # by place: a row that is broken elsewhere is still of its nodule
    text = row.cells[at].strip() if at < len(row.cells) else ""
    number = _ANNOT_ID.fullmatch(text)
    return str(int(number[1])) if number else repr(text)


def _listing(opened: Hdf5File, where: str) -> tuple[list[str], list[int], int]:
    """Return the nodule and the number of every frame, and how many frames to read at once."""
    count, height, width = opened.stack_shape("image", "mask")
    ids = [text.decode("latin-1") for text in opened.strings("annot_id", count)]
    numbers = [text.decode("latin-1") for text in opened.strings("frame_num", count)]
    for place, (annot_id, number) in enumerate(zip(ids, numbers, strict=True)):
        if not (_ANNOT_ID.fullmatch(annot_id) and _FRAME_NUM.fullmatch(number)):
            text = f"annot_id {annot_id!r} or frame_num {number!r} is no number"
            raise RawLayoutError(text, where=f"{where}#{place}", hint=_COMPARE)
    at_once = max(1, min(MAX_FRAMES, MAX_PIXELS_AT_ONCE // (height * width)))
    return [str(int(annot_id.rstrip("_"))) for annot_id in ids], list(map(int, numbers)), at_once


def _nodule(number: str, cells: Values) -> Nodule:
    """Return what a row says of the nodule; the points are compared with the level, and both are kept."""
    location = cells.read("location", _LOCATION.get)
    sizes = tuple(cells.read(name, _mm) for name in _SIZES)
    points = {name: cells.read(column, partial(_points, name)) for column, name in _POINTS.items()}
    level = cells.read("ti-rads_level", lambda text: _whole(text) if _whole(text) in range(1, 6) else None)
    malignancy = cells.read("histopath_diagnosis", lambda text: _MALIGNANCY.get(str(_whole(text))))
    given = [value for value in points.values() if value is not None]
    expected = _LEVEL_OF_SUM.get(sum(given)) if len(given) == len(points) else None
    if level and expected and level != expected:
        text = f"the points sum to {sum(given)}, which is TR{expected}, but the level is TR{level}"
        cells.remarks.append(Remark(code="level-disagrees", text=f"{text}: both are kept"))
    labels = [Label(value=vocab.TiradsAcr(f"TR{level}"))] if level else []
    labels += [Label(value=malignancy, basis=vocab.Basis.HISTOLOGY)] if malignancy else []
    return Nodule(
        nodule_id=number,
        location=location,
        size_mm=sizes if any(sizes) else (),
        labels=tuple(labels),
        points=AcrPoints(**points) if given else None,
        source_fields=cells.homeless(but=_OF_PATIENT),
    )


def _age(text: str) -> record.Age | None:
    years = _whole(text)
    return None if years is None or years > record.MAX_AGE else record.Age(years=years)


def _mm(text: str) -> float | None:
    # The table is in centimetres. In decimal: 0.57 cm are 5.7 mm, and not 5.699999999999999.
    return float(10 * Decimal(text)) or None if _CM.fullmatch(text) else None


def _whole(text: str) -> int | None:
    found = _WHOLE.fullmatch(text)
    return int(found[1]) if found else None


def _points(feature: str, text: str) -> int | None:
    value = _whole(text)
    try:
        AcrPoints(**{feature: value})
    except SchemaError:  # no number that the lexicon gives for the feature
        return None
    return value


def _findings(nodule: str, mask: NDArray[np.uint8], place: str) -> tuple[record.Finding, ...]:
    foreground = mask == 255  # noqa: PLR2004 -- the release has 0 and 255
    if np.count_nonzero(foreground) != np.count_nonzero(mask):
        other = mask[(mask != 0) & ~foreground][0]
        text = f"the mask holds the value {other}, where the release has 0 and 255 only"
        raise CaseError(text, where=place, hint=_COMPARE)
    if not foreground.any():
        return ()
    # The frame's annot_id is the nodule's: so much of a link the release states.
    drawn, structure = (encode_mask(foreground),), vocab.Structure.NODULE
    return (record.Finding(finding_id="1", structure=structure, geometries=drawn, nodule_id=nodule),)
