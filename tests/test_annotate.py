"""Annotate: work lists that say nothing of where images are from, and readings that say what readers said."""

from __future__ import annotations

import csv
import io
import json
import re
import struct
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from curated import content, make_parent, picture, unchanged, with_images
from drawing_tools import WRITERS, Drawn, cvat_xml, label_studio_json
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from toy import finding, graded, make_dataset, record

import thyrodata
from thyrodata import export_worklists, import_readings
from thyrodata.change import sums_sha256
from thyrodata.conversion import convert
from thyrodata.dataset import Dataset
from thyrodata.errors import CaseError, DatasetError, OutputError, ThyrodataError, UsageError
from thyrodata.io.masks import encode_mask
from thyrodata.io.png import encode_png
from thyrodata.schema.geometry import Box, Line, Mask, Polygon, PolygonPart
from thyrodata.schema.record import Label, OfficialSplit, Read, Reading, SourceField
from thyrodata.schema.vocab import Basis, Coverage, Structure, TiradsAcr

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

BOX = Box(x=2, y=3, width=5, height=3)  # in eighths of percent, so that percent are exact
POLYGON = Polygon(parts=(PolygonPart(exterior=((1, 1), (9.5, 1), (5, 8.25))),))
MASK = encode_mask(np.arange(12 * 16).reshape(12, 16) % 7 == 0)


def key_of(lists: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((lists / "key.csv").read_text())))


def files_of(lists: Path, reader: str) -> dict[str, str]:
    """The name of each image's file for a reader."""
    return {row["image_id"]: Path(row["file"]).name for row in key_of(lists) if row["reader"] == reader}


def lists_of(parent: Dataset, out: Path, **options) -> Path:
    export_worklists(parent, out, **{"readers": ["A", "B"], **options})
    return out


# ---------------------------------------------------------------- blinding

SECRETS = ("smith", "ward9", "tirads", "4c", "scanner", "hidden", "validated", "toy", "zoe")
"""What the dataset below knows of its images, and the other reader's name."""


def noisy(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (12, 16), np.uint8)


def png_with_text(seed: int) -> bytes:
    info = PngInfo()
    info.add_text("Patient", "Smith")
    stream = io.BytesIO()
    Image.fromarray(noisy(seed)).save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


def jpeg_with_comment(seed: int) -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "Scanner"
    stream = io.BytesIO()
    Image.fromarray(noisy(seed)).save(stream, "JPEG", comment=b"Smith", exif=exif)
    return stream.getvalue()


def secretive(folder: Path) -> Dataset:
    """A dataset all of whose names are secrets, with metadata in its image files."""
    records, images = [], {}
    for number in range(6):
        records.append(
            record(
                f"smith_{number}",
                finding("hidden", BOX, labels=graded("4c")),
                group=f"ward9_{number // 2}",
                case_labels=graded("4c"),
                official_splits=(OfficialSplit(part="validated"),),
                source_fields=(SourceField(name="smith", text="hidden"),),
                study_id="smith",
            )
        )
        make = png_with_text if number % 2 else jpeg_with_comment
        images[f"toy/smith_{number}"] = make(number)
    return with_images(folder, records, images)


@pytest.mark.parametrize("tool", WRITERS)
def test_a_reader_is_told_nothing(tool, tmp_path):
    parent = secretive(tmp_path / "parent")
    with unchanged(parent.path):
        lists_of(parent, tmp_path / "lists", readers=["one", "zoe"], tool=tool, batch=3)
    for path in sorted((tmp_path / "lists/one").rglob("*")):
        told = path.name.encode()
        if path.is_file():
            told += path.read_bytes() if path.suffix != ".png" else b"".join(chunks(path.read_bytes()))
        for secret in SECRETS:
            assert secret.encode() not in told.lower(), (path, secret)
    assert {path.name for path in (tmp_path / "lists").iterdir()} == {
        "key.csv",
        "one",
        "thyrodata-annotation.json",
        "zoe",
    }


def chunks(data: bytes) -> list[bytes]:
    """The types of a PNG's chunks."""
    found, at = [], 8
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        found.append(kind)
        at += 12 + length
    return found


def test_images_are_png_of_the_same_pixels_and_nothing_else(tmp_path):
    parent = secretive(tmp_path / "parent")
    lists = lists_of(parent, tmp_path / "lists")
    original = {each.image_id: parent.image_bytes(each) for each in parent.records()}
    assert len(key_of(lists)) == 12
    for row in key_of(lists):
        written = (lists / row["reader"] / row["file"]).read_bytes()
        assert chunks(written) == [b"IHDR", b"IDAT", b"IEND"]
        expected = np.array(Image.open(io.BytesIO(original[row["image_id"]])))
        assert np.array_equal(np.array(Image.open(io.BytesIO(written))), expected)


def test_the_times_of_files_say_nothing(tmp_path):
    lists = lists_of(make_parent(tmp_path / "parent"), tmp_path / "lists")
    times = {path.stat().st_mtime for path in lists.rglob("*.png")}
    assert len(times) == 1


