"""Copies are found whatever was done to them, no other pictures are, and rules say where they do harm."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import thyrodata
from tests import toy
from tests.faults.model import png
from thyrodata.curation.duplicates import find_duplicates
from thyrodata.dataset import Dataset
from thyrodata.errors import UsageError
from thyrodata.phantoms import PhantomSpec, jpeg_bytes, phantom
from thyrodata.qc import duplicates, leakage
from thyrodata.qc.altered import Altered
from thyrodata.qc.rule import Reads, Rule
from thyrodata.qc.whole import Whole
from thyrodata.schema.geometry import Box
from thyrodata.schema.record import Finding, ImageRecord, ImageRef, Label, Reading
from thyrodata.schema.vocab import GroupKind, Malignancy, Modality, Structure

pytestmark = pytest.mark.slow  # together they take as long as hundreds of others

RULES = (*duplicates.RULES, *leakage.RULES)
Grey = NDArray[np.uint8]
BOX = phantom(PhantomSpec(seed=0)).echo_box


def picture(seed: int, **fields: Any) -> Grey:
    return phantom(PhantomSpec(seed=seed, **fields)).pixels


def scaled(pixels: Grey, width: int, height: int) -> Grey:
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize((width, height)))


def echo(pixels: Grey) -> Grey:
    x0, y0, x1, y1 = BOX
    return pixels[y0:y1, x0:x1]


def marked(pixels: Grey) -> Grey:
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    for x, y in ((210, 150), (290, 190)):
        draw.line((x - 6, y, x + 6, y), 230, 2)
        draw.line((x, y - 6, x, y + 6), 230, 2)
    draw.text((330, 250), "TIRADS 4C", 240, ImageFont.load_default(14))
    return np.asarray(image)


def blanked(pixels: Grey) -> Grey:
    covered = pixels.copy()
    covered[200:260, 180:300] = 0
    return covered


def record(name: str, data: bytes, group: str = "", **fields: Any) -> ImageRecord:
    width, height = Image.open(io.BytesIO(data)).size
    return ImageRecord(
        image_id=f"toy/{name}",
        image=ImageRef(
            width=width, height=height, path=f"images/{name}", sha256=sha256(data).hexdigest(), bit_depth=8
        ),
        modality=Modality.ULTRASOUND,
        group_id=f"toy/{group or name}",
        group_kind=GroupKind.CASE,
        readings=(Reading(),),
        source=name,
        **fields,
    )


def made(folder: Path, files: Mapping[str, bytes], groups: Mapping[str, str] | None = None) -> Dataset:
    records = [record(name, data, (groups or {}).get(name, "")) for name, data in files.items()]
    return toy.make_dataset(folder, records, {f"images/{name}": data for name, data in files.items()})


def subject(rule: Rule, dataset: Dataset) -> Whole | Dataset:
    return Whole(dataset) if rule.reads is Reads.FILES else dataset


def found(dataset: Dataset) -> dict[str, list[str]]:
    """The images that each rule names."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for rule in RULES:
        for issue in rule.issues(subject(rule, dataset)):
            names[issue.code].append(issue.image_id)
    return dict(names)


