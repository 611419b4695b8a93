"""Decoded frames against the arrays they were made of and against decoders that are not used here."""

import io
import resource
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from pydicom.pixels import apply_color_lut

from tests import dicoms
from tests.dicoms import (
    BASELINE,
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    HTJ2K,
    HTJ2K_LOSSLESS,
    IMPLICIT,
    JPEG2000,
    JPEG2000_LOSSLESS,
    JPEG_LOSSLESS,
    JPEG_LOSSLESS_SV1,
    JPEGLS,
    JPEGLS_NEAR,
    JPEGXL,
    JPEGXL_LOSSLESS,
    RLE,
    Palette,
    encode_frame,
    write_dicom,
)
from thyrodata.errors import CaseError
from thyrodata.io.dicom import open_dicom
from thyrodata.io.dicomcolour import has_achromatic_corners

NATIVE = [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED]
LOSSLESS = [
    *NATIVE,
    RLE,
    JPEG_LOSSLESS,
    JPEG_LOSSLESS_SV1,
    JPEGLS,
    JPEG2000_LOSSLESS,
    HTJ2K_LOSSLESS,
    JPEGXL_LOSSLESS,
]
LOSSY = {BASELINE: 12, JPEGLS_NEAR: 2, JPEG2000: 8, HTJ2K: 8, JPEGXL: 24}
"""Most that a sample of the smooth pictures below may differ by."""

ROWS, COLUMNS = np.mgrid[:48, :64]
GREY = ((3 * COLUMNS + 2 * ROWS) % 256).astype(np.uint8)
WORDS = (60 * COLUMNS + ROWS).astype(np.uint16)
SMOOTH = (2 * COLUMNS + 2 * ROWS).astype(np.uint8)
RAMPS = np.stack([2 * COLUMNS + 20, 3 * ROWS + 60, 220 - 2 * COLUMNS], axis=-1).astype(np.uint8)


def written(frames, **options):
    stream = io.BytesIO()
    write_dicom(stream, frames, **options)
    stream.seek(0)
    return stream


def decode(stream):
    with open_dicom(stream, "file 7") as opened:
        return np.stack(list(opened.frames()))


def decoded(frames, **options):
    return decode(written(frames, **options))


def refusal(stream):
    with pytest.raises(CaseError) as caught:
        decode(stream)
    assert caught.value.where == "file 7"
    return caught.value.message


def ybr_by_the_standard(ybr):
    """Convert by the inverse of the equations of PS3.3 C.7.6.3.1.2, in floating point."""
    y, cb, cr = (ybr[..., channel].astype(float) for channel in range(3))
    red, blue = y + 1.402 * (cr - 128), y + 1.772 * (cb - 128)
    green = y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128)
    return np.clip(np.rint(np.stack([red, green, blue], axis=-1)), 0, 255)


def assert_near(found, expected, most):
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= most


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize("picture", [GREY, WORDS, RAMPS], ids=["grey", "16 bits", "colour"])
def test_lossless_syntaxes_give_every_sample_back(syntax, picture):
    stack = np.stack([picture, picture[::-1], picture[:, ::-1]])
    found = decoded(stack, transfer_syntax=syntax)
    assert found.dtype == stack.dtype
    np.testing.assert_array_equal(found, stack)


@pytest.mark.parametrize(("syntax", "most"), LOSSY.items())
@pytest.mark.parametrize("picture", [SMOOTH, RAMPS], ids=["grey", "colour"])
def test_lossy_syntaxes_come_near(syntax, most, picture):
    assert_near(decoded(np.stack([picture, picture[::-1]]), transfer_syntax=syntax)[1], picture[::-1], most)


