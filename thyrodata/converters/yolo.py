"""A user's own data in YOLO's folders: images, and a text file of boxes or segments for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from thyrodata.converters._own import OwnSettings, outside_image
from thyrodata.errors import CaseError, RawLayoutError
from thyrodata.io.images import is_image_name
from thyrodata.io.raw import Raw, RawFile
from thyrodata.io.yolodata import YoloData, label_path, read_yolo_data
from thyrodata.io.yololabels import YoloLabel, read_yolo_labels
from thyrodata.sample import FileBytes, Sample
from thyrodata.schema.category import Category, category
from thyrodata.schema.record import Finding, ImageRecord, OfficialSplit, Reading, Remark, SourceField
from thyrodata.schema.vocab import Coverage

__all__ = ["Yolo", "YoloImage", "YoloSettings"]

_CLASS_FILES = ("classes.txt", "labels/classes.txt")
_PARTS = frozenset({"test", "testing", "train", "training", "val", "valid", "validation"})
"""What folders below images/ are called that are parts; another may be a patient's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YoloSettings(OwnSettings):
    """What the files do not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YoloClasses:
    """The classes, by their indexes."""

    names: tuple[str, ...]
    meanings: tuple[Category, ...]
    where: str
    """The file that names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YoloImage:
    """An image and its labels."""

    image: RawFile | None
    labels: RawFile | None
    part: str | None
    classes: YoloClasses
    """One object for all items."""
    files: tuple[RawFile, ...]
    """Those two that are there, and the files that name the classes."""

    def __str__(self) -> str:
        """Return the path of the labels, or of the image without any."""
        return str(self.labels or self.image)


_DEFAULTS = YoloSettings()


class Yolo:
    """Reads a folder in YOLO's layout."""

    name: ClassVar[str] = "yolo"
    Settings: ClassVar[type[YoloSettings]] = YoloSettings
    ignores: ClassVar[Mapping[str, str]] = {
        "*.cache": "what a trainer noted of the labels",
        "README.*.txt": "for people, from the tool that exported the labels",
        "thyrodata-export.json": "the account of the export that wrote the labels",
    }

    def __init__(self, settings: YoloSettings = _DEFAULTS) -> None:
        self.settings = settings

    def items(self, raw: Raw) -> Iterator[YoloImage]:
        """List the images by their paths; labels without an image come last.

        Raises:
            RawLayoutError: Nothing names the classes, there are no images, one is in two parts, or
                ``data.yaml`` is broken.
            UsageError: A class is not understood.
        """
        files = {file.path: file for file in raw.files}
        shared = [files[path] for path in ("data.yaml", *_CLASS_FILES) if path in files]
        if not shared:
            raise RawLayoutError(
                "nothing names the classes: there is no data.yaml and no classes.txt",
                where=str(raw.root),
                hint="give the folder that holds one of them beside images and labels",
            )
        data = read_yolo_data(shared)
        said = self.settings.categories(data.names, str(shared[0]))
        classes = YoloClasses(
            names=data.names, meanings=tuple(said[name] for name in data.names), where=str(shared[0])
        )
        images: dict[str, RawFile] = {}
        for image, part in _images(data, raw.files, str(shared[0])):
            path = label_path(image)
            if path in images:
                raise RawLayoutError(
                    f"{images[path]} and {image} would have one label file",
                    where=str(image),
                    hint="give them names that differ in more than the suffix",
                )
            images[path] = image
            labels = files.get(path)
            own = (labels, image) if labels else (image,)
            yield YoloImage(image=image, labels=labels, part=part, classes=classes, files=(*own, *shared))
        if not images:
            raise RawLayoutError(
                "there are no images where they should be",
                where=str(shared[0]),
                hint="images lie in the folders that data.yaml names, or without one in images/",
            )
        for labels in _labels_alone(images, raw.files, shared):
            yield YoloImage(image=None, labels=labels, part=None, classes=classes, files=(labels, *shared))

    def samples(self, item: YoloImage) -> Iterator[Sample]:
        """Read an image and its labels.

        Raises:
            CaseError: The image is missing or broken, a line of the labels is none, or of a class that is
                not named.
        """
        if item.image is None:
            raise CaseError(
                "the labels have no image", where=str(item), hint="add the image, or remove the labels"
            )
        image = item.image.image()
        labels = read_yolo_labels(item.labels) if item.labels else ()
        size = (image.header.width, image.header.height)
        findings = tuple(_finding(label, item, size) for label in labels)
        image_id = f"{self.name}/{item.image.path[: -len(item.image.suffix)]}"
        record = ImageRecord(
            image_id=image_id,
            image=image.ref(),
            modality=self.settings.modality,
            group_id=self.settings.group_id(item.image, image_id),
            group_kind=self.settings.group_kind,
            # Without a label file nobody has saved that nothing is there, whatever the user says of the rest.
            readings=(self.settings.reading(findings) if item.labels else Reading(coverage=Coverage.NONE),),
            findings=findings,
            official_splits=(OfficialSplit(part=item.part),) if item.part else (),
            remarks=tuple(self._remarks(item, labels, findings, size)),
            source=str(item),
        )
        yield Sample(record=record, pixels=FileBytes(image=image))

    def _remarks(
        self, item: YoloImage, labels: Sequence[YoloLabel], findings: Iterable[Finding], size: tuple[int, int]
    ) -> Iterator[Remark]:
        if item.image and item.labels is None:
            text = f"there is no label file {label_path(item.image)}"
            yield Remark(code="image-without-mark", text=text)
        elif not labels and not self.settings.complete:
            text = "the label file is empty: trainers take the image for a negative, which nobody states"
            yield Remark(code="label-file-empty", text=text)
        elif labels and not labels[-1].ended:
            text = f"line {labels[-1].line} of the labels is the last and has no line end: it may be cut"
            yield Remark(code="no-line-end", text=text)
        for finding in findings:
            remark = outside_image(finding.finding_id, finding.geometries, *size)
            if remark:
                yield remark


