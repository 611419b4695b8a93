"""Headers, cut files and decoding, on files that Pillow wrote and on files assembled from their parts."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from thyrodata.errors import CaseError
from thyrodata.io import images
from thyrodata.io.images import (
    IMAGE_SUFFIXES,
    MAX_PIXELS,
    ImageFormat,
    ImageHeader,
    decode_image,
    is_image_name,
    probe_image,
)
from thyrodata.io.png import encode_png

WIDTH, HEIGHT = 37, 26
GREY = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
RGB = np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
DEEP = np.random.default_rng(3).integers(0, 65536, (HEIGHT, WIDTH), dtype=np.uint16)
END_OF_IMAGE = b"\xff\xd9"
GARBAGE = b"\0\n" + END_OF_IMAGE + b"trailing" + END_OF_IMAGE + b"\xff"


def saved(picture, image_format, **options):
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    stream = io.BytesIO()
    picture.save(stream, image_format, **options)
    return stream.getvalue()


def jpeg_segment(marker, body):
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


COMMENT = jpeg_segment(0xFE, b"a comment with \xff\xd9 and \xff\xda in it \xff\xd9")


def exif_with_thumbnail():
    thumbnail = saved(RGB[:8, :8], "JPEG")
    return b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + thumbnail


def sequential_scans(planes, scans):
    """Assemble a baseline JPEG that is not interleaved: three components, a scan for each.

    A component without subsampling is coded in a scan of its own as a grey image is, so the scans of grey
    JPEGs can be taken over. Adobe's marker says that the components are R, G and B.
    """
    entropy = []
    for plane in planes:
        grey = saved(plane, "JPEG")
        scan = grey.index(b"\xff\xda")
        tables = grey[grey.index(b"\xff\xdb") : grey.index(b"\xff\xc0")]
        huffman = grey[grey.index(b"\xff\xc4") : scan]
        entropy.append(grey[scan + 10 : -2])
    height, width = planes[0].shape
    components = b"".join(bytes((i, 0x11, 0)) for i in (1, 2, 3))
    data = b"\xff\xd8" + jpeg_segment(0xEE, b"Adobe\0\x64\0\0\0\0\0") + tables
    data += jpeg_segment(0xC0, struct.pack(">BHHB", 8, height, width, 3) + components) + huffman
    for i in range(scans):
        data += COMMENT + jpeg_segment(0xDA, bytes((1, i % 3 + 1, 0, 0, 63, 0))) + entropy[i % 3]
    return data + END_OF_IMAGE


def progressive_with_comments():
    """Put comments that hold FFD9 between the scans of a progressive JPEG."""
    data = saved(RGB, "JPEG", progressive=True)
    first = data.index(b"\xff\xda")
    commented = data[first:].replace(b"\xff\xc4", COMMENT + b"\xff\xc4")
    assert commented.count(COMMENT) > 3
    return data[:first] + commented


def with_fill_bytes(data):
    """Put fill bytes (T.81, B.1.1.2) before the frame and the end."""
    frame = data.index(b"\xff\xc0")
    return data[:frame] + b"\xff\xff\xff" + data[frame:-2] + b"\xff\xff" + data[-2:]


JPEGS = {
    "baseline": saved(RGB, "JPEG"),
    "grey": saved(GREY, "JPEG"),
    "not subsampled": saved(RGB, "JPEG", subsampling=0),
    "subsampled": saved(RGB, "JPEG", subsampling=2),
    "optimised": saved(RGB, "JPEG", optimize=True),
    "restarts": saved(RGB, "JPEG", restart_marker_blocks=1),
    "progressive": saved(RGB, "JPEG", progressive=True),
    "progressive grey": saved(GREY, "JPEG", progressive=True),
    "progressive restarts": saved(RGB, "JPEG", progressive=True, restart_marker_rows=1),
    "progressive comments": progressive_with_comments(),
    "filled restarts": saved(RGB, "JPEG", progressive=True, restart_marker_rows=1).replace(
        b"\xff\xd0", b"\xff\xff\xff\xd0"
    ),
    "thumbnail": saved(RGB, "JPEG", exif=exif_with_thumbnail()),
    "progressive thumbnail": saved(RGB, "JPEG", progressive=True, exif=exif_with_thumbnail()),
    "comment": saved(RGB, "JPEG", comment=b"cut here \xff\xd9"),
    "fill bytes": with_fill_bytes(saved(RGB, "JPEG")),
    "one pixel": saved(GREY[:1, :1], "JPEG"),
    "three scans": sequential_scans(np.moveaxis(RGB, 2, 0), 3),
}
PNGS = {
    "grey": saved(GREY, "PNG"),
    "rgb": saved(RGB, "PNG"),
    "deep": saved(DEEP, "PNG"),
    "bilevel": saved(Image.fromarray(GREY).convert("1"), "PNG"),
    "palette": saved(Image.fromarray(RGB).quantize(7), "PNG"),
    "palette of 16": saved(Image.fromarray(RGB).quantize(16), "PNG", bits=4),
    "text": saved(RGB, "PNG", dpi=(72, 72), exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"),
    "opaque alpha": saved(Image.fromarray(RGB).convert("RGBA"), "PNG"),
    "opaque grey alpha": saved(Image.fromarray(GREY).convert("LA"), "PNG"),
    "ours": encode_png(RGB),
}


def top_down(bmp):
    (height,) = struct.unpack_from("<i", bmp, 22)
    stride = (len(bmp) - 54) // height
    rows = [bmp[i : i + stride] for i in range(54, len(bmp), stride)]
    return bmp[:22] + struct.pack("<i", -height) + bmp[26:54] + b"".join(reversed(rows))


def without_size(bmp):
    return bmp[:2] + bytes(4) + bmp[6:]


BMPS = {
    "grey": saved(GREY, "BMP"),
    "rgb": saved(RGB, "BMP"),
    "bilevel": saved(Image.fromarray(GREY).convert("1"), "BMP"),
    "palette": saved(Image.fromarray(RGB).quantize(256), "BMP"),
    "32 bits": saved(Image.fromarray(RGB).convert("RGBA"), "BMP"),
    "top down": top_down(saved(RGB, "BMP")),
    "without size": without_size(saved(RGB, "BMP")),
}
FILES = {
    ImageFormat.JPEG: JPEGS,
    ImageFormat.PNG: PNGS,
    ImageFormat.BMP: BMPS,
}
EACH_FILE = pytest.mark.parametrize(
    ("image_format", "data"),
    [
        pytest.param(kind, data, id=f"{kind} {name}")
        for kind, files in FILES.items()
        for name, data in files.items()
    ],
)
ANY_FILE = st.sampled_from([data for files in FILES.values() for data in files.values()])


def refused(data, act=probe_image):
    with pytest.raises(CaseError) as caught:
        act(data, "12_1.jpg")
    assert caught.value.where == "12_1.jpg"
    assert caught.value.hint
    return caught.value.message


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks):
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in chunks)


def ihdr(width, height, depth, colour, *methods):
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, *(methods or (0, 0, 0)))


def idat(rows):
    return b"IDAT", zlib.compress(rows)


IEND = (b"IEND", b"")


# --- whole files


@EACH_FILE
def test_header_agrees_with_pillow(image_format, data):
    header = probe_image(data, "x")
    picture = Image.open(io.BytesIO(data))
    assert (header.width, header.height) == picture.size
    assert header.format == image_format == picture.format


@EACH_FILE
def test_header_agrees_with_the_decoded_pixels(image_format, data):
    header = probe_image(data, "x")
    pixels = decode_image(data, "x")
    channels = {2: 1, 4: 3}.get(header.channels, header.channels)  # the alpha is dropped
    assert pixels.shape == (header.height, header.width) + (3,) * (channels == 3)
    assert pixels.dtype == (np.uint16 if header.bit_depth == 16 else np.uint8)


@pytest.mark.parametrize(
    ("data", "bit_depth", "channels"),
    [
        (JPEGS["baseline"], 8, 3),
        (JPEGS["progressive grey"], 8, 1),
        (saved(Image.fromarray(RGB).convert("CMYK"), "JPEG"), 8, 4),
        (PNGS["deep"], 16, 1),
        (PNGS["bilevel"], 1, 1),
        (PNGS["palette"], 8, 3),
        (PNGS["opaque alpha"], 8, 4),
        (PNGS["opaque grey alpha"], 8, 2),
        (BMPS["grey"], 8, 1),
        (BMPS["bilevel"], 8, 1),
        (BMPS["palette"], 8, 3),
        (BMPS["32 bits"], 8, 3),
    ],
)
def test_bit_depth_and_channels(data, bit_depth, channels):
    header = probe_image(data, "x")
    assert (header.bit_depth, header.channels) == (bit_depth, channels)


def test_scans_of_an_assembled_jpeg_are_read_by_pillow():
    planes = [np.asarray(Image.open(io.BytesIO(saved(plane, "JPEG")))) for plane in np.moveaxis(RGB, 2, 0)]
    np.testing.assert_array_equal(decode_image(JPEGS["three scans"], "x"), np.dstack(planes))


def test_comments_between_scans_leave_the_pixels_alone():
    np.testing.assert_array_equal(
        decode_image(JPEGS["progressive comments"], "x"), decode_image(JPEGS["progressive"], "x")
    )


@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from(["JPEG", "PNG", "BMP"]), st.booleans())
def test_header_of_any_size(width, height, image_format, colour):
    """The header of an image that Pillow wrote tells the size, depth and channels that it was given."""
    mode = "RGB" if colour else "L"
    data = saved(Image.new(mode, (width, height)), image_format)
    assert probe_image(data, "x") == ImageHeader(
        width=width,
        height=height,
        bit_depth=8,
        channels=3 if colour else 1,
        format=ImageFormat(image_format),
    )


GREY_KINDS = [{}, {"progressive": True}, {"restart_marker_blocks": 1}]
COLOUR_KINDS = [*GREY_KINDS, {"subsampling": "4:2:0"}, {"subsampling": "4:4:4"}, {"keep_rgb": True}]


@given(st.integers(1, 40), st.integers(1, 40), st.booleans(), st.integers(5, 100), st.randoms(), st.data())
def test_a_jpeg_comes_as_pillow_opens_it(width, height, colour, quality, random, draw):
    kind = draw.draw(st.sampled_from(COLOUR_KINDS if colour else GREY_KINDS))
    mode, samples = ("RGB", 3) if colour else ("L", 1)
    picture = Image.frombytes(mode, (width, height), random.randbytes(width * height * samples))
    data = saved(picture, "JPEG", quality=quality, **kind)
    np.testing.assert_array_equal(decode_image(data, "x"), np.asarray(Image.open(io.BytesIO(data))))


def test_twelve_bit_jpeg():
    extended = JPEGS["baseline"].replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c")
    assert probe_image(extended, "x").bit_depth == 12
    assert "cannot be decoded" in refused(extended, decode_image)


# --- cut files


@EACH_FILE
def test_every_cut_is_caught(image_format, data):
    """Whatever follows its end, a file is read if and only if all of it is there."""
    whole = probe_image(data, "x")
    for length in range(len(data)):
        message = refused(data[:length])
        if length > 8:
            assert "cut" in message
    for extra in range(1, len(GARBAGE) + 1):
        assert probe_image(data + GARBAGE[:extra], "x") == whole


@pytest.mark.parametrize("data", [*JPEGS.values(), *PNGS.values()], ids=[*JPEGS, *PNGS])
def test_zeros_do_not_stand_in_for_the_end(data):
    """A cut file is refused also where zeros, as of a broken download, fill it up; a BMP has no end mark."""
    for length in range(len(data)):
        padded = data[:length] + bytes(len(data) - length)
        if padded != data:
            refused(padded)


def test_a_cut_comment_behind_the_only_scan_costs_no_pixels():
    """FFD9 in what may follow the only scan can stand for the end, for every pixel comes before it."""
    data = JPEGS["baseline"]
    commented = data[:-2] + COMMENT + END_OF_IMAGE
    accepted = 0
    for length in range(len(data) - 2, len(commented)):
        try:
            probe_image(commented[:length], "x")
        except CaseError:
            continue
        accepted += 1
        np.testing.assert_array_equal(decode_image(commented[:length], "x"), decode_image(data, "x"))
    assert accepted == COMMENT.count(END_OF_IMAGE)


@pytest.mark.parametrize("rest", [b"\0\x08\x01\xff\xd9", b"\0\x08\x01\x01\0\0\x3f\xff\xd9"])
def test_an_end_mark_inside_the_scan_header_is_none(rest):
    assert "cut" in refused(SOI + FRAME + b"\xff\xda" + rest)


def test_declared_size_of_a_bmp_counts():
    data = BMPS["rgb"]
    longer = data[:2] + struct.pack("<I", len(data) + 1) + data[6:]
    assert "cut" in refused(longer)
    probe_image(longer + b"\0", "x")


def test_every_changed_byte_of_a_png_is_caught():
    for data in PNGS.values():
        for position in range(len(data)):
            for bits in (0x01, 0xFF):
                changed = bytearray(data)
                changed[position] ^= bits
                refused(bytes(changed))


# --- what is refused


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (saved(RGB, "GIF"), "GIF"),
        (saved(RGB, "TIFF"), "TIFF"),
        (b"MM\0*\0\0\0\x08", "TIFF"),
        (saved(RGB, "WEBP"), "WebP"),
        (saved(RGB, "JPEG2000"), "JPEG 2000"),
        (saved(RGB, "JPEG2000", no_jp2=True), "JPEG 2000"),
        (saved(RGB, "AVIF"), "HEIF or AVIF"),
        (b"\xff\x0a\xfa\x7f", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (bytes(128) + b"DICM", "DICOM"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (JPEGS["baseline"].replace(b"\xff\xc0", b"\xff\xc3"), "lossless JPEG"),
        (JPEGS["baseline"].replace(b"\xff\xc0", b"\xff\xc5"), "hierarchical JPEG"),
        (JPEGS["baseline"].replace(b"\xff\xc0", b"\xff\xc9"), "arithmetic-coded JPEG"),
        (JPEGS["baseline"].replace(b"\xff\xc0", b"\xff\xf7"), "JPEG-LS"),
        (JPEGS["grey"].replace(b"\xff\xc0\0\x0b\x08\0\x1a", b"\xff\xc0\0\x0b\x08\0\0"), "(DNL)"),
        (b"\xff\xd8" + jpeg_segment(0xC0, b"\x08\0\x10\0\x10\x02" + bytes(6)), "JPEG of 2 components"),
        (b"BM" + bytes(12) + struct.pack("<I", 12) + bytes(40), "12 bytes"),
        (BMPS["grey"][:30] + b"\x01" + BMPS["grey"][31:], "compression 1"),
        (BMPS["rgb"][:28] + b"\x10" + BMPS["rgb"][29:], "16 bits per pixel"),
    ],
)
def test_unsupported_formats_are_named(data, name):
    message = refused(data)
    assert message.startswith("unsupported image format: ")
    assert name in message


def test_an_empty_file_is_said_to_be_empty():
    assert "empty" in refused(b"")


@pytest.mark.parametrize(
    "data", [b"\0", bytes(500), b"<html><body>Not found</body></html>", b"\x89PNG\n\x1a\n"]
)
def test_what_is_no_image_is_said_to_be_none(data):
    assert data[:4].hex(" ") in refused(data)


SOI = b"\xff\xd8"
FRAME = jpeg_segment(0xC0, struct.pack(">BHHB", 8, 5, 5, 1) + b"\x01\x11\0")
SCAN = jpeg_segment(0xDA, b"\x01\x01\0\0\x3f\0")


@pytest.mark.parametrize(
    "data",
    [
        SOI + END_OF_IMAGE,
        SOI + FRAME + END_OF_IMAGE,
        SOI + SCAN + b"\0" + END_OF_IMAGE,
        SOI + FRAME + FRAME + SCAN + b"\0" + END_OF_IMAGE,
        SOI + SOI + FRAME + SCAN + b"\0" + END_OF_IMAGE,
        SOI + b"\0" + FRAME + SCAN + b"\0" + END_OF_IMAGE,
        SOI + b"\xff\xe0\0\x01" + FRAME + SCAN + b"\0" + END_OF_IMAGE,
        SOI + b"\xff\x01\0\x02" + FRAME + SCAN + b"\0" + END_OF_IMAGE,
        SOI + b"\xff\xd0\0\x02" + FRAME + SCAN + b"\0" + END_OF_IMAGE,
        SOI + FRAME + jpeg_segment(0xDA, b"\x02\x01\0\0\x3f\0") + b"\0" + END_OF_IMAGE,
        SOI + jpeg_segment(0xC0, struct.pack(">BHHB", 8, 5, 0, 1) + b"\x01\x11\0") + SCAN + END_OF_IMAGE,
        SOI + jpeg_segment(0xC0, struct.pack(">BHHB", 12, 5, 5, 1) + b"\x01\x11\0") + SCAN + END_OF_IMAGE,
        SOI + jpeg_segment(0xC0, struct.pack(">BHHB", 8, 5, 5, 3) + b"\x01\x11\0") + SCAN + END_OF_IMAGE,
        sequential_scans(np.moveaxis(RGB[:8, :8], 2, 0), 101),
    ],
)
def test_corrupt_jpegs(data):
    assert "the JPEG is corrupt" in refused(data)


def test_the_parts_of_the_corrupt_jpegs_are_sound():
    assert probe_image(SOI + FRAME + SCAN + b"\0" + END_OF_IMAGE, "x").width == 5
    assert probe_image(sequential_scans(np.moveaxis(RGB[:8, :8], 2, 0), 100), "x").width == 8


ROW = idat(b"\0\0")


@pytest.mark.parametrize(
    "data",
    [
        png(IEND),
        png(ihdr(1, 1, 8, 0), IEND),
        png(ROW, ihdr(1, 1, 8, 0), IEND),
        png(ihdr(1, 1, 8, 0), ihdr(1, 1, 8, 0), ROW, IEND),
        png(ihdr(0, 1, 8, 0), ROW, IEND),
        png(ihdr(1, 0, 8, 0), ROW, IEND),
        png(ihdr(1, 1, 3, 0), ROW, IEND),
        png(ihdr(1, 1, 4, 2), ROW, IEND),
        png(ihdr(1, 1, 16, 3), ROW, IEND),
        png(ihdr(1, 1, 8, 1), ROW, IEND),
        png(ihdr(1, 1, 8, 0, 1, 0, 0), ROW, IEND),
        png(ihdr(1, 1, 8, 0, 0, 1, 0), ROW, IEND),
        png(ihdr(1, 1, 8, 0, 0, 0, 2), ROW, IEND),
        png((b"IHDR", ihdr(1, 1, 8, 0)[1] + b"\0"), ROW, IEND),
    ],
)
def test_corrupt_pngs(data):
    assert "the PNG is corrupt" in refused(data)


def test_the_parts_of_the_corrupt_pngs_are_sound():
    np.testing.assert_array_equal(decode_image(png(ihdr(1, 1, 8, 0), ROW, IEND), "x"), [[0]])


@pytest.mark.parametrize(
    ("offset", "value"),
    [(10, 53), (18, 0), (18, -5), (22, 0), (46, 300)],
    ids=["pixels over header", "width 0", "width negative", "height 0", "too many colours"],
)
def test_corrupt_bmps(offset, value):
    data = bytearray(BMPS["palette"])
    struct.pack_into("<i", data, offset, value)
    assert "the BMP is corrupt" in refused(bytes(data))


def test_a_bmp_with_more_colours_than_its_bits_count_is_corrupt():
    ramp = b"".join(bytes((i % 256,) * 4) for i in range(300))
    head = struct.pack("<I4xIIiiHHI12xI4x", 0, 54 + len(ramp), 40, 1, 1, 1, 8, 0, 300)
    assert "the BMP is corrupt" in refused(b"BM" + head + ramp + bytes(4))


SIDE = 8192


@pytest.mark.parametrize(
    "of_height",
    [
        lambda height: (
            SOI
            + jpeg_segment(0xC0, struct.pack(">BHHB", 8, height, SIDE, 1) + b"\x01\x11\0")
            + SCAN
            + END_OF_IMAGE
        ),
        lambda height: png(ihdr(SIDE, height, 8, 0), ROW, IEND),
        lambda height: b"BM" + struct.pack("<I4xIIiiHHI20x", 0, 54, 40, SIDE, -height, 1, 24, 0),
    ],
    ids=["JPEG", "PNG", "BMP"],
)
def test_absurd_sizes_are_refused(of_height):
    assert SIDE * SIDE == MAX_PIXELS
    assert "8192 x 8193 pixels, past the limit" in refused(of_height(SIDE + 1))
    assert "past the limit" in refused(of_height(SIDE + 1), decode_image)
    most = of_height(SIDE)
    if most.startswith(b"BM"):
        assert "cut" in refused(most)
    else:
        assert probe_image(most, "x").height == SIDE


# --- pixels


def test_lossless_pixels_come_as_they_were_stored():
    for data, pixels in (
        (PNGS["grey"], GREY),
        (PNGS["rgb"], RGB),
        (PNGS["deep"], DEEP),
        (PNGS["text"], RGB),
        (PNGS["opaque alpha"], RGB),
        (PNGS["opaque grey alpha"], GREY),
        (BMPS["grey"], GREY),
        (BMPS["rgb"], RGB),
        (BMPS["top down"], RGB),
        (BMPS["32 bits"], RGB),
    ):
        decoded = decode_image(data, "x")
        assert decoded.dtype == pixels.dtype
        assert decoded.flags.c_contiguous
        assert decoded.flags.writeable
        np.testing.assert_array_equal(decoded, pixels)


@pytest.mark.parametrize("data", [PNGS["bilevel"], BMPS["bilevel"]])
def test_black_and_white_become_0_and_255(data):
    np.testing.assert_array_equal(
        decode_image(data, "x"), 255 * np.asarray(Image.fromarray(GREY).convert("1")).astype(np.uint8)
    )


def test_few_bits_of_grey_are_scaled():
    data = png(ihdr(4, 1, 2, 0), idat(b"\0\x1b"), IEND)
    np.testing.assert_array_equal(decode_image(data, "x"), [[0, 85, 170, 255]])


@pytest.mark.parametrize("image_format", ["PNG", "BMP"])
def test_a_palette_becomes_rgb(image_format):
    quantised = Image.fromarray(RGB).quantize(256)
    palette = np.array(quantised.getpalette()).reshape(-1, 3)
    decoded = decode_image(saved(quantised, image_format), "x")
    np.testing.assert_array_equal(decoded, palette[np.asarray(quantised)])


PALETTE = (b"PLTE", bytes((10, 20, 30, 40, 50, 60)))


@pytest.mark.parametrize(
    ("chunks", "pixels"),
    [
        (
            [ihdr(2, 1, 8, 3), PALETTE, (b"tRNS", b"\xff\xff"), idat(b"\0\0\x01")],
            [[[10, 20, 30], [40, 50, 60]]],
        ),
        ([ihdr(2, 1, 8, 0), (b"tRNS", b"\0\x07"), idat(b"\0\x05\x06")], [[5, 6]]),
        ([ihdr(1, 1, 8, 2), (b"tRNS", b"\0\x01\0\x02\0\x04"), idat(b"\0\x01\x02\x03")], [[[1, 2, 3]]]),
        ([ihdr(1, 1, 8, 4), idat(b"\0\x09\xff")], [[9]]),
        ([ihdr(1, 1, 8, 6), idat(b"\0\x01\x02\x03\xff")], [[[1, 2, 3]]]),
    ],
    ids=["palette", "grey", "RGB", "grey and alpha", "RGBA"],
)
def test_opaque_alpha_is_dropped_and_any_other_refused(chunks, pixels):
    np.testing.assert_array_equal(decode_image(png(*chunks, IEND), "x"), pixels)
    transparent = {
        (b"tRNS", b"\xff\xff"): (b"tRNS", b"\xff\xfe"),
        (b"tRNS", b"\0\x07"): (b"tRNS", b"\0\x06"),
        (b"tRNS", b"\0\x01\0\x02\0\x04"): (b"tRNS", b"\0\x01\0\x02\0\x03"),
        idat(b"\0\x09\xff"): idat(b"\0\x09\xfe"),
        idat(b"\0\x01\x02\x03\xff"): idat(b"\0\x01\x02\x03\0"),
    }
    changed = png(*(transparent.get(chunk, chunk) for chunk in chunks), IEND)
    assert probe_image(changed, "x").width == len(pixels[0])
    assert "transparent" in refused(changed, decode_image)


@pytest.mark.parametrize(
    "data",
    [
        saved(Image.fromarray(RGB).convert("CMYK"), "JPEG"),
        png(ihdr(1, 1, 16, 2), idat(bytes(7)), IEND),
        png(ihdr(1, 1, 16, 4), idat(b"\0\0\0\xff\xff"), IEND),
        png(ihdr(1, 1, 16, 6), idat(b"\0" + b"\xff" * 8), IEND),
        png(ihdr(1, 1, 16, 0), (b"tRNS", b"\0\0"), idat(b"\0\0\x01"), IEND),
        png(ihdr(1, 1, 2, 0), (b"tRNS", b"\0\x01"), idat(b"\0\x40"), IEND),
    ],
    ids=[
        "CMYK",
        "deep RGB",
        "deep grey and alpha",
        "deep RGBA",
        "deep transparent grey",
        "2-bit transparent",
    ],
)
def test_pixels_that_would_lose_values_are_refused(data):
    probe_image(data, "x")
    assert "unsupported image format" in refused(data, decode_image)


@pytest.mark.parametrize(
    "data",
    [
        png(ihdr(2, 2, 8, 0), (b"IDAT", b"no deflate stream"), IEND),
        png(ihdr(2, 2, 8, 0), idat(b"\0\x01"), IEND),
        SOI + FRAME + SCAN + b"\0" + END_OF_IMAGE,
    ],
    ids=["no deflate stream", "too few rows", "no tables"],
)
def test_broken_pixels_are_refused(data):
    refused(data, decode_image)


@pytest.mark.parametrize("limit", [WIDTH * HEIGHT - 1, WIDTH * HEIGHT // 3])
def test_the_decoders_own_bomb_guard_is_an_error(monkeypatch, limit):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    assert "decompression bomb" in refused(PNGS["rgb"], decode_image)


def test_a_decoder_that_sees_another_size_is_an_error(monkeypatch):
    """Between the two parsers no image slips past the limit on pixels."""
    elsewhere = Image.open(io.BytesIO(saved(RGB[:3, :3], "PNG")))
    monkeypatch.setattr(images.Image, "open", lambda *_, **__: elsewhere)
    assert "its decoder sees 3 x 3 pixels" in refused(PNGS["rgb"], decode_image)


def test_running_out_of_memory_is_not_the_files_fault(monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(images.Image, "open", fail)
    with pytest.raises(MemoryError):
        decode_image(PNGS["rgb"], "x")


# --- any bytes


def only_case_errors(data):
    for act in (probe_image, decode_image):
        try:
            act(data, "12_1.jpg")
        except CaseError as error:
            assert error.where == "12_1.jpg"  # noqa: PT017
            assert error.hint  # noqa: PT017


MAGICS = st.sampled_from([b"", b"\xff\xd8", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM"])


@given(MAGICS, st.binary(max_size=200))
def test_any_bytes_are_an_image_or_a_case_error(magic, data):
    """Bytes of any kind are read or raise CaseError, and nothing else."""
    only_case_errors(magic + data)


def with_right_checksums(data):
    """Mend the checksums of a PNG, so that changes get past them and meet the decoder."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    mended = bytearray(data)
    position = 8
    while position + 12 <= len(mended):
        (length,) = struct.unpack_from(">I", mended, position)
        end = position + 8 + length
        if end + 4 > len(mended):
            break
        struct.pack_into(">I", mended, end, zlib.crc32(mended[position + 4 : end]))
        position = end + 4
    return bytes(mended)


