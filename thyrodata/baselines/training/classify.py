"""The task of telling the classes of whole images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from thyrodata.baselines.metrics.classification import Classified, classification_figures
from thyrodata.baselines.metrics.figures import value_of
from thyrodata.baselines.training.cache import Batch, Learnt
from thyrodata.baselines.training.settings import Weighting
from thyrodata.baselines.training.supervised import LogitTask, SupervisedPlan, plain
from thyrodata.io.extras import load_extra

__all__ = ["ClassificationPlan", "ClassifyTask"]

torch = load_extra("torch", "baselines")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassificationPlan(SupervisedPlan):
    """How classes of images are learnt: by cross-entropy, of two classes the binary one of their difference.

    The module gives (images, classes).
    """

    weighting: Weighting = Weighting.NONE
    """What an image counts in the loss that is learnt from."""
    learns: ClassVar[Learnt] = Learnt.CLASSES

    def describe(self) -> Mapping[str, Any]:
        """Return all that the outcome depends on as plain values, the loss among them."""
        return {"task": "classification", "loss": "cross-entropy", **plain(self)}

    def start(self, classes: Sequence[str], device: Any) -> ClassifyTask:
        """Return the task at its beginning."""
        return ClassifyTask(self, classes, device)


class ClassifyTask(LogitTask):
    """Learns classes of images.

    Its figures are ``loss``, the mean over the images; ``accuracy``, the share of images whose most likely
    class is theirs; ``balanced_accuracy``, the mean over the classes that the part has of the share of
    their images found; and ``auc``, that of
    :func:`thyrodata.baselines.metrics.classification.classification_figures` over all classes, which is
    undefined where the part has only one. Images count alike in them, whatever weight they have in training.
    """

    FIGURES: ClassVar[tuple[str, ...]] = ("loss", "accuracy", "balanced_accuracy", "auc")
    of_pixels: ClassVar[bool] = False

    def step(self, batch: Batch, progress: float) -> Mapping[str, Any]:
        """Take one step down the cross-entropy."""

        def loss(module: Any) -> Any:
            losses = torch.nn.functional.cross_entropy(
                self._logits(module, batch.images), batch.labels, reduction="none"
            )
            return losses.mean() if batch.weights is None else (losses * batch.weights).mean()

        return {"loss": self._learner.update(loss, progress)}

    def measure(self, batch: Batch) -> Mapping[str, Any]:
        """Return the sum of the losses, and of each image its class and how likely each class is."""
        logits = self._applied(batch.images)
        loss = torch.nn.functional.cross_entropy(logits, batch.labels, reduction="none")
        likely = logits.double().softmax(1)
        return {"loss": loss.double().sum().cpu(), "labels": batch.labels.cpu(), "likely": likely.cpu()}

    def figures(self, measured: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        """Return the figures: see the class."""
        labels, likely = (torch.cat([each[name] for each in measured]) for name in ("labels", "likely"))
        right = (likely.argmax(1) == labels).double()
        recalls = [right[labels == place].mean() for place in labels.unique()]
        figures = {
            "loss": float(sum(each["loss"] for each in measured) / len(labels)),
            "accuracy": float(right.mean()),
            "balanced_accuracy": float(torch.stack(recalls).mean()),
        }
        # A loss that is no number is told of by itself.
        if len(recalls) > 1 and likely.isfinite().all():
            classified = Classified(classes=self.classes, labels=labels.numpy(), probabilities=likely.numpy())
            (auc,) = (each for each in classification_figures(classified) if each.name == "auc_macro")
            figures |= {"auc": value} if (value := value_of(auc)) is not None else {}
        return figures
