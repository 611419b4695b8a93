"""A record as a sample of FiftyOne: nothing that the record says is left out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from thyrodata.exports.fiftyone.drawings import Drawings, said_of
from thyrodata.exports.fiftyone.labels import Document, classification, numbered_id, object_id
from thyrodata.exports.fiftyone.layout import Layout
from thyrodata.io.files import writing
from thyrodata.schema.plain import to_plain
from thyrodata.schema.record import Finding, ImageRecord, Label, Nodule, best_coverage

__all__ = ["Samples", "Shown", "write_samples"]

_MIME = {".bmp": "image/bmp", ".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".png": "image/png"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The file that is shown for an image."""

    path: str
    """As it stands in the sample: absolute, or relative to the folder of an export."""
    size_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Makes samples of records."""

    dataset: str
    """The dataset's name."""
    drawings: Drawings = field(default_factory=Drawings)

    def sample(
        self,
        record: ImageRecord,
        shown: Shown,
        findings: Iterable[Finding],
        *,
        row: int,
        tags: Iterable[str] = (),
        beside: Mapping[str, Any] | None = None,
    ) -> Document:
        """Return the sample of an image.

        Args:
            record: Of the image.
            shown: Its file.
            findings: Those of the record that are drawn.
            row: The record's place in the dataset, from 0.
            tags: Of the sample.
            beside: Fields of what is said of the image outside of its record.
        """
        sample = {
            "_id": numbered_id(self.dataset, row),  # groups come in the order of the ids of their samples
            "filepath": shown.path,
            "tags": [*tags],
            "metadata": {
                "_cls": "ImageMetadata",
                "size_bytes": shown.size_bytes,
                "mime_type": _MIME.get(PurePosixPath(shown.path).suffix.lower()),
                "width": record.image.width,
                "height": record.image.height,
            },
            "_media_type": "image",
            "_rand": int(object_id(record.image_id)["$oid"][:8], 16) / 2**32,
            "row": row,
            **_stated(_identity(record) | _image(record)),
            **(beside or {}),
            **self._labels(record),
            **self.drawings.fields(record, findings),
        }
        sample["metadata"] = _stated(sample["metadata"])
        return sample

    def _labels(self, record: ImageRecord) -> dict[str, Document]:
        """Return what is said of the case, the image and the nodules, and by whom the image was read."""
        lists = {
            "nodules": [_nodule(record, each) for each in record.nodules],
            "readings": [
                classification(
                    object_id(record.image_id, "reading", reading.reader or ""),
                    reading.coverage.value if reading.coverage else "not stated",
                    **_stated({"reader": reading.reader, "role": reading.role}),
                )
                for reading in record.readings
            ],
            "remarks": [
                classification(object_id(record.image_id, "remark", str(number)), each.code, text=each.text)
                for number, each in enumerate(record.remarks)
            ],
        }
        return {
            **self._scoped(record.image_id, "case", record.case_labels),
            **self._scoped(record.image_id, "image", record.image_labels),
            **{
                name: {"_cls": "Classifications", "classifications": labels}
                for name, labels in lists.items()
                if labels
            },
        }

    def _scoped(self, image_id: str, scope: str, labels: Iterable[Label]) -> dict[str, Document]:
        """Return a field for each scheme and reader: ``case_tirads_kwak``, ``reader_a_image_bethesda``."""
        found: dict[str, list[Label]] = {}
        for label in labels:
            prefix = self.drawings.readers.prefix(label.reader or "")
            name = f"{prefix}{scope}_{label.value.scheme.replace('-', '_')}"
            found.setdefault(name, []).append(label)
        fields = {}
        for name, same in found.items():
            scheme = same[0].value.scheme.replace("-", "_")
            said = dict(said_of(same))
            terms = said.pop(scheme)
            attributes = {key.removeprefix(f"{scheme}_"): text for key, text in said.items()}
            fields[name] = classification(object_id(image_id, name), terms, **attributes)
        return fields


def write_samples(folder: Path, samples: Iterator[Document], layout: Layout) -> int:
    """Write ``samples.json`` and return how many there are; the layout learns their fields.

    Raises:
        OutputError: It cannot be written.
    """
    number = 0
    place = folder / "samples.json"
    with writing(place), place.open("w", encoding="utf-8") as stream:
        stream.write('{"samples": [')
        for number, sample in enumerate(samples, 1):
            layout.learn(sample)
            stream.write(("\n" if number == 1 else ",\n") + json.dumps(sample))
        stream.write("\n]}\n")
    return number


def _stated(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _identity(record: ImageRecord) -> dict[str, Any]:
    patient, coverage = record.patient, best_coverage(record.readings)
    age = patient.age if patient else None
    return {
        "image_id": record.image_id,
        "group_id": record.group_id,
        "group_kind": record.group_kind.value,
        "patient_sex": patient.sex.value if patient and patient.sex else None,
        "patient_age": age.years if age else None,
        "patient_age_at_least": True if age and age.at_least else None,
        "study_id": record.study_id,
        "series_id": record.series_id,
        "coverage": coverage.value if coverage else "not stated",
    }


def _image(record: ImageRecord) -> dict[str, Any]:
    image = record.image
    acquisition: Mapping[str, Any] = to_plain(record.acquisition) if record.acquisition else {}
    official = [f"{each.name}: {each.part}" if each.name else each.part for each in record.official_splits]
    return {
        "modality": record.modality.value,
        **acquisition,
        "file": image.path,
        "sha256": image.sha256,
        "bit_depth": image.bit_depth,
        "frame_index": image.frame_index,
        "spacing_mm": [*image.spacing_mm] if image.spacing_mm else None,
        "crop": to_plain(image.crop) if image.crop else None,
        "scaling": to_plain(image.scaling) if image.scaling else None,
        "official_splits": official or None,
        "source": record.source,
        "source_fields": [f"{each.name}: {each.text}" for each in record.source_fields] or None,
    }


def _nodule(record: ImageRecord, nodule: Nodule) -> Document:
    sizes = {f"size_{axis}_mm": size for axis, size in enumerate(nodule.size_mm, 1)}
    points: Mapping[str, Any] = to_plain(nodule.points) if nodule.points else {}
    said = {
        "location": nodule.location.value if nodule.location else None,
        **sizes,
        **{f"points_{name}": value for name, value in points.items()},
        **dict(said_of(nodule.labels)),
        "source_fields": [f"{each.name}: {each.text}" for each in nodule.source_fields] or None,
    }
    key = object_id(record.image_id, "nodule", nodule.nodule_id)
    return classification(key, nodule.nodule_id, **_stated(said))
