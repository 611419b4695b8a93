"""Small datasets written from given records, for tests of what reads, splits and exports datasets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from thyrodata.conversion import convert
from thyrodata.dataset import MANIFEST, RECORDS_FILE, Dataset, seal, write_manifest
from thyrodata.demo import write_release
from thyrodata.io.parquet import batch_of, stream_as, write_records
from thyrodata.partition import write_splits
from thyrodata.schema.geometry import Geometry
from thyrodata.schema.manifest import SCHEMA_VERSION, Manifest
from thyrodata.schema.record import Finding, ImageRecord, ImageRef, Label, Reading
from thyrodata.schema.vocab import GroupKind, Modality, Structure, TiradsKwak
from thyrodata.survey import Glance, Survey

__all__ = ["converted_release", "finding", "graded", "make_dataset", "record"]


def converted_release(folder: Path, *, cases: int = 24) -> Path:
    """Convert a synthetic release of DDTI, written for it, into ``folder / "ddti"``."""
    (folder / "raw").mkdir()
    write_release(folder / "raw", cases=cases)
    convert("ddti", folder / "raw", folder / "ddti")
    return folder / "ddti"


def make_dataset(
    folder: Path, records: Iterable[ImageRecord], images: Mapping[str, bytes] | None = None
) -> Dataset:
    """Write records, the images they name and the splits they publish as a dataset, and open it."""
    files = images or {}
    folder.mkdir()
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    write_records(folder / RECORDS_FILE, [batch_of(records)])
    survey = Survey(stream_as(folder / RECORDS_FILE, Glance))
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        name="toy",
        sources=(),
        versions=(),
        pixel_sha256=sha256().hexdigest(),
        counts=survey.counts,
        skips=0,
    )
    write_manifest(folder, manifest)
    assert (folder / MANIFEST).exists()
    write_splits(Dataset(folder), survey, folder)
    seal(folder, {})
    return Dataset(folder)


def record(
    name: str,
    *findings: Finding,
    group: str | None = None,
    image: bytes | None = None,
    readings: Sequence[Reading] = (Reading(),),
    **fields: Any,
) -> ImageRecord:
    """A record of a 16 x 12 px image that one unnamed reader looked at, unless told otherwise."""
    return ImageRecord(
        image_id=f"toy/{name}",
        image=ImageRef(
            width=16,
            height=12,
            path=None if image is None else f"images/{name}.jpg",
            sha256=None if image is None else sha256(image).hexdigest(),
        ),
        modality=Modality.ULTRASOUND,
        group_id=f"toy/{group or name}",
        group_kind=fields.pop("group_kind", GroupKind.CASE),
        readings=tuple(readings),
        findings=findings,
        source=name,
        **fields,
    )


def finding(
    finding_id: str, *geometries: Geometry, structure: Structure = Structure.NODULE, **fields: Any
) -> Finding:
    """A drawing of a nodule by the unnamed reader, unless told otherwise."""
    return Finding(finding_id=finding_id, structure=structure, geometries=geometries, **fields)


def graded(grade: str | None) -> tuple[Label, ...]:
    """The labels that say a TI-RADS of Kwak's, or nothing."""
    return () if grade is None else (Label(value=TiradsKwak(grade)),)
