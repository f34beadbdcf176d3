"""A contract inferred from good data lets good data pass and says what is wrong with broken data."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pydantic import ValidationError
from tables import sales, to_csv

from millrace_contracts.data import ColumnContract, DataContract, RowsContract
from millrace_contracts.tables import Dialect
from millrace_table import inference, reading, remarks
from millrace_table.refusals import Unreadable
from millrace_training.rows import checks


@pytest.fixture(scope="module")
def contract() -> DataContract:
    return inference.infer(reading.read(to_csv(sales()), "csv"), "revenue", "sold_at", "UTC")


def failed(table: pa.Table, contract: DataContract) -> dict[tuple[str, str | None], checks.Check]:
    checked = checks.check(reading.read(to_csv(table), "csv"), contract, "UTC")
    assert checked.passed == all(item.verdict != "failed" for item in checked.checks)
    return {(item.check, item.column): item for item in checked.checks if item.verdict == "failed"}


def test_the_sample_and_later_good_data_keep_the_inferred_contract(contract):
    assert failed(sales(), contract) == {}
    assert failed(sales(300, seed=5), contract) == {}


def test_what_is_inferred_is_what_a_person_would_write(contract):
    types = {column.name: column.type for column in contract.columns}
    assert types == {
        "sold_at": "timestamp",
        "shop": "string",
        "visitors": "integer",
        "area": "number",
        "open": "boolean",
        "revenue": "number",
    }
    assert contract.column("shop").allowed == ["north", "south", "west"]
    assert (contract.column("visitors").minimum, contract.column("visitors").maximum) == (11, 498)
    assert contract.column("revenue").missing_at_most == 0
    assert 0.05 < contract.column("area").missing_at_most < 0.5
    assert DataContract.model_validate_json(contract.model_dump_json()) == contract


def replaced(table: pa.Table, name: str, values) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


def test_each_kind_of_damage_is_named_with_examples_and_a_remedy(contract):
    table = sales()
    text = pc.if_else(
        pa.array([place % 10 == 0 for place in range(400)]), "n/k", table["visitors"].cast("string")
    )
    damaged = replaced(table, "visitors", text)
    damaged = replaced(damaged, "revenue", pc.multiply(table["revenue"], -1))
    gone = pc.if_else(pa.array([place % 2 == 0 for place in range(400)]), None, table["shop"])
    damaged = replaced(damaged, "shop", gone)
    damaged = pa.concat_tables([damaged, damaged.slice(0, 100)])
    found = failed(damaged, contract)
    assert set(found) == {
        ("type", "visitors"),
        ("range", "revenue"),
        ("missing", "shop"),
        ("duplicates", None),
    }
    assert found["type", "visitors"].observed == "50 cells are no integer"
    assert found["type", "visitors"].examples[:2] == ["row 1: 'n/k'", "row 11: 'n/k'"]
    assert "50.0%" in found["missing", "shop"].observed
    assert all(item.mend for item in found.values())


def test_a_lacking_column_is_named_and_an_extra_one_is_said_to_be_left_out(contract):
    found = failed(sales().drop_columns(["area"]).append_column("new", pa.array(range(400))), contract)
    (line,) = found.values()
    assert line.check == "columns"
    assert line.observed == "lacks 'area'; 'new' left out, as the contract does not name them"


def test_a_column_that_the_contract_does_not_name_is_noted_as_left_out(contract):
    found = checks.check(sales().append_column("new", pa.array(range(400))), contract, "UTC")
    (line,) = [item for item in found.checks if item.check == "columns"]
    assert found.passed
    assert line.verdict == "noted"
    assert "'new' left out" in line.observed


def test_a_class_that_was_never_there_is_told_though_it_is_taken():
    target = ColumnContract(name="y", type="string", allowed=["a", "b"], unknown_at_most=0.05)
    contract = DataContract(columns=[target], target="y", duplicates_at_most=1)
    found = checks.check(pa.table({"y": ["a", "b"] * 50 + ["c"]}), contract, "UTC")
    (line,) = [item for item in found.checks if item.check == "values"]
    assert found.passed
    assert (line.verdict, line.rows) == ("noted", 1)
    assert "10 rows on 2 days" in line.mend


@pytest.mark.parametrize(
    ("type", "cells", "words"),
    [
        ("timestamp", ["07/20/2025", "07/21/2025"], "--date-order"),
        ("number", ["8,114", "3,552"], "--decimal"),
        ("number", ["12 kg"], "Correct these cells, or change"),
        ("integer", ["007x"], "Correct these cells, or change"),
    ],
)
def test_cells_that_could_be_read_if_their_writing_were_said_name_the_option(type, cells, words):
    dialect = Dialect(decimal=",", thousands=".", date_order="dmy")
    promised = [ColumnContract(name="c", type=type), ColumnContract(name="plain", type="number")]
    contract = DataContract(columns=promised, dialect=dialect)
    found = checks.check(pa.table({"c": cells, "plain": ["0.5"] * len(cells)}), contract, "UTC")
    (line,) = [item for item in found.checks if (item.check, item.column) == ("type", "c")]
    assert line.verdict == "failed"
    assert words in line.mend


def test_a_target_that_is_missing_is_refused_unless_the_contract_tolerates_it(contract):
    table = replaced(
        sales(), "revenue", pc.if_else(pc.greater(sales()["visitors"], 480), None, sales()["revenue"])
    )
    assert set(failed(table, contract)) == {("missing", "revenue")}
    lenient = contract.model_copy(deep=True)
    lenient.column("revenue").missing_at_most = 0.5
    checked = checks.check(reading.read(to_csv(table), "csv"), lenient, "UTC")
    assert checked.passed
    assert checked.kept["revenue"].null_count == 0
    assert checked.kept.num_rows < 400


def test_few_odd_values_are_left_out_and_many_refuse_the_delivery():
    column = ColumnContract(name="x", type="number", minimum=0, maximum=10, outside_at_most=0.01)
    contract = DataContract(columns=[column])
    table = pa.table({"x": pa.chunked_array([[1.0] * 199 + [99.0]])})
    checked = checks.check(table, contract, "UTC")
    assert (checked.passed, checked.kept.num_rows) == (True, 199)
    table = pa.table({"x": pa.chunked_array([[1.0] * 190 + [99.0] * 10])})
    assert not checks.check(table, contract, "UTC").passed


def test_a_value_that_comes_twice_breaks_unique():
    contract = DataContract(columns=[ColumnContract(name="id", type="string", unique=True)])
    checked = checks.check(pa.table({"id": pa.chunked_array([["a", "b", "a", None, None]])}), contract, "UTC")
    (line,) = [item for item in checked.checks if item.check == "unique"]
    assert (line.verdict, line.examples) == ("failed", ["row 3: 'a'"])


def test_a_partial_delivery_may_lack_columns_that_no_model_reads(contract):
    raw = sales().drop_columns(["area", "open"])
    checked = checks.check(raw, contract, "UTC", partial=True)
    assert checked.passed
    assert checked.table["area"].null_count == 400
    assert not checks.check(raw.drop_columns(["revenue"]), contract, "UTC", partial=True).passed


def test_too_few_rows_are_refused(contract):
    assert checks.volume(5, contract).verdict == "failed"
    assert "5 rows" in checks.volume(5, contract).observed


@pytest.mark.parametrize(
    ("target", "event_time", "check"),
    [("nothing", None, "target"), (None, "nothing", "event time"), (None, "shop", "event time")],
)
def test_a_role_that_no_column_can_play_is_refused(target, event_time, check):
    with pytest.raises(Unreadable) as caught:
        inference.infer(sales(), target, event_time, "UTC")
    assert caught.value.check.check == check


def test_a_person_is_warned_of_identifiers_constants_and_missing_targets():
    table = pa.table(
        {
            "id": pa.chunked_array([[f"r{place}" for place in range(200)]]),
            "same": pa.chunked_array([[1] * 200]),
            "none": pa.chunked_array([pa.nulls(200, pa.string())]),
            "y": pa.chunked_array([[None, *range(199)]]),
        }
    )
    contract = inference.infer(table, "y", None, "UTC")
    notes = " ".join(remarks.remarks(table, checks.check(table, contract, "UTC").table, contract))
    for words in (
        "'id' looks like an identifier",
        "'same' has one value",
        "'none' has no values",
        "1 row has no",
    ):
        assert words in notes


@pytest.mark.parametrize(
    "bad",
    [
        {"columns": []},
        {"columns": [{"name": "a", "type": "text"}]},
        {"columns": [{"name": "a", "type": "number"}, {"name": "a", "type": "number"}]},
        {"columns": [{"name": "a", "type": "number"}], "target": "b"},
        {"columns": [{"name": "a", "type": "string", "minimum": 1}]},
        {"columns": [{"name": "a", "type": "number", "minimum": 2, "maximum": 1}]},
        {"columns": [{"name": "a", "type": "number", "minimum": float("nan")}]},
        {"columns": [{"name": "a", "type": "number", "missing_at_most": 1.5}]},
    ],
)
def test_a_contract_that_makes_no_sense_is_refused(bad):
    with pytest.raises(ValidationError):
        DataContract.model_validate(bad)


def test_rows_have_a_sensible_default():
    assert RowsContract().minimum == 50
