"""The curves of a training, drawn from its log."""

from __future__ import annotations

import json
from pathlib import Path

from thyrodata.baselines.runs import LOG
from thyrodata.io.files import read_text, write_file
from thyrodata.reports.learningcurve import TrainedEpoch, draw_curves

__all__ = ["CURVES", "write_curves"]

CURVES = "curves.png"


def write_curves(folder: Path, title: str, watched: str) -> None:
    """Draw the log of a training's folder into it.

    Args:
        folder: The training's.
        title: What is trained.
        watched: The figure by which the best epoch is chosen.

    Raises:
        OutputError: The picture cannot be written.
    """
    lines = [json.loads(line) for line in read_text(folder / LOG).splitlines()]
    epochs = [TrainedEpoch(**line) for line in lines]
    write_file(folder / CURVES, draw_curves(epochs, title=title, watched=watched))
