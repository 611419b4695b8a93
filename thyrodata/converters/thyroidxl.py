"""Reads ThyroidXL: thyroid nodules of 4,093 patients, with mask, box and outline, cytology and histology.

Duong Viet et al., "ThyroidXL: Advancing Thyroid Nodule Diagnosis with an Expert-Labeled, Pathology-Validated
Dataset", MICCAI 2025.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, ClassVar

from thyrodata.converters._drawings import read_drawn
from thyrodata.converters._masked import present
from thyrodata.converters._values import Values
from thyrodata.errors import CaseError, RawLayoutError
from thyrodata.io.patients import read_patient_list, read_patients
from thyrodata.io.raw import Raw, RawFile, natural_key
from thyrodata.sample import FileBytes, Sample
from thyrodata.schema import record, vocab
from thyrodata.schema.record import ImageRecord, Label, Nodule, Remark
from thyrodata.schema.vocab import Basis, Bethesda, Location, Malignancy

__all__ = ["ThyroidXl", "ThyroidXlImage"]

PARTS = ("train", "test")
INFO = "stats/id2info_eng.json"
LISTS = {part: f"stats/{part}_patients.txt" for part in PARTS}

_FILE = re.compile(r"(train|test)/(images|masks|labels|labels_orig)/(([0-9]{8})_[^/]+)")
_KINDS = {"images": ".png", "masks": ".png", "labels": ".txt", "labels_orig": ".json"}
_NODULE = re.compile(r"nodule_[0-9]{1,3}")
_OTHER = re.compile(rf"images|{_NODULE.pattern}")
_WHOLE = re.compile(r"([0-9]{1,4})(?:\.0+)?")
_MM = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,6})?")
_SEX = {"1": vocab.Sex.MALE, "2": vocab.Sex.FEMALE}
_LOCATION = {
    "left lobe": Location.LEFT_LOBE,
    "right lobe": Location.RIGHT_LOBE,
    "isthmus": Location.ISTHMUS,
}
_CONCLUSION = {
    "1": Label(value=Malignancy.MALIGNANT, basis=Basis.HISTOLOGY),
    "2": Label(value=Malignancy.MALIGNANT, basis=Basis.CYTOLOGY),
    "3": Label(value=Malignancy.BENIGN, basis=Basis.CYTOLOGY),
    "4": Label(value=Malignancy.BENIGN, basis=Basis.HISTOLOGY),
}
_NODULE_CONCLUSION = {
    "malignant (histopathology) - 1": _CONCLUSION["1"],
    "malignant (fnac) - 2": _CONCLUSION["2"],
    "benign (fnac) - 3": _CONCLUSION["3"],
    "benign (histopathology) - 4": _CONCLUSION["4"],
}
_FNAC = {
    str(number): Label(value=category, basis=Basis.CYTOLOGY) for number, category in enumerate(Bethesda, 1)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ThyroidXlImage:
    """An image and what is drawn in it; or a patient of whom there is no image."""

    part: str = ""
    """The folder, ``train`` or ``test``; empty if there is no image."""
    name: str
    """Of the files, without a suffix; or the patient."""
    own: Mapping[str, RawFile] = field(default_factory=dict)
    """The image and its drawings, by their folder."""
    patient: Mapping[str, Any] | None
    """What is said of the patient."""
    doubts: tuple[Remark, ...] = ()
    twice: bool = False
    """Whether the other part has an image of this name, and has it first."""
    tables: tuple[RawFile, ...]

    @property
    def files(self) -> tuple[RawFile, ...]:
        """The image, its drawings, and what speaks of all patients."""
        return (*self.own.values(), *self.tables)

    def __str__(self) -> str:
        """Return the image's path, or the patient's place."""
        return f"{self.part}/images/{self.name}.png" if self.part else f"{INFO}#{self.name}"


class ThyroidXl:
    """Reads ThyroidXL."""

    name: ClassVar[str] = "thyroidxl"
    ignores: ClassVar[Mapping[str, str]] = {
        ".cache/*": "notes of the download",
        ".gitattributes": "a setting of the hub that publishes the release",
        "README.md": "the release's card",
    }

    def items(self, raw: Raw) -> Iterator[ThyroidXlImage]:
        """List the images of the training part, those of the test part, and the patients without an image.

        Raises:
            RawLayoutError: A table is missing or broken, or there is no image.
        """
        own: dict[str, dict[str, dict[str, RawFile]]] = {part: {} for part in PARTS}
        for file in raw.files:
            found = _FILE.fullmatch(file.path[: -len(file.suffix)]) if file.suffix else None
            if found and file.suffix == _KINDS[found[2]]:
                own[found[1]].setdefault(found[3], {}).setdefault(found[2], file)
        tables = {file.path: file for file in raw.files if file.path in {INFO, *LISTS.values()}}
        lacking = [path for path in (INFO, *LISTS.values()) if path not in tables]
        if lacking or not any(own.values()):
            raise RawLayoutError(
                f"there is no {lacking[0] if lacking else 'train/images/<patient>_<hash>_<frame>.png'}",
                where=str(raw.root),
                hint="give the folder of the release that holds train, test and stats",
            )
        patients, shared = read_patients(tables[INFO], _NODULE), tuple(tables.values())
        of_part = {part: {name[:8] for name in own[part]} for part in PARTS}
        lists = {part: read_patient_list(tables[LISTS[part]], of_part[part]) for part in PARTS}
        names = set(own["train"]) | set(own["test"])
        in_order = [(part, name) for part in PARTS for name in sorted(own[part], key=natural_key)]
        for part, name in in_order:
            patient = patients.get(name[:8])
            yield ThyroidXlImage(
                part=part,
                name=name,
                own=own[part][name],
                patient=patient,
                doubts=tuple(_doubts(part, name, lists, patient or {}, names)),
                twice=part == "test" and name in own["train"],
                tables=shared,
            )
        for number in sorted(patients.keys() - of_part["train"] - of_part["test"]):
            yield ThyroidXlImage(name=number, patient=patients[number], tables=shared)

    def samples(self, item: ThyroidXlImage) -> Iterator[Sample]:
        """Read an image, its mask, boxes and outlines, and what is said of its patient.

        Raises:
            CaseError: A file is missing or broken, or nothing is said of the patient, or the mask is not of
                the image's size.
        """
        if not item.part or item.twice:
            what = "both parts have an image of this name" if item.part else "the patient has no image"
            raise CaseError(what, where=str(item), hint="compare the folders with the release")
        image, mask, labels, regions = (
            present(item.own.get(kind), f"{item.part}/{kind}/{item.name}{suffix}", item)
            for kind, suffix in _KINDS.items()
        )
        if item.patient is None:
            text = f"{INFO} says nothing of patient {item.name[:8]}"
            raise CaseError(text, where=INFO, hint="the release has an entry for each: copy it again")
        picture = image.image()
        drawn = read_drawn(mask, labels, regions, picture.header.width, picture.header.height)
        said = Values(
            {name: _text(item.patient[name]) for name in item.patient if not _OTHER.fullmatch(name)}
        )
        sex, age = said.read("gender", _SEX.get), _age(said)
        conclusion = said.read("conclusion", _CONCLUSION.get)
        nodules = [
            _nodule(name, item.patient[name])
            for name in sorted(filter(_NODULE.fullmatch, item.patient), key=natural_key)
            if item.patient[name] is not None
        ]
        yield Sample(
            record=ImageRecord(
                image_id=f"{self.name}/{item.name}",
                image=picture.ref(),
                modality=vocab.Modality.ULTRASOUND,
                acquisition=record.Acquisition(manufacturer="Hitachi Aloka", model="Arietta V70"),
                group_id=f"{self.name}/{item.name[:8]}",
                group_kind=vocab.GroupKind.PATIENT,
                patient=record.Patient(sex=sex, age=age) if sex or age else None,
                nodules=tuple(nodule for nodule, _ in nodules),
                case_labels=(conclusion,) if conclusion else (),
                # Two readers drew, and a third where they differed; whose drawing it is, is not said.
                readings=(record.Reading(coverage=None if drawn.findings else vocab.Coverage.NONE),),
                findings=drawn.findings,
                official_splits=(record.OfficialSplit(part=item.part),),
                source_fields=said.homeless(),
                remarks=(
                    *(*item.doubts, *drawn.remarks, *said.remarks),
                    *chain.from_iterable(remarks for _, remarks in nodules),
                ),
                source=str(image),
            ),
            pixels=FileBytes(image=picture),
        )


def _doubts(
    part: str, name: str, lists: Mapping[str, set[str]], patient: Mapping[str, Any], names: set[str]
) -> Iterator[Remark]:
    """Remark where the lists of patients, or of the patient's images, do not say what the folders do."""
    number = name[:8]
    listed = [other for other in PARTS if number in lists[other]]
    if listed != [part]:
        text = (
            f"the image lies in {part}, and patient {number} is listed in {' and '.join(listed) or 'neither'}"
        )
        yield Remark(code="split-in-doubt", text=text)
    if "images" in patient:
        said = {image.rpartition("/")[2].removesuffix(".png") for image in patient["images"]}
        if name not in said:
            text = f"{INFO} does not name the image among those of patient {number}"
            yield Remark(code="images-differ", text=text)
        for missing in sorted(said - names, key=natural_key):
            text = f"{INFO} names {missing} of patient {number}, and there is no such image"
            yield Remark(code="images-differ", text=text)