COPIES: dict[str, Callable[[Grey], bytes]] = {
    "the file itself": jpeg_bytes,
    "the same pixels in another file": lambda g: png(np.asarray(Image.open(io.BytesIO(jpeg_bytes(g))))),
    "compressed again": lambda g: jpeg_bytes(g, quality=75),
    "in three channels": lambda g: jpeg_bytes(g, rgb=True),
    "cropped": lambda g: png(g[11:-20, 33:-40]),
    "the left half": lambda g: png(g[:, :280]),
    "the right half": lambda g: png(g[:, 280:]),
    "mirrored": lambda g: png(g[:, ::-1]),
    "mirrored and compressed": lambda g: jpeg_bytes(np.ascontiguousarray(g[:, ::-1]), quality=75),
    "upside down": lambda g: png(g[::-1]),
    "turned by 180 degrees": lambda g: png(g[::-1, ::-1]),
    "half the size": lambda g: png(scaled(g, 280, 180)),
    "a square of 256": lambda g: jpeg_bytes(scaled(g, 256, 256)),
    "a square of 224, compressed": lambda g: jpeg_bytes(scaled(g, 224, 224), quality=75),
    "twice the size": lambda g: png(scaled(g, 1120, 720)),
    "cut to the echo and a square of 256": lambda g: png(scaled(echo(g), 256, 256)),
    "cut to the echo, mirrored and scaled": lambda g: jpeg_bytes(scaled(echo(g)[:, ::-1], 224, 224)),
    "cropped and halved": lambda g: png(scaled(g[40:300, 100:460], 180, 130)),
    "cropped, mirrored and compressed": lambda g: jpeg_bytes(np.ascontiguousarray(g[30:, 90:500][:, ::-1])),
    "cropped, mirrored and enlarged by uneven factors": lambda g: png(
        scaled(g[20:320, 60:][:, ::-1], 700, 380)
    ),
    "half of each side, compressed": lambda g: jpeg_bytes(
        np.ascontiguousarray(g[90:270, 140:420]), quality=75
    ),
    "with calipers and a text": lambda g: jpeg_bytes(marked(g), quality=85),
    "cropped and scaled, with calipers and a text": lambda g: png(scaled(marked(g)[20:, 50:], 400, 260)),
    "with a blanked part": lambda g: png(blanked(g)),
    "brightened": lambda g: png(np.minimum(g * 1.3 + 5, 255).astype(np.uint8)),
}


@pytest.mark.parametrize("how", COPIES)
def test_copies_are_found_and_nothing_else(how: str, tmp_path: Path) -> None:
    files = {f"{seed}.jpg": jpeg_bytes(picture(seed)) for seed in range(4)}
    copies = {f"copy-of-{seed}": COPIES[how](picture(seed)) for seed in (1, 2)}
    result = find_duplicates([made(tmp_path / "d", {**files, **copies})])
    assert result.clusters == (("toy/1.jpg", "toy/copy-of-1"), ("toy/2.jpg", "toy/copy-of-2"))
    assert result.unread == ()


def test_what_was_done_to_a_copy_is_said(tmp_path: Path) -> None:
    g = picture(5)
    files = {"a": jpeg_bytes(g), "b": png(scaled(g[:, ::-1], 280, 180))}
    (pair,) = find_duplicates([made(tmp_path / "d", files)]).pairs
    assert isinstance(pair, Altered)
    assert str(pair).startswith("mirrored left to right and scaled from 560 x 360 px to 280 x 180 px, ")


def test_the_same_neck_with_another_nodule_is_no_copy(tmp_path: Path) -> None:
    files = {
        "nodules": png(picture(7, nodules=3)),
        "healthy, mirrored": png(picture(7, nodules=0)[:, ::-1]),
        "healthy, scaled": png(scaled(picture(7, nodules=0), 280, 180)),
    }
    clusters = find_duplicates([made(tmp_path / "d", files)]).clusters
    assert clusters == (("toy/healthy, mirrored", "toy/healthy, scaled"),)


def test_marks_that_only_one_has_are_said(tmp_path: Path) -> None:
    files = {"a": png(picture(5)), "b": png(blanked(picture(5)))}
    (pair,) = find_duplicates([made(tmp_path / "d", files)]).pairs
    assert isinstance(pair, Altered)
    assert str(pair).startswith("with other marks or a blanked part (")


def test_dark_frames_and_empty_screens_of_one_scanner_are_no_copies(tmp_path: Path) -> None:
    files = {}
    for seed in range(6):
        dark = phantom(PhantomSpec(seed=seed))
        x0, y0, x1, y1 = dark.echo_box
        pixels = dark.pixels.copy()
        pixels[y0:y1, x0:x1] = pixels[y0:y1, x0:x1] // 20 if seed % 2 else 0
        files[f"{seed}"] = jpeg_bytes(pixels, quality=90 + seed)
    assert [p for p in find_duplicates([made(tmp_path / "d", files)]).pairs if isinstance(p, Altered)] == []


