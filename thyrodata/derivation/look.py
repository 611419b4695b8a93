"""The planning of one image: how it is cut, what is wrong with it, and what the steps will do to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.derivation.extents import extent, joined, nodule_box, whole_pixels
from thyrodata.derivation.framing import check_ledger, framing
from thyrodata.derivation.pixels import in_colour
from thyrodata.derivation.recipe import EchoCrop, NoduleCrop, Recipe
from thyrodata.derivation.records import FindingChange, derive_record
from thyrodata.echo import Doubt, find_echo
from thyrodata.errors import CaseError, SchemaError
from thyrodata.io.images import decode_image
from thyrodata.io.windows import DEEP, HuWindow, window_hu
from thyrodata.sample import Absent, Kept
from thyrodata.schema.record import ImageRecord, PixelBox
from thyrodata.schema.vocab import Modality, Structure

__all__ = ["NO_MARGIN", "NO_NODULE", "Look", "Problem", "chosen_window", "decoded", "derived_record", "look"]

NO_MARGIN = "echo fills the picture"
NO_NODULE = "no nodule or lesion is drawn in it"


class Problem(Enum):
    """Why an image cannot be derived as asked: what such images are, and what to do."""

    ANNOTATIONS_ONLY = (
        "without an image file",
        "there are no pixels to derive from: convert the source with its images",
    )
    NOT_ULTRASOUND = (
        "of another modality than ultrasound",
        "they have no echo region: leave --crop echo out",
    )
    NO_NODULE = (
        "in which no nodule or lesion is drawn",
        "keep them whole with --keep-uncropped, or select the others first",
    )
    NO_WINDOW = ("of more than 8 bits and without a stated window", "give --window LOW,HIGH")
    NO_HOUNSFIELD_UNITS = (
        "of more than 8 bits but not of CT",
        "they have no Hounsfield units: leave --window out; --bits 8 scales them",
    )
    WANTS_A_WINDOW = (
        "of CT with more than 8 bits",
        "8 bits do not hold them all: choose --window LOW,HIGH --hu-offset N instead of --bits 8",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is planned for one image."""

    image_id: str
    path: str = ""
    """Of its file in the parent, below ``images/``."""
    problem: Problem | None = None
    echo: PixelBox | None = None
    """The box that it is cut to, if that was found by its pixels."""
    whole: str = ""
    """Why it is kept whole though a crop is asked for."""
    extended: bool = False
    """Findings reach out of the echo region: its box was made to hold them."""
    cropped: bool = False
    windowed: bool = False
    greyed: bool = False
    coloured: bool = False
    """It loses colours."""
    deep: bool = False
    """It has more than 8 bits."""
    size_before: tuple[int, int] = (0, 0)
    size_after: tuple[int, int] = (0, 0)
    scale: tuple[float, float] = (1.0, 1.0)
    resized: bool = False
    findings: int = 0
    changes: tuple[FindingChange, ...] = ()


def look(record: ImageRecord, picture: Kept | Absent, recipe: Recipe) -> Look:
    """Plan one image.

    Raises:
        CaseError: Its file or its record is broken.
        DatasetError: Its file is missing, or not what its record says.
    """
    if isinstance(picture, Absent):
        return Look(image_id=record.image_id, problem=Problem.ANNOTATIONS_ONLY)
    check_ledger(record)
    problem = _problem(record, recipe)
    if problem:
        return Look(image_id=record.image_id, problem=problem)
    image = record.image
    pixels = decoded(record, picture) if recipe.needs_pixels else None
    box, whole, extended = _crop(record, recipe, pixels)
    if isinstance(recipe.crop, NoduleCrop) and not (box or recipe.crop.keep_uncropped):
        return Look(image_id=record.image_id, problem=Problem.NO_NODULE)
    planned = framing(image, box, recipe.fit)
    window = chosen_window(record, recipe.window)
    _, changes = derived_record(record, recipe, box)
    return Look(
        image_id=record.image_id,
        path=picture.path,
        echo=box if isinstance(recipe.crop, EchoCrop) else None,
        whole=whole,
        extended=extended,
        cropped=planned.crops(image),
        windowed=window is not None,
        greyed=recipe.grey and pixels is not None and pixels.ndim == 3,  # noqa: PLR2004 -- channels
        coloured=recipe.grey and pixels is not None and in_colour(pixels),
        deep=picture.bit_depth is not None and picture.bit_depth > DEEP,
        size_before=(image.width, image.height),
        size_after=planned.size,
        scale=(planned.scaling.scale_x, planned.scaling.scale_y),
        resized=planned.resizes(),
        findings=len(record.findings),
        changes=changes,
    )