@pytest.mark.parametrize("tool", WRITERS)
def test_nothing_drawn_is_shown(tool, tmp_path):
    lists = lists_of(make_parent(tmp_path / "parent"), tmp_path / "lists", tool=tool)
    names = sorted(path.name for path in (lists / "A").rglob("*.png"))
    if tool == "cvat":
        text = (lists / "A/batch-01/annotations.xml").read_text()
        assert re.findall(r"<(?!/|\?)(\w+)", text[text.index("<image") :]) == ["image"] * len(names)
        assert re.findall(r'name="([^"]+)" width="16" height="12"/>', text) == names
        labels = json.loads((lists / "A/labels.json").read_text())
        assert [label["name"] for label in labels if label["type"] != "tag"] == ["nodule"]
    else:
        tasks = json.loads((lists / "A/batch-01/tasks.json").read_text())
        assert [set(task) for task in tasks] == [{"data"}] * len(names)
        served = [task["data"]["image"].removeprefix("/data/local-files/?d=") for task in tasks]
        assert all((lists / "A" / path).is_file() for path in served)
        assert sorted(Path(path).name for path in served) == names
        assert b'"gland"' not in (lists / "A/label_config.xml").read_bytes()


def test_what_is_asked_for_is_what_the_tool_offers(tmp_path):
    parent = make_parent(tmp_path / "parent")
    lists = lists_of(parent, tmp_path / "lists", tool="label-studio", structures=["gland", "lymph-node"])
    config = (lists / "A/label_config.xml").read_text()
    assert config.count('<Label value="gland"/>') == config.count('<Label value="lymph-node"/>') == 3
    assert '"nodule"' not in config
    assert "Draw every gland and lymph-node" in (lists / "A/README.txt").read_text()


# ---------------------------------------------------------------- balance


def test_the_account_is_what_the_key_comes_to(tmp_path):
    parent = make_parent(tmp_path / "parent", cases=30)
    made = export_worklists(parent, tmp_path / "lists", readers=["A", "B"], batch=13).to_json()
    stated = json.loads((tmp_path / "lists/thyrodata-annotation.json").read_text())
    assert made == {"out": str(tmp_path / "lists"), "dry_run": False, **stated}
    grade = {r.image_id: str(r.case_labels[0].value.value) if r.case_labels else "" for r in parent.records()}
    group = {r.image_id: r.group_id for r in parent.records()}
    batches: dict[str, list[str]] = {}
    for row in key_of(tmp_path / "lists"):
        if row["reader"] == "A":
            batches.setdefault(row["file"].partition("/")[0], []).append(row["image_id"])
    assert [len(ids) for ids in batches.values()] == [sum(batch.values()) for batch in made["batches"]]
    assert max(len(ids) for ids in batches.values()) <= 13
    whole = Counter(grade.values())
    deviation = max(
        abs(sum(grade[i] == name for i in ids) / len(ids) - n / whole.total())
        for ids in batches.values()
        for name, n in whole.items()
    )
    assert made["largest_deviation"] == round(deviation, 6) <= 2 / 12
    assert (made["balanced_by"], made["grouped_by"]) == ("tirads-kwak", ["case"])
    assert all(len({batch for batch, ids in batches.items() if i in ids}) == 1 for i in group)
    assert made["groups_in_several_batches"] == 0
    assert made["neighbours_of_one_group"] == {"A": 0, "B": 0}


def test_readers_see_the_same_images_in_other_orders(tmp_path):
    lists = lists_of(make_parent(tmp_path / "parent"), tmp_path / "lists")
    orders = {reader: list(files_of(lists, reader)) for reader in "AB"}
    assert sorted(orders["A"]) == sorted(orders["B"])
    assert orders["A"] != orders["B"]
    assert not {*files_of(lists, "A").values()} & {*files_of(lists, "B").values()}


def test_a_group_larger_than_a_batch_is_spread_and_said(tmp_path):
    records = [record(str(n), group="one") for n in range(7)]
    parent = with_images(tmp_path / "parent", records, {f"toy/{n}": picture(n) for n in range(7)})
    made = export_worklists(parent, tmp_path / "lists", readers=["A"], batch=3).to_json()
    assert [sum(batch.values()) for batch in made["batches"]] == [3, 2, 2]
    assert (made["groups_in_several_batches"], made["neighbours_of_one_group"]) == (1, {"A": 6})
    assert made["balanced_by"] is None


def test_a_part_and_a_count(tmp_path):
    parent = make_parent(tmp_path / "parent", cases=30)
    part = lists_of(parent, tmp_path / "part", split="default", part="val")
    assert set(files_of(part, "A")) == set(parent.split()["val"])
    few = export_worklists(parent, tmp_path / "few", readers=["A"], count=13).to_json()
    assert few["images"] == 12  # cases have two images each
    assert few["groups"] == 6
    assert few["batches"] == [dict.fromkeys(["2", "3", "4a", "4b", "5", "not graded"], 2)]


