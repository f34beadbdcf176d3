"""A file that goes to Parquet a piece at a time gives the rows, rejects, notes and refusals of the whole."""

import gzip
import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from millrace_contracts.tables import Dialect
from millrace_table import jsonl, reading, streamed, typed
from millrace_table.refusals import Unreadable

PLAIN = "id,shop,x\n" + "".join(f"{row},north,{row / 4}\n" for row in range(9))
FILES = {
    "plain": PLAIN,
    "no rows": "id,shop,x\n",
    "empty": "\n \n",
    "one column": "x\n1\n\n2\nNA\n",
    "names again": PLAIN + PLAIN + PLAIN,
    "row numbers": ",a,b\n" + "".join(f"{row},{row % 3},x\n" for row in range(8)),
    "row numbers that fall": "Unnamed: 0,a\n" + "".join(f"{9 - row},{row % 3}\n" for row in range(8)),
    "row numbers twice": "Unnamed: 0,a\n" + "1,2\n" * 7,
    "behind every line a delimiter": PLAIN.replace("\n", ",\n"),
    "no name over values": PLAIN.replace("shop", ""),
    "too few and too many": PLAIN + "7,x\n8,y,1,2\n" + PLAIN.partition("\n")[2],
    "a quote that does not end": PLAIN + '9,"north,1\n' + PLAIN.partition("\n")[2],
    "torn": PLAIN + '7"Hiking, wide",x\n' + PLAIN.partition("\n")[2] + '8,9"Hiking, wide"\n',
    "words for missing": PLAIN.replace("north", "NA", 3).replace("0.25", "null"),
    "a title and comments": "# made by hand\n# twice\n" + PLAIN.replace("3,", "# not so\n3,", 1),
    "semicolons": PLAIN.replace(",", ";").replace(".", ","),
    "ends of two kinds": PLAIN.replace("\n", "\r\n", 3),
    "old ends": PLAIN.replace("\n", "\r"),
    "a separator line": "sep=;\n" + PLAIN.replace(",", ";"),
    "several lines in a cell": PLAIN + '9,"no\nrth",1\n' + PLAIN.partition("\n")[2],
    "names twice": "a,a\n1,2\n",
    "null": "a,b\n1,2\0\n",
}


def whole(path: Path, wanted: list[str], dialect: Dialect) -> object:
    try:
        loaded = reading.load(path, "csv", dialect, wanted)
    except Unreadable as error:
        return error.check
    return loaded.table.to_pydict(), loaded.dialect, loaded.rejects, loaded.notes, loaded.marked


def pieces(path: Path, wanted: list[str], dialect: Dialect) -> object:
    target = path.with_suffix(".parquet")
    try:
        done = reading.to_parquet(path, target, dialect, wanted)
    except Unreadable as error:
        return error.check
    table = parquet.read_table(target)
    assert done.rows == table.num_rows
    return table.to_pydict(), done.dialect, done.rejects, done.notes, done.marked


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(streamed, "PIECE", 3)


@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_each_kind_of_file_comes_out_the_same(tmp_path: Path, text: str):
    path = tmp_path / "a.csv"
    other = gzip.compress(text.replace("north", "nörd").encode("latin-1"))
    said = Dialect(missing=["NA"])
    for content, wanted, dialect in ((text.encode(), [], Dialect()), (other, ["id", "shop"], said)):
        path.write_bytes(content)
        assert pieces(path, wanted, dialect) == whole(path, wanted, dialect)


@pytest.mark.slow
def test_files_that_were_spoilt_at_random_come_out_the_same(tmp_path: Path):
    draw, path = random.Random(11), tmp_path / "a.csv"
    for _ in range(100):
        text = list(draw.choice([PLAIN, FILES["several lines in a cell"], FILES["row numbers"]]) * 2)
        for _ in range(draw.randrange(4)):
            text[draw.randrange(len(text))] = draw.choice([",", '"', "\n", ";", "", "NA", ",,", "\\", '""'])
        path.write_text("".join(text), newline="")
        assert pieces(path, [], Dialect()) == whole(path, [], Dialect()), "".join(text)


