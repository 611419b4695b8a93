"""DICOM headers: what is read of a file, what is refused, and that nothing of a file is quoted."""

import io
import logging
import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dicoms import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, RLE, Region, write_dicom
from thyrodata.errors import CaseError, MissingExtraError
from thyrodata.io.dicom import open_dicom

PIXELS = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30).astype(np.uint8)


def written(frames=PIXELS, **options):
    stream = io.BytesIO()
    write_dicom(stream, frames, **options)
    stream.seek(0)
    return stream


def header_of(frames=PIXELS, **options):
    with open_dicom(written(frames, **options), "file 1") as opened:
        return opened.header


def refusal(stream, *, frames=True):
    """Return the error that reading all of a file ends in."""
    with pytest.raises(CaseError) as caught, open_dicom(stream, "file 7") as opened:
        for _ in opened.frames() if frames else ():
            pass
    assert caught.value.where == "file 7"
    return caught.value


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED, RLE])
def test_the_header_is_the_same_in_every_encoding(syntax):
    region = Region(box=(1, 2, 28, 17), data_type=2, units=(3, 4), delta=(0.02, -0.03))
    header = header_of(
        np.stack([PIXELS] * 3),
        transfer_syntax=syntax,
        regions=[region],
        elements={"IssuerOfPatientID": "City"},
    )
    assert header.transfer_syntax_uid == syntax
    assert header.sop_class_uid == "1.2.840.10008.5.1.4.1.1.3.1"
    assert (header.modality, header.manufacturer, header.model) == ("US", "Example Devices", "Scanner One")
    assert (header.patient_id, header.issuer, header.sex, header.age) == ("4711000", "City", "F", "058Y")
    assert (header.birth_date, header.study_date, header.study_time) == ("19610203", "20190121", "101112")
    assert (header.series_number, header.instance_number, header.frame_time_ms) == (1, 1, 40.0)
    assert (header.rows, header.columns, header.frames, header.samples) == (20, 30, 3, 1)
    assert (header.bits_allocated, header.bits_stored, header.signed) == (8, 8, False)
    assert header.body_part == "THYROID"
    assert header.acquisition_date is None
    (read,) = header.regions
    assert (read.spatial_format, read.data_type, read.box) == (1, 2, (1, 2, 28, 17))
    assert (read.units, read.delta) == ((3, 4), (0.02, -0.03))


@pytest.mark.parametrize(
    ("charset", "stored", "text"),
    [
        ("ISO_IR 192", "Nguyễn Thị Ánh".encode(), "Nguyễn Thị Ánh"),
        ("ISO_IR 100", "Müller".encode("latin_1"), "Müller"),
        ("ISO_IR 144", "Иванова".encode("iso8859_5"), "Иванова"),
        ("GB18030", "王小东".encode("gb18030"), "王小东"),
        (["", "ISO 2022 IR 87"], "山田".encode("iso2022_jp"), "山田"),
        (["", "ISO 2022 IR 149"], b"\x1b$)C" + "김".encode("euc_kr"), "김"),
        (None, "Nguyễn".encode(), "Nguyễn"),
        (None, "Müller".encode("latin_1"), "Müller"),
        ("NO SUCH SET", b"plain", "plain"),
        ("ISO_IR 192", b"a\xffb", "a\\xffb"),
        (["", "ISO 2022 IR 87"], b"\x1b$B\xff\xff", "\x1b$Bÿÿ"),
        ("ISO_IR 100", b"one\\two", "one\\two"),
        ("ISO_IR 100", b"  07 \0", "07"),
        ("ISO_IR 100", b"   ", None),
    ],
)
def test_texts_are_decoded_by_their_character_set_and_stay_distinct(charset, stored, text):
    def change(dataset):
        dataset.SpecificCharacterSet = charset
        dataset.add_new(0x00100020, "OB", stored + b" " * (len(stored) % 2))
        dataset[0x00100020]._value = stored + b" " * (len(stored) % 2)

    assert header_of(transfer_syntax=IMPLICIT, change=change).patient_id == text


@pytest.mark.parametrize(
    ("stored", "number"),
    [
        (b"12", 12),
        (b"-3", -3),
        (b"7\\8 ", 7),
        (b"1_000 ", None),
        (b"x", None),
        (b"9" * 5000, None),
        (b"", None),
    ],
)
def test_integers_that_break_the_rules_are_no_numbers(stored, number):
    header = header_of(elements={(0x0020, 0x0013): ("OB", stored)}, transfer_syntax=IMPLICIT)
    assert header.instance_number == number