def _images(data: YoloData, files: Iterable[RawFile], where: str) -> Iterator[tuple[RawFile, str | None]]:
    """Yield each image with the part that it is in, if any."""
    for file in files:
        if not is_image_name(file.path):
            continue
        if data.folders is None:
            top, *below = file.path.split("/")
            if top == "images" and below:
                yield file, below[0] if below[0] in _PARTS else None
            continue
        parts = [part for part, folders in data.folders.items() if file.path.startswith(folders)]
        if len(parts) > 1:
            raise RawLayoutError(
                f"the image {file} is in {' and in '.join(parts)}",
                where=where,
                hint="give each part a folder of its own",
            )
        if parts:
            yield file, parts[0]


def _labels_alone(
    images: Mapping[str, RawFile], files: Iterable[RawFile], shared: Sequence[RawFile]
) -> Iterator[RawFile]:
    """Yield the label files, in the folders of labels, that are of no image."""
    folders = {path.rpartition("/")[0] for path in images}
    for file in files:
        beside = file.suffix == ".txt" and file.path.rpartition("/")[0] in folders
        if beside and file.path not in images and file not in shared and not file.name.startswith("README."):
            yield file


def _finding(label: YoloLabel, item: YoloImage, size: tuple[int, int]) -> Finding:
    classes = item.classes
    if label.class_index >= len(classes.names):
        raise CaseError(
            f"there is no class {label.class_index}: {classes.where} names {len(classes.names)}",
            where=f"{item.labels}:{label.line}",
            hint=f"the first is 0: add the name to {classes.where}, or correct the line",
        )
    name, (structure, terms) = classes.names[label.class_index], classes.meanings[label.class_index]
    return Finding(
        finding_id=str(label.line),
        structure=structure,
        geometries=(label.to_box(*size) if label.is_box else label.to_polygon(*size),),
        labels=terms,
        source_fields=() if name == category(structure, terms) else (SourceField(name="class", text=name),),
    )
