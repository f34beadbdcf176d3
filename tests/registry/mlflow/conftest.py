"""Calls of MLflow's API in a test's own project, which clients call a workspace."""

import pytest
import pytest_asyncio

API = "/api/2.0/mlflow"


@pytest.fixture
def ask(client, project):
    """One call; answers the body, after the status is what was expected."""

    async def ask(method, path, body=None, status=200, workspace=project, content=None, **headers):
        where = path if path.startswith("/") else f"{API}/{path}"
        sent = (
            {"params": body}
            if method == "GET"
            else {"content": content}
            if content is not None
            else {"json": body or {}}
        )
        answer = await client.request(
            method, where, headers={"x-mlflow-workspace": workspace} | headers, **sent
        )
        assert answer.status_code == status, (path, answer.text)
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.content

    return ask


@pytest_asyncio.fixture(loop_scope="session")
async def run(ask):
    """A run in an experiment of its own; answers its id and its experiment's."""
    experiment = (await ask("POST", "experiments/create", {"name": "mine"}))["experiment_id"]
    made = await ask("POST", "runs/create", {"experiment_id": experiment, "start_time": 1})
    return made["run"]["info"]["run_id"], experiment