@given(
    hnp.arrays(
        np.uint8, st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(4, 9), st.sampled_from([1, 3]))
    ),
    st.sampled_from([*NATIVE, RLE]),
    st.sampled_from([0, 1]),
)
def test_native_frames_round_trip(frames, syntax, planar):
    """Whatever the sizes, the encoding and the order of planes, what was written is read."""
    frames = frames[..., 0] if frames.shape[-1] == 1 else frames
    np.testing.assert_array_equal(decoded(frames, transfer_syntax=syntax, planar=planar), frames)


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize("vr", ["OB", "OW"])
def test_bytes_in_words_change_places_in_big_endian(syntax, vr):
    np.testing.assert_array_equal(decoded(GREY, transfer_syntax=syntax, pixel_vr=vr)[0], GREY)


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN, RLE, JPEG_LOSSLESS, JPEGLS])
def test_full_ybr_becomes_rgb(syntax, planar):
    found = decoded(RAMPS, transfer_syntax=syntax, photometric="YBR_FULL", planar=planar)
    assert_near(found[0], ybr_by_the_standard(RAMPS), 1)


def test_native_422_shares_chroma_between_two_pixels():
    shared = RAMPS.copy()
    shared[:, 1::2, 1:] = shared[:, ::2, 1:]
    found = decoded(np.stack([RAMPS, RAMPS]), photometric="YBR_FULL_422")
    assert_near(found[1], ybr_by_the_standard(shared), 1)


@pytest.mark.parametrize("syntax", [JPEG2000_LOSSLESS, HTJ2K_LOSSLESS])
def test_another_decoder_agrees_on_jpeg_2000(syntax):
    photometric = "YBR_RCT"
    stream = encode_frame(RAMPS, syntax, photometric)
    oracle = imagecodecs.jpeg2k_decode(stream)
    np.testing.assert_array_equal(decoded(RAMPS, transfer_syntax=syntax, codestreams=[stream])[0], oracle)


def test_jpeg_2000_of_ybr_without_a_transform_is_converted():
    stream = encode_frame(RAMPS, JPEG2000_LOSSLESS, "YBR_FULL")
    found = decoded(RAMPS, transfer_syntax=JPEG2000_LOSSLESS, photometric="YBR_FULL", codestreams=[stream])
    assert_near(found[0], ybr_by_the_standard(RAMPS), 1)


@pytest.mark.parametrize(
    ("coded", "header"), [("YBR_RCT", "RGB"), ("YBR_RCT", "YBR_FULL"), ("RGB", "YBR_RCT")]
)
def test_jpeg_2000_that_contradicts_its_header_is_refused(coded, header):
    stream = encode_frame(RAMPS, JPEG2000_LOSSLESS, coded)
    options = {"transfer_syntax": JPEG2000_LOSSLESS, "photometric": header, "codestreams": [stream]}
    assert "colour transform" in refusal(written(RAMPS, **options))


def jpeg(colours="YCbCr", *, quality=95, **options):
    """Return a baseline JPEG whose components hold the ramps, with the markers that Pillow writes."""
    held = io.BytesIO()
    Image.fromarray(RAMPS).save(held, "JPEG", quality=quality, keep_rgb=colours == "RGB", **options)
    return held.getvalue()


def without_markers(stream):
    """Take the application segments out, so that nothing says what the colours are."""
    kept, at = stream[:2], 2
    while stream[at + 1] != 0xDA:
        (length,) = struct.unpack(">H", stream[at + 2 : at + 4])
        if stream[at + 1] >> 4 != 0xE:
            kept += stream[at : at + 2 + length]
        at += 2 + length
    return kept + stream[at:]


def with_numbered_components(stream):
    """Name the components 1, 2 and 3, where libjpeg names those of RGB by their letters."""
    for number, letter in enumerate(b"RGB", start=1):
        frame, scan = stream.index(b"\xff\xc0") + 7 + 3 * number, stream.index(b"\xff\xda") + 3 + 2 * number
        assert stream[frame] == stream[scan] == letter
        stream = stream[:frame] + bytes([number]) + stream[frame + 1 :]
        stream = stream[:scan] + bytes([number]) + stream[scan + 1 :]
    return stream


