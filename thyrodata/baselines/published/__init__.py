"""The papers' tables as they were printed, each with its source and with what speaks against it.

The figures are facts of the papers; nothing here was measured by this project.
"""

from __future__ import annotations

from thyrodata.baselines.published.flags import Flag, flags
from thyrodata.baselines.published.papers import PAPERS, TABLES, Paper
from thyrodata.baselines.published.tables import Row, Table, load_table, load_tables

__all__ = ["PAPERS", "TABLES", "Flag", "Paper", "Row", "Table", "flags", "load_table", "load_tables"]