@st.composite
def mutated(draw):
    data = bytearray(draw(ANY_FILE))
    for _ in range(draw(st.integers(1, 4))):
        near_the_start = draw(st.booleans())
        start = draw(st.integers(0, 60 if near_the_start else len(data)))
        stop = start + draw(st.sampled_from([0, 0, 1, 1, 1, 2, 4, 40]))
        data[start:stop] = draw(st.binary(max_size=4))
    return with_right_checksums(bytes(data))


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=mutated())
def test_mutated_files_are_an_image_or_a_case_error(monkeypatch, data):
    """Files changed in places are read or raise CaseError, and nothing else, with right checksums too."""
    monkeypatch.setattr(images, "MAX_PIXELS", 2**20)  # keeps the fuzzing quick
    only_case_errors(data)


# --- names


@pytest.mark.parametrize("name", ["1.jpg", "a/b/00001.PNG", "62_013.Jpg", "x.jpeg", "x.tar.BMP"])
def test_image_names(name):
    assert is_image_name(name)


@pytest.mark.parametrize("name", ["", ".jpg", "1.xml", "jpg", "a.jpg/b", "1.jpg.part", "1.gif", "1.jpg~"])
def test_other_names(name):
    assert not is_image_name(name)


def test_suffixes_are_lower_case():
    assert {suffix.lower() for suffix in IMAGE_SUFFIXES} == IMAGE_SUFFIXES
