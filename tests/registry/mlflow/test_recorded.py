"""What was recorded of MLflow's own server is what it answers: the record is no invention."""

import json

import httpx
import pytest

from .differences import differences
from .servers import SERVER, mlflow_server
from .session import through
from .test_conformance import RECORDED


@pytest.mark.slow
def test_mlflows_own_server_answers_as_recorded(tmp_path):
    if not SERVER.exists():
        pytest.skip("`make test-mlflow` makes the environment of MLflow's server")
    with mlflow_server(tmp_path) as address, httpx.Client(base_url=address, timeout=60) as client:
        answers = through(client)
    assert differences(RECORDED, json.loads(json.dumps(answers))) == []
