"""The models of the recipes, built from the reference libraries. Only building one loads torch."""

from __future__ import annotations

from thyrodata.baselines.models.building import build

__all__ = ["build"]