@pytest.mark.parametrize("header", ["RGB", "YBR_FULL", "YBR_FULL_422"])
@pytest.mark.parametrize(
    "stream",
    [jpeg(), jpeg(subsampling="4:4:4"), jpeg("RGB"), without_markers(jpeg("RGB"))],
    ids=["JFIF", "JFIF 4:4:4", "Adobe RGB", "components R, G, B"],
)
def test_jpeg_that_states_its_colours_is_right_whatever_the_header(stream, header):
    found = decoded(RAMPS, transfer_syntax=BASELINE, photometric=header, codestreams=[stream])
    assert_near(found[0], RAMPS, 8)


@pytest.mark.parametrize(
    ("header", "stream"),
    [
        ("RGB", with_numbered_components(without_markers(jpeg("RGB")))),
        ("YBR_FULL", without_markers(jpeg(subsampling="4:4:4"))),
        ("YBR_FULL_422", without_markers(jpeg())),
    ],
)
def test_jpeg_that_states_no_colours_has_those_of_the_header(header, stream):
    found = decoded(RAMPS, transfer_syntax=BASELINE, photometric=header, codestreams=[stream])
    assert_near(found[0], RAMPS, 8)


def test_subsampled_jpeg_is_not_taken_for_rgb():
    stream = without_markers(jpeg(subsampling="4:2:0"))
    options = {"transfer_syntax": BASELINE, "photometric": "RGB", "codestreams": [stream]}
    assert "subsampled" in refusal(written(RAMPS, **options))


@pytest.mark.parametrize("first", [0, 40])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN, RLE, JPEGLS])
def test_palettes_colour_their_indices(syntax, depth, first):
    colours = np.random.default_rng(0).integers(0, np.iinfo(depth).max, (200, 3), dtype=depth)
    found = decoded(GREY, transfer_syntax=syntax, palette=Palette(colours=colours, first=first))
    displayed = colours >> (8 * (colours.dtype.itemsize - 1))
    expected = displayed[np.clip(GREY.astype(int) - first, 0, 199)]
    np.testing.assert_array_equal(found[0], expected)


def test_palettes_of_16_bit_indices_agree_with_pydicom():
    colours = np.random.default_rng(0).integers(0, 2**16, (4096, 3), dtype=np.uint16)
    stream = written(WORDS, palette=Palette(colours=colours))
    dataset = pydicom.dcmread(stream)
    expected = apply_color_lut(dataset.pixel_array, dataset) >> 8
    np.testing.assert_array_equal(decode(stream)[0], expected)


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
def test_entries_of_8_bits_in_words_are_not_shifted_away(syntax):
    colours = np.stack([np.arange(256)] * 3, axis=-1).astype(np.uint16)
    found = decoded(GREY, transfer_syntax=syntax, palette=Palette(colours=colours))
    np.testing.assert_array_equal(found[0], np.stack([GREY] * 3, axis=-1))


def segments(channel):
    """Return a table in three kinds of segments (PS3.3 C.7.9.2), and what it stands for."""
    low, high = 256 * channel, 60_000 - channel
    discrete, line = [0, 2, low, low + 512], [1, 126, high]
    again = [2, 2, 0, 0]  # the two segments at byte 0
    start = low + 512
    ramp = [start + Fraction((high - start) * step, 126) for step in range(1, 127)]
    expected = [low, start, *[round(value) for value in ramp]] * 2
    return [*discrete, *line, *again], np.array(expected)


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
def test_segmented_palettes_are_expanded(syntax):
    tables = [segments(channel) for channel in range(3)]
    palette = Palette(colours=np.zeros((256, 3), np.uint16), segments=tuple(words for words, _ in tables))
    expected = np.stack([values >> 8 for _, values in tables], axis=-1)[GREY]
    assert_near(decoded(GREY, transfer_syntax=syntax, palette=palette)[0], expected, 1)


@pytest.mark.parametrize(
    "words",
    [
        [],
        [1, 4, 7],
        [0, 300, 1],
        [2, 1, 0, 0],
        [3, 1, 1],
        [0, 1, 9, 1, 0, 5],
        [0, 1, 9, 2, 60_000, 0, 0],
        [0, 1, 9],
    ],
    ids=str,
)
def test_broken_segments_are_refused(words):
    palette = Palette(colours=np.zeros((256, 3), np.uint16), segments=(words, words, words))
    assert "palette" in refusal(written(GREY, palette=palette))


