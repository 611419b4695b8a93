"""Augmentation of a batch: image, mask and boxes move together by one affine grid, each image by its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.baselines.training.boxes import Boxes
from thyrodata.baselines.training.placing import IGNORED
from thyrodata.baselines.training.randomness import Purpose, stream
from thyrodata.baselines.training.settings import Augmentation
from thyrodata.io.extras import load_extra

__all__ = ["Draws", "draw", "moved_boxes", "moved_images", "moved_masks", "varied"]

torch = load_extra("torch", "baselines")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class Draws:
    """How each image of a batch is varied."""

    turns: NDArray[np.float64]
    """(images, 2, 2): what a place, seen from the image's centre in pixels, is multiplied by."""
    shifts: NDArray[np.float64]
    """(images, 2): by how many pixels it then moves right and down."""
    gains: NDArray[np.float64]
    """(images,): the factor of brightness."""
    gammas: NDArray[np.float64]
    """(images,): the exponent of brightness after that."""


def draw(
    augmentation: Augmentation, *, seed: int, epoch: int, numbers: Sequence[int], size: tuple[int, int]
) -> Draws:
    """Return how images are varied in an epoch, a pure function of the arguments.

    Of an image it depends on its number only, not on the batch; and what one setting draws does not depend
    on the others.

    Args:
        augmentation: What may be done.
        seed: Of the training.
        epoch: From 1.
        numbers: Of the images, in their part.
        size: (height, width) of the images.
    """
    chances = np.array([stream(Purpose.AUGMENTATION, seed, epoch, n).random(8) for n in numbers])
    chances = chances.reshape(-1, 8)
    spread = 2 * chances - 1
    angle = np.deg2rad(augmentation.rotate_deg) * spread[:, 2]
    scale = augmentation.scale ** spread[:, 3]
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    turns = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    likely = np.array([augmentation.flip_horizontal, augmentation.flip_vertical])
    flips = np.where(chances[:, :2] < likely, -1.0, 1.0)
    return Draws(
        turns=turns * flips[:, np.newaxis, :],
        shifts=augmentation.shift * spread[:, 4:6] * size[::-1],
        gains=augmentation.gain ** spread[:, 6],
        gammas=augmentation.gamma ** spread[:, 7],
    )


def varied(images: Any, draws: Draws) -> Any:
    """Return images with other brightness, float32 (images, channels, height, width) from 0 to 1."""
    gains, gammas = (
        torch.as_tensor(values, dtype=images.dtype, device=images.device)[:, None, None, None]
        for values in (draws.gains, draws.gammas)
    )
    return (images * gains).clamp(0, 1) ** gammas


def moved_images(images: Any, draws: Draws) -> Any:
    """Return images that are moved, float32 (images, channels, height, width); from outside comes black."""
    grid = _grid(draws, images)
    return torch.nn.functional.grid_sample(images, grid, mode="bilinear", align_corners=False)


def moved_masks(masks: Any, draws: Draws) -> Any:
    """Return masks that are moved, uint8 (images, height, width); from outside comes what is ignored."""
    # Outside, the grid gives 0, so that is made to stand for what is ignored.
    shifted = masks[:, None].to(torch.float32) - IGNORED
    grid = _grid(draws, shifted)
    found = torch.nn.functional.grid_sample(shifted, grid, mode="nearest", align_corners=False)
    return (found[:, 0] + IGNORED).to(torch.uint8)


def moved_boxes(boxes: Sequence[Boxes], draws: Draws, size: tuple[int, int]) -> tuple[Boxes, ...]:
    """Return boxes that are moved, cut off at the image's edge.

    A box is moved as the ellipse in it (Kalra et al., ICCV 2021), whose extent is then the box. The extent of
    its moved corners would grow with each turn, by a sixth of a square at 10 degrees, and a detector would
    learn boxes that are too large: nodules are round, and have no corners. On the drawings of a sample of
    DDTI, turned by up to 10 degrees, the median IoU with the extent of the turned outline is 0.97 of ellipses
    and 0.86 of corners. Of flips, shifts and scales both give the same. Only the box is needed, so that
    datasets with outlines and without are treated alike.

    Args:
        boxes: Of each image, in pixels.
        draws: How the images are varied.
        size: (height, width) of the images.
    """
    return tuple(
        replace(each, corners=_moved(each.corners, turn, shift, size))
        for each, turn, shift in zip(boxes, draws.turns, draws.shifts, strict=True)
    )


def _moved(corners: Any, turn: NDArray[np.float64], shift: NDArray[np.float64], size: tuple[int, int]) -> Any:
    height, width = size
    edges = corners.new_tensor([width, height])
    turns, shifts = (corners.new_tensor(values) for values in (turn, shift))
    low, high = corners.split(2, 1)
    centres = ((low + high) / 2 - edges / 2) @ turns.T + shifts + edges / 2
    halves = (((high - low) / 2) ** 2 @ (turns**2).T).sqrt()
    return torch.cat([centres - halves, centres + halves], 1).clamp(min=0).minimum(edges.repeat(2))


def _grid(draws: Draws, images: Any) -> Any:
    """Return where each pixel of the outcome comes from, in the coordinates of ``grid_sample``."""
    half = np.array([images.shape[-1], images.shape[-2]]) / 2  # these coordinates are -1 and 1 at the edges
    back = np.linalg.inv(draws.turns)
    from_shift = -np.einsum("nij,nj->ni", back, draws.shifts) / half
    theta = np.concatenate([back * half / half[:, np.newaxis], from_shift[..., np.newaxis]], -1)
    theta = torch.as_tensor(theta, dtype=images.dtype, device=images.device)
    return torch.nn.functional.affine_grid(theta, list(images.shape), align_corners=False)
