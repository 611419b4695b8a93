"""The images of a part in memory: uint8 tensors of the size that the module is given.

Decoding is what training waits for, so it is done once, before, and the whole part stays in memory, of the
GPU where there is one. 11,000 grey images of 384 x 480 px take 2.0 GB, as do their masks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.baselines.training.boxes import Boxes
from thyrodata.baselines.training.placing import Placement
from thyrodata.io.extras import load_extra
from thyrodata.schema.geometry import Mask

__all__ = ["RGB", "Batch", "Cache", "Learnt"]

torch = load_extra("torch", "baselines")

RGB = 3
"""Channels of what the module is given."""


class Learnt(Enum):
    """What of images is learnt."""

    CLASSES = "classes"
    """Of whole images."""
    MASKS = "masks"
    BOXES = "boxes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Images, and what is to be learnt of them."""

    images: Any
    """float32 (images, 3, height, width), from 0 to 1."""
    labels: Any = None
    """Of a classification: int64 (images,), places in the classes."""
    masks: Any = None
    """Of a segmentation: uint8 (images, height, width), places in the classes, or
    :data:`thyrodata.baselines.training.placing.IGNORED`."""
    boxes: tuple[Boxes, ...] | None = None
    """Of a detection: those of each image, in pixels of what the module is given."""
    weights: Any = None
    """Of a classification: float32 (images,), what each counts in the loss; ``None`` for 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """The images of one part, in the order of the records."""

    classes: tuple[str, ...]
    images: Any
    """uint8 (images, 1 or 3, height, width): one channel where all are grey."""
    labels: Any
    """As in :class:`Batch`."""
    masks: Any
    """As in :class:`Batch`."""
    image_ids: tuple[str, ...]
    group_ids: tuple[str, ...]
    placements: tuple[Placement, ...]
    truths: tuple[tuple[Mask, ...], ...]
    """Of a segmentation: each image's mask of each class beside the background, in the image's own pixels."""
    boxes: tuple[Boxes, ...] | None = None
    """As in :class:`Batch`."""
    true_boxes: tuple[Boxes, ...] = ()
    """Of a detection: each image's boxes, in the image's own pixels."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Why images were left out, beyond what the view's ledger says, and how many."""
    weights: Any = None
    """As in :class:`Batch`."""
    device: Any = None
    """Where batches are sent; ``None`` for where the images lie."""

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.image_ids)

    @property
    def nbytes(self) -> int:
        """The memory of images, labels and masks, in bytes; that of boxes is nothing beside it."""
        return sum(each.nbytes for each in (self.images, self.labels, self.masks) if each is not None)

    def on(self, device: Any) -> Cache:
        """Return the same on a device."""
        images, labels, masks, weights = (
            None if each is None else each.to(device)
            for each in (self.images, self.labels, self.masks, self.weights)
        )
        boxes = None if self.boxes is None else tuple(each.on(device) for each in self.boxes)
        return replace(self, images=images, labels=labels, masks=masks, weights=weights, boxes=boxes)

    def balanced(self) -> Cache:
        """Return the same with weights: see :attr:`Weighting.INVERSE_FREQUENCY`."""
        counts = torch.bincount(self.labels)
        shares = len(self) / (counts.gt(0).sum() * counts[self.labels])
        return replace(self, weights=shares.to(torch.float32))

    def batch(self, numbers: NDArray[np.int64]) -> Batch:
        """Return some images, by their places in the part."""
        images, labels, masks = (self._some(numbers, of) for of in (self.images, self.labels, self.masks))
        return Batch(
            images=(images.to(torch.float32) / 255).expand(-1, RGB, -1, -1),
            labels=labels,
            masks=masks,
            weights=self._some(numbers, self.weights),
            boxes=None
            if self.boxes is None
            else tuple(self.boxes[number].on(images.device) for number in numbers),
        )

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield all images in their order, at most so many at once."""
        for start in range(0, len(self), size):
            yield self.batch(np.arange(start, min(start + size, len(self))))

    def _some(self, numbers: NDArray[np.int64], of: Any) -> Any:
        """Return rows of a tensor where batches are sent; in bytes that is a quarter of what floats take."""
        if of is None:
            return None
        rows = of[torch.from_numpy(numbers).to(of.device)]
        if self.device is None:
            return rows
        if self.device.type == "cuda":
            rows = rows.pin_memory()  # only what is pinned travels while the GPU computes
        return rows.to(self.device, non_blocking=True)