@pytest.mark.parametrize(
    ("stored", "number"), [(b"33.3", 33.3), (b"1e9999", None), (b"nan ", None), (b".", None)]
)
def test_decimals_that_break_the_rules_are_no_numbers(stored, number):
    header = header_of(elements={(0x0018, 0x1063): ("OB", stored)}, transfer_syntax=IMPLICIT)
    assert header.frame_time_ms == number


def test_a_region_without_all_of_its_box_has_none():
    def change(dataset):
        del dataset.SequenceOfUltrasoundRegions[0].RegionLocationMaxX1

    (region,) = header_of(regions=[Region(box=(0, 0, 9, 9))], change=change).regions
    assert region.box is None
    assert region.spatial_format == 1


def test_an_object_without_pixels_has_a_header_and_no_frames():
    stream = written(None, elements={"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.33", "Modality": "SR"})
    with open_dicom(stream, "file 2") as opened:
        assert (opened.header.modality, opened.header.patient_id) == ("SR", "4711000")
        assert opened.header.sop_class_uid == "1.2.840.10008.5.1.4.1.1.88.33"
        assert (opened.header.rows, opened.header.frames) == (0, 1)
        with pytest.raises(CaseError, match="no pixels"):
            opened.frames()


def test_a_directory_of_files_is_known_by_its_class():
    stream = written(None)
    data = stream.getvalue().replace(b"1.2.840.10008.5.1.4.1.1.6.1", b"1.2.840.10008.1.3.10\0\0\0\0\0\0\0", 1)
    data = data.replace(b"\x08\x00\x16\x00UI", b"\x08\x00\x17\x00UI")
    with open_dicom(io.BytesIO(data), "file 2") as opened:
        assert opened.header.sop_class_uid == "1.2.840.10008.1.3.10"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"DICM",
        b"\x89PNG\r\n\x1a\n" + bytes(300),
        bytes(128) + b"DICM",
        b"\x08\0\x05\0CS\x0a\0ISO_IR 100" * 20,
    ],
    ids=["empty", "short", "a picture", "only the mark", "no preamble"],
)
def test_what_is_no_dicom_file_is_refused(data):
    refusal(io.BytesIO(data), frames=False)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED, RLE])
def test_a_file_that_is_cut_anywhere_is_refused(syntax):
    whole = written(np.stack([PIXELS, 255 - PIXELS]), transfer_syntax=syntax).getvalue()
    needed = len(whole.rstrip(b"\0")) if syntax == DEFLATED else len(whole)  # padded after its end, PS3.5 A.5
    for end in [*range(0, needed - 1, 13), needed - 1]:
        refusal(io.BytesIO(whole[:end]))


def nested(depth, *, undefined):
    """Return a sequence that holds itself so many times."""
    if undefined:
        head = struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
            "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
        )
        tail = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
        return head * depth + tail * depth
    data = b""
    for _ in range(depth):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, len(data)) + data
        data = struct.pack("<HH2sHI", 0x0018, 0x6011, b"SQ", 0, len(item)) + item
    return data


@pytest.mark.parametrize("undefined", [True, False])
def test_sequences_nested_5000_times_do_no_harm(undefined):
    whole = written().getvalue()
    at = whole.index(b"\x28\x00\x02\x00US")
    stream = io.BytesIO(whole[:at] + nested(5_000, undefined=undefined) + whole[at:])
    if undefined:
        assert "parsed" in refusal(stream).message
    else:
        with open_dicom(stream, "file 7") as opened:  # nobody looks into what is nested
            assert len(opened.frames()) == 1


def test_an_unknown_value_representation_is_no_value():
    whole = written().getvalue()
    at = whole.index(b"\x08\0\x60\0CS\x02\0US")
    with open_dicom(io.BytesIO(whole[:at] + b"\x08\0\x60\0U\xff\0\0" + whole[at + 10 :]), "file 1") as opened:
        assert opened.header.modality is None
        np.testing.assert_array_equal(opened.frames().frame(0), PIXELS)