def test_images_without_a_file_are_counted(tmp_path):
    records = [record("a"), record("b")]
    parent = with_images(tmp_path / "parent", records, {"toy/a": picture(1)})
    made = export_worklists(parent, tmp_path / "lists", readers=["A"])
    assert (made.without_file, len(made.lists.items)) == (1, 1)


def test_images_of_sixteen_bits_keep_their_pixels_and_are_counted(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 65536, (12, 16), np.uint16)
    parent = with_images(tmp_path / "parent", [record("a")], {"toy/a": encode_png(pixels)})
    (deep,) = [replace(r, image=replace(r.image, bit_depth=16)) for r in parent.records()]
    parent = make_dataset(tmp_path / "deep", [deep], {deep.image.path: encode_png(pixels)})
    assert export_worklists(parent, tmp_path / "lists", readers=["A"]).deep == 1
    (path,) = (tmp_path / "lists").rglob("*.png")
    assert np.array_equal(np.array(Image.open(path)), pixels)


def test_lists_depend_on_dataset_and_seed_alone(tmp_path):
    parent = make_parent(tmp_path / "parent", cases=20)
    for out, options in (("a", {}), ("b", {"workers": 2}), ("c", {"seed": 1})):
        lists_of(parent, tmp_path / out, batch=11, **options)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    names = [[row["image_id"] for row in key_of(tmp_path / out)] for out in "ac"]
    assert names[0] != names[1]


# ---------------------------------------------------------------- written or not


def test_a_dry_run_says_what_would_be_written(tmp_path):
    parent = make_parent(tmp_path / "parent")
    before = content(tmp_path)
    dry = export_worklists(parent, tmp_path / "lists", readers=["A", "B"], dry_run=True).to_json()
    assert content(tmp_path) == before
    made = export_worklists(parent, tmp_path / "lists", readers=["A", "B"]).to_json()
    assert dry == {**made, "dry_run": True}


