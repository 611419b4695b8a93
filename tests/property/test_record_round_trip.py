"""Records survive JSON, Arrow and Parquet unchanged, and say the same as independent readers of them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pycocotools import mask as coco_mask

from tests import strategies as some
from thyrodata.errors import SchemaError
from thyrodata.io import parquet
from thyrodata.schema.card import Card
from thyrodata.schema.geometry import Box, Calipers, Geometry, Line, Mask, Point, Polygon
from thyrodata.schema.jsonschema import json_schema
from thyrodata.schema.manifest import Manifest
from thyrodata.schema.plain import from_plain, to_plain
from thyrodata.schema.record import ImageRecord, Origin
from thyrodata.schema.vocab import Structure

VALIDATORS = {cls: Draft202012Validator(json_schema(cls)) for cls in (ImageRecord, Card, Manifest)}

published = some.image_records() | some.cards | some.manifests
record_lists = st.lists(some.image_records(), max_size=3)


@given(published)
def test_json(thing: ImageRecord | Card | Manifest) -> None:
    """A record, card or manifest comes back equal from its JSON text."""
    text = json.dumps(to_plain(thing), allow_nan=False)
    assert from_plain(type(thing), json.loads(text)) == thing


@given(published)
def test_json_schema(thing: ImageRecord | Card | Manifest) -> None:
    """What is written of a record, card or manifest is valid under its JSON Schema."""
    VALIDATORS[type(thing)].validate(json.loads(json.dumps(to_plain(thing))))


@given(record_lists)
def test_arrow_batch(records: list[ImageRecord]) -> None:
    """Records come back equal, and in order, from an Arrow batch that Arrow itself finds sound."""
    batch = parquet.batch_of(records)
    batch.validate(full=True)
    assert batch.schema == parquet.RECORDS
    assert parquet.records_of(batch) == records


@given(record_lists, st.data())
def test_arrow_slice(records: list[ImageRecord], data: st.DataObject) -> None:
    """A slice of a batch holds the same slice of the records."""
    start = data.draw(st.integers(0, len(records)))
    length = data.draw(st.integers(0, len(records) - start))
    batch = parquet.batch_of(records).slice(start, length)
    assert parquet.records_of(batch) == records[start : start + length]


@given(st.lists(record_lists, min_size=1, max_size=3))
def test_arrow_concatenation(groups: list[list[ImageRecord]]) -> None:
    """Batches joined by Arrow hold the records of each in turn."""
    joined = pa.concat_batches([parquet.batch_of(records) for records in groups])
    assert parquet.records_of(joined) == [record for records in groups for record in records]


@given(record_lists, st.integers(1, 3), st.data())
def test_parquet_file(records: list[ImageRecord], row_group: int, data: st.DataObject) -> None:
    """Records come back equal from a Parquet file of any row group size, however they were batched."""
    edges = sorted(data.draw(st.lists(st.integers(0, len(records)), max_size=3)))
    batches = [parquet.batch_of(records[a:b]) for a, b in pairwise([0, *edges, len(records)])]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "ROW_GROUP", row_group)
        path = Path(folder, "records.parquet")
        parquet.write_records(path, batches)
        assert list(parquet.stream_records(path)) == records
        with pq.ParquetFile(path) as file:
            sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
            assert file.read().to_pylist() == parquet.batch_of(records).to_pylist()
    full, rest = divmod(len(records), row_group)
    assert sizes == [row_group] * full + [rest] * bool(rest)


@given(record_lists, st.integers(1, 3), st.data())
def test_parquet_bytes(records: list[ImageRecord], row_group: int, data: st.DataObject) -> None:
    """The bytes of a Parquet file do not depend on how its records were batched."""
    edges = sorted(data.draw(st.lists(st.integers(0, len(records)), max_size=3)))
    batches = [parquet.batch_of(records[a:b]) for a, b in pairwise([0, *edges, len(records)])]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "ROW_GROUP", row_group)
        one, many = Path(folder, "one.parquet"), Path(folder, "many.parquet")
        parquet.write_records(one, [parquet.batch_of(records)])
        parquet.write_records(many, batches)
        assert one.read_bytes() == many.read_bytes()


@given(record_lists)
def test_chunk_file(records: list[ImageRecord]) -> None:
    """Records come back equal from a chunk file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "chunk.arrow")
        parquet.write_chunk(path, parquet.batch_of(records))
        back = [record for batch in parquet.read_chunk(path) for record in parquet.records_of(batch)]
    assert back == records


@dataclass(frozen=True, kw_only=True)
class Size:
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Drawing:
    structure: Structure
    geometries: tuple[Geometry, ...]
    origin: Origin


@dataclass(frozen=True, kw_only=True)
class Outlines:
    image_id: str
    image: Size
    findings: tuple[Drawing, ...]


