"""NIfTI-1 masks of one slice: the header is checked before the library decodes anything.

The library reads a file that is cut, or whose header claims more pixels than the file holds, without a word.
The format: https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h.
"""

from __future__ import annotations

import struct
from functools import cache
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.errors import CaseError
from thyrodata.io.extras import load_extra
from thyrodata.io.images import MAX_PIXELS
from thyrodata.io.raw import RawFile

__all__ = ["read_nifti_mask"]

_HEADER = 348
_START = 352  # of the pixels: after the header come four bytes, zero where there are no extensions
_BITS = {2: 8, 256: 8, 4: 16, 512: 16, 8: 32, 768: 32}  # the whole-number datatypes, up to 32 bits
_AGAIN = "obtain the file again"


def read_nifti_mask(file: RawFile) -> NDArray[np.bool_]:
    """Read a mask of a two-dimensional image from an uncompressed single-file NIfTI-1.

    The pixels come as stored: the file's axes are (x, y), and its orientation in space is not applied.

    Args:
        file: The file.

    Returns:
        bool (height, width).

    Raises:
        CaseError: The file is no such mask, is cut or longer than its header says, has more than one slice,
            has more pixels than `MAX_PIXELS`, holds a value beside 0 and 1, or the library has anything to
            say against it.
        MissingExtraError: SimpleITK is not installed.
    """
    width, height = _size(file.read(), str(file))
    pixels = _decode(file)
    if pixels.size != width * height or pixels.shape[-2:] != (height, width):
        shape = " x ".join(map(str, pixels.shape[::-1]))
        raise _refuse(f"its decoder sees {shape} pixels, its header says {width} x {height}", str(file))
    odd = np.setdiff1d(pixels, (0, 1))
    if odd.size:
        raise _refuse(f"it holds the value {odd[0]}, and a mask holds 0 and 1 alone", str(file))
    mask: NDArray[np.bool_] = pixels.reshape(height, width) == 1
    return mask


def _size(data: bytes, where: str) -> tuple[int, int]:
    """Return width and height, once the header and the file's length are known to be right."""
    if len(data) < _START:
        raise _refuse("it ends inside its header", where)
    order = "<" if data[:4] == struct.pack("<i", _HEADER) else ">"
    (header_size,) = struct.unpack_from(f"{order}i", data)
    if header_size != _HEADER or data[344:348] != b"n+1\0":
        raise _refuse("it is no single-file NIfTI-1", where)
    dims = struct.unpack_from(f"{order}8h", data, 40)
    datatype, bits = struct.unpack_from(f"{order}2h", data, 70)
    (start,) = struct.unpack_from(f"{order}f", data, 108)
    slope, shift = struct.unpack_from(f"{order}2f", data, 112)
    if dims[0] not in {2, 3} or min(dims[1:3]) < 1 or (dims[0] == 3 and dims[3] != 1):  # noqa: PLR2004
        shape = " x ".join(map(str, dims[1 : 1 + min(max(dims[0], 0), 7)])) or "nothing"
        raise _refuse(f"it is no single slice, but {shape}", where)
    if _BITS.get(datatype) != bits:
        raise _refuse(f"its pixels (datatype {datatype}, {bits} bits) are no whole numbers", where)
    # A slope of zero, or one that is no number as in DDTI version 2, means that nothing is scaled; what is
    # to be added the library adds all the same.
    if (isfinite(slope) and slope not in {0, 1}) or (isfinite(shift) and shift):
        raise _refuse(f"its pixels are scaled (by {slope:g}, plus {shift:g}), which no mask is", where)
    if not all(map(isfinite, struct.unpack_from(f"{order}8f18f", data[76:108] + data[256:328]))):
        raise _refuse("its place in space is not a number", where)
    if start != _START or any(data[_HEADER:_START]):
        raise _refuse("it has extensions, which are not read", where)
    width, height = dims[1:3]
    if width * height > MAX_PIXELS:
        raise _refuse(f"it claims {width} x {height} pixels, more than {MAX_PIXELS}", where)
    expected = _START + width * height * bits // 8
    if len(data) != expected:
        what = "is cut: it has" if len(data) < expected else "is too long: it has"
        raise _refuse(f"it {what} {len(data)} bytes where its header says {expected}", where)
    return width, height


def _decode(file: RawFile) -> NDArray[Any]:
    """Return the array that the library makes of a file: ([slice,] row, column)."""
    sitk = load_extra("SimpleITK", "formats")
    said: list[str] = []
    logger = _logger()(said)
    before = logger.SetAsGlobalITKLogger()
    try:
        reader = sitk.ImageFileReader()
        reader.SetImageIO("NiftiImageIO")  # or else it chooses one by the file's name
        reader.SetFileName(str(file.local))
        pixels: NDArray[Any] = sitk.GetArrayFromImage(reader.Execute())
    except (RuntimeError, UnicodeError) as error:
        said.append(str(error))
    finally:
        before.SetAsGlobalITKLogger()
    if said:
        last_line = said[0].strip().splitlines()[-1].rpartition(": ")[2]
        raise _refuse(f"its decoder says: {last_line.replace(str(file.local), str(file))}", str(file))
    return pixels


@cache
def _logger() -> Any:
    """Return a class of loggers that add the library's errors and warnings to a list."""
    base = load_extra("SimpleITK", "formats").LoggerBase

    def begin(self: Any, said: list[str]) -> None:
        base.__init__(self)
        self.said = said

    def note(self: Any, text: str) -> None:
        self.said.append(text)

    def pass_over(_: Any, __: str) -> None:
        return None

    noted = dict.fromkeys(("DisplayErrorText", "DisplayWarningText"), note)
    others = ("DisplayText", "DisplayGenericOutputText", "DisplayDebugText")
    return type("_Logger", (base,), {"__init__": begin, **noted, **dict.fromkeys(others, pass_over)})


def _refuse(what: str, where: str) -> CaseError:
    return CaseError(f"the mask cannot be read: {what}", where=where, hint=_AGAIN)
