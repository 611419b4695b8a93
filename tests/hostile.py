"""Files that would stop, fill or mislead a reader: what an export may hold by accident or on purpose.

Every one carries :data:`CANARY` wherever a text fits: in its name, its values or its bytes.
"""

from __future__ import annotations

import io
import os
import socket
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.captures import patient
from tests.dicoms import (
    BASELINE,
    DEFLATED,
    EXPLICIT,
    HTJ2K_LOSSLESS,
    IMPLICIT,
    JPEG2000_LOSSLESS,
    JPEG_LOSSLESS_SV1,
    JPEGLS,
    JPEGXL_LOSSLESS,
    MPEG4,
    RLE,
    Palette,
    Region,
    encode_frame,
    write_dicom,
)

__all__ = ["CANARY", "REGION", "Hostile", "archives", "dicom_bytes", "files", "waves"]

CANARY = "CANARY"

HEIGHT, WIDTH = 112, 160
REGION = Region(box=(16, 8, 143, 103))
DIRECTORY = "1.2.840.10008.1.3.10"

REFUSED = frozenset({"not-read", "broken", "not-decoded", "region", "colour", "not-ultrasound", "text"})
"""Verdicts by which a file is put aside because somebody thought of it; a lost process or a bug is none."""

Write = Callable[[Path], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """A file, and what it may come to."""

    name: str
    write: Write
    verdicts: frozenset[str] = REFUSED


def waves(seed: int) -> NDArray[np.uint8]:
    """(height, width): a picture so smooth that nothing in it passes for text, on a black screen."""
    x0, y0, x1, y1 = REGION.box
    y, x = np.mgrid[: y1 - y0 + 1, : x1 - x0 + 1]
    screen = np.zeros((HEIGHT, WIDTH), np.uint8)
    slow, fast = 14 + seed % 5, 9 + seed % 7
    screen[y0 : y1 + 1, x0 : x1 + 1] = 90 + 40 * np.sin(x / slow + seed) + 30 * np.sin(y / fast)
    return screen


def dicom_bytes(frames: NDArray[Any] | None, number: int = 1, **options: Any) -> bytes:
    """Return a file of the picture, whose elements hold the canary."""
    held = io.BytesIO()
    named = {
        "PatientName": f"{CANARY}^Person",
        "PatientID": f"{CANARY}{number}",
        "InstitutionName": CANARY,
        (0x0009, 0x0010): ("LO", CANARY),
        (0x0009, 0x1001): ("LT", CANARY),
    }
    elements = {**patient(number), **named, **options.pop("elements", {})}
    write_dicom(held, frames, regions=options.pop("regions", [REGION]), elements=elements, **options)
    return held.getvalue()


def part10(body: bytes, syntax: str = EXPLICIT, sop_class: str = "") -> bytes:
    """Return a file of hand-made elements: preamble, mark, group 2, body."""
    meta = b"".join(
        struct.pack("<HH2sH", 2, element, b"UI", len(text)) + text
        for element, uid in ((2, sop_class), (16, syntax))
        if (text := uid.encode() + b"\0" * (len(uid) % 2))
    )
    length = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta))
    return bytes(128) + b"DICM" + length + meta + body


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    """Return an element of explicit VR with a length of 32 bits."""
    return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr, 0, len(value)) + value


def body_before(tag: int, data: bytes) -> bytes:
    """Return a file's bytes up to an element of explicit VR."""
    return data[: data.index(struct.pack("<HH", tag >> 16, tag & 0xFFFF))]


# ---------------------------------------------------------------- what is no DICOM file, or hardly one


def _no_dicom() -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "page", f"<html><body>{CANARY}</body></html>".encode()
    yield "document", b"%PDF-1.7\n% " + CANARY.encode() + b"\n%%EOF"
    yield "program", b"\x7fELF\x02\x01\x01" + CANARY.encode() + bytes(4000)
    yield "noise", np.random.default_rng(0).bytes(50_000)
    yield "mark alone", bytes(128) + b"DICM"
    yield "no syntax", part10(b"", syntax="")
    yield "unknown syntax", part10(element(0x00080016, b"OB", b"1.2"), syntax="1.2." + CANARY)
    whole = dicom_bytes(waves(1))
    yield "no mark", whole[132:]
    for cut in (140, 200, 300, 400, 600, len(whole) - 1):
        yield f"cut at {cut}", whole[:cut]


def _encapsulated_cut() -> Iterator[tuple[str, bytes]]:
    frames = np.stack([waves(seed) for seed in range(3)])
    for syntax in (BASELINE, RLE, JPEGLS, JPEG2000_LOSSLESS):
        whole = dicom_bytes(frames, transfer_syntax=syntax)
        pixels = whole.index(struct.pack("<HH2s", 0x7FE0, 0x10, b"OB"))
        for part in range(0, 100, 12):
            at = pixels + (len(whole) - 9 - pixels) * part // 100
            yield f"{syntax} cut at {part}", whole[:at]


