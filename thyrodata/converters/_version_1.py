"""The first version of a dataset, as a folder beside a second one that draws on the same pictures.

Pictures ``N_k.jpg`` and case files ``N.xml`` lie in one folder (Pedraza et al., Proc SPIE 9287, 2015).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from thyrodata.errors import RawLayoutError
from thyrodata.io.images import IMAGE_SUFFIXES
from thyrodata.io.raw import Raw, RawFile
from thyrodata.io.regions import read_regions
from thyrodata.io.xml import parse_xml, texts
from thyrodata.schema.geometry import PolygonPart, Ring

__all__ = ["PICTURE", "list_version_1", "read_outlines"]

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
