"""Maps from labels to labels: what they are, how they are written, and what they make of a record (layer 5).

A map is a named reading of one scheme's values, with who published it and what it loses. Those that ship are
the files of ``maps/``.
"""

from __future__ import annotations

__all__: list[str] = []
