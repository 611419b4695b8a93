"""Detectors of torchvision, on feature pyramids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from thyrodata.baselines.models.norms import keep_norms
from thyrodata.baselines.models.precision import give_full
from thyrodata.baselines.models.weights import IMAGENET, load_weights
from thyrodata.baselines.recipes.architecture import FasterRcnn, Fcos
from thyrodata.errors import UsageError
from thyrodata.io.extras import load_extra

__all__ = ["make"]

torch = load_extra("torch", "baselines")
_Module: Any = torch.nn.Module
_Fcos: Any = load_extra("torchvision.models.detection", "baselines").FCOS
_Transform: Any = load_extra("torchvision.models.detection.transform", "baselines").GeneralizedRCNNTransform

_TRAINED_STAGES = 3
"""With weights the stem and the first stage stay as they are, as torchvision trained its detectors."""
_ALL_STAGES = 5


def make(model: FasterRcnn | Fcos, classes: int, pretrained: Path | None) -> Any:
    """See :func:`thyrodata.baselines.models.build`."""
    return (
        _faster_rcnn(model, classes, pretrained)
        if isinstance(model, FasterRcnn)
        else _fcos(model, classes, pretrained)
    )


def _faster_rcnn(model: FasterRcnn, classes: int, pretrained: Path | None) -> Any:
    models = load_extra("torchvision.models", "baselines")
    detection = load_extra("torchvision.models.detection", "baselines")
    if model.backbone not in models.list_models(include="resnet*"):
        raise UsageError(f"torchvision has no {model.backbone!r}", hint="give a ResNet, such as resnet50")
    backbone = detection.backbone_utils.resnet_fpn_backbone(
        backbone_name=model.backbone,
        weights=None,
        norm_layer=torch.nn.BatchNorm2d,
        trainable_layers=_ALL_STAGES if pretrained is None else _TRAINED_STAGES,
    )
    if pretrained is not None:
        load_weights(backbone.body, pretrained)
        keep_norms(backbone.body)
    made = detection.FasterRCNN(backbone, num_classes=classes + 1)
    return _at_its_size(made, *IMAGENET)


def _fcos(model: Fcos, classes: int, pretrained: Path | None) -> Any:
    timm = load_extra("timm", "baselines")
    feature_pyramid = load_extra("torchvision.ops.feature_pyramid_network", "baselines")
    if not timm.is_model(model.backbone):
        raise UsageError(f"timm has no model {model.backbone!r}")
    features = timm.create_model(model.backbone, pretrained=False, features_only=True, out_indices=(2, 3, 4))
    if pretrained is not None:
        load_weights(features, pretrained)
    levels = feature_pyramid.LastLevelP6P7(model.width, model.width)
    pyramid = _Pyramid(
        features,
        feature_pyramid.FeaturePyramidNetwork(features.feature_info.channels(), model.width, levels),
        model.width,
    )
    # The score from which a finding counts is the paper's: torchvision's 0.2 would cut recall short.
    made = _LabelsFromOne(pyramid, num_classes=classes, score_thresh=0.05)
    said = timm.get_pretrained_cfg(model.backbone)
    return _at_its_size(made, said.mean, said.std)


def _at_its_size(made: Any, mean: tuple[float, ...], std: tuple[float, ...]) -> Any:
    """Return a detector that takes images as they are.

    torchvision's resize them to 800 px and more. ``_skip_resize`` ends that in training only.
    """
    made.transform = _Unresized(min_size=0, max_size=0, image_mean=list(mean), image_std=list(std))
    give_full(made, ("backbone", "head", "box_predictor"))
    return made


class _LabelsFromOne(_Fcos):  # type: ignore[misc]  # torch need not be there, so it has no types
    """FCOS whose labels start at 1, as all detectors' here: its sigmoids score no background."""

    def forward(self, images: Any, targets: Any = None) -> Any:
        if targets is not None:
            targets = [{**target, "labels": target["labels"] - 1} for target in targets]
        said = super().forward(images, targets)
        return said if self.training else [{**found, "labels": found["labels"] + 1} for found in said]


class _Unresized(_Transform):  # type: ignore[misc]
    """Normalises images, and pads them to one size."""

    def resize(self, image: Any, target: Any = None) -> Any:
        return image, target


class _Pyramid(_Module):  # type: ignore[misc]
    """Levels at 1/8 to 1/128 of the size: three of the backbone's, and two more."""

    def __init__(self, features: Any, pyramid: Any, width: int) -> None:
        super().__init__()
        self.out_channels = width
        self.features = features
        self.pyramid = pyramid

    def forward(self, images: Any) -> Any:
        return self.pyramid({str(level): found for level, found in enumerate(self.features(images))})
