"""Plants a canary, a value that stands nowhere else, in every place of a DICOM file that may identify.

The places are the attributes of DICOM PS3.15 table E.1-1 as ``dicom-anonymizer`` ships it (edition 2026c),
private elements, nested sequences, overlays, icons, the preamble, the file's name and the pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset

from tests.dicoms import EXPLICIT, Region, write_dicom
from thyrodata.phantoms import PhantomSpec, phantom

__all__ = [
    "SCREEN",
    "UNSEARCHABLE",
    "Canary",
    "canaries_of_table",
    "found_in",
    "screen",
    "tissue",
    "word",
    "write_canaries",
    "write_text",
]

Tag = tuple[int, int]

SCREEN = Region(box=(40, 60, 279, 219))
"""Where the echo lies on the screen of :func:`screen`."""

UNSEARCHABLE = ("US",)
"""Value representations of table E.1-1 that hold no more than 65535: pregnancy status and the like."""

_CONSONANTS = "bcdfghjklmnpqrstvwxz"
_UNDEFINED_VR = {0x5000_2500: "LO", 0x6000_3000: "OB", 0x6000_4000: "LT"}
_NESTED_ONLY = (0x0000, 0x0002)  # groups of a message and of the file meta information: no part of a data set


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """What is planted, and where."""

    place: str
    """``(0010,0020)``, ``file name``, ``pixels`` and so on."""
    vr: str
    value: str
    """As it is planted."""

    @property
    def traces(self) -> tuple[str, ...]:
        """Texts that stand in no output unless the canary got there."""
        match self.vr:
            case "DA" | "DT":
                day = self.value[:8]
                return (day, f"{day[:4]}-{day[4:6]}-{day[6:]}")
            case "PN":
                return tuple(self.value.casefold().split("^"))
            case _:
                return (self.value.casefold(),)


def word(number: int) -> str:
    """A word of eight letters that no language has, another for each number."""
    letters = []
    for _ in range(5):
        number, digit = divmod(number, len(_CONSONANTS))
        letters.append(_CONSONANTS[digit])
    return "xq" + "".join(letters) + "z"


def value_of(number: int, vr: str) -> str:  # noqa: PLR0911 -- one for each form of value
    """A value of a VR (DICOM PS3.5 section 6.2), another for each number below 20,000."""
    match vr:
        case "DA" | "DT":
            day = (date(1901, 3, 1) + timedelta(days=3 * number)).strftime("%Y%m%d")
            return day if vr == "DA" else f"{day}{_clock(number)}"
        case "TM":
            return _clock(number)
        case "PN":
            return f"{word(number).title()}^{word(number + 10_000).title()}"
        case "UI":
            return f"2.25.{910_000_000_000_000_000 + number}"
        case "AS":
            return f"{91 + number % 31:03d}Y"
        case "DS" | "IS":
            return str(7_310_000 + number)
        case "US":
            return str(40_000 + number)
        case "CS" | "AE":
            return word(number).upper()
        case "UR":
            return f"http://{word(number)}.example"
        case _:
            return word(number)


def _clock(number: int) -> str:
    minutes, seconds = divmod(number, 58)
    return f"{18 + minutes // 58:02d}{1 + minutes % 58:02d}{1 + seconds:02d}"


def canaries_of_table(first: int = 0) -> dict[Tag, Canary]:
    """A canary for each entry of the table, numbered from one; a tag of a repeating group stands for it."""
    from dicomanonymizer.dicom_anonymization_databases.dicomfields_2026c import ALL_TAGS  # noqa: PLC0415

    found = {}
    for number, entry in enumerate(sorted(ALL_TAGS), first):
        tag = (entry[0], 0x2500) if entry[0] == 0x5000 else (entry[0], entry[1])
        vr = _vr(tag)
        place = f"({tag[0]:04X},{tag[1]:04X})"
        found[tag] = Canary(place=place, vr=vr, value=value_of(number, vr))
    return found


def _vr(tag: Tag) -> str:
    number = (tag[0] << 16) | tag[1]
    if number in _UNDEFINED_VR:
        return _UNDEFINED_VR[number]
    try:
        return str(dictionary_VR(number)).replace("OB or OW", "OB")
    except KeyError:  # newer than pydicom's dictionary: a file may hold it all the same
        return "LO"


def write_canaries(
    folder: Path, *, transfer_syntax: str = EXPLICIT, seed: int = 0, first: int = 0
) -> tuple[Canary, ...]:
    """Write a file with every canary below a folder, numbered from ``first``, and return them.

    It shows an ordinary ultrasound screen, and its header says what capture needs: modality, pixels, regions.
    """
    table = canaries_of_table(first)
    others = tuple(_others(first + len(table)))
    named = {canary.place: canary.value for canary in others}

    def plant(dataset: Dataset) -> None:
        for tag, canary in table.items():
            _add(dataset, tag, canary)
        _add_private(dataset, named)
        _add_pictures(dataset, named)
        dataset.preamble = f"II*\0{named['preamble']}".encode().ljust(128, b"\0")

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / named["folder name"] / f"{named['file name']}.dcm"
    path.parent.mkdir()
    picture = write_text(screen(seed), named["pixels"].upper(), (8, 8))
    write_dicom(path, picture, transfer_syntax=transfer_syntax, regions=[SCREEN], change=plant, seed=seed)
    return (*table.values(), *others)


def _others(first: int) -> Iterator[Canary]:
    places = [
        "preamble",
        "private creator",
        "private LO",
        "private UN",
        "private OB in UTF-16",
        "private DA",
        "private sequence of an unknown VR",
        "nested once",
        "nested three times",
        "overlay of another group",
        "icon",
        "folder name",
        "file name",
        "pixels",
    ]
    for number, place in enumerate(places, first):
        vr = "DA" if place == "private DA" else "LO"
        yield Canary(place=place, vr=vr, value=value_of(number, vr))


def _add(dataset: Dataset, tag: Tag, canary: Canary) -> None:
    if tag[0] in _NESTED_ONLY:
        _nest(dataset, 0x0008_1140, tag, canary.vr, canary.value)
    elif canary.vr == "SQ":
        _nest(dataset, (tag[0] << 16) | tag[1], (0x0008, 0x0104), "LO", canary.value)
    else:
        dataset.add_new(tag, canary.vr, _held(canary))


def _held(canary: Canary) -> str | int | bytes:
    match canary.vr:
        case "OB" | "UN":
            return canary.value.encode().ljust(len(canary.value) + len(canary.value) % 2, b"\0")
        case "US":
            return int(canary.value)
        case _:
            return canary.value


def _nest(dataset: Dataset, sequence: int, tag: Tag, vr: str, value: str) -> None:
    item = Dataset()
    item.add_new(tag, vr, value)
    if sequence not in dataset:
        dataset.add_new(sequence, "SQ", [])
    dataset[sequence].value.append(item)


def _add_private(dataset: Dataset, named: dict[str, str]) -> None:
    dataset.add_new((0x0099, 0x0010), "LO", named["private creator"])
    dataset.add_new((0x0099, 0x1001), "LO", named["private LO"])
    dataset.add_new((0x0099, 0x1002), "UN", b"\1\2\3\4" + named["private UN"].encode() + b"\0\0\0\0")
    dataset.add_new((0x0099, 0x1003), "OB", named["private OB in UTF-16"].encode("utf-16-le"))
    dataset.add_new((0x0099, 0x1004), "DA", named["private DA"])
    value = named["private sequence of an unknown VR"].encode()
    element = b"\x08\x00\x04\x01" + len(value).to_bytes(4, "little") + value  # implicit, as PS3.5 6.2.2 asks
    item = b"\xfe\xff\x00\xe0" + len(element).to_bytes(4, "little") + element
    dataset.add_new((0x0099, 0x1005), "UN", item)
    _nest(dataset, 0x0040_0275, (0x0040, 0x0007), "LO", named["nested once"])
    inner, middle = Dataset(), Dataset()
    inner.add_new((0x0008, 0x0104), "LO", named["nested three times"])
    middle.add_new((0x0040, 0xA168), "SQ", [inner])
    outer = Dataset()
    outer.add_new((0x0040, 0xA168), "SQ", [middle])
    dataset[0x0040_0275].value.append(outer)


def _add_pictures(dataset: Dataset, named: dict[str, str]) -> None:
    dataset.add_new((0x6002, 0x3000), "OB", named["overlay of another group"].encode())
    icon = Dataset()
    icon.add_new((0x0028, 0x4000), "LT", named["icon"])
    icon.Rows = icon.Columns = 4
    icon.add_new(0x7FE0_0010, "OB", bytes(16))
    dataset[0x0088_0200].value.append(icon)  # IconImageSequence, which is in the table itself


def screen(seed: int, *, height: int = 240, width: int = 320, frames: int = 1) -> NDArray[np.uint8]:
    """A scanner's screen: tissue in the region :data:`SCREEN` and black around it; in a clip it moves."""
    x0, y0, x1, y1 = SCREEN.box
    stack = np.zeros((frames, height, width), np.uint8)
    stack[:, y0 : y1 + 1, x0 : x1 + 1] = tissue(seed, y1 - y0 + 1, x1 - x0 + 1, frames)
    return stack[0] if frames == 1 else stack


