"""Publishing: what stands against it, and a tree of files as one commit on the Hub (layer 7.2)."""

from __future__ import annotations

__all__: list[str] = []
