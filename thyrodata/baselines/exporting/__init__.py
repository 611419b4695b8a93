"""A trained model for others: a graph that runs without torch and computes the same, and a model card."""

from __future__ import annotations

__all__: list[str] = []
