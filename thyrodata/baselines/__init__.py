"""What trains on a dataset (layer 7): the only home of torch. Importing this package loads nothing of it."""

from __future__ import annotations

__all__: list[str] = []
