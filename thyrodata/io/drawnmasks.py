"""A folder of masks as drawn images: one image file for each image, of the same name."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from thyrodata.errors import CaseError, RawLayoutError
from thyrodata.io.drawn import Drawing, DrawnImage
from thyrodata.io.images import decode_image, is_image_name
from thyrodata.io.masks import encode_mask
from thyrodata.io.raw import Raw, RawFile

__all__ = ["read_drawn_masks"]

_THRESHOLD = 127
"""Between the 0 and 255 of most masks, where the noise of JPEG does not reach."""


def read_drawn_masks(folder: Path) -> tuple[str, tuple[DrawnImage, ...]]:
    """Return the SHA-256 of a folder's names and files, and the masks in it, each as one drawing.

    A mask in which nothing is drawn says that its image was looked at, as one in which something is. Files
    whose names begin with a dot, which file managers write, are left out.

    Raises:
        CaseError: The folder holds no mask, or something else than masks; or a mask cannot be decoded, is in
            colour, or may be of classes.
    """
    raw = Raw(folder)
    try:
        files = [file for file in raw.files if not file.name.startswith(".")]
    except RawLayoutError as error:
        raise CaseError(error.message, where=error.where, hint=error.hint) from None
    for file in files:
        if "/" in file.path or not is_image_name(file.path):
            _refuse(
                "the file is no mask", folder, file, "a folder of masks holds one image file for each image"
            )
    if not files:
        raise CaseError("there is no mask in the folder", where=str(folder), hint="check its name")
    images = tuple(_image(file, folder) for file in files)
    digest = sha256()
    for file in files:
        digest.update(f"{raw.reads[file.path]}  {file.path}\n".encode())
    return digest.hexdigest(), images


def _image(file: RawFile, folder: Path) -> DrawnImage:
    foreground = _foreground(file, folder)
    height, width = foreground.shape
    where = str(folder / file.path)
    drawing = Drawing(labels=None, geometry=encode_mask(foreground), drawn_by="", where=where)
    return DrawnImage(
        name=file.name,
        size=(width, height),
        tags=(),
        drawings=(drawing,) if foreground.any() else (),
        submitted=True,
        account="",
        notes=(),
        where=where,
    )


def _foreground(file: RawFile, folder: Path) -> NDArray[np.bool_]:
    """Return the pixels of what a mask outlines, bool (height, width).

    Those of the higher value, where there are two: masks of 0 and 1 exist, as do ones of 0 and 255. Else
    those brighter than the middle, since JPEG blurs both values.
    """
    values = decode_image(file.read(), str(folder / file.path))
    if values.ndim == 3:  # noqa: PLR2004 -- height, width, channels
        if (values != values[..., :1]).any():
            _refuse("the mask is in colour", folder, file, "give masks in grey, one image per class")
        values = values[..., 0]
    found = np.unique(values)
    above = int(found[0]) if found.size == 2 else _THRESHOLD  # noqa: PLR2004 -- background and foreground
    if found.size != 2 and 0 < found[-1] <= _THRESHOLD:  # noqa: PLR2004
        what = f"no pixel of the mask is brighter than {_THRESHOLD}, and its values are not two"
        _refuse(what, folder, file, "give masks of 0 and 255, one image per class")
    foreground: NDArray[np.bool_] = values > above
    return foreground


def _refuse(what: str, folder: Path, file: RawFile, hint: str) -> NoReturn:
    raise CaseError(what, where=str(folder / file.path), hint=hint)
