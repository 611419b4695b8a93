"""Classifiers, of timm and torchvision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from thyrodata.baselines.models.weights import IMAGENET, load_weights, normalised, read_weights, refused
from thyrodata.baselines.recipes.architecture import TimmClassifier, TorchvisionClassifier
from thyrodata.errors import UsageError
from thyrodata.io.extras import load_extra

__all__ = ["make"]

_HEADS = {"alexnet": ("classifier.6.",), "googlenet": ("fc.",)}
"""How the tensors are named that depend on the number of classes."""


def make(model: TimmClassifier | TorchvisionClassifier, classes: int, pretrained: Path | None) -> Any:
    """See :func:`thyrodata.baselines.models.build`."""
    if isinstance(model, TimmClassifier):
        return _of_timm(model.name, classes, pretrained)
    return _of_torchvision(model.name, classes, pretrained)


def _of_timm(name: str, classes: int, pretrained: Path | None) -> Any:
    timm = load_extra("timm", "baselines")
    if not timm.is_model(name):
        raise UsageError(f"timm has no model {name!r}", hint=", ".join(timm.list_models(f"*{name[:6]}*")[:8]))
    overlay = {} if pretrained is None else {"state_dict": dict(read_weights(pretrained))}
    try:
        made = timm.create_model(
            name, pretrained=bool(overlay), num_classes=classes, pretrained_cfg_overlay=overlay
        )
    except (
        RuntimeError,
        KeyError,
    ) as error:  # torch's word for tensors that do not fit; timm's for missing ones
        if pretrained is None:
            raise
        raise refused(pretrained, str(error)) from None
    return normalised(made, made.pretrained_cfg["mean"], made.pretrained_cfg["std"])


def _of_torchvision(name: str, classes: int, pretrained: Path | None) -> Any:
    models = load_extra("torchvision.models", "baselines")
    if name == "alexnet":
        made = models.alexnet(weights=None, num_classes=classes)
    elif name == "googlenet":
        # The published weights expect channels from -1 to 1: `transform_input` turns ours into those.
        made = models.googlenet(
            weights=None,
            num_classes=classes,
            aux_logits=False,
            transform_input=pretrained is not None,
            init_weights=True,
        )
    else:
        raise UsageError(
            f"torchvision's {name!r} is no classifier here", hint=f"there are: {', '.join(_HEADS)}"
        )
    if pretrained is not None:
        load_weights(made, pretrained, heads=_HEADS[name])
    return normalised(made, *IMAGENET)
