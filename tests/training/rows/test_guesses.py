"""What next month always brings is taken and noted, the guess grows by it, and what cannot be is not invited."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from millrace_contracts.data import DataContract
from millrace_table import inference
from millrace_training.rows import checks


def month(rows: int = 300, seed: int = 0, **columns: list) -> pa.Table:
    """A table as it is read: every cell a text."""
    draw = np.random.default_rng(seed)
    made: dict[str, list] = {
        "age": draw.integers(18, 90, rows).tolist(),
        "degrees": np.round(draw.uniform(2, 30, rows), 1).tolist(),
        "member": draw.integers(0, 2, rows).tolist(),
        "depot": draw.choice(["10115", "20095", "50667"], rows).tolist(),
        "shop": draw.choice(["A", "B", "C"], rows).tolist(),
        "empty": [None] * rows,
        "spent": np.round(draw.uniform(1, 500, rows), 2).tolist(),
    } | columns
    texts = {name: [None if cell is None else str(cell) for cell in cells] for name, cells in made.items()}
    return pa.table({name: pa.chunked_array([pa.array(cells, pa.string())]) for name, cells in texts.items()})


@pytest.fixture(scope="module")
def contract() -> DataContract:
    return inference.infer(month(), "spent", None, "UTC")


def told(table: pa.Table, contract: DataContract, verdict: str) -> set[tuple[str, str | None]]:
    lines = checks.check(table, contract, "UTC").checks
    return {(line.check, line.column) for line in lines if line.verdict == verdict}


def test_a_number_that_is_counted_on_with_every_row_has_no_range():
    contract = inference.infer(month(order=list(range(1000, 1300))), "spent", None, "UTC")
    assert contract.column("order").maximum is None
    much_later = month(order=list(range(90_000, 90_300)))
    assert all(line.verdict == "passed" for line in checks.check(much_later, contract, "UTC").checks)


def test_what_is_inferred_is_what_was_seen_and_is_marked_as_a_guess(contract):
    assert all(column.guessed for column in contract.columns)
    assert (contract.column("age").minimum, contract.column("age").maximum) == (18, 89)
    assert contract.column("empty").minimum is None


@pytest.mark.parametrize(
    ("columns", "note"),
    [
        ({"shop": ["D"] * 40 + ["A"] * 260}, ("values", "shop")),
        ({"shop": ["April"] * 300}, ("values", "shop")),
        ({"degrees": [-4.5] * 30 + [20.0] * 270}, ("range", "degrees")),
        ({"age": [41.5] * 20 + [30] * 280}, ("type", "age")),
        ({"age": [101] * 300}, ("range", "age")),
        ({"empty": [3.5] * 300}, ("type", "empty")),
        ({"age": [800] + [40] * 299}, ("range", "age")),
    ],
    ids=["shop", "words", "frost", "decimals", "beyond", "filled", "left out"],
)
def test_what_next_month_brings_is_taken_and_noted(contract, columns, note):
    table = month(seed=1, **columns)
    assert told(table, contract, "failed") == set()
    assert note in told(table, contract, "noted")


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"age": [800] * 20 + [40] * 280}, ("range", "age")),
        ({"age": [-40] * 300}, ("range", "age")),
        ({"degrees": [-300.0] * 20 + [20.0] * 280}, ("range", "degrees")),
        ({"member": [11, 2, 3, 0] * 75}, ("range", "member")),
        ({"depot": ["01067"] * 30 + ["10115"] * 270}, ("leading zeros", "depot")),
        ({"shop": ["a", "b", "c"] * 100}, ("values", "shop")),
        ({"shop": ["north", "south", "west"] * 100}, ("values", "shop")),
        ({"age": [None] * 150 + [40] * 150}, ("missing", "age")),
        ({"age": ["n/k"] * 60 + [40] * 240}, ("type", "age")),
    ],
    ids=["age", "negative", "absolute zero", "flag", "zeros", "spelling", "recoded", "emptied", "text"],
)
def test_what_cannot_be_is_refused_by_name(contract, columns, fault):
    found = told(month(seed=1, **columns), contract, "failed")
    assert fault in found
    assert {column for _, column in found} == {fault[1]}


def test_a_guess_grows_by_what_was_taken_so_that_the_remedy_holds_next_month(contract):
    grown = checks.check(month(seed=1, shop=["April"] * 300, age=[140] * 300), contract, "UTC").contract
    assert "April" in grown.column("shop").allowed
    assert grown.column("age").maximum == 140
    later = month(seed=2, shop=["May"] * 300, age=[200] * 300)
    assert told(later, grown, "failed") == set()


def test_a_promise_that_a_person_confirmed_is_held_as_it_stands(contract):
    sure = contract.model_copy(deep=True)
    sure.column("shop").guessed = sure.column("age").guessed = False
    table = month(seed=1, shop=["D"] * 40 + ["A"] * 260, age=[101] * 300)
    assert told(table, sure, "failed") == {("values", "shop"), ("range", "age")}


def test_a_small_delivery_is_not_refused_by_chance(contract):
    assert told(month(rows=12, seed=3, age=[None] + [40] * 11), contract, "failed") == set()


def test_a_time_that_lies_years_from_all_others_is_left_out_by_name():
    start = datetime(2024, 1, 1, tzinfo=UTC)
    times = [(start + timedelta(hours=place)).isoformat() for place in range(300)]
    times[70] = "2099-03-28T00:00:00+00:00"
    table = month(at=times)
    contract = inference.infer(table, "spent", "at", "UTC")
    checked = checks.check(table, contract, "UTC")
    assert (checked.passed, checked.kept.num_rows) == (True, 299)
    (line,) = [line for line in checked.checks if line.check == "far times"]
    assert (line.verdict, line.examples) == ("noted", ["row 71: '2099-03-28 00:00:00+00:00'"])
    years = month(at=[(start + timedelta(days=900, hours=place)).isoformat() for place in range(300)])
    assert (
        checks.check(years, contract, "UTC", known=(start, start + timedelta(days=12))).kept.num_rows == 300
    )
