"""What is special to tables: what columns mean, rows of one image, values that are not understood."""

from __future__ import annotations

import csv
import io
from itertools import groupby

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.run import convert
from tests.fixtures.table.make import ROWS, make
from thyrodata.conversion import convert as convert_dataset
from thyrodata.converters.table import TableReader, TableSettings
from thyrodata.engine import OnError
from thyrodata.errors import CaseError, RawLayoutError, UsageError
from thyrodata.io.cards import load_card
from thyrodata.io.columnmap import read_column_map
from thyrodata.io.parquettable import read_parquet_table
from thyrodata.io.png import encode_png
from thyrodata.io.raw import Raw
from thyrodata.io.yamltext import read_yaml
from thyrodata.phantoms import PhantomSpec, phantom
from thyrodata.schema.geometry import Box
from thyrodata.schema.record import Age, Label, Patient, SourceField
from thyrodata.schema.vocab import Basis, Bethesda, Coverage, GroupKind, Malignancy, Sex, TiradsAcr

WIDTH, HEIGHT = 160, 120
PICTURE = encode_png(phantom(PhantomSpec(seed=1, height=HEIGHT, width=WIDTH)).pixels)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table") / "raw"
    make(folder)
    return folder


@pytest.fixture(scope="module")
def records(folder, tmp_path_factory):
    result = convert(TableReader(), folder, tmp_path_factory.mktemp("out"))
    return {record.image_id: record for record in result.records}


def codes(record):
    return [remark.code for remark in record.remarks]


def texts(holder):
    return {field.name: field.text for field in holder.source_fields}


@pytest.fixture
def read(tmp_path):
    """A function that reads a table of one image, given as rows of cells, with a column-mapping file."""
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/1.png").write_bytes(PICTURE)

    def read(columns, *rows, **fields):
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        (tmp_path / "raw/t.csv").write_text(text.getvalue())
        (tmp_path / "raw/columns.yaml").write_text(columns)
        converter = TableReader(TableSettings(**fields))
        (item,) = converter.items(Raw(tmp_path / "raw"))
        (sample,) = converter.samples(item)
        return sample.record

    return read


# ---------------------------------------------------------------- what columns mean


def test_each_column_has_its_place(records):
    record = records["table/images/1"]
    assert (record.group_id, record.group_kind) == ("table/P1", GroupKind.PATIENT)
    assert record.patient == Patient(sex=Sex.FEMALE, age=Age(years=45))
    assert record.image.spacing_mm == (0.05, 0.05)
    assert [split.part for split in record.official_splits] == ["train"]
    (nodule,), (finding,) = record.nodules, record.findings
    assert nodule.labels == (Label(value=Malignancy.MALIGNANT, basis=Basis.HISTOLOGY),)
    assert (finding.labels, finding.nodule_id) == ((Label(value=TiradsAcr.TR5),), "a")
    assert (record.case_labels, record.image_labels) == ((), ())
    assert record.source == "findings.csv:2"