# ---------------------------------------------------------------- headers


def _nested(depth: int) -> bytes:
    """Return private sequences of undefined length, each in an item of the other."""
    return struct.pack("<HH2sHIHHI", 9, 0x1010, b"SQ", 0, 2**32 - 1, 0xFFFE, 0xE000, 2**32 - 1) * depth


def _stated(depth: int) -> bytes:
    """Return sequences of stated lengths, each in an item of the other."""
    inner = b""
    for _ in range(depth):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
        inner = element(0x00186011, b"SQ", item)
    return inner


def _headers() -> Iterator[tuple[str, bytes]]:
    good = dicom_bytes(waves(2))
    start = body_before(0x00090010, good)
    yield "nested", start + _nested(5_000)
    yield "nested in the syntax without lengths", part10(_nested(5_000), IMPLICIT)
    yield "nested regions", start + _stated(5_000)
    yield "many regions", start + element(0x00186011, b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, 0) * 300_000)
    yield "long private element", start + element(0x00091001, b"UT", CANARY.encode() * 17_000_000)
    yield "long id", start + element(0x00100020, b"UT", CANARY.encode() * 17_000_000)
    yield "many unknown elements", start + struct.pack("<HH2sH", 9, 0x1001, b"ZZ", 0) * 1_000_000
    many = b"".join(struct.pack("<HHI", 9 + 2 * n, 1, 0) for n in range(2_000)) * 200
    yield "many elements without a kind", part10(many, IMPLICIT)
    yield (
        "no end of an element",
        start + struct.pack("<HH2sHI", 9, 0x1001, b"OB", 0, 2**32 - 1) + bytes(10**7),
    )
    yield "an id past the end", start + struct.pack("<HH2sHI", 0x10, 0x20, b"UT", 0, 2**32 - 2) + bytes(8)
    yield "an element past the end", start + struct.pack("<HH2sHI", 9, 0x1001, b"UT", 0, 2**31)
    for what, elements in _wrong_sizes().items():
        yield what, dicom_bytes(waves(3), elements=elements)
    yield "frames of many", dicom_bytes(waves(3), elements={"NumberOfFrames": 2**31 - 1})


def _wrong_sizes() -> Mapping[str, Mapping[str | tuple[int, int], Any]]:
    return {
        "no rows": {"Rows": 0},
        "no columns": {"Columns": None},
        "huge rows and columns": {"Rows": 65535, "Columns": 65535},
        "another size": {"Rows": HEIGHT + 1},
        "frames 2**31": {(0x0028, 0x0008): ("IS", str(2**31))},
        "frames below zero": {(0x0028, 0x0008): ("IS", "-3")},
        "frames as words": {(0x0028, 0x0008): ("LO", CANARY)},
        "no samples": {"SamplesPerPixel": 0},
        "many samples": {"SamplesPerPixel": 60_000},
        "bits of none": {"BitsAllocated": 0},
        "bits of 64": {"BitsAllocated": 64, "BitsStored": 64, "HighBit": 63},
        "high bit": {"HighBit": 200},
        "photometric": {"PhotometricInterpretation": CANARY},
    }


# ---------------------------------------------------------------- pixels


def _sized(codestream: bytes, marker: bytes, at: int, height: int, width: int) -> bytes:
    """Return a JPEG codestream with other sizes in its frame header."""
    place = codestream.index(marker) + at
    return codestream[:place] + struct.pack(">HH", height, width) + codestream[place + 4 :]


