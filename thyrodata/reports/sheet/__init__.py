"""The contact sheet: many images on one page, each with its outlines drawn over it and a caption under it."""

from __future__ import annotations

from thyrodata.reports.sheet.page import contact_sheet
from thyrodata.reports.sheet.tile import Tile

__all__ = ["Tile", "contact_sheet"]