def test_every_cell_of_the_table_is_somewhere_in_the_records(folder, records):
    """Read with csv and the card's words: what a cell says is in the record, as text or by its meaning."""
    said = {"1": ("male", "malignant"), "2": ("female",), "0": ("benign",)}
    with (folder / "findings.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(ROWS)
    for row in rows:
        record = str(records[f"table/{row['path'].rpartition('.')[0]}"])
        for name, text in row.items():
            if name in {"x1", "y1", "x2", "y2"} or not text:
                continue
            meanings = (*said.get(text, ()), text.removesuffix(".0").rstrip("+"), repr(text))
            assert any(meaning in record for meaning in meanings), (row["path"], name, text)


def test_corners_that_are_numbered_from_1_and_inclusive_are_those_of_pixels(records):
    """The pixels 21 to 60 of a row are 40 pixels, from the edge at 20 to that at 60."""
    (finding,) = records["table/images/1"].findings
    assert finding.geometries == (Box(x=20, y=30, width=40, height=40),)
    naive = Box(x=21, y=31, width=60 - 21, height=70 - 31)
    assert finding.geometries != (naive,)
    (pixel,) = records["table/images/6"].findings
    assert pixel.geometries == (Box(x=40, y=40, width=1, height=1),)
    (whole,) = records["table/images/5"].findings
    assert whole.geometries == (Box(x=0, y=0, width=WIDTH, height=HEIGHT),)
    assert "outside-image" not in codes(records["table/images/5"])


@pytest.mark.parametrize(
    ("one_based", "inclusive", "expected"),
    [
        ("false", "false", (11, 21, 40, 50)),
        ("true", "false", (10, 20, 40, 50)),
        ("false", "true", (11, 21, 41, 51)),
        ("true", "true", (10, 20, 41, 51)),
    ],
)
def test_the_user_says_how_corners_count(read, one_based, inclusive, expected):
    box = f"box: {{x1: a, y1: b, x2: c, y2: d, one_based: {one_based}, inclusive: {inclusive}}}"
    record = read(f"image: i\n{box}\n", ["i", "a", "b", "c", "d"], ["1.png", "11", "21", "51", "71"])
    assert record.findings[0].geometries[0].bbox_xywh_px == expected


def test_the_example_of_the_card_is_whole(folder, tmp_path):
    """What the card shows is read, and maps every field that a mapping has."""
    (example,) = [block.partition("```")[0] for block in load_card("table").prose.split("```yaml\n")[1:]]
    (tmp_path / "columns.yaml").write_text(example)
    (file,) = Raw(tmp_path).files
    columns = read_column_map(file)
    assert columns.patient.name == "pid"
    assert columns.case is None
    assert [label.column.name for label in columns.labels] == ["diagnosis", "tirads", "bethesda"]
    assert columns.labels[2].column.parse("V") == Label(
        value=Bethesda.V, edition="2023", basis=Basis.CYTOLOGY
    )
    assert all(getattr(columns, name) for name in columns.__slots__ if name != "case")


# ---------------------------------------------------------------- rows of one image


def test_two_rows_of_one_image_are_two_findings_and_each_keeps_its_own(records):
    record = records["table/images/2"]
    assert [n.nodule_id for n in record.nodules] == ["a", "b"]
    assert [n.labels[0].value for n in record.nodules] == [Malignancy.MALIGNANT, Malignancy.BENIGN]
    assert [(f.finding_id, f.nodule_id, texts(f)) for f in record.findings] == [
        ("1", "a", {"comment": "left half"}),
        ("2", "b", {"comment": "right half"}),
    ]
    assert texts(record) == {"visit": "V2"}


def test_rows_are_of_one_image_wherever_they_stand(folder, records, tmp_path):
    """Taking each run of rows for an image, as a reader in one pass does, makes two images of one."""
    (tmp_path / "raw").mkdir()
    make(tmp_path / "raw2")
    path = tmp_path / "raw2/findings.csv"
    head, first, left, right, *rest = path.read_text().split("\n")
    path.write_text("\n".join([head, left, first, right, *rest]))
    result = convert(TableReader(), tmp_path / "raw2", tmp_path / "out")
    again = {record.image_id: record for record in result.records}
    assert again.keys() == records.keys()
    assert again["table/images/2"].findings == records["table/images/2"].findings
    named = [row["path"] for row in csv.DictReader(io.StringIO(path.read_text()))]
    assert len(list(groupby(named))) > len(set(named))


@pytest.mark.parametrize(
    ("column", "texts"),
    [("p", ("P1", "P2")), ("s", ("male", "female")), ("a", ("40", "41")), ("part", ("train", "test"))],
)
def test_rows_that_contradict_each_other_are_refused(read, column, texts):
    columns = "image: i\npatient: p\nsex: s\nage: a\nsplit: part\n"
    plain = {"i": "1.png", "p": "P1", "s": "male", "a": "40", "part": "train"}
    rows = [list({**plain, column: text}.values()) for text in texts]
    with pytest.raises(CaseError, match=f"contradict each other: {column} is {texts[1]!r}") as caught:
        read(columns, list(plain), *rows)
    assert caught.value.where == "t.csv:3"
    assert "t.csv:2" in caught.value.hint


def test_a_row_that_is_silent_contradicts_nothing(read):
    record = read("image: i\npatient: p\nage: a\n", ["i", "p", "a"], ["1.png", "P", ""], ["1.png", "P", "40"])
    assert record.patient == Patient(age=Age(years=40))


def test_two_nodules_in_one_image_are_no_group(read):
    rows = (["i", "n"], ["1.png", "a"], ["1.png", "b"])
    with pytest.raises(CaseError, match="contradict"):
        read("image: i\nnodule: n\n", *rows)
    record = read("image: i\nnodule: n\ncase: c\n", ["i", "n", "c"], ["1.png", "a", "C"], ["1.png", "b", "C"])
    assert (record.group_id, record.group_kind) == ("table/C", GroupKind.CASE)
    assert [nodule.nodule_id for nodule in record.nodules] == ["a", "b"]


# ---------------------------------------------------------------- what is not understood


def test_what_nothing_explains_is_kept_as_text_and_remarked(records):
    record = records["table/images/5"]
    assert texts(record) == {
        "visit": "V1",
        "gender": "3",
        "age": "1957",
        "part": "Pilot study",
        "dx": "unclear",
        "tirads": "4a",
    }
    assert codes(record) == 5 * ["value-not-understood"]
    assert (record.patient, record.official_splits, record.nodules[0].labels) == (None, (), ())
    assert record.findings[0].labels == ()


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("45", Age(years=45)),
        ("52.0", Age(years=52)),
        ("90+", Age(years=90, at_least=True)),
        (" 7 ", Age(years=7)),
        ("0", Age(years=0)),
        ("131", None),
        ("1957", None),
        ("45.5", None),
        ("-4", None),
        ("٤٥", None),
        ("4_5", None),
        ("45y", None),
        (5000 * "9", None),
    ],
)
def test_ages_are_years_and_nothing_else(read, text, age):
    record = read("image: i\nage: a\n", ["i", "a"], ["1.png", text])
    assert record.patient == (Patient(age=age) if age else None)
    assert texts(record) == ({} if age else {"a": text})
    assert codes(record) == ([] if age else ["value-not-understood"])


