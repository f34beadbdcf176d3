"""MLflow's real client, of today and of a year ago, does a user's day against a running registry."""

import json
import os
import subprocess
from pathlib import Path

import httpx
import pytest

from ..conftest import graph, version
from .servers import CLIENTS, TOKEN, registry

HERE = Path(__file__).parent
VERSIONS = {"client": "3.17.2", "client-old": "3.6.0"}
pytestmark = pytest.mark.slow


def prepared(address):
    """A loop with a run and a champion, as training and the controller write them."""
    head = {"authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=address, headers=head, timeout=60) as client:
        run = client.post(
            "/v1/runs", json={"key": "j", "loop": "sales", "loop_run": 3, "params": {"seed": 7}}
        ).json()
        client.patch(f"/v1/runs/{run['id']}", json={"metrics": {"rmse": 2.5}, "state": "succeeded"})
        digest = client.post("/v1/artifacts", content=graph(ir_version=8)).json()["digest"]
        client.put("/v1/models/sales", json={})
        made = client.post("/v1/models/sales/versions", json=version({"model.onnx": digest}))
        assert made.status_code == 201, made.text
        move = {"version": 1, "expected": None}
        assert client.put("/v1/models/sales/aliases/champion", json=move).status_code == 200


@pytest.mark.parametrize("name", CLIENTS)
def test_a_users_day_with_mlflows_client(name, tmp_path):
    python = CLIENTS[name]
    if not python.exists():
        pytest.skip("`make test-mlflow` makes the environments of MLflow's clients")
    with registry(tmp_path / "home") as address:
        prepared(address)
        settings = os.environ | {"MLFLOW_TRACKING_TOKEN": TOKEN, "HOME": str(tmp_path)}
        command = [str(python), str(HERE / "client.py"), address]
        ran = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=170, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr[-3000:]
    seen = json.loads(ran.stdout.splitlines()[-1])
    loops = seen.pop("loops")
    assert seen == {
        "version": VERSIONS[name],
        "status": "FINISHED",
        "metrics": ["loss", "odd", "rmse"],
        "params": {"depth": "3", "rate": "0.1"},
        "kind": "tree",
        "history": [1.0, 0.5, 1 / 3, 0.25, 0.2],
        "inputs": ["little"],
        "files": seen["files"],
        "text": "some words",
        "found": ["child", "first"],
        "page": 2,
        "alias": "1",
        "tags": {"seen": "yes"},
        "nodes": ["Mul"],
        "logged": "READY",
        "searched": ["model"],
        "registered": ["doubled", "loop.sales"],
        "downloaded": True,
    }
    assert {"facts.json", "notes"} <= set(seen["files"])
    assert loops["run"] == "sales-3"
    assert loops["nodes"] == ["Identity"]
    assert loops["predicted"] == [3.0]
    for refusal in (loops["metric"], loops["alias"]):
        assert refusal.startswith("PERMISSION_DENIED")
        assert "gates" in refusal
