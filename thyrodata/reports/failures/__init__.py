"""Cases of a model to look at: what is true and what was predicted, drawn over each image."""

from __future__ import annotations

from thyrodata.reports.failures.cases import Case, CaseSheet
from thyrodata.reports.failures.page import PageTable, case_page
from thyrodata.reports.failures.sheet import case_sheet

__all__ = ["Case", "CaseSheet", "PageTable", "case_page", "case_sheet"]
