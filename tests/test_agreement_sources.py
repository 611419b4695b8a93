"""Readers in one dataset, in two, or in two files: the same readings give the same figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from curated import picture, unchanged
from drawing_tools import Drawn, cvat_xml, label_studio_json, pixels_of
from pycocotools import mask as coco_mask
from readers import HEIGHT, WIDTH, image_of, look, mask_of, nodule
from toy import make_dataset

from thyrodata import report_agreement
from thyrodata.agreement.consensus import read_image_of
from thyrodata.agreement.model import Agreement
from thyrodata.agreement.sources import dataset_contribution
from thyrodata.dataset import Dataset
from thyrodata.errors import CaseError, ThyrodataError, UsageError
from thyrodata.io.png import encode_png
from thyrodata.schema.record import Finding, ImageRecord, ImageRef, Label, Nodule, Read, Reading
from thyrodata.schema.vocab import Basis, Coverage, Malignancy, TiradsAcr

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

GRADES = ("tirads-acr/TR2", "tirads-acr/TR3", "tirads-acr/TR4")
SHAPES = {
    "A": [mask_of(5, 5, 20, 12), mask_of(12, 8, 30, 20), mask_of(2, 2, 15, 15)],
    "B": [mask_of(6, 5, 20, 12), mask_of(12, 10, 28, 20), mask_of(40, 20, 15, 15)],
}
SAID = {"A": GRADES, "B": (GRADES[0], GRADES[2], GRADES[2])}
NAMES = ("a.b_1", "a.b_2", "a.b_3")
"""Of three images: what follows the last dot alone is a suffix."""
ALL = "all outlined"


def label(text: str) -> Label:
    return Label(value=TiradsAcr(text.partition("/")[2]), basis=Basis.IMAGING)


def drawn(reader: str, k: int) -> Finding:
    return nodule(SHAPES[reader][k], labels=(label(SAID[reader][k]),))


def records(*readers: str, names: Sequence[str] = NAMES, unnamed: bool = False) -> list[ImageRecord]:
    made = []
    for k, name in enumerate(names):
        record = image_of(name, *(look(reader, drawn(reader, k)) for reader in readers))
        image = replace(record.image, path=f"images/{name}.png", sha256=sha256(picture_of(name)).hexdigest())
        if unnamed:
            readings = tuple(replace(each, reader=None) for each in record.readings)
            findings = tuple(replace(each, origin=Read()) for each in record.findings)
            record = replace(record, readings=readings, findings=findings)
        made.append(replace(record, image=image, group_id=f"toy/{name}"))
    return made


def picture_of(name: str) -> bytes:
    return picture(NAMES.index(name) if name in NAMES else 99, width=WIDTH, height=HEIGHT)


def dataset(folder: Path, given: Iterable[ImageRecord]) -> Dataset:
    listed = [*given]
    files = {each.image.path: picture_of(each.source) for each in listed if each.image.path}
    return make_dataset(folder, listed, {path: data for path, data in files.items() if path})


def given_by(reader: str) -> list[Drawn]:
    """What a reader has left in a tool: outlines with grades, and the mark that they are all."""
    return [
        Drawn(f"{name}.jpg", WIDTH, HEIGHT, [(SAID[reader][k], SHAPES[reader][k])], [ALL])
        for k, name in enumerate(NAMES)
    ]


def coco_json(reader: str) -> bytes:
    images = [
        {"id": k, "file_name": f"x/{name}.bmp", "width": WIDTH, "height": HEIGHT, "coverage": "complete"}
        for k, name in enumerate(NAMES)
    ]
    annotations = [
        {
            "id": k,
            "image_id": k,
            "category_id": 1 + GRADES.index(SAID[reader][k]),
            "iscrowd": 0,
            "bbox": coco_mask.toBbox({"size": [HEIGHT, WIDTH], "counts": shape.counts}).tolist(),
            "segmentation": {"size": [HEIGHT, WIDTH], "counts": shape.counts},
        }
        for k, shape in enumerate(SHAPES[reader])
    ]
    categories = [{"id": number, "name": grade} for number, grade in enumerate(GRADES, 1)]
    return json.dumps({"images": images, "annotations": annotations, "categories": categories}).encode()


def write_masks(folder: Path, reader: str) -> Path:
    folder.mkdir()
    for name, shape in zip(NAMES, SHAPES[reader], strict=True):
        (folder / f"{name}.png").write_bytes(encode_png(np.uint8(255) * pixels_of(shape)))
    return folder


def write_file(folder: Path, tool: str, reader: str) -> str:
    """A reader's file of a tool, as a source."""
    if tool == "masks":
        return f"{reader}={write_masks(folder / f'masks of {reader}', reader)}"
    data = {
        "cvat": lambda: cvat_xml(given_by(reader)),
        "label-studio": lambda: label_studio_json(given_by(reader)),
        "coco": lambda: coco_json(reader),
    }[tool]()
    place = folder / f"{reader}.{tool}"
    place.write_bytes(data)
    return f"{reader}={place}"