@pytest.mark.slow
def test_no_two_of_many_phantoms_of_one_scanner_are_taken_for_copies(tmp_path: Path) -> None:
    files = {f"{seed}": png(picture(seed, nodules=seed % 4, dual=seed % 5 == 0)) for seed in range(120)}
    assert find_duplicates([made(tmp_path / "d", files)]).pairs == ()


@pytest.mark.slow
def test_the_result_does_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    files = {f"{seed}": png(picture(seed)[:, :: -1 if seed == 3 else 1]) for seed in (1, 2, 3)}
    files |= {"of-3": png(scaled(picture(3), 300, 200)), "of-1": png(picture(1)[:, :280])}
    dataset = made(tmp_path / "d", files)
    steps: list[tuple[int, int]] = []
    alone = find_duplicates([dataset], progress=lambda done, of: steps.append((done, of)))
    assert alone == find_duplicates([dataset], workers=2)
    assert len(alone.clusters) == 2
    assert steps[-1] == (10, 10)
    assert steps == sorted(steps)


def test_copies_are_found_across_datasets_and_written_as_links(tmp_path: Path) -> None:
    one = made(tmp_path / "one", {"a": jpeg_bytes(picture(1)), "b": jpeg_bytes(picture(2))})
    data = png(scaled(picture(2), 256, 256))
    other = record("c", data)
    moved = ImageRecord(
        image_id="other/c",
        image=other.image,
        modality=other.modality,
        group_id="other/c",
        group_kind=GroupKind.IMAGE,
        source="c",
    )
    two = toy.make_dataset(tmp_path / "two", [moved], {"images/c": data})
    result = find_duplicates([one, two.path])
    assert result.images == 3
    assert result.groups_joined == (("other/c", "toy/b"),)
    rows = [*csv.reader(io.StringIO(result.links_csv()))]
    assert rows == [["image_id", "cluster"], ["toy/b", "toy/b"], ["other/c", "toy/b"]]
    with pytest.raises(UsageError, match="two datasets have an image 'toy/a'"):
        find_duplicates([one, one])


def test_an_image_that_cannot_be_read_takes_no_part_and_is_named(tmp_path: Path) -> None:
    data = jpeg_bytes(picture(1))
    dataset = made(tmp_path / "d", {"a": data, "b": data, "cut": jpeg_bytes(picture(2))})
    (dataset.path / "images/cut").write_bytes(data[:2000])
    result = find_duplicates([dataset])
    assert result.unread == ("toy/cut",)
    assert result.clusters == (("toy/a", "toy/b"),)
    assert found(dataset) == {"TD302": ["toy/b"]}


def split(dataset: Dataset, name: str, parts: Mapping[str, str]) -> None:
    rows = "".join(f"toy/{image},toy/{image},{part}\n" for image, part in parts.items())
    (dataset.path / "splits").mkdir(exist_ok=True)
    (dataset.path / f"splits/{name}.csv").write_text(f"image_id,group_id,part\n{rows}")


FILES = {"a": jpeg_bytes(picture(1)), "b": png(picture(1)[:, ::-1]), "c": jpeg_bytes(picture(2))}


def test_a_dataset_without_copies_trips_no_rule(tmp_path: Path) -> None:
    dataset = made(tmp_path / "d", {name: FILES[name] for name in "ac"})
    split(dataset, "default", {"a": "train", "c": "test"})
    assert found(dataset) == {}