@pytest.mark.parametrize("text", ["nan", "inf", "-0.05", "0", "1_0", "0,05", "1e999"])
def test_a_spacing_that_is_none_is_kept_as_text(read, text):
    record = read(
        "image: i\nspacing_mm: {y: down, x: along}\n", ["i", "down", "along"], ["1.png", text, "0.1"]
    )
    assert record.image.spacing_mm is None
    assert texts(record) == {"down": text}


def test_a_label_of_nothing_is_kept_with_what_the_row_is_about(records):
    record = records["table/images/7"]
    assert (record.findings, record.coverage) == ((), Coverage.NONE)
    assert texts(record.nodules[0]) == {"tirads": "TR4"}
    assert codes(record) == ["label-of-nothing"]
    assert record.patient.age == Age(years=90, at_least=True)


def test_cells_of_many_lines_are_verbatim(records):
    assert texts(records["table/images/8"])["comment"] == 'said "Knoten, größer"\nthan before'


def test_a_box_that_leaves_its_image_is_kept_and_remarked(records):
    record = records["table/images/3"]
    assert record.findings[0].geometries == (Box(x=100, y=30, width=70, height=40),)
    assert codes(record) == ["outside-image"]


def test_no_box_is_no_negative_unless_the_user_says_so(folder, records, tmp_path):
    assert records["table/images/4"].coverage is Coverage.NONE
    result = convert(TableReader(TableSettings(complete=True)), folder, tmp_path)
    assert {record.coverage for record in result.records} == {Coverage.COMPLETE}


def test_a_last_line_without_an_end_is_remarked(folder, tmp_path):
    make(tmp_path / "raw")
    path = tmp_path / "raw/findings.csv"
    path.write_bytes(path.read_bytes()[:-1])
    result = convert(TableReader(), tmp_path / "raw", tmp_path / "out")
    assert [record.image_id for record in result.records if "no-line-end" in codes(record)] == [
        "table/images/9"
    ]


def test_a_patient_who_is_not_named_is_refused(read):
    with pytest.raises(CaseError, match="patient is not stated"):
        read("image: i\npatient: p\n", ["i", "p"], ["1.png", " "])


# ---------------------------------------------------------------- paths


