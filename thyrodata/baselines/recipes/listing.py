"""What becomes of every printed row: a recipe runs it, another model stands in for it, or it is absent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from thyrodata.baselines.published import Flag, Paper, Row, flags, load_tables
from thyrodata.baselines.recipes import RECIPES, Recipe

__all__ = ["ABSENT", "ListedRow", "Standing", "list_rows", "own_recipes"]


class Standing(Enum):
    """What becomes of a printed row."""

    RUNS = "runs"
    """A recipe trains the row's model."""
    STOOD_IN = "stood in for"
    """A recipe trains a model like it, for a stated reason."""
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRow:
    """A printed row, what speaks against it, and what becomes of it."""

    paper: Paper
    row: Row
    flags: tuple[Flag, ...]
    """Those of its table that concern it."""
    standing: Standing
    recipe: str | None
    """Of the one that runs it, or stands in; ``None`` for an absent row."""
    why: str
    """Why the row itself does not run; empty for one that does."""


_ADVERSARIAL = "Adversarial training is not built here."
_YOLO = "ultralytics is under the AGPL, yolox does not build, and no implementation of our own is there yet."
_ELSEWHERE = "Its figure is of other organs' data, and no recipe of its kind is there yet."
_OTHER_ORGAN = "It serves other organs: histology, endoscopy, polyps or cells."
_VOLUMES = "It serves volumes, and the datasets here are of images."
_ORGANS = {
    "Covid-ResNet": "On thyroid images a ResNet runs as thyroidxl/resnet50; this figure is of the chest.",
    "Covid-Transformer": _ELSEWHERE,
    "U-CSRNet": _OTHER_ORGAN,
    "MTCSN": _OTHER_ORGAN,
    "2D-UNet": "On thyroid images a U-Net runs as gambling/unet; this figure is of the lung.",
    "LOD-Net": _OTHER_ORGAN,
    "Han-Net": _OTHER_ORGAN,
    "CD-Net": _OTHER_ORGAN,
    "3D-UNet": _VOLUMES,
    "UNETR": _VOLUMES,
    "WeaklyLesionLocalisation": _ELSEWHERE,
    "TS-CAM": _ELSEWHERE,
    "LungNodules-Detection": _ELSEWHERE,
    "LungNodule-Detection-CNN": _ELSEWHERE,
    "LungNodule-Detection-Transformer": _ELSEWHERE,
    "Covid-Detection-CNN": _ELSEWHERE,
    "Covid-Detection-Transformer": _ELSEWHERE,
    "EllipseNet-Fit": _ELSEWHERE,
    "EllipseNet": _ELSEWHERE,
}
_GAMBLING = {
    "Cross-entropy + adv.": _ADVERSARIAL,
    "CE + Adv.": _ADVERSARIAL,
    "SegAN": _ADVERSARIAL,
    "Confidence adv.": _ADVERSARIAL,
    "Gambling adv.": _ADVERSARIAL,
    "Gambling": _ADVERSARIAL,
    "Focal loss": "The focal loss is not among the losses of a segmentation here.",
    "Focal": "The focal loss is not among the losses of a segmentation here.",
}
_THYRONET = "The paper's own block is not built here yet."
_VOLUMETRIC = "It reads neighbouring slices, and its recall has no operating point to compare at."

ABSENT: dict[str, dict[str, str]] = {
    "thyroidxl_detection": {"YOLOX-S": _YOLO, "YOLOX-M": _YOLO},
    "thyronet_x4": {
        "ThyroNet-X4 Genesis(best)": _THYRONET,
        "Baseline + Bottleneck": _THYRONET,
        "Baseline + Block": _THYRONET,
    },
    "gambling_segmentation": _GAMBLING,
    "gambling_mmcl_unet": _GAMBLING,
    "deeplesion_detectors": {
        "MULAN": _VOLUMETRIC,
        "AlignShift (Li et al)": _VOLUMETRIC,
        "YOLOv5n": _YOLO,
        "YOLOv5x baseline": _YOLO,
        "YOLOv5x + SEBlock": _YOLO,
        "YOLOv5x + SEBlock + Mish": _YOLO,
    },
    "openmedia_results": _ORGANS,
    "openmedia_zoo": _ORGANS,
}
"""Why a row runs by no recipe: by table, and by the row's name or the last of the cells that name it."""

_PER_CLASS = "deeplesion_yolov5n_per_class"
"""Every row of this table is of one model."""


def list_rows() -> tuple[ListedRow, ...]:
    """Return every row of every shipped table, in the papers' order."""
    runs = {row: recipe for recipe in RECIPES.values() for row in recipe.rows}
    stands = {each.row: (recipe, each.why) for recipe in RECIPES.values() for each in recipe.stand_ins}
    listed = []
    for table in load_tables():
        found = flags(table)
        for row in table.rows:
            standing, recipe, why = Standing.ABSENT, None, ""
            if row.key in runs:
                recipe = runs[row.key]
                standing = Standing.RUNS
            elif row.key in stands:
                recipe, why = stands[row.key]
                standing = Standing.STOOD_IN
            else:
                why = _YOLO if row.table == _PER_CLASS else _absent(row)
            listed.append(
                ListedRow(
                    paper=table.paper,
                    row=row,
                    flags=tuple(flag for flag in found if flag.about(row)),
                    standing=standing,
                    recipe=recipe.name if recipe else None,
                    why=why,
                )
            )
    return tuple(listed)


def own_recipes() -> tuple[Recipe, ...]:
    """Return the recipes that stand for no printed row."""
    return tuple(recipe for recipe in RECIPES.values() if not recipe.rows and not recipe.stand_ins)


def _absent(row: Row) -> str:
    reasons = ABSENT[row.table]
    return reasons.get(row.name) or reasons[row.name.rpartition(", ")[2]]
