"""Criteria that choose a cohort: what may be asked, how it is written, what it leaves and removes."""

from __future__ import annotations

__all__: list[str] = []
