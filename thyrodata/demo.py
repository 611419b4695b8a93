"""The demo: a synthetic release in the layout of a published dataset, converted as a user would."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from thyrodata.conversion import Conversion, convert
from thyrodata.errors import OutputError
from thyrodata.io.files import write_file, writing
from thyrodata.phantoms import PhantomSpec, jpeg_bytes, phantom
from thyrodata.reports.show import show
from thyrodata.schema.vocab import TiradsKwak

__all__ = ["Demo", "make_demo", "write_release"]

LAYOUT = "ddti"
"""The published layout that the synthetic release is written in."""

MADE_HERE = "synthetic.txt"
"""Marks a demo folder, which may be made anew."""

_FIELDS = {
    "composition": ("solid", "predominantly solid", "spongiform", "cystic"),
    "echogenicity": ("hypoechogenicity", "isoechogenicity", "hyperechogenicity"),
    "margins": ("well defined", "ill defined", "spiculated"),
    "calcifications": ("non", "microcalcifications", "macrocalcifications"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What the demo made."""

    raw: Path
    """The synthetic release."""
    conversion: Conversion
    sheet: Path
    """The contact sheet."""

    @property
    def command(self) -> str:
        """The command that does what the demo did."""
        return f"thyrodata convert {LAYOUT} {self.raw} -o {self.conversion.out}"


def make_demo(
    folder: Path,
    *,
    cases: int = 60,
    seed: int = 0,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Demo:
    """Write a synthetic release, convert it, and draw its contact sheet.

    Args:
        folder: Where; it is made if need be.
        cases: How many cases the release has.
        seed: Of the phantoms and their labels.
        overwrite: Make anew a demo that is there.
        progress: Called with the number of cases drawn and of all.

    Raises:
        OutputError: The folder holds something that is no demo, or cannot be written.
    """
    raw, out = folder / "raw", folder / LAYOUT
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not (folder / MADE_HERE).exists():
            raise OutputError(
                "something else is there already", where=str(folder), hint="choose another folder"
            )
        if not overwrite:
            raise OutputError(
                "the demo is there already", where=str(folder), hint="make it anew with --overwrite"
            )
        shutil.rmtree(raw, ignore_errors=True)
    with writing(folder):
        raw.mkdir(parents=True, exist_ok=True)
    write_file(folder / MADE_HERE, b"Everything in this folder is synthetic: no image is of a person.\n")
    write_release(raw, cases=cases, seed=seed, progress=progress)
    made = convert(LAYOUT, raw, out, overwrite=True)
    sheet = folder / "contact-sheet.png"
    if made.dataset:
        show(made.dataset, sheet, count=24)
    return Demo(raw=raw, conversion=made, sheet=sheet)


def write_release(
    folder: Path, *, cases: int, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write ``cases`` case files and their phantom images into a folder.

    One case in four has two images, one in six has no labels; outlines are the phantoms', in whole pixels.

    Raises:
        OutputError: A file could not be written.
    """
    draw = random.Random(seed)  # noqa: S311 -- nothing is secret here
    for number in range(1, cases + 1):
        labelled = draw.random() > 1 / 6
        grade = draw.choices([str(term.value) for term in TiradsKwak][1:], (4, 2, 8, 7, 5, 3))[0]
        fields = {tag: draw.choice(values) for tag, values in _FIELDS.items()} | {"tirads": grade}
        age, sex = draw.randint(19, 84), draw.choice("FFFM")
        images = range(1, 3 if draw.random() < 1 / 4 else 2)
        marks = "".join(_mark(folder, number, k, draw) for k in images)
        said = "".join(f"<{tag}>{text if labelled else ''}</{tag}>" for tag, text in fields.items())
        xml = f"<case><number>{number}</number><age>{age}</age><sex>{sex}</sex>{said}{marks}</case>"
        write_file(folder / f"{number}.xml", xml.encode())
        if progress:
            progress(number, cases)


def _mark(folder: Path, number: int, k: int, draw: random.Random) -> str:
    spec = PhantomSpec(
        seed=draw.getrandbits(32),
        nodules=draw.choices((1, 2), (4, 1))[0],
        calipers=draw.choice((None, None, "x")),
    )
    drawn = phantom(spec)
    write_file(folder / f"{number}_{k}.jpg", jpeg_bytes(drawn.pixels, rgb=True))
    regions = [
        {
            "points": [{"x": round(x), "y": round(y)} for x, y in nodule.outline[::2]],
            "annotation": {},
            "regionType": "freehand",
        }
        for nodule in drawn.nodules
    ]
    return f"<mark><image>{k}</image><svg>{json.dumps(regions)}</svg></mark>"