def _nodule(name: str, member: Mapping[str, Any]) -> tuple[Nodule, list[Remark]]:
    """Return a nodule of the patient's, which no drawing is linked to, and what is odd about it."""
    said = Values({key: _text(value) for key, value in member.items()}, of=name)
    location = said.read("Position", lambda text: _LOCATION.get(text.lower()))
    sizes = tuple(said.read(axis, _mm) for axis in ("Width", "Height", "Depth"))
    labels = (
        said.read("FNAC", _FNAC.get),
        said.read("Conclusion", lambda text: _NODULE_CONCLUSION.get(text.lower())),
    )
    nodule = Nodule(
        nodule_id=name,
        location=location,
        size_mm=sizes if any(sizes) else (),
        labels=tuple(label for label in labels if label),
        source_fields=said.homeless(),  # TIRADS, of which the release does not say the scale, is one of them
    )
    return nodule, said.remarks


def _mm(text: str) -> float | None:
    return float(text) or None if _MM.fullmatch(text) else None


def _age(said: Values) -> record.Age | None:
    found = _WHOLE.fullmatch(said.text("age"))
    if found and int(found[1]) > record.MAX_AGE:
        text = f"age {said.text('age')} may be a year of birth"  # ages and years stand in one column
        said.remarks.append(Remark(code="age-doubtful", text=text))
        return None
    return said.read("age", lambda _: record.Age(years=int(found[1])) if found else None)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