@pytest.mark.parametrize(
    ("groups", "parts", "expected"),
    [
        ({"a": "g", "b": "g"}, {"a": "train", "b": "train", "c": "test"}, {"TD301": ["toy/b"]}),
        ({}, {"a": "train", "b": "train", "c": "test"}, {"TD302": ["toy/b"]}),
        ({}, {"a": "train", "b": "test", "c": "test"}, {"TD302": ["toy/b"], "TD303": ["toy/b"]}),
        ({}, {"a": "train", "b": "excluded", "c": "test"}, {"TD302": ["toy/b"]}),
        (
            {"a": "g", "c": "g"},
            {"a": "train", "b": "train", "c": "test"},
            {"TD302": ["toy/b"], "TD304": ["toy/c"]},
        ),
        (
            {"a": "g", "b": "g"},
            {"a": "train", "b": "train", "z": "val"},
            {"TD301": ["toy/b"], "TD305": ["toy/c", "toy/z"]},
        ),
    ],
)
def test_copies_and_groups_are_held_against_each_split(
    groups: Mapping[str, str], parts: Mapping[str, str], expected: dict[str, list[str]], tmp_path: Path
) -> None:
    dataset = made(tmp_path / "d", FILES, groups)
    split(dataset, "official-1", parts)
    assert found(dataset) == expected


def outlined(*boxes: tuple[float, float, float, float]) -> dict[str, Any]:
    findings: Sequence[Finding] = [
        Finding(
            finding_id=str(i),
            structure=Structure.NODULE,
            geometries=(Box(x=x0, y=y0, width=x1 - x0, height=y1 - y0),),
        )
        for i, (x0, y0, x1, y1) in enumerate(boxes)
    ]
    return {"findings": tuple(findings)}


@pytest.mark.parametrize(
    ("first", "second", "dice"),
    [
        (outlined((10, 10, 30, 30)), outlined((10, 10, 30, 30)), None),
        (outlined((10, 10, 30, 30)), outlined((20, 10, 40, 30)), 0.5),
        (outlined((10, 10, 30, 30)), outlined(), None),
        (outlined((10, 10, 30, 30)), outlined((10, 10, 30, 30), (50, 50, 70, 70)), 2 / 3),
    ],
)
def test_outlines_of_equal_pictures_are_compared(
    first: dict[str, Any], second: dict[str, Any], dice: float | None, tmp_path: Path
) -> None:
    data = jpeg_bytes(picture(1))
    records = [record("a", data, **first), record("b", data, **second)]
    dataset = toy.make_dataset(tmp_path / "d", records, {"images/a": data, "images/b": data})
    issues = [
        issue for rule in RULES for issue in rule.issues(subject(rule, dataset)) if issue.code == "TD306"
    ]
    assert [issue.score for issue in issues] == ([] if dice is None else [pytest.approx(1 - dice)])


def test_labels_of_one_picture_that_contradict_each_other_are_found(tmp_path: Path) -> None:
    data = jpeg_bytes(picture(1))
    said = [(Label(value=value),) for value in Malignancy]
    records = [record(name, data, case_labels=labels) for name, labels in zip("ab", said, strict=True)]
    dataset = toy.make_dataset(tmp_path / "d", records, {"images/a": data, "images/b": data})
    assert found(dataset) == {"TD302": ["toy/b"], "TD307": ["toy/b"]}


def test_every_copy_in_the_samples_is_found_and_no_two_cases_are_joined(
    samples: Path, tmp_path: Path
) -> None:
    """The byte-identical groups and near-duplicates that are known, and the answer key of the re-cut set."""
    for name in ("ddti", "ddti637"):
        thyrodata.convert(name, samples / name, tmp_path / name)
    result = find_duplicates([tmp_path / "ddti", tmp_path / "ddti637"])
    within = [{i for i in cluster if i.startswith("ddti/")} for cluster in result.clusters]
    known = "1_1 1_2, 213_1 213_2, 230_1 230_2, 92_3 92_4, 150_1 233_2, 234_2 234_3"
    for images in known.split(", "):
        assert any({f"ddti/{image}" for image in images.split()} <= cluster for cluster in within), images
    cases = [{image.rpartition("_")[0] for image in cluster} for cluster in within]
    assert [sorted(each) for each in cases if len(each) > 1] == [["ddti/150", "ddti/233"]]
    cluster_of = {image: cluster for cluster in result.clusters for image in cluster}
    with (samples / "ddti637/map_to_ddti.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            original = "ddti/" + row["ddti_image"].removesuffix(".jpg")
            assert original in cluster_of[f"ddti637/{row['id637']}"]