def test_a_palette_is_needed_for_indices():
    assert "palette" in refusal(written(GREY, photometric="PALETTE COLOR"))


@pytest.mark.parametrize("picture", [GREY, WORDS], ids=["8 bits", "16 bits"])
def test_monochrome1_is_inverted(picture):
    most = np.iinfo(picture.dtype).max
    np.testing.assert_array_equal(decoded(picture, photometric="MONOCHROME1")[0], most - picture)


def test_bits_above_those_stored_are_no_grey():
    overlaid = (WORDS & 0xFFF) | 0xA000
    np.testing.assert_array_equal(decoded(overlaid, bits_stored=12)[0], WORDS & 0xFFF)
    inverted = decoded(overlaid, bits_stored=12, photometric="MONOCHROME1")[0]
    np.testing.assert_array_equal(inverted, 0xFFF - (WORDS & 0xFFF))


def test_8_bits_in_words_become_bytes():
    found = decoded(GREY.astype(np.uint16), bits_stored=8)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[0], GREY)


@pytest.mark.parametrize("syntax", [BASELINE, JPEGLS, JPEG2000_LOSSLESS, HTJ2K_LOSSLESS, JPEGXL_LOSSLESS])
@pytest.mark.parametrize("offset_table", [True, False])
@pytest.mark.parametrize("fragments", [1, 2, 3])
@pytest.mark.parametrize("frames", [1, 3])
def test_fragments_become_frames(syntax, fragments, offset_table, frames):
    stack = np.stack([SMOOTH, SMOOTH[::-1], SMOOTH[:, ::-1]])[:frames]
    options = {"transfer_syntax": syntax, "fragments": fragments, "offset_table": offset_table}
    assert_near(decoded(stack, **options), stack, 12)


def test_an_offset_table_that_is_wrong_does_no_harm():
    whole = written(np.stack([GREY] * 3), transfer_syntax=JPEGLS, fragments=2).getvalue()
    at = whole.index(b"\xfe\xff\x00\xe0\x0c\0\0\0") + 8
    assert len(decode(io.BytesIO(whole[:at] + b"\x05\0\0\0" * 3 + whole[at + 12 :]))) == 3


@pytest.mark.parametrize("syntax", [RLE, BASELINE, JPEGLS, JPEG2000_LOSSLESS])
@pytest.mark.parametrize("said", [1, 3])
def test_there_are_as_many_frames_as_the_header_says(syntax, said):
    stack = np.stack([GREY, GREY])
    stream = written(stack, transfer_syntax=syntax, elements={"NumberOfFrames": said})
    assert "2 fragments cannot be told apart" in refusal(stream)


def test_a_frame_of_rle_has_one_fragment():
    assert "2 fragments" in refusal(written(GREY, transfer_syntax=RLE, fragments=2))


def test_frames_are_read_in_any_order_and_again():
    stack = np.stack([GREY + number for number in range(5)])
    for syntax in (EXPLICIT, RLE):
        with open_dicom(written(stack, transfer_syntax=syntax), "file 1") as opened:
            frames = opened.frames()
            assert len(frames) == 5
            for index in (4, 0, 2, 2):
                np.testing.assert_array_equal(frames.frame(index), stack[index])
            for _ in range(2):
                np.testing.assert_array_equal(np.stack(list(frames)), stack)
            for index in (-1, 5):
                with pytest.raises(IndexError):
                    frames.frame(index)


class Counted(io.BytesIO):
    """A stream that counts what is read of it."""

    taken = 0

    def read(self, size=-1):
        data = super().read(size)
        self.taken += len(data)
        return data


@pytest.mark.parametrize("syntax", [EXPLICIT, RLE])
def test_only_the_frame_that_is_asked_for_is_read(syntax):
    noise = np.random.default_rng(0).integers(0, 256, (50, 60, 80), dtype=np.uint8)
    stream = Counted(written(noise, transfer_syntax=syntax).getvalue())
    with open_dicom(stream, "file 1") as opened:
        frames = opened.frames()
        assert stream.taken < 4_000
        np.testing.assert_array_equal(frames.frame(49), noise[49])
    assert stream.taken < 4_000 + 1.1 * noise[0].size


