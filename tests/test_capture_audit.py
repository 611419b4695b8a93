"""The leak audit: what is planted is found, in every form and place, and a clean dataset is let pass."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import struct
import zipfile
import zlib
from urllib.parse import quote

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.canaries import SCREEN, UNSEARCHABLE, screen, write_canaries, write_text
from tests.dicoms import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, JPEGLS, RLE, write_dicom
from tests.handmade import PSEUDONYM, Exported, cut, write_captured
from thyrodata.capture.audit import audit_capture, decoding, forms
from thyrodata.capture.audit.identifiers import MAX_HEADER_BYTES, name_identifiers, read_identifiers
from thyrodata.capture.audit.legible import Legible, edits
from thyrodata.capture.audit.model import Check, Identifier, Kind, Severity
from thyrodata.capture.audit.output import OutputFile, passages_of
from thyrodata.capture.audit.pixels import pixel_faults
from thyrodata.capture.audit.pngfile import png_faults
from thyrodata.capture.audit.search import Index
from thyrodata.capture.audit.words import own_words, words_of
from thyrodata.capture.source import list_source, opened
from thyrodata.dataset import HISTORY, RECORDS_FILE
from thyrodata.errors import DatasetError
from thyrodata.io.dicom import open_dicom
from thyrodata.io.journal import append
from thyrodata.io.png import PngEncoder, encode_png
from thyrodata.schema.record import Acquisition, Age, CropLedger, Patient, SourceField

OWN = own_words("")

NAME = Identifier(text="Kowalczyk^Zofia^Maria", kind=Kind.NAME, tag="PatientName")
BIRTH = Identifier(text="19510829", kind=Kind.DATE, tag="PatientBirthDate")
TIME = Identifier(text="143207.25", kind=Kind.TIME, tag="StudyTime")
RECORD = Identifier(text="KL-0048213", kind=Kind.TEXT, tag="PatientID")
SHORT = Identifier(text="7325", kind=Kind.TEXT, tag="PatientID")
UID = Identifier(text="1.2.826.0.1.3680043.9.4711.20190412.17", kind=Kind.UID, tag="StudyInstanceUID")
PLACE = Identifier(text="St. Barbara Hospital, Gdańsk", kind=Kind.TEXT, tag="InstitutionName")
COMMENT = Identifier(
    text="seen by her neighbour Kasia at the bakery on Long Street", kind=Kind.TEXT, tag="PatientComments"
)
HAN = Identifier(text="Yamada^Tarou=山田^太郎=やまだ^たろう", kind=Kind.NAME, tag="PatientName")
VIETNAMESE = Identifier(text="Nguyễn^Thị Đào", kind=Kind.NAME, tag="PatientName")
ACCENT = Identifier(text="Müller-Lüdenscheidt^Jörg", kind=Kind.NAME, tag="PatientName")
LUEDENSCHEIDT = Identifier(text="Lüdenscheidt", kind=Kind.TEXT, tag="PatientBirthName")
EVERYBODY = (NAME, BIRTH, TIME, RECORD, SHORT, UID, PLACE, COMMENT, HAN, VIETNAMESE, ACCENT)


def index_of(*identifiers):
    index = Index(OWN)
    index.add("1", identifiers)
    return index


def tags_in(index, text):
    return {hit.tag for hit in index.find(text)}


# ---------------------------------------------------------------- what identifies


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED])
def test_every_canary_is_taken_for_an_identifier(tmp_path, syntax):
    canaries = write_canaries(tmp_path, transfer_syntax=syntax)
    (path,) = tmp_path.rglob("*.dcm")
    with path.open("rb") as stream:
        header = read_identifiers(stream)
    found = header.identifiers + name_identifiers(path.relative_to(tmp_path).as_posix())
    texts = "\n".join(identifier.text for identifier in found)
    assert header.parsed
    assert [
        canary.place
        for canary in canaries
        if canary.value not in texts and canary.vr not in UNSEARCHABLE and canary.place != "pixels"
    ] == []


def header_of(**given):
    stream = io.BytesIO()
    write_dicom(stream, np.zeros((4, 4), np.uint8), **given)
    stream.seek(0)
    return read_identifiers(stream)


def test_text_is_read_in_the_stated_character_set_and_in_others():
    latin = header_of(elements={"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jörg"})
    assert "Müller^Jörg" in {identifier.text for identifier in latin.identifiers}
    japanese = header_of(
        elements={
            "SpecificCharacterSet": ["", "ISO 2022 IR 87"],
            "PatientName": "Yamada^Tarou=山田^太郎",
        }
    )
    assert "Yamada^Tarou=山田^太郎" in {identifier.text for identifier in japanese.identifiers}
    mislabelled = header_of(
        change=lambda dataset: dataset.add_new(0x0010_0020, "LO", "Żółć17".encode()),
        elements={"SpecificCharacterSet": "ISO_IR 100"},
    )
    assert "Żółć17" in {identifier.text for identifier in mislabelled.identifiers}


def test_what_the_standard_defines_identifies_nobody():
    kept = {identifier.tag for identifier in header_of().identifiers}
    assert not kept & {"SOPClassUID", "TransferSyntaxUID", "SpecificCharacterSet", "Rows", "BitsStored"}
    assert {"PatientID", "PatientName", "StudyDate", "AccessionNumber", "SeriesInstanceUID"} <= kept


def test_device_and_age_may_leave_but_not_an_age_past_89():
    def may_leave(**elements):
        return {
            identifier.tag for identifier in header_of(elements=elements).identifiers if identifier.may_leave
        }

    devices = {"Manufacturer", "ManufacturerModelName"}
    assert may_leave(PatientAge="089Y") == may_leave(PatientAge="006M") == {*devices, "PatientAge"}
    assert may_leave(PatientAge="090Y") == may_leave(PatientAge="Anna") == devices


def nested(depth):
    """Explicit little-endian sequences in each other, of undefined length."""
    begin = b"\x40\x00\x30\xa7SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    end = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    return begin * depth + b"\x08\x00\x04\x01LO\x08\0XQDEEPER" + end * depth


def whole():
    stream = io.BytesIO()
    write_dicom(stream, None, elements={"PatientName": "Wisniewska^Olga"})
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", None),
        (b"no DICOM, but it tells of Wisniewska^Olga all the same", "Wisniewska"),
        (whole()[:-9], "Wisniewska"),
        (whole() + nested(5000), "Wisniewska"),
        (whole() + b"\x09\x00\x01\x10??\x04\x00Wisniewska", "Wisniewska"),
        (whole()[:200], None),
    ],
    ids=[
        "empty",
        "no DICOM",
        "cut",
        "nested 5,000 times",
        "a VR that is none",
        "cut in the meta information",
    ],
)
def test_a_hostile_file_is_read_as_far_as_it_goes(data, told):
    header = read_identifiers(io.BytesIO(data))
    assert told is None or any(told in identifier.text for identifier in header.identifiers)


def test_a_deflated_bomb_is_inflated_no_further_than_a_header_goes():
    stream = io.BytesIO()
    write_dicom(stream, None, transfer_syntax=DEFLATED)
    deflated = stream.getvalue()
    (meta_bytes,) = struct.unpack_from(
        "<I", deflated, 140
    )  # (0002,0000), after the preamble, DICM and its header
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    name = b"\x10\x00\x10\x00PN\x0f\0Wisniewska^Olga"
    bomb = packer.compress(name) + packer.compress(bytes(4 * MAX_HEADER_BYTES)) + packer.flush()
    header = read_identifiers(io.BytesIO(deflated[: 144 + meta_bytes] + bomb))
    assert "Wisniewska^Olga" in {identifier.text for identifier in header.identifiers}


# ---------------------------------------------------------------- forms

FORMS = {
    "name as it stands": (NAME, "Kowalczyk^Zofia^Maria"),
    "name reversed": (NAME, "by zofia KOWALCZYK."),
    "name with a comma": (NAME, "Kowalczyk, Zofia"),
    "name joined": (NAME, "zofiakowalczyk@example.org"),
    "name with an initial": (NAME, "Z. Kowalczyk"),
    "name as a user": (NAME, "/home/zkowalczyk/x"),
    "family name": (NAME, "Mrs Kowalczyk"),
    "given name": (NAME, "for_Zofia"),
    "name in capitals": (NAME, "ZOFIA_MARIA_KOWALCZYK"),
    "name in Han": (HAN, "患者山田太郎様"),
    "name in kana": (HAN, "やまだ たろう"),
    "name in romaji": (HAN, "tarou yamada"),
    "name without accents": (VIETNAMESE, "nguyen thi dao"),
    "name with other accents": (ACCENT, "Jo\u0308rg Mu\u0308ller-Ludenscheidt"),
    "name in wide letters": (NAME, "".join(chr(ord(c) + 0xFEE0) for c in "Kowalczyk")),
    "record number": (RECORD, "KL-0048213"),
    "record number after letters": (RECORD, "id0048213"),
    "short record number": (SHORT, "no. 7325"),
    "uid": (UID, "1.2.826.0.1.3680043.9.4711.20190412.17"),
    "uid with underscores": (UID, "1_2_826_0_1_3680043_9_4711_20190412_17"),
    "part of a uid": (UID, "3680043.9.4711.20190412.17"),
    "hospital": (PLACE, "ST BARBARA HOSPITAL (gdansk)"),
    "part of a comment": (COMMENT, "... the bakery on Long Street ..."),
    "date": (BIRTH, "19510829"),
    "date ISO": (BIRTH, "1951-08-29T00:00:00"),
    "date with dots": (BIRTH, "29.08.1951"),
    "date without zeros": (BIRTH, "29.8.1951"),
    "date American": (BIRTH, "08/29/1951"),
    "date in words": (BIRTH, "29 August 1951"),
    "date in short words": (BIRTH, "Aug 29, 1951"),
    "date of a program": (BIRTH, "IMG_19510829143207"),
    "date joined backwards": (BIRTH, "29081951"),
    "time": (TIME, "143207"),
    "time with colons": (TIME, "at 14:32:07"),
    "md5": (RECORD, "935f743397be574e4d4e5ee8f51edb69"),
    "sha1": (RECORD, "2F0DF12FDDD864FA04523A7228C7B4731B1F234A"),
    "sha256": (NAME, hashlib.sha256(b"Kowalczyk^Zofia^Maria").hexdigest()),
    "sha256 of the normalised": (RECORD, hashlib.sha256(b"kl-0048213").hexdigest()),
    "sha256 in base64": (UID, base64.b64encode(hashlib.sha256(UID.text.encode()).digest()).decode()),
    "pseudonym without a key": (
        RECORD,
        "P" + base64.b32encode(hashlib.sha256(b"kl-0048213").digest()[:10]).decode() + "/1/2/3/1-1.png",
    ),
}


@pytest.mark.parametrize(("identifier", "text"), FORMS.values(), ids=FORMS)
def test_an_identifier_is_found_in_a_form(identifier, text):
    assert tags_in(index_of(identifier), text) == {identifier.tag}


GUARDS = {
    (Kind.NAME, "_name_whole"): "name joined",
    (Kind.NAME, "_name_initials"): "name as a user",
    (Kind.NAME, "_name_single"): "family name",
    (Kind.DATE, "_dates"): "date with dots",
    (Kind.TIME, "_times"): "time with colons",
    (Kind.UID, "_verbatim"): "uid",
    (Kind.TEXT, "_verbatim"): "hospital",
    (Kind.TEXT, "_numbers"): "record number after letters",
}


@pytest.mark.parametrize(("kind", "form"), GUARDS)
def test_a_form_that_is_switched_off_is_missed(monkeypatch, kind, form):
    identifier, text = FORMS[GUARDS[kind, form]]
    without = tuple(each for each in forms.FORMS[kind] if each.__name__ != form)
    assert len(without) == len(forms.FORMS[kind]) - 1
    monkeypatch.setitem(forms.FORMS, kind, without)
    assert not tags_in(index_of(identifier), text)


@pytest.mark.parametrize("digest", forms.DIGESTS)
def test_a_digest_that_is_switched_off_is_missed(monkeypatch, digest):
    text = hashlib.new(digest, RECORD.text.encode()).hexdigest()
    assert tags_in(index_of(RECORD), text)
    monkeypatch.setattr(forms, "DIGESTS", tuple(name for name in forms.DIGESTS if name != digest))
    assert not tags_in(index_of(RECORD), text)


@pytest.mark.parametrize(
    "text",
    [
        "Zofiana Kowalczykowski",
        "19510830, 1951-09-28",
        "KL-00482135",
        "file 7325#frame 12#region 1",
        f"images/{PSEUDONYM}/7325/2/7325-1.png",
        "0" * 20 + "7325" + "a" * 40,
        "tokens MARY7325KASIA27Q, ANNA23QQ7325QQ22",
        "data:image/png;base64," + "aB3/7325/mary/" * 20,
        "a picture of 1024 x 768 pixels",
        "the bakery",
    ],
)
def test_what_only_looks_like_an_identifier_is_let_pass(text):
    assert not tags_in(index_of(*EVERYBODY), text)


def test_common_words_alone_tell_nothing_but_a_whole_name_does():
    index = index_of(
        Identifier(text="Mark^Black", kind=Kind.NAME, tag="PatientName"),
        Identifier(text="Thyroid ultrasound", kind=Kind.TEXT, tag="StudyDescription"),
    )
    assert not tags_in(index, "a mark on black; thyroid ultrasound")
    assert tags_in(index, "Black, Mark") == {"PatientName"}
    assert index.not_searched == 1


def test_a_text_that_may_leave_is_a_note_but_a_name_never_is():
    model = Identifier(text="Scanova 500", kind=Kind.TEXT, tag="ManufacturerModelName", may_leave=True)
    station = Identifier(text="SCANOVA 500", kind=Kind.TEXT, tag="StationName")
    family = Identifier(text="Scanova", kind=Kind.TEXT, tag="Manufacturer", may_leave=True)
    person = Identifier(text="Scanova^Ida", kind=Kind.NAME, tag="PatientName")
    for order in ((model, station, family, person), (person, family, station, model)):
        index = index_of(*order)
        assert {hit.severity for hit in index.find("scanova 500")} == {Severity.NOTE, Severity.LEAK}
        assert {hit.tag for hit in index.find("scanova")} == {"PatientName"}
        assert {hit.tag for hit in index.find("[500 scanova 500]") if hit.severity is Severity.NOTE} == {
            "ManufacturerModelName"
        }


def test_a_station_that_names_maker_and_model_alone_is_a_note():
    maker = Identifier(text="SCANOVA CO., LTD.", kind=Kind.TEXT, tag="Manufacturer", may_leave=True)
    model = Identifier(text="SV-4000", kind=Kind.TEXT, tag="ManufacturerModelName", may_leave=True)
    station = Identifier(text="SCANOVA_SV4000", kind=Kind.TEXT, tag="StationName")
    clinic = Identifier(text="SCANOVA_SV4000 Xylophon", kind=Kind.TEXT, tag="InstitutionName")
    index = index_of(maker, model, station, clinic)
    assert {hit.severity for hit in index.find('"Scanova", "SV-4000"')} == {Severity.NOTE}
    assert Severity.LEAK in {hit.severity for hit in index.find("Scanova SV-4000 Xylophon")}


WORD = st.text("abcdefghijklmnopqrstuvwyzäöüéñ", min_size=5, max_size=9).map(lambda text: "xq" + text)
BETWEEN = st.sampled_from([" ", ", ", "^", "_", "-", " / ", ".", "\t"])
CASE = st.sampled_from([str.upper, str.lower, str.title, str.swapcase])


@given(WORD, WORD, BETWEEN, CASE, st.booleans())
def test_a_name_is_found_however_it_is_written(family, given_name, between, case, backwards):
    """Order, case, accents and what stands between two components do not hide a name."""
    name = Identifier(text=f"{family}^{given_name}", kind=Kind.NAME, tag="PatientName")
    parts = (given_name, family) if backwards else (family, given_name)
    assert tags_in(index_of(name), f"<p>{case(between.join(parts))}</p>") == {"PatientName"}


@given(WORD, st.text("abcdefgh", min_size=1, max_size=4), st.booleans())
def test_a_name_inside_another_word_is_none(name, more, before):
    """A match is of whole words: MARY sits in PRIMARY."""
    identifier = Identifier(text=name, kind=Kind.TEXT, tag="PatientName")
    assert not tags_in(index_of(identifier), more + name if before else name + more)


@given(st.text(max_size=60))
def test_folding_is_idempotent(text):
    """Words of a text, put together again, are the same words."""
    once = [word for word in words_of(text) if word]
    again = [word for word in words_of(" ".join(once)) if word]
    assert again == once


# ---------------------------------------------------------------- wrappings

WRAPPINGS = {
    "_percent": lambda text: quote(text, safe=""),
    "_html": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "_base64": lambda text: base64.b64encode(text.encode()).decode(),
    "_hex": lambda text: text.encode().hex(),
}


def found_in_bytes(tmp_path, data, *identifiers, name="reports/note.md"):
    place = tmp_path / "file"
    place.write_bytes(data)
    index = index_of(*identifiers)
    file = OutputFile(place=place, path=name, number=1)
    return {hit.tag for passage in passages_of(file) for hit in index.find(passage.text, passage.least)}


@pytest.mark.parametrize("identifier", [NAME, ACCENT, HAN, RECORD, BIRTH, UID], ids=lambda each: each.text)
@pytest.mark.parametrize("decoder", WRAPPINGS)
def test_a_wrapped_identifier_is_found(tmp_path, decoder, identifier):
    text = f"note: {WRAPPINGS[decoder](identifier.text)}."
    assert found_in_bytes(tmp_path, text.encode(), identifier) == {identifier.tag}


@pytest.mark.parametrize("decoder", WRAPPINGS)
def test_a_wrapping_that_is_switched_off_is_missed(tmp_path, monkeypatch, decoder):
    wrapped = WRAPPINGS[decoder]("Lüdenscheidt").encode()
    assert found_in_bytes(tmp_path, wrapped, LUEDENSCHEIDT)
    without = tuple(each for each in decoding.TEXT_DECODERS if each.__name__ != decoder)
    assert len(without) == len(decoding.TEXT_DECODERS) - 1
    monkeypatch.setattr(decoding, "TEXT_DECODERS", without)
    assert not found_in_bytes(tmp_path, wrapped, LUEDENSCHEIDT)


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "abcd"])
@pytest.mark.parametrize("lead", ["", "x", "xy"])
def test_base64_is_undone_at_every_alignment(tmp_path, before, lead):
    """The name may be a part of what was encoded, and the encoding a part of a longer run."""
    encoded = base64.b64encode(f"{lead} Kowalczyk Zofia {lead}".encode()).decode()
    assert found_in_bytes(tmp_path, f"{before}{encoded}".encode(), NAME)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-16", "latin-1"])
@pytest.mark.parametrize("shift", [0, 1])
def test_text_in_other_encodings_is_found(tmp_path, codec, shift):
    for identifier in (NAME, ACCENT):
        data = b"\xff\xfe\xfd"[: 2 + shift] + f"says {identifier.text} here".encode(codec)
        assert found_in_bytes(tmp_path, data, identifier, name="reports/blob.bin") == {"PatientName"}


@pytest.mark.parametrize("decoder", ["_utf16", "_latin1"])
def test_an_encoding_that_is_switched_off_is_missed(tmp_path, monkeypatch, decoder):
    data = ACCENT.text.encode("utf-16-le" if decoder == "_utf16" else "latin-1")
    assert found_in_bytes(tmp_path, data, LUEDENSCHEIDT, name="blob.bin")
    without = tuple(each for each in decoding.BYTE_DECODERS if each.__name__ != decoder)
    monkeypatch.setattr(decoding, "BYTE_DECODERS", without)
    assert not found_in_bytes(tmp_path, data, LUEDENSCHEIDT, name="blob.bin")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"images": [{"id": 19510829, "width": 800}]}', {"PatientBirthDate"}),
        ('{"area": 7325, "bbox": [73.01, 29, 8, 1951]}', set()),
        ('{"id": "7325"}', {"PatientID"}),
        ('{"7325": []}', {"PatientID"}),
        ("[29, 8, 1951]", set()),
        ('["29", "8", "1951"]', {"PatientBirthDate"}),
    ],
)
def test_a_short_number_in_json_is_no_record_number(tmp_path, text, found):
    name = "annotations/default/instances_train.json"
    assert found_in_bytes(tmp_path, text.encode(), SHORT, BIRTH, name=name) == found


@pytest.mark.slow
def test_a_long_text_is_searched_in_pieces_that_cut_no_word(tmp_path):
    filler = "primary " * 131_071  # one piece has 2**20 characters: the name lies across two
    for shift in range(0, 24, 5):
        text = f"{filler[shift:]}Kowalczyk, Zofia {filler}"
        assert found_in_bytes(tmp_path, text.encode(), NAME) == {"PatientName"}
    mary = Identifier(text="mary", kind=Kind.TEXT, tag="PatientName")
    assert not found_in_bytes(tmp_path, filler.replace(" ", "\n").encode() * 3, mary)


# ---------------------------------------------------------------- whole datasets

PLACES = (
    "README.md",
    "manifest.json",
    "manifest.json, escaped",
    "a field of a record",
    "the note of a reader",
    "the name of an image",
    "a split",
    "a name in a split's account",
    "a report",
    "an HTML report, as entities",
    "history.jsonl",
    "metadata of the Parquet file",
    "a chunk of a PNG file",
    "a file that should not be there",
    "the name of a folder",
    "the target of a link",
    "the name of a report",
    "a log",
)


@pytest.fixture(scope="module")
def leaks(tmp_path_factory):
    """A dataset with an identifier of its own in every place that may hold one, and its audit."""
    folder = tmp_path_factory.mktemp("leaks")
    raw = folder / "raw"
    raw.mkdir()
    words = dict(zip(PLACES, "abcdefghijklmnopqrs", strict=False))
    words = {place: f"Xq{letter * 5}wicz" for place, letter in words.items()}
    elements = {(0x0099, 0x1000 + number): ("LO", word) for number, word in enumerate(words.values())}
    elements |= {(0x0099, 0x0010): ("LO", "TEST")}
    write_dicom(raw / "1.dcm", screen(0), regions=[SCREEN], elements=elements)
    out, log = leak_everywhere(folder, words)
    return audit_capture(raw, out, logs=[log], ocr=False), words


def leak_everywhere(folder, words):
    fields = {"source_fields": (SourceField(name="x", text=f"says {words['a field of a record']}"),)}
    notes = {"source_fields": (SourceField(name=words["the note of a reader"], text="7"),)}
    out = write_captured(
        folder / "out",
        [
            cut(screen(0), fields=fields),
            cut(screen(0), fields=notes),
            cut(screen(0), image_name=f"{PSEUDONYM}/{words['the name of an image']}"),
        ],
    )
    with (out / "README.md").open("a") as stream:
        stream.write(f"by {words['README.md']}\n")
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["sources"][0]["licence"] = words["manifest.json"]
    manifest["encoder"] = "".join(f"\\u{ord(c):04x}" for c in words["manifest.json, escaped"])
    (out / "manifest.json").write_text(json.dumps(manifest).replace("\\\\u", "\\u"))
    with (out / "splits" / "default.csv").open("a") as stream:
        stream.write(f"{words['a split']},1,train\n")
    (out / "splits" / "default.json").write_text(json.dumps({words["a name in a split's account"]: 1}))
    (out / "reports").mkdir()
    (out / "reports" / "skipped.jsonl").write_text(json.dumps({"item": words["a report"]}) + "\n")
    (out / "reports" / f"{words['the name of a report'].lower()}.json").write_text("[]")
    entities = "".join(f"&#{ord(c)};" for c in words["an HTML report, as entities"])
    (out / "reports" / "index.html").write_text(f"<p>{entities}</p>")
    append(out / HISTORY, {"time": "2026-03-01T10:11:12", "operation": words["history.jsonl"]})
    table = pq.read_table(out / RECORDS_FILE)
    metadata = {**table.schema.metadata, b"by": words["metadata of the Parquet file"].encode()}
    pq.write_table(table.replace_schema_metadata(metadata), out / RECORDS_FILE)
    image = next((out / "images").rglob("1-1.png"))
    image.write_bytes(
        with_chunk(image.read_bytes(), b"tEXt", b"by\0" + words["a chunk of a PNG file"].encode())
    )
    (out / "thumbs.db").write_bytes(b"\0\1" + words["a file that should not be there"].encode() + b"\xff")
    (out / words["the name of a folder"]).mkdir()
    (out / words["the name of a folder"] / "x").write_bytes(b"")
    (out / "reports" / "link.md").symlink_to(f"/home/{words['the target of a link']}/x")
    log = folder / "run.log"
    log.write_text(f"done by {words['a log']}\n")
    return out, log


def with_chunk(png, kind, body):
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return png[:-12] + chunk + png[-12:]


@pytest.mark.parametrize("place", PLACES)
def test_an_identifier_is_found_in_a_place(leaks, place):
    audit, _words = leaks
    tag = f"(0099,{0x1000 + PLACES.index(place):04X}) of file 1"
    found = [f for f in audit.leaks if f.check is Check.IDENTIFIER and f.what.startswith(tag)]
    assert found, place


def test_no_finding_quotes_what_it_found(leaks):
    audit, words = leaks
    shown = " ".join(f"{f.where} {f.what}" for f in audit.findings) + audit.scope
    assert not [word for word in words.values() if word.casefold() in shown.casefold()]
    assert "output file" in shown


def test_files_that_nobody_expects_are_found(leaks):
    audit, _words = leaks
    assert sum(finding.check is Check.FILE for finding in audit.leaks) == 4  # image, thumbs.db, folder, link
    assert sum(finding.check is Check.PNG for finding in audit.leaks) == 1


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    return folder


def test_a_clean_dataset_passes(tmp_path, raw):
    still, clip = screen(1), screen(2, frames=3)
    today = {"StudyDate": "20260301", "StudyTime": "101112"}  # when the dataset is made, as its history says
    write_dicom(raw / "a.dcm", still, regions=[SCREEN], seed=1, elements=today)
    write_dicom(raw / "b.dcm", clip, regions=[SCREEN], seed=1, transfer_syntax=RLE)
    (raw / "c.txt").write_text("no DICOM")
    blanked = cut(still, blanked=[(50, 70, 90, 80)])
    frames = [cut(frame, ordinal=2, frame=number) for number, frame in enumerate(clip)]
    out = write_captured(tmp_path / "out", [blanked, *frames])
    seen = []
    audit = audit_capture(raw, out, ocr=False, progress=lambda done, total: seen.append((done, total)))
    assert audit.findings == ()
    assert (audit.originals, audit.unparsed, audit.pictures_compared) == (3, 1, 4)
    assert audit.identifiers > 20
    assert audit.texts > 30
    assert seen[-1][0] == seen[-1][1] == len(seen)
    assert "no proof" in audit.scope
    assert json.loads(json.dumps(audit.to_json()))["leaks"] == 0


@pytest.mark.slow
def test_every_canary_that_leaks_is_found(tmp_path, raw):
    canaries = write_canaries(raw)
    rows = [
        cut(screen(0), fields={"source_fields": (SourceField(name="x", text=canary.value),)})
        for canary in canaries
    ]
    out = write_captured(tmp_path / "out", rows)
    audit = audit_capture(raw, out, ocr=False)
    found = {finding.where for finding in audit.findings if finding.check is Check.IDENTIFIER}
    missed = [
        canary.place
        for row, canary in enumerate(canaries, 1)
        if f"records.parquet, row {row}, column source_fields" not in found
        and canary.vr not in UNSEARCHABLE
        and canary.place != "pixels"
    ]
    assert missed == []
    shown = " ".join(f"{finding.where} {finding.what}".casefold() for finding in audit.findings)
    assert not [canary.place for canary in canaries if canary.value.casefold() in shown]


def test_hostile_originals_end_neither_the_audit_nor_its_search(tmp_path, raw):
    write_dicom(raw / "1.dcm", screen(0), regions=[SCREEN], elements={"PatientName": "Wisniewska^Olga"})
    (raw / "2.dcm").write_bytes(whole() + nested(5000))
    (raw / "3_Wrobel_Iza.dcm").write_bytes(b"")
    (raw / "4.dcm").symlink_to("1.dcm")
    fields = {"source_fields": (SourceField(name="x", text="Iza, 3 Wrobel; OLGA WISNIEWSKA"),)}
    audit = audit_capture(raw, write_captured(tmp_path / "out", [cut(screen(0), fields=fields)]), ocr=False)
    assert audit.originals == 4
    assert {finding.what for finding in audit.leaks} == {"PatientName of file 1 stands here"}


def test_the_members_of_an_archive_are_originals_too(tmp_path, raw):
    held = io.BytesIO()
    write_dicom(held, screen(0), regions=[SCREEN], elements={"PatientName": "Wisniewska^Olga"})
    with zipfile.ZipFile(raw / "export.zip", "w") as archive:
        archive.writestr("Wrobel_Iza/1.dcm", held.getvalue())
    told = {"source_fields": (SourceField(name="Wrobel, Iza", text="Olga W."),), "source": "file 1.1#frame 1"}
    spoiled = screen(0)
    spoiled[100, 100] ^= 1
    exported = [cut(screen(0), fields=told), cut(spoiled, fields={"source": "file 1.1"})]
    audit = audit_capture(raw, write_captured(tmp_path / "out", exported), ocr=False)
    assert {(f.check, f.what) for f in audit.leaks} == {
        (Check.IDENTIFIER, "file name of file 1 stands here"),
        (Check.IDENTIFIER, "PatientName of file 1.1 stands here"),
        (Check.PIXELS, "1 pixels differ from the original's, outside blanked boxes"),
    }


def test_a_record_must_name_an_original_that_is_there(tmp_path, raw):
    write_dicom(raw / "1.dcm", screen(0), regions=[SCREEN])
    exported = [
        cut(screen(0), ordinal=2),
        cut(screen(0), fields={"source": "1.dcm"}),
        cut(screen(0)),
    ]
    audit = audit_capture(raw, write_captured(tmp_path / "out", exported), ocr=False)
    assert {(f.check, f.where) for f in audit.leaks} == {
        (Check.UNREAD, "file 2"),
        (Check.UNREAD, "records.parquet, row 2"),
    }


def test_pictures_of_an_earlier_delivery_are_said_not_to_be_compared(tmp_path, raw):
    write_dicom(raw / "1.dcm", screen(0), regions=[SCREEN])
    earlier, later = cut(screen(1)), cut(screen(0), fields={"source": "delivery 2 file 1#frame 1#region 1"})
    audit = audit_capture(raw, write_captured(tmp_path / "out", [earlier, later]), ocr=False)
    assert [(f.check, f.severity) for f in audit.findings] == [(Check.UNREAD, Severity.NOTE)]
    assert "1 pictures are of an earlier delivery" in audit.findings[0].what
    assert audit.pictures_compared == 1


def test_a_picture_that_cannot_be_compared_is_no_equal_one(tmp_path, raw):
    write_dicom(raw / "1.dcm", screen(0), regions=[SCREEN])
    (raw / "2.dcm").write_bytes((raw / "1.dcm").read_bytes()[:-100])
    out = write_captured(tmp_path / "out", [cut(screen(0)), cut(screen(0)), cut(screen(0), ordinal=2)])
    next(path for path in (out / "images").rglob("*.png") if "/2/1-1" in path.as_posix()).write_bytes(b"GIF")
    audit = audit_capture(raw, out, ocr=False)
    unread = {f.where for f in audit.leaks if f.check is Check.UNREAD}
    assert unread == {"records.parquet, row 2", "records.parquet, row 3"}
    assert audit.pictures_compared == 1


def test_records_that_cannot_be_read_are_no_clean_records(tmp_path, raw):
    write_dicom(raw / "1.dcm", screen(0), regions=[SCREEN])
    out = write_captured(tmp_path / "out", [cut(screen(0))])
    (out / RECORDS_FILE).write_bytes(b"PAR1 and no more")
    audit = audit_capture(raw, out, ocr=False)
    assert {(f.check, f.where) for f in audit.leaks} == {(Check.UNREAD, "records.parquet")}
    with pytest.raises(DatasetError):
        audit_capture(raw, tmp_path, ocr=False)


def test_ages_past_89_are_found(tmp_path, raw):
    write_dicom(raw / "1.dcm", screen(0), regions=[SCREEN])
    ages = [
        Age(years=89),
        Age(years=90),
        Age(years=90, at_least=True),
        Age(years=102),
        Age(years=95, at_least=True),
    ]
    exported = [cut(screen(0), fields={"patient": Patient(age=age)}) for age in ages]
    audit = audit_capture(raw, write_captured(tmp_path / "out", exported), ocr=False)
    assert [f.where for f in audit.leaks] == [f"records.parquet, row {row}" for row in (2, 4, 5)]
    assert {f.check for f in audit.leaks} == {Check.AGE}


# ---------------------------------------------------------------- pictures


def test_a_png_file_is_an_image_and_nothing_else():
    png = encode_png(screen(0), encoder=PngEncoder.ZLIB)
    assert list(png_faults(png)) == []
    assert list(png_faults(encode_png(np.zeros((3, 5, 3), np.uint8)))) == []
    assert list(png_faults(encode_png(np.zeros((3, 5), np.uint16)))) == []
    assert "1 chunks other" in "".join(png_faults(with_chunk(png, b"tIME", bytes(7))))
    assert "4 bytes after" in "".join(png_faults(png + b"Anna"))
    assert "cut" in "".join(png_faults(png[:-1]))
    assert "no PNG" in "".join(png_faults(b"GIF89a"))


def test_bytes_behind_the_last_row_of_a_png_file_are_found():
    rows = b"\0" + bytes(4)
    header = struct.pack(">IIBBBBB", 4, 1, 8, 0, 0, 0, 0)

    def png(data):
        image = b"\x89PNG\r\n\x1a\n"
        for kind, body in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b"")):
            image += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        return image

    assert list(png_faults(png(zlib.compress(rows)))) == []
    for data in (zlib.compress(rows + b"Anna"), zlib.compress(rows) + b"Anna", zlib.compress(rows)[:-1]):
        assert list(png_faults(png(data)))


CROP = CropLedger(
    source_width=40, source_height=30, kept_box=(4, 3, 24, 23), blanked_boxes=((0, 0, 8, 6),), frame_key="1"
)


def faults(exported, frame=None, crop=CROP):
    return [check for check, _what in pixel_faults(exported, frame_of() if frame is None else frame, crop)]


def frame_of(shape=(30, 40)):
    return np.random.default_rng(0).integers(1, 255, shape, np.uint8)


def crop_of(frame):
    kept = frame[3:23, 4:24].copy()
    kept[:3, :4] = 0
    return kept


def test_a_crop_with_its_boxes_blank_is_what_it_should_be():
    assert faults(crop_of(frame_of())) == []
    colour = frame_of((30, 40, 3))
    assert faults(crop_of(colour), colour) == []
    grey = np.repeat(frame_of()[..., None], 3, axis=2)
    assert faults(crop_of(frame_of()), grey) == []


@pytest.mark.parametrize("at", [(0, 4), (3, 0), (19, 19), (10, 10)])
def test_one_changed_pixel_is_found(at):
    changed = crop_of(frame_of())
    changed[at] ^= 1
    assert faults(changed) == [Check.PIXELS]


def test_a_box_that_is_not_blank_is_found():
    shown = crop_of(frame_of())
    shown[2, 3] = 1
    assert faults(shown) == [Check.BLANK]


def test_a_picture_of_another_frame_size_or_kind_is_found():
    assert faults(crop_of(frame_of()), frame_of((31, 40))) == [Check.PIXELS]
    assert faults(crop_of(frame_of())[:-1]) == [Check.PIXELS]
    assert faults(crop_of(frame_of()).astype(np.uint16)) == [Check.PIXELS]
    coloured = frame_of((30, 40, 3))
    assert faults(crop_of(coloured[..., 0]), coloured) == [Check.PIXELS]


def test_pixels_of_an_exported_picture_are_compared(tmp_path, raw):
    clip = screen(3, frames=2)
    write_dicom(raw / "1.dcm", clip, regions=[SCREEN], transfer_syntax=JPEGLS)
    right, wrong = cut(clip[0], frame=0), cut(clip[0], frame=1)
    audit = audit_capture(raw, write_captured(tmp_path / "out", [right, wrong]), ocr=False)
    assert [(f.check, f.where) for f in audit.leaks] == [(Check.PIXELS, "records.parquet, row 2")]


def test_samples_that_leave_whole_leak_in_their_pixels_alone(samples, tmp_path):
    """Texts and ordinals of a dataset are no identifiers: what is found is the devices, which may leave."""
    source = samples / "us_dicom"
    exported = []
    for file in list_source(source):
        with opened(file, tmp_path) as stream:
            opened_file = open_dicom(stream, file.where, work=tmp_path)
            frame = opened_file.frames().frame(0)
        height, width = frame.shape[:2]
        crop = CropLedger(
            source_width=width, source_height=height, kept_box=(0, 0, width, height), frame_key="1"
        )
        header = opened_file.header
        device = Acquisition(manufacturer=header.manufacturer, model=header.model)
        exported.append(
            Exported(
                pixels=np.ascontiguousarray(frame),
                crop=crop,
                ordinal=int(file.ordinal),
                fields={"acquisition": device},
            )
        )
    audit = audit_capture(source, write_captured(tmp_path / "out", exported), ocr=False)
    assert audit.leaks == ()
    assert {finding.what.partition(" ")[0] for finding in audit.findings} <= {
        "Manufacturer",
        "ManufacturerModelName",
    }
    assert audit.pictures_compared == len(exported) == 27


HEADER = (
    NAME,
    BIRTH,
    RECORD,
    TIME,
    PLACE,
    Identifier(text="LEFT LOBE TRANS", kind=Kind.TEXT, tag="SeriesDescription"),
    Identifier(text="Scanner 90210", kind=Kind.TEXT, tag="ManufacturerModelName", may_leave=True),
)


@pytest.mark.parametrize(
    ("texts", "tag"),
    [
        (["KOWALCZYK ZOFIA"], "PatientName"),
        (["Kowa1czyk, Z0fia"], "PatientName"),
        (["KOWALCZYKZOFIA29.08.1951"], "PatientName"),
        (["DOB:29.08.1951"], "PatientBirthDate"),
        (["29-AUG-1951"], "PatientBirthDate"),
        (["KL-OO48213"], "PatientID"),
        (["ID KL 0048213"], "PatientID"),
        (["St. Barbara Hospital", "Gdansk"], "InstitutionName"),
        (["Kowalczy"], "PatientName"),
        (["LEFT LOBE TRANS", "Scanner 90210", "5.2 cm", "Depth 40 mm"], None),
        (["MI 0.8", "TIS 0.4", "Gn 51", "30 Hz"], None),
        (["KOWAL", "ZOPHIE"], None),
        ([], None),
    ],
)
def test_what_ocr_reads_is_matched_to_the_header(texts, tag):
    found = Legible(HEADER, OWN).match(texts)
    assert (found.tag if found else None) == tag


@given(st.text("abc", max_size=7), st.text("abc", max_size=7))
def test_edits_are_levenshtein_and_fewer_inside(one, other):
    """The distance is a metric's, as the recursive definition has it; inside a text it is never more."""

    def slow(a, b):
        if not a or not b:
            return len(a) + len(b)
        if a[0] == b[0]:
            return slow(a[1:], b[1:])
        return 1 + min(slow(a[1:], b), slow(a, b[1:]), slow(a[1:], b[1:]))

    assert edits(one, other) == slow(one, other)
    substrings = [other[i:j] for i in range(len(other) + 1) for j in range(i, len(other) + 1)]
    assert edits(one, other, inside=True) == min(slow(one, each) for each in substrings)