def report(*sources: Any, **options: Any) -> Agreement:
    return report_agreement(sources, **{"resamples": 40, **options}).agreement


def figures(found: Agreement) -> dict[tuple[str, str], tuple[float | None, float | None, int]]:
    """What outlines come to, of the first two readers."""
    pair = found.pairs[0]
    said = {(each.name, each.of): (each.value, each.low, each.n) for each in pair.figures}
    return said | {
        (each.quantity, of.name): (of.value, of.low, of.n) for each in pair.differences for of in each.figures
    }


def places(found: Agreement, code: str) -> tuple[str, ...]:
    return next((each.places for each in found.notes if each.code == code), ())


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Agreement:
    """The report of both readers in one dataset."""
    return report(dataset(tmp_path_factory.mktemp("both") / "data", records("A", "B")))


# ---------------------------------------------------------------- wherever readings are


TOOLS = ["cvat", "label-studio", "coco", "masks"]


@pytest.mark.parametrize("first", TOOLS)
@pytest.mark.parametrize("second", TOOLS)
def test_two_files_alone_give_the_figures_of_one_dataset(
    first: str, second: str, expected: Agreement, tmp_path: Path
) -> None:
    a, b = write_file(tmp_path, first, "A"), write_file(tmp_path, second, "B")
    found, turned = report(a, b), report(b, a)
    assert found.pairs[0].figures == turned.pairs[0].figures
    check(found, expected, masks="masks" in {first, second})
    assert found.terms.group_kinds == ("image",)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_file_beside_a_dataset_gives_the_figures_of_one(
    tool: str, expected: Agreement, tmp_path: Path
) -> None:
    base = dataset(tmp_path / "data", records("A"))
    with unchanged(base.path):
        found = report(base, write_file(tmp_path, tool, "B"), dry_run=True)  # else its account is added
    check(found, expected, masks=tool == "masks")
    assert found.terms.sources == ("B",)


def check(found: Agreement, expected: Agreement, *, masks: bool) -> None:
    """A mask has no grade, and does not say that all was outlined; else everything is the same."""
    mine, theirs = figures(found), figures(expected)
    if masks:
        mine, theirs = (
            {key: each for key, each in said.items() if key[0] != "detection_f1_same_class"}
            for said in (mine, theirs)
        )
        assert found.pairs[0].grades == ()
        assert found.pairs[0].unmatched_of_complete != expected.pairs[0].unmatched_of_complete
    else:
        assert found.pairs[0].grades == expected.pairs[0].grades
        assert found.pairs[0].unmatched_of_complete == expected.pairs[0].unmatched_of_complete
    assert mine == theirs
    assert found.pairs[0].unmatched == expected.pairs[0].unmatched
    assert found.notes == ()


def test_two_datasets_give_the_report_of_one_by_id_or_by_the_bytes_of_the_image(
    expected: Agreement, tmp_path: Path
) -> None:
    base = dataset(tmp_path / "a", records("A"))
    same_ids = dataset(tmp_path / "ids", records("B"))
    renamed = [replace(each, image_id=f"toy/other_{k}") for k, each in enumerate(records("B"))]
    same_bytes = dataset(tmp_path / "bytes", renamed)
    for other in (same_ids, same_bytes):
        found = report(base, other)
        assert found.pairs[0].to_json() == expected.pairs[0].to_json()
        assert found.notes == ()
        assert found.readers == expected.readers


def test_a_dataset_that_names_nobody_is_given_a_name(expected: Agreement, tmp_path: Path) -> None:
    a = dataset(tmp_path / "a", records("A", unnamed=True))
    b = dataset(tmp_path / "b", records("B", unnamed=True))
    found = report(f"A={a.path}", f"B={b.path}")
    assert found.pairs[0].readers == ("A", "B")
    assert figures(found) == figures(expected)
    assert found.pairs[0].grades == expected.pairs[0].grades
    nobody = report(a, f"B={b.path}")
    assert nobody.pairs[0].readers == ("", "B")
    assert figures(nobody) == figures(expected)


