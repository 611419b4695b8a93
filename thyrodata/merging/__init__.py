"""Merging datasets: names, joined groups, and what the sources do not agree on (layer 5).

Nothing here opens an image: which pictures are the same, :mod:`thyrodata.duplicates` is asked by the public
function :func:`thyrodata.curation.merge.merge`.
"""

from __future__ import annotations

__all__: list[str] = []
