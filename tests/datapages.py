"""A dataset that has something for every section of its report, and a reader of HTML pages, for tests."""

from __future__ import annotations

import io
import json
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.toy import finding, make_dataset, record
from thyrodata.dataset import Dataset
from thyrodata.io.files import write_file
from thyrodata.io.masks import encode_mask
from thyrodata.io.parquettable import table_bytes
from thyrodata.qc.rule import Issue, Severity
from thyrodata.schema.geometry import Polygon, PolygonPart
from thyrodata.schema.record import (
    Acquisition,
    Age,
    ImageRecord,
    Label,
    Nodule,
    OfficialSplit,
    Patient,
    Remark,
)
from thyrodata.schema.vocab import Basis, Malignancy, Sex, TiradsEu, TiradsKwak

__all__ = [
    "HOSTILE",
    "SHOWN",
    "Page",
    "add_issues",
    "add_markers",
    "add_reports",
    "issue",
    "jpeg",
    "measured",
    "pixels_of",
    "rich_dataset",
    "square",
]

HOSTILE = "<script src=http://x.org/a.js>'\"</script> $\\frac{1 -- ]]> \u202e " + "9" * 120
SHOWN = HOSTILE.replace("\u202e", "\ufffd")
_VOID = {"br", "img", "meta"}


