"""Every kind of job in its own process: flowers of three kinds, from a file to a candidate that was evaluated."""

import pyarrow as pa
import pytest
from sklearn.datasets import load_iris
from tables import to_csv

CLASSES = ["setosa", "versicolor", "virginica"]


def flowers() -> pa.Table:
    data = load_iris()
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    columns = dict(zip(names, data.data.T, strict=True))
    return pa.table(columns | {"species": [CLASSES[number] for number in data.target]})


@pytest.mark.slow
async def test_flowers_of_three_kinds_go_from_a_file_to_an_evaluated_candidate(serve, registry, client):
    digest = client.registry.put_artifact(to_csv(flowers()))

    async with serve(registry_url=registry, job_threads=1) as http:

        async def done(kind: str, **spec: object) -> dict:
            made = await http.post("/v1/jobs", json={"key": kind, "kind": kind, "spec": spec})
            assert made.status_code == 201, made.text
            while (job := (await http.get(f"/v1/jobs/{made.json()['id']}", params={"wait": 30})).json())[
                "state"
            ] in (
                "queued",
                "running",
            ):
                pass
            assert job["state"] == "succeeded", job["error"]
            return job["result"]

        inferred = await done("infer", digest=digest, format="csv", target="species")
        assert inferred["contract"]["target"] == "species"
        source = {"kind": "artifact", "digest": digest, "name": "iris.csv", "format": "csv"}
        assert (await done("ingest", dataset="iris", source=source, target="species"))["rows"] == 150
        asked = {"dataset": "iris", "dataset_version": 1, "task": "multiclass", "target": "species"}
        assert (await done("validate", **asked))["accepted"]
        trained = await done("train", **asked, trials=1, executor="inline")
        assert trained["signature"]["classes"] == CLASSES
        candidate = {"files": trained["files"], "signature": trained["signature"]}
        judged = await done("evaluate", **asked, candidate=candidate, champion=None)
        assert judged["metrics"]["candidate"]["accuracy"] > 0.9
