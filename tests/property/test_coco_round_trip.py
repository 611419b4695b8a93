"""COCO files survive being read and written again, pixel by pixel and number by number."""

from __future__ import annotations

import io
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from pycocotools import mask as coco_mask

import thyrodata
from tests.toy import finding, make_dataset, record
from thyrodata.converters.coco import CocoSettings
from thyrodata.schema.geometry import Box, Mask, Polygon, PolygonPart
from thyrodata.schema.record import Label, Nodule, OfficialSplit, Read, Reading
from thyrodata.schema.vocab import (
    Basis,
    Bethesda,
    Coverage,
    GroupKind,
    Malignancy,
    Structure,
    TiradsAcr,
)

pytestmark = [
    pytest.mark.slow,
    # pycocotools' own decoder hands numpy an array in the way of numpy 1.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]

WIDTH, HEIGHT = 16, 12
NAMES = [
    "nodule",
    "lesion",
    "gland",
    "lymph-node",
    "malignancy/benign",
    "malignancy/malignant",
    "tirads-kwak/4a",
    "bethesda/IV",
]
"""Categories that speak for themselves."""


def png(number: int = 0) -> bytes:
    stream = io.BytesIO()
    pixels = np.full((HEIGHT, WIDTH), number % 256, np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


# ---------------------------------------------------------------- files of COCO

reals = st.floats(-20, 40, width=32) | st.integers(-5, 20) | st.floats(0, 13)
lengths = st.floats(0, 30) | st.integers(0, 20)
boxes = st.tuples(reals, reals, lengths, lengths).map(list)
rings = st.lists(reals, min_size=6, max_size=12).map(lambda numbers: numbers[: len(numbers) // 2 * 2])
pixels = arrays.arrays(np.bool_, (HEIGHT, WIDTH), elements=st.booleans())


def runs(foreground: np.ndarray) -> list[int]:
    """Run lengths down the columns, zeros first, by the definition of the format."""
    found = [(value, len(list(group))) for value, group in groupby(foreground.T.ravel().tolist())]
    return [0] * found[0][0] + [n for _, n in found]


def compressed(foreground: np.ndarray) -> str:
    return coco_mask.encode(np.asfortranarray(foreground.view(np.uint8)))["counts"].decode()


def unpacked(rle: dict[str, Any]) -> np.ndarray:
    """The pixels of a run-length encoding, told by the runs alone where they are not compressed."""
    if isinstance(rle["counts"], str):
        return coco_mask.decode(rle).astype(bool)
    values = np.arange(len(rle["counts"])) % 2 == 1
    return np.repeat(values, rle["counts"]).reshape(rle["size"][::-1]).T


masks = pixels.flatmap(
    lambda array: st.sampled_from([runs, compressed]).map(
        lambda write: {"size": [HEIGHT, WIDTH], "counts": write(array)}
    )
)
segmentations = st.lists(rings, min_size=1, max_size=3) | masks
drawn = st.one_of(
    boxes.map(lambda bbox: {"bbox": bbox}),
    boxes.map(lambda bbox: {"bbox": bbox, "segmentation": []}),
    segmentations.map(lambda segmentation: {"segmentation": segmentation}),
    st.tuples(segmentations, boxes).map(lambda pair: {"segmentation": pair[0], "bbox": pair[1]}),
    segmentations.map(lambda s: {"segmentation": s, "bbox": extent({"segmentation": s})}),
)
unknown = st.dictionaries(
    st.sampled_from(["note", "attributes", "license", "flickr_url"]),
    st.text(max_size=5) | st.integers() | st.lists(st.booleans(), max_size=2) | st.none(),
    max_size=2,
)


def extent(annotation: dict[str, Any]) -> list[float]:
    """The box that is given, else left, top, width and height of what is drawn."""
    if annotation.get("bbox"):
        return annotation["bbox"]
    segmentation = annotation["segmentation"]
    if isinstance(segmentation, dict):
        ys, xs = np.nonzero(unpacked(segmentation))
        if not len(xs):
            return [0.0, 0.0, 0.0, 0.0]
        return [float(v) for v in (xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1)]
    xs = [float(x) for ring in segmentation for x in ring[::2]]
    ys = [float(y) for ring in segmentation for y in ring[1::2]]
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


Files = dict[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Given:
    """COCO files by their part, and whether every image was read completely."""

    files: Files
    complete: bool


@st.composite
def coco_files(draw: st.DrawFn) -> Given:
    parts = draw(
        st.lists(st.sampled_from(["train", "val", "test", "fold-1"]), min_size=1, max_size=3, unique=True)
    )
    complete = draw(st.booleans())
    image_ids = iter(draw(st.lists(st.integers(1, 10**9), min_size=9, max_size=9, unique=True)))
    annotation_ids = iter(draw(st.lists(st.integers(1, 2**50), min_size=27, max_size=27, unique=True)))
    files: Files = {}
    for part in parts:
        names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
        ids = draw(st.lists(st.integers(0, 99), min_size=len(names), max_size=len(names), unique=True))
        images, annotations = [], []
        for _ in range(draw(st.integers(1, 3))):
            image = {"id": next(image_ids), "width": WIDTH, "height": HEIGHT, **draw(unknown)}
            images.append({**image, "file_name": f"{part}/{image['id']}.png"})
            for _ in range(draw(st.integers(0 if complete else 1, 3))):
                annotation = {
                    "id": next(annotation_ids),
                    "image_id": image["id"],
                    "category_id": draw(st.sampled_from(ids)),
                    "iscrowd": draw(st.sampled_from([0, 0, 1])),
                    **draw(drawn),
                    **draw(unknown),
                }
                annotations.insert(draw(st.integers(0, len(annotations))), annotation)
        categories = [{"id": i, "name": name} for i, name in zip(ids, names, strict=True)]
        files[part] = {"images": images, "annotations": annotations, "categories": categories}
    return Given(files=files, complete=complete)


def canonical(file: dict[str, Any]) -> dict[str, Any]:
    """What COCO says, in one order, with categories by name and masks by pixel; other keys are left out."""
    names = {category["id"]: category["name"] for category in file["categories"]}
    images = [{key: image[key] for key in ("id", "file_name", "width", "height")} for image in file["images"]]
    annotations = [
        {
            "id": annotation["id"],
            "image_id": annotation["image_id"],
            "category": names[annotation["category_id"]],
            "iscrowd": annotation.get("iscrowd", 0),
            "bbox": extent(annotation),
            "segmentation": plain(annotation.get("segmentation", [])),
        }
        for annotation in file["annotations"]
    ]
    return {
        "images": sorted(images, key=lambda image: image["id"]),
        "annotations": sorted(annotations, key=lambda annotation: annotation["id"]),
    }


def plain(segmentation: Any) -> Any:
    if isinstance(segmentation, dict):
        return unpacked(segmentation).tolist()
    return [[float(number) for number in ring] for ring in segmentation]


# ---------------------------------------------------------------- the law


@contextmanager
def folders() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def write(folder: Path, files: Files) -> None:
    (folder / "annotations").mkdir(parents=True)
    for part, file in files.items():
        (folder / f"annotations/instances_{part}.json").write_text(json.dumps(file))
        for image in file["images"]:
            path = folder / image["file_name"]
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(png(image["id"]))


def read(folder: Path) -> Files:
    return {
        path.stem.removeprefix("instances_"): json.loads(path.read_text())
        for path in (folder / "annotations").iterdir()
    }


def again(folder: Path, number: int, *, complete: bool) -> Any:
    """Convert a folder of COCO, and export it as COCO to another, losing nothing."""
    made = thyrodata.convert(
        "coco", folder / str(number), folder / f"d{number}", settings=CocoSettings(complete=complete)
    )
    return thyrodata.export("coco", made.dataset, folder / str(number + 1), split="official")


@given(coco_files())
def test_coco_comes_back_as_it_was(given_files: Given) -> None:
    """COCO, read and written again, says the same; keys that COCO does not have are in the account."""
    with folders() as folder:
        write(folder / "1", given_files.files)
        account = again(folder, 1, complete=given_files.complete).ledger
        made = read(folder / "2")
        assert {part: canonical(file) for part, file in made.items()} == {
            part: canonical(file) for part, file in given_files.files.items()
        }
        for file in made.values():
            for image in file["images"]:
                assert (folder / "2/images" / image["file_name"]).read_bytes() == png(image["id"])
        check_account(account, given_files.files)


def check_account(account: Any, files: Files) -> None:
    images = [image for file in files.values() for image in file["images"]]
    annotations = [annotation for file in files.values() for annotation in file["annotations"]]
    assert account.written == {"images": len(images), "findings": len(annotations)} or not annotations
    assert not account.lost
    assert not account.changed
    own = {"id", "file_name", "width", "height"}
    unknown = Counter(f"source_fields/{key}" for image in images for key in said(image, own))
    own = {"id", "image_id", "category_id", "bbox", "segmentation", "iscrowd"}
    noted = {(entry["image_id"], key) for entry in annotations for key in said(entry, own)}
    unknown += Counter(f"findings.source_fields/{key}" for _, key in noted)
    assert {name: n for name, n in account.fields.items() if "/" in name} == unknown


def said(entry: dict[str, Any], own: set[str]) -> dict[str, Any]:
    """The keys beside COCO's own that say something."""
    return {key: value for key, value in entry.items() if key not in own and value not in (None, "", [])}


@settings(max_examples=20)
@given(coco_files())
def test_a_second_round_changes_no_byte(given_files: Given) -> None:
    """What thyrodata has written is read, and written again to the same bytes."""
    with folders() as folder:
        write(folder / "1", given_files.files)
        for number in (1, 2):
            again(folder, number, complete=given_files.complete)
        for path in (folder / "2/annotations").iterdir():
            twice = (folder / "3/annotations" / path.name).read_bytes()
            assert twice == path.read_bytes()


# ---------------------------------------------------------------- by hand

RING = np.zeros((HEIGHT, WIDTH), bool)
RING[2:8, 2:9] = True
RING[4:6, 4:7] = False
PARTS = np.zeros((HEIGHT, WIDTH), bool)
PARTS[0:3, 0:4] = True
PARTS[7:12, 9:16] = True


@pytest.mark.parametrize("foreground", [RING, PARTS], ids=["a hole", "two parts"])
@pytest.mark.parametrize("encode", [runs, compressed])
def test_a_mask_keeps_every_pixel(foreground: np.ndarray, encode: Any, tmp_path: Path) -> None:
    rle = {"size": [HEIGHT, WIDTH], "counts": encode(foreground)}
    annotation = {"id": 5, "image_id": 7, "category_id": 1, "segmentation": rle, "iscrowd": 0}
    image = {"id": 7, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}
    file = {"images": [image], "annotations": [annotation], "categories": [{"id": 1, "name": "nodule"}]}
    write(tmp_path / "1", {"train": file})
    again(tmp_path, 1, complete=False)
    (made,) = read(tmp_path / "2")["train"]["annotations"]
    assert np.array_equal(coco_mask.decode(made["segmentation"]), foreground)
    assert made["area"] == foreground.sum()
    (kept,) = next(thyrodata.open(tmp_path / "d1").records()).findings
    assert kept.geometries == (Mask(height=HEIGHT, width=WIDTH, counts=compressed(foreground)),)


def test_what_thyrodata_knows_beside_coco_comes_back(tmp_path: Path) -> None:
    labels = (
        Label(value=Malignancy.MALIGNANT, basis=Basis.HISTOLOGY),
        Label(value=TiradsAcr.TR4, reader="A"),
    )
    size = {"height": HEIGHT, "width": WIDTH}
    findings = (
        finding(
            "n-1",
            Mask(**size, counts=compressed(RING)),
            Box(x=1, y=1, width=9, height=8),
            labels=labels,
            nodule_id="left",
            score=0.25,
            origin=Read(reader="A"),
        ),
        finding(
            "n-2",
            Polygon(
                parts=(
                    PolygonPart(exterior=((1, 1), (5, 1), (5, 5))),
                    PolygonPart(exterior=((7, 7), (9, 7), (9, 9))),
                )
            ),
            structure=Structure.LYMPH_NODE,
            origin=Read(reader="A"),
        ),
    )
    said = {
        "readings": (Reading(reader="A", coverage=Coverage.COMPLETE),),
        "case_labels": (Label(value=Bethesda.IV, edition="2017"),),
        "image_labels": (Label(value=Malignancy.BENIGN),),
        "nodules": (Nodule(nodule_id="left"),),
        "group": "patient 7",
        "group_kind": GroupKind.PATIENT,
        "official_splits": (OfficialSplit(part="val"),),
    }
    files = {f"images/{name}.jpg": png(number) for number, name in enumerate("ab")}
    first = record("a", *findings, image=files["images/a.jpg"], **said)
    second = record("b", image=files["images/b.jpg"], **{**said, "nodules": ()})
    dataset = make_dataset(tmp_path / "d0", [first, second], files)
    thyrodata.export("coco", dataset, tmp_path / "1", split="official")
    made = thyrodata.convert("coco", tmp_path / "1", tmp_path / "d1").dataset
    back, negative = made.records()
    kept = ("case_labels", "image_labels", "readings", "nodules", "group_kind", "official_splits")
    for name in kept:
        assert getattr(back, name) == getattr(first, name)
    assert negative.coverage is Coverage.COMPLETE
    assert negative.findings == ()
    assert back.group_id == "coco/toy/patient 7"
    for one, other in zip(back.findings, findings, strict=True):
        for name in ("geometries", "labels", "structure", "nodule_id", "score", "origin"):
            assert getattr(one, name) == getattr(other, name), name
    assert [f.text for f in back.source_fields if f.name == "image_id"] == ['"toy/a"']
    assert [f.text for f in back.findings[0].source_fields] == ['"n-1"']
