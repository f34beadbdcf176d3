"""Which classes that production does not know are learnt: enough rows, on enough days; the others are set aside."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from millrace_contracts.deliveries import ArtifactSource
from millrace_contracts.rows import IngestSpec, ValidateSpec
from millrace_table import inference
from millrace_training.rows import files, ingest, newcomers, validate
from millrace_training.rows.newcomers import Seen

KNOWN = ["iris", "rose", "tulip"]


def found(new, known=KNOWN, contract=None, most=1000, times=True):
    """*new*: day of each row by class."""
    kinds = [*KNOWN * 20, *(kind for kind, days in new.items() for _ in days)]
    days = np.array([0] * 60 + [day for days in new.values() for day in days])
    return newcomers.find(pa.chunked_array([pa.array(kinds)]), days if times else None, known, contract, most)


@pytest.mark.parametrize(
    ("days", "learnt"),
    [([1] * 9 + [2], True), ([1] * 8 + [2], False), ([1] * 500, False), (list(range(10)), True)],
)
def test_ten_rows_on_two_days_are_learnt(days, learnt):
    assert ("lily" in found({"lily": days}).learnt) is learnt
    assert ("lily" in found({"lily": days}).aside) is not learnt


def test_without_times_the_rows_alone_say_so():
    assert found({"lily": [1] * 10}, times=False).learnt == {"lily": Seen(10, None)}


def test_what_the_contract_allows_is_right_however_rare():
    guess = inference.infer(pa.table({"kind": [*KNOWN * 20, "lily"]}), "kind", None, "UTC")
    columns = [item.model_copy(update={"allowed": [*KNOWN, "lily"]}) for item in guess.columns]
    contract = guess.model_copy(update={"columns": columns})
    assert found({"lily": [1]}, contract=contract).learnt == {"lily": Seen(1, 1)}


def test_of_too_many_the_commonest_are_learnt_and_no_more_than_a_model_may_have():
    new = {f"kind {place:03}": [1] * 9 + [2] * (place + 1) for place in range(20)}
    told = found(new, most=8)
    assert list(told.learnt) == [f"kind {place:03}" for place in range(19, 14, -1)]
    assert len(told.aside) == 15


def test_no_version_means_no_rule():
    assert found({"lily": [1]}, known=None) is newcomers.NONE


def test_rows_of_known_classes_and_without_a_class_are_kept():
    kinds = pa.chunked_array([pa.array(["iris", "typo", None, "rose"])])
    told = newcomers.find(kinds, None, KNOWN, None, 1000)
    assert told.kept(kinds).tolist() == [True, False, True, True]


def test_validation_counts_what_is_learnt_and_names_what_is_set_aside(client, context):
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    kinds = [*KNOWN * 60, *["lily"] * 30, "typo", "typo"]
    table = pa.table(
        {
            "at": pa.array(
                [begin + timedelta(hours=place) for place in range(len(kinds))], pa.timestamp("us", "UTC")
            ),
            "size": [float(place * 7 % 13) for place in range(len(kinds))],
            "kind": kinds,
        }
    )
    guess = inference.infer(table.slice(0, 180), "kind", "at", "UTC")
    tolerant = {"guessed": False, "unknown_at_most": 1.0}
    columns = [item.model_copy(update=tolerant if item.name == "kind" else {}) for item in guess.columns]
    contract = guess.model_copy(update={"columns": columns})
    source = ArtifactSource(
        digest=client.registry.put_artifact(files.to_parquet(table)), name="a", format="parquet"
    )
    spec = IngestSpec(dataset="flowers", source=source, contract=contract)
    assert ingest.run(spec, context()).accepted
    asked = {
        "dataset": "flowers",
        "dataset_version": 1,
        "task": "multiclass",
        "target": "kind",
        "event_time": "at",
    }
    told = validate.run(ValidateSpec(**asked, known_classes=KNOWN), context())
    assert told.accepted, told.reason
    assert told.reason.startswith(
        "210 rows can be trained on. New classes are learnt from now on: 30 rows of 'lily'"
    )
    assert "set aside, too few to be learnt: 2 rows of 'typo' on 1 day" in told.reason
    assert "210" not in validate.run(ValidateSpec(**asked), context()).reason
