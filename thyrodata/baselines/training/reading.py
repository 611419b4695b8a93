"""The images of parts, decoded once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from thyrodata.baselines.training.cache import RGB, Cache
from thyrodata.baselines.training.placing import IGNORED, Placement, place, placed_image, placed_mask
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
from thyrodata.schema.geometry import Mask, Polygon
from thyrodata.schema.vocab import SCHEMES, Coverage
from thyrodata.survey import reader_of

__all__ = ["BACKGROUND", "read_parts"]

torch = load_extra("torch", "baselines")

BACKGROUND = "background"
"""The first class of every segmentation: what no finding of the others covers."""

MIN_CLASSES = 2


def read_parts(
    view: View,
    parts: Collection[str],
    *,
    masks: bool,
    target: Target | None,
    size: tuple[int, int],
    fit: Fit,
) -> dict[str, Cache]:
    """Decode the images of parts, in one pass over the records.

    Args:
        view: The dataset as a split and a reader show it; for a classification with ``classes``, and where
            it has images of 16 bits with a ``window``.
        parts: Names of its parts.
        masks: Whether masks are read, or the classes of whole images.
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
    if masks == (view.classes is not None):
        raise UsageError(
            "a classification needs classes of whole images, and no other task has them",
            hint="give the view classes: dataclasses.replace(view, classes=image_class(...))",
        )
    shown = replace(view, shape=Shape.PIXELS, outside=Outside.CLIP, images=True, crowds=True)
    classes, number_of = _classes(shown, target)
    room = Counter(view.part_of.values())
    filling = {part: _Filling(classes, number_of, room[part], size, fit) for part in parts}
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
            "the dataset has no finding, and a segmentation learns from findings",
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
        self._truths: list[tuple[Mask, ...]] = []
        self._classes = classes
        self._number_of = number_of
        self._size = size
        self._fit = fit
        self._images = torch.empty((room, 1, *size), dtype=torch.uint8)
        self._labels: list[int] = []
        self._masks: Any = None
        self._room = room

    def add(self, image: ViewedImage, view: View) -> None:
        """Decode an image, if it has what is learnt."""
        n = len(self.image_ids)
        placement = place((image.record.image.height, image.record.image.width), self._size, self._fit)
        if image.label is not None:
            if str(image.label) not in self._number_of:
                self.left_out[str(image.label)] += 1
                return
            self._labels.append(self._number_of[str(image.label)])
        else:
            if self._lacks_outline(image, view.reader):
                self.left_out["no-outline"] += 1
                return
            values = [self._number_of.get(viewed.category, 0) for viewed in image.findings]
            if not any(values) and image.coverage is not Coverage.COMPLETE:
                # Only findings of other categories are drawn, which does not make it a negative.
                self.left_out["empty-unsure"] += 1
                return
            if self._masks is None:
                self._masks = torch.empty((self._room, *self._size), dtype=torch.uint8)
            mask = paint(image, values, np.uint8, view.ledger)
            self._masks[n] = placed_mask(torch.from_numpy(mask), placement)
            self._truths.append(tuple(encode_mask(mask == n) for n in range(1, len(self._classes))))
        pixels = placed_image(_decoded(image, view), placement)
        if len(pixels) > self._images.shape[1]:
            self._images = self._images.expand(-1, RGB, -1, -1).contiguous()
        self._images[n] = pixels
        self.image_ids.append(image.image_id)
        self._group_ids.append(image.record.group_id)
        self._placements.append(placement)

    def _lacks_outline(self, image: ViewedImage, reader: str) -> bool:
        """Return whether something that is learnt was drawn as a box or calipers only.

        Its pixels are not known. A view gives those of the whole box, and passes over calipers, which would
        make them background.
        """
        return any(
            category(finding.structure, finding.labels) in self._number_of
            and reader_of(finding.origin) == reader
            and not any(isinstance(geometry, Mask | Polygon) for geometry in finding.geometries)
            for finding in image.record.findings
        )

    def cache(self) -> Cache:
        """Return what was read."""
        n = len(self.image_ids)
        return Cache(
            classes=self._classes,
            images=self._images[:n],
            labels=torch.tensor(self._labels) if self._masks is None else None,
            masks=None if self._masks is None else self._masks[:n],
            image_ids=tuple(self.image_ids),
            group_ids=tuple(self._group_ids),
            placements=tuple(self._placements),
            truths=tuple(self._truths),
            left_out=dict(sorted(self.left_out.items())),
        )


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
