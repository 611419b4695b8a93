"""The colours of a contact sheet, and which of them a finding is drawn in."""

from __future__ import annotations

from collections.abc import Iterable

from thyrodata.schema.record import Derived, Finding, ImageRecord
from thyrodata.schema.vocab import Structure

__all__ = ["BRIGHT", "CAUTION", "MUTED", "OTHER_COLOUR", "Rgb", "colours_by_kind", "kind"]

Rgb = tuple[int, int, int]

BRIGHT, MUTED, CAUTION = (236, 239, 242), (158, 168, 179), (240, 190, 90)
"""Of texts on the dark page."""

_MARKER = "marker: no anatomy"

# Okabe & Ito, "Color Universal Design" (2008): distinguishable under every common kind of colour blindness.
# Black is left out on dark images, and the dark blue comes last.
_MARKER_COLOUR: Rgb = (86, 180, 233)
_PALETTE: tuple[Rgb, ...] = (
    (240, 228, 66),
    (204, 121, 167),
    (0, 158, 115),
    (213, 94, 0),
    (230, 159, 0),
    (0, 114, 178),
)
OTHER_COLOUR: Rgb = (245, 245, 245)
"""Of every kind of finding past the palette's end."""


def kind(finding: Finding) -> str:
    """Return what a finding's colour stands for."""
    if finding.structure is Structure.MARKER:
        return _MARKER
    structure = finding.structure.value.replace("-", " ")
    if isinstance(finding.origin, Derived):
        return f"{structure}, derived by {finding.origin.policy}"
    return structure if finding.origin.reader is None else f"{structure}, reader {finding.origin.reader}"


def colours_by_kind(records: Iterable[ImageRecord]) -> dict[str, Rgb]:
    """Give each kind of finding a colour; those past the palette's end share one, and one name."""
    order = list(Structure)
    found = {(order.index(f.structure), kind(f)) for record in records for f in record.findings}
    kinds = [name for _, name in sorted(found)]
    colours = dict(zip((name for name in kinds if name != _MARKER), _PALETTE, strict=False))
    return {name: _MARKER_COLOUR if name == _MARKER else colours.get(name, OTHER_COLOUR) for name in kinds}
