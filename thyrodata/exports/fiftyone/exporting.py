"""FiftyOne's own format: ``fiftyone.types.FiftyOneDataset``, written without FiftyOne or its database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from thyrodata.dataset import Dataset
from thyrodata.exports.fields import FIELDS
from thyrodata.exports.fiftyone.layout import Layout
from thyrodata.exports.fiftyone.look import app_config
from thyrodata.exports.fiftyone.samples import Samples, Shown, write_samples
from thyrodata.exports.folder import FileNames, Folder, file_name
from thyrodata.exports.ledger import LossLedger
from thyrodata.exports.shapes import Outside, Shape
from thyrodata.exports.view import View, ViewedImage
from thyrodata.exports.windows import PictureSettings
from thyrodata.schema.record import ImageRecord

__all__ = ["FiftyoneSettings", "export_fiftyone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FiftyoneSettings(PictureSettings):
    """How a FiftyOneDataset is written."""


def export_fiftyone(view: View, out: Folder, settings: FiftyoneSettings) -> LossLedger:
    """Write ``metadata.json``, ``samples.json`` and ``data/``.

    A sample has all that its record says, in the fields that ``browse`` has, and its part as a tag, as is
    FiftyOne's custom. Of a finding that has an area every drawing is written. Without images the samples name
    files relative to the dataset, which is FiftyOne's ``rel_dir`` then.
    """
    shown = replace(
        view,
        shape=Shape.AREA,
        outside=Outside.KEEP,
        images=not settings.labels_only,
        window=settings.pixel_choice(),
        crowds=True,
        holds=frozenset(FIELDS),
    )
    name = view.dataset.manifest.name
    maker, layout = Samples(dataset=name), Layout()
    names = FileNames(view.ledger)

    def samples() -> Iterator[dict[str, object]]:
        for image, record in _with_records(shown, view.dataset):
            stem, suffix = file_name(image)
            path = f"data/{names.take(stem, suffix)}{suffix}"
            if settings.labels_only:
                path = record.image.path or f"images/{stem}"
            else:
                out.image(image, path)
            yield maker.sample(
                record,
                Shown(path=path, size_bytes=None),
                [viewed.finding for viewed in image.findings],
                row=image.number - 1,
                tags=[image.part],
            )

    write_samples(out.path, samples(), layout)
    out.count("samples.json")
    about = layout.document(name, info={"dataset": name}, app_config=app_config(layout))
    out.write("metadata.json", json.dumps(about).encode())
    view.ledger.change("findings", "polygon-to-mask", maker.drawings.as_pixels)
    view.ledger.change("findings", "cropped", maker.drawings.cropped)
    return view.ledger


def _with_records(shown: View, dataset: Dataset) -> Iterator[tuple[ViewedImage, ImageRecord]]:
    """Yield the images of a view with their whole records, of which a view reads a part."""
    records = enumerate(dataset.records(), 1)
    for image in shown:
        yield image, next(record for number, record in records if number == image.number)