@pytest.mark.parametrize("end", ["9,x,1\r\n", "9,x,1\r8,y,2\r"])
def test_ends_of_another_kind_far_into_a_file_are_read_all_the_same(
    tmp_path: Path, end: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(streamed, "PIECE", 1 << 16)
    path, rows = tmp_path / "a.csv", "".join(f"{row},north,{row % 7}\n" for row in range(250_000))
    path.write_text("id,shop,x\n" + rows + end + "1,south,2\n", newline="")
    told = pieces(path, [], Dialect())
    assert told == whole(path, [], Dialect())
    assert len(told[0]["id"]) > 250_000


def test_how_far_it_is_read_is_told(tmp_path: Path):
    path, told = tmp_path / "a.csv", []
    path.write_text(PLAIN)
    reading.to_parquet(path, tmp_path / "a.parquet", told=told.append)
    assert told[-1] == 9
    assert told == sorted(told)


def of_types() -> pa.Table:
    """A column of each kind that Parquet and Arrow may hold, with what pandas writes beside them."""
    big, late = 2**63 + 5, datetime(2024, 5, 3, 12, tzinfo=UTC)
    return pa.table(
        {
            "whole": pa.array([1, None, 3, 4, 5, 6, 7], pa.int16()),
            "large": pa.array([1, 2, 3, 4, None, big, 7], pa.uint64()),
            "small": pa.array([1, 2, 3, 4, None, 6, 7], pa.uint64()),
            "exact": pa.array([Decimal(1), None, *[Decimal(7)] * 4, Decimal(10**20)], pa.decimal128(30, 0)),
            "money": pa.array([Decimal("1.5"), None, *[Decimal("0.25")] * 5], pa.decimal128(9, 2)),
            "word": pa.array(["a", None, "b", "a", "a", "b", "c"]).dictionary_encode(),
            "at": pa.array([late, None, *[late] * 5], pa.timestamp("ns", "Europe/Berlin")),
            "took": pa.array([timedelta(seconds=3), None, *[timedelta(hours=2)] * 5], pa.duration("ms")),
            "day": pa.array([late.date()] * 7),
            "list": pa.array([[1, 2], None, [], [3], [4], [5], [6]]),
            "bytes": pa.array([b"\x00\x01", None, *[b"x"] * 5]),
            "none": pa.nulls(7),
            "float": pa.array([1.5, None, float("inf"), -0.0, 2, 3, 4], pa.float32()),
            "__index_level_0__": pa.array(range(7)),
        }
    )


@pytest.mark.parametrize("format", ["parquet", "stream", "file"])
def test_typed_columns_come_out_the_same(tmp_path: Path, format: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(typed, "PIECE", 3)
    path, table, told = tmp_path / "a", of_types(), []
    if format == "parquet":
        table = table.set_column(5, "word", table["word"].cast(pa.string()))
        parquet.write_table(table, path, row_group_size=5)
    else:
        opened = pa.ipc.new_stream if format == "stream" else pa.ipc.new_file
        with opened(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=5)
    kind = "parquet" if format == "parquet" else "arrow"
    for wanted in ([], ["__index_level_0__"]):
        done = reading.to_parquet(path, tmp_path / "out.parquet", None, wanted, told.append, kind)
        whole, came = reading.load(path, kind, None, wanted), parquet.read_table(tmp_path / "out.parquet")
        assert came.schema.remove_metadata() == whole.table.schema
        assert came.to_pydict() == whole.table.to_pydict()
        assert (done.rows, done.notes, done.dialect) == (7, whole.notes, whole.dialect)
    assert told[-1] == 7


LINES = {
    "plain": '{"a": 1, "b": "x"}\n{"a": 2}\n\n{"b": "y", "c": true}\n{"c": false}\n',
    "mixed late": '{"a": 1, "b": 1, "c": true}\n' * 4 + '{"a": 1.5, "b": "x", "c": 1}\n',
    "long beside fractions": '{"a": 1.5, "b": 9007199254740993}\n' * 4 + '{"a": 9007199254740993, "b": 2}\n',
    "wide": '{"a": 1}\n' * 4 + '{"a": 9223372036854775809}\n',
    "no objects": '{"a": 1}\n' * 4 + '{"a": \n[1]\n{"a": 2}\n',
    "none at all": "1\n2\n3\n4\n",
    "nested": '{"a": 1, "b": 1}\n' * 4 + '{"a": 1, "b": [1]}\n{"a": {}}\n',
    "old ends": '{"a": 1}\r{"a": 2}\r{"a": 3}\r{"a": 4}\r{}\r{"a": null}',
    "ends of two kinds": '{"a": 1}\r\n{"a": 2}\n\r\n{"a": 3}\r\r{"a": \n{"a": 4}\r\n',
    "one row": '{"a": [1, 2]}',
    "an object of columns": '{"a": [1, 2, 3], "b": ["x", "y", "z"]}',
    "an object around its rows": '{\n"count": 2, "of": "a\\"b", "rows": [\n{"a": 1}, {"a": 2}]}',
    "an object of numbers by row": '{"a": {"0": 1, "1": 2}, "b": {"0": "x", "1": "y"}}',
}

ARRAYS = {
    "an array over several lines": '[\n {"a": 1.10, "b": "x\\ny,",\n "c": 9007199254740993},\n {"b": "é"} ]\n',
    "keys that come twice, and later": '[{"a": 1, "a": 2}, {"z": true}]',
    "numbers beyond all": '[{"a": 1e400}, {"a": 123456789012345678901234567890}, {"a": -0.0}]',
    "an array of other things": '[{"a": 1},\n2]',
    "an array that lacks its end": '[{"a": 1},\n{"a": 2}',
    "an array with a comma too many": '[\n{"a": 1},\n]',
    "an array with NaN": '[{"a": NaN}]',
    "two arrays": '[{"a": 1}]\n[{"a": 2}]',
    "an array of nothing": "[]",
    "objects in objects": '[{"a": {"b": 1}}]',
    "many": "[" + ",".join(f'{{"a": {n}, "b": "w{n % 7}"}}' for n in range(20_000)) + "]",
}


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([2**53 + 1, 1.5, None], ["9007199254740993", "1.5", None]),
        ([1.5, -(2**53) - 1], ["1.5", "-9007199254740993"]),
        ([2**64 - 1, 1], ["18446744073709551615", "1"]),
        ([2**53, 1.5], [float(2**53), 1.5]),
        ([2**53 + 1, 1], [2**53 + 1, 1]),
    ],
)
def test_long_whole_numbers_of_json_keep_their_digits(values, kept):
    text = "\n".join(json.dumps({"a": value}) for value in values)
    assert reading.load(text.encode(), "jsonl").table["a"].to_pylist() == kept


