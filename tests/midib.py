"""A synthetic scanner's export with planted identities, and the answer key to what must become of it.

Stills and clips, grey, RGB, YBR and palette, native, RLE, JPEG, JPEG-LS and JPEG 2000, dual regions, text in
the margin, in the picture, and typed in the middle of a clip; several studies and series of each patient,
ages around the top code, and a clinical table.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tests.burnedin import SCRIPTS, script_font
from tests.canaries import UNSEARCHABLE, Canary, tissue, word, write_canaries
from tests.dicoms import (
    BASELINE,
    BIG_ENDIAN,
    EXPLICIT,
    IMPLICIT,
    JPEG2000_LOSSLESS,
    JPEGLS,
    RLE,
    Palette,
    Region,
    write_dicom,
)
from thyrodata.capture.audit.answers import Action, BurnedIn, FileKey, Retained
from thyrodata.capture.audit.model import Identifier, Kind
from thyrodata.schema.record import PixelBox

__all__ = ["SHOTS", "Midib", "Shot", "add_canaries", "key_of_canaries", "write_midib"]

HEIGHT, WIDTH = 360, 480
LEFT, RIGHT = Region(box=(30, 60, 229, 329)), Region(box=(240, 60, 439, 329))
WHOLE = Region(box=(30, 60, 439, 329))

AGES = ("045Y", "089Y", "090Y", "102Y", "006M")
TOP_AGE = 90

_KINDS = {"PN": Kind.NAME, "DA": Kind.DATE, "DT": Kind.DATE, "TM": Kind.TIME, "UI": Kind.UID, "AS": Kind.AGE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A kind of file: how it is written, and what stands in its pixels."""

    name: str
    syntax: str
    frames: int = 1
    colour: str = "grey"
    """``grey``, ``rgb``, ``ybr`` or ``palette``."""
    regions: tuple[Region, ...] = (WHOLE,)
    text: str = "margin"
    """``margin``, ``picture`` or ``typed``, from the third frame on."""
    level: int = 255
    """Grey level of the text."""
    script: str = ""
    """Of a name in the picture; empty for the patient's id."""

    @property
    def lossy(self) -> bool:
        """Whether the decoded pixels are not those that were encoded."""
        return self.colour == "ybr"


