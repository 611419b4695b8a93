"""The queue: conflicts go to an arbiter without the readers' names, and come back as decisions."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from curated import content, picture, unchanged, with_images
from drawing_tools import pixels_of
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from PIL import Image
from toy import finding, record

from thyrodata.agreement.queue import Conflict, make_sheets, offered_labels
from thyrodata.annotation.assignment import Tool
from thyrodata.annotation.received import read_drawn
from thyrodata.conversion import convert
from thyrodata.converters.ddti_v2 import DdtiV2Settings
from thyrodata.curation.annotate import import_readings
from thyrodata.curation.decisions import import_decisions
from thyrodata.curation.queue import queue_conflicts
from thyrodata.curation.worklists import export_worklists
from thyrodata.dataset import Dataset
from thyrodata.errors import CaseError, DatasetError, OutputError, UsageError
from thyrodata.io.cvattasks import cvat_task
from thyrodata.io.drawn import GivenImage, GivenShape
from thyrodata.io.drawncoco import coco_task
from thyrodata.io.labelstudiotasks import label_studio_tasks
from thyrodata.io.masks import encode_mask
from thyrodata.io.rasters import covered
from thyrodata.schema.geometry import Box, Calipers, Mask, Polygon, PolygonPart
from thyrodata.schema.record import Label, Read, Reading
from thyrodata.schema.vocab import Basis, Bethesda, Coverage, Malignancy, Structure, TiradsKwak

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

TOOLS = [tool.value for tool in Tool]
FILES = {"cvat": "annotations.xml", "label-studio": "tasks.json", "coco": "instances.json"}
BOX = Box(x=2, y=3, width=5, height=3)
POLYGON = Polygon(parts=(PolygonPart(exterior=((1, 1), (9.5, 1), (5, 8.25))),))
MASK = encode_mask(np.arange(12 * 16).reshape(12, 16) % 7 == 0)
HOLED = Polygon(
    parts=(
        PolygonPart(exterior=((1, 1), (14, 1), (14, 11), (1, 11)), holes=(((4, 4), (8, 4), (8, 8), (4, 8)),)),
    )
)
ALL, NOTHING, SOME = "all outlined", "nothing to outline", "not all outlined"


def drawn(name: str, *geometries, reader: str = "Ada", **fields):
    return finding(name, *geometries, origin=Read(reader=reader), **fields)


def kwak(grade: str) -> Label:
    return Label(value=TiradsKwak(grade), basis=Basis.IMAGING)


READERS = ("Ada", "Bob")
AGREED = drawn("Ada/2", BOX)
CONFLICTS = (
    Conflict(
        image_id="toy/smith_0",
        readings=(("Ada", (drawn("Ada/1", POLYGON),)), ("Bob", (drawn("Bob/1", MASK, reader="Bob"),))),
        why=("Dice 0.41",),
    ),
    Conflict(
        image_id="toy/smith_1",
        readings=(("Ada", (drawn("Ada/1", MASK),)), ("Bob", ())),
        agreed=(AGREED,),
        why=("drawn by one of two",),
    ),
    Conflict(
        image_id="toy/smith_2",
        readings=(
            ("Ada", (drawn("Ada/1", BOX, labels=(kwak("4a"),)),)),
            ("Bob", (drawn("Bob/1", BOX, labels=(kwak("4b"),), reader="Bob"),)),
        ),
    ),
)


@pytest.fixture
def parent(tmp_path) -> Dataset:
    """Five images that Ada and Bob have read."""
    found = {each.image_id: tuple(each.findings) for each in CONFLICTS}
    records = [
        record(
            f"smith_{number}",
            *found.get(f"toy/smith_{number}", ()),
            group="ward9",
            readings=[Reading(reader=reader) for reader in READERS],
        )
        for number in range(5)
    ]
    return with_images(tmp_path / "parent", records, {each.image_id: picture(3) for each in records})


def queued(parent: Dataset, out: Path, **options) -> Path:
    queue_conflicts(parent, out, **{"arbiter": "Cleo", "conflicts": CONFLICTS, **options})
    return out


def table(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_text())))


def names(queue: Path) -> dict[str, str]:
    """The name of each image's file."""
    return {row["image_id"]: Path(row["file"]).name for row in table(queue / "key.csv")}


