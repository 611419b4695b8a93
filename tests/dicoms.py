"""Writes synthetic ultrasound DICOM files, byte for byte the same for the same arguments."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import generate_uid

__all__ = [
    "BASELINE",
    "BIG_ENDIAN",
    "DEFLATED",
    "EXPLICIT",
    "HTJ2K",
    "HTJ2K_LOSSLESS",
    "IMPLICIT",
    "JPEG2000",
    "JPEG2000_LOSSLESS",
    "JPEGLS",
    "JPEGLS_NEAR",
    "JPEGXL",
    "JPEGXL_LOSSLESS",
    "JPEG_LOSSLESS",
    "JPEG_LOSSLESS_SV1",
    "MPEG4",
    "RLE",
    "Palette",
    "Region",
    "encode_frame",
    "write_dicom",
]

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_SV1 = "1.2.840.10008.1.2.4.70"
JPEGLS = "1.2.840.10008.1.2.4.80"
JPEGLS_NEAR = "1.2.840.10008.1.2.4.81"
JPEG2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
JPEG2000 = "1.2.840.10008.1.2.4.91"
MPEG4 = "1.2.840.10008.1.2.4.102"
JPEGXL_LOSSLESS = "1.2.840.10008.1.2.4.110"
JPEGXL = "1.2.840.10008.1.2.4.112"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
HTJ2K = "1.2.840.10008.1.2.4.203"
RLE = "1.2.840.10008.1.2.5"

_NATIVE = (IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN)
_STILL = "1.2.840.10008.5.1.4.1.1.6.1"
_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.3.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """An item of SequenceOfUltrasoundRegions."""

    box: tuple[int, int, int, int]
    """Min X0, Min Y0, Max X1, Max Y1."""
    spatial_format: int = 1
    data_type: int = 1
    units: tuple[int, int] = (3, 3)
    delta: tuple[float, float] = (0.01, 0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The lookup tables of PALETTE COLOR."""

    colours: NDArray[Any]
    """(n, 3): uint8 entries of 8 bits, or uint16 of 16."""
    first: int = 0
    """The index that the first entry belongs to."""
    segments: tuple[Sequence[int], Sequence[int], Sequence[int]] | None = None
    """The segmented tables' words, red, green and blue, to write instead of the plain ones."""


def write_dicom(
    path: Path | io.BytesIO,
    frames: NDArray[Any] | None,
    *,
    transfer_syntax: str = EXPLICIT,
    photometric: str | None = None,
    regions: Sequence[Region] = (),
    elements: Mapping[str | tuple[int, int], Any] | None = None,
    planar: int = 0,
    palette: Palette | None = None,
    bits_stored: int | None = None,
    quality: int = 90,
    pixel_vr: str | None = None,
    fragments: int = 1,
    offset_table: bool = True,
    codestreams: Sequence[bytes] | None = None,
    change: Callable[[Dataset], None] | None = None,
    lossy: bool = False,
    seed: int = 0,
) -> None:
    """Write one file.

    Args:
        path: Where to; a file there is replaced.
        frames: uint8 or uint16, (h, w), (h, w, 3), (n, h, w) or (n, h, w, 3); indices if there is a palette.
            In the colour space of the photometric interpretation; but RGB for JPEG baseline, JPEG 2000 and
            JPEG XL, whose encoders convert. ``None`` writes an object without pixels.
        transfer_syntax: Its UID; decides the encoder.
        photometric: PhotometricInterpretation; by default MONOCHROME2, PALETTE COLOR if there is a palette,
            RGB, or what the encoder makes of RGB.
        regions: The items of SequenceOfUltrasoundRegions.
        elements: Values by keyword, or (VR, value) by (group, element), which replace or add to the defaults;
            ``None`` as a value leaves the element out.
        planar: PlanarConfiguration of native frames.
        palette: The lookup tables.
        bits_stored: By default those that are allocated.
        quality: Of JPEG baseline.
        pixel_vr: By default OB for 8 bits and OW for 16.
        fragments: Fragments that every encapsulated frame is cut into.
        offset_table: Whether the Basic Offset Table is filled.
        codestreams: Encoded frames to write instead of what frames would be encoded to.
        change: Called with the whole dataset before it is written.
        lossy: LossyImageCompression.
        seed: Decides identifiers and dates.
    """
    dataset = _defaults(seed, transfer_syntax)
    if regions:
        dataset.SequenceOfUltrasoundRegions = [_region(region) for region in regions]
    dataset.LossyImageCompression = "01" if lossy else "00"
    if frames is not None:
        rgb = frames.shape[-1] == 3 and frames.ndim > 2
        stack = frames.reshape(-1, *frames.shape[-3 if rgb else -2 :])
        _describe(dataset, stack, photometric or _photometric(rgb, transfer_syntax, palette), bits_stored)
        if rgb:
            dataset.PlanarConfiguration = planar
        if palette is not None:
            _add_palette(dataset, palette, "big" if transfer_syntax == BIG_ENDIAN else "little")
        if transfer_syntax in _NATIVE:
            data = _native(dataset, stack, transfer_syntax, pixel_vr)
        else:
            encoded = codestreams or [
                encode_frame(frame, transfer_syntax, dataset.PhotometricInterpretation, quality, bits_stored)
                for frame in stack
            ]
            data = encapsulate(list(encoded), fragments_per_frame=fragments, has_bot=offset_table)
        dataset.add_new(0x7FE00010, pixel_vr or ("OW" if stack.dtype.itemsize > 1 else "OB"), data)
        dataset["PixelData"].is_undefined_length = transfer_syntax not in _NATIVE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # values that break the rules are what some tests ask for
        for key, value in (elements or {}).items():
            _set(dataset, key, value)
        if change is not None:
            change(dataset)
        dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID") or _STILL
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID") or generate_uid(
            entropy_srcs=["instance"]
        )
        held = io.BytesIO()
        dcmwrite(
            held,
            dataset,
            implicit_vr=transfer_syntax == IMPLICIT,
            little_endian=transfer_syntax != BIG_ENDIAN,
            enforce_file_format=True,
        )
    data = held.getvalue().replace(_stand_in(transfer_syntax).encode(), transfer_syntax.encode(), 1)
    if isinstance(path, Path):
        path.write_bytes(data)
    else:
        path.write(data)


