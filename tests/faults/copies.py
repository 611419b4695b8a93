"""Faults of images that show one picture, and of splits, one for each rule of TD3."""

from __future__ import annotations

from typing import Any

from tests.faults.labels import BENIGN, MALIGNANT
from tests.faults.model import Fault, image_record, nodule
from thyrodata.phantoms import PhantomSpec, jpeg_bytes, phantom
from thyrodata.schema.geometry import Box
from thyrodata.schema.record import Finding, ImageRecord, OfficialSplit

__all__ = ["FAULTS"]

PICTURE = jpeg_bytes(phantom(PhantomSpec(seed=3)).pixels)
TRAIN, TEST = ((OfficialSplit(part=part),) for part in ("train", "test"))
LEFT, RIGHT = (nodule(Box(x=x, y=100, width=60, height=40)) for x in (200, 220))


def copy(name: str, *findings: Finding, **fields: Any) -> ImageRecord:
    """A record whose image shows the same picture as that of any other."""
    return image_record(name, *findings, picture=PICTURE, **fields)


def fault(*copies: ImageRecord, also: tuple[str, ...] = ()) -> Fault:
    images = {f"{each.image.path}": PICTURE for each in copies}
    return Fault(records=copies, images=images, also=also)


FAULTS = {
    "TD301": fault(copy("a", group="c"), copy("b", group="c")),
    "TD302": fault(copy("a"), copy("b")),
    "TD303": fault(copy("a", official_splits=TRAIN), copy("b", official_splits=TEST), also=("TD302",)),
    "TD304": Fault(
        records=(
            image_record("a", group="c", official_splits=TRAIN),
            image_record("b", group="c", official_splits=TEST),
        )
    ),
    "TD305": Fault(records=(image_record("a", official_splits=TRAIN), image_record("b"))),
    "TD306": fault(copy("a", LEFT, group="c"), copy("b", RIGHT, group="c"), also=("TD301",)),
    "TD307": fault(copy("a", case_labels=(BENIGN,)), copy("b", case_labels=(MALIGNANT,)), also=("TD302",)),
}
"""By code."""
