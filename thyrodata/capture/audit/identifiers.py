"""What may identify a person in one original: every text, date, number and UID of its header, and its name.

Nothing is picked by what de-identification knows of: every element is read at every depth, also private ones
and those that no dictionary knows. The reader is the audit's own, and shares nothing with the one that
exports. It never gives up: what cannot be parsed is searched for runs of printable characters.
"""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from thyrodata.capture.audit.model import Identifier, Kind
from thyrodata.capture.audit.values import Element, identifiers_of, printable_runs
from thyrodata.io.extras import load_extra

__all__ = ["Header", "name_identifiers", "read_identifiers"]

MAX_HEADER_BYTES = 2**26
"""Of a deflated file, inflated: a header of 64 MiB is none."""

MAX_VALUE_BYTES = 2**20
"""A longer value is pixels, an overlay or a document."""

MAX_ELEMENTS = 200_000
"""Of a file, nested ones included."""

MAX_DEPTH = 64
"""Of nested sequences, below what Python's stack allows; structured reports have about ten."""

UNPARSED_BYTES = 2**20
"""Of a file that is not DICOM, or broken: its beginning is searched for printable runs."""

_PREAMBLE = 128
_MAGIC = b"DICM"
_META = 2
_ASCII = ("iso8859",)
_IMPLICIT, _BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_TRANSFER_SYNTAX, _CHARACTER_SET, _PIXEL_DATA = 0x0002_0010, 0x0008_0005, 0x7FE0_0010
_UNPARSED = 0xFFFF_FFFF
_ITEM_LITTLE, _ITEM_BIG = b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What was read of one original."""

    identifiers: tuple[Identifier, ...]
    parsed: bool
    """False where printable runs had to do."""


def read_identifiers(stream: BinaryIO) -> Header:
    """Return what identifies in a file: of its preamble, file meta information and data set.

    Args:
        stream: The file, at its beginning.

    Raises:
        MissingExtraError: pydicom is not installed.
    """
    load_extra("pydicom", "dicom")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they quote values
        found = [Identifier(text=run, kind=Kind.TEXT, tag="preamble") for run in _preamble(stream)]
        elements: list[Element] = []
        parsed = True
        try:
            for element in _elements(stream):
                elements.append(element)  # noqa: PERF402 -- those before an error count
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 -- pydicom raises what its parser happens to raise, and quotes it
            parsed = False
        for element in elements:
            found += identifiers_of(element)
    if not parsed or not elements:
        stream.seek(0)
        runs = printable_runs(stream.read(UNPARSED_BYTES))
        found += [Identifier(text=run, kind=Kind.TEXT, tag="unparsed bytes") for run in runs]
    return Header(identifiers=tuple(dict.fromkeys(found)), parsed=parsed and bool(elements))


def name_identifiers(path: str) -> tuple[Identifier, ...]:
    """Return what identifies in the path of an original below the source folder: each part of it."""
    parts = PurePosixPath(path).parts
    texts = [*parts[:-1], PurePosixPath(path).stem]
    return tuple(Identifier(text=text, kind=Kind.TEXT, tag="file name") for text in texts)


def _preamble(stream: BinaryIO) -> list[str]:
    head = stream.read(_PREAMBLE)
    return printable_runs(head) if stream.read(4) == _MAGIC else []


def _elements(stream: BinaryIO) -> Iterator[Element]:
    from pydicom.filereader import read_dataset  # noqa: PLC0415

    stream.seek(_PREAMBLE)
    if stream.read(4) != _MAGIC:
        return
    # Group 2 is always explicit little endian (DICOM PS3.10 section 7.1).
    meta = read_dataset(
        stream,
        is_implicit_VR=False,
        is_little_endian=True,
        stop_when=lambda tag, _vr, _length: tag >> 16 != _META,
    )
    budget = [MAX_ELEMENTS]
    yield from _walk(meta, _ASCII, budget)
    syntax = _transfer_syntax(meta)
    body = stream
    if syntax == _DEFLATED:
        body = io.BytesIO(zlib.decompressobj(-zlib.MAX_WBITS).decompress(stream.read(), MAX_HEADER_BYTES))
    seen = count()
    dataset = read_dataset(
        body,
        is_implicit_VR=syntax == _IMPLICIT,
        is_little_endian=syntax != _BIG_ENDIAN,
        stop_when=lambda *_: next(seen) >= MAX_ELEMENTS,
        defer_size=MAX_VALUE_BYTES,
    )
    yield from _walk(dataset, _ASCII, budget)
    if _PIXEL_DATA not in dataset:  # the reader stops without a word where it does not understand
        yield Element(tag=_UNPARSED, vr="UN", data=body.read(UNPARSED_BYTES), charsets=_ASCII, little=True)


def _transfer_syntax(meta: Any) -> str:
    element = meta.get_item(_TRANSFER_SYNTAX) if _TRANSFER_SYNTAX in meta else None
    return element.value.decode("latin-1").strip(" \0") if element and element.value else ""


def _walk(dataset: Any, charsets: tuple[str, ...], budget: list[int], depth: int = 0) -> Iterator[Element]:
    """Yield the elements of a data set and of those nested in it, as bytes, but for what is too long."""
    charsets = _charsets(dataset, charsets)
    for tag in list(dataset.keys()):
        budget[0] -= 1
        if budget[0] < 0:
            return
        element = dataset.get_item(tag, keep_deferred=True)
        items = _items(element, charsets) if depth < MAX_DEPTH else ()
        for item in items:
            yield from _walk(item, charsets, budget, depth + 1)
        value = element.value
        if not items and isinstance(value, bytes) and len(value) <= MAX_VALUE_BYTES:
            little = element.is_little_endian
            yield Element(tag=int(tag), vr=_vr(element), data=value, charsets=charsets, little=little)


def _items(element: Any, charsets: tuple[str, ...]) -> Any:
    """Return the nested data sets of an element, also of one whose VR hides that it is a sequence."""
    from pydicom.filereader import read_sequence  # noqa: PLC0415
    from pydicom.sequence import Sequence  # noqa: PLC0415

    value = element.value
    if isinstance(value, Sequence):
        return value
    if not isinstance(value, bytes) or _vr(element) not in ("SQ", "UN"):
        return ()
    little = bool(element.is_little_endian)
    if not value.startswith(_ITEM_LITTLE if little else _ITEM_BIG):
        return ()
    # An unknown sequence is implicit little endian (DICOM PS3.5 section 6.2.2).
    implicit = bool(element.is_implicit_VR) or _vr(element) == "UN"
    with suppress(Exception):  # as above; its bytes are then searched for printable runs
        return read_sequence(io.BytesIO(value), implicit, little, len(value), list(charsets))
    return ()


def _vr(element: Any) -> str:
    from pydicom.datadict import dictionary_VR  # noqa: PLC0415

    if element.VR and element.VR != "UN":
        return str(element.VR)
    try:
        return dictionary_VR(element.tag)
    except KeyError:
        return "UN"


def _charsets(dataset: Any, inherited: tuple[str, ...]) -> tuple[str, ...]:
    """Return the Python codecs of SpecificCharacterSet (0008,0005), or those of the data set around it."""
    from pydicom.charset import convert_encodings  # noqa: PLC0415

    if _CHARACTER_SET not in dataset:
        return inherited
    value = dataset.get_item(_CHARACTER_SET).value
    terms = value.decode("latin-1").split("\\") if isinstance(value, bytes) else []
    with suppress(Exception):  # as above
        return tuple(convert_encodings([term.strip(" \0") for term in terms] or None))
    return inherited
