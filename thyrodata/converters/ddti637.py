"""DDTI-637: pictures of DDTI, re-cut and re-encoded as PNG, with a mask each.

They are shipped with TRFE-Net (Gong et al., ISBI 2021) and TNSCUI2020-Seg-Rank1st. Pairs ``image/N.PNG`` and
``mask/N.PNG``; 10000 + k and 20000 + k are the left and the right half of picture k.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from thyrodata.errors import CaseError, RawLayoutError
from thyrodata.io.hashes import hash_pixels
from thyrodata.io.images import decode_image
from thyrodata.io.masks import encode_mask
from thyrodata.io.raw import Raw, RawFile, RawImage, at_most_one
from thyrodata.sample import FileBytes, Sample
from thyrodata.schema.record import CropLedger, Finding, ImageRecord, Reading, Remark
from thyrodata.schema.vocab import Coverage, GroupKind, Modality, Structure

__all__ = ["Ddti637", "Ddti637Picture"]

PICTURES = 10_000
"""Numbers below it are whole pictures; the thousands above it tell which half a file is."""

_FILE = re.compile(r"(image|mask)/([1-9][0-9]{0,4})\.png", re.IGNORECASE)
_HALVES = {1: "left", 2: "right"}
_INK = 255
_AGAIN = "copy it again from the release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ddti637Picture:
    """The files that carry one number, whole or in halves."""

    number: int
    files: tuple[RawFile, ...]

    def __str__(self) -> str:
        """Return the path of its first image, which may be missing."""
        return f"image/{min(int(file.stem) for file in self.files)}.PNG"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """An image as it is stored, its pixels and its mask."""

    image: RawImage
    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    mask: NDArray[np.bool_]


class Ddti637:
    """Reads DDTI-637. It publishes neither patients nor cases: what stays together is the picture."""

    name: ClassVar[str] = "ddti637"
    ignores: ClassVar[Mapping[str, str]] = {
        "category.csv": "its labels are made up, as the release's own readme says",
        "map_to_ddti.csv": "a map to DDTI made afterwards, to check results with; no part of the release",
        "[Rr][Ee][Aa][Dd][Mm][Ee]*": "for people",
    }

    def items(self, raw: Raw) -> Iterator[Ddti637Picture]:
        """List the pictures by number.

        Raises:
            RawLayoutError: The folder holds no pairs.
        """
        pictures: dict[int, list[RawFile]] = {}
        for file in raw.files:
            name = _FILE.fullmatch(file.path)
            number = int(name[2]) if name else 0
            if number % PICTURES and number // PICTURES in {0, *_HALVES}:
                pictures.setdefault(number % PICTURES, []).append(file)
        if not pictures:
            raise RawLayoutError(
                "no pairs image/N.PNG and mask/N.PNG lie in the folder",
                where=str(raw.root),
                hint="give the folder that holds image and mask",
            )
        for number in sorted(pictures):
            yield Ddti637Picture(number=number, files=tuple(pictures[number]))

    def samples(self, item: Ddti637Picture) -> Iterator[Sample]:
        """Read a picture, whole or in halves.

        Raises:
            CaseError: A partner is missing, an image or mask is broken, or the two do not fit.
        """
        files: dict[int, list[RawFile]] = {}
        for file in item.files:
            files.setdefault(int(file.stem), []).append(file)
        pairs = {number: _pair(files[number]) for number in sorted(files)}
        crops = _crops(item.number, pairs)
        for number, pair in pairs.items():
            yield _sample(number, item.number, pair, crops.get(number))


def _pair(files: list[RawFile]) -> _Pair:
    image, mask = (_one(files, folder) for folder in ("image", "mask"))
    stored = image.image()
    pixels = decode_image(stored.data, str(image))
    drawn = decode_image(mask.read(), str(mask))
    if drawn.shape != pixels.shape[:2]:
        sizes = " and ".join(" x ".join(map(str, a.shape[1::-1])) for a in (drawn, pixels))
        raise CaseError(
            f"the mask is no grey picture of the image's size ({sizes} px)", where=str(mask), hint=_AGAIN
        )
    odd = np.setdiff1d(drawn, (0, _INK))
    if odd.size:
        raise CaseError(
            f"the mask holds the value {odd[0]}, and all of the release hold 0 and {_INK} alone",
            where=str(mask),
            hint=f"{_AGAIN}, and do not save it as JPEG",
        )
    return _Pair(image=stored, pixels=pixels, mask=drawn == _INK)


def _one(files: list[RawFile], folder: str) -> RawFile:
    found = at_most_one([file for file in files if file.path.lower().startswith(folder)], f"the {folder}")
    if found:
        return found
    raise CaseError(f"{files[0]} has no partner in {folder}", where=str(files[0]), hint=_AGAIN)


def _crops(number: int, pairs: Mapping[int, _Pair]) -> dict[int, CropLedger]:
    """Return where each image lies in its picture; a half without the other is left out.

    Several numbers are of the same DDTI picture, cut or not, and their files differ in their bytes. The key
    is of the whole picture's decoded pixels, so that it is the same for all of them.
    """
    crops = {}
    if number in pairs:
        whole = pairs[number].pixels
        crops[number] = _crop(whole, 0, whole.shape[1])
    left, right = (pairs.get(half * PICTURES + number) for half in _HALVES)
    if left and right:
        if _height_and_kind(left) != _height_and_kind(right):
            raise CaseError(
                f"the two halves of picture {number} are not of one height and kind",
                where=str(left.image.file),
                hint=_AGAIN,
            )
        joined = np.hstack((left.pixels, right.pixels))
        cut = left.pixels.shape[1]
        crops[PICTURES + number] = _crop(joined, 0, cut)
        crops[2 * PICTURES + number] = _crop(joined, cut, joined.shape[1])
    return crops


def _height_and_kind(half: _Pair) -> tuple[tuple[int, ...], str]:
    return half.pixels.shape[::2], str(half.pixels.dtype)  # every second: height, and channels if there are


def _crop(whole: np.ndarray, x0: int, x1: int) -> CropLedger:
    height, width = whole.shape[:2]
    return CropLedger(
        source_width=width,
        source_height=height,
        kept_box=(x0, 0, x1, height),
        frame_key=hash_pixels(whole),
    )


def _sample(number: int, picture: int, pair: _Pair, crop: CropLedger | None) -> Sample:
    remarks = []
    if crop is None:
        missing = "right" if _HALVES[number // PICTURES] == "left" else "left"
        remarks.append(
            Remark(
                code="half-missing",
                text=f"the {missing} half of picture {picture} is not there: what else shows it is not known",
            )
        )
    drawn = bool(pair.mask.any())
    if not drawn:
        remarks.append(Remark(code="mask-empty", text="the mask holds no pixel of a nodule"))
    # A mask is one drawing, of however many parts.
    mask = Finding(finding_id="1", structure=Structure.NODULE, geometries=(encode_mask(pair.mask),))
    record = ImageRecord(
        image_id=f"ddti637/{number}",
        image=replace(pair.image.ref(), crop=crop),
        modality=Modality.ULTRASOUND,
        group_id=f"ddti637/{picture}",
        group_kind=GroupKind.IMAGE,
        readings=(Reading(coverage=None if drawn else Coverage.NONE),),
        findings=(mask,) if drawn else (),
        remarks=tuple(remarks),
        source=str(pair.image.file),
    )
    return Sample(record=record, pixels=FileBytes(image=pair.image))
