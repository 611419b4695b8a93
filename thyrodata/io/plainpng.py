"""Tells which PNG files every reader decodes to the values that are stored in them."""

from __future__ import annotations

__all__ = ["is_plain_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PLAIN = frozenset({b"\x08\x00", b"\x10\x00", b"\x08\x02"})
"""Bit depth and colour type (PNG, third edition, section 11.2.1): grey of 8 and of 16 bits, RGB of 8."""


def is_plain_png(data: bytes) -> bool:
    """Tell whether a file is a PNG without a palette, transparency, or samples below a byte.

    Of those that are not, readers differ: some give indices for a palette, or a fourth channel.

    Args:
        data: The whole file.
    """
    pixels = data.find(b"IDAT")
    return data.startswith(_SIGNATURE) and data[24:26] in _PLAIN and b"tRNS" not in data[:pixels]
