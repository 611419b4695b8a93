"""FiftyOne's own format, and what its loader from the Hub is told: read back by FiftyOne itself.

What needs FiftyOne and its database is skipped where they are not: see ``fiftyonedb.py``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest

from tests.curated import content, picture, with_images
from tests.study import write_study
from tests.toy import finding, record
from thyrodata.dataset import Dataset
from thyrodata.errors import OutputError, UsageError
from thyrodata.exports import EXPORTS
from thyrodata.exports.fiftyone import FiftyoneSettings
from thyrodata.exports.hub.fiftyoneyml import fiftyone_yml
from thyrodata.exports.run import Exported, export
from thyrodata.io.masks import encode_mask
from thyrodata.partition import SplitPlan, add_split
from thyrodata.schema.geometry import Box, Calipers, Polygon, PolygonPart
from thyrodata.schema.record import Age, Patient, Reading, Remark
from thyrodata.schema.vocab import Coverage, Sex, Structure

pytest_plugins = ["tests.fiftyonedb"]

WIDE, HIGH = 16, 12
BOX = Box(x=2.5, y=3, width=5, height=3.25)
RING = ((1.0, 1.0), (9.5, 1.0), (5.0, 8.25))
HOLED = Polygon(
    parts=(PolygonPart(exterior=((0, 0), (9, 0), (9, 9), (0, 9)), holes=(((2, 2), (6, 2), (6, 6)),)),)
)
PIXELS = np.arange(HIGH * WIDE).reshape(HIGH, WIDE) % 7 == 0
CALIPERS = Calipers(long=((1, 2), (9, 8)))


@pytest.fixture(autouse=True)
def _listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXPORTS, "fiftyone", "FiftyoneSettings")


@pytest.fixture
def varied(tmp_path: Path) -> Dataset:
    """Images with every kind of drawing, a true negative, and one that nobody read."""
    records = [
        record(
            "0",
            finding("1", encode_mask(PIXELS), BOX, Polygon(parts=(PolygonPart(exterior=RING),)), CALIPERS),
            finding("2", BOX, score=0.5, crowd=True),
            patient=Patient(sex=Sex.FEMALE, age=Age(years=41)),
            remarks=(Remark(code="cut", text="cut off"),),
        ),
        record("1", readings=(Reading(coverage=Coverage.COMPLETE),)),
        record("2", readings=(Reading(coverage=Coverage.NONE),)),
        record("3", finding("1", BOX), finding("2", BOX, structure=Structure.MARKER)),
    ]
    return with_images(tmp_path / "data", records, {f"toy/{n}": picture(n) for n in range(4)})


ACCEPT = ("marker", "unread")


def written(dataset: Dataset, out: Path, **options: Any) -> Exported:
    return export("fiftyone", dataset, out, accept=options.pop("accept", ACCEPT), **options)


def read(fo: Any, out: Path, **options: Any) -> Any:
    """The dataset as FiftyOne's own importer makes it."""
    return fo.Dataset.from_dir(
        dataset_dir=str(out), dataset_type=fo.types.FiftyOneDataset, progress=False, **options
    )


def test_the_folder_is_the_same_for_the_same_dataset(tmp_path: Path, varied: Dataset) -> None:
    for name in ("a", "b"):
        written(varied, tmp_path / name)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert set(content(tmp_path / "a")) == {
        "data/0.png", "data/1.png", "data/3.png", "metadata.json", "samples.json", "thyrodata-export.json",
    }  # fmt: skip


def test_no_place_of_the_machine_is_told(tmp_path: Path, varied: Dataset) -> None:
    written(varied, tmp_path / "out")
    for file in (tmp_path / "out").glob("*.json"):
        assert str(tmp_path) not in file.read_text()


def test_what_is_left_out_is_accounted_for(tmp_path: Path, varied: Dataset) -> None:
    made = written(varied, tmp_path / "out")
    assert made.ledger.written == Counter(images=3, findings=3)
    assert made.ledger.lost == {("images", "unread"): 1, ("findings", "marker"): 1}
    assert made.ledger.changed == {}
    assert made.ledger.fields == {}


def test_an_outline_with_a_hole_is_written_as_pixels_only_if_that_is_accepted(tmp_path: Path) -> None:
    data = with_images(tmp_path / "data", [record("0", finding("1", HOLED))], {"toy/0": picture(1)})
    with pytest.raises(OutputError, match="polygon-to-mask"):
        written(data, tmp_path / "out")
    made = written(data, tmp_path / "out", accept=["polygon-to-mask"])
    assert made.ledger.changed == {("findings", "polygon-to-mask"): 1}


