"""Thousands of damaged files go through whole runs: none brings a bug about, none takes another with it."""

from __future__ import annotations

import random
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.datadict import tag_for_keyword

from tests import dicoms
from tests.captures import capture
from tests.hostile import dicom_bytes, waves

EXPORTS, FILES = 4, 520
"""Runs, and damaged files in each."""

SOAKED = 100
"""Runs in the soak lane."""

GOOD = 3
"""Files of each export that are not damaged."""

SYNTAXES = (
    dicoms.IMPLICIT,
    dicoms.EXPLICIT,
    dicoms.BIG_ENDIAN,
    dicoms.DEFLATED,
    dicoms.RLE,
    dicoms.BASELINE,
    dicoms.JPEG_LOSSLESS,
    dicoms.JPEG_LOSSLESS_SV1,
    dicoms.JPEGLS,
    dicoms.JPEGLS_NEAR,
    dicoms.JPEG2000_LOSSLESS,
    dicoms.JPEG2000,
    dicoms.HTJ2K_LOSSLESS,
    dicoms.HTJ2K,
    dicoms.JPEGXL_LOSSLESS,
    dicoms.JPEGXL,
)

ENCODED = SYNTAXES.index(dicoms.RLE)
"""The first of those that have codestreams."""

EXPLICIT = 3 * SYNTAXES.index(dicoms.RLE) + 1
"""The first of the originals whose elements all have a VR and are not deflated."""

SHARES = (0.2, 0.6)
"""Of files: up to the first the header is edited, up to the second the codestream is damaged, then all."""

NUMBERS = (0, 1, 2, 7, 8, 16, 0x7F, 0xFF, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF)
TEXTS = (
    "",
    "0",
    "-1",
    "1\\2",
    "1e400",
    "999999999999",
    "NaN",
    "\0",
    "\\\\",
    "A" * 70,
    "é\u0416\u6f22",
    "\x1b$B",
)
NUMERIC = (
    *("Rows", "Columns", "SamplesPerPixel", "PlanarConfiguration", "BitsAllocated"),
    *("BitsStored", "HighBit", "PixelRepresentation"),
)
TEXTUAL = (
    *("NumberOfFrames", "PhotometricInterpretation", "SpecificCharacterSet", "PatientID", "PatientAge"),
    *("PatientSex", "PatientBirthDate", "StudyDate", "StudyInstanceUID", "SOPClassUID", "Modality"),
    *("InstanceNumber", "FrameTime", "Manufacturer", "LossyImageCompression", "BodyPartExamined"),
)


@cache
def originals() -> tuple[bytes, ...]:
    """A still, a clip and a coloured still of each transfer syntax, and one of a palette."""
    colours = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    found = [dicom_bytes(waves(0), palette=dicoms.Palette(colours=colours))]
    for number, syntax in enumerate(SYNTAXES, 1):
        still, second = waves(number), waves(number + 1)
        found += [
            dicom_bytes(frames, number, transfer_syntax=syntax)
            for frames in (still, np.stack([still, second]), tinted(still))
        ]
    return tuple(found)