def test_words_without_a_reader_become_the_named_readers_but_for_a_pathologists(tmp_path: Path) -> None:
    """Two datasets that state one histology are not two readers who agree."""
    said = (
        Label(value=TiradsAcr.TR3, basis=Basis.IMAGING),
        Label(value=Malignancy.MALIGNANT, basis=Basis.HISTOLOGY),
    )
    parts = [
        dataset(
            tmp_path / reader,
            [replace(each, case_labels=said) for each in records(reader, unnamed=True)],
        )
        for reader in "AB"
    ]
    found = report(f"A={parts[0].path}", f"B={parts[1].path}")
    schemes = {(each.scope.value, each.scheme) for each in found.pairs[0].grades}
    assert schemes == {("case", "tirads-acr"), ("finding", "tirads-acr")}


def test_the_consensus_of_another_dataset_is_no_reader(tmp_path: Path) -> None:
    base = dataset(tmp_path / "a", records("A"))
    resolved = [
        replace(
            each,
            readings=(*each.readings, Reading(reader="derived", coverage=Coverage.COMPLETE)),
            image_labels=(Label(value=TiradsAcr.TR3, reader="derived"),),
        )
        for each in records("B")
    ]
    found = report(base, dataset(tmp_path / "b", resolved))
    assert [each.reader for each in found.readers] == ["A", "B"]
    given = dataset_contribution(read_image_of(resolved[0]))
    assert given == dataset_contribution(read_image_of(records("B")[0]))


# ---------------------------------------------------------------- what cannot be joined


def test_an_image_that_the_other_lacks_is_named_on_both_sides(tmp_path: Path, expected: Agreement) -> None:
    one, other = (look(reader, nodule(SHAPES["A"][0])) for reader in "AB")
    base = dataset(tmp_path / "a", [*records("A"), image_of("mine", one)])
    other = dataset(tmp_path / "b", [*records("B"), image_of("yours", other)])
    found = report(base, other)
    assert figures(found) == figures(expected)
    assert places(found, "no-counterpart") == ("b: toy/mine",)
    assert places(found, "other-image") == ("b: toy/yours",)
    assert places(found, "one-reader") == ("toy/mine: A",)
    assert found.pairs[0].only == (1, 0)


def test_an_image_that_a_file_lacks_is_named(tmp_path: Path) -> None:
    base = dataset(tmp_path / "a", records("A"))
    (tmp_path / "b.xml").write_bytes(
        cvat_xml([*given_by("B")[1:], Drawn("c.png", WIDTH, HEIGHT, [("nodule", SHAPES["B"][0])])])
    )
    found = report(base, f"B={tmp_path / 'b.xml'}")
    assert found.pairs[0].images == 2
    assert places(found, "no-counterpart") == (f"B: toy/{NAMES[0]}",)
    assert places(found, "other-image") == ("B: c",)
    assert places(found, "one-reader") == (f"toy/{NAMES[0]}: A",)


def test_an_image_that_nobody_has_touched_in_a_tool_is_not_read(tmp_path: Path) -> None:
    untouched = [*given_by("B")[1:], Drawn(f"{NAMES[0]}.png", WIDTH, HEIGHT)]
    for tool, write in (("xml", cvat_xml), ("json", label_studio_json)):
        base = dataset(tmp_path / f"a.{tool}", records("A"))
        (tmp_path / f"b.{tool}").write_bytes(write(untouched))
        found = report(base, f"B={tmp_path / f'b.{tool}'}")
        assert found.pairs[0].images == 2
        assert places(found, "no-counterpart") == (f"B: toy/{NAMES[0]}",)


@pytest.mark.parametrize("kind", ["dataset", "file"])
def test_an_image_of_two_sizes_is_named_once_and_not_compared(kind: str, tmp_path: Path) -> None:
    base = dataset(tmp_path / "a", records("A"))
    other = HEIGHT + 2
    if kind == "dataset":
        image = ImageRef(width=WIDTH, height=other)
        first = replace(records("B")[0], image=image, findings=())
        source: Any = dataset(tmp_path / "b", [first, *records("B")[1:]])
    else:
        first_drawn = replace(given_by("B")[0], height=other, shapes=[], tags=["nothing to outline"])
        (tmp_path / "b").write_bytes(cvat_xml([first_drawn, *given_by("B")[1:]]))
        source = f"B={tmp_path / 'b'}"
    found = report(base, source)
    name = "b" if kind == "dataset" else "B"
    assert places(found, "size-differs") == (f"{name}: toy/{NAMES[0]}: 64 x 48 px, and 64 x 50 px",)
    assert places(found, "no-counterpart") == ()
    assert found.pairs[0].images == 2
    assert found.pairs[0].only == (1, 0)


