"""The real registry on SQLite and on PostgreSQL: one suite of promises for both.

One service of each kind runs for the whole session, and every test works in a project of its own. A test that
needs a service for itself makes it: `started(await backend())`.
"""

import asyncio
import hashlib
import json
import uuid
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from onnx import TensorProto, helper
from tests import postgresql as databases

from millrace_contracts.decisions import decision
from millrace_registry.main import RegistrySettings, build

HERE = Path(__file__).parent
ROLES = ("admin", "viewer", "gateway", "training", "serving", "controller")
TEAM = "team-a"
MEMBERS = {"ada": "operator", "bob": "viewer", "eve": "approver"}
"""Whose roles hold in the project TEAM alone."""


def token(role):
    return {"authorization": f"Bearer token-of-{role}"}


def pytest_collection_modifyitems(items):
    """All tests of this folder share one event loop, that of the services."""
    for item in items:
        if HERE in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def backend(request, tmp_path_factory):
    """Makes an app that is not started, on an empty database."""

    async def make(**settings):
        home = tmp_path_factory.mktemp("registry")
        (home / "run").mkdir()
        entries = [
            {"name": role, "role": role, "sha256": hashlib.sha256(f"token-of-{role}".encode()).hexdigest()}
            for role in ROLES
        ]
        entries += [
            {"name": name, "role": role, "project": TEAM}
            | {"sha256": hashlib.sha256(f"token-of-{name}".encode()).hexdigest()}
            for name, role in MEMBERS.items()
        ]
        (home / "run" / "tokens.json").write_text(json.dumps({"tokens": entries}))
        lite = request.param == "sqlite"
        url = "" if lite else databases.create(request.getfixturevalue("postgresql"))
        return build(RegistrySettings(home=home, database_url=url, **settings))

    return make


@asynccontextmanager
async def started(app):
    async with app.router.lifespan_context(app):
        yield app


def caller(app, **query):
    """A client with the rights of an administrator."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(
        transport=transport, base_url="http://localhost", headers=token("admin"), params=query
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def app(backend):
    async with started(await backend()) as app:
        yield app


@pytest.fixture
def project():
    return f"p-{uuid.uuid4().hex[:12]}"


@pytest_asyncio.fixture(loop_scope="session")
async def client(app, project):
    async with caller(app, project=project) as client:
        yield client


@pytest.fixture
def put(client):
    """Store bytes; returns the digest."""

    async def put(data):
        answer = await client.post("/v1/artifacts", content=data)
        assert answer.status_code == 201
        return answer.json()["digest"]

    return put


def tensor(name, element=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, element, [None, 1])


def graph(*nodes, inputs=("x",), element=TensorProto.FLOAT, constants=(), opsets=(), **more):
    """A small ONNX model, y = x, with whatever a test adds to it."""
    identity = helper.make_node("Identity", [inputs[0]], ["prediction"])
    made = helper.make_graph(
        [*nodes, identity],
        "g",
        [tensor(name, element) for name in inputs],
        [tensor("prediction", element)],
        constants,
    )
    known = [helper.make_opsetid("", 17), *(helper.make_opsetid(domain, 1) for domain in opsets)]
    return helper.make_model(made, opset_imports=known, **more).SerializeToString()


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


@pytest_asyncio.fixture(loop_scope="session")
async def model(client, put):
    """A model `sales` with three versions, without graphs: inspecting them is another test's matter."""
    assert (await client.put("/v1/models/sales", json={})).status_code == 200
    digest = await put(b"weights")
    for number in (1, 2, 3):
        body = version({"weights.bin": digest}, f"run-{number}")
        answer = await client.post("/v1/models/sales/versions", json=body)
        assert answer.status_code == 201, answer.text
        assert answer.json()["number"] == number
    return "sales"


def dataset_version(digest, parent=None, source=None, rows=3):
    return {
        "parent": parent,
        "files": [{"digest": digest, "rows": rows, "size": 7}],
        "schema": [{"name": "x", "type": "number", "nullable": True}],
        "source": {"kind": "file", "name": "a.csv", "digest": source or digest},
        "rows": rows,
    }


@pytest.fixture
def told(project):
    """A decision as JSON, of this test's project unless it says another."""

    def told(number, of=project, **more):
        usual = {"loop": "flights", "kind": "run.opened", "outcome": "opened", "event_time": None}
        said = {
            "author": "controller",
            "reason": f"decision {number}",
            "evidence": {"value": 1 / (number + 1)},
        }
        return decision(project=of, subject=f"run {number}", **(usual | said | more)).model_dump(mode="json")

    return told


async def together(*calls):
    return await asyncio.gather(*calls)
