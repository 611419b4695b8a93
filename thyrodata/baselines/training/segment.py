"""The task of telling the classes of pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from thyrodata.baselines.training.cache import Batch, Learnt
from thyrodata.baselines.training.placing import IGNORED
from thyrodata.baselines.training.settings import SegmentLoss
from thyrodata.baselines.training.supervised import LogitTask, SupervisedPlan, plain, summed
from thyrodata.io.extras import load_extra

__all__ = ["SegmentTask", "SegmentationPlan"]

torch = load_extra("torch", "baselines")


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationPlan(SupervisedPlan):
    """How classes of pixels are learnt. The module gives (images, classes, height, width) of its input."""

    loss: SegmentLoss = SegmentLoss.CROSS_ENTROPY
    learns: ClassVar[Learnt] = Learnt.MASKS

    def describe(self) -> Mapping[str, Any]:
        """Return all that the outcome depends on as plain values, the loss among them."""
        return {"task": "segmentation", **plain(self)}

    def start(self, classes: Sequence[str], device: Any) -> SegmentTask:
        """Return the task at its beginning."""
        return SegmentTask(self, classes, device)


class SegmentTask(LogitTask):
    """Learns classes of pixels.

    Its figures are made of all pixels of the part together, at the size that the module is given: ``loss``,
    whose soft Dice is that of the part, and in training that of the batch;
    and ``iou`` and ``dice``, means over the classes beside the background, without those that neither the
    part nor the predictions have. Where there is none of them, both are undefined.
    """

    FIGURES: ClassVar[tuple[str, ...]] = ("loss", "iou", "dice")
    of_pixels: ClassVar[bool] = True

    def __init__(self, plan: SegmentationPlan, classes: Sequence[str], device: Any) -> None:
        super().__init__(plan, classes, device)
        self._with_dice = plan.loss is SegmentLoss.CROSS_ENTROPY_DICE

    def step(self, batch: Batch, progress: float) -> Mapping[str, Any]:
        """Take one step down the loss."""

        def loss(module: Any) -> Any:
            return self._loss(_overlaps(self._logits(module, batch.images), batch.masks))

        return {"loss": self._learner.update(loss, progress)}

    def measure(self, batch: Batch) -> Mapping[str, Any]:
        """Return what loss and figures are made from: see :func:`_overlaps`; and the counts of pixels."""
        logits = self._applied(batch.images)
        seen = batch.masks != IGNORED
        classes = len(self.classes)
        cells = batch.masks[seen].long() * classes + logits.argmax(1)[seen]
        confusion = torch.bincount(cells, minlength=classes**2).reshape(classes, classes)
        sums = {name: value.double() for name, value in _overlaps(logits, batch.masks).items()}
        return {name: value.cpu() for name, value in {**sums, "confusion": confusion}.items()}

    def figures(self, measured: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        """Return the figures: see the class."""
        sums = summed(measured)
        confusion = sums["confusion"].double()
        both = confusion.diagonal()[1:]
        total = (confusion.sum(0) + confusion.sum(1))[1:]
        figures = {"loss": float(self._loss(sums))}
        if (shown := total > 0).any():
            figures["iou"] = float((both / (total - both))[shown].mean())
            figures["dice"] = float((2 * both / total)[shown].mean())
        return figures

    def _loss(self, sums: Mapping[str, Any]) -> Any:
        """Return the loss. Soft Dice is of the classes that there are: of others it would be constant."""
        loss = sums["cross_entropy"] / sums["pixels"].clamp(min=1)
        shown = sums["there"] > 0
        if self._with_dice and shown.any():
            overlap = 2 * sums["both"][shown] / (sums["likely"] + sums["there"])[shown]
            loss = loss + 1 - overlap.mean()
        return loss


def _overlaps(logits: Any, masks: Any) -> dict[str, Any]:
    """Return sums over the pixels that show something of the image.

    Returns:
        ``cross_entropy`` and ``pixels``, float32 (); and of each class beside the background, float32
        (classes - 1,), the sums of its probability ``likely``, of its truth ``there``, and of their product
        ``both``.
    """
    truth = masks.long()
    seen = masks != IGNORED
    # Added up by torch.sum, which adds in the same order each time, also on a GPU.
    losses = torch.nn.functional.cross_entropy(logits, truth, ignore_index=IGNORED, reduction="none")
    likely = logits.softmax(1)[:, 1:] * seen[:, None]
    classes = torch.arange(1, logits.shape[1], device=logits.device)
    there = (masks[:, None] == classes[:, None, None]).to(likely.dtype)
    over = (0, 2, 3)
    return {
        "cross_entropy": losses.sum(),
        "pixels": seen.sum().to(likely.dtype),
        "likely": likely.sum(over),
        "there": there.sum(over),
        "both": (likely * there).sum(over),
    }