def test_a_file_name_that_two_images_have_is_named_and_not_compared(tmp_path: Path) -> None:
    twins = [
        replace(each, image_id=f"toy/{folder}", image=replace(each.image, path=f"{folder}/{NAMES[0]}.png"))
        for folder, each in zip(("left", "right"), [records("A")[0]] * 2, strict=True)
    ]
    base = dataset(tmp_path / "a", [*twins, *records("A")[1:]])
    (tmp_path / "b.xml").write_bytes(cvat_xml(given_by("B")))
    found = report(base, f"B={tmp_path / 'b.xml'}")
    assert places(found, "ambiguous-image") == (f"B: {NAMES[0]}",)
    assert places(found, "one-reader") == ("toy/left: A", "toy/right: A")
    assert found.pairs[0].images == 2


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_images_with_the_bytes_of_one_the_one_with_its_id_is_it(turned: bool, tmp_path: Path) -> None:
    base = dataset(tmp_path / "a", records("A"))
    theirs = records("B")
    copies = [
        replace(each, image_id=f"toy/{name}", image=replace(each.image, path=f"{name}/{each.source}.png"))
        for name, each in (("copy", theirs[0]), ("again", theirs[1]), ("once_more", theirs[1]))
    ]
    listed = [*theirs[:1], *theirs[2:], *copies]
    other = dataset(tmp_path / "b", listed[::-1] if turned else listed)
    found = report(base, other)
    assert found.pairs[0].images == 2
    assert found.pairs[0].columns.image_ids[0] == f"toy/{NAMES[0]}"
    assert places(found, "ambiguous-image") == ("b: toy/again", "b: toy/copy", "b: toy/once_more")
    assert places(found, "no-counterpart") == ()
    assert places(found, "one-reader") == (f"toy/{NAMES[1]}: A",)


def test_grades_of_nodules_in_another_dataset_are_named(tmp_path: Path) -> None:
    base = dataset(tmp_path / "a", records("A"))
    nodules = (Nodule(nodule_id="1", labels=(Label(value=TiradsAcr.TR3, reader="B"),)),)
    other = dataset(tmp_path / "b", [replace(each, nodules=nodules) for each in records("B")])
    assert len(places(report(base, other), "left-out")) == len(NAMES)


def test_what_a_file_says_and_no_reading_holds_is_named_whichever_source_it_is(tmp_path: Path) -> None:
    tasks = json.loads(label_studio_json(given_by("A")))
    tasks[0]["annotations"][0]["result"][0]["meta"] = {"text": ["see the old one"]}
    (tmp_path / "a.json").write_text(json.dumps(tasks))
    a, b = f"A={tmp_path / 'a.json'}", write_file(tmp_path, "cvat", "B")
    for found in (report(a, b), report(b, a)):
        (place,) = places(found, "left-out")
        assert place.startswith(f"A: {NAMES[0]}: a remark on a region (a.json")


def test_that_there_is_nothing_is_compared_though_the_file_states_no_size(tmp_path: Path) -> None:
    """Label Studio states the size of an image in its regions: one without has none."""
    nothing = replace(given_by("A")[0], shapes=(), tags=("nothing to outline",))
    (tmp_path / "a.json").write_bytes(label_studio_json([nothing, *given_by("A")[1:]]))
    a, b = f"A={tmp_path / 'a.json'}", write_file(tmp_path, "cvat", "B")
    found, turned = report(a, b), report(b, a)
    assert figures(found) == figures(turned)
    assert found.pairs[0].images == 3
    assert found.pairs[0].unmatched_of_complete == (1, 2)
    assert found.notes == turned.notes == ()


def test_an_image_of_which_no_file_states_the_size_is_named(tmp_path: Path) -> None:
    nothing = replace(given_by("A")[0], shapes=(), tags=("nothing to outline",))
    for reader in "AB":
        data = label_studio_json([nothing, *given_by(reader)[1:]])
        (tmp_path / f"{reader}.json").write_bytes(data)
    found = report(f"A={tmp_path / 'A.json'}", f"B={tmp_path / 'B.json'}")
    assert places(found, "left-out") == (f"A: {NAMES[0]}: no file states the size of the image",)
    assert found.pairs[0].images == 2