class Page(HTMLParser):
    """What stands on a page. Each element must be closed in its turn."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        """The cells of each row of every table."""
        self.headings: list[str] = []
        """Of the sections."""
        self.text = ""
        self._open: list[str] = []
        self.feed(data.decode())
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += data
        if self._open[-1:] == ["h2"]:
            self.headings.append(data)
        if {"td", "th"} & {*self._open}:
            self.rows[-1][-1] += data.replace("\xa0", " ")

    def values(self, attribute: str, tag: str | None = None) -> list[str]:
        return [
            str(found[attribute]) for name, found in self.tags if attribute in found and tag in (None, name)
        ]

    def images(self, kind: str) -> list[bytes]:
        head = f"data:image/{kind};base64,"
        return [b64decode(each.removeprefix(head)) for each in self.values("src") if each.startswith(head)]

    def between(self, start: str, end: str) -> str:
        """The text of a section: between the last places of two headings."""
        return self.text.rpartition(start)[2].partition(end)[0]


def square(x: float, y: float, side: float) -> Polygon:
    ring = ((x, y), (x + side, y), (x + side, y + side), (x, y + side))
    return Polygon(parts=(PolygonPart(exterior=ring),))


def jpeg(level: int, size: tuple[int, int] = (16, 12)) -> bytes:
    stream = io.BytesIO()
    Image.new("L", size, level).save(stream, "JPEG")
    return stream.getvalue()


def rich_records(text: str, files: Mapping[str, bytes]) -> Iterable[ImageRecord]:
    """Seven images of five cases: twins across two parts, one without a file and one that is no image."""
    kwak, eu = Label(value=TiradsKwak.T4A), Label(value=TiradsEu.EU4, reader=text)
    benign = Label(value=Malignancy.BENIGN, basis=Basis.CYTOLOGY)
    malignant = Label(value=Malignancy.MALIGNANT, basis=Basis.HISTOLOGY)
    unfounded = Label(value=Malignancy.MALIGNANT)
    drawn = finding("1", square(2, 3, 6))
    corner = np.zeros((12, 16), np.bool_)
    corner[:3, :4] = True
    device = Acquisition(manufacturer=f"maker {text}", model="M7")

    def made(name: str, part: str, group: str, *findings: Any, **fields: Any) -> ImageRecord:
        return record(
            name,
            *findings,
            group=group,
            image=files.get(name),
            official_splits=(OfficialSplit(part=part),),
            **fields,
        )

    woman = Patient(sex=Sex.FEMALE, age=Age(years=44))
    yield made("a1", "train", "a", drawn, patient=woman, case_labels=(kwak, benign), acquisition=device)
    yield made("a2", "train", "a", patient=woman, case_labels=(kwak, benign))
    yield made(
        "b1",
        "test",
        "b",
        drawn,
        finding("2", square(9, 3, 2)),
        patient=Patient(sex=Sex.MALE, age=Age(years=90, at_least=True)),
        case_labels=(malignant,),
        image_labels=(eu, Label(value=TiradsEu.EU5, reader="other")),
    )
    nodules = (Nodule(nodule_id="n1", size_mm=(4.0, None, 12.5), labels=(unfounded,)), Nodule(nodule_id="n2"))
    spaced = made("c1", "train", "c", finding("1", square(1, 1, 4), labels=(kwak,)), nodules=nodules)
    yield replace(spaced, image=replace(spaced.image, spacing_mm=(0.5, 0.25)))
    yield made("d1", "test", "d", remarks=(Remark(code="outline-cut", text=text),))
    yield made("d2", "train", "d", finding("1", encode_mask(corner)))
    yield made(
        "e1",
        "train",
        "e",
        patient=Patient(age=Age(years=40)),
        remarks=(Remark(code="outline-cut", text="b"),),
    )


def rich_dataset(folder: Path, text: str = "plain") -> Dataset:
    """A dataset whose free texts are a text."""
    grey = jpeg(90)
    files = {"a1": grey, "a2": jpeg(120), "b1": grey, "c1": jpeg(30), "d1": b"no image", "d2": jpeg(60)}
    return make_dataset(
        folder, rich_records(text, files), {f"images/{name}.jpg": data for name, data in files.items()}
    )


def issue(code: str, image: str, score: float | None = None, finding_id: str = "", **texts: str) -> Issue:
    said = {"what": f"what of {image}", "hint": f"hint of {code}", **texts}
    return Issue(
        code=code,
        severity=Severity.WARNING,
        image_id=f"toy/{image}",
        finding_id=finding_id,
        score=score,
        **said,
    )


def add_issues(dataset: Dataset, issues: Iterable[Issue]) -> None:
    """Write issues as ``thyrodata qc run`` does."""
    rows = [*issues]
    columns: dict[str, list[Any]] = {
        name: [getattr(each, name) for each in rows]
        for name in ("image_id", "finding_id", "code", "what", "hint")
    }
    columns["severity"] = [each.severity.value for each in rows]
    columns["score"] = [each.score for each in rows]
    add_reports(dataset, {"reports/qc.parquet": table_bytes(columns)})


def add_markers(dataset: Dataset, found: Mapping[str, tuple[float, str, np.ndarray | None]]) -> None:
    """Write marks as ``thyrodata qc markers`` does: of each image the score, the kinds and the pixels."""
    masks = {name: None if pixels is None else encode_mask(pixels) for name, (_, _, pixels) in found.items()}
    columns: dict[str, list[Any]] = {
        "image_id": [f"toy/{name}" for name in found],
        "has_marker": ["yes" if kinds else "no" for _, kinds, _ in found.values()],
        "score": [score for score, _, _ in found.values()],
        "kinds": [kinds for _, kinds, _ in found.values()],
        "mask_height": [mask.height if mask else 0 for mask in masks.values()],
        "mask_width": [mask.width if mask else 0 for mask in masks.values()],
        "mask_counts": [mask.counts if mask else "" for mask in masks.values()],
    }
    add_reports(dataset, {"reports/markers.parquet": table_bytes(columns)})


def measured(text: str) -> dict[str, Any]:
    """The accounts of a shortcut audit and of the agreement of readers, with a text in every place."""
    estimate = {"value": 0.75, "low": 0.625, "high": 0.875, "groups": 9}
    bare = {"value": 0.5, "low": None, "high": None, "groups": 9}
    target = {
        "name": f"label {text}",
        "sentence": f"it leaks: {text}",
        "leaks": True,
        "features": [
            {"feature": f"size {text}", "categories": 2, "cramers_v": estimate, "auc": estimate},
            {"feature": "margin", "categories": 2, "cramers_v": bare, "auc": bare},
        ],
        "together": {**estimate, "value": 0.8125},
    }
    nothing = {
        "name": "split x",
        "sentence": "split x: too few",
        "leaks": False,
        "features": [],
        "together": None,
    }
    audit = {
        "level": 0.99,
        "group_kinds": [text],
        "targets": [target, nothing],
        "constant": [text],
        "unread": ["a"],
    }
    figure = {"of": "mean", "unit": "", "n": 12, "counted": text, "groups": 7, **estimate}
    figure["groups"] = 7
    pair = {
        "readers": [text, ""],
        "images": 12,
        "matched": 11,
        "equal_in_every_pixel": 3,
        "unmatched": [1, 2],
        "figures": [
            {**figure, "name": "dice"},
            {**figure, "name": "hausdorff", "unit": text, "value": 12.5, "low": None},
            {**figure, "name": text, "of": "median", "value": None},
        ],
        "differences": [{"quantity": text, "figures": [{**figure, "name": "bias", "of": "", "unit": "px"}]}],
        "grades": [{"scheme": text, "scope": "case", "figures": [{**figure, "name": "kappa", "of": ""}]}],
    }
    agreement = {
        "terms": {"floor": 0.1, "group_kinds": [text], "level": 0.95, "sources": [text]},
        "pairs": [pair],
        "overall": [{"what": text, "figures": [{**figure, "name": "alpha_nominal", "of": ""}]}],
        "notes": [{"code": "equal-drawings", "what": text, "n": 1, "places": [text]}],
    }
    return {"reports/shortcuts.json": audit, "reports/agreement.json": agreement}


def add_reports(dataset: Dataset, files: Mapping[str, Any]) -> None:
    """Add files beside a dataset's records; what is not bytes is written as JSON."""
    with dataset.adding() as folder:
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            write_file(folder / path, content if isinstance(content, bytes) else json.dumps(content).encode())


def pixels_of(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image)
