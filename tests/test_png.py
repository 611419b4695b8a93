"""The PNG writer against Pillow and against a decoder written from the specification."""

import io
import struct
import subprocess
import sys
import zlib

import isal
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from isal import isal_zlib
from PIL import Image

from thyrodata.errors import MissingExtraError, SchemaError
from thyrodata.io.png import PngEncoder, encode_png

SIDE = st.integers(1, 24)
IMAGES = st.one_of(
    hnp.arrays(np.uint8, st.tuples(SIDE, SIDE)),
    hnp.arrays(np.uint8, st.tuples(SIDE, SIDE, st.just(3))),
    hnp.arrays(np.uint16, st.tuples(SIDE, SIDE)),
)
ENCODERS = st.sampled_from(PngEncoder)
BYTES_PER_PIXEL = {(8, 0): 1, (8, 2): 3, (16, 0): 2}


def chunks(png):
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    found = []
    rest = png[8:]
    while rest:
        (length,) = struct.unpack(">I", rest[:4])
        kind, body, checksum = rest[4:8], rest[8 : 8 + length], rest[8 + length : 12 + length]
        assert checksum == struct.pack(">I", zlib.crc32(kind + body))
        found.append((kind, body))
        rest = rest[12 + length :]
    return found


def unfilter(png):
    """Decode as section 9 of the specification tells, one byte after the other."""
    (_, ihdr), (_, idat), _ = chunks(png)
    width, height, depth, colour, *methods = struct.unpack(">IIBBBBB", ihdr)
    assert methods == [0, 0, 0]
    step = BYTES_PER_PIXEL[depth, colour]
    raw = zlib.decompress(idat)
    stride = 1 + width * step
    assert len(raw) == height * stride
    pixels = bytearray()
    for top in range(0, len(raw), stride):
        assert raw[top] == 1
        row = bytearray(step)
        for byte in raw[top + 1 : top + stride]:
            row.append((byte + row[-step]) % 256)
        pixels += row[step:]
    dtype = ">u2" if depth == 16 else "u1"
    shape = (height, width, 3) if colour == 2 else (height, width)
    return np.frombuffer(bytes(pixels), dtype).reshape(shape)


@given(IMAGES, ENCODERS)
def test_pixels_read_by_pillow(image, encoder):
    """What Pillow decodes is what was encoded: values, shape and depth."""
    decoded = np.asarray(Image.open(io.BytesIO(encode_png(image, encoder=encoder))))
    assert decoded.dtype == image.dtype
    np.testing.assert_array_equal(decoded, image)


@given(IMAGES, ENCODERS)
def test_pixels_read_by_the_specification(image, encoder):
    """Inflating the only IDAT and undoing Sub byte by byte gives what was encoded."""
    np.testing.assert_array_equal(unfilter(encode_png(image, encoder=encoder)), image)


@given(IMAGES, ENCODERS)
def test_nothing_but_the_image_is_written(image, encoder):
    """A file is IHDR, IDAT and IEND, and nothing can carry text."""
    assert [kind for kind, _ in chunks(encode_png(image, encoder=encoder))] == [b"IHDR", b"IDAT", b"IEND"]


def begun_apart(rows):
    """What ISA-L makes of rows whose first 16 bytes it is given by themselves."""
    stream = isal_zlib.compressobj(1)
    start = stream.compress(rows[:16]) + stream.flush(isal_zlib.Z_SYNC_FLUSH)
    return start + stream.compress(rows[16:]) + stream.flush()


@given(IMAGES)
def test_the_named_encoder_is_the_one_that_compresses(image):
    """Each encoder's IDAT is what its library makes of the filtered rows, so none stands in for another."""
    for encoder, compress in {
        PngEncoder.ISAL: begun_apart,
        PngEncoder.ZLIB: lambda rows: zlib.compress(rows, 6),
    }.items():
        idat = chunks(encode_png(image, encoder=encoder))[1][1]
        assert idat == compress(zlib.decompress(idat))


@given(IMAGES, ENCODERS)
def test_memory_layout_does_not_matter(image, encoder):
    """Byte order, strides and read-only memory leave the file as it is, and the array too."""
    expected = encode_png(image, encoder=encoder)
    kept = image.copy()
    spread = np.repeat(np.repeat(image, 2, axis=0), 2, axis=1)[::2, ::2]
    swapped = image.astype(image.dtype.newbyteorder())
    frozen = np.asfortranarray(image)
    frozen.flags.writeable = False
    for layout in (image, spread, swapped, frozen):
        assert encode_png(layout, encoder=encoder) == expected
    np.testing.assert_array_equal(image, kept)


def test_equal_channels_stay_rgb():
    image = np.repeat(np.arange(12, dtype=np.uint8).reshape(3, 4, 1), 3, axis=2)
    assert Image.open(io.BytesIO(encode_png(image))).mode == "RGB"


def test_isal_is_the_default():
    image = np.tile(np.arange(200, dtype=np.uint8), (50, 1))
    assert encode_png(image) == encode_png(image, encoder=PngEncoder.ISAL)
    assert encode_png(image) != encode_png(image, encoder=PngEncoder.ZLIB)


@pytest.mark.parametrize("encoder", PngEncoder)
@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 4), np.uint8),
        np.zeros((4, 0), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
        np.zeros(4, np.uint8),
        np.array(7, np.uint8),
        np.zeros((4, 4, 1), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.uint16),
        np.zeros((4, 4), np.int8),
        np.zeros((4, 4), np.int16),
        np.zeros((4, 4), np.uint32),
        np.zeros((4, 4), np.float32),
        np.zeros((4, 4), bool),
        np.zeros((4, 4), object),
        np.zeros((4, 4), "V1"),
        np.broadcast_to(np.uint8(0), (2**15, 2**15 + 1)),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_other_arrays_are_refused(array, encoder):
    with pytest.raises(SchemaError, match="a PNG cannot be written") as caught:
        encode_png(array, encoder=encoder)
    assert caught.value.hint


def test_encoders_describe_themselves():
    assert PngEncoder.ISAL.describe() == (
        f"isal {isal.__version__}, ISA-L {isal.ISAL_VERSION}, level 1, start flushed, filter Sub"
    )
    assert PngEncoder.ZLIB.describe() == f"zlib {zlib.ZLIB_RUNTIME_VERSION}, level 6, filter Sub"


def test_no_silent_fallback_without_isal(monkeypatch):
    monkeypatch.setitem(sys.modules, "isal.isal_zlib", None)
    image = np.zeros((2, 2), np.uint8)
    for act in (lambda: encode_png(image), PngEncoder.ISAL.describe):
        with pytest.raises(MissingExtraError, match="'isal' cannot be imported") as caught:
            act()
        assert "reinstall" in caught.value.hint
    np.testing.assert_array_equal(unfilter(encode_png(image, encoder=PngEncoder.ZLIB)), image)


ENCODE = """
import hashlib
import numpy as np
from thyrodata.io.png import encode_png

chance = np.random.default_rng(0)
digest = hashlib.sha256()
for _ in range(20_000):
    image = np.cumsum(chance.integers(0, 64, (2, 200), np.uint8), axis=1, dtype=np.uint8)
    image[1, 50:56] = image[0, :6]  # the first differences to the left come again
    digest.update(encode_png(image))
print(digest.hexdigest())
"""


@pytest.mark.slow
def test_bytes_do_not_depend_on_where_memory_lies():
    """ISA-L by itself takes an address for the first bytes: some of these images differed in every run."""
    runs = [subprocess.run([sys.executable, "-c", ENCODE], check=True, capture_output=True) for _ in range(3)]
    assert len({run.stdout for run in runs}) == 1
