"""Tables of text: any line end, with or without a byte-order mark, and a broken row costs itself alone."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thyrodata.errors import CaseError, RawLayoutError
from thyrodata.io.raw import Raw
from thyrodata.io.tables import read_table

CELLS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=8
)  # what UTF-8 can hold, less what a table may not


def table(folder, data, columns=("a", "b"), **options):
    (folder / "t.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
    (file,) = Raw(folder).files
    return read_table(file, columns, **options)


@given(
    rows=st.lists(st.tuples(CELLS, CELLS), max_size=5),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    mark=st.booleans(),
)
def test_what_a_writer_wrote_is_read_whatever_the_line_end(tmp_path_factory, rows, end, mark):
    """Every cell that the standard library's writer writes comes back, in its row and column."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("b", "a"), *rows])
    data = text.getvalue().encode("utf-8-sig" if mark else "utf-8")
    read = table(tmp_path_factory.mktemp("table"), data)
    assert read.columns == ("b", "a")
    assert [(row["b"], row["a"]) for row in read.rows] == rows


def test_a_row_says_the_line_where_it_begins(tmp_path):
    read = table(tmp_path, 'a,b\n1,"two\nlines"\n\n3,4\n')
    assert [(row["a"], row.where) for row in read.rows] == [("1", "t.csv:2"), ("3", "t.csv:5")]


def test_a_short_row_costs_itself_alone(tmp_path):
    read = table(tmp_path, "a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert [read.rows[k]["a"] for k in (0, 3)] == ["1", "7"]
    for k, line in ((1, 3), (2, 4)):
        with pytest.raises(CaseError) as caught:
            read.rows[k]["a"]
        assert caught.value.where == f"t.csv:{line}"


def test_without_a_header_the_columns_are_those_asked_for(tmp_path):
    read = table(tmp_path, "0000.jpg,0\n0001.jpg,1\n", ("image", "label"), header=False)
    assert [dict(row) for row in read.rows] == [
        {"image": "0000.jpg", "label": "0"},
        {"image": "0001.jpg", "label": "1"},
    ]
    assert read.rows[0].where == "t.csv:1"


@pytest.mark.parametrize(
    ("data", "what", "where"),
    [
        ("", "empty", "t.csv"),
        ("a,b\n1,2", "cut", "t.csv"),
        ("a,c\n1,2\n", "no column 'b'", "t.csv:1"),
        ("a,b,a\n1,2,3\n", "'a' twice", "t.csv:1"),
        ('a,b\n1,"2\n', "cannot be read", "t.csv:2"),
        ('a,b\n1,"2"3\n', "cannot be read", "t.csv:2"),
        ("a,b\n1,\0\n", "null", "t.csv"),
        ("a,b\n1,é\n".encode("latin-1"), "not UTF-8", "t.csv"),
        (b"a,b\n" + 200_000 * b"x" + b",2\n", "cannot be read", "t.csv:2"),
    ],
)
def test_a_broken_table_is_refused(tmp_path, data, what, where):
    with pytest.raises(RawLayoutError) as caught:
        table(tmp_path, data)
    assert what in caught.value.message
    assert caught.value.where == where
    assert caught.value.hint


def test_a_missing_line_end_may_be_a_remark_instead(tmp_path):
    read = table(tmp_path, "a,b\n1,2", ends=False)
    assert read.rows[0]["b"] == "2"
    assert not read.rows[0].ended


@pytest.mark.parametrize("data", ["a,b\n1,2\n3", "a,b\n1,2\n3,"])
def test_a_last_row_without_its_last_cell_is_cut(tmp_path, data):
    with pytest.raises(RawLayoutError, match="cut inside its last row") as caught:
        table(tmp_path, data, ends=False)
    assert caught.value.where == "t.csv:3"
