"""What the engine does with pixels that are not a file of the source, and with a source it cannot trust."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from thyrodata.engine import Destination, Run, plan_items, run_items
from thyrodata.errors import CaseError, RawLayoutError
from thyrodata.io.parquet import read_chunk, records_of
from thyrodata.io.png import PngEncoder
from thyrodata.io.raw import Raw, RawFile, show_path
from thyrodata.sample import Absent, Encode, Sample
from thyrodata.schema.record import ImageRecord, ImageRef
from thyrodata.schema.vocab import GroupKind, Modality

KINDS = {"grey": (np.uint8, ()), "rgb": (np.uint8, (3,)), "deep": (np.uint16, ())}


@dataclass(frozen=True)
class OneFile:
    files: tuple[RawFile, ...]

    def __str__(self) -> str:
        return str(self.files[0])


class Decoder:
    """A source whose images have to be decoded: each file's name says what they are."""

    name: ClassVar[str] = "decoder"
    ignores: ClassVar[dict[str, str]] = {"*.txt": "notes"}

    def items(self, raw: Raw) -> Iterator[OneFile]:
        yield from (OneFile((file,)) for file in raw.files if file.suffix == ".seed")

    def samples(self, item: OneFile) -> Iterator[Sample]:
        file = item.files[0]
        array = pixels(file.stem, int(file.read()))
        record = ImageRecord(
            image_id=f"decoder/{file.stem}",
            image=ImageRef(width=array.shape[1], height=array.shape[0]),
            modality=Modality.ULTRASOUND,
            group_id=f"decoder/{file.stem}",
            group_kind=GroupKind.IMAGE,
            source=str(file),
        )
        kept = Absent() if file.stem == "absent" else Encode(array=array, path=f"{file.stem}.png")
        yield Sample(record=record, pixels=kept)


def pixels(kind: str, seed: int) -> np.ndarray:
    dtype, colours = KINDS.get(kind, KINDS["grey"])
    high = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, high, (13, 17, *colours), dtype, endpoint=True)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    for seed, kind in enumerate([*KINDS, "absent"]):
        (folder / f"{kind}.seed").write_text(str(seed))
    (folder / "read.txt").write_text("me")
    return folder


def run(raw: Path, out: Path, encoder: PngEncoder = PngEncoder.ISAL) -> tuple[Run, list[ImageRecord]]:
    (out / "dataset").mkdir(parents=True)
    (out / "work").mkdir()
    destination = Destination(dataset=out / "dataset", work=out / "work")
    done = run_items(Decoder(), plan_items(Decoder(), Raw(raw)), destination, encoder=encoder)
    return done, [r for file in done.chunk_files for batch in read_chunk(file) for r in records_of(batch)]


def test_encoded_images_hold_the_pixels_and_the_record_says_so(raw: Path, tmp_path: Path) -> None:
    done, records = run(raw, tmp_path / "out")
    assert (done.records, done.encoded) == (4, 3)
    for record in records:
        kind = record.image_id.partition("/")[2]
        if kind == "absent":
            assert record.image == ImageRef(width=17, height=13)
            continue
        data = (tmp_path / "out" / "dataset" / str(record.image.path)).read_bytes()
        seed = int((raw / f"{kind}.seed").read_text())
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), pixels(kind, seed))
        assert record.image.bit_depth == (16 if kind == "deep" else 8)
        assert record.image.path == f"images/{kind}.png"


def test_another_encoder_gives_other_bytes_and_the_same_pixel_digest(raw: Path, tmp_path: Path) -> None:
    by_isal, isal = run(raw, tmp_path / "isal")
    by_zlib, zlib = run(raw, tmp_path / "zlib", PngEncoder.ZLIB)
    assert by_isal.pixel_sha256 == by_zlib.pixel_sha256
    assert [r.image.sha256 for r in isal] != [r.image.sha256 for r in zlib]
    (raw / "grey.seed").write_text("99")
    other, _ = run(raw, tmp_path / "other")
    assert other.pixel_sha256 != by_isal.pixel_sha256


def test_every_file_of_the_source_is_accounted_for(raw: Path, tmp_path: Path) -> None:
    done, _ = run(raw, tmp_path / "out")
    assert (done.files_read, done.files_skipped, done.files_ignored) == (4, 0, 1)
    (raw / "stray.bin").write_bytes(b"")
    with pytest.raises(RawLayoutError) as stray:
        run(raw, tmp_path / "again")
    assert stray.value.where == "stray.bin"


def test_a_link_out_of_the_source_is_not_followed(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.seed").write_text("1")
    (raw / "link.seed").symlink_to(tmp_path / "secret.seed")
    with pytest.raises(RawLayoutError, match="leads out of the source"):
        run(raw, tmp_path / "out")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (b"a b/1_2.jpg", "a b/1_2.jpg"),
        ("é/ü.jpg".encode(), "é/ü.jpg"),
        (b"a\nb.jpg", "a\\nb.jpg"),
        (b"a\x7f.jpg", "a\\x7f.jpg"),
        (b"\xff.jpg", "\\xff.jpg"),
        ("\u2028.jpg".encode(), "\\u2028.jpg"),
    ],
)
def test_a_path_is_shown_as_a_line_that_prints(path: bytes, shown: str) -> None:
    assert show_path(os.fsdecode(path)) == shown


def test_a_file_that_vanishes_after_listing_is_named(raw: Path, tmp_path: Path) -> None:
    plan = plan_items(Decoder(), Raw(raw))
    (raw / "rgb.seed").unlink()
    with pytest.raises(CaseError) as gone:
        run_items(Decoder(), plan, None)
    assert gone.value.where == "rgb.seed"
    assert gone.value.hint


def test_a_bug_is_not_taken_for_bad_data(raw: Path) -> None:
    class Buggy(Decoder):
        def samples(self, item: OneFile) -> Iterator[Sample]:
            raise AttributeError(item)

    with pytest.raises(AttributeError):
        run_items(Buggy(), plan_items(Buggy(), Raw(raw)), None)