def test_lists_replace_nothing_but_lists(tmp_path):
    parent = make_parent(tmp_path / "parent")
    lists_of(parent, tmp_path / "lists")
    before = content(tmp_path)
    with pytest.raises(OutputError, match="the output exists"):
        lists_of(parent, tmp_path / "lists", seed=1)
    make_parent(tmp_path / "other")
    with pytest.raises(OutputError, match=r"no thyrodata-annotation\.json"):
        lists_of(parent, tmp_path / "other", overwrite=True)
    with pytest.raises(OutputError, match="inside the source"):
        lists_of(parent, parent.path / "lists")
    assert {name: each for name, each in content(tmp_path).items() if "other" not in name} == before
    lists_of(parent, tmp_path / "lists", seed=1, overwrite=True)
    assert content(tmp_path) != before


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"readers": []}, UsageError, "there is no reader"),
        ({"readers": ["A", "a"]}, UsageError, "two readers have one name"),
        ({"readers": ["A/../B"]}, UsageError, "cannot be called 'A/../B'"),
        ({"readers": [""]}, UsageError, "cannot be called ''"),
        ({"readers": ["derived"]}, UsageError, "cannot be called 'derived'"),
        ({"tool": "paint"}, UsageError, "no tool 'paint'"),
        ({"tool": "coco"}, UsageError, "work lists are not written as COCO"),
        ({"structures": ["liver"]}, UsageError, "no structure 'liver'"),
        ({"structures": []}, UsageError, "structures to outline are none"),
        ({"structures": ["nodule", "nodule"]}, UsageError, "named twice"),
        ({"split": "default"}, UsageError, "a part is a split's"),
        ({"part": "train"}, UsageError, "a part is a split's"),
        ({"split": "none", "part": "train"}, DatasetError, "no split 'none'"),
        ({"split": "default", "part": "none"}, DatasetError, "no part 'none'"),
        ({"count": 0}, UsageError, "below one image"),
        ({"batch": 0}, UsageError, "below one image"),
        ({"count": 25}, UsageError, "there are 24 images, fewer than 25"),
        ({"count": 1}, UsageError, "more than 1 images"),
    ],
)
def test_what_cannot_be_asked_is_refused_and_nothing_written(options, error, said, tmp_path):
    parent = make_parent(tmp_path / "parent")
    before = content(tmp_path)
    with pytest.raises(error) as caught:
        lists_of(parent, tmp_path / "lists", **options)
    assert said in caught.value.message
    assert content(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["parent"]


def test_damage_ends_an_export_with_nothing_written(tmp_path):
    parent = make_parent(tmp_path / "parent")
    (parent.path / "images/3_a.png").write_bytes(picture(1))
    with pytest.raises(DatasetError, match="differs from its checksum") as caught:
        lists_of(parent, tmp_path / "lists")
    assert caught.value.where == str(parent.path / "images/3_a.png")
    (parent.path / "images/3_a.png").unlink()
    with pytest.raises(DatasetError, match="cannot be read"):
        lists_of(parent, tmp_path / "lists")
    assert [path.name for path in tmp_path.iterdir()] == ["parent"]


def test_an_image_of_another_size_than_its_record_is_refused(tmp_path):
    data = picture(1, width=9)
    parent = with_images(tmp_path / "parent", [record("a")], {"toy/a": data})
    with pytest.raises(CaseError, match="9 x 12 px, its record says 16 x 12"):
        lists_of(parent, tmp_path / "lists")
    assert [path.name for path in tmp_path.iterdir()] == ["parent"]


def test_a_dataset_without_images_gives_nothing(tmp_path):
    parent = with_images(tmp_path / "parent", [record("a")], {})
    with pytest.raises(DatasetError, match="no image to give"):
        lists_of(parent, tmp_path / "lists")


# ---------------------------------------------------------------- what comes back


@pytest.fixture
def parent(tmp_path) -> Dataset:
    return make_parent(tmp_path / "parent")


@pytest.fixture
def lists(parent, tmp_path) -> Path:
    return lists_of(parent, tmp_path / "lists", structures=["nodule"])


def drawn(lists: Path, reader: str = "A", **said) -> list[Drawn]:
    """The reader's images, of which some are worked on: ``t0_a=([("nodule", BOX)], ["all outlined"])``."""
    files = files_of(lists, reader)
    known = {f"toy/{name[1:]}": each for name, each in said.items()}
    assert known.keys() <= files.keys()
    return [
        Drawn(
            name=files[i],
            width=16,
            height=12,
            shapes=known.get(i, ((), ()))[0],
            tags=known.get(i, ((), ()))[1],
        )
        for i in files
    ]


def sent(lists: Path, data: bytes, name: str = "sent") -> Path:
    file = lists.parent / name
    file.write_bytes(data)
    return file


def take(parent, lists, file, out="out", reader="A", **options):
    return import_readings(
        parent, [file], key=lists / "key.csv", reader=reader, out=lists.parent / out, **options
    )


@pytest.mark.parametrize("tool", WRITERS)
def test_readings_say_what_the_reader_said(tool, parent, lists, tmp_path):
    data = WRITERS[tool](
        drawn(
            lists,
            t0_a=([("nodule", BOX), ("tirads-acr/TR4", POLYGON)], ["all outlined"]),
            t0_b=([], ["nothing to outline"]),
            t1_a=([("nodule", MASK)], ["not all outlined"]),
            t1_b=([("gland", POLYGON)], []),
            t2_a=([], ["tirads-acr/TR2"]),
        )
    )
    with unchanged(parent.path):
        made = take(parent, lists, sent(lists, data))
    out = made.revision.dataset
    assert out.verify() == ()
    old = {each.image_id: each for each in parent.records()}
    new = {each.image_id: each for each in out.records()}
    assert list(old) == list(new)
    coverage = {
        "toy/0_a": Coverage.COMPLETE,
        "toy/0_b": Coverage.COMPLETE,
        "toy/1_a": Coverage.PARTIAL,
        "toy/1_b": None,  # an outline does not say that all was outlined
        "toy/2_a": None,
    }
    for image_id, each in new.items():
        was = old[image_id]
        assert each.findings[:1] == was.findings  # of the unnamed reader, who stays
        readings = [Reading(reader="A", coverage=coverage[image_id])] if image_id in coverage else []
        assert each.readings == (*was.readings, *readings)
        rest = {"findings": (), "readings": (), "image_labels": ()}
        assert replace(each, **rest) == replace(was, **rest)
    term = Label(value=TiradsAcr.TR4, basis=Basis.IMAGING, reader="A")
    _, box, polygon = new["toy/0_a"].findings
    assert (box.geometries, box.labels, box.origin) == ((BOX,), (), Read(reader="A"))
    assert (polygon.structure, polygon.labels) == (Structure.NODULE, (term,))
    assert new["toy/1_a"].findings[1].geometries == (MASK,)
    assert new["toy/1_b"].findings[1].structure is Structure.GLAND
    assert new["toy/2_a"].image_labels == (Label(value=TiradsAcr.TR2, basis=Basis.IMAGING, reader="A"),)
    assert out.split() == parent.split()


def test_the_account_says_what_was_read(parent, lists):
    file = sent(
        lists, cvat_xml(drawn(lists, t0_a=([("nodule", BOX)], []), t3_b=([], ["nothing to outline"])))
    )
    made = take(parent, lists, file)
    out = made.revision.dataset
    report = json.loads((out.path / "reports/annotate.json").read_text())
    assert made.to_json() == {
        "out": str(out.path),
        "dry_run": False,
        "images": 24,
        "image_bytes": made.revision.image_bytes,
        **report,
    }
    assert {name: report[name] for name in ("reader", "structures", "listed", "read", "findings")} == {
        "reader": "A",
        "structures": ["nodule"],
        "listed": 24,
        "read": 2,
        "findings": 1,
    }
    assert set(report["unread"]) == {r.image_id for r in parent.records()} - {"toy/0_a", "toy/3_b"}
    assert report["coverage"] == {"complete": 1, "not stated": 1}
    assert report["geometries"] == {"box": 1}
    assert report["categories"] == {"nodule": 1}
    (step,) = out.manifest.operations
    assert step.name == "annotate"
    assert [each.sha256 for each in step.parents] == [sums_sha256(parent)]
    settings = {setting.name: setting.value for setting in step.settings}
    assert (settings["reader"], settings["structures"]) == ("A", "nodule")
    for text in (json.dumps(report), str(settings), (out.path / "README.md").read_text()):
        assert str(lists.parent) not in text


def test_bytes_depend_on_nothing_else(parent, lists, tmp_path):
    data = cvat_xml(drawn(lists, t0_a=([("nodule", BOX)], []), t3_b=([], ["nothing to outline"])))
    take(parent, lists, sent(lists, data), "a", workers=1)
    take(parent, lists, sent(lists, data, "another name"), "b", workers=2, link=True)
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_a_dry_run_of_an_import_writes_nothing(parent, lists, tmp_path):
    file = sent(lists, cvat_xml(drawn(lists, t0_a=([("nodule", BOX)], []))))
    before = content(tmp_path)
    dry = take(parent, lists, file, dry_run=True).to_json()
    assert content(tmp_path) == before
    assert dry == {**take(parent, lists, file).to_json(), "dry_run": True}


def test_one_reader_after_the_other(parent, lists):
    one = take(parent, lists, sent(lists, cvat_xml(drawn(lists, t0_a=([("nodule", BOX)], [])))), "one")
    data = label_studio_json(drawn(lists, "B", t0_a=([("nodule", POLYGON)], ["all outlined"])))
    both = take(one.revision.dataset, lists, sent(lists, data), "both", reader="B").revision.dataset
    (each,) = both.records(only=["toy/0_a"])
    assert [reading.reader for reading in each.readings] == [None, "A", "B"]
    assert [found.origin.reader for found in each.findings] == [None, "A", "B"]
    assert both.verify() == ()
    assert [step.name for step in both.manifest.operations] == ["annotate", "annotate"]
    with pytest.raises(UsageError, match="A has readings in the dataset already"):
        take(both, lists, sent(lists, data), "again")
    with pytest.raises(UsageError, match="B has readings in the dataset already"):
        lists_of(both, lists.parent / "more", readers=["C", "B"])
    lists_of(both, lists.parent / "more", readers=["C"])


def test_a_list_may_come_back_in_several_files(parent, lists):
    images = drawn(lists, t0_a=([("nodule", BOX)], []), t3_b=([], ["nothing to outline"]))
    files = [
        sent(lists, cvat_xml(images[:11]), "first.xml"),
        sent(lists, cvat_xml(images[11:]), "second.xml"),
    ]
    options = {"key": lists / "key.csv", "reader": "A"}
    made = import_readings(parent, files, out=lists.parent / "out", **options)
    assert made.to_json()["read"] == 2
    with pytest.raises(CaseError, match="is there twice") as caught:
        import_readings(parent, [*files, files[0]], out=lists.parent / "again", **options)
    assert str(files[0]) in caught.value.where
    assert str(files[0]) in caught.value.message


def test_ids_of_new_findings_are_free(tmp_path):
    records = [record("0", finding("A/1", BOX), finding("A/3", BOX))]
    parent = with_images(tmp_path / "parent", records, {"toy/0": picture(0)})
    lists = lists_of(parent, tmp_path / "lists")
    file = sent(lists, cvat_xml(drawn(lists, t0=([("nodule", BOX), ("nodule", POLYGON)], []))))
    (each,) = take(parent, lists, file).revision.dataset.records()
    assert [found.finding_id for found in each.findings] == ["A/1", "A/3", "A/2", "A/4"]


def test_a_polyline_is_a_line(parent, lists):
    line = Line(points=((1, 2), (3, 4.5)))
    file = sent(lists, cvat_xml(drawn(lists, t0_a=([("marker", line)], []))))
    (each,) = take(parent, lists, file).revision.dataset.records(only=["toy/0_a"])
    assert (each.findings[1].structure, each.findings[1].geometries) == (Structure.MARKER, (line,))


def test_a_list_may_come_back_as_coco_or_as_masks(parent, lists, tmp_path):
    size = {"width": 16, "height": 12}
    name = files_of(lists, "A")["toy/0_a"]
    coco = {
        "images": [{"id": 1, "file_name": f"images/{name}", **size, "coverage": "complete"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 3, 5, 3]}],
        "categories": [{"id": 1, "name": "nodule"}],
    }
    file = sent(lists, json.dumps(coco).encode())
    (each,) = take(parent, lists, file, "coco").revision.dataset.records(only=["toy/0_a"])
    assert (each.readings[1].coverage, each.findings[1].geometries) == (Coverage.COMPLETE, (BOX,))
    (tmp_path / "masks").mkdir()
    pixels = np.arange(12 * 16).reshape(12, 16) % 7 == 0
    (tmp_path / "masks" / name).write_bytes(encode_png(np.where(pixels, 255, 0).astype(np.uint8)))
    (each,) = take(parent, lists, tmp_path / "masks", "out").revision.dataset.records(only=["toy/0_a"])
    assert (each.readings[1].coverage, each.findings[1].geometries) == (None, (MASK,))


