"""Deliveries with tensors against a real registry: small or large they give one version, wrong shapes are named."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from millrace_contracts.rows import IngestSpec, ValidateSpec
from millrace_table import reading, streamed, tensors, typed
from millrace_training.rows import files, ingest, validate

ROWS = 120


def windows(rows: int = ROWS, shape: tuple[int, ...] = (4, 3), seed: int = 0) -> pa.Table:
    """Windows of a sensor, some of them missing, and what they were taken for."""
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(rows, *shape)).astype(np.float32)
    missing = np.arange(rows) % 20 == 7
    return pa.table(
        {
            "window": tensors.from_numpy(values, shape, missing),
            "fault": np.array(["no", "yes"])[(np.arange(rows) + seed) % 2],
        }
    )


def as_parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(table, sink)
    return sink.getvalue()


def as_lines(table: pa.Table) -> bytes:
    return b"\n".join(json.dumps(row).encode() for row in table.to_pylist())


@pytest.fixture
def push(client, context):
    def pushed(data: bytes, format: str, dataset: str = "windows") -> dict:
        source = {
            "kind": "artifact",
            "name": "a",
            "format": format,
            "digest": client.registry.put_artifact(data),
        }
        spec = IngestSpec.model_validate({"dataset": dataset, "source": source, "target": "fault"})
        return ingest.run(spec, context()).model_dump(mode="json")

    return pushed


def test_parquet_and_json_lines_in_one_piece_or_many_give_the_same_rows(push, client, monkeypatch):
    assert push(as_parquet(windows()), "parquet")["accepted"]
    first = client.registry.dataset_version("windows", 1)
    (column,) = [item for item in first.data_schema if item.name == "window"]
    assert (column.type, column.shape, column.nullable) == ("tensor", [4, 3], True)
    assert first.profile["columns"]["window"]["shape"] == [4, 3]
    for data, format in ((as_lines(windows()), "jsonl"), (as_parquet(windows()), "parquet")):
        again = push(data, format)
        assert (again["unchanged"], again["report"]["repeated"]) == (True, ROWS), again["reason"]
    monkeypatch.setattr(reading, "LARGE", 1)
    for module in (streamed, typed):
        monkeypatch.setattr(module, "PIECE", 50)
    for data, format in ((as_lines(windows()), "jsonl"), (as_parquet(windows()), "parquet")):
        again = push(data, format)
        assert (again["unchanged"], again["report"]["repeated"]) == (True, ROWS), again["reason"]
    more = push(as_parquet(windows(seed=1)), "parquet")
    assert (more["accepted"], more["new_rows"]) == (True, ROWS), more["reason"]
    second = client.registry.dataset_version("windows", 2)
    kept = files.from_parquet([client.registry.get_artifact(file.digest) for file in second.files])
    assert kept.schema.field("window").type == tensors.kind([4, 3])
    np.testing.assert_array_equal(
        tensors.to_numpy(kept["window"]),
        np.concatenate([tensors.to_numpy(windows(seed=seed)["window"]) for seed in (0, 1)]),
    )


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("write", [as_parquet, as_lines])
def test_another_shape_is_refused_and_told_beside_the_expected_one(push, monkeypatch, write, large):
    format = "parquet" if write is as_parquet else "jsonl"
    assert push(as_parquet(windows()), "parquet")["accepted"]
    if large:
        monkeypatch.setattr(reading, "LARGE", 1)
    refused = push(write(windows(shape=(3, 3))), format)
    assert not refused["accepted"]
    check = next(item for item in refused["report"]["checks"] if item["verdict"] == "failed")
    assert (check["check"], check["column"]) == ("type", "window")
    assert check["allowed"] == "tensor of the shape [4, 3]"
    assert check["examples"][0] == "row 1 has the shape [3, 3], expected [4, 3]"
    if write is as_parquet:
        ragged = pa.table(
            {"window": [*windows()["window"].to_pylist(), [[1.0, 2, 3]]], "fault": ["no"] * (ROWS + 1)}
        )
        refused = push(as_parquet(ragged), format)
        check = next(item for item in refused["report"]["checks"] if item["verdict"] == "failed")
        assert check["examples"] == [f"row {ROWS + 1} has the shape [1, 3], expected [4, 3]"]


def test_data_of_tensors_alone_can_be_trained_on(push, context):
    assert push(as_parquet(windows()), "parquet")["accepted"]
    asked = {"dataset": "windows", "dataset_version": 1, "task": "binary", "target": "fault"}
    told = validate.run(ValidateSpec.model_validate(asked), context())
    assert told.accepted, told.reason


def test_labelled_production_rows_join_a_dataset_of_tensors_in_their_shape(client, monitoring, context):
    """What monitoring hands back of closed days: float32 lists, with a missing cell."""
    moment = pa.array(np.arange(ROWS) * 3_600_000_000 + 1_704_067_200_000_000, pa.timestamp("us", "UTC"))
    dated = windows().append_column("at", moment)
    digest = client.registry.put_artifact(as_parquet(dated))
    first = {"kind": "artifact", "name": "a", "format": "parquet", "digest": digest}
    asked = {"dataset": "windows", "target": "fault", "event_time": "at"}
    assert ingest.run(IngestSpec.model_validate(asked | {"source": first}), context()).accepted
    later = pa.array(np.arange(ROWS) * 3_600_000_000 + 1_709_251_200_000_000, pa.timestamp("us", "UTC"))
    monitoring.data = as_parquet(windows(seed=1).append_column("at", later))
    source = {"kind": "feedback", "endpoint": "windows", "until": "2024-03-10T00:00:00Z"}
    result = ingest.run(IngestSpec.model_validate(asked | {"source": source}), context())
    assert (result.accepted, result.new_rows) == (True, ROWS), result.report
    told = client.registry.dataset_version("windows", 2)
    (column,) = [item for item in told.data_schema if item.name == "window"]
    assert (told.rows, column.type, column.shape) == (2 * ROWS, "tensor", [4, 3])
