"""The boxes of images, as a detector learns and finds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.baselines.metrics.boxes import MAX_DETECTIONS, BoxedImage
from thyrodata.io.extras import load_extra

__all__ = ["LEAST_SIDE", "Boxes", "boxed_image", "learnt_targets", "without_crowds"]

torch = load_extra("torch", "baselines")

LEAST_SIDE = 1.0
"""Pixels of the module's input. Of a box that is narrower, as where augmentation pushed a finding out of the
image, not one whole pixel is left to learn from; and torchvision refuses a box without a side."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # tensors have no single truth value
class Boxes:
    """The boxes of one image."""

    corners: Any
    """(boxes, 4): left, top, right and bottom in pixels; float32 of what a module is given, and float64 of
    the image's own."""
    labels: Any
    """int64 (boxes,), places in the classes, of which the background is 0."""
    crowd: Any
    """bool (boxes,): drawn around several findings that nobody told apart."""

    def on(self, device: Any) -> Boxes:
        """Return the same on a device."""
        return Boxes(
            corners=self.corners.to(device), labels=self.labels.to(device), crowd=self.crowd.to(device)
        )


def without_crowds(images: Any, boxes: Sequence[Boxes]) -> Any:
    """Return images in which crowds are black, but for what a box of one finding covers.

    A crowd is several findings without a box of their own. Learnt as one box it would teach a wrong one, and
    left out it would teach that there is nothing. The losses of the libraries' detectors know no region that
    does not count, so none is shown.

    Args:
        images: float32 (images, 3, height, width), before augmentation.
        boxes: Of each image.
    """
    if not any(bool(each.crowd.any()) for each in boxes):
        return images
    height, width = images.shape[-2:]
    rows, columns = (torch.arange(side, device=images.device) + 0.5 for side in (height, width))

    def covered(corners: Any) -> Any:
        """Return the pixels whose centre some box covers, bool (height, width)."""
        left, top, right, bottom = (each[:, None] for each in corners.unbind(1))
        across, down = (left <= columns) & (columns < right), (top <= rows) & (rows < bottom)
        return (down[:, :, None] & across[:, None, :]).any(0)

    hidden = [covered(each.corners[each.crowd]) & ~covered(each.corners[~each.crowd]) for each in boxes]
    return images.masked_fill(torch.stack(hidden)[:, None], 0)


def learnt_targets(boxes: Sequence[Boxes]) -> list[dict[str, Any]]:
    """Return what torchvision's detectors are told: of each image those boxes that are learnt.

    These are no crowds, and no boxes with a side of less than :data:`LEAST_SIDE`.
    """
    targets = []
    for each in boxes:
        sides = each.corners[:, 2:] - each.corners[:, :2]
        learnt = ~each.crowd & (sides >= LEAST_SIDE).all(1)
        targets.append({"boxes": each.corners[learnt], "labels": each.labels[learnt]})
    return targets


def boxed_image(image_id: str, truth: Boxes, found: Mapping[str, Any]) -> BoxedImage:
    """Return an image's boxes as the figures take them: labels from 0, at most 100 found ones.

    Args:
        image_id: Of the image.
        truth: Its boxes.
        found: ``boxes``, ``labels`` and ``scores``, as torchvision's detectors give them.
    """
    surest = found["scores"].argsort(descending=True, stable=True)[:MAX_DETECTIONS]
    return BoxedImage(
        image_id=image_id,
        truth=_array(truth.corners),
        truth_labels=truth.labels.cpu().numpy() - 1,
        crowd=truth.crowd.cpu().numpy(),
        predicted=_array(found["boxes"][surest]),
        predicted_labels=found["labels"][surest].cpu().numpy() - 1,
        scores=_array(found["scores"][surest]),
    )


def _array(values: Any) -> NDArray[np.float64]:
    array: NDArray[np.float64] = values.cpu().to(torch.float64).numpy()
    return array
