"""The supervised baselines of gambling adversarial nets (MLMI 2020); adversarial trainings are not here."""

from __future__ import annotations

from thyrodata.baselines.recipes.architecture import Segmenter
from thyrodata.baselines.recipes.recipe import Endpoint, Recipe, StandIn, Task
from thyrodata.baselines.training.settings import Optimisation, Optimiser, SegmentLoss, TrainSettings
from thyrodata.schema.vocab import Scope, Structure

__all__ = ["NODULE", "RECIPES"]

NODULE = Endpoint(
    name="the nodule, whatever it is labelled",
    scheme=None,
    scope=Scope.FINDING,
    positive=Structure.NODULE.value,
)
"""Nodules, not told apart."""

_CHOSEN = ("Of the training only the loss is published: size, optimiser, rate, epochs and batch are ours.",)


def _segmenter(
    name: str,
    title: str,
    model: Segmenter,
    *,
    rows: tuple[str, ...] = (),
    stand_ins: tuple[StandIn, ...] = (),
) -> Recipe:
    return Recipe(
        name=f"gambling/{name}",
        title=f"{title} by cross-entropy, nodules",
        task=Task.SEGMENTATION,
        model=model,
        endpoint=NODULE,
        settings=TrainSettings(size=(384, 480), epochs=100, batch_size=16),
        optimisation=Optimisation(optimiser=Optimiser.ADAM, learning_rate=1e-4),
        loss=SegmentLoss.CROSS_ENTROPY,
        rows=rows,
        stand_ins=stand_ins,
        chosen=_CHOSEN,
    )


_UNSTATED = "The encoder of U-Net is not known here: ResNet-34 stands in."

RECIPES: tuple[Recipe, ...] = (
    _segmenter(
        "unet",
        "U-Net",
        Segmenter(decoder="Unet", encoder="resnet34"),
        stand_ins=(
            StandIn(row="gambling_segmentation/U-Net, Cross-entropy", why=_UNSTATED),
            StandIn(row="gambling_mmcl_unet/CE", why=_UNSTATED),
        ),
    ),
    _segmenter(
        "pspnet_r101",
        "PSPNet on ResNet-101",
        Segmenter(decoder="PSPNet", encoder="resnet101"),
        rows=("gambling_segmentation/PSPNet-R101, Cross-entropy",),
    ),
    _segmenter(
        "deeplabv3plus_xception65",
        "DeepLabV3+ on Xception-65",
        Segmenter(decoder="DeepLabV3Plus", encoder="tu-xception65"),
        rows=("gambling_segmentation/DeepLabV3+-Xception, Cross-entropy",),
    ),
)