def shown(queue: Path, tool: str) -> dict[str, list]:
    """What the arbiter sees on each image, by image id: labels and geometries."""
    file = queue / "Cleo" / FILES[tool]
    if tool == "label-studio":
        file = worked(queue, tool, dict.fromkeys(names(queue), Work()))
    found = {image.name: image for image in read_drawn(file)[1]}
    return {
        image_id: [(each.labels[0], each.geometry) for each in found[name].drawings]
        for image_id, name in names(queue).items()
    }


# ---------------------------------------------------------------- an arbiter at work


@dataclass
class Work:
    """What the arbiter does with an image: labels given anew, shapes removed, a mark."""

    labels: Mapping[str, str] = field(default_factory=dict)
    removed: Sequence[str] = ()
    mark: str | None = None


def worked(queue: Path, tool: str, works: Mapping[str, Work], name: str = "decided") -> Path:
    """The file as it comes back from the tool; images that no work is named of are as they were."""
    data = (queue / "Cleo" / FILES[tool]).read_bytes()
    by_name = {names(queue).get(image_id, image_id): work for image_id, work in works.items()}
    file = queue.parent / name
    file.write_bytes({"cvat": cvat_back, "label-studio": tasks_back, "coco": coco_back}[tool](data, by_name))
    return file


def cvat_back(data: bytes, works: Mapping[str, Work]) -> bytes:
    root = etree.fromstring(data)
    for image in root.iterfind("image"):
        work = works.get(image.get("name"), Work())
        for shape in list(image):
            label = shape.get("label")
            shape.set("label", work.labels.get(label, label))
            if label in work.removed:
                image.remove(shape)
        if work.mark:
            etree.SubElement(image, "tag", {"label": work.mark, "source": "manual"})
    return etree.tostring(root)


def tasks_back(data: bytes, works: Mapping[str, Work]) -> bytes:
    """As Label Studio exports tasks: a prediction is copied into the annotation of who works on the task."""
    tasks = json.loads(data)
    for task in tasks:
        work = works.get(task["data"]["image"].rpartition("/")[2])
        task["annotations"] = []
        if work is None:
            continue
        result = []
        for region in (task.get("predictions") or [{"result": []}])[0]["result"]:
            kind = region["type"]
            (label,) = region["value"][kind]
            if label not in work.removed:
                value = {**region["value"], kind: [work.labels.get(label, label)]}
                result.append({**region, "value": value, "origin": "prediction"})
        if work.mark:
            said = {"from_name": "said", "to_name": "image", "type": "choices"}
            result.append({**said, "value": {"choices": [work.mark]}})
        task["annotations"] = [{"id": 1, "completed_by": 4, "was_cancelled": False, "result": result}]
    return json.dumps(tasks).encode()


def coco_back(data: bytes, works: Mapping[str, Work]) -> bytes:
    file = json.loads(data)
    number = {each["name"]: each["id"] for each in file["categories"]}
    name = {each["id"]: each["name"] for each in file["categories"]}
    images = {each["id"]: Path(each["file_name"]).name for each in file["images"]}
    kept = []
    for each in file["annotations"]:
        work, label = works.get(images[each["image_id"]], Work()), name[each["category_id"]]
        if label not in work.removed:
            kept.append({**each, "category_id": number.get(work.labels.get(label, label), 99)})
    if any(each["category_id"] == 99 for each in kept):
        (new,) = {each for work in works.values() for each in work.labels.values()} - number.keys()
        file["categories"].append({"id": 99, "name": new})
    coverage = {ALL: "complete", NOTHING: "complete", SOME: "partial"}
    for each in file["images"]:
        work = works.get(images[each["id"]], Work())
        each["coverage"] = coverage[work.mark] if work.mark else None
    return json.dumps({**file, "annotations": kept}).encode()


def number_of(queue: Path, image_id: str, reader: str) -> str:
    """The number of a reader's reading of an image."""
    rows = table(queue / "readings.csv")
    return next(row["reading"] for row in rows if (row["image_id"], row["reader"]) == (image_id, reader))


# ---------------------------------------------------------------- what goes out

SECRETS = ("ada", "bob", "smith", "ward9", "toy")


