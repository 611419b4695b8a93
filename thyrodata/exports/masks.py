"""Folders of images and masks: for each image a PNG whose values say what covers each pixel."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np

from thyrodata.errors import UsageError
from thyrodata.exports.folder import FileNames, Folder, file_name
from thyrodata.exports.ledger import LossLedger
from thyrodata.exports.painting import category_values, paint
from thyrodata.exports.shapes import Shape
from thyrodata.exports.view import View, ViewedImage
from thyrodata.exports.windows import PictureSettings
from thyrodata.io.png import encode_png

__all__ = ["MasksSettings", "Values", "export_masks"]

FOREGROUND = 255
MAX_INSTANCES = 2**16 - 1


class Values(Enum):
    """What the values of a mask say."""

    CATEGORIES = "categories"
    BINARY = "binary"
    INSTANCES = "instances"


@dataclass(frozen=True, slots=True, kw_only=True)
class MasksSettings(PictureSettings):
    """How masks are written."""

    values: Values = field(
        default=Values.CATEGORIES,
        metadata={
            "help": "what a mask's values say: categories (as classes.json names them), binary (0 and 255) "
            "or instances (each finding's number, in 16 bits)"
        },
    )


def export_masks(view: View, out: Folder, settings: MasksSettings) -> LossLedger:
    """Write ``images/<part>/``, ``masks/<part>/`` and what the masks' values mean.

    Raises:
        UsageError: There are more categories, or in an image more findings, than a mask has values.
    """
    shown = replace(
        view,
        shape=Shape.PIXELS,
        images=not settings.labels_only,
        window=settings.pixel_choice(),
        holds=frozenset(),
    )
    classes = _classes(view, settings.values)
    names = FileNames(view.ledger)
    rows = [("mask", "value", "category", "finding_id")]
    for image in shown:
        stem, suffix = _place(image)
        stem = names.take(stem)
        values = _values(image, settings.values, classes)
        dtype = np.uint16 if settings.values is Values.INSTANCES else np.uint8
        out.write(f"masks/{stem}.png", encode_png(paint(image, values, dtype, view.ledger)))
        if settings.values is Values.INSTANCES:
            rows += (
                (f"masks/{stem}.png", str(value), viewed.category, viewed.finding.finding_id)
                for value, viewed in zip(values, image.findings, strict=True)
            )
        if not settings.labels_only:
            out.image(image, f"images/{stem}{suffix}")
    if settings.values is Values.INSTANCES:
        table = io.StringIO()
        csv.writer(table, lineterminator="\n").writerows(rows)
        out.write("instances.csv", table.getvalue().encode())
    else:
        said = {0: "background", **{value: name for name, value in classes.items()}}
        out.write("classes.json", (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode())
    return view.ledger


def _classes(view: View, values: Values) -> Mapping[str, int]:
    if values is Values.BINARY:
        return {"foreground": FOREGROUND}
    if values is Values.INSTANCES:
        return {}
    return category_values(view.categories, hint="give --values instances")


def _place(image: ViewedImage) -> tuple[str, str]:
    """Return an image's place below ``images/``, which begins with its part, and its suffix."""
    stem, suffix = file_name(image)
    stem = stem.removeprefix("images/")
    return stem if stem.startswith(f"{image.part}/") else f"{image.part}/{stem}", suffix


def _values(image: ViewedImage, values: Values, classes: Mapping[str, int]) -> list[int]:
    """Return the value of each finding."""
    match values:
        case Values.CATEGORIES:
            return [classes[viewed.category] for viewed in image.findings]
        case Values.BINARY:
            return [FOREGROUND for _ in image.findings]
        case Values.INSTANCES:
            if len(image.findings) > MAX_INSTANCES:
                raise UsageError(
                    f"{image.record.image_id} has {len(image.findings)} findings, and a mask "
                    f"{MAX_INSTANCES} values",
                    hint="give --values binary",
                )
            return list(range(1, len(image.findings) + 1))
