"""What may identify a person is found by its form in files, texts and ids, and no value is quoted."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from tests import toy
from thyrodata.qc import privacy
from thyrodata.qc.filetexts import FileText, file_texts
from thyrodata.qc.rule import Issue, Reads
from thyrodata.qc.whole import Whole
from thyrodata.schema.record import ImageRecord, Remark, SourceField

GREY = Image.new("L", (16, 12))


def png(**texts: str) -> bytes:
    info, buffer = PngImagePlugin.PngInfo(), io.BytesIO()
    for name, text in texts.items():
        info.add_text(name.replace("_", " "), text)
    GREY.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def jpeg(comment: str = "", **exif: Any) -> bytes:
    fields, buffer = Image.Exif(), io.BytesIO()
    numbers = {"artist": 0x013B, "time": 0x0132, "description": 0x010E, "place": 0x8825, "author": 0x9C9D}
    for name, value in exif.items():
        fields[numbers[name]] = value
    GREY.save(buffer, "JPEG", comment=comment.encode(), exif=fields)
    return buffer.getvalue()


def issues(folder: Path, record: ImageRecord, image: bytes | None = None) -> list[Issue]:
    files = {} if image is None else {str(record.image.path): image}
    dataset = toy.make_dataset(folder / "d", [record], files)
    subjects = {Reads.RECORD: record, Reads.FILES: Whole(dataset)}
    rules = [
        rule for rule in privacy.RULES if rule.reads in subjects
    ]  # texts in pictures: test_qc_written.py
    return [issue for rule in rules for issue in rule.issues(subjects[rule.reads])]


IDENTIFYING = [
    jpeg("recorded 2019-03-14"),
    jpeg("DOE^JANE"),
    jpeg("study 1.2.840.113619.2.55.3.604688"),
    jpeg(artist="Dr. Roe"),
    jpeg(author="Roe".encode("utf-16-le")),
    jpeg(time="2019:03:14 08:15:00"),
    jpeg(description="14/03/2019"),
    jpeg(place={1: "N", 2: (4.0, 36.0, 0.0)}),
    png(Comment="20190314"),
    png(Description="MUSTERMANN^ERIKA"),
]
HARMLESS = [
    jpeg(),
    jpeg("CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90"),
    jpeg("version 2.0.2019, 123456"),
    png(**{"date:create": "2019-03-14T08:15:00+00:00"}),
    png(Software="Example 2019.03.14"),
    png(Comment="thyroid, transverse, 12.5 MHz"),
    b"BM and no more",
]


@pytest.mark.parametrize("image", IDENTIFYING)
def test_a_file_that_says_what_may_identify_is_named(image: bytes, tmp_path: Path) -> None:
    (issue,) = issues(tmp_path, toy.record("a", image=image), image)
    assert (issue.code, issue.image_id) == ("TD601", "toy/a")
    for value in ("2019", "14", "DOE", "JANE", "Roe", "MUSTERMANN", "604688"):
        assert value not in issue.what


@pytest.mark.parametrize("image", HARMLESS)
def test_a_file_that_says_nothing_of_a_person_is_not(image: bytes, tmp_path: Path) -> None:
    assert issues(tmp_path, toy.record("a", image=image), image) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"source_fields": (SourceField(name="exam", text="seen on 3.4.2017"),)},
        {"source_fields": (SourceField(name="Fecha de nacimiento", text="1961"),)},
        {"source_fields": (SourceField(name="name", text="Doe^Jane"),)},
        {"remarks": (Remark(code="doubt", text="outlined again on 2017-04-03"),)},
    ],
)
def test_a_text_that_may_identify_is_named(fields: dict[str, Any], tmp_path: Path) -> None:
    (issue,) = issues(tmp_path, toy.record("a", **fields))
    assert issue.code == "TD602"
    assert "2017" not in issue.what
    assert "Jane" not in issue.what


@pytest.mark.parametrize(
    "text",
    ["", "solid, 12 x 8 x 10 mm", "TIRADS 4a", "p53 1/2", "ratio 1.2.3", "31/31/2000", "5:30", "600 000"],
)
def test_other_texts_are_left_alone(text: str, tmp_path: Path) -> None:
    record = toy.record("a", source_fields=(SourceField(name="reporteco", text=text),))
    assert issues(tmp_path, record) == []


@pytest.mark.parametrize("name", ["20170403", "scan_2017-04-03_1", "1.2.840.113619.2.55.3.604688"])
def test_an_id_that_leads_back_is_named(name: str, tmp_path: Path) -> None:
    (issue,) = issues(tmp_path, toy.record(name))
    assert issue.code == "TD603"


@pytest.mark.parametrize("name", ["12_1", "000001_01_01_103", "p1234567", "19990231x", "99999999", "3.1.4"])
def test_a_number_alone_is_no_id_that_leads_back(name: str, tmp_path: Path) -> None:
    assert issues(tmp_path, toy.record(name)) == []


def test_texts_of_png_are_read_in_all_three_kinds() -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4) + kind + content + b"\0\0\0\0"

    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            chunk(b"tEXt", b"a\0one"),
            chunk(b"zTXt", b"b\0\0" + zlib.compress(b"two")),
            chunk(b"iTXt", b"c\0\0\0de\0c\0" + b"dr\xc3\xbc"),
            chunk(b"iTXt", b"d\0\1\0\0\0" + zlib.compress(b"vier")),
        ]
    )
    texts = [("PNG a", "one"), ("PNG b", "two"), ("PNG c", "drü"), ("PNG d", "vier")]
    assert [*file_texts(data)] == [FileText(name=name, text=text) for name, text in texts]


@given(st.sampled_from([*IDENTIFYING, *HARMLESS]), st.data())
def test_a_damaged_file_raises_nothing(image: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(image) - 1))
    damaged = image[:place] + data.draw(st.binary(max_size=4)) + image[place + 1 :]
    assert all(isinstance(each, FileText) for each in file_texts(damaged))
