"""Marks inside the echo region, and their pixels: calipers, dotted lines, text, arrows, contours, icons."""

from thyrodata.qc.marks.inpainting import inpaint
from thyrodata.qc.marks.model import MARKED, Mark, MarkKind, Marks
from thyrodata.qc.marks.search import find_marks

__all__ = ["MARKED", "Mark", "MarkKind", "Marks", "find_marks", "inpaint"]