SHOTS = (
    Shot(name="grey still", syntax=EXPLICIT),
    Shot(name="text in the picture", syntax=IMPLICIT, text="picture"),
    Shot(name="rgb still", syntax=RLE, colour="rgb", text="picture"),
    Shot(name="ybr still", syntax=BASELINE, colour="ybr"),
    Shot(name="palette still", syntax=EXPLICIT, colour="palette", text="picture"),
    Shot(name="dual view", syntax=BIG_ENDIAN, regions=(LEFT, RIGHT)),
    Shot(name="clip", syntax=JPEGLS, frames=6),
    Shot(name="text typed mid-clip", syntax=JPEG2000_LOSSLESS, frames=8, text="typed"),
    Shot(name="faint text", syntax=EXPLICIT, text="picture", level=150),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Midib:
    """An export and its answer key."""

    raw: Path
    clinical: Path
    clinical_map: Path
    key: tuple[FileKey, ...]
    boxes: dict[str, tuple[PixelBox, ...]]
    """The regions of each file, by its ordinal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Study:
    patient: int
    number: int

    @property
    def seed(self) -> int:
        return 10 * self.patient + self.number

    @property
    def day(self) -> date:
        return date(2011, 5, 3) + timedelta(days=37 * self.seed)

    @property
    def days_to_biopsy(self) -> int:
        return 5 + 3 * self.patient


def write_midib(folder: Path, *, patients: int = 5, studies: int = 2, shots: Sequence[Shot] = SHOTS) -> Midib:
    """Write an export of patients with some studies, each with a file of every shot, in two series."""
    key: list[FileKey] = []
    boxes: dict[str, tuple[PixelBox, ...]] = {}
    rows = []
    for patient in range(patients):
        for number in range(studies):
            study = _Study(patient=patient, number=number)
            rows.append(_clinical_row(study))
            for shot_number, shot in enumerate(shots):
                ordinal = str(len(key) + 1)
                home = folder / "raw" / f"{patient:03d} {word(9000 + patient)}" / f"{number}"
                home.mkdir(parents=True, exist_ok=True)
                path = home / f"{shot_number:02d}_{word(8000 + 100 * study.seed + shot_number)}.dcm"
                key.append(_write(path, ordinal, study, shot_number, shot))
                regions = [region.box for region in shot.regions]
                boxes[ordinal] = tuple((x0, y0, x1 + 1, y1 + 1) for x0, y0, x1, y1 in regions)
    clinical, clinical_map = folder / "clinical.csv", folder / "clinical.yaml"
    with clinical.open("w", newline="") as stream:
        csv.writer(stream).writerows([("id", "accession", "biopsy", "cytology"), *rows])
    clinical_map.write_text(
        "patient: id\nstudy: accession\nbiopsy_date: biopsy\n"
        "labels:\n  - {column: cytology, scheme: bethesda, of: case, basis: cytology}\n"
    )
    return Midib(
        raw=folder / "raw", clinical=clinical, clinical_map=clinical_map, key=tuple(key), boxes=boxes
    )


def key_of_canaries(ordinal: str, canaries: tuple[Canary, ...]) -> FileKey:
    """The key to a file that :func:`tests.canaries.write_canaries` has written: all of it must be gone."""
    removed = tuple(
        Identifier(text=canary.value, kind=_KINDS.get(canary.vr, Kind.TEXT), tag=canary.place)
        for canary in canaries
        if canary.vr not in UNSEARCHABLE and canary.place != "pixels"
    )
    name = f"canaries {ordinal}"
    return FileKey(ordinal=ordinal, patient=name, study=name, series=name, removed=removed)


def add_canaries(midib: Midib, files: int) -> Midib:
    """The same export with files behind its own that hold a canary in every place."""
    key = list(midib.key)
    for number in range(files):
        folder = midib.raw / f"{900 + number}"
        canaries = write_canaries(folder, seed=number, first=11_000 + 1000 * number)
        key.append(key_of_canaries(str(len(key) + 1), canaries))
    return Midib(
        raw=midib.raw,
        clinical=midib.clinical,
        clinical_map=midib.clinical_map,
        key=tuple(key),
        boxes=midib.boxes,
    )


def _clinical_row(study: _Study) -> tuple[str, str, str, str]:
    biopsy = study.day + timedelta(days=study.days_to_biopsy)
    return (_patient_id(study.patient), _accession(study), biopsy.isoformat(), _bethesda(study))


def _birth_date(study: _Study) -> date:
    """A day that makes the patient as old as the header says, at each of the first studies."""
    age = AGES[study.patient % len(AGES)]
    first = _Study(patient=study.patient, number=0).day
    days = 190 if age.endswith("M") else int(int(age[:3]) * 365.2425) + 30
    return first - timedelta(days=days)


def _bethesda(study: _Study) -> str:
    return ("II", "III", "IV", "V", "VI")[study.patient % 5]


def _patient_id(patient: int) -> str:
    return f"MR{6_130_007 + 13 * patient}"


def _accession(study: _Study) -> str:
    return f"AC{42_700_001 + 17 * study.seed}"


def _elements(study: _Study, shot_number: int) -> dict[str | tuple[int, int], Any]:
    """What is planted in a header: all of it must be gone."""
    patient, seed = study.patient, study.seed
    series = shot_number % 2
    day = study.day.strftime("%Y%m%d")
    return {
        "PatientName": f"{word(patient).title()}^{word(100 + patient).title()}",
        "PatientID": _patient_id(patient),
        "OtherPatientNames": f"{word(200 + patient).title()}^{word(300 + patient).title()}",
        "PatientBirthDate": _birth_date(study).strftime("%Y%m%d"),
        "PatientAddress": f"{word(400 + patient)} street, {word(500 + patient)}",
        "PatientComments": f"mother of {word(600 + patient)}, seen in {word(700 + patient)}",
        "AccessionNumber": _accession(study),
        "StudyID": word(1000 + seed),
        "StudyDate": day,
        "SeriesDate": day,
        "AcquisitionDate": day,
        "ContentDate": day,
        "AcquisitionDateTime": f"{day}1{seed % 10}2731.5",
        "StudyTime": f"1{seed % 10}2731",
        "StudyDescription": f"thyroid {word(1200 + seed)}",
        "SeriesDescription": f"{word(1400 + seed)} left",
        "InstitutionName": f"{word(1600 + seed)} clinic",
        "InstitutionalDepartmentName": word(1800 + seed),
        "ReferringPhysicianName": f"{word(2000 + seed).title()}^{word(2200 + seed).title()}",
        "PerformingPhysicianName": f"{word(2400 + seed).title()}^{word(2600 + seed).title()}",
        "OperatorsName": f"{word(2800 + seed).title()}",
        "StationName": word(3000 + seed).upper(),
        "DeviceSerialNumber": f"SN{880_000_000 + 31 * seed}",
        "ProtocolName": word(3200 + seed),
        "ImageComments": f"{word(3400 + seed)} {word(3600 + seed)}",
        "StudyInstanceUID": f"1.2.826.0.1.3680043.9.{71_000_000 + seed}.{day}.1",
        "SeriesInstanceUID": f"1.2.826.0.1.3680043.9.{72_000_000 + 10 * seed + series}.{day}.2",
        "SOPInstanceUID": f"1.2.826.0.1.3680043.9.{73_000_000 + 100 * seed + shot_number}.{day}.3",
        (0x0099, 0x1001): ("LO", word(3800 + seed)),
        (0x0099, 0x1002): ("UN", word(4000 + seed).encode()),
    }


_VR = {"Date": Kind.DATE, "DateTime": Kind.DATE, "Time": Kind.TIME, "Name": Kind.NAME, "UID": Kind.UID}
_TEXT_NAMES = ("InstitutionName", "InstitutionalDepartmentName", "StationName", "ProtocolName")


def _identifier(key: str | tuple[int, int], held: Any) -> Identifier:
    tag = key if isinstance(key, str) else f"({key[0]:04X},{key[1]:04X})"
    value = held[1] if isinstance(held, tuple) else held
    text = value.decode() if isinstance(value, bytes) else str(value)
    ends = [kind for end, kind in _VR.items() if tag.endswith((end, end.removesuffix("Name") + "Names"))]
    kind = ends[-1] if ends and tag not in _TEXT_NAMES else Kind.TEXT
    return Identifier(text=text, kind=kind, tag=tag)


def _write(path: Path, ordinal: str, study: _Study, shot_number: int, shot: Shot) -> FileKey:
    elements = _elements(study, shot_number)
    age = AGES[study.patient % len(AGES)]
    shown = {
        "PatientAge": age,
        "PatientSex": "FM"[study.patient % 2],
        "Manufacturer": "Canon Medical Systems",
        "ManufacturerModelName": "Aplio i800",
        "SeriesNumber": 1 + shot_number % 2,
        "InstanceNumber": 1 + shot_number,
    }
    frames, burned_in = _picture(study, shot_number, shot)
    written = frames[0] if shot.frames == 1 else frames
    palette = Palette(colours=np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1))
    private = {(0x0099, 0x0010): ("LO", "TEST")}
    write_dicom(
        path,
        written,
        transfer_syntax=shot.syntax,
        palette=palette if shot.colour == "palette" else None,
        regions=shot.regions,
        elements={**private, **elements, **shown},
        lossy=shot.lossy,
        quality=95,
    )
    names = [
        Identifier(text=part, kind=Kind.TEXT, tag="file name") for part in (path.stem, path.parents[1].name)
    ]
    series = str(shot_number % 2)
    return FileKey(
        ordinal=ordinal,
        patient=str(study.patient),
        study=str(study.seed),
        series=series,
        removed=(*(_identifier(name, held) for name, held in elements.items()), *names),
        retained=tuple(_retained(study, shot, age)),
        burned_in=burned_in,
        frames=None if shot.lossy else _decoded(frames, shot),
    )


def _decoded(frames: NDArray[np.uint8], shot: Shot) -> NDArray[np.uint8]:
    """The frames as a viewer shows them: an index of the palette is a grey of three channels."""
    return np.repeat(frames[..., None], 3, axis=-1) if shot.colour == "palette" else frames


def _retained(study: _Study, shot: Shot, age: str) -> list[Retained]:
    years = 0 if age.endswith("M") else min(int(age[:3]), TOP_AGE)
    tags: dict[str, tuple[str, Any]] = {
        "Manufacturer": ("acquisition.manufacturer", "Canon"),
        "ManufacturerModelName": ("acquisition.model", "Aplio i800"),
        "PatientSex": ("patient.sex", ("female", "male")[study.patient % 2]),
        "PatientAge": ("patient.age.years", years),
        "PatientAge, top-coded": ("patient.age.at_least", years == TOP_AGE),
        "Modality": ("modality", "ultrasound"),
        "Rows": ("image.crop.source_height", HEIGHT),
        "Columns": ("image.crop.source_width", WIDTH),
        "PhysicalDeltaX": ("image.spacing_mm", (0.1, 0.1)),
        "LossyImageCompression": ("acquisition.lossy", shot.lossy),
    }
    if shot.frames > 1:
        tags["FrameTime"] = ("acquisition.frame_time_ms", 40.0)
    texts = {
        "BodyPartExamined": ("source_fields.BodyPartExamined", "THYROID"),
        "Bethesda": ("case_labels.0", f"bethesda/{_bethesda(study)}"),
    }
    filled = ("group_id", "study_id", "series_id", "source", "image.path", "image.sha256")
    days = Retained(
        tag="DaysFromExamToBiopsy",
        action=Action.DATE_SHIFTED,
        place="source_fields.DaysFromExamToBiopsy",
        value=str(study.days_to_biopsy),
    )
    return [
        *(_retain(tag, Action.TAG_RETAINED, *said) for tag, said in tags.items()),
        *(_retain(tag, Action.TEXT_RETAINED, *said) for tag, said in texts.items()),
        *(_retain(place, Action.TEXT_NOTNULL, place, None) for place in filled),
        days,
    ]


def _retain(tag: str, action: Action, place: str, value: Any) -> Retained:
    return Retained(tag=tag, action=action, place=place, value=value)


def _picture(study: _Study, shot_number: int, shot: Shot) -> tuple[NDArray[np.uint8], tuple[BurnedIn, ...]]:
    """Return the frames and what is burned into them: the name in the margin, and what the shot says."""
    frames = np.zeros((shot.frames, HEIGHT, WIDTH), np.uint8)
    for region in shot.regions:
        x0, y0, x1, y1 = region.box
        frames[:, y0 : y1 + 1, x0 : x1 + 1] = tissue(
            100 * study.seed + shot_number, y1 - y0 + 1, x1 - x0 + 1, shot.frames
        )
    behind = frames.copy()
    name = f"{word(study.patient)} {word(100 + study.patient)}".upper()
    boxes = [_burn(frames, name, (40, 16), 255, range(shot.frames), "")]
    burned = [BurnedIn(box=boxes[0], name="margin")]
    if shot.text != "margin":
        stands = range(2, shot.frames) if shot.text == "typed" else range(shot.frames)
        text = SCRIPTS[shot.script][0] if shot.script else _patient_id(study.patient)
        box = _burn(frames, text, (90, 150), shot.level, stands, shot.script)
        x0, y0, x1, y1 = box
        contrast = (shot.level - int(np.median(behind[stands.start, y0:y1, x0:x1]))) // 20 * 20
        burned.append(
            BurnedIn(box=box, name=f"{shot.script or shot.text}, contrast from {contrast}", frames=stands)
        )
    if shot.colour in ("rgb", "ybr"):
        frames = np.repeat(frames[..., None], 3, axis=-1)
        frames[..., 2] //= 2  # a yellow screen
    return frames, tuple(burned)


def _burn(
    frames: NDArray[np.uint8], text: str, at: tuple[int, int], level: int, stands: range, script: str
) -> PixelBox:
    """Burn a text into frames, and return the box of its ink."""
    ink = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(ink).text(at, text, fill=255, font=script_font(script, 18))
    coverage = np.asarray(ink).astype(np.float32) / 255
    for number in stands:
        frames[number] = (frames[number] * (1 - coverage) + level * coverage).round().astype(np.uint8)
    rows, columns = np.nonzero(coverage)
    return (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
