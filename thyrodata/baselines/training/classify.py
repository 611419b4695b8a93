"""The task of telling the classes of whole images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from thyrodata.baselines.training.cache import Batch
from thyrodata.baselines.training.supervised import SupervisedPlan, SupervisedTask, plain
from thyrodata.io.extras import load_extra

__all__ = ["ClassificationPlan", "ClassifyTask"]

torch = load_extra("torch", "baselines")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassificationPlan(SupervisedPlan):
    """How classes of images are learnt: by cross-entropy, of two classes the binary one of their difference.

    The module gives (images, classes).
    """

    masks: ClassVar[bool] = False

    def describe(self) -> Mapping[str, Any]:
        """Return all that the outcome depends on as plain values, the loss among them."""
        return {"task": "classification", "loss": "cross-entropy", **plain(self)}

    def start(self, classes: Sequence[str], device: Any) -> ClassifyTask:
        """Return the task at its beginning."""
        return ClassifyTask(self, classes, device)


class ClassifyTask(SupervisedTask):
    """Learns classes of images.

    Its figures are ``loss``, the mean over the images; ``accuracy``, the share of images whose most likely
    class is theirs; and ``balanced_accuracy``, the mean over the classes that the part has of the share of
    their images found.
    """

    FIGURES: ClassVar[tuple[str, ...]] = ("loss", "accuracy", "balanced_accuracy")
    of_pixels: ClassVar[bool] = False

    def step(self, batch: Batch, progress: float) -> Mapping[str, Any]:
        """Take one step down the cross-entropy."""

        def loss(module: Any) -> Any:
            return torch.nn.functional.cross_entropy(self._logits(module, batch.images), batch.labels)

        return {"loss": self._learner.update(loss, progress)}

    def measure(self, batch: Batch) -> Mapping[str, Any]:
        """Return the sum of the losses, and how many images of each class were taken for each class."""
        logits = self._applied(batch.images)
        loss = torch.nn.functional.cross_entropy(logits, batch.labels, reduction="none")
        classes = len(self.classes)
        cells = batch.labels * classes + logits.argmax(1)
        confusion = torch.bincount(cells, minlength=classes**2).reshape(classes, classes)
        return {"loss": loss.double().sum(), "confusion": confusion}

    def figures(self, sums: Mapping[str, Any]) -> dict[str, float]:
        """Return the figures: see the class."""
        confusion = sums["confusion"].double()
        found, there = confusion.diagonal(), confusion.sum(1)
        recalls = (found / there)[there > 0]
        return {
            "loss": float(sums["loss"] / there.sum()),
            "accuracy": float(found.sum() / there.sum()),
            "balanced_accuracy": float(recalls.mean()),
        }
