"""A large synthetic DDTI release: few phantoms, each image's bytes made different by a JPEG comment."""

from __future__ import annotations

import io
import re
from pathlib import Path

from PIL import Image

from thyrodata.demo import write_release

SEEDS = 100
"""Cases that are really drawn; the others are their copies under other numbers."""


def make_release(folder: Path, images: int, size: tuple[int, int] | None = None) -> int:
    """Write at least so many images with their case files; return how many.

    With a size (width, height) the images are shrunk to it, to save space where pixels do not matter.
    """
    seeds = folder.with_name(folder.name + "-seeds")
    seeds.mkdir(parents=True)
    folder.mkdir()
    write_release(seeds, cases=SEEDS)
    drawn = {
        number: (
            (seeds / f"{number}.xml").read_bytes(),
            [
                (file.name.partition("_")[2], _pixels(file, size))
                for file in sorted(seeds.glob(f"{number}_*.jpg"))
            ],
        )
        for number in range(1, SEEDS + 1)
    }
    number = written = 0
    while written < images:
        number += 1
        xml, pictures = drawn[(number - 1) % SEEDS + 1]
        named = re.sub(rb"<number>\d+</number>", b"<number>%d</number>" % number, xml)
        (folder / f"{number}.xml").write_bytes(named)
        for name, data in pictures:
            (folder / f"{number}_{name}").write_bytes(with_comment(data, number))
            written += 1
    return written


def _pixels(file: Path, size: tuple[int, int] | None) -> bytes:
    if size is None:
        return file.read_bytes()
    small = io.BytesIO()
    Image.open(file).resize(size).save(small, "jpeg")
    return small.getvalue()


def with_comment(jpeg: bytes, number: int) -> bytes:
    """Return the JPEG with a comment segment (marker FFFE) after its start, so that no two are equal."""
    text = b"copy %08d" % number
    return jpeg[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]
