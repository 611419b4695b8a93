"""A model from what a recipe says of it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, assert_never

from thyrodata.baselines.recipes.architecture import (
    Architecture,
    DeformableDetr,
    DFine,
    FasterRcnn,
    Fcos,
    RtDetrV2,
    Segmenter,
    TimmClassifier,
    TorchvisionClassifier,
)
from thyrodata.errors import UsageError

__all__ = ["build"]

_HERE = "thyrodata.baselines.models"


def build(model: Architecture, classes: int, pretrained: Path | None = None) -> Any:
    """Return a ``torch.nn.Module``. Nothing is downloaded.

    Every model takes RGB images as float32 from 0 to 1, and normalises them as its weights were trained.

    * A classifier takes (images, 3, height, width) and returns logits (images, classes).
    * A segmenter takes the same, of a height and width that 32 divides, and returns logits (images, classes,
      height, width).
    * A detector is called as torchvision's are: with images, and while it trains with ``targets`` too, for
      each image ``boxes`` (findings, 4), left, top, right and bottom in pixels, and int64 ``labels`` from 1.
      While it trains it returns its losses by name, to be summed; else for each image a dict of ``boxes``,
      ``labels`` and ``scores``, the surest first, 100 at most. It resizes nothing.

    Args:
        model: Of a recipe, :attr:`thyrodata.baselines.recipes.Recipe.model`.
        classes: Of a classifier or a segmenter how many outputs, the background's among them; of a detector
            how many kinds of finding.
        pretrained: Weights, as the architecture describes them. The layers that depend on ``classes`` start
            from chance; without weights all do.

    Raises:
        UsageError: There are too few classes, there are no such weights, or the library has no such model.
        DatasetError: The weights are damaged, or of another model.
        MissingExtraError: torch or the library is not installed.
    """
    if classes < 1:
        raise UsageError(f"{classes} classes are asked of a model", hint="one or more")
    if pretrained is not None and not pretrained.exists():
        raise UsageError("there are no such weights", where=str(pretrained))
    match model:
        case TimmClassifier() | TorchvisionClassifier():
            module = "classifiers"
        case Segmenter():
            module = "segmenters"
        case FasterRcnn() | Fcos():
            module = "pyramids"
        case DeformableDetr() | RtDetrV2() | DFine():
            module = "queries"
        case _:
            assert_never(model)
    # Each imports torch, which its classes extend.
    return import_module(f"{_HERE}.{module}").make(model, classes, pretrained)
