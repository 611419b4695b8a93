"""The images of a part in memory: uint8 tensors of the size that the module is given.

Decoding is what training waits for, so it is done once, before, and the whole part stays in memory, of the
GPU where there is one. 11,000 grey images of 384 x 480 px take 2.0 GB, as do their masks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.baselines.training.placing import Placement
from thyrodata.io.extras import load_extra
from thyrodata.schema.geometry import Mask

__all__ = ["RGB", "Batch", "Cache"]

torch = load_extra("torch", "baselines")

RGB = 3
"""Channels of what the module is given."""


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
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Why images were left out, beyond what the view's ledger says, and how many."""

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.image_ids)

    @property
    def nbytes(self) -> int:
        """The memory of images, labels and masks, in bytes."""
        return sum(each.nbytes for each in (self.images, self.labels, self.masks) if each is not None)

    def on(self, device: Any) -> Cache:
        """Return the same on a device."""
        images, labels, masks = (
            None if each is None else each.to(device) for each in (self.images, self.labels, self.masks)
        )
        return replace(self, images=images, labels=labels, masks=masks)

    def batch(self, numbers: NDArray[np.int64]) -> Batch:
        """Return some images, by their places in the part."""
        chosen = torch.from_numpy(numbers).to(self.images.device)
        images = self.images[chosen].to(torch.float32) / 255
        return Batch(
            images=images.expand(-1, RGB, -1, -1),
            labels=None if self.labels is None else self.labels[chosen],
            masks=None if self.masks is None else self.masks[chosen],
        )

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield all images in their order, at most so many at once."""
        for start in range(0, len(self), size):
            yield self.batch(np.arange(start, min(start + size, len(self))))
