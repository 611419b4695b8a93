"""What is read of a DICOM file's header: nothing but what capture orders, joins, checks or exports by."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DicomHeader", "UltrasoundRegion"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UltrasoundRegion:
    """An item of SequenceOfUltrasoundRegions (0018,6011), as it stands (DICOM PS3.3 C.8.5.5)."""

    spatial_format: int | None
    """0018,6012: 1 is a 2-D picture."""
    data_type: int | None
    """0018,6014: 1 is tissue, 2 colour flow."""
    box: tuple[int, int, int, int] | None
    """Min X0, Min Y0, Max X1, Max Y1 (0018,6018 to 601E) in pixels, 0-based; whether the maxima are inside
    differs by vendor. ``None`` unless all four are there."""
    units: tuple[int | None, int | None]
    """Physical units along x and y (0018,6024 and 6026): 3 is cm."""
    delta: tuple[float | None, float | None]
    """PhysicalDeltaX and Y (0018,602C and 602E), per pixel; negative on some devices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomHeader:
    """The header of one file. ``None`` is an element that is missing, empty or malformed.

    Texts are stripped of padding, and else verbatim: they identify people, and must not be shown.
    """

    sop_class_uid: str | None
    transfer_syntax_uid: str
    modality: str | None

    # Identity: orders and joins, and never leaves.
    patient_id: str | None
    issuer: str | None
    birth_date: str | None
    study_uid: str | None
    series_uid: str | None
    sop_uid: str | None
    accession_number: str | None
    study_date: str | None
    study_time: str | None
    series_date: str | None
    acquisition_date: str | None
    content_date: str | None
    series_number: int | None
    instance_number: int | None

    # Said of patient and device: leaves once it is validated.
    sex: str | None
    age: str | None
    manufacturer: str | None
    model: str | None
    body_part: str | None
    frame_time_ms: float | None
    lossy: str | None
    regions: tuple[UltrasoundRegion, ...]

    # Pixels.
    photometric: str | None
    rows: int
    """0 where it is missing, as are columns, samples and bits: an object without pixels."""
    columns: int
    frames: int
    """1 where NumberOfFrames is missing, 0 where it is no positive number."""
    samples: int
    """Samples per pixel: 1 or 3 in all that can be decoded."""
    planar: int
    """PlanarConfiguration, 0 where it is missing."""
    bits_allocated: int
    bits_stored: int
    signed: bool