def resized(stream, syntax, rows, columns):
    """Change what a codestream says of its size."""
    if syntax == BASELINE or syntax in (JPEGLS, JPEG_LOSSLESS):
        mark = {BASELINE: b"\xff\xc0", JPEGLS: b"\xff\xf7", JPEG_LOSSLESS: b"\xff\xc3"}[syntax]
        at = stream.index(mark) + 5
        return stream[:at] + struct.pack(">HH", rows, columns) + stream[at + 4 :]
    at = stream.index(b"\xff\x51") + 6
    stream = stream[:at] + struct.pack(">II", columns, rows) + stream[at + 8 :]
    return stream[: at + 16] + struct.pack(">II", columns, rows) + stream[at + 24 :]


COMPRESSED = [BASELINE, JPEG_LOSSLESS, JPEGLS, JPEG2000_LOSSLESS, HTJ2K_LOSSLESS]


@pytest.mark.parametrize("syntax", COMPRESSED)
@pytest.mark.parametrize("size", [(65_000, 65_000), (48, 65), (47, 64), (0, 64)])
def test_a_codestream_of_another_size_is_refused_before_it_is_decoded(syntax, size):
    stream = resized(encode_frame(GREY, syntax, "MONOCHROME2"), syntax, *size)
    with LimitedMemory():
        message = refusal(written(GREY, transfer_syntax=syntax, codestreams=[stream]))
    assert "codestream" in message


@pytest.mark.parametrize("syntax", [*COMPRESSED, RLE])
def test_a_codestream_of_other_samples_is_refused(syntax):
    colour = encode_frame(RAMPS, syntax, "RGB")
    assert refusal(written(GREY, transfer_syntax=syntax, codestreams=[colour]))
    if syntax != BASELINE:
        words = encode_frame(WORDS, syntax, "MONOCHROME2")
        assert refusal(written(GREY, transfer_syntax=syntax, codestreams=[words]))


@pytest.mark.parametrize("size", [(47, 64), (48, 65), (2_048, 2_048)])
def test_a_jpeg_xl_codestream_of_another_size_is_refused(size):
    for container in (False, True):
        stream = imagecodecs.jpegxl_encode(np.zeros(size, np.uint8), usecontainer=container, lossless=True)
        assert "codestream" in refusal(written(GREY, transfer_syntax=JPEGXL_LOSSLESS, codestreams=[stream]))


@pytest.mark.parametrize(
    "size", [(48, 64), (47, 65), (48, 72), (256, 256), (1_000, 9), (9, 1_000), (90, 160)]
)
@pytest.mark.parametrize("container", [False, True])
def test_jpeg_xl_sizes_are_read_in_every_form(size, container):
    picture = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    stream = imagecodecs.jpegxl_encode(picture, usecontainer=container, lossless=True)
    found = decoded(picture, transfer_syntax=JPEGXL_LOSSLESS, codestreams=[bytes(stream)])
    np.testing.assert_array_equal(found[0], picture)


class LimitedMemory:
    """Allows this process 1.5 GiB more of addresses than it has."""

    def __enter__(self):
        with Path("/proc/self/statm").open() as said:
            pages = int(said.read().split()[0])
        self.before = resource.getrlimit(resource.RLIMIT_AS)
        most = pages * resource.getpagesize() + 3 * 2**29
        resource.setrlimit(resource.RLIMIT_AS, (most, self.before[1]))

    def __exit__(self, *_):
        resource.setrlimit(resource.RLIMIT_AS, self.before)


