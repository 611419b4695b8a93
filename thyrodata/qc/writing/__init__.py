"""What is written in pictures, over the echo and in the margin: lines of text, and the labels they state."""

from thyrodata.qc.writing.labels import Stated, WrittenLabel, written_labels
from thyrodata.qc.writing.lines import Line, read_texts

__all__ = ["Line", "Stated", "WrittenLabel", "read_texts", "written_labels"]