@pytest.mark.parametrize("tool", TOOLS)
def test_an_arbiter_is_not_told_whose_readings_they_are(tool, parent, tmp_path):
    with unchanged(parent.path):
        queue = queued(parent, tmp_path / "queue", tool=tool)
    for path in sorted((queue / "Cleo").rglob("*")):
        told = path.name.encode() + (path.read_bytes() if path.is_file() and path.suffix != ".png" else b"")
        for secret in SECRETS:
            assert secret.encode() not in told.lower(), (path, secret)
    assert {path.name for path in queue.iterdir()} == {
        "Cleo",
        "key.csv",
        "readings.csv",
        "thyrodata-annotation.json",
    }
    times = {path.stat().st_mtime for path in queue.rglob("*.png")}
    assert len(times) == 1


def test_images_are_the_same_pixels_under_names_that_only_the_key_tells(parent, tmp_path):
    queue = queued(parent, tmp_path / "queue")
    assert set(names(queue)) == {each.image_id for each in CONFLICTS}
    for image_id, name in names(queue).items():
        (each,) = parent.records(only=[image_id])
        expected = np.array(Image.open(io.BytesIO(parent.image_bytes(each))))
        assert np.array_equal(np.array(Image.open(queue / "Cleo/images" / name)), expected)
    whys = {row["file"]: row["why"] for row in table(queue / "Cleo/conflicts.csv")}
    assert whys[f"images/{names(queue)['toy/smith_0']}"] == "Dice 0.41"


@pytest.mark.parametrize("tool", TOOLS)
def test_readings_are_shown_as_they_are_drawn(tool, parent, tmp_path):
    queue = queued(parent, tmp_path / "queue", tool=tool)
    found = shown(queue, tool)
    first = {reader: f"reading {number_of(queue, 'toy/smith_0', reader)}: nodule" for reader in READERS}
    assert first.keys() == set(READERS)
    assert sorted(first.values()) == ["reading 1: nodule", "reading 2: nodule"]
    assert dict(found["toy/smith_0"]) == {first["Ada"]: POLYGON, first["Bob"]: MASK}
    ada = number_of(queue, "toy/smith_1", "Ada")
    assert found["toy/smith_1"] == [(f"reading {ada}: nodule", MASK), ("agreed: nodule", BOX)]
    grades = {"Ada": "tirads-kwak/4a", "Bob": "tirads-kwak/4b"}
    numbers = {reader: number_of(queue, "toy/smith_2", reader) for reader in READERS}
    assert found["toy/smith_2"] == [
        (f"reading {number}: {grades[reader]}", BOX)
        for number, reader in sorted((number, reader) for reader, number in numbers.items())
    ]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_queue_depends_on_no_order(tool, parent, tmp_path):
    turned = [replace(each, readings=each.readings[::-1]) for each in reversed(CONFLICTS)]
    one = queued(parent, tmp_path / "one", tool=tool)
    other = queued(parent, tmp_path / "other", tool=tool, conflicts=turned, workers=2)
    assert content(one) == content(other)


def test_numbers_of_readings_are_dealt_anew_for_each_image():
    conflicts = [replace(CONFLICTS[0], image_id=f"toy/{number}") for number in range(64)]
    sizes = {each.image_id: (16, 12) for each in conflicts}
    sheets = make_sheets(conflicts, sizes, Tool.CVAT, 0)
    first = [sheet.readers[0] for sheet in sheets]
    assert 16 < first.count("Ada") < 48  # of 64 fair draws, one in 50,000 is outside
    assert {sheet.image_id: sheet.readers for sheet in make_sheets(conflicts, sizes, Tool.CVAT, 1)} != {
        sheet.image_id: sheet.readers for sheet in sheets
    }


def test_an_arbiter_may_choose_any_grade_of_a_scheme_in_conflict():
    assert offered_labels(CONFLICTS) == ("nodule", *(f"tirads-kwak/{term.value}" for term in TiradsKwak))


def test_grades_name_their_structure_where_there_are_several():
    gland = drawn("Ada/3", POLYGON, structure=Structure.GLAND)
    conflicts = [replace(CONFLICTS[2], agreed=(gland,))]
    offered = offered_labels(conflicts)
    assert offered[:2] == ("nodule", "gland")
    assert "nodule, tirads-kwak/4a" in offered
    (sheet,) = make_sheets(conflicts, {"toy/smith_2": (16, 12)}, Tool.CVAT, 0)
    assert {shape.label.partition(": ")[2] for shape in sheet.given.shapes} == {
        "nodule, tirads-kwak/4a",
        "nodule, tirads-kwak/4b",
        "gland",
    }


