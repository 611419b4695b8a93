"""For each rule of quality control, the smallest dataset that has its fault and no other."""

from __future__ import annotations

from tests.faults import copies, geometry, labels, marks, privacy, quality, written
from tests.faults.model import Fault

__all__ = ["FAULTS"]

FAULTS: dict[str, Fault] = {
    **geometry.FAULTS,
    **marks.FAULTS,
    **copies.FAULTS,
    **labels.FAULTS,
    **quality.FAULTS,
    **privacy.FAULTS,
    **written.FAULTS,
}
"""By code."""
