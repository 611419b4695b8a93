"""Work lists for readers, and what readers send back: pure, without a dataset written (layer 5)."""

from __future__ import annotations

__all__: list[str] = []
