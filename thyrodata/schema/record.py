"""The image record: everything a source says of one image. ``None`` means that the source does not say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isfinite
from typing import Protocol

from thyrodata.errors import SchemaError
from thyrodata.schema.geometry import Geometry, Mask
from thyrodata.schema.vocab import (
    EDITIONS,
    Basis,
    Coverage,
    GroupKind,
    Location,
    Modality,
    Sex,
    Structure,
    Term,
    ViewPlane,
)

__all__ = [
    "MAX_AGE",
    "Acquisition",
    "AcrPoints",
    "Age",
    "CropLedger",
    "Derived",
    "Finding",
    "ImageRecord",
    "ImageRef",
    "Label",
    "Nodule",
    "OfficialSplit",
    "Origin",
    "Patient",
    "PixelBox",
    "Read",
    "Reading",
    "Remark",
    "Scaling",
    "SourceField",
    "best_coverage",
    "readings_without",
]

PixelBox = tuple[int, int, int, int]
"""x0, y0, x1, y1 in whole pixels; x1 and y1 are the first column and row outside."""

MAX_BIT_DEPTH = 64
MAX_AGE = 130
"""Years. The longest documented life is 122 years."""

_IMAGE_ID = re.compile(r"[a-z0-9][a-z0-9_.-]*/[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


def _check_measure(value: float | None, what: str, *, least: float = 0) -> None:
    if value is not None and not (isfinite(value) and value > least):
        raise SchemaError(f"{what} {value} is not a number above {least:g}")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SchemaError(f"a text is not Unicode: {text!a}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class CropLedger:
    """How an image was cut from a larger frame, so that annotations map both ways.

    Raises:
        SchemaError: The kept box, or a blanked one, is empty or leaves the source frame.
    """

    source_width: int
    source_height: int
    kept_box: PixelBox
    blanked_boxes: tuple[PixelBox, ...] = ()
    """Boxes of the source frame whose pixels were set to zero."""
    frame_key: str
    """Crops of one frame share it."""

    def __post_init__(self) -> None:
        x0, y0, x1, y1 = self.kept_box
        if not (0 <= x0 < x1 <= self.source_width and 0 <= y0 < y1 <= self.source_height):
            size = f"{self.source_width} x {self.source_height}"
            raise SchemaError(f"the kept box {self.kept_box} is not a part of a frame of {size} px")
        for box in self.blanked_boxes:
            if not (0 <= box[0] < box[2] <= self.source_width and 0 <= box[1] < box[3] <= self.source_height):
                raise SchemaError(f"the blanked box {box} is not a part of its frame")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """How an image was resampled from the one that its crop ledger describes; annotations map both ways.

    A point (x, y) of the image before lies at (x * scale_x + offset_x, y * scale_y + offset_y) in this image.

    Raises:
        SchemaError: A size or a scale is not positive, or a number is not finite.
    """

    source_width: int
    """Of the image before, in pixels."""
    source_height: int
    scale_x: float
    """Pixels of this image per pixel before, along a row."""
    scale_y: float
    """Pixels of this image per pixel before, down a column."""
    offset_x: float
    """Where the left edge of the image before lies, in pixels of this image: below zero where it was cut."""
    offset_y: float

    def __post_init__(self) -> None:
        if self.source_width <= 0 or self.source_height <= 0:
            raise SchemaError(f"an image of {self.source_width} x {self.source_height} px has no pixels")
        if not all(isfinite(scale) and scale > 0 for scale in (self.scale_x, self.scale_y)):
            raise SchemaError(f"an image cannot be scaled by {self.scale_x} x {self.scale_y}")
        if not (isfinite(self.offset_x) and isfinite(self.offset_y)):
            raise SchemaError("the offset of a scaled image is not a finite number")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRef:
    """The file that holds an image's pixels.

    Path, sha256 and bit depth are filled once the bytes are written; they stay ``None`` only where a source
    gives annotations without the image.

    Raises:
        SchemaError: A size or the bit depth is not positive, the path leaves the dataset, or the hash is
            not one.
    """

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    path: str | None = None
    """Relative to the dataset's folder, with forward slashes."""
    bit_depth: int | None = None
    """Bits per sample as stored in the file."""
    sha256: str | None = None
    """Of the file's bytes, lower-case hexadecimal."""
    frame_index: int | None = None
    """The 0-based frame of a clip."""
    spacing_mm: tuple[float, float] | None = None
    """Distance between pixel centres down a column and along a row (y, x), in mm."""
    crop: CropLedger | None = None
    """How it was cut from a larger frame, before any scaling."""
    scaling: Scaling | None = None
    """How `derive` resampled what the crop ledger describes."""

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise SchemaError(f"an image of {self.width} x {self.height} px has no pixels")
        if self.path is not None:
            parts = self.path.split("/")
            if "" in parts or "." in parts or ".." in parts or _CONTROL.search(self.path):
                raise SchemaError(f"{self.path!r} is not a path inside the dataset")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise SchemaError("an image's sha256 is not 64 lower-case hexadecimal digits")
        if self.bit_depth is not None and not 0 < self.bit_depth <= MAX_BIT_DEPTH:
            raise SchemaError(f"a bit depth of {self.bit_depth} is none")
        if self.frame_index is not None and self.frame_index < 0:
            raise SchemaError(f"frame index {self.frame_index} is negative")
        if self.spacing_mm is not None and not all(isfinite(s) and s > 0 for s in self.spacing_mm):
            raise SchemaError(f"pixel spacing {self.spacing_mm} mm is not positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """How the image was made.

    Raises:
        SchemaError: A time or spacing is not positive, or the window is empty.
    """

    manufacturer: str | None = None
    model: str | None = None
    probe: str | None = None
    view_plane: ViewPlane | None = None
    lossy: bool | None = None
    """Whether the pixels went through lossy compression before the source published them."""
    frame_time_ms: float | None = None
    window_hu: tuple[float, float] | None = None
    """CT display window, low and high, in Hounsfield units."""
    slice_spacing_mm: float | None = None

    def __post_init__(self) -> None:
        _check_measure(self.frame_time_ms, "frame time (ms)")
        _check_measure(self.slice_spacing_mm, "slice spacing (mm)")
        if self.window_hu is not None:
            low, high = self.window_hu
            if not (isfinite(low) and isfinite(high) and low < high):
                raise SchemaError(f"the window {low} to {high} HU is empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """An age in whole years.

    Raises:
        SchemaError: It is negative, or higher than anybody's: a birth year, perhaps.
    """

    years: int
    at_least: bool = False
    """True for a top-coded age: "90+" is ``Age(years=90, at_least=True)``."""

    def __post_init__(self) -> None:
        if not 0 <= self.years <= MAX_AGE:
            raise SchemaError(f"nobody is {self.years} years old")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What the source says of the person."""

    sex: Sex | None = None
    age: Age | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One term that somebody said, of the thing whose ``labels`` hold it.

    Raises:
        SchemaError: The scheme has no such edition.
    """

    value: Term
    edition: str | None = None
    """The scheme's edition, by year, where the source states it."""
    basis: Basis | None = None
    reader: str | None = None

    def __post_init__(self) -> None:
        if self.edition is not None and self.edition not in EDITIONS.get(self.value.scheme, ()):
            raise SchemaError(f"{self.value.scheme} has no edition {self.edition!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AcrPoints:
    """Points of the ACR TI-RADS lexicon (Tessler et al., J Am Coll Radiol 2017;14:587-595, figure 1).

    Raises:
        SchemaError: A number is not one that the lexicon gives.
    """

    composition: int | None = None
    echogenicity: int | None = None
    shape: int | None = None
    margin: int | None = None
    echogenic_foci: int | None = None
    """The sum over the kinds of foci present, 0-6."""

    def __post_init__(self) -> None:
        allowed = {
            "composition": range(3),
            "echogenicity": range(4),
            "shape": (0, 3),
            "margin": (0, 2, 3),
            "echogenic_foci": range(7),
        }
        for name, points in allowed.items():
            value = getattr(self, name)
            if value is not None and value not in points:
                raise SchemaError(f"ACR TI-RADS gives no {value} points for {name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceField:
    """A name and a text of the source, verbatim, that no operation reads.

    Raises:
        SchemaError: One of them is not Unicode.
    """

    name: str
    text: str

    def __post_init__(self) -> None:
        _check_text(self.name)
        _check_text(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodule:
    """What is said of a nodule as a clinical thing, outlined or not.

    Raises:
        SchemaError: There are more than three sizes, or one is not positive.
    """

    nodule_id: str
    location: Location | None = None
    size_mm: tuple[float | None, ...] = ()
    """Up to three axes in mm, in the source's own order, ``None`` for one that it leaves out."""
    labels: tuple[Label, ...] = ()
    points: AcrPoints | None = None
    source_fields: tuple[SourceField, ...] = ()

    def __post_init__(self) -> None:
        if len(self.size_mm) > 3:  # noqa: PLR2004 -- a body has three axes
            raise SchemaError(f"nodule {self.nodule_id!r} has {len(self.size_mm)} sizes; at most three")
        if not all(size is None or (isfinite(size) and size > 0) for size in self.size_mm):
            raise SchemaError(f"a size of nodule {self.nodule_id!r} is not positive: {self.size_mm} mm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The finding was drawn by a reader, ``None`` where the source does not name one."""

    reader: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """The finding was computed from others by a named policy."""

    policy: str
    from_ids: tuple[str, ...]


Origin = Read | Derived
"""Where a finding comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One structure as drawn, by one reader or one policy.

    Raises:
        SchemaError: It has no geometry, or two of one class, or the score is not a number.
    """

    finding_id: str
    structure: Structure
    geometries: tuple[Geometry, ...]
    """Drawings of the same thing, at most one per class."""
    labels: tuple[Label, ...] = ()
    score: float | None = None
    crowd: bool = False
    """One drawing of several things that nobody told apart (``iscrowd`` of COCO)."""
    nodule_id: str | None = None
    """Links the drawing to a nodule, only where the source does."""
    origin: Origin = Read()
    source_fields: tuple[SourceField, ...] = ()

    def __post_init__(self) -> None:
        if not self.geometries:
            raise SchemaError(f"finding {self.finding_id!r} has no geometry")
        if len(self.geometries) > 1 and len({type(g) for g in self.geometries}) != len(self.geometries):
            raise SchemaError(f"finding {self.finding_id!r} has two geometries of one class")
        if self.score is not None and not isfinite(self.score):
            raise SchemaError(f"the score of finding {self.finding_id!r} is not a number")

    def geometry(self, *classes: type[Geometry]) -> Geometry | None:
        """Return the geometry of the first of these classes that the finding has."""
        for wanted in classes:
            for geometry in self.geometries:
                if isinstance(geometry, wanted):
                    return geometry
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """That a reader looked at the image, and what the absence of a finding by that reader means."""

    reader: str | None = None
    role: str | None = None
    """As the source words it: "radiologist", "resident"."""
    coverage: Coverage | None = None


def best_coverage(readings: Iterable[Reading]) -> Coverage | None:
    """Return the best coverage of any reading; ``NONE`` only if every reading says so, or there is none.

    An image that nobody read says as little as one that a reader left without an outline.
    """
    stated = {reading.coverage for reading in readings}
    for coverage in (Coverage.COMPLETE, Coverage.PARTIAL, None):
        if coverage in stated:
            return coverage
    return Coverage.NONE


class Drawn(Protocol):
    """A finding, or what is read of one."""

    @property
    def structure(self) -> Structure:
        """See :class:`Finding`."""

    @property
    def origin(self) -> Origin:
        """See :class:`Finding`."""


def readings_without(readings: tuple[Reading, ...], lost: Iterable[Drawn]) -> tuple[Reading, ...]:
    """Return the readings of an image from which findings were removed.

    A reading whose outline is gone covers its image only in part from now on: otherwise the image would be
    taken to show nothing where the outline was. Of an outline that a policy derived, that is every reading
    which covers anything. A marker is no finding of a reading.
    """
    origins = [finding.origin for finding in lost if finding.structure is not Structure.MARKER]
    everyone = any(not isinstance(origin, Read) for origin in origins)
    readers = {origin.reader for origin in origins if isinstance(origin, Read)}
    return tuple(
        replace(reading, coverage=Coverage.PARTIAL)
        if (everyone or reading.reader in readers) and reading.coverage is not Coverage.NONE
        else reading
        for reading in readings
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialSplit:
    """The part that a published split gives the image. ``name`` is empty where there is only one split.

    Raises:
        SchemaError: A name is not lower-case letters, digits and hyphens.
    """

    name: str = ""
    part: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.part) or (self.name and not _NAME.fullmatch(self.name)):
            raise SchemaError(f"official split {self.name!r} or its part {self.part!r} is not a plain name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What the source lost or left doubtful. Not an error, never silent.

    Raises:
        SchemaError: The code is not lower-case letters, digits and hyphens, or the text not Unicode.
    """

    code: str
    text: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.code):
            raise SchemaError(f"remark code {self.code!r} is not lower-case letters, digits and hyphens")
        _check_text(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecord:
    """One image (a still, a frame of a clip, or a CT key slice) and all that the source says of it.

    Raises:
        SchemaError: An id is malformed or repeated, a finding names a reader who has no reading or a nodule
            that is not there, a reading that covers nothing has a finding, or a mask is not of the image's
            size.
    """

    image_id: str
    """``namespace/name``, unique and stable: ``ddti/12_1``."""
    image: ImageRef
    modality: Modality
    acquisition: Acquisition | None = None
    group_id: str
    """The published identity this image belongs to, in the same namespace."""
    group_kind: GroupKind
    """What that identity is of."""
    patient: Patient | None = None
    study_id: str | None = None
    series_id: str | None = None
    nodules: tuple[Nodule, ...] = ()
    case_labels: tuple[Label, ...] = ()
    """Said of the case or patient, not of this image or of any outline in it."""
    image_labels: tuple[Label, ...] = ()
    readings: tuple[Reading, ...] = ()
    findings: tuple[Finding, ...] = ()
    official_splits: tuple[OfficialSplit, ...] = ()
    source_fields: tuple[SourceField, ...] = ()
    remarks: tuple[Remark, ...] = ()
    source: str
    """The file and the place in it that a person would open: ``12.xml#mark[1]``."""

    def __post_init__(self) -> None:
        for name in (self.image_id, self.group_id):
            if not _IMAGE_ID.fullmatch(name):
                raise SchemaError(f"{name!r} is not an id of the form namespace/name")
        if self.findings:
            self._check_findings()
        self._check_unique("reader", [reading.reader for reading in self.readings])
        self._check_unique("nodule", [nodule.nodule_id for nodule in self.nodules])
        self._check_unique("official split", [split.name for split in self.official_splits])

    def _check_unique(self, what: str, names: list[str] | list[str | None]) -> None:
        if len(names) > 1 and len(set(names)) != len(names):
            raise SchemaError(f"{self.image_id} names a {what} twice")

    def _check_findings(self) -> None:
        self._check_unique("finding", [finding.finding_id for finding in self.findings])
        coverage = {reading.reader: reading.coverage for reading in self.readings}
        nodules = {nodule.nodule_id for nodule in self.nodules}
        for finding in self.findings:
            if finding.nodule_id is not None and finding.nodule_id not in nodules:
                raise self._odd(finding, "names a nodule that the record does not have")
            if isinstance(finding.origin, Read):
                reader = finding.origin.reader
                if reader not in coverage:
                    raise self._odd(finding, f"is by {reader!r}, who has no reading")
                if coverage[reader] is Coverage.NONE and finding.structure is not Structure.MARKER:
                    raise self._odd(finding, "belongs to a reading that covers nothing")
            for geometry in finding.geometries:
                if isinstance(geometry, Mask) and (geometry.height, geometry.width) != (
                    self.image.height,
                    self.image.width,
                ):
                    raise self._odd(finding, "has a mask of another size than its image")

    def _odd(self, finding: Finding, what: str) -> SchemaError:
        return SchemaError(f"finding {finding.finding_id!r} of {self.image_id} {what}")

    @property
    def coverage(self) -> Coverage | None:
        """The best coverage of any reading: see :func:`best_coverage`."""
        return best_coverage(self.readings)
