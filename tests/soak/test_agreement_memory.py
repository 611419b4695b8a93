"""A report on ten times the images needs hardly more memory: images and their pixels are not kept."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.toy import make_dataset
from thyrodata.io.masks import encode_mask
from thyrodata.schema.geometry import Mask
from thyrodata.schema.record import Finding, ImageRecord, ImageRef, Label, Read, Reading
from thyrodata.schema.vocab import Coverage, GroupKind, Modality, Structure, TiradsAcr

pytestmark = pytest.mark.soak

WIDTH, HEIGHT = 560, 360
FEW, MANY = 1_000, 10_000
GROWTH_KIB = 64 * 2**10
SHAPES = 200
"""Pairs of outlines that differ; the images take them by turns."""

REPORT = """
import json, resource, sys, thyrodata
made = thyrodata.report_agreement([sys.argv[1]], sys.argv[2], worst=12)
(pair,) = made.agreement.pairs
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"matched": len(pair.columns), "peak_kib": peak}))
"""


def outline(x: float, y: float, a: float, b: float) -> Mask:
    """An ellipse with five lobes."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    angle = np.arctan2(rows - y, columns - x)
    edge = 1 + 0.08 * np.sin(5 * angle + x)
    return encode_mask(((columns - x) / a) ** 2 + ((rows - y) / b) ** 2 < edge**2)


def pairs() -> list[tuple[Mask, Mask]]:
    draw = np.random.default_rng(0)
    found = []
    for _ in range(SHAPES):
        x, y, a, b = draw.uniform((150, 100, 30, 25), (400, 260, 90, 70))
        moved = x + draw.normal(0, 4), y + draw.normal(0, 4), a * draw.uniform(0.9, 1.1), b
        found.append((outline(x, y, a, b), outline(*moved)))
    return found


def records(images: int, shapes: list[tuple[Mask, Mask]]) -> Iterator[ImageRecord]:
    for k in range(images):
        grades = TiradsAcr.TR3, TiradsAcr.TR4 if k % 7 == 0 else TiradsAcr.TR3
        findings = tuple(
            Finding(
                finding_id=f"{reader}/1",
                structure=Structure.NODULE,
                geometries=(mask,),
                labels=(Label(value=grade),),
                origin=Read(reader=reader),
            )
            for reader, mask, grade in zip("AB", shapes[k % SHAPES], grades, strict=True)
        )
        yield ImageRecord(
            image_id=f"big/{k:06d}",
            image=ImageRef(width=WIDTH, height=HEIGHT),
            modality=Modality.ULTRASOUND,
            group_id=f"big/{k // 3:06d}",
            group_kind=GroupKind.PATIENT,
            readings=tuple(Reading(reader=reader, coverage=Coverage.COMPLETE) for reader in "AB"),
            findings=findings,
            source=str(k),
        )


def peak_kib(folder: Path, images: int, shapes: list[tuple[Mask, Mask]]) -> int:
    """The most memory that a process of its own held while it reported."""
    data, out = folder / f"data-{images}", folder / f"report-{images}"
    make_dataset(data, records(images, shapes))
    done = subprocess.run(
        [sys.executable, "-c", REPORT, data, out], capture_output=True, text=True, check=True
    )
    said = json.loads(done.stdout)
    assert said["matched"] == images
    return int(said["peak_kib"])


def test_ten_times_the_image_pairs_need_hardly_more_memory(tmp_path: Path) -> None:
    shapes = pairs()
    few, many = (peak_kib(tmp_path, images, shapes) for images in (FEW, MANY))
    assert many - few < GROWTH_KIB, (few, many)
