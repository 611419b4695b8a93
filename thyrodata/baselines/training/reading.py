"""The images of parts, decoded once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from thyrodata.baselines.training.boxes import Boxes
from thyrodata.baselines.training.cache import RGB, Cache, Learnt
from thyrodata.baselines.training.placing import (
    IGNORED,
    Placement,
    place,
    placed_boxes,
    placed_image,
    placed_mask,
)
from thyrodata.baselines.training.settings import Fit, Target
from thyrodata.errors import UsageError
from thyrodata.exports.folder import read_image
from thyrodata.exports.painting import paint
from thyrodata.exports.pictures import shown_pixels
from thyrodata.exports.shapes import Outside, Shape
from thyrodata.exports.view import View, ViewedImage
from thyrodata.io.extras import load_extra
from thyrodata.io.masks import encode_mask
from thyrodata.schema.category import category
from thyrodata.schema.geometry import Box, Geometry, Mask, Polygon
from thyrodata.schema.vocab import SCHEMES, Coverage
from thyrodata.survey import reader_of

__all__ = ["BACKGROUND", "read_parts"]

torch = load_extra("torch", "baselines")

BACKGROUND = "background"
"""The first class where masks or boxes are learnt: what no finding of the others covers."""

EMPTY_UNSURE = "empty-unsure"
"""Why an image is left out that shows nothing of what is learnt, or a crowd only, and of which nobody looked
at all: that does not make it a negative. A view says the same of images without any finding."""

MIN_CLASSES = 2


def read_parts(
    view: View,
    parts: Collection[str],
    *,
    learns: Learnt,
    target: Target | None,
    size: tuple[int, int],
    fit: Fit,
) -> dict[str, Cache]:
    """Decode the images of parts, in one pass over the records.

    Args:
        view: The dataset as a split and a reader show it; for a classification with ``classes``, and where
            it has images of 16 bits with a ``window``.
        parts: Names of its parts.
        learns: What is read of the images.
        target: What is told apart; ``None`` for the dataset's own classes or categories.
        size: (height, width) of what the module is given.
        fit: How images get this size.

    Raises:
        UsageError: There is no such part, the view does not fit the task, or a part has no image to learn
            from.
        DatasetError: The records are damaged, or an image's file is missing.
        CaseError: An image cannot be decoded.
    """
    for part in parts:
        if part not in view.parts:
            raise UsageError(f"there is no part {part!r}", hint=f"there are: {', '.join(view.parts)}")
    if (learns is Learnt.CLASSES) != (view.classes is not None):
        raise UsageError(
            "a classification needs classes of whole images, and no other task has them",
            hint="give the view classes: dataclasses.replace(view, classes=image_class(...))",
        )
    shape = Shape.BOX if learns is Learnt.BOXES else Shape.PIXELS
    shown = replace(view, shape=shape, outside=Outside.CLIP, images=True, crowds=True)
    classes, number_of = _classes(shown, target)
    room = Counter(view.part_of.values())
    filling = {part: _Filling(learns, classes, number_of, room[part], size, fit) for part in parts}
    for image in shown:
        if image.part in filling:
            filling[image.part].add(image, shown)
    for part, filled in filling.items():
        if not filled.image_ids:
            lost = {name: n for (what, name), n in sorted(shown.ledger.lost.items()) if what == "images"}
            reasons = ", ".join(f"{name} {n}" for name, n in {**lost, **filled.left_out}.items())
            raise UsageError(
                f"the part {part!r} has no image with what the task learns",
                where=str(view.dataset.path),
                hint=f"images are left out as: {reasons or 'none'}",
            )
    return {part: filled.cache() for part, filled in filling.items()}


def _classes(view: View, target: Target | None) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the names of what is told apart, and the place in it of each class that the dataset has."""
    if view.classes is None and not view.categories:
        raise UsageError(
            "the dataset has no finding, and the task learns from findings",
            where=str(view.dataset.path),
            hint="choose another task or dataset",
        )
    own = view.categories if view.classes is None else tuple(map(str, SCHEMES[view.classes.scheme]))
    groups = tuple((each, (each,)) for each in own) if target is None else target.groups
    unknown = sorted({each for _, members in groups for each in members} - {*own})
    if unknown:
        raise UsageError(
            f"the target names {unknown[0]!r}, which the dataset does not have",
            where=str(view.dataset.path),
            hint=f"it has: {', '.join(own) or 'none'}",
        )
    names = tuple(name for name, _ in groups) if view.classes else (BACKGROUND, *(name for name, _ in groups))
    if not MIN_CLASSES <= len(names) <= IGNORED:
        raise UsageError(
            f"there are {len(names)} classes to tell apart",
            hint=f"give a target of {MIN_CLASSES} to {IGNORED}",
        )
    first = len(names) - len(groups)
    return names, {each: n for n, (_, members) in enumerate(groups, first) for each in members}


