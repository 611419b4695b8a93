"""Folders of images by class, for classification: ``<part>/<class>/<file>``.

torchvision's ``ImageFolder`` numbers the folders that it finds in one part, in the order of their names. So
every part has a folder for each class that occurs in any: without it one number would mean two things.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field, replace

from thyrodata.exports.classes import ClassScope, image_class
from thyrodata.exports.folder import FileNames, Folder, file_name
from thyrodata.exports.ledger import LossLedger
from thyrodata.exports.view import View, ViewedImage
from thyrodata.exports.windows import PictureSettings
from thyrodata.io.files import writing
from thyrodata.schema.vocab import SCHEMES, Term

__all__ = ["ImagefolderSettings", "export_imagefolder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagefolderSettings(PictureSettings):
    """Which label is the class of an image."""

    label: str | None = field(
        default=None,
        metadata={"help": "the vocabulary whose terms are the classes, such as tirads-kwak or malignancy"},
    )
    scope: ClassScope = field(
        default=ClassScope.CASE,
        metadata={"help": "what the label is said of: the case, or the image"},
    )


def export_imagefolder(view: View, out: Folder, settings: ImagefolderSettings) -> LossLedger:
    """Write ``<part>/<class>/<file>``, ``classes.json`` and ``images.csv``, which names each image.

    Raises:
        UsageError: It is not said which vocabulary, or there is no such one.
    """
    classes = image_class(view.dataset, settings.label, settings.scope)
    shown = replace(
        view,
        classes=classes,
        images=not settings.labels_only,
        window=settings.pixel_choice(),
        holds=frozenset({"group_id"}),
    )
    names = FileNames(view.ledger)
    found: set[Term] = set()
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("file", "class", "image_id", "group_id"))
    for image in shown:
        term = _class(image)
        found.add(term)
        stem, suffix = file_name(image)
        # A folder within that of a class would be a class itself to some readers.
        stem = f"{image.part}/{term.value}/{stem.replace('/', '_')}"
        file = names.take(stem, suffix) + suffix
        writer.writerow((file, term.value, image.image_id, image.record.group_id))
        if not settings.labels_only:
            out.image(image, file)
    terms = [term.value for term in SCHEMES[classes.scheme] if term in found]
    said = {"label": classes.scheme, "scope": classes.scope.value, "classes": terms}
    out.write("classes.json", (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode())
    out.write("images.csv", table.getvalue().encode())
    if not settings.labels_only:
        _make_folders(out, view.parts, terms)
    return view.ledger


def _class(image: ViewedImage) -> Term:
    if image.label is None:
        raise TypeError(f"{image.image_id} has no class: the view was not told which")
    return image.label


def _make_folders(out: Folder, parts: tuple[str, ...], classes: list[str]) -> None:
    for part in parts:
        for name in classes:
            folder = out.path / part / name
            with writing(folder):
                folder.mkdir(parents=True, exist_ok=True)
