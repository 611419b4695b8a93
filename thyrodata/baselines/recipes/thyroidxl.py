"""The baselines of ThyroidXL (MICCAI 2025)."""

from __future__ import annotations

from dataclasses import replace

from thyrodata.baselines.recipes.architecture import (
    Architecture,
    DeformableDetr,
    DFine,
    FasterRcnn,
    Fcos,
    Segmenter,
    TimmClassifier,
    TorchvisionClassifier,
)
from thyrodata.baselines.recipes.recipe import Endpoint, Recipe, StandIn, Task
from thyrodata.baselines.training.settings import (
    Augmentation,
    Optimisation,
    Optimiser,
    Schedule,
    SegmentLoss,
    TrainSettings,
)
from thyrodata.schema.vocab import Malignancy, Scope

__all__ = ["FINDING_MALIGNANCY", "PATIENT_MALIGNANCY", "RECIPES", "VARIED"]

VARIED = Augmentation(name="flips, rotation, intensity", flip_horizontal=0.5, rotate_deg=10, gain=1.2)
"""What the paper names for its detectors. The amounts are ours; depth stays down, so that nothing is flipped
vertically."""

_GROUPS = tuple((term.value, (str(term),)) for term in Malignancy)
PATIENT_MALIGNANCY = Endpoint(
    name="malignancy by cytology or histology, said of the patient",
    scheme="malignancy",
    scope=Scope.CASE,
    groups=_GROUPS,
    positive=Malignancy.MALIGNANT.value,
)
FINDING_MALIGNANCY = Endpoint(
    name="nodules by malignancy, which cytology or histology concluded, said of the finding",
    scheme="malignancy",
    scope=Scope.FINDING,
    groups=_GROUPS,
    positive=Malignancy.MALIGNANT.value,
)
"""Boxes and masks that are told apart by what pathology concluded."""

_AMOUNTS = "By how much images are varied is not stated: the amounts are ours."
_UNSAID = "Batch and schedule are not stated: the batch is ours, and the rate falls along a cosine."
_WEIGHTS = "The first weights are not stated: those of the file that is given, or chance."
_OF_PATIENT = (
    "The conclusion is published of the patient; that it holds for the drawn nodule is the map "
    "malignancy-case-to-finding."
)


def _classifier(name: str, row: str, model: Architecture) -> Recipe:
    return Recipe(
        name=f"thyroidxl/{name}",
        title=f"{row}, malignancy of an image",
        task=Task.CLASSIFICATION,
        model=model,
        endpoint=PATIENT_MALIGNANCY,
        settings=TrainSettings(size=(224, 224), epochs=100, batch_size=32, augmentation=VARIED),
        optimisation=Optimisation(optimiser=Optimiser.ADAMW, learning_rate=5e-4),
        rows=(f"thyroidxl_classification/{row}",),
        chosen=(
            _UNSAID,
            _WEIGHTS,
            f"Augmentation is named for the detectors only, and taken from there. {_AMOUNTS}",
            "Binary cross-entropy of one logit is here cross-entropy of two: the same, of their difference.",
        ),
    )


def _segmenter(name: str, row: str, decoder: str, encoder: str) -> Recipe:
    return Recipe(
        name=f"thyroidxl/{name}",
        title=f"{row.replace(', ', ' on ')}, benign and malignant nodules",
        task=Task.SEGMENTATION,
        model=Segmenter(decoder=decoder, encoder=encoder),
        endpoint=FINDING_MALIGNANCY,
        settings=TrainSettings(size=(384, 480), epochs=100, batch_size=16, augmentation=VARIED),
        optimisation=Optimisation(optimiser=Optimiser.RADAM, learning_rate=5e-4),
        loss=SegmentLoss.CROSS_ENTROPY_DICE,
        rows=(f"thyroidxl_segmentation/{row}",),
        chosen=(
            _UNSAID,
            _WEIGHTS,
            f"Augmentation is named for the detectors only, and taken from there. {_AMOUNTS}",
            "The loss is not known here: cross-entropy and soft Dice.",
            _OF_PATIENT,
        ),
    )