def deflated(payload):
    packer = zlib.compressobj(9, wbits=-15)
    head = written(transfer_syntax=DEFLATED).getvalue()
    start = 132 + 12 + struct.unpack("<I", head[140:144])[0]
    return io.BytesIO(head[:start] + packer.compress(payload) + packer.flush())


def test_a_deflated_bomb_is_refused_before_it_fills_the_disk():
    error = refusal(deflated(bytes(200 * 2**20)), frames=False)
    assert "grows" in error.message
    assert int(error.message.split()[-1]) < 70 * 2**20


def test_black_clips_deflate_well_and_are_read():
    black = np.zeros((20, 600, 800, 3), np.uint8)
    with open_dicom(written(black, transfer_syntax=DEFLATED), "file 1") as opened:
        assert not opened.frames().frame(19).any()


def test_the_temporary_file_of_a_deflated_dataset_is_gone_afterwards(tmp_path):
    with open_dicom(written(transfer_syntax=DEFLATED), "file 1", work=tmp_path) as opened:
        np.testing.assert_array_equal(opened.frames().frame(0), PIXELS)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "elements",
    [
        {"Rows": 0},
        {"Rows": 65535, "Columns": 65535},
        {"Columns": None},
        {"NumberOfFrames": 2},
        {"NumberOfFrames": 2_000_000_000},
        {"NumberOfFrames": 0},
        {"NumberOfFrames": -1},
        {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"},
        {"SamplesPerPixel": 4},
        {"BitsAllocated": 16, "BitsStored": 16, "HighBit": 15},
        {"BitsAllocated": 12},
        {"BitsStored": 9},
        {"BitsStored": 0},
        {"BitsStored": 6},
        {"PhotometricInterpretation": None},
        {"PhotometricInterpretation": "ARGB"},
        {"PixelRepresentation": 1},
        {"PixelData": PIXELS.tobytes()[:-2]},
        {"PixelData": PIXELS.tobytes() + b"ab"},
        {"PixelData": None},
        {"SOPClassUID": None},
    ],
    ids=str,
)
def test_headers_that_cannot_be_true_are_refused(elements):
    refusal(written(elements=elements))


SECRETS = {
    "PatientID": "Q7RZ-SECRET",
    "PatientName": "Secret^Sally",
    "NumberOfFrames": "3",
    "SpecificCharacterSet": "SECRET SET",
    "PatientAge": "SECRETAGE",
    "StudyDate": "SECRETDATE",
}


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, DEFLATED, RLE])
def test_no_message_warning_or_log_line_quotes_the_file(syntax, tmp_path, caplog, capfd):
    path = tmp_path / "secret_sally.dcm"
    caplog.set_level(logging.DEBUG)
    write_dicom(path, PIXELS, transfer_syntax=syntax, elements=SECRETS)
    whole = path.read_bytes()
    caplog.clear()
    capfd.readouterr()
    for end in range(132, len(whole) + 1, 101):
        path.write_bytes(whole[:end])
        with path.open("rb") as stream, warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            said = str(refusal(stream))
        assert not warned
        assert "secret" not in said.casefold()
    said = caplog.text + "".join(capfd.readouterr())
    assert not said


@given(
    st.binary(max_size=400),
    st.integers(0, 10_000),
    st.sampled_from([IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED]),
)
def test_any_bytes_in_the_place_of_others_are_read_or_refused(noise, at, syntax):
    """Whatever overwrites a part of a file, reading it ends, in frames or in a CaseError."""
    whole = bytearray(written(transfer_syntax=syntax).getvalue())
    at %= len(whole)
    whole[at : at + len(noise)] = noise
    try:
        with open_dicom(io.BytesIO(bytes(whole)), "file 1") as opened:
            shapes = {frame.shape for frame in opened.frames()}
    except CaseError:
        return
    assert len(shapes) == 1


def test_without_pydicom_the_extra_is_named(monkeypatch):
    stream = written()
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(MissingExtraError, match="pydicom") as caught:
        open_dicom(stream, "file 1")
    assert "thyrodata[dicom]" in caught.value.hint


def test_importing_the_reader_imports_no_decoder():
    heavy = "{'pydicom', 'gdcm', 'openjpeg', 'rle', 'jpeg_ls', 'imagecodecs'}"
    code = f"import sys, thyrodata.io.dicom; print(sorted({heavy} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_writer_is_deterministic():
    assert written(seed=3).getvalue() == written(seed=3).getvalue() != written(seed=4).getvalue()