@pytest.mark.parametrize("chunk", [1, 1 << 20])
@pytest.mark.parametrize("text", [*LINES.values(), *ARRAYS.values()], ids=[*LINES, *ARRAYS])
def test_json_lines_come_out_the_same(tmp_path: Path, text: str, chunk: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jsonl, "CHUNK", chunk if len(text) < 1000 else 1 << 20)
    path = tmp_path / "a.jsonl"
    path.write_text(text, newline="")
    try:
        whole: object = (loaded := reading.load(path, "jsonl")).table.to_pydict(), loaded.table.schema
    except Unreadable as error:
        whole = error.check
    try:
        done = reading.to_parquet(path, tmp_path / "out.parquet", format="jsonl")
        table = parquet.read_table(tmp_path / "out.parquet")
        assert (done.rows, done.rejects, done.dialect) == (table.num_rows, loaded.rejects, loaded.dialect)
        parts: object = table.to_pydict(), table.schema.remove_metadata()
    except Unreadable as error:
        parts = error.check
    assert parts == whole


def test_a_line_that_is_longer_than_any_row_is_a_reject_and_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(jsonl, "CHUNK", 8)
    monkeypatch.setattr(jsonl, "LINE", 32)
    path, long = tmp_path / "a.jsonl", '{"a": "' + "x" * 90 + '"}'
    path.write_text("\n".join(['{"a": "1"}', long, '{"a": "2"}', "", long, long, '{"a": "3"}', long]))
    done = reading.to_parquet(path, tmp_path / "out.parquet", format="jsonl")
    assert parquet.read_table(tmp_path / "out.parquet")["a"].to_pylist() == ["1", "2", "3"]
    assert [(line.line, line.reason) for line in done.rejects.kept] == [
        (number, "It is not a row: it has more than 0 MiB.") for number in (2, 5, 6, 8)
    ]
    assert done.rejects.kept[0].text == long[:33]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": [1, 2, 3], "b": ["x", "y"]}', "The file is one object of columns."),
        (
            '{"n": -1.5, "w": "a, \\"b", "rows": [ {"a": 1}]}',
            "The file is one object, whose rows stand in 'rows'.",
        ),
        ('{"n": null,\n"a":\n{"0": 1}}', "The file is one object of columns."),
        ("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]", "Line 1 is not a row: it has more than 0 MiB."),
    ],
)
def test_a_large_file_of_one_object_is_named_by_how_it_begins(
    tmp_path: Path, text: str, told: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(jsonl, "LINE", 16)
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(Unreadable) as caught:
        reading.to_parquet(tmp_path / "a.json", tmp_path / "out.parquet", format="jsonl")
    assert caught.value.check.observed == told


def test_a_damaged_file_of_types_is_refused_in_the_same_words(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"PAR1 and nothing more")
    for kind in ("parquet", "arrow"):
        with pytest.raises(Unreadable) as whole:
            reading.load(path, kind)
        with pytest.raises(Unreadable) as parts:
            reading.to_parquet(path, tmp_path / "out.parquet", format=kind)
        assert parts.value.check == whole.value.check
