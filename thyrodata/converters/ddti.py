"""DDTI, the Digital Database of Thyroid Images, version 1.

Pedraza et al., "An open access thyroid ultrasound image database", Proc SPIE 9287 (2015),
doi 10.1117/12.2073532. A flat folder: a case file ``N.xml`` per case and its images ``N_k.jpg``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from thyrodata.errors import CaseError, RawLayoutError
from thyrodata.io.images import IMAGE_SUFFIXES
from thyrodata.io.raw import Raw, RawFile, RawImage, at_most_one
from thyrodata.io.regions import Region, read_regions
from thyrodata.io.xml import Element, parse_xml, texts
from thyrodata.sample import FileBytes, Sample
from thyrodata.schema.geometry import Line, Point, Polygon, PolygonPart
from thyrodata.schema.record import (
    MAX_AGE,
    Age,
    Finding,
    ImageRecord,
    Label,
    Patient,
    Reading,
    Remark,
    SourceField,
)
from thyrodata.schema.vocab import SCHEMES, Coverage, GroupKind, Modality, Sex, Structure

__all__ = ["Ddti", "DdtiCase"]

SVG_LIMIT = 2500
"""The release stores at most so many characters of an outline's text, and cuts the rest (8 cases)."""

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_NAME = re.compile(rf"({_NUMBER.pattern})(?:_({_NUMBER.pattern}))?")
_AGE = re.compile(r"[0-9]{1,3}")
_SEX = {"F": Sex.FEMALE, "M": Sex.MALE}  # 15 cases say "u", which the release does not explain
_SCHEME_OF_TAG = {
    "composition": "ddti-composition",
    "echogenicity": "ddti-echogenicity",
    "margins": "ddti-margins",
    "calcifications": "ddti-calcifications",
    "tirads": "tirads-kwak",  # its values 2, 3, 4a, 4b, 4c, 5 are those of Kwak 2011
}
_LABELS = {
    tag: {str(term.value): Label(value=term) for term in SCHEMES[scheme]}
    for tag, scheme in _SCHEME_OF_TAG.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DdtiCase:
    """The files that carry one case number."""

    number: str
    files: tuple[RawFile, ...]

    def __str__(self) -> str:
        """Return the case file's name."""
        return f"{self.number}.xml"


class Ddti:
    """Reads DDTI version 1. It publishes cases, not patients."""

    name: ClassVar[str] = "ddti"
    ignores: ClassVar[Mapping[str, str]] = {}

    def items(self, raw: Raw) -> Iterator[DdtiCase]:
        """List the cases by number.

        Raises:
            RawLayoutError: No file of the folder is named like a case file.
        """
        cases: dict[str, list[RawFile]] = {}
        for file in raw.files:
            suffix = file.suffix
            name = _NAME.fullmatch(file.path[: -len(suffix)]) if suffix else None
            if name and suffix in (IMAGE_SUFFIXES if name[2] else {".xml"}):
                cases.setdefault(name[1], []).append(file)
        if not any(file.suffix == ".xml" for files in cases.values() for file in files):
            below = {
                str(file).rpartition("/")[0]
                for file in raw.files
                if file.suffix == ".xml" and _NAME.fullmatch(file.stem)
            }
            perhaps = f": perhaps {raw.root / min(below)}" if below else ""
            raise RawLayoutError(
                "no case files (1.xml, 2.xml, ...) lie in the folder",
                where=str(raw.root),
                hint=f"give the folder of the release that holds N.xml beside N_k.jpg{perhaps}",
            )
        for number in sorted(cases, key=int):
            yield DdtiCase(number=number, files=tuple(cases[number]))

    def samples(self, item: DdtiCase) -> Iterator[Sample]:
        """Read a case file and its images.

        Raises:
            CaseError: The case file is missing, broken or of another case, or it and the images do not fit.
        """
        xml = _one(item, [file for file in item.files if file.suffix == ".xml"], f"case file {item}")
        where = str(xml)
        root = parse_xml(xml.read(), where)
        said = _said(item.number, texts(root, where, nested={"mark"}), where)
        marks = _marks(root, where)
        images: dict[str, list[RawFile]] = {number: [] for number in marks}
        for file in item.files:
            if file is not xml:
                images.setdefault(file.stem.partition("_")[2], []).append(file)
        if not images:
            raise CaseError("the case has no image", where=where, hint="copy it again from the release")
        for number in sorted(images, key=int):
            file = _one(item, images[number], f"image {item.number}_{number}.jpg")
            yield _sample(file.image(), item.number, said, marks.get(number), where)


def _one(item: DdtiCase, files: list[RawFile], what: str) -> RawFile:
    file = at_most_one(files, what)
    if file is None:
        raise CaseError(f"{what} is missing", where=str(item), hint="copy it again from the release")
    return file


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What a case file says of the case, and so of none of its images in particular."""

    patient: Patient | None
    labels: tuple[Label, ...]
    source_fields: tuple[SourceField, ...]
    remarks: tuple[Remark, ...]


def _said(number: str, texts: Mapping[str, str], where: str) -> _Said:
    fields = {tag: text.strip() for tag, text in texts.items()}
    if fields.pop("number", None) != number:
        raise CaseError(
            "the case number in the file is not that of its name",
            where=where,
            hint="its name and its <number> must agree: find out which is right",
        )
    labels, homeless, remarks = [], [], []
    sex, age = fields.pop("sex", ""), fields.pop("age", "")
    years = int(age) if _AGE.fullmatch(age) and int(age) <= MAX_AGE else None
    if sex and sex not in _SEX:
        homeless.append(SourceField(name="sex", text=sex))
    if age and years is None:
        homeless.append(SourceField(name="age", text=age))
        remarks.append(Remark(code="value-not-understood", text=f"age {age!r} is not an age in years"))
    for tag, text in fields.items():
        known = _LABELS.get(tag)
        label = known.get(text) if known else None
        if label:
            labels.append(label)
        elif text:
            homeless.append(SourceField(name=tag, text=text))
            if known:
                said = f"{tag} {text!r} is not of its scale"
                remarks.append(Remark(code="value-not-understood", text=said))
    patient = Patient(sex=_SEX.get(sex), age=None if years is None else Age(years=years))
    return _Said(
        patient=None if patient == Patient() else patient,
        labels=tuple(labels),
        source_fields=tuple(homeless),
        remarks=tuple(remarks),
    )


def _marks(root: Element, where: str) -> dict[str, tuple[int, str]]:
    """Return the 1-based position and the outline's text of each mark, by the number of its image."""
    marks: dict[str, tuple[int, str]] = {}
    for position, mark in enumerate(root.iterfind("mark"), 1):
        fields = texts(mark, where)
        image = fields.get("image", "").strip()
        if set(fields) != {"image", "svg"} or not _NUMBER.fullmatch(image):
            raise CaseError(
                f"mark {position} has not one image number and one svg",
                where=f"{where}:{mark.sourceline}",
                hint="compare the file with the release",
            )
        if image in marks:
            raise CaseError(
                f"two marks are of image {image}",
                where=f"{where}:{mark.sourceline}",
                hint="compare the file with the release",
            )
        marks[image] = (position, fields["svg"])
    return marks


def _sample(image: RawImage, number: str, said: _Said, mark: tuple[int, str] | None, where: str) -> Sample:
    width, height = image.header.width, image.header.height
    if mark:
        place = f"{where}#mark[{mark[0]}]"
        findings, remarks = _findings(mark[1], width, height, place)
    else:
        place, findings = where, ()
        remarks = [Remark(code="image-without-mark", text=f"no mark of {where} is of {image.file.name}")]
    # Whole outlines say nothing of other nodules in the image: its coverage is then not stated.
    # Where there are none, an arrow says no more than an empty svg does.
    cut = any(remark.code == "outline-cut" for remark in remarks)
    outlined = any(finding.structure is Structure.NODULE for finding in findings)
    coverage = Coverage.PARTIAL if cut else None if outlined else Coverage.NONE
    record = ImageRecord(
        image_id=f"ddti/{image.file.stem}",
        image=image.ref(),
        modality=Modality.ULTRASOUND,
        group_id=f"ddti/{number}",
        group_kind=GroupKind.CASE,
        patient=said.patient,
        case_labels=said.labels,
        readings=(Reading(coverage=coverage),),
        findings=findings,
        source_fields=said.source_fields,
        remarks=(*remarks, *said.remarks),
        source=place,
    )
    return Sample(record=record, pixels=FileBytes(image=image))


def _findings(svg: str, width: int, height: int, where: str) -> tuple[tuple[Finding, ...], list[Remark]]:
    """Return the outlines and arrows of a mark, and what is lost or odd about them."""
    if not svg.strip():
        return (), []
    read = read_regions(svg, SVG_LIMIT, where)
    remarks = [Remark(code="outline-cut", text=read.lost)] if read.lost else []
    for index, region in enumerate(read.regions, 1):
        outside = _outside(region.points, width, height)
        if outside:
            text = f"region {index}: {outside} points lie outside the {width} x {height} px image"
            remarks.append(Remark(code="outside-image", text=text))
    return tuple(_finding(region, index) for index, region in enumerate(read.regions, 1)), remarks


def _outside(points: Sequence[Point], width: int, height: int) -> int:
    xs, ys = map(sorted, zip(*points, strict=True)) if points else ([0], [0])
    if xs[0] >= 0 and xs[-1] <= width and ys[0] >= 0 and ys[-1] <= height:  # nearly always
        return 0
    return sum(not (0 <= x <= width and 0 <= y <= height) for x, y in points)


def _finding(region: Region, index: int) -> Finding:
    # Vertices are whole pixels and kept as given; most outlines are open, the last edge being implied.
    # An arrow was drawn by the annotator to point at something: it is no outline of anything.
    outline = region.kind == "freehand"
    points = region.points
    return Finding(
        finding_id=str(index),
        structure=Structure.NODULE if outline else Structure.MARKER,
        geometries=(Polygon(parts=(PolygonPart(exterior=points),)) if outline else Line(points=points),),
        source_fields=tuple(SourceField(name=name, text=text) for name, text in region.notes),
    )