@pytest.mark.slow
def test_a_name_left_in_the_pixels_is_read(tmp_path, raw):
    pytest.importorskip("rapidocr")
    person = {"PatientName": "Kowalczyk^Zofia", "PatientID": "KL0048213"}
    named = write_text(screen(4), "KOWALCZYK ZOFIA", (70, 90))
    labelled = write_text(screen(5), "LEFT LOBE", (90, 90))
    clip = screen(6, frames=8)
    typed = np.stack(
        [write_text(frame, "KL0048213", (70, 150)) if at > 1 else frame for at, frame in enumerate(clip)]
    )
    for name, picture in (("1", named), ("2", labelled), ("3", typed)):
        write_dicom(raw / f"{name}.dcm", picture, regions=[SCREEN], elements=person)
    frames = [cut(frame, ordinal=3, frame=at) for at, frame in enumerate(typed)]
    out = write_captured(tmp_path / "out", [cut(named), cut(labelled, ordinal=2), *frames])
    audit = audit_capture(raw, out)
    found = {(f.check, f.what) for f in audit.leaks}
    assert found == {
        (Check.READABLE, "PatientName of file 1 can be read in it"),
        (Check.READABLE, "PatientID of file 3 can be read in it"),
    }
    assert audit.pictures_with_text >= 1  # the label; tissue may read as a letter or two
    assert audit.pictures_read == 1 + 1 + 6 + 1
