"""A file for predict is read by the model's signature: the same row gives the same values whatever stands beside it.

Each promise holds for a small file, which is read whole, and for a large one, which is read a piece at a time.
"""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from tests.table.entrances import rows_of

from millrace_contracts.signature import Input, Output, Signature
from millrace_contracts.tables import Dialect
from millrace_table import asked, pieces, reading, rows, streamed
from millrace_table.refusals import Unreadable

KINDS = {"release": "category", "flag": "category", "size": "number", "paid": "boolean", "at": "timestamp"}
DATATYPES = {"category": "BYTES", "number": "FP32", "boolean": "FP32", "timestamp": "INT64"}
SIGNATURE = Signature(
    inputs=[
        Input(name=name, column=name, kind=kind, datatype=DATATYPES[kind]) for name, kind in KINDS.items()
    ],
    outputs=[Output(name="prediction", datatype="FP32")],
    timezone="Europe/Berlin",
    missing=["NA"],
)
WHOLE = "release,flag,size,paid,at\nLTS,unknown,3.5,true,2024-05-03 12:00\n1.10,true,2,FALSE,2024-05-04\n1E5,NA,,0,\n"


@pytest.fixture(autouse=True, params=["whole", "in pieces"])
def size(request, monkeypatch):
    if request.param == "in pieces":
        monkeypatch.setattr(reading, "LARGE", 1)
        for room in (streamed, pieces):
            monkeypatch.setattr(room, "PIECE", 2)
        monkeypatch.setattr(rows, "AT_ONCE", 1)


def read(folder, text, **more):
    path = folder / "rows.csv"
    path.write_text(text)
    return rows_of(path, SIGNATURE, **more)


def test_each_row_alone_is_read_as_it_is_among_the_others(tmp_path):
    head, *lines = WHOLE.splitlines()
    together = read(tmp_path, WHOLE).rows
    assert [read(tmp_path, f"{head}\n{line}\n").rows[0] for line in lines] == together
    assert [row["release"] for row in together] == ["LTS", "1.10", "1E5"]
    assert [row["flag"] for row in together] == ["unknown", "true", None]
    assert [row["paid"] for row in together] == [True, False, False]
    assert together[0]["at"] == "2024-05-03T10:00:00+00:00"


def test_a_column_without_name_and_values_is_none_though_an_empty_cell_is_no_mark(tmp_path):
    """Every line of the file ends with a delimiter; the signature's marks for missing values do not name ''."""
    expected = read(tmp_path, WHOLE).rows
    assert read(tmp_path, WHOLE.replace("\n", ",\n")).rows == expected
    head, *lines = WHOLE.splitlines()
    assert read(tmp_path, "\n".join([head, *(f"{line}, " for line in lines)]) + "\n").rows == expected
    with pytest.raises(Unreadable, match="Column 6 has no name"):
        read(tmp_path, "\n".join([f"{head},", *(f"{line},7" for line in lines)]) + "\n")


def test_a_cell_that_is_none_is_refused_with_its_row(tmp_path):
    with pytest.raises(Unreadable) as caught:
        read(tmp_path, WHOLE.replace("3.5", "large"))
    assert caught.value.check.observed == "1 cell of 'size' is no number: row 1: 'large'."