def tinted(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.stack([picture, picture // 2 + 20 * (picture > 0), picture], axis=-1).astype(np.uint8)


@cache
def codestream(number: int, *, coloured: bool) -> bytes:
    picture = tinted(waves(number)) if coloured else waves(number)
    photometric = "RGB" if coloured else "MONOCHROME2"
    return dicoms.encode_frame(picture, SYNTAXES[number], photometric)


def recoded(draw: random.Random) -> bytes:
    """Write a file that is whole but for its codestream: what a decoder is given."""
    number = draw.randrange(ENCODED, len(SYNTAXES))
    coloured = draw.random() < 0.4
    broken = damaged(codestream(number, coloured=coloured), draw)
    if broken.startswith(b"\xff\xd8") and draw.random() < 0.7:
        broken += b"\xff\xd9"  # without an end, no JPEG is given to a decoder
    picture = tinted(waves(number)) if coloured else waves(number)
    photometric = "RGB" if coloured else None
    return dicom_bytes(
        picture, number, transfer_syntax=SYNTAXES[number], codestreams=[broken], photometric=photometric
    )


def edited(data: bytes, draw: random.Random) -> bytes:
    """Let the header of a file of explicit VR say one or several things that are not so."""
    for _ in range(draw.randint(1, 3)):
        if draw.random() < 0.5:
            name, value = draw.choice(NUMERIC), struct.pack("<H", draw.choice(NUMBERS))
        else:
            name, value = draw.choice(TEXTUAL), draw.choice(TEXTS).encode()
        tag = int(tag_for_keyword(name) or 0)
        at = data.find(struct.pack("<HH", tag >> 16, tag & 0xFFFF), 132)
        if at >= 0:
            (length,) = struct.unpack("<H", data[at + 6 : at + 8])
            data = data[: at + 6] + struct.pack("<H", len(value)) + value + data[at + 8 + length :]
    return data


def places(data: bytes) -> Sequence[int]:
    """The parts of a file that damage falls on alike: all of it, its header, its pixels."""
    pixels = max(data.rfind(b"\xe0\x7f\x10\x00"), data.rfind(b"\x7f\xe0\x00\x10"), 132)
    return (0, 132, pixels)


def damaged(data: bytes, draw: random.Random) -> bytes:
    """Flip, cut, repeat, swap or insert bytes, or change a length, in one part of a file."""
    changed = bytearray(data)
    start = draw.choice(places(data))
    for _ in range(draw.randint(1, 5)):
        at = draw.randrange(min(start, len(changed)), len(changed) + 1)
        size = draw.choice((1, 2, 4, 8, 60, 400))
        match draw.randrange(7):
            case 0 if at < len(changed):
                changed[at] ^= 1 << draw.randrange(8)
            case 1 if at < len(changed):
                changed[at] = draw.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF))
            case 2:
                del changed[at : at + size]
            case 3:
                changed[at:at] = changed[max(0, at - size) : at]
            case 4:
                one, other = changed[at : at + size], changed[at + size : at + 2 * size]
                changed[at : at + 2 * size] = other + one
            case 5:
                lengths = (0, 1, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF, draw.getrandbits(16))
                kind = draw.choice((">I", "<I"))
                changed[at : at + 4] = struct.pack(kind, draw.choice(lengths))
            case _:
                changed[at:at] = draw.randbytes(size)
    if draw.random() < 0.05:
        del changed[draw.randrange(len(changed)) :]
    return bytes(changed)


def mutations(seed: int, count: int) -> Iterator[bytes]:
    draw = random.Random(seed)  # noqa: S311 -- nothing is secret here
    for _ in range(count):
        kind = draw.random()
        if kind < SHARES[0]:
            yield edited(draw.choice(originals()[EXPLICIT:]), draw)
        elif kind < SHARES[1]:
            yield recoded(draw)
        else:
            yield damaged(draw.choice(originals()), draw)


def captured(seed: int, folder: Path) -> Counter[str]:
    """Run an export of damaged files; return how many came to each verdict."""
    raw = folder / f"raw-{seed}"
    raw.mkdir()
    for number, data in enumerate(mutations(seed, FILES)):
        (raw / f"{number}.dcm").write_bytes(data)
    for number in range(GOOD):
        place = FILES * number // (GOOD - 1)
        (raw / f"{place}-good.dcm").write_bytes(dicom_bytes(waves(number), 900 + number))
    made = capture(raw, folder / f"out-{seed}", workers=2)
    order = sorted((int(path.name.split(".")[0].split("-")[0]), path.name) for path in raw.iterdir())
    good = [n for n, (_, name) in enumerate(order) if "good" in name]
    assert len(made.files) >= FILES + GOOD  # an archive's members come on top
    assert [made.files[n].verdict for n in good] == ["exported"] * GOOD
    assert [done.detail for done in made.files if done.verdict == "fault"] == []
    return Counter(done.verdict for done in made.files)


def check(seeds: range, folder: Path) -> None:
    counts: Counter[str] = Counter()
    for seed in seeds:
        counts += captured(seed, folder)
    print(*(f"{verdict} {n}" for verdict, n in counts.most_common()), sep=", ")  # noqa: T201 -- by pytest -rP
    assert counts["hung"] == counts["memory"] == 0
    assert min(counts["exported"], counts["broken"], counts["not-decoded"]) > 0.01 * counts.total()


@pytest.mark.slow
def test_two_thousand_damaged_files_bring_no_bug_about_and_cost_no_other(tmp_path: Path) -> None:
    check(range(EXPORTS), tmp_path)


@pytest.mark.soak
def test_fifty_thousand_damaged_files_bring_no_bug_about_and_cost_no_other(tmp_path: Path) -> None:
    check(range(EXPORTS, EXPORTS + SOAKED), tmp_path)