def test_what_a_record_cannot_hold_is_listed(parent, lists):
    data = cvat_xml(drawn(lists, t0_a=([("nodule", BOX)], [])))
    data = data.replace(b'source="manual" occluded="0"', b'source="semi-auto" occluded="1"')
    made = take(parent, lists, sent(lists, data)).to_json()
    name = files_of(lists, "A")["toy/0_a"]
    (left,) = made["left_out"]
    assert left["what"] == "that the shape is occluded"
    assert re.fullmatch(rf"toy/0_a, {name}: sent:\d+", left["where"])
    assert made["not_by_hand"] == [{"what": "semi-auto", "where": left["where"]}]
    assert made["findings"] == 1


def test_images_that_are_gone_are_listed(parent, lists, tmp_path):
    left = [each for each in parent.records() if each.group_id != "toy/0"]
    files = {each.image.path: parent.image_bytes(each) for each in left}
    fewer = make_dataset(tmp_path / "fewer", left, files)
    file = sent(lists, cvat_xml(drawn(lists, t0_a=([("nodule", BOX)], []), t3_b=([("nodule", BOX)], []))))
    made = take(fewer, lists, file).to_json()
    assert sorted(made["gone"]) == ["toy/0_a", "toy/0_b"]
    assert (made["read"], made["listed"], len(made["unread"])) == (1, 24, 21)