def test_the_column_of_event_times_says_when_rows_happen(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(
        "release,flag,size,paid,at,when,note\nLTS,x,1,1,,2024-06-01,n\nLTS,x,1,1,,2024-06-02 01:00,n\n"
    )
    file = rows_of(path, SIGNATURE, event_time="when")
    assert file.times == [datetime(2024, 5, 31, 22, tzinfo=UTC), datetime(2024, 6, 1, 23, tzinfo=UTC)]
    assert file.unused == ["note"]


def test_the_contracts_writing_of_numbers_holds_for_a_file_that_does_not_show_one(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("release;flag;size;paid;at\nLTS;x;1,234;1;\n")
    assert rows_of(path, SIGNATURE, Dialect(decimal=",")).rows[0]["size"] == 1.234
    assert rows_of(path, SIGNATURE, Dialect(decimal=".", thousands=",")).rows[0]["size"] == 1234.0
    with pytest.raises(Unreadable):
        rows_of(path, SIGNATURE)


GERMAN = Dialect(decimal=",", thousands=".")
NUMBERS = Signature(
    inputs=[Input(name=name, column=name, kind="number", datatype="FP32") for name in ("price", "share")],
    outputs=[Output(name="prediction", datatype="FP32")],
)


def test_what_the_contract_reads_so_and_the_files_other_numbers_otherwise_is_asked_for(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('price,share\n"8,114",0.108\n"3,552",0.396\n')
    with pytest.raises(Unreadable, match="2 cells of 'price' are no number") as caught:
        rows_of(path, NUMBERS, dialect=GERMAN)
    assert "--decimal" in caught.value.check.mend
    said = Dialect(decimal=".", thousands=",")
    assert rows_of(path, NUMBERS, dialect=said).rows[0] == {"price": 8114.0, "share": 0.108}
    path.write_text("price;share\n8,114;0,108\n3,552;0,396\n")
    assert rows_of(path, NUMBERS, dialect=GERMAN).rows[0] == {"price": 8.114, "share": 0.108}


def test_what_a_cell_means_may_be_told_by_one_far_behind_it(tmp_path):
    """`1,234` may be a thousand or one and a bit, and 03/04 a day in March or April."""
    path = tmp_path / "rows.csv"
    lines = "LTS;x;1,234;1;03/04/2024\n" * 5
    path.write_text(f"release;flag;size;paid;at\n{lines}LTS;x;0,5;1;31/12/2024\n")
    read = rows_of(path, SIGNATURE).rows
    assert [row["size"] for row in read] == [1.234] * 5 + [0.5]
    assert {row["at"] for row in read[:5]} == {"2024-04-02T22:00:00+00:00"}
    path.write_text(f"release;flag;size;paid;at\n{lines}LTS;x;1.234,5;1;31/12/2024\n")
    assert rows_of(path, SIGNATURE).rows[0]["size"] == 1.234


def test_times_of_which_some_have_an_offset_are_refused_wherever_they_stand(tmp_path):
    text = WHOLE + "LTS,x,1,1,2024-05-04\n" * 4 + "LTS,x,1,1,2024-05-04T00:00:00Z\n"
    with pytest.raises(Unreadable, match="Some times have an offset"):
        read(tmp_path, text)


def test_cells_that_are_none_are_counted_over_the_file_and_the_first_five_shown(tmp_path):
    lines = "LTS,x,1,1,\n" * 3 + "LTS,x,big,1,\n" * 7
    with pytest.raises(Unreadable) as caught:
        read(tmp_path, "release,flag,size,paid,at\n" + lines)
    shown = ", ".join(f"row {number}: 'big'" for number in range(4, 9))
    assert caught.value.check.observed == f"7 cells of 'size' are no number: {shown}."
    assert caught.value.check.rows == 7


def test_parquet_and_json_lines_give_the_same_rows_as_text(tmp_path):
    table = pa.table(
        {
            "release": ["LTS", "NA"],
            "flag": [" x ", "7"],
            "size": pa.array([3.5, None], pa.float32()),
            "paid": [True, None],
            "at": pa.array([datetime(2024, 5, 3, 12), None], pa.timestamp("ns")),
        }
    )
    parquet.write_table(table, tmp_path / "rows.parquet")
    (tmp_path / "rows.jsonl").write_text(
        '{"release": "LTS", "flag": " x ", "size": 3.5, "paid": true, "at": "2024-05-03 12:00"}\n'
        '{"release": "NA", "flag": "7", "size": null, "paid": null, "at": null}\n'
    )
    text = read(tmp_path, "release,flag,size,paid,at\nLTS, x ,3.5,1,2024-05-03 12:00\nNA,7,,,\n").rows
    assert rows_of(tmp_path / "rows.parquet", SIGNATURE).rows == text
    assert rows_of(tmp_path / "rows.jsonl", SIGNATURE).rows == text


@pytest.mark.parametrize(
    ("name", "cell", "kept"),
    [
        ("release", " 1.10 ", "1.10"),
        ("release", "NA", None),
        ("release", "  ", None),
        ("release", 7, "7"),
        ("size", True, 1.0),
        ("size", -0.0, 0.0),
        ("paid", 1, 1.0),
        ("at", "2024-05-03 12:00", 1_714_730_400),
        ("at", "2024-05-03T10:00:00.9Z", 1_714_730_400),
        ("at", 1_714_730_400, 1_714_730_400),
        ("at", 1_714_730_400_123, 1_714_730_400),
        ("at", "May 3, 2024 12:00", 1_714_730_400),
        ("size", None, None),
    ],
)
def test_a_cell_of_a_request_is_read_by_the_signature(name, cell, kept):
    item = next(item for item in SIGNATURE.inputs if item.column == name)
    assert asked.value(cell, item, SIGNATURE) == kept


@pytest.mark.parametrize(
    ("name", "cell", "words"),
    [
        ("release", 1.1, "is not text"),
        ("release", True, "is not text"),
        ("size", "3.5", "is text"),
        ("size", 10**400, "is too large"),
        ("size", 1e39, "is too large"),
        ("paid", 2, "is neither true nor false"),
        ("paid", "yes", "is text"),
        ("at", "03/04/2024", "is not a point in time"),
        ("at", 10**30, "is not a point in time"),
        ("at", 1.5, "is not a point in time"),
    ],
)
def test_what_a_cell_of_a_request_cannot_be_is_told(name, cell, words):
    item = next(item for item in SIGNATURE.inputs if item.column == name)
    wrong = asked.value(cell, item, SIGNATURE)
    assert isinstance(wrong, asked.Wrong)
    assert wrong.words == words