def tissue(seed: int, height: int, width: int, frames: int) -> NDArray[np.uint8]:
    """Frames of a phantom's neck, (frames, height, width), with neither text nor margin."""
    drawn = phantom(PhantomSpec(seed=seed, height=height + 80, width=width + 120, margin_text=False))
    x0, y0, x1, y1 = drawn.echo_box
    shown = drawn.pixels[y0:y1, x0:x1]
    return np.stack([np.roll(shown, (at, 2 * at), (0, 1))[:height, :width] for at in range(frames)])


def write_text(
    picture: NDArray[np.uint8], text: str, at: tuple[int, int], *, size: int = 18, level: int = 255
) -> NDArray[np.uint8]:
    """A copy of a grey picture with text burned in, its top left corner at x, y."""
    drawn = Image.fromarray(picture)
    ImageDraw.Draw(drawn).text(at, text, fill=level, font=ImageFont.load_default(size))
    return np.asarray(drawn).copy()


def found_in(folder: Path, canaries: Sequence[Canary]) -> list[str]:
    """The places whose canaries stand in any file below a folder as they were planted: a plain search."""
    held = b"\n".join(
        path.as_posix().encode() + b"\n" + (path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    ).lower()
    return [canary.place for canary in canaries if any(trace.encode() in held for trace in canary.traces)]