def derived_record(
    record: ImageRecord, recipe: Recipe, box: PixelBox | None
) -> tuple[ImageRecord, tuple[FindingChange, ...]]:
    """Return the record that a recipe makes of one whose image has a file, and what it did to findings.

    Raises:
        CaseError: A coordinate would be beyond what a geometry may have.
    """
    planned = framing(record.image, box, recipe.fit)
    try:
        return derive_record(record, planned, record.image.sha256 or "", chosen_window(record, recipe.window))
    except SchemaError as error:
        hint = "scale it by less, or mend its findings"
        raise CaseError(error.message, where=record.image_id, hint=hint) from None


def chosen_window(record: ImageRecord, window: HuWindow | None) -> tuple[float, float] | None:
    """Return the window of an image in Hounsfield units; ``None`` if it is not windowed."""
    if window is None or (record.image.bit_depth or 0) <= DEEP:
        return None
    return window_hu(window, record.acquisition.window_hu if record.acquisition else None)


def decoded(record: ImageRecord, picture: Kept) -> NDArray[np.unsignedinteger[Any]]:
    """Return an image's pixels.

    Raises:
        CaseError: They cannot be decoded, or are of another size than the record says.
        DatasetError: The file is missing, or not what its record says.
    """
    pixels = decode_image(picture.read(), picture.place)
    if pixels.shape[:2] != (record.image.height, record.image.width):
        raise CaseError(
            f"the image has {pixels.shape[1]} x {pixels.shape[0]} px, its record says "
            f"{record.image.width} x {record.image.height}",
            where=picture.place,
            hint="the dataset is not what its converter wrote: convert the source again",
        )
    return pixels


def _problem(record: ImageRecord, recipe: Recipe) -> Problem | None:
    is_ct = record.modality is Modality.CT
    if isinstance(recipe.crop, EchoCrop) and record.modality is not Modality.ULTRASOUND:
        return Problem.NOT_ULTRASOUND
    if (record.image.bit_depth or 0) <= DEEP:
        return None
    if recipe.window and not is_ct:
        return Problem.NO_HOUNSFIELD_UNITS
    if recipe.window and chosen_window(record, recipe.window) is None:
        return Problem.NO_WINDOW
    return Problem.WANTS_A_WINDOW if recipe.bits == DEEP and is_ct else None


def _crop(
    record: ImageRecord, recipe: Recipe, pixels: NDArray[np.unsignedinteger[Any]] | None
) -> tuple[PixelBox | None, str, bool]:
    """Return what is kept of an image, why it is kept whole, and whether findings made the box larger."""
    image = record.image
    match recipe.crop:
        case NoduleCrop(margin=margin):
            around = nodule_box(record.findings, margin, image.width, image.height)
            return around, "" if around else NO_NODULE, False
        case EchoCrop() if pixels is not None:
            found = find_echo(pixels)
            if isinstance(found, Doubt):
                return None, found.value, False
            box = joined([found, *_drawn(record)]) or found
            if box == (0, 0, image.width, image.height):
                return None, NO_MARGIN, box != found
            return box, "", box != found
    return None, "", False


def _drawn(record: ImageRecord) -> list[PixelBox]:
    """Return the pixels that each finding touches, markers apart."""
    extents = (
        extent(geometry)
        for finding in record.findings
        if finding.structure is not Structure.MARKER
        for geometry in finding.geometries
    )
    width, height = record.image.width, record.image.height
    return [box for each in extents if each and (box := whole_pixels(each, width, height))]