@pytest.mark.parametrize(
    "path", ["../raw/1.png", "/1.png", "./1.png", "1.PNG", "1", "x\\1.png", "file:///1.png", 4000 * "a"]
)
def test_a_path_is_one_of_the_folder_or_none(read, path):
    with pytest.raises(CaseError, match="is not in the folder") as caught:
        read("image: i\n", ["i"], [path])
    assert caught.value.where == "t.csv:2"


def test_a_row_that_names_no_image_is_refused(read):
    with pytest.raises(CaseError, match="names no image"):
        read("image: i\n", ["i", "x"], ["", "y"])


def test_an_image_that_is_none_is_refused(read):
    with pytest.raises(CaseError, match="not an image"):
        read("image: i\n", ["i"], ["columns.yaml"])


def test_paths_may_begin_in_a_folder(folder, tmp_path):
    make(tmp_path / "raw")
    path = tmp_path / "raw/findings.csv"
    path.write_text(path.read_text().replace("images/", ""))
    result = convert(TableReader(TableSettings(images="images/")), tmp_path / "raw", tmp_path / "out")
    assert len(result.records) == 9


def test_an_image_that_no_row_names_is_no_record(folder, tmp_path):
    make(tmp_path / "raw")
    (tmp_path / "raw/images/10.png").write_bytes(PICTURE)
    with pytest.raises(RawLayoutError, match="belongs to no item"):
        convert(TableReader(), tmp_path / "raw", tmp_path / "out")
    result = convert(TableReader(), tmp_path / "raw", tmp_path / "skip", on_error=OnError.SKIP)
    assert [skip.item for skip in result.run.skips] == ["images/10.png"]


# ---------------------------------------------------------------- files and settings


def test_a_table_of_tabs_or_in_a_folder_below_is_named(folder, tmp_path):
    make(tmp_path / "raw")
    raw = tmp_path / "raw"
    (raw / "tables").mkdir()
    rows = csv.reader(io.StringIO((raw / "findings.csv").read_text()))
    with (raw / "tables/t.tsv").open("w", newline="") as stream:
        csv.writer(stream, delimiter="\t").writerows(rows)
    (raw / "columns.yaml").rename(raw / "tables/columns.yaml")
    (raw / "findings.csv").unlink()
    result = convert(TableReader(TableSettings(table="tables/t.tsv")), raw, tmp_path / "out")
    assert len(result.records) == 9
    (raw / "tables/columns.yaml").rename(raw / "mine.yaml")
    named = TableSettings(table="tables/t.tsv", columns="mine.yaml")
    assert len(convert(TableReader(named), raw, tmp_path / "again").records) == 9
    with pytest.raises(RawLayoutError, match=r"no tables/columns\.yaml") as caught:
        list(TableReader(TableSettings(table="tables/t.tsv")).items(Raw(raw)))
    assert "thyrodata card table" in caught.value.hint


def test_of_two_tables_one_must_be_named(folder, tmp_path):
    make(tmp_path / "raw")
    (tmp_path / "raw/b.csv").write_text("path\n")
    with pytest.raises(RawLayoutError, match=r"b\.csv, findings\.csv") as caught:
        list(TableReader().items(Raw(tmp_path / "raw")))
    assert "--table" in caught.value.hint


def test_what_contradicts_itself_is_refused(read):
    with pytest.raises(UsageError, match="no --category"):
        TableSettings(category=("a=nodule",))
    with pytest.raises(UsageError, match="no box is mapped"):
        read("image: i\n", ["i"], ["1.png"], complete=True)
    with pytest.raises(UsageError, match="both --group and a column"):
        read("image: i\ncase: c\n", ["i", "c"], ["1.png", "x"], group="^(.)", group_kind=GroupKind.CASE)
    record = read("image: i\n", ["i"], ["1.png"], group="^(.)", group_kind=GroupKind.CASE)
    assert (record.group_id, record.group_kind) == ("table/1", GroupKind.CASE)