@pytest.mark.parametrize(
    "syntax", [RLE, BASELINE, JPEGLS, JPEG2000_LOSSLESS, HTJ2K_LOSSLESS, JPEGXL_LOSSLESS]
)
def test_a_codestream_that_is_cut_is_refused(syntax):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64), dtype=np.uint8)
    stream = encode_frame(noise, syntax, "MONOCHROME2")
    for end in (1, 3, 20, len(stream) // 2):
        assert refusal(written(noise, transfer_syntax=syntax, codestreams=[stream[:end]]))


@pytest.mark.parametrize(
    "syntax", sorted({*COMPRESSED} - {JPEG_LOSSLESS})
)  # whose decoder may end the process
@given(st.data())
def test_a_changed_codestream_is_decoded_or_refused(syntax, data):
    """A codestream with one byte changed ends in a frame of the header's size, or in a CaseError."""
    stream = bytearray(encode_frame(SMOOTH, syntax, "MONOCHROME2"))
    stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = decoded(SMOOTH, transfer_syntax=syntax, codestreams=[bytes(stream)])
    except CaseError:
        return
    assert found.shape == (1, *SMOOTH.shape)


@pytest.mark.parametrize(
    "syntax",
    ["1.2.840.10008.1.2.4.94", "1.2.840.113619.5.2", "1.2.840.10008.1.2.4.52"],
    ids=["JPIP", "private", "12-bit JPEG"],
)
def test_other_transfer_syntaxes_are_refused(syntax):
    whole = written(GREY, transfer_syntax=RLE).getvalue()
    padded = (syntax + "\0" * (-len(syntax) % 2)).encode()
    at = whole.index(b"\x02\0\x10\0UI")
    whole = whole[: at + 6] + struct.pack("<H", len(padded)) + padded + whole[at + 8 + 20 :]
    assert "not supported" in refusal(io.BytesIO(whole))


@pytest.mark.parametrize(
    ("syntax", "module", "extra"),
    [
        (RLE, "rle.rle", "dicom"),
        (JPEG_LOSSLESS, "gdcm", "dicom"),
        (JPEGLS, "jpeg_ls", "dicom"),
        (JPEG2000_LOSSLESS, "openjpeg", "dicom"),
        (JPEGXL_LOSSLESS, "imagecodecs", "jpegxl"),
    ],
)
def test_a_decoder_that_is_missing_is_named_with_its_extra(syntax, module, extra, monkeypatch):
    stream = written(GREY, transfer_syntax=syntax)
    code = (
        "import sys, io; sys.modules[sys.argv[1]] = None\n"
        "from thyrodata.io.dicom import open_dicom\n"
        "open_dicom(io.BytesIO(sys.stdin.buffer.read()), 'file 1').frames().frame(0)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, module], input=stream.getvalue(), capture_output=True, check=False
    )
    assert b"MissingExtraError" in ran.stderr
    assert f"thyrodata[{extra}]".encode() in ran.stderr


@pytest.mark.parametrize(
    "segment",
    [
        b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\x02",
        b"\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0",
        b"\xff\xfe\0\x04hi",
    ],
    ids=["Adobe YCCK", "JFIF", "comment"],
)
@pytest.mark.parametrize("picture", [GREY, RAMPS], ids=["grey", "colour"])
def test_application_data_changes_nothing_in_lossless_jpeg(segment, picture):
    stream = encode_frame(picture, JPEG_LOSSLESS, "RGB")
    stream = stream[:2] + segment + without_markers(stream)[2:]
    np.testing.assert_array_equal(
        decoded(picture, transfer_syntax=JPEG_LOSSLESS, codestreams=[stream])[0], picture
    )


def test_corners_tell_a_mistaken_colour_space():
    black = np.zeros((60, 80, 3), np.uint8)
    mistaken = ybr_by_the_standard(black).astype(np.uint8)
    assert has_achromatic_corners(black)
    assert has_achromatic_corners(black[..., 0])
    assert not has_achromatic_corners(mistaken)
    assert not has_achromatic_corners(np.broadcast_to(np.array([0, 128, 128], np.uint8), (60, 80, 3)))
    logo = black.copy()
    logo[:20, :20] = (200, 30, 30)
    assert has_achromatic_corners(logo)


def test_every_syntax_that_the_writer_knows_is_tested():
    known = {getattr(dicoms, name) for name in dicoms.__all__ if isinstance(getattr(dicoms, name), str)}
    assert known - {dicoms.MPEG4} == {*LOSSLESS, *LOSSY}