def test_only_a_structure_that_was_asked_for_is_meant(parent, tmp_path):
    lists = lists_of(parent, tmp_path / "lists", structures=["gland"])
    file = sent(lists, cvat_xml(drawn(lists, t0_a=([("tirads-acr/TR4", BOX)], []))))
    (each,) = take(parent, lists, file).revision.dataset.records(only=["toy/0_a"])
    assert each.findings[1].structure is Structure.GLAND
    both = lists_of(parent, tmp_path / "both", structures=["gland", "nodule"])
    file = sent(both, cvat_xml(drawn(both, t0_a=([("tirads-acr/TR4", BOX)], []))))
    with pytest.raises(CaseError, match="do not say what is drawn"):
        take(parent, both, file, "second")


# ---------------------------------------------------------------- what cannot be imported


def swapped(text: str) -> str:
    """The key with the images of two rows exchanged, their checksums with them."""
    head, one, other, *rest = text.splitlines()
    (a, b), (c, d) = (row.split(",", 2)[:2] for row in (one, other))
    one, other = one.split(",", 2)[2], other.split(",", 2)[2]
    return "\n".join([head, f"{a},{b},{other}", f"{c},{d},{one}", *rest, ""])


@pytest.mark.parametrize(
    ("change", "said", "line"),
    [
        (lambda text: text.replace("reader,file", "reader,path"), "the header", 1),
        (lambda text: text.replace(",", ";"), "the header", 1),
        (lambda text: text.replace("toy/", "toy,", 1), "a row has 5 cells", 2),
        (lambda text: text.replace("toy/", '"toy/', 1), "the key cannot be read", None),
        (lambda text: text[:-9], "a row is damaged", 49),
        (lambda text: text + text.splitlines()[1] + "\n", "is there twice", 50),
        (lambda text: "\n".join(text.splitlines()[:-1]) + "\n", "one is missing", None),
        (swapped, "is not what was written", None),
        (lambda text: "", "has no row", None),
    ],
)
def test_a_key_that_was_changed_is_refused(change, said, line, parent, lists):
    file = sent(lists, cvat_xml(drawn(lists)))
    key = lists / "key.csv"
    key.write_text(change(key.read_text()))
    before = content(lists.parent)
    with pytest.raises(CaseError) as caught:
        take(parent, lists, file)
    assert said in caught.value.message
    assert caught.value.where.startswith(str(key))
    assert line is None or caught.value.where == f"{key}:{line}"
    assert content(lists.parent) == before


def test_a_key_that_a_spreadsheet_has_saved_is_still_the_key(parent, lists):
    file = sent(lists, cvat_xml(drawn(lists, t0_a=([("nodule", BOX)], []))))
    key = lists / "key.csv"
    key.write_bytes(b"\xef\xbb\xbf" + key.read_bytes().replace(b"\n", b"\r\n"))
    assert take(parent, lists, file).to_json()["read"] == 1


def test_a_key_without_its_account_is_refused(parent, lists):
    file = sent(lists, cvat_xml(drawn(lists)))
    marker = lists / "thyrodata-annotation.json"
    for text in ("{", "[]", '{"assignment": {}}', '{"assignment": {"task": {"readers": []}}}'):
        marker.write_text(text)
        with pytest.raises(CaseError, match="account of the work lists") as caught:
            take(parent, lists, file)
        assert caught.value.where == str(marker)
    marker.unlink()
    with pytest.raises(CaseError, match="cannot be read"):
        take(parent, lists, file)