@pytest.mark.parametrize(
    ("columns", "line", "message"),
    [
        ("image: i\nimge: j\n", 2, "no key 'imge'"),
        ("patient: p\n", 1, "no key 'image'"),
        ("image: {column: i}\n", 1, "not one text"),
        ("image: i\nage: years\n", 2, "no column 'years'"),
        ("image: i\nsex: {column: i, values: {1: man}}\n", 2, "sex 'man'"),
        ("image: i\nsplit: {column: i, values: {1: The Test}}\n", 2, "'The Test' names no part"),
        ("image: i\nlabels: {column: i}\n", 2, "not a list"),
        ("image: i\nlabels:\n- {column: i, of: image}\n", 3, "no key 'scheme'"),
        ("image: i\nlabels:\n- {column: i, scheme: bethesda}\n", 3, "no key 'of'"),
        ("image: i\nlabels:\n- {column: i, scheme: tirads, of: image}\n", 3, "scheme 'tirads'"),
        ("image: i\nlabels:\n- {column: i, scheme: bethesda, of: slide}\n", 3, "of 'slide'"),
        ("image: i\nlabels:\n- {column: i, scheme: bethesda, of: image, edition: 2010}\n", 3, "'2010'"),
        ("image: i\nlabels:\n- {column: i, scheme: bethesda, of: image, basis: FNAC}\n", 3, "'FNAC'"),
        (
            "image: i\nlabels:\n- {column: i, scheme: bethesda, of: image, values: {1: 3}}\n",
            3,
            "bethesda '3'",
        ),
        ("image: i\nlabels:\n- {column: i, scheme: bethesda, of: finding}\n", 3, "no box is mapped"),
        ("image: i\nlabels:\n- {column: i, scheme: bethesda, of: nodule}\n", 3, "no column names"),
        ("image: i\nbox: {x1: i, y1: i, x2: i, y2: i, one_based: 1, inclusive: true}\n", 2, "one_based '1'"),
        ("image: i\nbox: {x1: i, y1: i, x2: i, one_based: true, inclusive: true}\n", 2, "no key 'y2'"),
    ],
)
def test_the_mapping_is_held_against_its_schema(read, columns, line, message):
    with pytest.raises(RawLayoutError) as caught:
        read(columns, ["i"], ["1.png"])
    assert message in caught.value.message
    assert caught.value.where == f"columns.yaml:{line}"
    assert caught.value.hint


def test_words_of_yaml_are_texts(read):
    """Other readers of YAML make truth values and numbers of them: the cell `no` would match nothing."""
    values = "{no: benign, 1e0: malignant}"
    columns = f"image: i\nlabels:\n- {{column: c, scheme: malignancy, of: image, values: {values}}}"
    record = read(columns, ["i", "c"], ["1.png", "no"])
    assert record.image_labels == (Label(value=Malignancy.BENIGN),)
    assert list(yaml.safe_load(columns)["labels"][0]["values"]) == [False, "1e0"]


BOMB = "a: &a [x, x]\n" + "".join(
    f"{c}: &{c} [*{b}, *{b}]\n" for b, c in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n# nothing\n",
        "image: [",
        "image: i\n---\nimage: i\n",
        "\tx: y",
        "image: \x01",
        BOMB,
        "- " * 5000,
        "? [a]\n: b",
        "!!set {a}",
        "image: &a *a",
        "x: !mine y",
        "image: i\nimage: j",
        "a: " + 2**20 * "b",
    ],
)
def test_broken_yaml_is_an_error_with_a_place(tmp_path, text):
    (tmp_path / "x.yaml").write_text(text)
    (file,) = Raw(tmp_path).files
    with pytest.raises(RawLayoutError) as caught:
        read_yaml(file)
    assert caught.value.where.startswith("x.yaml")
    assert caught.value.hint


within_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@within_one_folder
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_whatever_a_yaml_file_holds_is_read_or_refused(tmp_path, data):
    """Any bytes are YAML that the safe reader of PyYAML composes too, or a RawLayoutError."""
    (tmp_path / "x.yaml").write_bytes(data)
    (file,) = Raw(tmp_path).files
    try:
        read_yaml(file)
    except RawLayoutError:
        return
    assert yaml.compose(data, yaml.SafeLoader) is not None


# ---------------------------------------------------------------- Parquet


def parquet(folder, table):
    pq.write_table(table, folder / "t.parquet")
    (file,) = [file for file in Raw(folder).files if file.suffix == ".parquet"]
    return file


