"""Pascal VOC's folders: an annotation file of boxes for each image, and lists of the parts.

Coordinates are 1-based and maxima inclusive: xmin is x + 1 and xmax is x + width, so that a box that was
read from VOC is written as it was. Numbers that are not whole are written with decimals, as VOC2012 itself
has some, and not rounded to pixels: a reader that takes ``int(text)`` needs ``int(float(text))``. ``depth``
is left out, since the records do not state it. ``pose``, ``truncated`` and ``difficult`` are there because
readers ask for them; they are Unspecified, 0 and 0 throughout.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from xml.etree import ElementTree as ET

from thyrodata.exports.folder import FileNames, Folder, file_name
from thyrodata.exports.ledger import LossLedger
from thyrodata.exports.shapes import Outside, Shape
from thyrodata.exports.view import View, ViewedImage
from thyrodata.exports.windows import PictureSettings
from thyrodata.schema.geometry import Box

__all__ = ["VocSettings", "export_voc"]

DECIMALS = 9
"""Of a coordinate that no text gives exactly; a float of a million pixels has no more."""

MAX_DECIMALS = 18
"""No float from 1 on needs as many."""

_NO_XML = re.compile("[\ufffe\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class VocSettings(PictureSettings):
    """How VOC's files are written."""

    clip: bool = field(default=False, metadata={"help": "cut off at the image's edge what leaves it"})


def export_voc(view: View, out: Folder, settings: VocSettings) -> LossLedger:
    """Write ``JPEGImages/``, ``Annotations/`` and ``ImageSets/Main/<part>.txt``.

    Where there are the parts train and val, ``trainval`` lists both. A true negative has an annotation file
    without objects.
    """
    shown = replace(
        view,
        shape=Shape.BOX,
        outside=Outside.CLIP if settings.clip else Outside.NAME,
        images=not settings.labels_only,
        window=settings.pixel_choice(),
        holds=frozenset(),
    )
    names = FileNames(view.ledger)
    lists: dict[str, list[str]] = {part: [] for part in view.parts}
    for image in shown:
        stem, suffix = file_name(image)
        name = names.take(stem.removeprefix("JPEGImages/"))
        lists[image.part].append(name)
        out.write(f"Annotations/{name}.xml", _annotation(image, name + suffix, view))
        if not settings.labels_only:
            out.image(image, f"JPEGImages/{name}{suffix}")
    if {"train", "val"} <= lists.keys() and "trainval" not in lists:
        lists["trainval"] = [*lists["train"], *lists["val"]]
    for part, listed in lists.items():
        out.write(f"ImageSets/Main/{part}.txt", "".join(f"{name}\n" for name in listed).encode())
    return view.ledger


def _annotation(image: ViewedImage, path: str, view: View) -> bytes:
    root = ET.Element("annotation")
    _add(root, folder="JPEGImages", filename=_NO_XML.sub("\ufffd", path.rpartition("/")[2]))
    _add(ET.SubElement(root, "source"), database=view.dataset.manifest.name)
    size = image.record.image
    _add(ET.SubElement(root, "size"), width=str(size.width), height=str(size.height))
    _add(root, segmented="0")
    for viewed in image.findings:
        found = ET.SubElement(root, "object")
        _add(found, name=viewed.category, pose="Unspecified", truncated="0", difficult="0")
        if isinstance(viewed.geometry, Box):
            _add(ET.SubElement(found, "bndbox"), **_corners(viewed.geometry, view.ledger))
    ET.indent(root, "\t")
    return ET.tostring(root, encoding="unicode").encode() + b"\n"


def _add(parent: ET.Element, **texts: str) -> None:
    for tag, text in texts.items():
        ET.SubElement(parent, tag).text = text


def _corners(box: Box, ledger: LossLedger) -> Mapping[str, str]:
    if box.width < 1 or box.height < 1:
        ledger.change("findings", "widened")
    xmin, xmax = _sides(box.x, max(box.width, 1))
    ymin, ymax = _sides(box.y, max(box.height, 1))
    return {"xmin": xmin, "ymin": ymin, "xmax": xmax, "ymax": ymax}


def _sides(low: float, length: float) -> tuple[str, str]:
    """Return minimum and maximum as the shortest texts that are read as this very side of the box.

    A sum of floats may be no such number; then the maximum has nine decimals.
    """
    least = low + 1
    exact = (
        text
        for text in (f"{low + length:.{decimals}f}" for decimals in range(MAX_DECIMALS))
        if float(text) - least + 1 == length
    )
    return _plain(repr(least)), _plain(next(exact, f"{low + length:.{DECIMALS}f}"))


def _plain(text: str) -> str:
    """Return a number without exponent, and without a point if it is whole."""
    plain = f"{Decimal(text):f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
