"""Pictures that are the same at one scale: copied, compressed again, greyed, or cropped (layer 4.5).

Equal files and equal grey levels are found by hashes. For the rest, bright spots of the speckle are described
by what lies around them; pictures that share descriptions at one offset are candidates, which costs nearly
linear time. Each candidate is then decided by the pixels of the overlap.
"""

from __future__ import annotations

from thyrodata.duplicates.model import How, Picture, Same
from thyrodata.duplicates.search import find_same

__all__ = ["How", "Picture", "Same", "find_same"]
