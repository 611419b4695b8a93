"""Images of any size placed in the size that a module is given, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from thyrodata.baselines.training.settings import Fit
from thyrodata.io.extras import load_extra

__all__ = [
    "IGNORED",
    "Placement",
    "place",
    "placed_boxes",
    "placed_image",
    "placed_mask",
    "restored",
    "restored_boxes",
]

torch = load_extra("torch", "baselines")

IGNORED = 255
"""The value of a mask's pixels that show nothing of the image: they count in no loss and no figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where an image lies in what the module is given, in pixels."""

    source: tuple[int, int]
    """(height, width) of the image."""
    size: tuple[int, int]
    """(height, width) of what the module is given."""
    top: int
    left: int
    height: int
    width: int


def place(source: tuple[int, int], size: tuple[int, int], fit: Fit) -> Placement:
    """Return where an image is to lie: all over, or as large as fits and in the middle.

    Args:
        source: (height, width) of the image.
        size: (height, width) of what the module is given.
        fit: Which of the two.
    """
    height, width = size
    if fit is Fit.LETTERBOX:
        factor = min(height / source[0], width / source[1])
        height, width = (max(1, round(side * factor)) for side in source)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return Placement(source=source, size=size, top=top, left=left, height=height, width=width)


def placed_image(image: Any, placement: Placement) -> Any:
    """Return an image resized bilinearly, without aliasing, among black: uint8 (channels, height, width).

    Args:
        image: uint8 (channels, height, width).
        placement: Where it is to lie.
    """
    resized = torch.nn.functional.interpolate(
        image[None].to(torch.float32),
        (placement.height, placement.width),
        mode="bilinear",
        antialias=True,
        align_corners=False,
    )
    out = torch.zeros((image.shape[0], *placement.size), dtype=torch.uint8)
    _inside(out, placement)[:] = resized[0].round().clamp(0, 255).to(torch.uint8)
    return out


def placed_mask(mask: Any, placement: Placement) -> Any:
    """Return a mask resized to its nearest pixels, among what is ignored: uint8 (height, width).

    Args:
        mask: uint8 (height, width).
        placement: Where it is to lie.
    """
    size = (placement.height, placement.width)
    resized = torch.nn.functional.interpolate(mask[None, None], size, mode="nearest-exact")
    out = torch.full(placement.size, IGNORED, dtype=torch.uint8)
    _inside(out, placement)[:] = resized[0, 0]
    return out


def placed_boxes(corners: Any, placement: Placement) -> Any:
    """Return boxes of an image as boxes of what the module is given.

    Args:
        corners: (boxes, 4), left, top, right and bottom in the image's own pixels.
        placement: Where it lies.
    """
    scale, start = _scale_and_start(corners, placement)
    return corners * scale + start


def restored_boxes(corners: Any, placement: Placement) -> Any:
    """Return boxes of what the module was given as boxes of the image, cut off at its edge.

    Args:
        corners: (boxes, 4), left, top, right and bottom in pixels.
        placement: Where the image lay.
    """
    scale, start = _scale_and_start(corners, placement)
    height, width = placement.source
    return ((corners - start) / scale).clamp(min=0).minimum(corners.new_tensor([width, height] * 2))


def restored(values: Any, placement: Placement) -> Any:
    """Return values over what the module was given as values over the image, resized bilinearly.

    Args:
        values: float32 (channels, height, width), such as probabilities.
        placement: Where the image lay.

    Returns:
        float32 (channels, height, width), in the image's own pixels.
    """
    inside = _inside(values, placement)[None]
    return torch.nn.functional.interpolate(inside, placement.source, mode="bilinear", align_corners=False)[0]


def _scale_and_start(corners: Any, placement: Placement) -> tuple[Any, Any]:
    height, width = placement.source
    scale = corners.new_tensor([placement.width / width, placement.height / height] * 2)
    return scale, corners.new_tensor([placement.left, placement.top] * 2)


def _inside(values: Any, placement: Placement) -> Any:
    rows = slice(placement.top, placement.top + placement.height)
    return values[..., rows, placement.left : placement.left + placement.width]
