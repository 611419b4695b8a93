"""Which of our figures stands beside which printed column, and where the two are not the same.

A column that the paper does not define, or that no file of predictions can tell, has none beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BESIDE", "OWN", "Beside", "OwnKind"]

_IMAGE, _GROUP, _BOXES = "image", "group by weighted majority", "boxes of a class"
_MASK = "mask of {positive}"
_BOX_IMAGE, _BOX_GROUP = (f"{of} most confident box" for of in ("image by", f"{_GROUP} of"))
_PIXEL_IMAGE, _PIXEL_GROUP = (f"{of} most pixels" for of in ("image by", f"{_GROUP} of"))

_PATIENTS = "A group is a patient only where the dataset says so."
_WITHOUT = "What an image with nothing found counts as is not stated in the paper."
_OF_IMAGES = "Of images or of boxes is not stated; it and image sensitivity give the printed F1."
_MEAN = (
    "Of images or of pixels, and of which class, is not stated; printed IoU is above D / (2 - D) of printed "
    "Dice D, as a mean over images is."
)
_POOLED = (
    "Pooled over pixels or not is not stated; printed Jaccard is D / (2 - D) of printed Dice D, as pooled "
    "ones are."
)
_PIXELS = "Its definition and the size of its pixels are not stated; ours is in each image's own pixels."


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What stands beside a printed column."""

    column: str
    """As printed."""
    of: str
    """The level, :attr:`thyrodata.baselines.evaluation.RepeatedLevel.of`, without what is in parentheses;
    ``{positive}`` is the class that the recipe is to find."""
    figure: str
    """Its name in that level, likewise."""
    differs: str = ""
    """Where the definitions differ, or the paper's is not known, in a sentence."""


BESIDE: dict[str, tuple[Beside, ...]] = {
    "thyroidxl_classification": (
        Beside(column="accuracy", of=_IMAGE, figure="accuracy"),
        Beside(column="precision", of=_IMAGE, figure="precision/{positive}"),
        Beside(column="recall", of=_IMAGE, figure="recall/{positive}"),
        Beside(column="f1", of=_IMAGE, figure="f1/{positive}"),
        Beside(column="image_sensitivity", of=_IMAGE, figure="recall/{positive}"),
        Beside(column="image_specificity", of=_IMAGE, figure="specificity/{positive}"),
        Beside(column="patient_sensitivity", of=_GROUP, figure="recall/{positive}", differs=_PATIENTS),
        Beside(column="patient_specificity", of=_GROUP, figure="specificity/{positive}", differs=_PATIENTS),
    ),
    "thyroidxl_detection": (
        Beside(column="map", of=_BOXES, figure="ap"),
        Beside(column="map50", of=_BOXES, figure="ap50"),
        Beside(column="map75", of=_BOXES, figure="ap75"),
        Beside(column="precision", of=_BOX_IMAGE, figure="precision/{positive}", differs=_OF_IMAGES),
        Beside(column="f1", of=_BOX_IMAGE, figure="f1/{positive}", differs=_WITHOUT),
        Beside(column="image_sensitivity", of=_BOX_IMAGE, figure="recall/{positive}", differs=_WITHOUT),
        Beside(column="image_specificity", of=_BOX_IMAGE, figure="specificity/{positive}", differs=_WITHOUT),
        Beside(column="patient_sensitivity", of=_BOX_GROUP, figure="recall/{positive}", differs=_PATIENTS),
        Beside(
            column="patient_specificity", of=_BOX_GROUP, figure="specificity/{positive}", differs=_PATIENTS
        ),
    ),
    # Accuracy, precision, recall and F1 of this table agree with no stated share of malignant images: flags.
    "thyroidxl_segmentation": (
        Beside(column="iou", of=_MASK, figure="iou_mean", differs=_MEAN),
        Beside(column="dice", of=_MASK, figure="dice_mean", differs=_MEAN),
        Beside(column="image_sensitivity", of=_PIXEL_IMAGE, figure="recall/{positive}", differs=_WITHOUT),
        Beside(
            column="image_specificity", of=_PIXEL_IMAGE, figure="specificity/{positive}", differs=_WITHOUT
        ),
        Beside(column="patient_sensitivity", of=_PIXEL_GROUP, figure="recall/{positive}", differs=_PATIENTS),
        Beside(
            column="patient_specificity", of=_PIXEL_GROUP, figure="specificity/{positive}", differs=_PATIENTS
        ),
    ),
    "thyronet_x4": (
        Beside(
            column="val_accuracy",
            of=_IMAGE,
            figure="accuracy",
            differs="Printed is that of the validation, which may be a mean over batches.",
        ),
    ),
    "gambling_segmentation": (
        Beside(column="dice", of=_MASK, figure="dice_pooled", differs=_POOLED),
        Beside(column="jaccard", of=_MASK, figure="iou_pooled", differs=_POOLED),
        Beside(
            column="bf_score",
            of=_MASK,
            figure="bf_mean",
            differs="Its tolerance is not stated; ours is 0.75 % of the image's diagonal.",
        ),
        Beside(column="chamfer", of=_MASK, figure="chamfer_mean", differs=_PIXELS),
        Beside(column="hausdorff", of=_MASK, figure="hausdorff_mean", differs=_PIXELS),
    ),
    "gambling_mmcl_unet": (Beside(column="mmcl", of=_IMAGE, figure="mmcl_mean"),),
    # Precision and recall of these tables are at a score that is not stated.
    "deeplesion_detectors": (Beside(column="map50", of=_BOXES, figure="ap50"),),
    "deeplesion_yolov5n_per_class": (
        Beside(column="map50", of=_BOXES, figure="ap50"),
        Beside(column="map50_95", of=_BOXES, figure="ap"),
    ),
}
"""By the name of the table. Nothing stands beside the figures of those that are missing: they are of other
organs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnKind:
    """What is shown of models that stand for no printed row: a level is of the kind whose figures it has."""

    title: str
    figures: tuple[str, ...]


OWN: tuple[OwnKind, ...] = (
    OwnKind(
        title="Classes of images and groups",
        figures=("accuracy", "majority_rate", "balanced_accuracy", "f1_macro", "auc_macro", "ece"),
    ),
    OwnKind(
        title="Masks",
        figures=("dice_mean", "iou_mean", "dice_pooled", "bf_mean", "hausdorff_mean", "hd95_max_mean"),
    ),
    OwnKind(title="Boxes", figures=("ap", "ap50", "ap75", "ar_100", "froc_mean")),
)
