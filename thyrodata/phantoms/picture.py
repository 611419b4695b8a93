"""The drawing of a phantom, and its encoding as JPEG."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from thyrodata.errors import UsageError
from thyrodata.phantoms.echo import render
from thyrodata.phantoms.marks import with_marks
from thyrodata.phantoms.model import (
    Concern,
    Phantom,
    PhantomNodule,
    PhantomSpec,
    random_stream,
    require_range,
)
from thyrodata.phantoms.neck import draw_neck
from thyrodata.phantoms.nodules import draw_nodules
from thyrodata.phantoms.scanner import draw_margin, views
from thyrodata.phantoms.screen import echo_box
from thyrodata.phantoms.tissue import Tissue

__all__ = ["jpeg_bytes", "phantom"]

_MAX_JPEG_SIDE: Final = 65_535
_MAX_JPEG_QUALITY: Final = 100


def phantom(spec: PhantomSpec) -> Phantom:
    """Draw the phantom that a spec asks for.

    Args:
        spec: What to draw.

    Returns:
        The picture and its truth. Asking for more changes nothing but what it adds: outside `marker_mask`
        the picture is the one that the same seed gives without marks, and the same neck with no nodules is
        the healthy twin.
    """
    box = echo_box(spec.width, spec.height)
    on_screen = views(spec, box)
    clean = draw_margin(spec, box, on_screen)
    nodules: list[PhantomNodule] = []
    for view in on_screen:
        x0, y0, x1, y1 = view.box
        tissue = Tissue(x1 - x0, y1 - y0, view.side)
        rng = random_stream(spec, Concern.ANATOMY, view.index)
        lobe = draw_neck(tissue, rng)
        nodules += draw_nodules(tissue, lobe, spec, view, rng)
        clean[y0:y1, x0:x1] = render(tissue, spec, view)
    marked = with_marks(spec, clean, nodules, box)
    changed = marked != (clean if marked.ndim == clean.ndim else clean[:, :, np.newaxis])
    return Phantom(
        pixels=marked,
        nodules=tuple(nodules),
        marker_mask=changed if changed.ndim == clean.ndim else changed.any(axis=2),
        echo_box=box,
    )


def jpeg_bytes(pixels: npt.NDArray[np.uint8], *, quality: int = 90, rgb: bool = False) -> bytes:
    """Encode a picture as JPEG.

    Args:
        pixels: (height, width) grey or (height, width, 3) RGB.
        quality: 1 to 100, as Pillow takes it.
        rgb: Store three channels even where the picture is grey, as most published sets do.

    Returns:
        The bytes of a JPEG file.

    Raises:
        UsageError: The array is no such picture, or the quality is out of range.
    """
    require_range("JPEG quality", quality, 1, _MAX_JPEG_QUALITY)
    is_picture = pixels.dtype == np.uint8 and (pixels.ndim, pixels.shape[2:]) in ((2, ()), (3, (3,)))
    if not is_picture or not pixels.size or max(pixels.shape) > _MAX_JPEG_SIDE:
        raise UsageError(
            f"an array of {pixels.dtype} and shape {pixels.shape} cannot be a JPEG picture",
            hint=f"give uint8 of (height, width) or (height, width, 3), no side above {_MAX_JPEG_SIDE}",
        )
    image = Image.fromarray(pixels)
    buffer = io.BytesIO()
    (image.convert("RGB") if rgb else image).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