def _stand_in(transfer_syntax: str) -> str:
    """Return a syntax of as long a UID that pydicom knows how to write."""
    return HTJ2K if transfer_syntax.startswith("1.2.840.10008.1.2.4.11") else transfer_syntax


def _defaults(seed: int, transfer_syntax: str) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = _stand_in(transfer_syntax)
    dataset.file_meta.ImplementationClassUID = generate_uid(entropy_srcs=["thyrodata tests"])
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = _STILL
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=["instance", str(seed)])
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=["study", str(seed)])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["series", str(seed)])
    dataset.Modality = "US"
    dataset.Manufacturer = "Example Devices"
    dataset.ManufacturerModelName = "Scanner One"
    dataset.PatientID = f"{4711000 + seed}"
    dataset.PatientName = f"Testperson{seed}^Anna"
    dataset.PatientBirthDate = "19610203"
    dataset.PatientSex = "F"
    dataset.PatientAge = "058Y"
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = f"2019{1 + seed % 12:02d}21"
    dataset.StudyTime = "101112"
    dataset.AccessionNumber = f"ACC{81000 + seed}"
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1 + seed
    dataset.BodyPartExamined = "THYROID"
    return dataset


def _region(region: Region) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat = region.spatial_format
    item.RegionDataType = region.data_type
    item.RegionFlags = 2
    (
        item.RegionLocationMinX0,
        item.RegionLocationMinY0,
        item.RegionLocationMaxX1,
        item.RegionLocationMaxY1,
    ) = region.box
    item.PhysicalUnitsXDirection, item.PhysicalUnitsYDirection = region.units
    item.PhysicalDeltaX, item.PhysicalDeltaY = region.delta
    return item


def _photometric(rgb: bool, transfer_syntax: str, palette: Palette | None) -> str:
    if not rgb:
        return "MONOCHROME2" if palette is None else "PALETTE COLOR"
    converted = {
        BASELINE: "YBR_FULL_422",
        JPEG2000_LOSSLESS: "YBR_RCT",
        JPEG2000: "YBR_ICT",
        HTJ2K_LOSSLESS: "YBR_RCT",
        HTJ2K: "YBR_ICT",
        JPEGXL: "XYB",
    }
    return converted.get(transfer_syntax, "RGB")


