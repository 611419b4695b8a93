"""Segmenters, of segmentation-models-pytorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from thyrodata.baselines.models.weights import IMAGENET, load_weights, normalised
from thyrodata.baselines.recipes.architecture import Segmenter
from thyrodata.errors import UsageError
from thyrodata.io.extras import load_extra

__all__ = ["make"]

torch = load_extra("torch", "baselines")

_DECODERS = ("DeepLabV3Plus", "PSPNet", "Unet", "UnetPlusPlus")
_OF_TIMM = "tu-"
_PSP_STRIDE = 8
"""Pixels of the image for one of the features that are pooled (Zhao et al., CVPR 2017): the last two stages
are dilated. The library's own default leaves these stages out."""
_MOMENTUM = 0.1
"""Torch's own, of batch normalisation."""


def make(model: Segmenter, classes: int, pretrained: Path | None) -> Any:
    """See :func:`thyrodata.baselines.models.build`."""
    smp = load_extra("segmentation_models_pytorch", "baselines")
    if model.decoder not in _DECODERS:
        raise UsageError(f"there is no decoder {model.decoder!r}", hint=f"there are: {', '.join(_DECODERS)}")
    whole = {"encoder_depth": 5, "output_stride": _PSP_STRIDE, "upsampling": _PSP_STRIDE}
    settings = whole if model.decoder == "PSPNet" else {}
    try:
        made = getattr(smp, model.decoder)(model.encoder, encoder_weights=None, classes=classes, **settings)
    except (KeyError, RuntimeError) as error:
        raise UsageError(
            f"the library has no encoder {model.encoder!r}: {str(error).splitlines()[0]}"
        ) from None
    mean, std = IMAGENET
    encoder = made.encoder
    if model.encoder.startswith(_OF_TIMM):
        encoder = made.encoder.model
        said = load_extra("timm", "baselines").get_pretrained_cfg(model.encoder.removeprefix(_OF_TIMM))
        mean, std = said.mean, said.std
    if pretrained is None:
        _learn_statistics(made)
    else:
        load_weights(encoder, pretrained)
    return normalised(made, mean, std)


def _learn_statistics(module: Any) -> None:
    """Let batch normalisation learn from chance what it normalises by.

    The library's EfficientNets take 1 % of each batch, as fits weights that come with statistics. From chance
    a variance far below the 1 that it begins with is then not known for hundreds of steps, and until then a
    model that learns well finds nothing when it is validated.
    """
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = _MOMENTUM
