"""The typed client speaks every route of the registry as a user would call it."""

import asyncio
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from millrace.client.api import Api
from millrace.client.registry import Registry
from millrace.transport.errors import ApiError
from millrace_contracts.datasets import DatasetVersionWrite, QuarantineWrite
from millrace_contracts.decisions import Decision
from millrace_contracts.models import AliasWrite, ModelVersionWrite
from millrace_contracts.training_runs import TrainingRunChange, TrainingRunWrite

from .conftest import dataset_version, graph, version


@pytest.fixture
def registry(backend):
    with TestClient(asyncio.run(backend()), base_url="http://localhost") as server:
        api = Api("http://localhost", "token-of-admin")
        api.close()
        api._client = server
        yield Registry(api)


def test_a_model_is_made_promoted_and_explained_with_the_client_alone(registry, told, tmp_path):
    (tmp_path / "rows.parquet").write_bytes(b"rows" * 700_000)
    rows, bad = registry.put_artifact(tmp_path / "rows.parquet"), registry.put_artifact(b"bad", "text/csv")
    assert registry.get_artifact(rows) == b"rows" * 700_000
    assert registry.artifact(bad).media_type == "text/csv"
    assert registry.put_project("default", "ours").description == "ours"
    assert [item.name for item in registry.projects()] == ["default"]

    registry.put_dataset("sales", "what we sold")
    data = DatasetVersionWrite.model_validate(dataset_version(rows))
    assert registry.add_dataset_version("sales", data).number == 1
    assert registry.dataset("sales").latest == len(registry.dataset_versions("sales")) == 1
    assert registry.dataset_version("sales") == registry.dataset_version("sales", 1)
    assert [item.name for item in registry.datasets()] == ["sales"]
    registry.quarantine(
        "sales", QuarantineWrite(artifact=bad, source={"name": "bad.csv"}, report={"checks": []})
    )
    assert [item.artifact for item in registry.quarantined("sales")] == [bad]

    begun = TrainingRunWrite(key="k", loop="flights", dataset="sales", dataset_version=1)
    run = registry.create_run(begun).id
    registry.update_run(run, TrainingRunChange(state="succeeded", metrics={"rmse": 1.0}))
    assert registry.run(run) == registry.runs("flights")[0]

    registry.put_model("sales")
    body = version({"model.onnx": registry.put_artifact(graph())}, lineage={"run": run, "dataset": "sales"})
    assert registry.add_version("sales", ModelVersionWrite.model_validate(body)) == registry.version(
        "sales", 1
    )
    assert [item.number for item in registry.versions("sales")] == [1]
    assert registry.models() == [registry.model("sales")]
    move = AliasWrite(version=1, expected=None, event_time="2013-05-03T00:00:00Z", reason="first")
    registry.move_alias("sales", "champion", move)
    assert registry.aliases("sales") == {"champion": 1}
    assert registry.alias("sales", "champion", at=datetime(2013, 6, 1, tzinfo=UTC)) == 1
    assert len(registry.alias_history("sales", "champion")) == 1
    assert registry.lineage("sales", 1).run.id == run

    recorded = registry.record(Decision.model_validate(told(1, "default")))
    assert registry.decision(recorded.id).followed_by == []
    assert [item.id for item in registry.decisions(loop="flights")] == [recorded.id]
    known = registry.verify_decisions()
    assert registry.verify_decisions(known).ok
    assert registry.decision_digest("flights").count == 1
    assert registry.apply_retention(3600).removed == []


def test_a_refusal_arrives_as_an_error_that_helps(registry):
    registry.put_model("sales")
    body = ModelVersionWrite.model_validate(version({"model.onnx": registry.put_artifact(b"garbage")}))
    with pytest.raises(ApiError) as refused:
        registry.add_version("sales", body)
    assert refused.value.status == 422
    assert "not an ONNX file" in str(refused.value)
    assert refused.value.request_id