def test_what_of_such_an_outline_lies_outside_of_the_image_is_told_too(tmp_path: Path) -> None:
    (part,) = HOLED.parts
    outside = replace(part, exterior=((-3, 0), (9, 0), (9, 9), (-3, 9)))
    said = record("0", finding("1", Polygon(parts=(outside,))))
    made = written(
        with_images(tmp_path / "data", [said], {"toy/0": picture(1)}), tmp_path / "out", dry_run=True
    )
    assert made.refused == ("cropped", "polygon-to-mask")


def test_fiftyone_reads_every_drawing_and_every_field(fo: Any, tmp_path: Path, varied: Dataset) -> None:
    written(varied, tmp_path / "out")
    shown = read(fo, tmp_path / "out")
    part_of = {each: part for part, ids in varied.split().items() for each in ids}
    assert shown.values("image_id") == ["toy/0", "toy/1", "toy/3"]
    assert shown.values("tags") == [[part_of[each]] for each in shown.values("image_id")]
    first = shown.first()
    assert (first.patient_sex, first.patient_age, first.remarks.classifications[0].label) == (
        "female",
        41,
        "cut",
    )
    (mask,) = first.masks.detections
    assert np.array_equal(mask.to_segmentation(frame_size=(WIDE, HIGH)).mask > 0, PIXELS)
    assert [each.finding_id for each in first.boxes.detections] == ["1", "2"]
    plain, crowd = first.boxes.detections
    assert (plain.confidence, crowd.confidence, crowd["iscrowd"]) == (None, 0.5, True)
    (outline,) = first.outlines.polylines
    assert np.multiply(outline.points, (WIDE, HIGH)) == pytest.approx(np.array([RING]))
    assert shown.count("calipers.polylines") == 1
    for sample in shown:
        file = varied.path / sample.file
        assert Path(sample.filepath).read_bytes() == file.read_bytes()
        assert Path(sample.filepath).parent == tmp_path / "out/data"


def test_what_fiftyone_exports_again_it_had_read_whole(fo: Any, tmp_path: Path, varied: Dataset) -> None:
    """Its own exporter writes the samples as they were, but for what it adds to each."""
    written(varied, tmp_path / "out")
    read(fo, tmp_path / "out").export(
        str(tmp_path / "again"), dataset_type=fo.types.FiftyOneDataset, progress=False
    )

    def samples(folder: Path) -> list[dict[str, Any]]:
        said: list[dict[str, Any]] = json.loads((folder / "samples.json").read_text())["samples"]
        return [{name: value for name, value in each.items() if name not in ADDED} for each in said]

    assert samples(tmp_path / "again") == samples(tmp_path / "out")


ADDED = {"_dataset_id", "created_at", "last_modified_at"}


def test_without_images_fiftyone_finds_those_of_the_dataset(fo: Any, tmp_path: Path, varied: Dataset) -> None:
    written(varied, tmp_path / "out", settings=FiftyoneSettings(labels_only=True))
    assert not (tmp_path / "out/data").exists()
    shown = read(fo, tmp_path / "out", rel_dir=str(varied.path))
    assert [Path(each).exists() for each in shown.values("filepath")] == [True, True, True]


def test_one_reader_is_exported(fo: Any, tmp_path: Path) -> None:
    data = write_study(tmp_path / "study")
    add_split(data, SplitPlan())
    with pytest.raises(UsageError, match="several readers"):
        written(data, tmp_path / "out")
    made = written(data, tmp_path / "out", reader="B", accept=["other-reader", "empty-unsure"])
    shown = read(fo, tmp_path / "out")
    drawn = sum(each.origin.reader == "B" for said in data.records() for each in said.findings)
    assert shown.count("reader_b_outlines.polylines") == drawn == made.ledger.written["findings"]
    assert "reader_a_outlines" not in shown.get_field_schema()


# ---------------------------------------------------------------- the Hub


TEXT = {"dtype": "string", "_type": "Value"}
GRADE = {"names": ["I", "II"], "_type": "ClassLabel"}
FEATURES: dict[str, Any] = {
    "image": {"_type": "Image"},
    "image_id": TEXT,
    "width": {"dtype": "int64", "_type": "Value"},
    "case_tirads_kwak": {"names": ["2", "3", "4a"], "_type": "ClassLabel"},
    "case_bethesda": GRADE,
}
"""A config of classes, as `datasets` describes it."""


