"""What this project starts from: a recipe for each task, and a second detector. No table is of them."""

from __future__ import annotations

from thyrodata.baselines.recipes.architecture import DFine, RtDetrV2, Segmenter, TimmClassifier
from thyrodata.baselines.recipes.gambling import NODULE
from thyrodata.baselines.recipes.recipe import Recipe, Task
from thyrodata.baselines.recipes.thyroidxl import PATIENT_MALIGNANCY, VARIED
from thyrodata.baselines.training.settings import Optimisation, SegmentLoss, TrainSettings

__all__ = ["RECIPES"]

_OURS = ("All of it is ours; no figure of it was compared with another's.",)
_QUERIES = Optimisation(learning_rate=2e-4, weight_decay=1e-4, warmup=0.03, clip_norm=0.1, ema_decay=0.9998)

RECIPES: tuple[Recipe, ...] = (
    Recipe(
        name="best/classify",
        title="ConvNeXt-T, malignancy of an image",
        task=Task.CLASSIFICATION,
        model=TimmClassifier(name="convnext_tiny.in12k_ft_in1k"),
        endpoint=PATIENT_MALIGNANCY,
        settings=TrainSettings(
            size=(224, 224), epochs=60, batch_size=32, augmentation=VARIED, watch="loss", patience=15
        ),
        optimisation=Optimisation(learning_rate=1e-4, weight_decay=0.05, warmup=0.05, ema_decay=0.9998),
        chosen=_OURS,
    ),
    Recipe(
        name="best/segment",
        title="U-Net++ on EfficientNet-B5, nodules",
        task=Task.SEGMENTATION,
        model=Segmenter(decoder="UnetPlusPlus", encoder="efficientnet-b5"),
        endpoint=NODULE,
        settings=TrainSettings(
            size=(384, 480), epochs=100, batch_size=16, augmentation=VARIED, watch="loss", patience=20
        ),
        optimisation=Optimisation(learning_rate=5e-4, weight_decay=1e-4, warmup=0.03, ema_decay=0.9998),
        loss=SegmentLoss.CROSS_ENTROPY_DICE,
        chosen=_OURS,
    ),
    Recipe(
        name="best/detect",
        title="D-FINE-L, nodules",
        task=Task.DETECTION,
        model=DFine(),
        endpoint=NODULE,
        settings=TrainSettings(size=(640, 640), epochs=72, batch_size=8, augmentation=VARIED, watch="ap50"),
        optimisation=_QUERIES,
        chosen=_OURS,
    ),
    Recipe(
        name="best/detect_rtdetrv2",
        title="RT-DETRv2 on ResNet-50, nodules",
        task=Task.DETECTION,
        model=RtDetrV2(),
        endpoint=NODULE,
        settings=TrainSettings(size=(640, 640), epochs=72, batch_size=8, augmentation=VARIED, watch="ap50"),
        optimisation=_QUERIES,
        chosen=_OURS,
    ),
)