_DETECTOR = Recipe(
    name="",
    title="",
    task=Task.DETECTION,
    model=FasterRcnn(),
    endpoint=FINDING_MALIGNANCY,
    settings=TrainSettings(size=(640, 800), epochs=100, batch_size=8, augmentation=VARIED, watch="ap50"),
    optimisation=Optimisation(
        optimiser=Optimiser.ADAMW, learning_rate=1e-4, weight_decay=1e-4, warmup=0.03, clip_norm=0.1
    ),
    chosen=(
        "Epochs (20 to 200), optimiser (SGD or Adam) and schedule (linear or cosine) are not told by model.",
        "Input size, learning rate and batch are not known here: they are ours.",
        "The epoch is chosen by AP50 of the validation: how it was is not stated.",
        _WEIGHTS,
        _AMOUNTS,
        _OF_PATIENT,
    ),
)

_DETECTORS = (
    replace(
        _DETECTOR,
        name="thyroidxl/fasterrcnn_r50",
        title="Faster R-CNN on ResNet-50, benign and malignant nodules",
        optimisation=Optimisation(
            optimiser=Optimiser.SGD,
            learning_rate=0.01,
            weight_decay=1e-4,
            warmup=0.03,
            schedule=Schedule.LINEAR,
        ),
        rows=("thyroidxl_detection/Faster R-CNN",),
    ),
    replace(
        _DETECTOR,
        name="thyroidxl/deformable_detr_r50",
        title="Deformable DETR on ResNet-50, benign and malignant nodules",
        model=DeformableDetr(),
        rows=("thyroidxl_detection/Deformable DETR",),
        chosen=(*_DETECTOR.chosen, "The backbone is not stated: ResNet-50, that of its paper."),
    ),
    replace(
        _DETECTOR,
        name="thyroidxl/fcos_effb3",
        title="FCOS on EfficientNet-B3, benign and malignant nodules",
        model=Fcos(backbone="tf_efficientnet_b3"),
        stand_ins=(
            StandIn(
                row="thyroidxl_detection/EfficientNet-B3",
                why="The row names a backbone and no detector: FCOS on a feature pyramid over it stands in.",
            ),
        ),
    ),
    replace(
        _DETECTOR,
        name="thyroidxl/dfine_l",
        title="D-FINE-L, benign and malignant nodules",
        model=DFine(),
        stand_ins=(
            StandIn(
                row="thyroidxl_detection/CO-DETR R50",
                why="CO-DETR has no maintained implementation: D-FINE-L, a later detector, stands in.",
            ),
        ),
    ),
    replace(
        _DETECTOR,
        name="thyroidxl/deformable_detr_swinl",
        title="Deformable DETR on Swin-L, benign and malignant nodules",
        model=DeformableDetr(backbone="swin-l"),
        stand_ins=(
            StandIn(
                row="thyroidxl_detection/CO-DETR Swin-L",
                why="CO-DETR has no maintained implementation: Deformable DETR on its backbone stands in.",
            ),
        ),
    ),
)

RECIPES: tuple[Recipe, ...] = (
    _classifier("alexnet", "AlexNet", TorchvisionClassifier(name="alexnet")),
    _classifier("resnet34", "Resnet34", TimmClassifier(name="resnet34")),
    _classifier("resnet50", "Resnet50", TimmClassifier(name="resnet50")),
    _classifier("efficientnet_b6", "EfficientNet-B6", TimmClassifier(name="tf_efficientnet_b6")),
    _classifier("efficientnet_b7", "EfficientNet-B7", TimmClassifier(name="tf_efficientnet_b7")),
    _classifier("vgg11_bn", "VGG-11 Batchnorm", TimmClassifier(name="vgg11_bn")),
    _classifier("vgg13_bn", "VGG-13 Batchnorm", TimmClassifier(name="vgg13_bn")),
    _segmenter("unet_r101", "UNet, Resnet101", "Unet", "resnet101"),
    _segmenter("unet_r152", "UNet, Resnet152", "Unet", "resnet152"),
    _segmenter("unet_effb5", "UNet, EfficientNet-B5", "Unet", "efficientnet-b5"),
    _segmenter("unet_effb6", "UNet, EfficientNet-B6", "Unet", "efficientnet-b6"),
    _segmenter("unetpp_r101", "UNet++, Resnet101", "UnetPlusPlus", "resnet101"),
    _segmenter("unetpp_r152", "UNet++, Resnet152", "UnetPlusPlus", "resnet152"),
    _segmenter("unetpp_effb5", "UNet++, EfficientNet-B5", "UnetPlusPlus", "efficientnet-b5"),
    _segmenter("unetpp_effb6", "UNet++, EfficientNet-B6", "UnetPlusPlus", "efficientnet-b6"),
    *_DETECTORS,
)
