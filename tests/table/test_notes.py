"""What `init` says of a table before anyone trusts it: too few rows, texts that name rows."""

import pyarrow as pa

from millrace_table import inference, remarks


def notes(**columns):
    table = pa.table({"y": [float(n % 7) for n in range(len(next(iter(columns.values()))))]} | columns)
    return remarks.remarks(table, table, inference.infer(table, "y", None, "UTC"))


def test_fewer_rows_than_a_dataset_must_have_are_told():
    assert any("12 rows are fewer than the 50" in note for note in notes(x=[float(n) for n in range(12)]))
    assert not notes(x=[float(n % 9) for n in range(60)])


def test_a_text_that_is_another_one_in_most_rows_is_named():
    names = [f"person {number // 2 if number < 20 else number}" for number in range(100)]
    (note,) = notes(name=names)
    assert "'name' has 90 different texts in 100 rows" in note
    assert "exclude it" in note


def test_a_category_is_no_name():
    assert notes(city=[f"city {number % 40}" for number in range(100)]) == []