def test_another_dataset_and_changed_images_are_refused(parent, lists, tmp_path):
    file = sent(lists, cvat_xml(drawn(lists)))
    other = with_images(tmp_path / "other", [record("x")], {"toy/x": picture(5)})
    records = list(parent.records())
    images = {each.image_id: parent.image_bytes(each) for each in records}
    changed = with_images(tmp_path / "changed", records, {**images, "toy/4_a": picture(77)})
    before = content(tmp_path)
    with pytest.raises(DatasetError, match="the key is of another dataset"):
        take(other, lists, file)
    with pytest.raises(DatasetError, match="toy/4_a is not the one that was given out") as caught:
        take(changed, lists, file)
    row = next(
        n for n, row in enumerate(key_of(lists), 2) if (row["reader"], row["image_id"]) == ("A", "toy/4_a")
    )
    assert caught.value.where == f"{lists / 'key.csv'}:{row}"
    assert content(tmp_path) == before


def test_files_of_another_reader_are_refused(parent, lists):
    file = sent(lists, cvat_xml(drawn(lists, "B", t0_a=([("nodule", BOX)], []))))
    with pytest.raises(CaseError, match="is a file of the reader B, not of A") as caught:
        take(parent, lists, file)
    assert caught.value.where.startswith(str(file))
    with pytest.raises(UsageError, match="there is no reader 'C'"):
        take(parent, lists, file, reader="C")


def test_two_people_are_not_one_reader(parent, lists):
    one = drawn(lists, t0_a=([("nodule", BOX)], []))
    other = drawn(lists, t1_a=([("nodule", BOX)], []))
    tasks = json.loads(label_studio_json([each for each in one if each.shapes], account=1))
    tasks += json.loads(label_studio_json([each for each in other if each.shapes], account=2))
    with pytest.raises(CaseError, match="two people have annotated: '1' and '2'"):
        take(parent, lists, sent(lists, json.dumps(tasks).encode()))


OUTSIDE = Polygon(
    parts=(
        PolygonPart(
            exterior=((1, 1), (16.01, 1), (5, 8)),
        ),
    )
)