def test_what_cytology_and_histology_say_is_not_shown():
    labels = (
        Label(value=Malignancy.MALIGNANT, basis=Basis.HISTOLOGY),
        Label(value=Bethesda.VI, basis=Basis.CYTOLOGY),
    )
    conflict = replace(CONFLICTS[0], agreed=(drawn("Ada/9", BOX, labels=labels),))
    (sheet,) = make_sheets([conflict], {"toy/smith_0": (16, 12)}, Tool.CVAT, 0)
    assert sheet.given.shapes[-1].label == "agreed: nodule"
    assert offered_labels([conflict]) == ("nodule",)


def test_what_a_format_cannot_hold_is_shown_as_its_pixels_and_counted(parent, tmp_path):
    parts = Polygon(parts=(*POLYGON.parts, PolygonPart(exterior=((12, 2), (15, 2), (15, 6)))))
    outside = Box(x=-2, y=3, width=5, height=3)
    seen = (drawn("Ada/1", HOLED), drawn("Ada/2", parts), drawn("Ada/3", outside))
    unseen = (
        drawn("Bob/1", Calipers(long=((1, 1), (2, 2)))),
        drawn("Bob/2", Box(x=1, y=1, width=0, height=4)),
        drawn("Bob/3", Box(x=-9, y=1, width=4, height=4)),
        drawn("Bob/4", encode_mask(np.zeros((12, 16), bool))),
        drawn("Bob/5", Box(x=9, y=1, width=1e-17, height=4)),  # no number lies between its sides
    )
    conflict = Conflict(image_id="toy/smith_0", readings=(("Ada", seen), ("Bob", unseen)))
    for tool, pixels in (("cvat", 3), ("label-studio", 3), ("coco", 2)):
        options = {"arbiter": "Cleo", "conflicts": [conflict], "tool": tool}
        made = queue_conflicts(parent, tmp_path / tool, **options).to_json()
        assert (made["shapes"], made["as_pixels"]) == (3, pixels)
        assert [note["where"] for note in made["not_shown"]] == [
            f"toy/smith_0#Bob/{number}" for number in (1, 2, 3, 4, 5)
        ]
        geometries = [geometry for _, geometry in shown(tmp_path / tool, tool)["toy/smith_0"]]
        assert geometries == [
            covered(HOLED, 16, 12),
            parts if tool == "coco" else covered(parts, 16, 12),
            covered(outside, 16, 12),
        ]


def test_the_account_is_what_was_written(parent, tmp_path):
    before = content(tmp_path)
    options = {"arbiter": "Cleo", "conflicts": CONFLICTS}
    dry = queue_conflicts(parent, tmp_path / "queue", dry_run=True, **options).to_json()
    assert content(tmp_path) == before
    made = queue_conflicts(parent, tmp_path / "queue", **options).to_json()
    assert dry == {**made, "dry_run": True}
    stated = json.loads((tmp_path / "queue/thyrodata-annotation.json").read_text())
    assert made == {"out": str(tmp_path / "queue"), "dry_run": False, **stated}
    assert (made["images"], made["shapes"], made["as_pixels"], made["not_shown"]) == (3, 6, 0, [])
    assert made["assignment"]["purpose"] == "adjudication"
    assert made["labels"][0] == "nodule"


# ---------------------------------------------------------------- what comes back


def decide(parent, queue, file, out="out", **options):
    return import_decisions(
        parent, [file], key=queue / "key.csv", arbiter="Cleo", out=queue.parent / out, **options
    )


