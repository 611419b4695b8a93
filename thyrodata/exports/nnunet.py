"""nnU-Net v2's raw dataset: images and labels as PNG, ``dataset.json``, and folds of the dataset's own split.

The format: nnU-Net's ``documentation/dataset_format.md`` (Isensee et al., Nature Methods 2021;18:203-211).
Its reader of 2-D images, ``NaturalImage2DIO``, reads no JPEG, and all images of a dataset must have as many
channels. It knows no patients: where ``splits_final.json`` is missing it draws five folds of single images.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from thyrodata.errors import UsageError
from thyrodata.exports.channels import PngImages
from thyrodata.exports.folder import FileNames, Folder, file_name
from thyrodata.exports.folds import TEST, Case, count_torn, make_folds
from thyrodata.exports.ledger import LossLedger
from thyrodata.exports.painting import category_values, paint
from thyrodata.exports.pictures import RGB
from thyrodata.exports.shapes import Shape
from thyrodata.exports.view import View, ViewedImage
from thyrodata.exports.windows import PictureSettings
from thyrodata.io.png import encode_png
from thyrodata.schema.vocab import Modality

__all__ = ["NnunetSettings", "export_nnunet"]

MAX_ID = 999

_NO_WORD = re.compile(r"[^A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class NnunetSettings(PictureSettings):
    """How nnU-Net's dataset is written.

    Raises:
        UsageError: The number is none that nnU-Net finds.
    """

    dataset_id: int = field(
        default=100,
        metadata={"help": "nnU-Net's number of the dataset, 1 to 999; up to 10 are taken by others"},
    )
    fold: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "a split whose parts train and val are a fold; may be repeated. By default those of the "
            "split itself are, or each of its parts fold0, fold1, ... validates once"
        },
    )

    def __post_init__(self) -> None:
        PictureSettings.__post_init__(self)
        if not 1 <= self.dataset_id <= MAX_ID:
            raise UsageError(f"{self.dataset_id} is no number of a dataset", hint="give one from 1 to 999")


def export_nnunet(view: View, out: Folder, settings: NnunetSettings) -> LossLedger:
    """Write ``Dataset<id>_<name>/`` with images, labels, ``dataset.json``, folds and ``cases.csv``.

    The part test becomes ``imagesTs`` and ``labelsTs``, every other ``imagesTr`` and ``labelsTr``. Images are
    grey if all are, and else RGB; values stay as they are.

    Raises:
        UsageError: There are more categories than a label has values, colour and 16 bits in one dataset, or a
            fold is none.
        CaseError: An image file is damaged.
    """
    shown = replace(
        view,
        shape=Shape.PIXELS,
        images=not settings.labels_only,
        window=settings.pixel_choice(),
        holds=frozenset({"group_id"}),
    )
    classes = category_values(view.categories, hint="leave some out: thyrodata relabel, thyrodata select")
    root = f"Dataset{settings.dataset_id:03d}_{_NO_WORD.sub('_', view.dataset.manifest.name)}"
    names = FileNames(view.ledger)
    cases: list[Case] = []
    images = PngImages(view)
    modalities: set[Modality] = set()
    for image in shown:
        name = names.take(_case(image))
        which = "Ts" if image.part == TEST else "Tr"
        label = paint(image, [classes[viewed.category] for viewed in image.findings], np.uint8, view.ledger)
        out.write(f"{root}/labels{which}/{name}.png", encode_png(label))
        cases.append(Case(name, image.image_id, image.record.group_id, image.part))
        modalities.add(image.record.modality)
        if not settings.labels_only:
            # The four digits number the files of a case: one file holds all channels of a picture.
            images.add(image, f"{root}/images{which}/{name}_0000.png")
    channels = images.ask(out)
    trained = [case for case in cases if case.part != TEST]
    folds = make_folds(view, trained, settings.fold)
    view.ledger.change("images", "group-split", count_torn(trained, folds))
    said = {
        "name": view.dataset.manifest.name,
        "channel_names": _channel_names(channels, modalities, windowed=images.windowed),
        "labels": {"background": 0, **classes},
        "numTraining": len(trained),
        "file_ending": ".png",
        "overwrite_image_reader_writer": "NaturalImage2DIO",
    }
    out.write(f"{root}/dataset.json", _json(said))
    out.write(f"{root}/cases.csv", _table(cases))
    if folds:  # nnU-Net copies it beside the preprocessed images
        out.write(f"{root}/splits_final.json", _json([fold.to_json() for fold in folds]))
    return view.ledger


def _case(image: ViewedImage) -> str:
    """Return a name for an image's files: nnU-Net reads no folders in folders."""
    stem, _ = file_name(image)
    name = _NO_WORD.sub("_", stem)
    # Of preprocessed files nnU-Net takes those that end so for labels, and would train without the case.
    return name + "_" if name.endswith("_seg") else name


def _channel_names(channels: int, modalities: Collection[Modality], *, windowed: bool) -> Mapping[str, str]:
    """Return the name of each channel, by which nnU-Net normalises it.

    Only ``CT`` is one of those it knows, and asks for values that have a unit; by any other each image is
    brought to mean 0 and standard deviation 1.
    """
    if channels == RGB:
        return {"0": "red", "1": "green", "2": "blue"}
    match sorted(modality.value for modality in modalities):
        case ["ct"]:
            return {"0": "windowed CT" if windowed else "CT"}
        case [modality]:
            return {"0": modality}
    return {"0": "grey"}


def _table(cases: Sequence[Case]) -> bytes:
    """Return which image each case is."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("case", "image_id", "group_id", "part"))
    writer.writerows(cases)
    return table.getvalue().encode()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