def test_a_parquet_table_says_what_the_same_table_says_as_text(folder, records, tmp_path):
    make(tmp_path / "raw")
    path = tmp_path / "raw/findings.csv"
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    path.unlink()
    kinds = {"gender": int, "x1": int, "y1": int, "x2": int, "y2": int, "spacing": float}
    columns = {
        name: [kinds.get(name, str)(row[name]) if row[name] else None for row in rows] for name in rows[0]
    }
    parquet(tmp_path / "raw", pa.table(columns))
    result = convert(TableReader(), tmp_path / "raw", tmp_path / "out")
    for record in result.records:
        twin = records[record.image_id]
        assert (record.findings, record.nodules, record.patient) == (
            twin.findings,
            twin.nodules,
            twin.patient,
        )
        assert (record.source_fields, record.official_splits) == (twin.source_fields, twin.official_splits)
        assert record.source.startswith("t.parquet:")


def test_values_of_parquet_become_text(tmp_path):
    table = pa.table(
        {
            "text": ["a", None],
            "whole": pa.array([45, None]),
            "number": [45.0, float("nan")],
            "truth": [True, False],
            "day": pa.array([0, 1], pa.date32()),
            "moment": pa.array([0, 1], pa.timestamp("s")),
            "kind": pa.array(["x", "y"]).dictionary_encode(),
            "nothing": pa.nulls(2),
        }
    )
    first, second = read_parquet_table(parquet(tmp_path, table)).rows
    assert dict(first) == {
        "text": "a",
        "whole": "45",
        "number": "45.0",
        "truth": "true",
        "day": "1970-01-01",
        "moment": "1970-01-01T00:00:00",
        "kind": "x",
        "nothing": "",
    }
    assert (second["text"], second["whole"], second["number"], second["truth"]) == ("", "", "", "false")
    assert second.where == "t.parquet:2"


@pytest.mark.parametrize("column", [[[1]], [{"a": 1}], [b"x"]], ids=["list", "struct", "bytes"])
def test_columns_that_are_not_flat_are_refused_by_name(tmp_path, column):
    with pytest.raises(RawLayoutError, match="the column 'c' holds"):
        read_parquet_table(parquet(tmp_path, pa.table({"c": column})))


def test_a_column_twice_is_refused(tmp_path):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["c", "c"])
    with pytest.raises(RawLayoutError, match="'c' twice"):
        read_parquet_table(parquet(tmp_path, table))


@within_one_folder
@given(st.integers(0, 10_000), st.integers(1, 255), st.integers(0, 10_000))
def test_a_damaged_parquet_file_is_read_or_refused_and_a_cut_one_is_refused(tmp_path, place, change, length):
    """Whatever byte is changed, no library's own error comes out; a file that is cut is always refused."""
    file = parquet(tmp_path, pa.table({"c": ["a", "b"] * 20, "n": list(range(40))}))
    whole = file.local.read_bytes()
    spoiled = bytearray(whole)
    spoiled[place % len(whole)] ^= change
    file.local.write_bytes(bytes(spoiled))
    try:
        read_parquet_table(file)
    except RawLayoutError as error:
        assert (error.where, bool(error.hint)) == ("t.parquet", True)  # noqa: PT017 -- either is right
    file.local.write_bytes(whole[: length % len(whole)])
    with pytest.raises(RawLayoutError):
        read_parquet_table(file)


# ---------------------------------------------------------------- laws


@within_one_folder
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12), min_size=1, max_size=4
    )
)
def test_a_column_without_a_meaning_is_verbatim(read, cells):
    """Whatever stands in columns that nothing maps comes out as it was; cells of mere space say nothing."""
    names = [f"column {number}" for number in range(len(cells))]
    record = read("image: i\n", ["i", *names], ["1.png", *cells])
    expected = [SourceField(name=n, text=c) for n, c in zip(names, cells, strict=True) if c.strip()]
    assert record.source_fields == tuple(expected)


def test_the_whole_folder_becomes_a_dataset(folder, tmp_path):
    done = convert_dataset("table", folder, tmp_path / "out", by="patient")
    assert done.images == 9
