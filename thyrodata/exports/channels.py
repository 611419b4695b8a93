"""Images as PNG files of which all have as many channels, for formats that take no others."""

from __future__ import annotations

from typing import NamedTuple

from thyrodata.errors import UsageError
from thyrodata.exports.folder import Folder, read_image
from thyrodata.exports.pictures import GREY, RGB
from thyrodata.exports.view import View, ViewedImage
from thyrodata.io.images import probe_image
from thyrodata.io.plainpng import is_plain_png
from thyrodata.io.windows import DEEP, PixelWindow

__all__ = ["PngImages"]


class _Waiting(NamedTuple):
    image_id: str
    path: str | None
    window: PixelWindow | None
    name: str
    colour: bool
    deep: bool
    plain: bool
    """Whether the file may stay as it is, or is windowed."""
    pixels: int


class PngImages:
    """Collects images, and asks for them once it is known whether one is in colour.

    An image counts as grey if its file has one channel: to tell whether three are equal, every picture would
    have to be decoded before anybody has accepted the account.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._waiting: list[_Waiting] = []

    def add(self, image: ViewedImage, name: str) -> None:
        """Note an image that is to be written under a name.

        Raises:
            CaseError: Its file is damaged.
            DatasetError: It cannot be read.
        """
        colour, deep, plain = False, False, True
        if image.window is None:  # which would make it a PNG in grey of 8 bits
            place = f"{self._view.dataset.path}/{image.path}"
            data = read_image(place)
            header = probe_image(data, place)
            colour = header.channels >= RGB  # two are grey and an alpha channel
            deep = header.bit_depth > DEEP
            plain = is_plain_png(data)
        pixels = image.record.image.width * image.record.image.height
        self._waiting.append(
            _Waiting(image.image_id, image.path, image.window, name, colour, deep, plain, pixels)
        )

    def ask(self, out: Folder) -> int:
        """Ask for all images, and name what is done to them.

        Returns:
            How many channels they have.

        Raises:
            UsageError: Some are in colour and others have 16 bits: colour of 16 bits is not written.
        """
        channels = RGB if any(image.colour for image in self._waiting) else GREY
        deep = next((image.image_id for image in self._waiting if image.deep), None)
        if channels == RGB and deep is not None:
            raise UsageError(
                f"{deep} has 16 bits a pixel, and other images are in colour",
                hint="choose a window of 8 bits with --window, or export the two kinds apart",
            )
        for image in self._waiting:
            if not image.plain:
                self._view.ledger.change("images", "decoded")
            if channels == RGB and not image.colour:
                self._view.ledger.change("images", "grey-to-rgb")
            if image.plain and image.colour == (channels == RGB):
                out.image(image, image.name)
            else:
                size = image.pixels * channels * (2 if image.deep else 1)
                out.image(image, image.name, channels=channels, size=size)
        return channels

    @property
    def windowed(self) -> bool:
        """Whether a window reduces some of them."""
        return any(image.window for image in self._waiting)