@pytest.mark.parametrize("tool", TOOLS)
def test_a_decision_is_a_reading_of_the_whole_image(tool, parent, tmp_path):
    queue = queued(parent, tmp_path / "queue", tool=tool)
    bob = f"reading {number_of(queue, 'toy/smith_0', 'Bob')}: nodule"
    works = {
        "toy/smith_0": Work(labels={bob: "nodule"}, mark=ALL),
        "toy/smith_1": Work(mark=ALL),  # only what was agreed is there
    }
    made = decide(parent, queue, worked(queue, tool, works))
    out = made.revision.dataset
    assert out.verify() == ()
    old = {each.image_id: each for each in parent.records()}
    new = {each.image_id: each for each in out.records()}
    arbiter = Reading(reader="Cleo", role="arbiter", coverage=Coverage.COMPLETE)
    assert {each.image_id for each in new.values() if arbiter in each.readings} == set(works)
    for image_id, each in new.items():
        assert each.findings[: len(old[image_id].findings)] == old[image_id].findings
    by = {"structure": Structure.NODULE, "origin": Read(reader="Cleo")}
    assert new["toy/smith_0"].findings[2:] == (finding("Cleo/1", MASK, **by),)
    assert new["toy/smith_1"].findings[2:] == (finding("Cleo/1", BOX, **by),)
    report = made.to_json()
    assert report["readings_shown"] == 2  # of the images that were decided
    assert report["unread"] == ["toy/smith_2"]
    assert (report["read"], report["findings"]) == (2, 2)
    step = out.manifest.operations[-1]
    assert ("role", "arbiter") in {(each.name, each.value) for each in step.settings}


@pytest.mark.parametrize("tool", TOOLS)
def test_an_image_may_be_decided_to_hold_nothing(tool, parent, tmp_path):
    queue = queued(parent, tmp_path / "queue", tool=tool)
    works = {"toy/smith_0": Work(mark=NOTHING), "toy/smith_1": Work(mark=SOME, removed=["agreed: nodule"])}
    out = decide(parent, queue, worked(queue, tool, works)).revision.dataset
    for image_id, coverage in (("toy/smith_0", Coverage.COMPLETE), ("toy/smith_1", Coverage.PARTIAL)):
        (each,) = out.records(only=[image_id])
        assert each.readings[-1] == Reading(reader="Cleo", role="arbiter", coverage=coverage)
        assert not [f for f in each.findings if f.origin == Read(reader="Cleo")]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_grade_is_decided_by_calling_a_reading_plainly(tool, parent, tmp_path):
    queue = queued(parent, tmp_path / "queue", tool=tool)
    shown_as = f"reading {number_of(queue, 'toy/smith_2', 'Ada')}: tirads-kwak/4a"
    works = {"toy/smith_2": Work(labels={shown_as: "tirads-kwak/5"})}
    (each,) = decide(parent, queue, worked(queue, tool, works)).revision.dataset.records(only=["toy/smith_2"])
    assert each.readings[-1] == Reading(reader="Cleo", role="arbiter", coverage=None)
    decided = Label(value=TiradsKwak("5"), basis=Basis.IMAGING, reader="Cleo")
    assert each.findings[-1] == drawn("Cleo/1", BOX, labels=(decided,), reader="Cleo")


@pytest.mark.parametrize("tool", TOOLS)
def test_a_decision_on_several_structures_says_of_which(tool, parent, tmp_path):
    gland = drawn("Ada/3", POLYGON, structure=Structure.GLAND)
    queue = queued(parent, tmp_path / "queue", tool=tool, conflicts=[replace(CONFLICTS[2], agreed=(gland,))])
    shown_as = f"reading {number_of(queue, 'toy/smith_2', 'Bob')}: nodule, tirads-kwak/4b"
    works = {"toy/smith_2": Work(labels={shown_as: "nodule, tirads-kwak/4b"}, mark=ALL)}
    (each,) = decide(parent, queue, worked(queue, tool, works)).revision.dataset.records(only=["toy/smith_2"])
    decided = [found for found in each.findings if found.origin == Read(reader="Cleo")]
    assert {(found.structure, len(found.labels)) for found in decided} == {
        (Structure.NODULE, 1),
        (Structure.GLAND, 0),
    }


def test_a_tool_may_keep_the_label_of_a_reading_beside_the_chosen_one(parent, tmp_path):
    queue = queued(parent, tmp_path / "queue", tool="label-studio")
    file = worked(queue, "label-studio", {"toy/smith_0": Work(mark=ALL)})
    tasks = json.loads(file.read_text())
    region = next(task for task in tasks if task["annotations"])["annotations"][0]["result"][0]
    region["value"][region["type"]].append("nodule")
    file.write_text(json.dumps(tasks))
    made = decide(parent, queue, file).to_json()
    assert (made["findings"], made["readings_shown"]) == (1, 1)