@given(record_lists)
def test_some_columns(records: list[ImageRecord]) -> None:
    """A class with some of the fields reads, from the same file, what those fields hold in the records."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "records.parquet")
        parquet.write_records(path, [parquet.batch_of(records)])
        read = list(parquet.stream_as(path, Outlines))
    assert read == [
        Outlines(
            image_id=record.image_id,
            image=Size(width=record.image.width, height=record.image.height),
            findings=tuple(
                Drawing(structure=f.structure, geometries=f.geometries, origin=f.origin)
                for f in record.findings
            ),
        )
        for record in records
    ]


def _numbered(template: dict[str, Any], count: int) -> Iterator[ImageRecord]:
    for number in range(count):
        yield from_plain(ImageRecord, {**template, "image_id": f"made/{number}"})


def test_more_records_than_a_row_group(tmp_path: Path) -> None:
    """Records beyond one row group of the published size come back in order, read one group at a time."""
    template = {
        "image": {"width": 8, "height": 6},
        "modality": "ultrasound",
        "group_id": "made/0",
        "group_kind": "case",
        "source": "made",
    }
    records = list(_numbered(template, 2 * parquet.ROW_GROUP + 1))
    path = tmp_path / "records.parquet"
    parquet.write_records(path, (parquet.batch_of(records[i : i + 700]) for i in range(0, len(records), 700)))
    assert [batch.num_rows for batch in parquet.stream_batches(path)] == [1000, 1000, 1]
    assert list(parquet.stream_records(path)) == records
    parquet.write_records(tmp_path / "at-once.parquet", [parquet.batch_of(records)])
    assert (tmp_path / "at-once.parquet").read_bytes() == path.read_bytes()


def _runs_of_pixels(mask: Mask) -> list[int]:
    """Runs in column-major order, counted on the pixels that pycocotools decodes."""
    pixels = coco_mask.decode({"size": [mask.height, mask.width], "counts": mask.counts.encode()})
    column_major = np.concatenate([[0], pixels.ravel(order="F")])
    edges = np.flatnonzero(np.diff(column_major)).tolist()
    return [b - a for a, b in pairwise([0, *edges, mask.height * mask.width])]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools, numpy 2
@given(some.masks())
def test_mask_runs(mask: Mask) -> None:
    """The runs of a mask are those counted on its decoded pixels."""
    assert list(mask.runs()) == _runs_of_pixels(mask)


@given(some.masks(), st.integers(-3, 3), st.integers(-3, 3))
def test_mask_of_another_size(mask: Mask, taller: int, wider: int) -> None:
    """A mask is refused where its runs do not sum to height x width."""
    height, width = mask.height + taller, mask.width + wider
    assume(height * width != mask.height * mask.width)
    with pytest.raises(SchemaError):
        Mask(height=height, width=width, counts=mask.counts)


COCO_ALPHABET = {chr(48 + bits) for bits in range(64)}


@given(some.masks(), st.characters().filter(lambda c: c not in COCO_ALPHABET), st.data())
def test_mask_with_a_foreign_character(mask: Mask, foreign: str, data: st.DataObject) -> None:
    """A mask is refused where any one character of its counts is outside COCO's alphabet."""
    at = data.draw(st.integers(0, len(mask.counts) - 1))
    with pytest.raises(SchemaError, match="outside COCO's encoding"):
        Mask(height=mask.height, width=mask.width, counts=mask.counts[:at] + foreign + mask.counts[at + 1 :])


@given(some.sizes(), st.data())
def test_mask_runs_as_given(size: tuple[int, int], data: st.DataObject) -> None:
    """The runs of a mask are those that pycocotools was given, runs of zero pixels among them."""
    runs = data.draw(some.run_lengths(*size, unique=False))
    height, width = size
    assert list(Mask(height=height, width=width, counts=some.compressed(runs, height, width)).runs()) == runs


def _points(geometry: Polygon | Calipers | Line) -> list[Point]:
    match geometry:
        case Polygon(parts=parts):
            return [point for part in parts for point in part.exterior]
        case Calipers(long=long, short=short):
            return [*long, *(short or ())]
        case Line(points=points):
            return list(points)


@given(some.polygons | some.calipers | some.lines)
def test_extent(geometry: Polygon | Calipers | Line) -> None:
    """The bounding box begins at the least coordinates and spans to the greatest."""
    points = np.array(_points(geometry))
    expected = [*points.min(axis=0), *np.ptp(points, axis=0)]
    assert list(geometry.bbox_xywh_px) == expected


@given(some.boxes)
def test_extent_of_a_box(box: Box) -> None:
    """The bounding box of a box is the box."""
    assert box.bbox_xywh_px == (box.x, box.y, box.width, box.height)
