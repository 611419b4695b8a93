"""Undoes what texts may be wrapped in, so that an identifier inside is found whatever stands around it."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from html import unescape
from urllib.parse import unquote_to_bytes

__all__ = ["BYTE_DECODERS", "TEXT_DECODERS", "decoded_bytes", "decoded_text"]

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){4,}")
_PERCENT = re.compile(r"(?:[\w.~+-]*%[0-9A-Fa-f]{2})+[\w.~+-]*")
_HEX_SEPARATED = re.compile(r"(?:[0-9A-Fa-f]{2}[ :-]){3,}[0-9A-Fa-f]{2}")
_READABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ufffd]{4,}")
_FOREIGN = re.compile(rb"[\x00\x80-\xff]")


def decoded_text(text: str) -> Iterator[str]:
    """Yield what a text holds in percent, HTML, base64 or hex encoding."""
    for decode in TEXT_DECODERS:
        yield from decode(text)


def decoded_bytes(data: bytes) -> Iterator[str]:
    """Yield what bytes hold in UTF-8, and if they are not plain ASCII, in Latin-1 and UTF-16."""
    yield data.decode("utf-8", "replace")
    if _FOREIGN.search(data):
        for decode in BYTE_DECODERS:
            yield from decode(data)


def _percent(text: str) -> Iterator[str]:
    for found in _PERCENT.findall(text):
        yield from _read(unquote_to_bytes(found.replace("+", " ")))


def _html(text: str) -> Iterator[str]:
    if "&" in text:
        yield unescape(text)


def _base64(text: str) -> Iterator[str]:
    """Yield the four alignments: what was encoded may begin in the middle of a group."""
    for found in set(_BASE64.findall(text)):
        standard = found.replace("-", "+").replace("_", "/")
        for shift in range(4):
            run = standard[shift:]
            yield from _read(b64decode(run[: len(run) // 4 * 4]))
            if len(run) % 4 > 1:  # the end may lack its padding
                yield from _read(b64decode(run + "=" * (-len(run) % 4)))


def _hex(text: str) -> Iterator[str]:
    for pattern in (_HEX, _HEX_SEPARATED):
        for found in set(pattern.findall(text)):
            yield from _read(binascii.unhexlify(re.sub("[ :-]", "", found)))


def _read(data: bytes) -> Iterator[str]:
    """Yield the readable runs of decoded bytes; garbage has few."""
    readings = [data.decode("utf-8", "replace")]
    if b"\0" in data:
        readings += [data.decode("utf-16-le", "replace"), data.decode("utf-16-be", "replace")]
    for reading in readings:
        yield from _READABLE.findall(reading)


def _utf16(data: bytes) -> Iterator[str]:
    for codec in ("utf-16-le", "utf-16-be"):
        for offset in (0, 1):
            yield data[offset:].decode(codec, "replace")


def _latin1(data: bytes) -> Iterator[str]:
    yield data.decode("latin-1")


TEXT_DECODERS: tuple[Callable[[str], Iterator[str]], ...] = (_percent, _html, _base64, _hex)
BYTE_DECODERS: tuple[Callable[[bytes], Iterator[str]], ...] = (_utf16, _latin1)
