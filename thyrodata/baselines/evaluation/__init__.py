"""Evaluating predictions that were written: every figure with its interval, of one training or of several.

No torch is needed.
"""

from __future__ import annotations

from thyrodata.baselines.evaluation.model import (
    Evaluation,
    Level,
    Repeated,
    RepeatedFigure,
    RepeatedLevel,
    RepeatedStratum,
)
from thyrodata.baselines.evaluation.repeated import evaluate_repeated
from thyrodata.baselines.evaluation.single import evaluate_predictions

__all__ = [
    "Evaluation",
    "Level",
    "Repeated",
    "RepeatedFigure",
    "RepeatedLevel",
    "RepeatedStratum",
    "evaluate_predictions",
    "evaluate_repeated",
]