def _codestreams() -> Iterator[tuple[str, bytes]]:
    picture = waves(4)
    black = np.zeros((HEIGHT, WIDTH), np.uint8)
    jpeg = encode_frame(black, BASELINE, "MONOCHROME2")
    lossless = encode_frame(black, JPEG_LOSSLESS_SV1, "MONOCHROME2")
    near = encode_frame(black, JPEGLS, "MONOCHROME2")
    wide = encode_frame(black, JPEG2000_LOSSLESS, "MONOCHROME2")
    htj2k = encode_frame(picture, HTJ2K_LOSSLESS, "MONOCHROME2")
    giants = {
        "jpeg": (BASELINE, _sized(jpeg, b"\xff\xc0", 5, 65_500, 65_500)),
        "jpeg lossless": (JPEG_LOSSLESS_SV1, _sized(lossless, b"\xff\xc3", 5, 65_500, 65_500)),
        "jpeg-ls": (JPEGLS, _sized(near, b"\xff\xf7", 5, 65_500, 65_500)),
        "jpeg 2000": (JPEG2000_LOSSLESS, wide[:8] + struct.pack(">II", 2**31, 2**31) + wide[16:]),
        "jpeg 2000 of many tiles": (
            JPEG2000_LOSSLESS,
            wide[:8] + struct.pack(">6I", 8000, 8000, 0, 0, 1, 1) + wide[32:],
        ),
        "htj2k": (HTJ2K_LOSSLESS, htj2k[:8] + struct.pack(">II", 2**31, 2**31) + htj2k[16:]),
        "jpeg xl": (JPEGXL_LOSSLESS, b"\xff\x0a" + (2**80 - 2).to_bytes(10, "little") + bytes(900)),
    }
    for name, (syntax, data) in giants.items():
        stated = {"Rows": 65_500, "Columns": 65_500}
        yield f"giant {name}", dicom_bytes(picture, transfer_syntax=syntax, codestreams=[data])
        yield (
            f"giant {name}, also by its header",
            dicom_bytes(picture, transfer_syntax=syntax, codestreams=[data], elements=stated),
        )
    yield (
        "jpeg of the most pixels, and no data for them",
        dicom_bytes(
            picture,
            transfer_syntax=BASELINE,
            codestreams=[_sized(jpeg, b"\xff\xc0", 5, 8192, 8192)],
            elements={"Rows": 8192, "Columns": 8192},
        ),
    )
    for syntax in (BASELINE, JPEG_LOSSLESS_SV1, JPEGLS, JPEG2000_LOSSLESS, JPEGXL_LOSSLESS, RLE):
        whole = encode_frame(picture, syntax, "MONOCHROME2")
        yield (
            f"{syntax} half",
            dicom_bytes(picture, transfer_syntax=syntax, codestreams=[whole[: len(whole) // 2]]),
        )
        yield f"{syntax} nothing", dicom_bytes(picture, transfer_syntax=syntax, codestreams=[b"\0\0"])


def _pixels() -> Iterator[tuple[str, bytes]]:
    picture = waves(5)
    start = body_before(0x7FE00010, dicom_bytes(picture, transfer_syntax=JPEGLS))
    head = struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 2**32 - 1)
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    yield "no fragment", start + head + item + end
    yield "fragments without number", start + head + item * 3_000_000 + end
    yield "a fragment past the end", start + head + item + item[:4] + struct.pack("<I", 2**31) + bytes(100)
    still = body_before(0x7FE00010, dicom_bytes(picture))
    yield "no pixels", still
    yield "pixels of undefined length", still + head + bytes(picture.size)
    yield "pixels past the end", still + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 2**32 - 2)
    squeezed = encode_frame(np.zeros((8192, 8192), np.uint8), JPEGLS, "MONOCHROME2")
    clip = dicom_bytes(
        np.repeat(picture[None], 900, axis=0),
        transfer_syntax=JPEGLS,
        codestreams=[squeezed] * 900,
        regions=[Region(box=(100, 100, 6000, 6000))],
        elements={"Rows": 8192, "Columns": 8192},
    )
    yield "a clip of nothing, 60 GB of it", clip
    colours = np.zeros((256, 3), np.uint8)
    table = Palette(colours=colours, segments=(*[[2, 60_000, 0, 0]] * 3,))  # a copy of itself
    yield "a palette that copies itself", dicom_bytes(picture, palette=table)
    playlist = f"#EXTM3U\n#EXTINF:1,\nfile:///etc/{CANARY}\n".encode()
    rgb = np.repeat(picture[..., None], 3, axis=2)
    for what, stream in (("playlist", playlist), ("noise", np.random.default_rng(1).bytes(20_000))):
        data = dicom_bytes(rgb, transfer_syntax=MPEG4, codestreams=[stream], photometric="YBR_PARTIAL_420")
        yield f"video of {what}", data


def _deflated(ratio_of: bytes) -> bytes:
    """Return 4 GB of a block, deflated: pressed once, and repeated."""
    press = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    head = press.compress(element(0x00080016, b"OB", b"1.2.840.10008.5.1.4.1.1.6.1\0"))
    head += press.compress(struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 2**32 - 2))
    head += press.flush(zlib.Z_FULL_FLUSH)
    block = press.compress(ratio_of) + press.flush(zlib.Z_FULL_FLUSH)
    return part10(head + block * (2**32 // len(ratio_of)) + press.flush(), DEFLATED)


def _deflated_bombs() -> Iterator[tuple[str, bytes]]:
    yield "bomb", _deflated(bytes(2**24))
    yield "bomb of a lower ratio", _deflated(np.random.default_rng(2).bytes(2**14) + bytes(2**24 - 2**14))
    yield "bomb that is cut", _deflated(bytes(2**24))[:100_000]


# ---------------------------------------------------------------- names, and what is no file


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(f"/proc/self/fd/{folder}/{path.name}")  # a socket's path has at most 107 bytes
    os.close(folder)


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _upwards(path: Path) -> None:
    path.symlink_to("..")


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


NO_FILES: Mapping[str, Write] = {
    "pipe": _fifo,
    "socket": _socket,
    "loop": _loop,
    "upwards": _upwards,
    "device": _device,
}

NAMES = ("line\nbreak", "\udcff\udcfe bytes", "x" * 200, "quote\",'; semi", "-o", "\x1b[31m red", "a\rb")


# ---------------------------------------------------------------- archives


def _zip(members: Mapping[str, bytes], **options: Any) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", options.get("method", zipfile.ZIP_DEFLATED)) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            kind = stat.S_IFLNK if name.endswith("link") else stat.S_IFREG
            info.external_attr = kind << 16
            info.compress_type = options.get("method", zipfile.ZIP_DEFLATED)
            archive.writestr(info, data)
    return held.getvalue()


def _lying(data: bytes, field: int, value: bytes) -> bytes:
    """Return an archive whose last entry of the directory says something else."""
    at = data.rindex(b"PK\x01\x02") + field
    return data[:at] + value + data[at + len(value) :]


def _tar(member: bytes) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        info = tarfile.TarInfo(f"../{CANARY}")
        info.size = len(member)
        archive.addfile(info, io.BytesIO(member))
    return held.getvalue()


def _overlapping() -> bytes:
    """Return an archive with 4,000 entries of the directory for one member: 16 GB of some megabytes."""
    one = _zip({"0.dcm": bytes(4 * 2**20)})
    at = one.rindex(b"PK\x01\x02")
    end = one.rindex(b"PK\x05\x06")
    entry, count = one[at:end], 4_000
    entries = b"".join(entry.replace(b"0.dcm", b"%05d" % number) for number in range(count))
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(entries), at, 0)
    return one[:at] + entries + tail


def archives() -> Iterator[tuple[str, bytes]]:
    """Yield names and bytes of archives; the members of some are files that are fine."""
    good = dicom_bytes(waves(70), 70)
    out = f"{CANARY}/out.dcm"
    yield (
        "out",
        _zip({f"../{out}": good, f"/{out}": good, f"C:\\{CANARY}": good, f"a/../../{out}": good}),
    )
    yield "fine", _zip({f"{CANARY}/1.dcm": dicom_bytes(waves(3), 93)})
    yield "links", _zip({f"{CANARY}.link": b"/etc/passwd", "folder.link": b"../.."})
    yield "nested", _zip({f"{CANARY}.zip": _zip({"1.dcm": good}), "t.tar": _tar(good)})
    yield "many", _zip({f"{CANARY}{number}": b"" for number in range(100_000)}, method=zipfile.ZIP_STORED)
    yield "thousands", _zip({f"{CANARY}{number}": b"x" for number in range(5_000)}, method=zipfile.ZIP_STORED)
    yield "bomb", _zip({"1.dcm": bytes(2**29)})
    yield "overlapping", _overlapping()
    yield "cut", _zip({"1.dcm": good})[:-30]
    yield "longer than it says", _lying(_zip({"1.dcm": good}), 24, struct.pack("<I", 100))
    yield "4 GB that are not there", _lying(_zip({"1.dcm": good}), 24, struct.pack("<I", 2**32 - 2))
    yield "encrypted", _lying(_zip({"1.dcm": good}), 8, b"\x01")
    yield "another method", _lying(_zip({"1.dcm": good}), 10, b"\x63\x00")
    yield "wrong sum", _lying(_zip({"1.dcm": good}), 16, b"\0\0\0\0")
    yield "tar", _tar(good)
    yield "gzip", zlib.compress(good, wbits=31)
    yield "nothing in it", _zip({})


def files() -> Iterator[Hostile]:
    """Yield every hostile file but the archives."""
    for group in (_no_dicom, _encapsulated_cut, _headers, _codestreams, _pixels, _deflated_bombs):
        for name, data in group():
            yield Hostile(name=f"{group.__name__[1:]} {name}", write=_bytes(data))
    for name, write in NO_FILES.items():
        yield Hostile(name=name, write=write, verdicts=frozenset({"not-read"}))
    for name in NAMES:
        yield Hostile(name=name, write=_bytes(CANARY.encode()))
    records = {(0x0004, 0x1500): ("CS", ["..", "..", "ETC", CANARY])}
    directory = dicom_bytes(None, elements={"SOPClassUID": DIRECTORY, **records}, regions=())
    yield Hostile(name="DICOMDIR", write=_bytes(directory), verdicts=frozenset({"directory"}))


def _bytes(data: bytes) -> Write:
    return lambda path: _put(path, data)


def _put(path: Path, data: bytes) -> None:
    path.write_bytes(data)
