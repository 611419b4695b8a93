"""A small dataset of two readers, and the predictions of a model, drawn from phantoms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from tests.toy import make_dataset
from thyrodata.dataset import Dataset
from thyrodata.io.png import encode_png
from thyrodata.phantoms import Phantom, PhantomSpec, phantom
from thyrodata.schema.geometry import Polygon, PolygonPart
from thyrodata.schema.record import Finding, ImageRecord, ImageRef, Label, Read, Reading
from thyrodata.schema.vocab import Basis, Coverage, GroupKind, Modality, Structure, TiradsAcr

__all__ = ["write_predictions", "write_study"]

WIDTH, HEIGHT = 280, 180
MISSED, FLIPPED, SHIFTED = 1, 2, 3
"""The images whose nodule B has not drawn, has graded otherwise, and has drawn elsewhere."""


def write_study(folder: Path, images: int = 8) -> Dataset:
    """Two readers, A and B, who outline and grade nodules and mostly agree; two images of each case."""
    phantoms = [
        phantom(PhantomSpec(seed=seed, width=WIDTH, height=HEIGHT, second_reader=True, margin_text=False))
        for seed in range(images)
    ]
    files = {f"images/{number}.png": encode_png(each.pixels) for number, each in enumerate(phantoms)}
    records = [_record(number, each, files[f"images/{number}.png"]) for number, each in enumerate(phantoms)]
    return make_dataset(folder, records, files)


def _record(number: int, drawn: Phantom, data: bytes) -> ImageRecord:
    return ImageRecord(
        image_id=f"study/{number}",
        image=ImageRef(
            width=WIDTH,
            height=HEIGHT,
            path=f"images/{number}.png",
            sha256=sha256(data).hexdigest(),
            bit_depth=8,
            spacing_mm=(0.1, 0.1),
        ),
        modality=Modality.ULTRASOUND,
        group_id=f"study/{number // 2}",
        group_kind=GroupKind.CASE,
        readings=tuple(Reading(reader=name, coverage=Coverage.COMPLETE) for name in ("A", "B")),
        findings=tuple(_drawn(number, drawn)),
        source=str(number),
    )


def _drawn(number: int, drawn: Phantom) -> Iterator[Finding]:
    for place, nodule in enumerate(drawn.nodules, 1):
        yield _finding("A", place, nodule.outline, TiradsAcr.TR3)
        if number != MISSED:
            shift = WIDTH // 3 if number == SHIFTED else 0
            outline = tuple(((x + shift) % WIDTH, y) for x, y in nodule.second_outline)
            yield _finding("B", place, outline, TiradsAcr.TR4 if number == FLIPPED else TiradsAcr.TR3)


def _finding(reader: str, place: int, outline: tuple[tuple[float, float], ...], grade: TiradsAcr) -> Finding:
    return Finding(
        finding_id=f"{reader}/{place}",
        structure=Structure.NODULE,
        geometries=(Polygon(parts=(PolygonPart(exterior=outline),)),),
        labels=(Label(value=grade, basis=Basis.IMAGING),),
        origin=Read(reader=reader),
    )


def write_predictions(dataset: Dataset, place: Path) -> None:
    """A model that draws the box of each nodule of A's, as a COCO file of polygons with scores."""
    images, annotations = [], []
    for number, record in enumerate(dataset.records(), 1):
        name = Path(record.image.path or "").name
        images.append({"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT})
        for finding in record.findings:
            if finding.origin == Read(reader="A"):
                x, y, w, h = finding.geometries[0].bbox_xywh_px
                ring = [x, y, x + w, y, x + w, y + h, x, y + h]
                annotation = {"id": len(annotations) + 1, "image_id": number, "category_id": 1}
                annotations.append(annotation | {"segmentation": [ring], "score": 0.9, "iscrowd": 0})
    categories = [{"id": 1, "name": "nodule"}]
    place.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