def test_an_empty_mask_is_no_reading(tmp_path: Path) -> None:
    folder = write_masks(tmp_path / "b", "B")
    (folder / f"{NAMES[0]}.png").write_bytes(encode_png(np.zeros((HEIGHT, WIDTH), np.uint8)))
    base = dataset(tmp_path / "a", records("A"))
    for found in (report(base, f"B={folder}"), report(write_file(tmp_path, "cvat", "A"), f"B={folder}")):
        (place,) = places(found, "covers-nothing")
        assert place.endswith(f"/{NAMES[0]}: B")
        assert found.pairs[0].images == 2
        assert found.pairs[0].only == (1, 0)


# ---------------------------------------------------------------- what is no source


def refused(*sources: Any) -> ThyrodataError:
    with pytest.raises(ThyrodataError) as error:
        report(*sources)
    assert error.value.where
    assert error.value.hint
    return error.value


def test_sources_that_do_not_fit_are_refused_with_a_hint(tmp_path: Path) -> None:
    base = dataset(tmp_path / "a", records("A"))
    nameless = dataset(tmp_path / "nobody", records("A", unnamed=True))
    both = dataset(tmp_path / "ab", records("A", "B"))
    xml = write_file(tmp_path, "cvat", "B").partition("=")[2]
    (tmp_path / "notes.txt").write_text("seen on Monday")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/notes.txt").write_text("seen on Monday")
    said = {
        (base,): "one reader says nothing of agreement; the readers are: A",
        (base, f"A={xml}"): "two sources have a reader called 'A'",
        (base, both): "two sources have a reader called 'A'",
        (f"B={xml}", f"B={xml}"): "two sources have a reader called 'B'",
        (nameless, nameless): "two sources have a reader called '(not named)'",
        (base, f"B={both.path}"): "the dataset names its readers, as 'A' of toy/a.b_1",
        (f"A={base.path}", f"B={xml}"): "the dataset names its readers, as 'A' of toy/a.b_1",
        (base, xml): "a reader's file does not say whose it is",
        (base, "B=missing.xml"): "there is no such file or folder",
        ("missing", f"B={xml}"): "there is no such file or folder",
        (base, "B=" + "x" * 5000): "there is no such file or folder",
        (base, f"B={tmp_path / 'notes.txt'}"): "this is no annotations file of CVAT",
        (base, f"B={tmp_path / 'folder'}"): "the file is no mask",
        (f"B={xml}", base): "a file stands before a dataset",
        (base, f"derived={xml}"): "'derived' cannot be the name of a reader",
        (base, f"Müller={xml}"): "'M\\xfcller' cannot be the name of a reader",
    }
    for sources, words in said.items():
        assert words in str(refused(*sources)), sources


@pytest.mark.parametrize("name", ["a=b", "A=x", "=", "x="])
def test_a_path_may_hold_an_equals_sign(name: str, tmp_path: Path, expected: Agreement) -> None:
    base = dataset(tmp_path / name, records("A"))
    assert figures(report(str(base.path), write_file(tmp_path, "cvat", "B"))) == figures(expected)


def test_a_label_that_is_none_is_refused_with_its_place(tmp_path: Path) -> None:
    base = dataset(tmp_path / "a", records("A"))
    for text in ("tirads-xyz/3", "tirads-acr/TR9", "cyst"):
        shapes = [(text, SHAPES["B"][0])]
        (tmp_path / "b.xml").write_bytes(cvat_xml([Drawn(f"{NAMES[0]}.png", WIDTH, HEIGHT, shapes)]))
        error = refused(base, f"B={tmp_path / 'b.xml'}")
        assert isinstance(error, CaseError)
        assert text in str(error)
        assert "b.xml" in error.where


def test_nothing_is_no_source() -> None:
    with pytest.raises(UsageError, match="nothing to compare"):
        report_agreement([])


def test_the_command_takes_files_and_datasets(tmp_path: Path, command: Callable[..., Any]) -> None:
    base = dataset(tmp_path / "a", records("A"))
    b = write_file(tmp_path, "label-studio", "B")
    ran = command("agree", "report", base.path, b, "--json", "--resamples", 40)
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["pairs"][0]["readers"] == ["A", "B"]
    ran = command("agree", "report", base.path, "B=missing", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: there is no such file or folder")
