"""The first version of a dataset, as a folder beside a second one that draws on the same pictures.

Pictures ``N_k.jpg`` and case files ``N.xml`` lie in one folder (Pedraza et al., Proc SPIE 9287, 2015).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thyrodata.errors import RawLayoutError
from thyrodata.io.images import IMAGE_SUFFIXES
from thyrodata.io.orientation import AS_IS, dice_of_flips
from thyrodata.io.raw import Raw, RawFile
from thyrodata.io.regions import read_regions
from thyrodata.io.xml import parse_xml, texts
from thyrodata.schema.geometry import PolygonPart, Ring
from thyrodata.schema.record import Remark

__all__ = ["PICTURE", "list_version_1", "mask_doubts", "read_outlines"]

CLEARLY = 0.1
"""How much better the Dice of a flipped mask must be to make its orientation doubtful."""

PICTURE = re.compile(r"([1-9][0-9]{0,8})_([1-9][0-9]{0,8})")
"""The name of a picture, without its suffix: the numbers of its case and of the picture in it."""

_CASE = re.compile(r"[1-9][0-9]{0,8}")
_SVG_LIMIT = 2500  # characters of an outline's text that the release keeps; it cuts the rest


def list_version_1(folder: Path) -> dict[str, list[RawFile]]:
    """Return the pictures and case files by their names without the suffix.

    Raises:
        RawLayoutError: It is no folder, or holds no pictures.
    """
    found: dict[str, list[RawFile]] = {}
    for file in Raw(folder, label="images").files:
        name = file.path.removesuffix(file.name) + file.stem
        kind = PICTURE if file.suffix in IMAGE_SUFFIXES else _CASE if file.suffix == ".xml" else None
        if kind and kind.fullmatch(name):
            found.setdefault(name, []).append(file)
    if not any(PICTURE.fullmatch(name) for name in found):
        raise RawLayoutError(
            "no pictures (1_1.jpg, ...) lie in the folder of images",
            where=str(folder),
            hint="give the folder of the first version that holds N_k.jpg",
        )
    return found


def read_outlines(case: RawFile) -> Mapping[str, Sequence[Ring]]:
    """Return the outlines of a case file, by the number of their picture; of cut ones, those that are whole.

    Raises:
        CaseError: The file is broken.
        SchemaError: An outline is none.
    """
    found: dict[str, list[Ring]] = {}
    for mark in parse_xml(case.read(), str(case)).iterfind("mark"):
        said = texts(mark, str(case))
        svg = said.get("svg", "")
        regions = read_regions(svg, _SVG_LIMIT, f"{case}:{mark.sourceline}").regions if svg.strip() else ()
        rings = [PolygonPart(exterior=region.points).exterior for region in regions if region.kind != "arrow"]
        found.setdefault(said.get("image", "").strip(), []).extend(rings)
    return found


def mask_doubts(masks: Mapping[str, NDArray[np.bool_]], outlines: Sequence[Ring]) -> Iterator[Remark]:
    """Remark masks without a pixel, masks that are one mask, and masks that fit version 1 better flipped.

    Args:
        masks: By reader, bool (height, width).
        outlines: Of the picture, in version 1.
    """
    for reader, mask in masks.items():
        if not mask.any():
            yield Remark(code="mask-empty", text=f"the mask of {reader} holds no pixel")
        # Files lose which way is up, and a flip that fits better may be another nodule: nothing is guessed.
        dice = dice_of_flips(mask, outlines)
        if dice and max(dice.values()) >= dice[AS_IS] + CLEARLY:
            fits = ", ".join(f"{how} {value:.2f}" for how, value in dice.items())
            text = f"the mask of {reader} fits version 1's outline better when flipped: Dice {fits}"
            yield Remark(code="orientation-doubtful", text=f"{text}; it is kept as it is")
    for one, other in combinations(masks, 2):
        if masks[one].any() and np.array_equal(masks[one], masks[other]):
            text = f"the masks of {one} and {other} are equal in every pixel"
            yield Remark(code="readers-equal", text=text)
