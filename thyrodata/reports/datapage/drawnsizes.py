"""How large structures are drawn: longest diameters and areas, in pixels and, with a known spacing, in mm."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import hypot

from thyrodata.agreement.outlines import longest_diameter
from thyrodata.agreement.raster import raster_of
from thyrodata.reports.datapage.distributions import Measured, Place
from thyrodata.schema.geometry import Calipers, Mask, Polygon
from thyrodata.schema.record import Finding, ImageRef
from thyrodata.schema.vocab import Structure

__all__ = ["DrawnSizes"]

_PIXELS = (1.0, 1.0)


class DrawnSizes:
    """The sizes of all findings of one structure.

    Areas are those of masks and polygons; of a finding that has neither, the long diameter is that of its
    calipers. A box says nothing of either.

    Args:
        structure: What the findings are drawings of.
    """

    def __init__(self, structure: Structure) -> None:
        what = structure.value.replace("-", " ")
        titles = {"diameter": f"Longest diameter of {what}s as drawn", "area": f"Area of {what}s as drawn"}
        self._kept = {
            (measure, unit): Measured(
                f"{structure.value}-{measure}-{unit}",
                f"{title}, in {unit}{'²' if measure == 'area' else ''}",
                f"drawn {what}s",
            )
            for unit in ("px", "mm")
            for measure, title in titles.items()
        }

    def __iter__(self) -> Iterator[Measured]:
        """Iterate over the measures."""
        return iter(self._kept.values())

    def add(self, finding: Finding, image: ImageRef, places: Iterable[Place]) -> None:
        """Measure a finding, in the series that it belongs to.

        Args:
            finding: Of the structure.
            image: That it is drawn on.
            places: The series.
        """
        places = tuple(places)
        for unit, spacing in (("px", _PIXELS), ("mm", image.spacing_mm)):
            if spacing is None:
                continue
            long, area = _measured(finding, image, spacing)
            self._kept["diameter", unit].add(places, long)
            self._kept["area", unit].add(places, area)


def _measured(
    finding: Finding, image: ImageRef, spacing: tuple[float, float]
) -> tuple[float | None, float | None]:
    """Return the longest diameter and the area, in the unit of the spacing (y, x); ``None`` for neither."""
    match finding.geometry(Mask, Polygon, Calipers):
        case Calipers(long=((x0, y0), (x1, y1))):
            return hypot((x1 - x0) * spacing[1], (y1 - y0) * spacing[0]), None
        case Mask() | Polygon() as drawn:
            raster = raster_of(drawn, image.width, image.height)
            if raster is not None:
                long = longest_diameter(raster, spacing)
                return long, raster.area * spacing[0] * spacing[1]
    return None, None
