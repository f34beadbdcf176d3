"""Every file that is no table is refused in words that say what is wrong and how to mend it."""

import io

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from millrace_table import reading
from millrace_table.refusals import Unreadable

GOOD = b"a,b\n1,x\n2,y\n"


def refused(data: bytes, format: str = "csv"):
    with pytest.raises(Unreadable) as caught:
        reading.read(data, format)
    assert caught.value.check.verdict == "failed"
    assert caught.value.check.mend
    return caught.value.check


@pytest.mark.parametrize(
    ("data", "check", "words"),
    [
        (b"", "file", "empty"),
        (b" \n\n", "file", "empty"),
        (b"a,b\n", "rows", "header and no rows"),
        (b"a,b", "rows", "header and no rows"),
        (b"a,b\n1,\0\n", "encoding", "null characters"),
        (b"a,a,b\n1,2,3\n", "columns", "same name: 'a'"),
        (b"a,,b\n1,2,3\n", "columns", "Column 2 has no name"),
        (
            b"a,b\n1,2\n3\n4,5,6\n",
            "lines",
            "2 lines cannot be read (66.67% of all); line 3: It has 1 cell, not 2.",
        ),
        (b'a,b\n"1,2\n', "", ""),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "encoding", ""),
    ],
)
def test_a_csv_file_that_is_no_table_is_refused(data, check, words):
    found = refused(data)
    assert check in found.check
    assert words in found.observed


def test_a_ragged_row_is_shown_with_its_number():
    found = refused(b"a,b\n1,2\n3\n4,5,6\n")
    assert found.rows == 2
    assert found.examples == ["line 3: It has 1 cell, not 2. 3", "line 4: It has more than 2 cells. 4,5,6"]


@pytest.mark.parametrize("delimiter", [b",", b";", b"\t", b"|"])
def test_any_usual_delimiter_line_end_and_byte_order_mark_is_read(delimiter):
    data = b"\xef\xbb\xbf" + GOOD.replace(b",", delimiter).replace(b"\n", b"\r\n")
    assert reading.read(data, "csv").to_pydict() == {"a": ["1", "2"], "b": ["x", "y"]}


def test_quotes_keep_delimiters_and_line_breaks_and_missing_is_missing():
    table = reading.read(b'a,b\n"1,5","x\ny"\n,NA\n', "csv")
    assert table.to_pydict() == {"a": ["1,5", None], "b": ["x\ny", None]}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"a": 1}\nnot json\n', "line 2: It is not JSON"),
        (b'{"a": NaN}\n', "Line 1 is not JSON"),
        (b"[1, 2]\n", "Line 1 is not an object"),
        (b'{"a": {"b": 1}}\n', "holds an object"),
        (b"{}\n", "no columns"),
        (b'{"": 1}\n', "has no name"),
    ],
)
def test_json_lines_that_are_no_table_are_refused(data, words):
    assert words in refused(data, "jsonl").observed


def test_one_line_of_lists_of_numbers_is_one_row_of_tensors():
    table = reading.read(b'{"image": [[1, 2], [3, 4]], "window": [0.5, null]}', "jsonl")
    assert table.num_rows == 1


def test_json_of_mixed_types_is_kept_as_text_for_the_checks_to_show():
    table = reading.read(b'{"a": 1, "b": 1}\n{"a": "x"}\n{"a": null, "b": 2.5}\n', "jsonl")
    assert table.to_pydict() == {"a": ["1", "x", None], "b": [1.0, None, 2.5]}


def parquet_bytes(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(table, sink)
    return sink.getvalue()


def test_parquet_comes_in_the_platforms_types():
    table = pa.table({"a": pa.array([1, 2], pa.int16()), "b": pa.array(["x", "y"]).dictionary_encode()})
    read = reading.read(parquet_bytes(table), "parquet")
    assert [str(field.type) for field in read.schema] == ["int64", "string"]
    assert "not a Parquet file" in refused(b"PAR1 no", "parquet").observed
    assert "no rows" in refused(parquet_bytes(table.slice(0, 0)), "parquet").observed


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{\n "data": [\n  {"a": 1},\n  {"a": 2}\n ],\n "count": 2\n}', "whose rows stand in 'data'"),
        (b'{"count": 2, "items": [{"a": 1}]}', "whose rows stand in 'items'"),
        (b'{"a": [1, 2, 3], "b": ["x", "y", "z"]}', "one object of columns"),
        (b'{"a": {"0": 1, "1": 2}, "b": {"0": 3, "1": 4}}', "one object of columns"),
    ],
)
def test_one_object_around_rows_or_columns_is_told_as_that(data, words):
    assert words in refused(data, "jsonl").observed
