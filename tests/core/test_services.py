"""A service's parts stand in one frozen object: its hooks, checks and routes get it, and nothing else is shared."""

from dataclasses import FrozenInstanceError, dataclass
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends
from fastapi.testclient import TestClient

from millrace_core import services
from millrace_core.app import create_app
from millrace_core.auth import PUBLIC, permit
from millrace_core.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Services(services.Services):
    words: list[str]


def make(core):
    return Services(**vars(core), words=[])


@pytest.fixture
def app(tmp_path):
    router = APIRouter()

    @router.get("/v1/words", dependencies=[permit(PUBLIC)])
    def words(given: Annotated[Services, Depends(services.provider(Services))]) -> list[str]:
        return given.words

    async def start(given: Services) -> None:
        given.words.append("started")

    async def stop(given: Services) -> None:
        given.words.append("stopped")

    async def ready(given: Services) -> str | None:
        return None if given.words else "words"

    def alive(given: Services) -> str | None:
        return "stuck" if "stuck" in given.words else None

    return create_app(
        Settings(home=tmp_path, service="probe"), "probe", [router],
        start=[start], stop=[stop], ready={"words": ready}, alive={"words": alive}, make=make,
    )  # fmt: skip


def test_hooks_checks_and_routes_get_the_one_object(app):
    with TestClient(app, base_url="http://localhost") as client:
        assert client.get("/v1/words").json() == ["started"]
        assert client.get("/readyz").json() == {"status": "ready", "waits_for": {}}
        app.state.services.words.append("stuck")
        assert (client.get("/healthz").status_code, client.get("/healthz").json()) == (
            503,
            {"words": "stuck"},
        )
    assert app.state.services.words == ["started", "stuck", "stopped"]


def test_the_application_keeps_it_and_which_routes_are_of_a_project_and_nobody_changes_either(app):
    with TestClient(app, base_url="http://localhost"):
        assert set(vars(app.state)["_state"]) == {"services", "of_projects"}
        assert isinstance(app.state.of_projects, frozenset)
        with pytest.raises(FrozenInstanceError):
            app.state.services.words = []


def test_a_service_without_a_database_cannot_open_a_session(app):
    with TestClient(app, base_url="http://localhost"), pytest.raises(Exception, match=r"[Bb]ind"):
        app.state.services.sessions().sync_session.get_bind()
