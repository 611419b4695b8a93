"""Figures of trained models beside those that papers printed: one table, laid out for each reader."""

from __future__ import annotations

from thyrodata.baselines.tables.block import BaselineTable
from thyrodata.baselines.tables.layout import Format, laid_out, parse_format
from thyrodata.baselines.tables.making import tabulate

__all__ = ["BaselineTable", "Format", "laid_out", "parse_format", "tabulate"]
