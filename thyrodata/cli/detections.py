"""What was recognised in a folder, as text and as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from thyrodata.cli.output import lines

if TYPE_CHECKING:
    from thyrodata.detection import Detection

__all__ = ["detection_json", "print_detections"]


def detection_json(found: Detection) -> dict[str, Any]:
    """Return what :func:`print_detections` prints of one layout, as plain values."""
    return {
        "name": found.name,
        "title": found.title,
        "folder": str(found.folder),
        "items": found.items,
        "files": found.files,
        "understood": found.understood,
        "problem": found.problem,
        "command": found.command,
    }


def print_detections(found: Sequence[Detection]) -> None:
    """Print the layouts that a folder has, the likeliest first."""
    if not found:
        lines(
            ["no known layout; `thyrodata list` names those that there are, `thyrodata card NAME` shows each"]
        )
    for one in found:
        lines(
            [
                f"{one.title}",
                f"  {one.command}",
                f"  {one.items} items; {one.understood} of {one.files} files in {one.folder} are understood",
                *([f"  but: {one.problem}"] if one.problem else []),
            ]
        )
