"""A column that is not what it looks like is named at init, with the remedy."""

import numpy as np
import pyarrow as pa
import pytest

from millrace_contracts.tables import Dialect
from millrace_table import columns, digits, inference, remarks


def notes(column: pa.Array, dialect: Dialect | None = None) -> list[str]:
    raw = pa.table({"c": column, "y": pa.array(range(len(column)))})
    contract = inference.infer(raw, "y", None, "UTC", dialect)
    typed = {
        made.name: columns.convert(
            raw.column(made.name), made.type, "UTC", made.name, contract.dialect
        ).values
        for made in contract.columns
    }
    return [note for note in remarks.remarks(raw, pa.table(typed), contract) if "'c'" in note]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["1,234", "5,678"] * 3, "can be read in two ways"),
        (["1,5", "2.5"] * 3, "two decimal signs"),
        (["03/04/2024", "05/06/2024"] * 3, "nothing proves which number is the day"),
        ([*(f"{number}.5" for number in range(30)), "-"], "looks like numbers, but '-' is none"),
        ([*(f"2024-05-{day:02}" for day in range(1, 29)), "soon"], "looks like times, but 'soon' is none"),
        (["01067", "12345"] * 3, "some begin with 0"),
        (["12345678901234567890", "12345678901234567891"] * 3, "they are too long"),
        (["1E5", "2E7"] * 3, "codes like '1E5'"),
        (["12 kg", "7.5 kg"] * 3, "the unit 'kg'"),
        (["1-Mar-24", "28-Feb-24"] * 3, "years have two digits"),
        (["3. Mai 2024", "4. Juni 2024"] * 3, "in a form that is not read"),
        (["Fri May  3 12:00:00 2024", "Sat May  4 12:00:01 2024"] * 3, "in a form that is not read"),
        (["2024-W01", "2024-W02"] * 3, "weeks like '2024-W01'"),
        (["08:30", "17:05"] * 3, "times of day or durations"),
        (["Yes", "yes", "no"] * 3, "differ in capitals only"),
        (["NA", "DE", "NA"] * 3, "are taken for a word"),
        (["01.03.24", "28.02.24"] * 3, "years have two digits"),
        (["95 531", "8 713"] * 3, "say thousands in the dialect"),
        ([2**60 + number for number in range(100)], "Subtract an offset like 1152921504606846900"),
        ([number + far for number in range(100) for far in (0, 10**10, 10**12)], "Take differences"),
        ([float("inf"), 1.5, 2.5, 3.5], "1 cell of 'c' is infinite"),
    ],
)
def test_what_looks_like_something_else_is_named(cells, words):
    told = notes(pa.array(cells))
    assert any(words in note for note in told), told


@pytest.mark.parametrize(
    "cells",
    [
        ["Monday", "Tuesday"] * 3,
        ["39,20", "5,1"] * 3,
        ["31/12/2024", "01/02/2024"] * 3,
        [0.1 * number for number in range(100)],
        list(range(1000)),
        [1_700_000_000 + number for number in range(100)],
        [1e9 + number / 100 for number in range(100)],
    ],
)
def test_an_ordinary_column_is_not_named(cells):
    assert notes(pa.array(cells)) == []


def test_an_offset_is_one_that_helps():
    values = [2**60 + 2 * number for number in range(600)]
    lost = digits.lost(pa.array(values))
    assert lost is not None
    assert not lost.mended
    assert digits.lost(pa.array([value - lost.offset for value in values])) is None


@pytest.mark.parametrize(
    "values",
    [
        [1_700_000_000 + number for number in range(100)],
        [0, *(1_700_000_000_000 + 1_000 * number for number in range(100))],
        [5_800_000_000.25 + number / 4 for number in range(100)],
        [13.4050001 + number / 1e7 for number in range(100)],
    ],
)
def test_numbers_that_keep_their_differences_less_a_centre_are_no_loss(values):
    lost = digits.lost(pa.array(values))
    assert lost is not None
    assert lost.mended
    centred = np.asarray(values, np.float64) - lost.centre
    assert len(np.unique(centred.astype(np.float32))) >= digits.KEPT * len(values)


def test_numbers_and_times_that_are_read_as_text_name_no_rows():
    cells = [*(f"{number}.25" for number in range(150)), "-"]
    (note,) = notes(pa.array(cells))
    assert "--missing" in note
    contract = inference.infer(pa.table({"c": cells, "y": range(151)}), "y", None, "UTC")
    assert not contract.column("c").unique


def test_a_target_of_numbers_with_a_line_of_units_is_told_as_that():
    raw = pa.table({"y": ["EUR", *(f"{number}.5" for number in range(99))]})
    contract = inference.infer(raw, "y", None, "UTC")
    guess = inference.task(contract.column("y"), raw.column("y"))
    assert guess.task is None
    assert "looks like numbers, but 'EUR' is none" in guess.notes[0]