def _describe(dataset: Dataset, stack: NDArray[Any], photometric: str, bits_stored: int | None) -> None:
    if len(stack) > 1:
        dataset.SOPClassUID = _MULTI_FRAME
        dataset.NumberOfFrames = len(stack)
        dataset.FrameTime = "40"
        dataset.FrameIncrementPointer = 0x00181063
    dataset.SamplesPerPixel = 3 if stack.ndim == 4 else 1
    dataset.PhotometricInterpretation = photometric
    dataset.Rows, dataset.Columns = stack.shape[1:3]
    dataset.BitsAllocated = 8 * stack.dtype.itemsize
    dataset.BitsStored = bits_stored or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = 0


def _add_palette(dataset: Dataset, palette: Palette, order: str) -> None:
    bits = 8 * palette.colours.dtype.itemsize
    for channel, name in enumerate(("Red", "Green", "Blue")):
        entries = palette.colours[:, channel]
        descriptor = [len(entries) % 2**16, palette.first, bits]  # 2**16 entries are written as 0
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", descriptor)
        dataset[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
        prefix, words = "", entries
        if palette.segments is not None:
            prefix, words = "Segmented", np.array(palette.segments[channel], np.uint16)
        data = words.astype("<u2" if words.dtype.itemsize > 1 else "u1").tobytes()
        data += b"\0" * (len(data) % 2)
        if order == "big":
            data = np.frombuffer(data, "<u2").astype(">u2").tobytes()  # the VR is OW: words, also of bytes
        setattr(dataset, f"{prefix}{name}PaletteColorLookupTableData", data)


def _native(dataset: Dataset, stack: NDArray[Any], transfer_syntax: str, pixel_vr: str | None) -> bytes:
    if stack.ndim == 4 and dataset.PlanarConfiguration == 1:
        stack = np.moveaxis(stack, -1, 1)
    if dataset.PhotometricInterpretation == "YBR_FULL_422" and stack.ndim == 4:
        luma = stack[..., 0].reshape(*stack.shape[:2], -1, 2)  # PS3.3 C.7.6.3.1.2: Y1 Y2 Cb Cr of two pixels
        chroma = stack[:, :, ::2, 1:]
        stack = np.concatenate([luma, chroma], axis=-1)
    big = transfer_syntax == BIG_ENDIAN
    data = stack.astype(stack.dtype.newbyteorder(">" if big else "<")).tobytes()
    data += b"\0" * (len(data) % 2)
    if big and pixel_vr == "OW" and stack.dtype.itemsize == 1:
        data = np.frombuffer(data, "<u2").astype(">u2").tobytes()
    return data


def encode_frame(  # noqa: PLR0911 -- one for each family of codestreams
    frame: NDArray[Any],
    transfer_syntax: str,
    photometric: str,
    quality: int = 90,
    bits: int | None = None,
) -> bytes:
    """Encode one frame as a codestream of the transfer syntax.

    Args:
        frame: (h, w) or (h, w, 3), uint8 or uint16.
        transfer_syntax: Its UID.
        photometric: PhotometricInterpretation, which decides the encoder's colour transform.
        quality: Of JPEG baseline.
        bits: Precision of JPEG lossless, JPEG-LS and JPEG 2000; by default that of the type.
    """
    bits = bits or 8 * frame.dtype.itemsize
    frame = np.ascontiguousarray(frame)
    match transfer_syntax:
        case "1.2.840.10008.1.2.5":
            return _rle(frame)
        case "1.2.840.10008.1.2.4.50":
            return _baseline(frame, photometric, quality)
        case "1.2.840.10008.1.2.4.57" | "1.2.840.10008.1.2.4.70":
            import imagecodecs  # noqa: PLC0415

            predictor = 1 if transfer_syntax == JPEG_LOSSLESS_SV1 else 4
            colours = None if frame.ndim == 2 else "rgb"
            return bytes(
                imagecodecs.jpeg8_encode(
                    frame,
                    lossless=True,
                    predictor=predictor,
                    bitspersample=bits,
                    colorspace=colours,
                    outcolorspace=colours,
                )
            )
        case "1.2.840.10008.1.2.4.80" | "1.2.840.10008.1.2.4.81":
            import jpeg_ls  # noqa: PLC0415

            height, width = frame.shape[:2]
            return bytes(
                jpeg_ls.encode_buffer(
                    frame.astype(frame.dtype.newbyteorder("<")).tobytes(),
                    height,
                    width,
                    3 if frame.ndim == 3 else 1,
                    bits,
                    2 if transfer_syntax == JPEGLS_NEAR else 0,
                    2 if frame.ndim == 3 else 0,
                )
            )
        case "1.2.840.10008.1.2.4.90" | "1.2.840.10008.1.2.4.91":
            from openjpeg.utils import encode_array  # noqa: PLC0415

            ratios = [8.0] if transfer_syntax == JPEG2000 else None
            return bytes(
                encode_array(
                    frame,
                    bits_stored=bits,
                    photometric_interpretation=1 if frame.ndim == 3 else 2,
                    use_mct=photometric in ("YBR_RCT", "YBR_ICT"),
                    compression_ratios=ratios,
                )
            )
        case "1.2.840.10008.1.2.4.201" | "1.2.840.10008.1.2.4.202" | "1.2.840.10008.1.2.4.203":
            import imagecodecs  # noqa: PLC0415

            level = 0.01 if transfer_syntax == HTJ2K else None
            return bytes(imagecodecs.htj2k_encode(frame, level, reversible=transfer_syntax != HTJ2K))
        case "1.2.840.10008.1.2.4.110" | "1.2.840.10008.1.2.4.112":
            import imagecodecs  # noqa: PLC0415

            if transfer_syntax == JPEGXL_LOSSLESS:
                return bytes(imagecodecs.jpegxl_encode(frame, lossless=True, numthreads=1))
            return bytes(imagecodecs.jpegxl_encode(frame, distance=0.5, numthreads=1))
    raise NotImplementedError(transfer_syntax)


def _baseline(frame: NDArray[Any], photometric: str, quality: int) -> bytes:
    from PIL import Image  # noqa: PLC0415

    held = io.BytesIO()
    if frame.ndim == 2:
        Image.fromarray(frame).save(held, "JPEG", quality=quality)
    elif photometric == "RGB":
        Image.fromarray(frame).save(held, "JPEG", quality=quality, keep_rgb=True)
    else:
        subsampling = "4:2:2" if photometric == "YBR_FULL_422" else "4:4:4"
        Image.fromarray(frame).save(held, "JPEG", quality=quality, subsampling=subsampling)
    return held.getvalue()


def _rle(frame: NDArray[Any]) -> bytes:
    """Encode by PackBits (DICOM PS3.5 annex G), literal runs of at most 128 bytes and runs of equal ones."""
    planes = frame.reshape(*frame.shape[:2], -1).astype(frame.dtype.newbyteorder(">"))
    segments = []
    for sample in range(planes.shape[2]):
        plane = np.ascontiguousarray(planes[..., sample]).view(np.uint8).reshape(len(frame), -1)
        size = frame.dtype.itemsize
        segments += [_packed(plane[:, byte::size]) for byte in range(size)]
    offsets = [64]
    for segment in segments[:-1]:
        offsets.append(offsets[-1] + len(segment))
    header = np.zeros(16, "<u4")
    header[0] = len(segments)
    header[1 : 1 + len(offsets)] = offsets
    return header.tobytes() + b"".join(segments)


def _packed(plane: NDArray[np.uint8]) -> bytes:
    packed = bytearray()
    for row in plane:
        starts = np.concatenate([[0], np.flatnonzero(np.diff(row)) + 1, [len(row)]])
        literal = bytearray()
        for start, stop in pairwise(starts):
            for part in range(start, stop, 128):
                length = min(128, stop - part)
                if length > 2:
                    packed += _literals(literal)
                    literal.clear()
                    packed += bytes([257 - length, row[part]])
                else:
                    literal += row[part : part + length].tobytes()
        packed += _literals(literal)
    return bytes(packed + b"\0" * (len(packed) % 2))


def _literals(literal: bytearray) -> bytes:
    parts = [bytes(literal[at : at + 128]) for at in range(0, len(literal), 128)]
    return b"".join(bytes([len(part) - 1]) + part for part in parts)


def _set(dataset: Dataset, key: str | tuple[int, int], value: Any) -> None:
    if isinstance(key, tuple):
        vr, held = value
        dataset.add_new(key, vr, held)
    elif value is None:
        if key in dataset:
            delattr(dataset, key)
    else:
        setattr(dataset, key, value)
