"""What a loop may adopt: the ONNX file of a registered version, and nothing that would have to be unpickled."""

import json

import pytest
from onnx import TensorProto

from ..conftest import graph, token, version

FILES = "/api/2.0/mlflow-artifacts/artifacts"
MERGED = b"a: &a {k: 1}\nb: &b {<<: [*a, *a]}\nflavors: {<<: [*b, *b], onnx: {data: x}}"
"""A dozen such lines, each with ten of the one before, are more than any memory."""
ONNX = {"onnx": {"data": "model.onnx"}, "python_function": {"loader_module": "mlflow.onnx"}}


@pytest.fixture
def register(ask, run):
    """Register a version whose files are these; answers what stands in the way, or the file."""

    async def register(files, name="prices"):
        found, experiment = run
        for path, content in files.items():
            await ask("PUT", f"{FILES}/{experiment}/{found}/artifacts/model/{path}", content=content)
        await ask("POST", "registered-models/create", {"name": name})
        await ask(
            "POST", "model-versions/create", {"name": name, "source": f"runs:/{found}/model", "run_id": found}
        )
        return name

    return register


async def adoptable(client, name, status, version=1):
    answer = await client.get("/v1/adoptable", params={"model": name, "version": version})
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_the_onnx_file_of_a_version_is_found_and_inspected(client, register):
    name = await register({"MLmodel": json.dumps({"flavors": ONNX}).encode(), "model.onnx": graph()})
    found = await adoptable(client, name, 200)
    assert (found["model"], found["version"], found["path"], found["size"]) == (
        name,
        1,
        "model.onnx",
        len(graph()),
    )
    assert (await client.get(f"/v1/artifacts/{found['digest']}")).content == graph()


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (
            {"MLmodel": b"flavors: {sklearn: {pickled_model: model.pkl}}", "model.pkl": b"\x80"},
            "flavors are sklearn",
        ),
        ({"MLmodel": b"flavors: {onnx: {data: gone.onnx}}"}, "not among its files"),
        ({"MLmodel": b"flavors: {onnx: {data: ../../x}}"}, "not among its files"),
        ({"MLmodel": b"!!python/object/apply:os.system [id]"}, "cannot be read"),
        ({"MLmodel": b"[" * 5000}, "cannot be read"),
        ({"MLmodel": MERGED}, "cannot be read"),
        ({"model.onnx": b"x"}, "no file MLmodel"),
        ({"MLmodel": b"flavors: {onnx: {data: model.onnx}}", "model.onnx": b"no graph"}, "not an ONNX file"),
    ],
)
async def test_what_is_no_onnx_graph_is_refused_with_the_remedy(client, register, files, why):
    said = await adoptable(client, await register(files), 422)
    assert why in said["detail"]
    assert "onnx" in said["errors"][0]["mend"].lower()


async def test_weights_outside_of_the_file_are_refused(client, register):
    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    weights.external_data.add(key="location", value="model.onnx.data")
    files = {"MLmodel": b"flavors: {onnx: {data: model.onnx}}", "model.onnx": graph(constants=[weights])}
    said = await adoptable(client, await register(files), 422)
    assert "external data" in said["detail"]


async def test_versions_of_others_and_of_loops_are_not_adopted(client, register, project):
    name = await register({"MLmodel": json.dumps({"flavors": ONNX}).encode(), "model.onnx": graph()})
    await adoptable(client, name, 404, version=2)
    await adoptable(client, "loop.sales", 403)
    await adoptable(client, "a\0b", 422)
    other = {"model": name, "version": 1, "project": f"{project}-b"}
    assert (await client.get("/v1/adoptable", params=other)).status_code == 404
    answer = await client.get("/v1/adoptable", params={"model": name, "version": 1}, headers=token("gateway"))
    assert answer.status_code == 403


async def test_a_version_of_a_loops_files_is_not_adopted_and_one_of_no_loops_is_not_made(ask, client, put):
    assert (await client.put("/v1/models/sales", json={})).status_code == 200
    made = await client.post(
        "/v1/models/sales/versions", json=version({"weights.bin": await put(b"weights")})
    )
    assert made.status_code == 201
    await ask("POST", "registered-models/create", {"name": "mine"})
    for loop, status in (("sales", 200), ("nobody", 404)):
        source = f"mlflow-artifacts:/loops/{loop}/1/artifacts"
        await ask("POST", "model-versions/create", {"name": "mine", "source": source}, status=status)
    assert "belongs to the loop sales" in (await adoptable(client, "mine", 403))["detail"]