def test_an_arbiter_may_decide_in_several_rounds(parent, tmp_path):
    first = queued(parent, tmp_path / "first", conflicts=CONFLICTS[:1])
    once = decide(parent, first, worked(first, "cvat", {"toy/smith_0": Work(mark=NOTHING)}), "once")
    second = queued(once.revision.dataset, tmp_path / "second", conflicts=CONFLICTS[1:])
    file = worked(second, "cvat", {"toy/smith_1": Work(mark=ALL)})
    twice = decide(once.revision.dataset, second, file, "twice").revision.dataset
    assert {each.image_id for each in twice.records() for r in each.readings if r.reader == "Cleo"} == {
        "toy/smith_0",
        "toy/smith_1",
    }
    with pytest.raises(UsageError, match="Cleo has readings in the dataset already"):
        queued(once.revision.dataset, tmp_path / "third", conflicts=CONFLICTS[:1])
    with pytest.raises(UsageError, match="Cleo has readings in the dataset already"):
        decide(twice, second, file, "thrice")


# ---------------------------------------------------------------- what cannot be meant


def test_a_file_of_another_queue_is_refused(parent, tmp_path):
    queue = queued(parent, tmp_path / "queue")
    others = {
        "other seed": {"seed": 1},
        "other drawing": {"conflicts": [replace(CONFLICTS[0], agreed=(AGREED,)), *CONFLICTS[1:]]},
    }
    for name, options in others.items():
        other = queued(parent, tmp_path / name, **options)
        file = worked(other, "cvat", {"toy/smith_0": Work(mark=NOTHING)})
        with pytest.raises(CaseError, match="is no file of the work lists") as caught:
            decide(parent, queue, file)
        assert caught.value.where.startswith(str(file))


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(
    ("work", "said"),
    [
        (Work(labels={"agreed: nodule": "lump"}, mark=ALL), "the label 'lump' is not understood"),
        (Work(labels={"agreed: nodule": "reading of mine"}), "the label 'reading of mine' is not understood"),
        (Work(), "has worked on none of the 3 listed images"),
    ],
)
def test_what_is_no_decision_is_refused(tool, work, said, parent, tmp_path):
    queue = queued(parent, tmp_path / "queue", tool=tool)
    file = worked(queue, tool, {"toy/smith_1": work})
    before = content(tmp_path)
    with pytest.raises(CaseError) as caught:
        decide(parent, queue, file)
    assert said in caught.value.message
    assert caught.value.where.startswith(str(file))
    assert caught.value.hint
    assert content(tmp_path) == before


@pytest.mark.parametrize("tool", ["cvat", "label-studio"])
@pytest.mark.parametrize(
    ("image_id", "mark", "said"),
    [
        ("toy/smith_0", ALL, "only readings are drawn: none was decided for"),
        ("toy/smith_1", NOTHING, "is marked 'nothing to outline', and has a drawing"),  # what was agreed
    ],
)
def test_a_mark_that_contradicts_what_is_decided_is_refused(tool, image_id, mark, said, parent, tmp_path):
    queue = queued(parent, tmp_path / "queue", tool=tool)
    file = worked(queue, tool, {image_id: Work(mark=mark)})
    with pytest.raises(CaseError, match=said) as caught:
        decide(parent, queue, file)
    assert names(queue)[image_id] in caught.value.message
    assert caught.value.where.startswith(str(file))


@pytest.mark.parametrize("tool", TOOLS)
def test_an_image_of_another_size_is_refused(tool, parent, tmp_path):
    queue = queued(parent, tmp_path / "queue", tool=tool, conflicts=[CONFLICTS[2]])
    shown_as = f"reading {number_of(queue, 'toy/smith_2', 'Ada')}: tirads-kwak/4a"
    file = worked(queue, tool, {"toy/smith_2": Work(labels={shown_as: "nodule"})})
    file.write_text(re.sub(r'(width"?[=:] ?"?)16', r"\g<1>17", file.read_text()))
    with pytest.raises(CaseError, match="16 x 12 px, and 17 x 12 px"):
        decide(parent, queue, file)


