"""What differs between two datasets: records by their digests, splits by their parts (layer 5)."""

from __future__ import annotations

__all__: list[str] = []
