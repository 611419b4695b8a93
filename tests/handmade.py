"""Captured datasets written by hand, whole ones and ones that leak: what the audit is tried on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.canaries import SCREEN
from thyrodata.dataset import HISTORY, RECORDS_FILE, seal, write_manifest
from thyrodata.io.journal import append
from thyrodata.io.parquet import batch_of, write_records
from thyrodata.io.png import PngEncoder, encode_png
from thyrodata.schema.manifest import SCHEMA_VERSION, Manifest, Setting, Source
from thyrodata.schema.record import Acquisition, CropLedger, ImageRecord, ImageRef, PixelBox
from thyrodata.schema.vocab import GroupKind, Modality

__all__ = ["PSEUDONYM", "Exported", "cut", "write_captured"]

PSEUDONYM = "PABCDEFGH23456723"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One picture of a captured dataset."""

    pixels: NDArray[np.uint8]
    crop: CropLedger
    ordinal: int = 1
    """Of its original."""
    frame: int | None = None
    pseudonym: str = PSEUDONYM
    study: int = 1
    series: int = 1
    image_name: str = ""
    """Of the file, instead of the one made of the ordinals."""
    fields: dict[str, Any] = field(default_factory=dict)
    """Of the record."""


def cut(shown: NDArray[np.uint8], *, blanked: Sequence[PixelBox] = (), **given: Any) -> Exported:
    """The part of a screen that :data:`tests.canaries.SCREEN` says, with boxes blanked."""
    x0, y0, x1, y1 = SCREEN.box
    whole = shown.copy()
    for left, top, right, bottom in blanked:
        whole[top:bottom, left:right] = 0
    crop = CropLedger(
        source_width=shown.shape[1],
        source_height=shown.shape[0],
        kept_box=(x0, y0, x1 + 1, y1 + 1),
        blanked_boxes=tuple(blanked),
        frame_key="1",
    )
    return Exported(pixels=whole[y0 : y1 + 1, x0 : x1 + 1], crop=crop, **given)


def write_captured(out: Path, exported: Sequence[Exported]) -> Path:
    """Write a dataset as a capture does, from pictures as they are to be."""
    out.mkdir()
    records = [_write(out, number, each) for number, each in enumerate(exported, 1)]
    write_records(out / RECORDS_FILE, [batch_of(records)])
    settings = (Setting(name="frames", value="all"),)
    source = Source(
        card="us_dicom",
        licence="not stated",
        converter="capture",
        settings=settings,
        raw_sha256="0" * 64,
        raw_files_read=len(exported),
        raw_files_skipped=0,
        raw_files_ignored=0,
    )
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        name="us_dicom",
        sources=(source,),
        versions=(),
        encoder="zlib",
        pixel_sha256="0" * 64,
        counts=(),
        skips=0,
    )
    write_manifest(out, manifest)
    (out / "README.md").write_text(f"# Ultrasound\n\n{len(exported)} images; 1024 by 768 pixels at most.\n")
    (out / "splits").mkdir()
    rows = [f"{record.image_id},{record.group_id},train" for record in records]
    (out / "splits" / "default.csv").write_text("\n".join(["image_id,group_id,part", *rows, ""]))
    append(out / HISTORY, {"time": "2026-03-01T10:11:12+00:00", "operation": "capture", "thyrodata": "0"})
    seal(out, {})
    return out


def _write(out: Path, number: int, each: Exported) -> ImageRecord:
    frame = 1 if each.frame is None else each.frame + 1
    ordinals = f"{each.pseudonym}/{each.study}/{each.series}/{number}"
    path = f"images/{each.image_name or f'{ordinals}/{frame}-1'}.png"
    data = encode_png(each.pixels, encoder=PngEncoder.ZLIB)
    (out / path).parent.mkdir(parents=True, exist_ok=True)
    (out / path).write_bytes(data)
    height, width = each.pixels.shape[:2]
    record = ImageRecord(
        image_id=f"us_dicom/{ordinals}/{frame}/1",
        image=ImageRef(
            width=width,
            height=height,
            path=path,
            bit_depth=8 * each.pixels.itemsize,
            sha256=sha256(data).hexdigest(),
            frame_index=each.frame,
            spacing_mm=(0.1, 0.1),
            crop=each.crop,
        ),
        modality=Modality.ULTRASOUND,
        acquisition=Acquisition(manufacturer="Example Devices", model="Scanner One"),
        group_id=f"us_dicom/{each.pseudonym}",
        group_kind=GroupKind.PATIENT,
        study_id=f"us_dicom/{each.pseudonym}/{each.study}",
        series_id=f"us_dicom/{each.pseudonym}/{each.study}/{each.series}",
        source=f"file {each.ordinal}#frame {frame}#region 1",
    )
    return replace(record, **each.fields)
