"""Small models of each task, which two cores train in minutes: to try a dataset and the tool on."""

from __future__ import annotations

from thyrodata.baselines.recipes.architecture import Fcos, Segmenter, TimmClassifier
from thyrodata.baselines.recipes.gambling import NODULE
from thyrodata.baselines.recipes.recipe import Recipe, Task
from thyrodata.baselines.recipes.thyroidxl import VARIED
from thyrodata.baselines.recipes.thyronet import SUSPICIOUS
from thyrodata.baselines.training.settings import Optimisation, SegmentLoss, TrainSettings

__all__ = ["RECIPES"]

_TO_TRY = ("All of it is ours, and small so that it is fast: its figures are no baseline's.",)

RECIPES: tuple[Recipe, ...] = (
    Recipe(
        name="small/classify",
        title="ResNet-10-T, to try a dataset and the tool on, TI-RADS 4a or above",
        task=Task.CLASSIFICATION,
        model=TimmClassifier(name="resnet10t"),
        endpoint=SUSPICIOUS,
        settings=TrainSettings(size=(128, 160), epochs=20, batch_size=16, augmentation=VARIED),
        optimisation=Optimisation(learning_rate=5e-4, weight_decay=0.05, warmup=0.05),
        chosen=_TO_TRY,
    ),
    Recipe(
        name="small/segment",
        title="U-Net on LCNet-0.5, to try a dataset and the tool on, nodules",
        task=Task.SEGMENTATION,
        model=Segmenter(decoder="Unet", encoder="tu-lcnet_050"),
        endpoint=NODULE,
        settings=TrainSettings(size=(128, 160), epochs=30, batch_size=8, augmentation=VARIED),
        optimisation=Optimisation(learning_rate=1e-3, weight_decay=1e-4, warmup=0.05),
        loss=SegmentLoss.CROSS_ENTROPY_DICE,
        chosen=_TO_TRY,
    ),
    Recipe(
        name="small/detect",
        title="FCOS on ResNet-10-T, to try a dataset and the tool on, nodules",
        task=Task.DETECTION,
        model=Fcos(backbone="resnet10t", width=64),
        endpoint=NODULE,
        settings=TrainSettings(size=(160, 208), epochs=30, batch_size=8, augmentation=VARIED, watch="ap50"),
        optimisation=Optimisation(learning_rate=1e-3, weight_decay=1e-4, warmup=0.05, clip_norm=1),
        chosen=_TO_TRY,
    ),
)