class _Filling:
    """A part while it is read. Memory that no image was written to is not yet taken."""

    def __init__(
        self,
        learns: Learnt,
        classes: tuple[str, ...],
        number_of: Mapping[str, int],
        room: int,
        size: tuple[int, int],
        fit: Fit,
    ) -> None:
        self.image_ids: list[str] = []
        self.left_out: Counter[str] = Counter()
        self._group_ids: list[str] = []
        self._placements: list[Placement] = []
        self._learns = learns
        self._classes = classes
        self._number_of = number_of
        self._size = size
        self._fit = fit
        self._images = torch.empty((room, 1, *size), dtype=torch.uint8)
        self._labels: list[int] = []
        self._masks = torch.empty((room if learns is Learnt.MASKS else 0, *size), dtype=torch.uint8)
        self._truths: list[tuple[Mask, ...]] = []
        self._boxes: list[Boxes] = []

    def add(self, image: ViewedImage, view: View) -> None:
        """Decode an image, if it has what is learnt."""
        match self._learns:
            case Learnt.CLASSES:
                why_not = self._add_label(image)
            case Learnt.MASKS:
                why_not = self._add_mask(image, view)
            case Learnt.BOXES:
                why_not = self._add_boxes(image, view)
        if why_not is not None:
            self.left_out[why_not] += 1
            return
        pixels = placed_image(_decoded(image, view), self._place(image))
        if len(pixels) > self._images.shape[1]:
            self._images = self._images.expand(-1, RGB, -1, -1).contiguous()
        self._images[len(self.image_ids)] = pixels
        self.image_ids.append(image.image_id)
        self._group_ids.append(image.record.group_id)
        self._placements.append(self._place(image))

    def _add_label(self, image: ViewedImage) -> str | None:
        """Add an image's class, or return why it is left out."""
        if str(image.label) not in self._number_of:
            return str(image.label)
        self._labels.append(self._number_of[str(image.label)])
        return None

    def _add_mask(self, image: ViewedImage, view: View) -> str | None:
        """Add an image's mask, or return why the image is left out."""
        if self._lacks(image, view.reader, (Mask, Polygon)):
            # A view gives the pixels of a whole box, which are not known to be the finding's.
            return "no-outline"
        values = [self._number_of.get(viewed.category, 0) for viewed in image.findings]
        if not any(values) and image.coverage is not Coverage.COMPLETE:
            return EMPTY_UNSURE
        mask = paint(image, values, np.uint8, view.ledger)
        self._masks[len(self.image_ids)] = placed_mask(torch.from_numpy(mask), self._place(image))
        self._truths.append(tuple(encode_mask(mask == n) for n in range(1, len(self._classes))))
        return None

    def _add_boxes(self, image: ViewedImage, view: View) -> str | None:
        """Add an image's boxes, or return why the image is left out."""
        if self._lacks(image, view.reader, (Box, Mask, Polygon)):
            # The ends of two diameters are no extent: that of a tilted finding reaches beyond them.
            return "no-box"
        boxes = [
            (viewed.geometry, self._number_of[viewed.category], viewed.finding.crowd)
            for viewed in image.findings
            if viewed.category in self._number_of and isinstance(viewed.geometry, Box)
        ]
        if all(crowd for _, _, crowd in boxes) and image.coverage is not Coverage.COMPLETE:
            return EMPTY_UNSURE
        corners = [(box.x, box.y, box.x + box.width, box.y + box.height) for box, _, _ in boxes]
        self._boxes.append(
            Boxes(
                corners=torch.tensor(corners, dtype=torch.float64).reshape(-1, 4),
                labels=torch.tensor([label for _, label, _ in boxes], dtype=torch.int64),
                crowd=torch.tensor([crowd for _, _, crowd in boxes], dtype=torch.bool),
            )
        )
        return None

    def _lacks(self, image: ViewedImage, reader: str, kinds: tuple[type[Geometry], ...]) -> bool:
        """Return whether something that is learnt was drawn, and not as any of these kinds.

        A view passes over it, which would make it background.
        """
        return any(
            category(finding.structure, finding.labels) in self._number_of
            and reader_of(finding.origin) == reader
            and not any(isinstance(geometry, kinds) for geometry in finding.geometries)
            for finding in image.record.findings
        )

    def _place(self, image: ViewedImage) -> Placement:
        return place((image.record.image.height, image.record.image.width), self._size, self._fit)

    def cache(self) -> Cache:
        """Return what was read."""
        n = len(self.image_ids)
        learns = self._learns
        return Cache(
            classes=self._classes,
            images=self._images[:n],
            labels=torch.tensor(self._labels) if learns is Learnt.CLASSES else None,
            masks=self._masks[:n] if learns is Learnt.MASKS else None,
            image_ids=tuple(self.image_ids),
            group_ids=tuple(self._group_ids),
            placements=tuple(self._placements),
            truths=tuple(self._truths),
            boxes=tuple(map(_placed, self._boxes, self._placements)) if learns is Learnt.BOXES else None,
            true_boxes=tuple(self._boxes),
            left_out=dict(sorted(self.left_out.items())),
        )


def _placed(boxes: Boxes, placement: Placement) -> Boxes:
    return replace(boxes, corners=placed_boxes(boxes.corners, placement).to(torch.float32))


def _decoded(image: ViewedImage, view: View) -> Any:
    """Return an image's pixels, uint8 (1 or 3, height, width): one channel where colours are equal."""
    where = f"{view.dataset.path}/{image.path}"
    pixels = shown_pixels(read_image(where), where, image.window)
    if pixels.dtype != np.uint8:
        raise UsageError(
            f"{image.image_id} has more than 8 bits a pixel",
            where=where,
            hint="give the view a window that reduces them to 8",
        )
    if pixels.ndim == 2 or (pixels == pixels[..., :1]).all():  # noqa: PLR2004 -- height, width
        pixels = pixels.reshape(*pixels.shape[:2], -1)[..., :1]
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
