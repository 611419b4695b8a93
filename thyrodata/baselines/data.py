"""A torch Dataset of one part of a view: plain tensors, no augmentation.

Importing this module imports torch, which its class extends; the package above does not.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from thyrodata.baselines.recipes.recipe import Task
from thyrodata.errors import UsageError
from thyrodata.exports.folder import read_image
from thyrodata.exports.ledger import LossLedger
from thyrodata.exports.painting import viewed_pixels
from thyrodata.exports.pictures import RGB, shown_pixels
from thyrodata.exports.shapes import Outside, Shape
from thyrodata.exports.view import View, ViewedImage
from thyrodata.io.extras import load_extra
from thyrodata.schema.geometry import Box, Geometry, Mask
from thyrodata.schema.vocab import SCHEMES

__all__ = ["Item", "NoduleDataset", "Target", "collate"]

torch = load_extra("torch", "baselines")
_TorchDataset: Any = load_extra("torch.utils.data", "baselines").Dataset


class Target(TypedDict, total=False):
    """What is to be learnt of an image: keys and types are those of torchvision's detection models."""

    image_id: str
    group_id: str
    label: Any
    """Of a classification: int64 (), the place of the image's class in :attr:`NoduleDataset.classes`."""
    labels: Any
    """Of the others: int64 (findings,), the place of each finding's category; 0 is background."""
    boxes: Any
    """Of the others: float32 (findings, 4), left, top, right and bottom in pixels."""
    masks: Any
    """Of a segmentation: uint8 (findings, height, width), 1 where the finding is."""


Item = tuple[Any, Target]
"""An image and its target: uint8 (3, height, width), or uint16 where the view keeps all bits."""


class NoduleDataset(_TorchDataset):  # type: ignore[misc]  # torch need not be there, so it has no types
    """The images of one part of a view, read from the dataset's files when they are asked for.

    A grey image has three equal channels, as all images of a dataset need as many. Boxes are cut off at the
    image's edge. What is not shown, and why, is in :attr:`ledger`. It can be pickled, so that workers may be
    forked or spawned; what is known of the images is held as bytes, which forked workers share.

    Args:
        view: As :func:`thyrodata.exports.view.view` returns it. For a classification it has ``classes``, and
            where the dataset has images of 16 bits a ``window``.
        part: The part of the split.
        task: What is learnt.

    Attributes:
        classes: What the numbers of ``label`` or ``labels`` stand for.
        ledger: What of the whole split is shown and lost.

    Raises:
        UsageError: There is no such part; a classification has no classes, or another task has; or images of
            16 bits have no window.
        DatasetError: The records are damaged.
    """

    classes: tuple[str, ...]
    ledger: LossLedger

    def __init__(self, view: View, part: str, task: Task) -> None:
        super().__init__()
        if part not in view.parts:
            raise UsageError(f"there is no part {part!r}", hint=f"there are: {', '.join(view.parts)}")
        if (view.classes is None) == (task is Task.CLASSIFICATION):
            raise UsageError(
                "a classification needs classes of whole images, and no other task has them",
                hint="give the view classes: dataclasses.replace(view, classes=image_class(...))",
            )
        self._task = task
        self._folder = str(view.dataset.path)
        shown = replace(
            view,
            shape=Shape.PIXELS if task is Task.SEGMENTATION else Shape.BOX,
            outside=Outside.CLIP,
            images=True,
        )
        self.classes = _classes(shown)
        self.ledger = shown.ledger
        self._items, self._ends = _packed(image for image in shown if image.part == part)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> Item:
        """Return an image and its target.

        Raises:
            DatasetError: The file is missing.
            CaseError: It cannot be decoded.
        """
        number = range(len(self))[index]
        item = self._items[self._ends[number] : self._ends[number + 1]]
        image: ViewedImage = pickle.loads(item)  # noqa: S301 -- these bytes are our own
        place = f"{self._folder}/{image.path}"
        pixels = shown_pixels(read_image(place), place, image.window, channels=RGB)
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))), self._target(image)

    def _target(self, image: ViewedImage) -> Target:
        target: Target = {"image_id": image.image_id, "group_id": image.record.group_id}
        if self._task is Task.CLASSIFICATION:
            return {**target, "label": torch.tensor(self.classes.index(str(image.label)))}
        labels = [self.classes.index(viewed.category) for viewed in image.findings]
        target["labels"] = torch.tensor(labels, dtype=torch.int64)
        boxes = [_corners(viewed.geometry) for viewed in image.findings]
        target["boxes"] = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
        if self._task is Task.SEGMENTATION:
            masks = [viewed_pixels(viewed) for viewed in image.findings]
            size = (image.record.image.height, image.record.image.width)
            stacked = np.array(masks, np.uint8).reshape(-1, *size)
            target["masks"] = torch.from_numpy(stacked)
        return target


def _classes(view: View) -> tuple[str, ...]:
    if view.classes is not None:
        return tuple(str(term) for term in SCHEMES[view.classes.scheme])
    return ("background", *view.categories)


def _packed(images: Iterable[ViewedImage]) -> tuple[bytes, NDArray[np.int64]]:
    """Return pickled images one after the other, and where each begins and the last ends.

    A worker that was forked copies each object that it looks at, since that counts its references; bytes stay
    shared, however many images there are.
    """
    pickled = [pickle.dumps(image, pickle.HIGHEST_PROTOCOL) for image in images]
    return b"".join(pickled), np.array([*accumulate(map(len, pickled), initial=0)], np.int64)


def _corners(geometry: Geometry) -> tuple[float, float, float, float]:
    match geometry:
        case Box(x=x, y=y, width=width, height=height):
            pass
        case Mask(height=rows, width=columns, counts=counts):
            x, y, width, height = coco_mask.toBbox({"size": [rows, columns], "counts": counts}).tolist()
        case _:
            raise TypeError(f"{geometry} is neither a box nor a mask: the view was not told to give these")
    return x, y, x + width, y + height


def collate(items: Sequence[Item]) -> tuple[tuple[Any, ...], tuple[Target, ...]]:
    """Return images and targets of a batch as they are: images differ in size, and targets in length."""
    images, targets = zip(*items, strict=True)
    return images, targets
