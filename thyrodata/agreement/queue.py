"""What goes to an arbiter: images with the readings in conflict, under names that do not tell the readers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from thyrodata.annotation.assignment import Tool
from thyrodata.annotation.batches import rank
from thyrodata.annotation.decisions import agreed_label, plain_label, reading_label, seen_labels
from thyrodata.errors import UsageError
from thyrodata.io.drawn import GivenImage, GivenShape, Note
from thyrodata.io.rasters import covered
from thyrodata.schema.geometry import Box, Mask, Polygon
from thyrodata.schema.plain import to_plain
from thyrodata.schema.record import Finding
from thyrodata.schema.vocab import SCHEMES, Structure

__all__ = ["Conflict", "Sheet", "make_sheets", "offered_labels", "structures_of"]

_NAME = 12
"""Hexadecimal digits of a file's name: of ten thousand images, two share one in one queue of five million."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """What readers of one image do not agree on.

    Raises:
        UsageError: There are fewer than two readings, two of one reader, or no finding in any of them.
    """

    image_id: str
    readings: tuple[tuple[str, tuple[Finding, ...]], ...]
    """Each reader, and the findings in conflict, of which a reader may have none."""
    agreed: tuple[Finding, ...] = ()
    """The findings of the image that are settled."""
    why: tuple[str, ...] = ()
    """What the arbiter is told of the conflict; it names no reader."""

    def __post_init__(self) -> None:
        readers = {reader for reader, _ in self.readings}
        if len(readers) < 2 or len(readers) < len(self.readings):  # noqa: PLR2004 -- one cannot disagree
            raise UsageError(
                "a conflict is between two readers or more, each named once", where=self.image_id
            )
        if not any(findings for _, findings in self.readings):
            raise UsageError("a conflict has no finding", where=self.image_id)

    @property
    def findings(self) -> Iterator[Finding]:
        """All that is shown, or would be."""
        for _, findings in self.readings:
            yield from findings
        yield from self.agreed


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One image as the arbiter gets it."""

    image_id: str
    given: GivenImage
    readers: tuple[str, ...]
    """The reader of reading 1, of reading 2, ..."""
    why: tuple[str, ...]
    as_pixels: int
    """Shapes that the format cannot hold as they are: the pixels that they cover stand for them."""
    not_shown: tuple[Note, ...]
    """Findings that no shape can show: calipers, lines, what has no area or lies outside of the image."""


def structures_of(conflicts: Iterable[Conflict]) -> tuple[Structure, ...]:
    """Return the structures that are decided on, in the order of the vocabulary."""
    found = {finding.structure for conflict in conflicts for finding in conflict.findings}
    return tuple(structure for structure in Structure if structure in found)


def offered_labels(conflicts: Sequence[Conflict]) -> tuple[str, ...]:
    """Return the plain labels that an arbiter may decide for.

    They are the structures, every value of each scheme that a finding has a label of, and what findings with
    several labels are called.
    """
    structures = structures_of(conflicts)
    several = len(structures) > 1
    findings = [finding for conflict in conflicts for finding in conflict.findings]
    schemes = {(f.structure, label.value.scheme) for f in findings for label in seen_labels(f)}
    offered = [structure.value for structure in structures]
    for structure in structures:
        of = f"{structure.value}, " if several else ""
        for scheme in sorted(scheme for each, scheme in schemes if each is structure):
            offered += [f"{of}{term}" for term in SCHEMES[scheme]]
    offered += sorted({plain_label(finding, several=several) for finding in findings})
    return tuple(dict.fromkeys(offered))


def make_sheets(
    conflicts: Sequence[Conflict], sizes: Mapping[str, tuple[int, int]], tool: Tool, seed: int
) -> tuple[Sheet, ...]:
    """Return the images as the arbiter gets them, in the order of their files' names, which says nothing.

    Names and the numbers of readings depend on the seed and on the conflicts, not on the order of either. A
    name of one queue is of no other, so that files of another one are told from its own.

    Args:
        conflicts: At most one for each image.
        sizes: Width and height of the images by id, in pixels.
        tool: Whose format they are written in.
        seed: Another seed gives other names and numbers.
    """
    several = len(structures_of(conflicts)) > 1
    queue = _digest(conflicts)
    sheets = (
        _sheet(
            conflict,
            GivenImage(
                file=f"images/{rank(seed, 'file', queue, conflict.image_id)[:_NAME]}.png",
                width=sizes[conflict.image_id][0],
                height=sizes[conflict.image_id][1],
            ),
            tool,
            seed,
            several=several,
        )
        for conflict in conflicts
    )
    return tuple(sorted(sheets, key=lambda sheet: sheet.given.file))


def _digest(conflicts: Iterable[Conflict]) -> str:
    """Return a hash of all that is in conflict, whatever its order."""
    texts = sorted(
        json.dumps([each.image_id, sorted((r, to_plain(f)) for r, f in each.readings), to_plain(each.agreed)])
        for each in conflicts
    )
    return sha256("\n".join(texts).encode()).hexdigest()


def _sheet(conflict: Conflict, blank: GivenImage, tool: Tool, seed: int, *, several: bool) -> Sheet:
    readings = sorted(conflict.readings, key=lambda each: rank(seed, "reading", conflict.image_id, each[0]))
    named = [
        (reading_label(number, plain_label(finding, several=several)), finding)
        for number, (_, findings) in enumerate(readings, 1)
        for finding in findings
    ]
    named += [(agreed_label(plain_label(finding, several=several)), finding) for finding in conflict.agreed]
    shapes, not_shown, as_pixels = [], [], 0
    for label, finding in named:
        drawn = finding.geometry(Mask, Polygon, Box)
        shape = _shape(drawn, blank, tool) if isinstance(drawn, Mask | Polygon | Box) else None
        if shape is None:
            not_shown.append(Note(what=label, where=f"{conflict.image_id}#{finding.finding_id}"))
            continue
        as_pixels += shape is not drawn
        shapes.append(GivenShape(label=label, geometry=shape))
    return Sheet(
        image_id=conflict.image_id,
        given=GivenImage(file=blank.file, width=blank.width, height=blank.height, shapes=tuple(shapes)),
        readers=tuple(reader for reader, _ in readings),
        why=conflict.why,
        as_pixels=as_pixels,
        not_shown=tuple(not_shown),
    )


def _shape(drawn: Mask | Polygon | Box, image: GivenImage, tool: Tool) -> Mask | Polygon | Box | None:
    """Return a drawing as a tool's format holds it; ``None`` if there is nothing to show of it."""
    if isinstance(drawn, Box) and not (drawn.x + drawn.width > drawn.x and drawn.y + drawn.height > drawn.y):
        return None
    if isinstance(drawn, Mask) or not (_is_held(drawn, tool) and _is_inside(drawn, image)):
        return covered(drawn, image.width, image.height)
    return drawn


def _is_held(drawn: Box | Polygon, tool: Tool) -> bool:
    if isinstance(drawn, Box):
        return True
    one = len(drawn.parts) == 1 or tool is Tool.COCO
    return one and not any(part.holes for part in drawn.parts)


def _is_inside(drawn: Box | Polygon, image: GivenImage) -> bool:
    x, y, width, height = drawn.bbox_xywh_px
    return x >= 0 and y >= 0 and x + width <= image.width and y + height <= image.height
