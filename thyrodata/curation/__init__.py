"""Operations that make new datasets from datasets, and what is asked of readers: a module for each verb."""

from __future__ import annotations

__all__: list[str] = []
