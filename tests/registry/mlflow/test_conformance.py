"""Millrace answers a session of MLflow's API as MLflow's own server did, field by field, but for what is argued."""

import asyncio
import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ..conftest import token
from .differences import ARGUED, differences, idle, unargued
from .session import through

HERE = Path(__file__).parent
RECORDED = json.loads((HERE / "recorded.json").read_text())
"""What mlflow 3.17.2 with SQLite answered (`python -m tests.registry.mlflow.record` writes it anew)."""
PAGE = HERE.parents[2] / "docs/reference/mlflow.md"


@pytest.fixture(scope="module")
def answers(backend):
    """What a fresh registry answers."""
    app = asyncio.run(backend())
    with TestClient(app, base_url="http://localhost", headers=token("admin")) as client:
        return through(client)


def test_every_answer_is_that_of_mlflows_own_server_but_for_what_is_argued(answers):
    found = differences(RECORDED, answers)
    assert unargued(found) == []
    assert idle(found) == []


def test_the_session_is_long_and_every_call_is_answered(answers):
    assert len(answers) >= 150
    assert [item for item in answers if item["status"] >= 500] == []


def test_the_page_tells_every_difference():
    told = PAGE.read_text().replace("\n", " ")
    assert [item.why for item in ARGUED if item.why not in " ".join(told.split())] == []