@pytest.mark.parametrize("tool", WRITERS)
@pytest.mark.parametrize(
    ("shapes", "tags", "said"),
    [
        ([("nodule", Box(x=-1, y=0, width=3, height=3))], [], "leaves its image"),
        ([("nodule", Box(x=2, y=9, width=3, height=3.02))], [], "leaves its image"),
        ([("nodule", OUTSIDE)], [], "leaves its image"),
        ([("lump", BOX)], [], "the label 'lump' is not understood"),
        ([("tirads-acr/TR9", BOX)], [], "'TR9' is not a value of tirads-acr"),
        ([("bethesda/III", BOX)], [], "bethesda/III is a category of cytology"),
        ([], ["bethesda/V"], "bethesda/V is a category of cytology"),
        ([], ["sure"], "'sure' says nothing of an image"),
        ([], ["nodule"], "'nodule' says nothing of an image"),
        ([("nodule", BOX)], ["nothing to outline"], "and has a drawing"),
        ([], ["all outlined"], "and nothing is drawn"),
        ([("nodule", BOX)], ["all outlined", "not all outlined"], "'all outlined' and 'not all outlined'"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(tool, shapes, tags, said, parent, lists):
    file = sent(lists, WRITERS[tool](drawn(lists, t0_a=(shapes, tags))))
    before = content(lists.parent)
    with pytest.raises(CaseError) as caught:
        take(parent, lists, file)
    assert said in caught.value.message
    assert re.fullmatch(rf"{re.escape(str(file))}(:\d+|#\[\d+\].*)", caught.value.where)
    assert caught.value.hint
    assert content(lists.parent) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data, name: data.replace(name, b"9999.png"), "'9999.png' is no file of the work lists"),
        (lambda data, name: data.replace(name, b"../../etc/passwd"), "'passwd' is no file of the work lists"),
        (lambda data, name: data.replace(b'width="16"', b'width="17"'), "16 x 12 px, and 17 x 12 px"),
        (lambda data, name: data[:-30], "not well formed"),
        (lambda data, name: b"PK\x03\x04" + data, "no annotations file of CVAT, no JSON of Label Studio"),
        (lambda data, name: b"", "no annotations file of CVAT, no JSON of Label Studio"),
        (lambda data, name: b'{"images": []}', "no annotations file of CVAT, no JSON of Label Studio"),
        (
            lambda data, name: re.sub(
                rb"<box [^>]*>\s*</box>", b'<points label="nodule" points="1,2"/>', data
            ),
            "a shape is a <points>, which is no outline",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_refused(change, said, parent, lists):
    name = files_of(lists, "A")["toy/0_a"].encode()
    data = cvat_xml(drawn(lists, t0_a=([("nodule", BOX)], [])))
    file = sent(lists, change(data, name))
    before = content(lists.parent)
    with pytest.raises(CaseError) as caught:
        take(parent, lists, file)
    assert said in caught.value.message
    assert caught.value.where.startswith(str(file))
    assert content(lists.parent) == before


def test_no_file_or_one_that_is_not_there(parent, lists, tmp_path):
    with pytest.raises(CaseError, match="cannot be read"):
        take(parent, lists, tmp_path / "none.xml")
    with pytest.raises(CaseError, match="the file is no mask"):
        take(parent, lists, lists)
    with pytest.raises(UsageError, match="no file is given"):
        import_readings(parent, [], key=lists / "key.csv", reader="A", out=tmp_path / "out")


# ---------------------------------------------------------------- the command line


def test_the_commands(command, parent, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = ["annotate", "export", "parent", "lists", "--readers", "A,B", "--batch", "9"]
    text = command(*asked)
    assert (text.code, text.err) == (0, "")
    assert "24 images for A, B" in text.out
    assert "balanced by tirads-kwak" in text.out
    assert "what is burned into the pixels" in text.out
    assert "lists/key.csv: give it to no reader" in text.out
    said = command(*asked, "--dry-run", "--json")
    assert json.loads(said.out)["images"] == 24
    assert "nothing was written" in command(*asked, "--dry-run").out
    lists = tmp_path / "lists"
    sent(lists, cvat_xml(drawn(lists, t0_a=([("nodule", BOX)], ["all outlined"]))), "a.xml")
    asked = ["annotate", "import", "parent", "a.xml", "--key", "lists/key.csv", "--reader", "A", "-o", "out"]
    dry = command(*asked, "--dry-run")
    assert "would make out: 24 images" in dry.out
    text = command(*asked)
    assert (text.code, text.err) == (0, "")
    assert re.search(r"images read\s+1\b", text.out)
    assert "23 listed images were not worked on" in text.out
    assert json.loads(command(*asked, "--overwrite", "--json").out)["coverage"] == {"complete": 1}
    assert command(*asked, "--overwrite", "--quiet").out == ""
    assert Dataset(tmp_path / "out").verify() == ()


def test_wrong_usage_exits_2(command, parent, lists, tmp_path):
    ran = command("annotate", "export", parent.path, tmp_path / "more", "--readers", "A,A")
    assert (ran.code, ran.out) == (2, "")
    assert "two readers have one name" in ran.err
    file = sent(lists, b"<annotations/>")
    given = ["--key", lists / "key.csv", "--reader", "A", "-o", tmp_path / "out"]
    ran = command("annotate", "import", parent.path, file, *given)
    assert (ran.code, ran.out) == (1, "")
    assert f"where: {file}:1" in ran.err


# ---------------------------------------------------------------- published images


def test_published_images_go_out_and_come_back(samples, tmp_path):
    parent = convert("ddti", samples / "ddti", tmp_path / "ddti", on_error="skip", max_skipped=1).dataset
    with unchanged(parent.path):
        lists = lists_of(parent, tmp_path / "lists", count=20)
    original = {each.image_id: each for each in parent.records()}
    images = []
    for row in key_of(lists):
        each = original[row["image_id"]]
        expected = np.array(Image.open(io.BytesIO(parent.image_bytes(each))))
        written = np.array(Image.open(lists / row["reader"] / row["file"]))
        assert np.array_equal(written, expected)
        if row["reader"] == "A":
            shapes = [
                ("nodule", geometry)
                for found in each.findings
                for geometry in found.geometries
                if isinstance(geometry, Box | Mask | Polygon) and inside(geometry, each.image)
            ]
            tags = ["all outlined" if shapes else "nothing to outline"]
            size = {"width": each.image.width, "height": each.image.height}
            images.append(Drawn(name=Path(row["file"]).name, shapes=shapes, tags=tags, **size))
    for tool, write in WRITERS.items():
        made = take(parent, lists, sent(lists, write(images)), tool)
        assert made.revision.dataset.verify() == ()
        assert made.to_json()["read"] == len(images)
        assert made.to_json()["findings"] == sum(len(each.shapes) for each in images)


def inside(geometry, image) -> bool:
    if isinstance(geometry, Mask):
        return True
    x, y, width, height = geometry.bbox_xywh_px
    return x >= 0 and y >= 0 and x + width <= image.width and y + height <= image.height


def test_errors_are_ours(parent, lists):
    """Whatever bytes come back, what is raised is an error that names its place."""
    data = cvat_xml(drawn(lists, t0_a=([("nodule", BOX), ("nodule", MASK)], ["all outlined"])))
    random = np.random.default_rng(0)
    errors = []
    for _ in range(200):
        spoiled = bytearray(data)
        for place in random.integers(0, len(data), 3):
            spoiled[place] = random.integers(32, 127)
        try:
            take(parent, lists, sent(lists, bytes(spoiled)), dry_run=True)
        except ThyrodataError as error:
            errors.append(error)
    assert len(errors) > 100
    assert all(error.where and error.hint for error in errors)


def test_the_public_names():
    assert thyrodata.export_worklists is export_worklists
    assert thyrodata.import_readings is import_readings


def test_a_file_that_nobody_worked_on_is_refused(parent, lists):
    handed = lists / "A/batch-01/annotations.xml"
    before = content(lists.parent)
    with pytest.raises(CaseError, match="A has worked on none of the") as caught:
        take(parent, lists, handed)
    assert caught.value.where == str(handed)
    assert content(lists.parent) == before
