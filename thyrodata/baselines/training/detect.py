"""The task of finding boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from thyrodata.baselines.metrics.boxes import BoxedImage
from thyrodata.baselines.metrics.detection import coco_figures
from thyrodata.baselines.metrics.figures import value_of
from thyrodata.baselines.training.boxes import boxed_image, learnt_targets
from thyrodata.baselines.training.cache import Batch, Learnt
from thyrodata.baselines.training.supervised import SupervisedPlan, SupervisedTask, plain
from thyrodata.errors import TrainingError
from thyrodata.io.extras import load_extra

__all__ = ["DetectTask", "DetectionPlan"]

torch = load_extra("torch", "baselines")


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionPlan(SupervisedPlan):
    """How boxes are learnt: by the losses of the detector itself, added up.

    The module is built for the number of classes beside the background, and called as torchvision's
    detectors are: see :func:`thyrodata.baselines.models.build`.
    """

    learns: ClassVar[Learnt] = Learnt.BOXES

    def describe(self) -> Mapping[str, Any]:
        """Return all that the outcome depends on as plain values, the loss among them."""
        return {"task": "detection", "loss": "the detector's own, added up", **plain(self)}

    def start(self, classes: Sequence[str], device: Any) -> DetectTask:
        """Return the task at its beginning."""
        return DetectTask(self, classes, device)


class DetectTask(SupervisedTask):
    """Learns boxes.

    Its figures are COCO's over the whole part (see
    :func:`thyrodata.baselines.metrics.detection.coco_figures`), of boxes in pixels of what the module is
    given, which leaves an overlap of boxes as it is. There is no ``loss`` among them: these detectors compute
    none while they predict, and one computed as if they trained would be of another state of the module.
    """

    FIGURES: ClassVar[tuple[str, ...]] = ("ap", "ap50", "ap75", "ar_100")

    def __init__(self, plan: SupervisedPlan, classes: Sequence[str], device: Any) -> None:
        super().__init__(plan, classes, len(classes) - 1, device)

    def step(self, batch: Batch, progress: float) -> Mapping[str, Any]:
        """Take one step down the sum of the detector's losses, and return it beside each of them."""
        boxes = batch.boxes or ()
        losses: dict[str, Any] = {}

        def loss(module: Any) -> Any:
            losses.update(module([*batch.images], learnt_targets(boxes)))
            return sum(losses.values())

        total = self._learner.update(loss, progress)
        return {**{name: value.detach() for name, value in losses.items()}, "loss": total}

    def predicted(self, images: Any) -> list[Mapping[str, Any]]:
        """Return what is found in each image: ``boxes`` in its pixels, ``labels`` from 1, and ``scores``.

        Raises:
            TrainingError: A number of them is none.
        """
        found: list[Mapping[str, Any]] = self._learner.apply([*images])
        for each in found:
            if not (each["boxes"].isfinite().all() and each["scores"].isfinite().all()):
                raise TrainingError(
                    "the model finds boxes that are no numbers",
                    where=self._plan.model,
                    hint="its training diverged: lower the learning rate, or clip gradients",
                )
        return found

    def measure(self, batch: Batch) -> list[BoxedImage]:
        """Return the true and the found boxes of each image."""
        found = self.predicted(batch.images)
        return [boxed_image("", truth, each) for truth, each in zip(batch.boxes or (), found, strict=True)]

    def figures(self, measured: Sequence[list[BoxedImage]]) -> dict[str, float]:
        """Return the figures: see the class."""
        images = [image for batch in measured for image in batch]
        values = {each.name: value_of(each) for each in coco_figures(images, self.classes[1:])}
        return {name: value for name in self.FIGURES if (value := values[name]) is not None}