@contextmanager
def viewer(rows: list[dict[str, Any]], features: Mapping[str, Any], image: bytes) -> Iterator[str]:
    """The Hub's dataset viewer, as far as FiftyOne asks it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlparse(self.path)
            wanted = parse_qs(asked.query)
            answers: dict[str, Any] = {
                "/splits": {
                    "splits": [
                        {"split": "train", "config": config} for config in ("default", "classification")
                    ]
                },
                "/info": {
                    "dataset_info": {"features": features, "splits": {"train": {"num_examples": len(rows)}}}
                },
            }
            if asked.path == "/rows":
                first = int(wanted["offset"][0])
                some = rows[first : first + int(wanted["length"][0])]
                answers["/rows"] = {
                    "rows": [
                        {"row_idx": first + n, "row": {**row, "image": {"src": f"{self.address()}/image"}}}
                        for n, row in enumerate(some)
                    ]
                }
            data = image if asked.path == "/image" else json.dumps(answers[asked.path]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def address(self) -> str:
            return f"http://127.0.0.1:{self.server.server_port}"

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_fiftyone_loads_what_its_file_names_from_the_hub(
    fo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own code reads the file, and asks a viewer on this machine for the rows."""
    import fiftyone.utils.huggingface as theirs  # noqa: PLC0415 -- FiftyOne is not everywhere
    import yaml  # noqa: PLC0415

    rows = [
        {"image_id": f"toy/{n}", "width": WIDE, "case_tirads_kwak": n % 3, "case_bethesda": None if n else 1}
        for n in range(130)
    ]
    monkeypatch.setattr(fo.config, "default_dataset_dir", str(tmp_path))
    said = fiftyone_yml(
        "toy: the first", subset="classification", labels=["case_tirads_kwak"], licence="cc-by-4.0",
        description="A case's \"grade\" #1",
    )  # fmt: skip
    config = theirs._build_config(yaml.safe_load(said) | {"repo_id": "me/toy", "repo_type": "dataset"})
    with viewer(rows, FEATURES, picture(1)) as address:
        monkeypatch.setattr(theirs, "DATASETS_SERVER_URL", address)
        made = theirs._load_dataset_from_config(config)
    assert (made.name, made.info["license"], made.description) == (
        "toy: the first", "cc-by-4.0", "A case's \"grade\" #1",
    )  # fmt: skip
    assert made.values("image_id") == [row["image_id"] for row in rows]
    assert made.values("case_tirads_kwak.label") == [("2", "3", "4a")[n % 3] for n in range(130)]
    assert made.values("case_bethesda") == [1] + [None] * 129
    assert Path(made.values("filepath")[0]).read_bytes() == picture(1)


OBJECT = {"category": 0, "bbox": [1.0, 2.0, 3.0, 4.0]}
OBJECTS = {
    "feature": {
        "category": {"names": ["nodule"], "_type": "ClassLabel"},
        "bbox": {"feature": {"dtype": "float64", "_type": "Value"}, "length": 4, "_type": "List"},
    },
    "_type": "List",
}


@pytest.mark.parametrize(
    ("feature", "value", "said", "error"),
    [
        pytest.param({"sex": TEXT}, {"sex": "female"}, {}, KeyError, id="structure"),
        pytest.param(GRADE, None, {"classification_fields": ["more"]}, TypeError, id="null"),
        pytest.param(OBJECTS, [OBJECT], {"detection_fields": ["more"]}, TypeError, id="boxes"),
    ],
)
def test_fiftyone_still_fails_on_what_its_file_keeps_from_it(
    fo: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    feature: dict[str, Any],
    value: object,
    said: dict[str, Any],
    error: type[Exception],
) -> None:
    """When this fails, FiftyOne has learned it, and may be told more."""
    import fiftyone.utils.huggingface as theirs  # noqa: PLC0415 -- FiftyOne is not everywhere
    import yaml  # noqa: PLC0415

    monkeypatch.setattr(fo.config, "default_dataset_dir", str(tmp_path))
    rows = [{"image_id": "toy/0", "width": WIDE, "case_tirads_kwak": 0, "case_bethesda": 0, "more": value}]
    plain = yaml.safe_load(fiftyone_yml("toy", subset="classification"))
    config = theirs._build_config(plain | said | {"repo_id": "me/toy", "repo_type": "dataset"})
    with viewer(rows, FEATURES | {"more": feature}, picture(1)) as address:
        monkeypatch.setattr(theirs, "DATASETS_SERVER_URL", address)
        with pytest.raises(error):
            theirs._load_dataset_from_config(config)
