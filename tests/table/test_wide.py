"""A table of many columns is read in little memory, missing marks and all."""

import pytest

from millrace_table import reading

COLUMNS, ROWS = 1500, 400


@pytest.mark.slow
def test_fifteen_hundred_columns_are_read_in_the_memory_that_the_reader_has():
    header = ",".join(f"x{place}" for place in range(COLUMNS))
    line = ",".join("NA" if place % 5 == 0 else f"{place}.25" for place in range(COLUMNS))
    table = reading.load("\n".join([header, *[line] * ROWS]).encode(), "csv").table
    assert (table.num_rows, table.num_columns) == (ROWS, COLUMNS)
    assert table.column("x5").null_count == ROWS
    assert table.column("x7").to_pylist()[:1] == ["7.25"]
