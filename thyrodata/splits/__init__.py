"""Stratified splits in which linked images never cross parts, their CSV files, and the audit of any split.

Images are linked by the identity that the source publishes, by equal bytes and by a file of further links.
That identity is the coarsest one published, which is a patient only where the source says so.
"""

from __future__ import annotations

from thyrodata.splits.assignment import make_split
from thyrodata.splits.audit import audit_split
from thyrodata.splits.clusters import find_joins
from thyrodata.splits.counts import balance
from thyrodata.splits.items import EXCLUDED, Assignment, Link, SplitItem
from thyrodata.splits.model import Balance, Conflict, GradeShare, Join, Leak, PartBalance, Split
from thyrodata.splits.tables import format_csv, read_links, read_split_csv

__all__ = [
    "EXCLUDED",
    "Assignment",
    "Balance",
    "Conflict",
    "GradeShare",
    "Join",
    "Leak",
    "Link",
    "PartBalance",
    "Split",
    "SplitItem",
    "audit_split",
    "balance",
    "find_joins",
    "format_csv",
    "make_split",
    "read_links",
    "read_split_csv",
]
