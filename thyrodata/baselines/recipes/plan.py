"""A recipe as the plan that a training is given. Importing this module imports torch, which plans need."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

from thyrodata.baselines.models import build
from thyrodata.baselines.recipes.recipe import Recipe, Task
from thyrodata.baselines.training.classify import ClassificationPlan
from thyrodata.baselines.training.detect import DetectionPlan
from thyrodata.baselines.training.segment import SegmentationPlan
from thyrodata.baselines.training.task import TaskPlan
from thyrodata.errors import UsageError
from thyrodata.io.hashes import format_sums, hash_file, list_files

__all__ = ["plan"]


def plan(recipe: Recipe, categories: Sequence[str], pretrained: Path | None = None) -> TaskPlan:
    """Return what a training is told of a recipe, beside its settings.

    Args:
        recipe: The recipe.
        categories: Of the dataset, as :attr:`thyrodata.exports.view.View.categories`.
        pretrained: Weights to begin with; see :func:`thyrodata.baselines.models.build`.

    Raises:
        UsageError: The dataset has no drawing of what is to be found, or a segmentation has no loss.
    """
    target = recipe.endpoint.target(categories)
    make = partial(build, recipe.model, pretrained=pretrained)
    # A file that is missing is refused when the model is built.
    begun = _digest(pretrained) if pretrained and pretrained.exists() else None
    match recipe.task:
        case Task.CLASSIFICATION:
            return ClassificationPlan(
                model=recipe.name,
                build=make,
                optimisation=recipe.optimisation,
                target=target,
                pretrained_sha256=begun,
            )
        case Task.SEGMENTATION if recipe.loss is not None:
            return SegmentationPlan(
                model=recipe.name,
                build=make,
                optimisation=recipe.optimisation,
                target=target,
                pretrained_sha256=begun,
                loss=recipe.loss,
            )
        case Task.SEGMENTATION:
            raise UsageError(f"{recipe.name} has no loss", hint="a segmentation needs one: change the recipe")
        case Task.DETECTION:
            return DetectionPlan(
                model=recipe.name,
                build=make,
                optimisation=recipe.optimisation,
                target=target,
                pretrained_sha256=begun,
            )


def _digest(pretrained: Path) -> str:
    """Return the SHA-256 of a file, or of the checksums of a folder's files."""
    if pretrained.is_file():
        return hash_file(pretrained)
    sums = {name: hash_file(pretrained / name) for name in list_files(pretrained)}
    return sha256(format_sums(sums)).hexdigest()
