"""What is asked of ``derive``: its steps, in the order in which they are always done."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from thyrodata.derivation.despeckle import FILTERS, check_filter
from thyrodata.derivation.extents import Margin
from thyrodata.derivation.framing import Letterbox, Resize
from thyrodata.errors import UsageError
from thyrodata.io.images import MAX_PIXELS
from thyrodata.io.windows import FixedWindow, HuWindow, parse_hu_window
from thyrodata.schema.manifest import Setting

__all__ = ["STEPS", "EchoCrop", "NoduleCrop", "Recipe", "parse_recipe"]

STEPS = ("crop", "window", "grey", "despeckle", "resize", "letterbox", "bits")
"""The steps in their fixed order; an image is resized or letterboxed, not both."""

MAX_MARGIN_PX = 100_000

_SIZE = re.compile(r"([0-9]{1,6})x([0-9]{1,6})")
_MARGIN = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)(%?)")


@dataclass(frozen=True, slots=True)
class EchoCrop:
    """Cut to the echo region that the pixels show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoduleCrop:
    """Cut to the box around all nodules and lesions with a margin."""

    margin: Margin
    keep_uncropped: bool
    """Keep images without a nodule or lesion whole, instead of refusing them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The steps that are asked for.

    Raises:
        UsageError: There is none, or two of them contradict each other.
    """

    crop: EchoCrop | NoduleCrop | None = None
    window: HuWindow | None = None
    grey: bool = False
    despeckle: str | None = None
    fit: Resize | Letterbox | None = None
    bits: Literal[8, 16] | None = None

    def __post_init__(self) -> None:
        if not (self.crop or self.window or self.grey or self.despeckle or self.fit or self.bits):
            steps = ", ".join(f"--{step}" for step in STEPS)
            raise UsageError("derive has nothing to do", hint=f"ask for a step: {steps}")
        if self.window and self.bits:
            raise UsageError("a window makes 8 bits of an image", hint="leave --bits out")
        if self.despeckle:
            check_filter(self.despeckle)

    @property
    def needs_pixels(self) -> bool:
        """Whether planning has to decode images."""
        return self.grey or isinstance(self.crop, EchoCrop)

    def settings(self) -> tuple[Setting, ...]:
        """Return the steps for the manifest, in their order, each with how it is done."""
        said: list[tuple[str, str]] = []
        match self.crop:
            case EchoCrop():
                said.append(("crop", "echo"))
            case NoduleCrop(margin=margin, keep_uncropped=keep):
                wide = f"{100 * margin.share:g} %" if margin.share else f"{margin.pixels} px"
                rest = "kept whole" if keep else "refused"
                said.append(("crop", f"nodule+margin, margin {wide}, images without a nodule {rest}"))
        if self.window:
            match self.window:
                case FixedWindow(low_hu=low, high_hu=high):
                    which = f"{low!r},{high!r}"
                case _:
                    which = "per-row"
            said.append(("window", f"{which} HU, stored value 0 is {self.window.offset_hu!r} HU"))
        if self.grey:
            said.append(("grey", "luma of ITU-R BT.601"))
        if self.despeckle:
            said.append(("despeckle", f"{self.despeckle}: {FILTERS[self.despeckle].parameters}"))
        if self.fit:
            verb = "resize" if isinstance(self.fit, Resize) else "letterbox"
            said.append((verb, f"{self.fit.width}x{self.fit.height}, bilinear"))
        if self.bits:
            said.append(("bits", f"{self.bits}, full range to full range"))
        return tuple(Setting(name=name, value=value) for name, value in said)


def parse_recipe(
    *,
    crop: str | None = None,
    margin: str | None = None,
    keep_uncropped: bool = False,
    window: str | None = None,
    hu_offset: float | None = None,
    grey: bool = False,
    despeckle: str | None = None,
    resize: str | None = None,
    letterbox: str | None = None,
    bits: int | None = None,
) -> Recipe:
    """Return the steps that options ask for.

    Args:
        crop: ``echo`` or ``nodule+margin``.
        margin: Around nodules: ``20`` pixels, or ``15%`` of the longer side of the box around them.
        keep_uncropped: Keep images without a nodule whole.
        window: ``LOW,HIGH`` in Hounsfield units, or ``per-row``.
        hu_offset: The Hounsfield units of the stored value 0.
        grey: Make one channel of three.
        despeckle: A key of :data:`thyrodata.derivation.despeckle.FILTERS`.
        resize: ``WIDTHxHEIGHT`` in pixels.
        letterbox: ``WIDTHxHEIGHT`` in pixels.
        bits: 8 or 16.

    Raises:
        UsageError: One is malformed, two contradict each other, or none is a step.
        MissingExtraError: The library of a filter is not installed.
    """
    if resize is not None and letterbox is not None:
        raise UsageError("an image is resized or letterboxed, not both", hint="leave one of them out")
    if window is None and hu_offset is not None:
        raise UsageError("an offset says nothing without a window", hint="give --window too")
    if bits not in {None, 8, 16}:
        raise UsageError(f"an image cannot have {bits} bits a sample here", hint="--bits 8 or --bits 16")
    fit: Resize | Letterbox | None = None
    if resize is not None:
        width, height = _size(resize)
        fit = Resize(width=width, height=height)
    if letterbox is not None:
        width, height = _size(letterbox)
        fit = Letterbox(width=width, height=height)
    return Recipe(
        crop=_crop(crop, margin, keep_uncropped=keep_uncropped),
        window=None if window is None else parse_hu_window(window, hu_offset),
        grey=grey,
        despeckle=despeckle,
        fit=fit,
        bits=None if bits is None else 8 if bits == 8 else 16,  # noqa: PLR2004 -- bits, checked above
    )


def _crop(crop: str | None, margin: str | None, *, keep_uncropped: bool) -> EchoCrop | NoduleCrop | None:
    if crop == "nodule+margin":
        if margin is None:
            raise UsageError(
                "how wide the margin is has to be said",
                hint="--margin 20 is in pixels, --margin 15% of the longer side of the box",
            )
        return NoduleCrop(margin=_margin(margin), keep_uncropped=keep_uncropped)
    if margin is not None or keep_uncropped:
        option = "--margin" if margin is not None else "--keep-uncropped"
        raise UsageError(f"{option} belongs to --crop nodule+margin", hint="leave it out, or ask for it")
    if crop is None:
        return None
    if crop != "echo":
        raise UsageError(f"there is no crop {crop!r}", hint="--crop echo or --crop nodule+margin")
    return EchoCrop()


def _margin(text: str) -> Margin:
    said = _MARGIN.fullmatch(text)
    if not said or (not said[2] and "." in said[1]):
        raise UsageError(f"{text!r} is no margin", hint="write pixels as 20, or a share as 15%")
    if said[2]:
        return Margin(share=float(said[1]) / 100)
    return Margin(pixels=min(int(said[1]), MAX_MARGIN_PX))


def _size(text: str) -> tuple[int, int]:
    said = _SIZE.fullmatch(text)
    width, height = (int(said[1]), int(said[2])) if said else (0, 0)
    if not (width and height):
        raise UsageError(f"{text!r} is no size", hint="write WIDTHxHEIGHT in pixels, as 512x384")
    if width * height > MAX_PIXELS:
        raise UsageError(
            f"{text} is more than the {MAX_PIXELS} pixels that an image may have", hint="ask for less"
        )
    return width, height