def test_keys_are_not_confused(parent, tmp_path):
    queue = queued(parent, tmp_path / "queue")
    file = worked(queue, "cvat", {"toy/smith_0": Work(mark=NOTHING)})
    lists = tmp_path / "lists"
    export_worklists(parent, lists, readers=["Cleo"])
    with pytest.raises(UsageError, match="of work lists, not of a queue") as caught:
        decide(parent, lists, file)
    assert caught.value.where == str(lists / "key.csv")
    made = import_readings(parent, [file], key=queue / "key.csv", reader="Cleo", out=tmp_path / "out")
    (each,) = made.revision.dataset.records(only=["toy/smith_0"])
    assert each.readings[-1].role == "arbiter"  # the key says so


def of(image_id: str = "toy/smith_0", **changed) -> dict:
    return {"conflicts": [replace(CONFLICTS[0], image_id=image_id, **changed)]}


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"conflicts": []}, UsageError, "there is no conflict"),
        ({"conflicts": [CONFLICTS[0], CONFLICTS[0]]}, UsageError, "two conflicts are of one image"),
        (of("toy/none"), DatasetError, "no image toy/none"),
        ({"arbiter": "Ada"}, UsageError, "Ada is one of the readers in conflict"),
        ({"arbiter": "../x"}, UsageError, "cannot be called '../x'"),
        ({"tool": "paint"}, UsageError, "no tool 'paint'"),
    ],
)
def test_what_cannot_be_queued_is_refused_and_nothing_written(options, error, said, parent, tmp_path):
    before = content(tmp_path)
    with pytest.raises(error) as caught:
        queued(parent, tmp_path / "queue", **options)
    assert said in caught.value.message
    assert content(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["parent"]


@pytest.mark.parametrize(
    ("readings", "said"),
    [
        ((("A", (AGREED,)),), "between two readers or more"),
        ((("A", (AGREED,)), ("A", ())), "each named once"),
        ((("A", ()), ("B", ())), "has no finding"),
    ],
)
def test_a_conflict_is_between_readers_who_have_drawn(readings, said):
    with pytest.raises(UsageError, match=said) as caught:
        Conflict(image_id="toy/smith_0", readings=readings)
    assert caught.value.where == "toy/smith_0"


def test_images_without_a_file_are_named(parent, tmp_path):
    bare = [
        replace(each, image=replace(each.image, path=None, sha256=None, bit_depth=None))
        for each in parent.records()
    ]
    some = with_images(tmp_path / "some", bare, {"toy/smith_1": picture(1)})
    made = queue_conflicts(some, tmp_path / "queue", arbiter="Cleo", conflicts=CONFLICTS)
    assert made.without_file == ("toy/smith_0", "toy/smith_2")
    assert list(names(tmp_path / "queue")) == ["toy/smith_1"]
    none = with_images(tmp_path / "none", bare, {})
    with pytest.raises(DatasetError, match="there is no image to give"):
        queued(none, tmp_path / "again")


def test_a_queue_replaces_nothing_but_a_queue(parent, tmp_path):
    queue = queued(parent, tmp_path / "queue")
    with pytest.raises(OutputError, match="the output exists"):
        queued(parent, queue, seed=1)
    with pytest.raises(OutputError, match="inside the source"):
        queued(parent, parent.path / "queue")
    before = content(queue)
    queued(parent, queue, seed=1, overwrite=True)
    assert content(queue) != before


# ---------------------------------------------------------------- round trips

WRITERS = {
    "cvat": lambda images: cvat_task(images, ["nodule"]),
    "label-studio": label_studio_tasks,
    "coco": lambda images: coco_task(images, ["nodule"]),
}


@st.composite
def given_images(draw: st.DrawFn) -> GivenImage:
    """An image of any size with a box, a polygon and a mask inside it, of any floats."""
    width, height = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    xs, ys = st.floats(0, width), st.floats(0, height)
    ring = draw(st.lists(st.tuples(xs, ys), min_size=3, max_size=7))
    bits = draw(st.binary(min_size=width * height, max_size=width * height))
    pixels = np.frombuffer(bits, np.uint8).reshape(height, width) % 2 == 1
    left, right = sorted(draw(st.tuples(xs, xs)))
    top, bottom = sorted(draw(st.tuples(ys, ys)))
    shapes = [GivenShape(label="nodule", geometry=Polygon(parts=(PolygonPart(exterior=tuple(ring)),)))]
    if right - left > 1e-6 and bottom - top > 1e-6:
        box = Box(x=left, y=top, width=right - left, height=bottom - top)
        shapes.append(GivenShape(label="nodule", geometry=box))
    if pixels.any():
        shapes.append(GivenShape(label="nodule", geometry=encode_mask(pixels)))
    return GivenImage(file="images/1.png", width=width, height=height, shapes=tuple(shapes))


@pytest.mark.parametrize("tool", TOOLS)
@given(image=given_images())
def test_what_is_shown_is_read_back(tool, image, tmp_path_factory):
    """Masks, and points but for Label Studio, come back equal; boxes and percents within 1e-9 px."""
    data = WRITERS[tool]([image])
    if tool == "label-studio":
        data = tasks_back(data, {"1.png": Work()})
    file = tmp_path_factory.mktemp("back") / "file"
    file.write_bytes(data)
    (back,) = read_drawn(file)[1]
    assert back.size == (image.width, image.height)
    assert [drawing.labels for drawing in back.drawings] == [("nodule",)] * len(image.shapes)
    for drawing, shape in zip(back.drawings, image.shapes, strict=True):
        match drawing.geometry, shape.geometry:
            case Mask() as read, Mask() as written:
                assert read == written
            case Polygon() as read, Polygon() as written:
                if tool != "label-studio":
                    assert read == written
                assert ring_of(read) == pytest.approx(ring_of(written), abs=1e-9, rel=0)
            case Box() as read, Box() as written:
                assert read.bbox_xywh_px == pytest.approx(written.bbox_xywh_px, abs=1e-9, rel=0)
            case _:
                pytest.fail("a shape has become another")


def ring_of(polygon: Polygon) -> list[float]:
    return [number for point in polygon.parts[0].exterior for number in point]


@settings(max_examples=25)
@given(bits=st.binary(min_size=24, max_size=24), tool=st.sampled_from(TOOLS))
def test_a_mask_with_holes_is_decided_as_it_was_drawn(bits, tool, tmp_path_factory):
    """A mask of any pixels goes out, is called plainly, and stands in the dataset pixel for pixel."""
    pixels = np.unpackbits(np.frombuffer(bits, np.uint8)).reshape(12, 16).astype(bool)
    pixels[0, 0] = True
    seen = drawn("Ada/1", encode_mask(pixels))
    folder = tmp_path_factory.mktemp("masks")
    readings = [Reading(reader=reader) for reader in READERS]
    parent = with_images(folder / "parent", [record("0", seen, readings=readings)], {"toy/0": picture(1)})
    conflict = Conflict(image_id="toy/0", readings=(("Ada", (seen,)), ("Bob", ())))
    queue = queued(parent, folder / "queue", conflicts=[conflict], tool=tool)
    label = f"reading {number_of(queue, 'toy/0', 'Ada')}: nodule"
    file = worked(queue, tool, {"toy/0": Work(labels={label: "nodule"}, mark=ALL)})
    (each,) = decide(parent, queue, file).revision.dataset.records()
    assert each.findings[1].geometries == seen.geometries
    assert np.array_equal(pixels_of(each.findings[1].geometries[0]), pixels)


# ---------------------------------------------------------------- published readings


def test_published_masks_go_out_and_come_back(samples, tmp_path):
    """Every mask of the three readers of the sample is read back from each tool's file pixel for pixel."""
    given_with = DdtiV2Settings(images=samples / "ddti")
    parent = convert("ddti_v2", samples / "ddti_v2", tmp_path / "v2", settings=given_with).dataset
    conflicts = []
    for each in parent.records():
        readers = [reading.reader for reading in each.readings]
        by = {r: tuple(f for f in each.findings if f.origin == Read(reader=r)) for r in readers}
        if len(readers) > 1 and any(by.values()):
            conflicts.append(Conflict(image_id=each.image_id, readings=tuple(by.items())))
    expected = {
        each.image_id: sorted(finding.geometries[0].counts for finding in each.findings) for each in conflicts
    }
    assert sum(map(len, expected.values())) > 200
    for tool in TOOLS:
        queue = queued(parent, tmp_path / tool, conflicts=conflicts, tool=tool)
        found = shown(queue, tool)
        assert {
            image_id: sorted(geometry.counts for _, geometry in shapes) for image_id, shapes in found.items()
        } == expected
