"""Serving begins while an issuer of tokens is away: the gateway goes on with the keys that it published before."""

import json
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import select
from tests.core.fake_issuer import ISSUER, KeyServer, issuers_file

from millrace_core import identity_keys
from millrace_core.database import utcnow
from millrace_serving import main
from millrace_serving.envoy.callers import VERIFIED
from millrace_serving.keys.issuers import BELIEVED
from millrace_serving.planes.cluster import ClusterPlane
from millrace_serving.settings import ServingSettings
from millrace_serving.tables import IssuerKeys

from .conftest import write_tokens
from .fake_cluster import FakeCluster


@pytest.fixture
def issuer():
    made = KeyServer()
    yield made
    made.server.shutdown()


@pytest.fixture
def serving(tmp_path, monkeypatch, issuer):
    """Starts serving on the same database and the same issuers; what it holds in memory is new each time."""
    write_tokens(tmp_path)
    monkeypatch.setattr(main, "_plane", lambda core: ClusterPlane(core, FakeCluster()))
    monkeypatch.setattr(identity_keys, "REFETCH_SECONDS", 0.0)

    @asynccontextmanager
    async def start(**change):
        path = issuers_file(tmp_path, {"jwks_url": issuer.url} | change)
        app = main.build(
            ServingSettings(home=tmp_path, platform="kubernetes", namespace="work", issuers_file=path)
        )
        (tmp_path / "serving" / "discovery.json").unlink(missing_ok=True)
        async with app.router.lifespan_context(app):
            yield app.state.services

    return start


async def published(services):
    """What the gateway is told of each issuer: the ids of its keys."""
    await services.plane.publish()
    (config,) = services.plane.discovery.resources[VERIFIED]
    providers = config["typed_config"].get("providers", {}).values()
    return {
        item["issuer"]: [key["kid"] for key in json.loads(item["local_jwks"]["inline_string"])["keys"]]
        for item in providers
    }


async def test_the_last_keys_of_an_issuer_outlive_a_restart_while_it_is_away(serving, issuer):
    async with serving() as services:
        await services.plane.know_issuers()
        assert await published(services) == {ISSUER: ["one"]}
    issuer.failing = True
    async with serving() as services:
        assert await published(services) == {ISSUER: ["one"]}
        issuer.failing, issuer.published = False, ["two"]
        await services.plane.know_issuers()
        assert await published(services) == {ISSUER: ["two"]}, "once it is back, it tells which"
    issuer.failing = True
    async with serving() as services:
        assert await published(services) == {ISSUER: ["two"]}


async def test_an_issuer_that_withdraws_all_its_keys_keeps_none_also_over_a_restart(
    serving, issuer, monkeypatch
):
    monkeypatch.setattr("millrace_serving.planes.callers.FRESH_SECONDS", 0.0)
    async with serving() as services:
        await services.plane.know_issuers()
        issuer.published = []
        await services.plane.know_issuers()
        assert await published(services) == {}
    issuer.failing = True
    async with serving() as services:
        await services.plane.know_issuers()
        assert await published(services) == {}


async def test_kept_keys_are_believed_for_a_day_and_not_from_another_address(serving, issuer):
    async with serving() as services:
        await services.plane.know_issuers()
        async with services.sessions.begin() as session:
            row = (await session.scalars(select(IssuerKeys))).one()
            assert utcnow() - row.seen_at < timedelta(minutes=1)
            row.seen_at = utcnow() - BELIEVED - timedelta(minutes=1)
    issuer.failing = True
    async with serving() as services:
        assert await published(services) == {}
        async with services.sessions.begin() as session:
            (await session.scalars(select(IssuerKeys))).one().seen_at = (
                utcnow() - BELIEVED + timedelta(minutes=1)
            )
        assert await published(services) == {ISSUER: ["one"]}
    async with serving(jwks_url=f"{issuer.root}/moved") as services:
        assert await published(services) == {}


async def test_keys_that_stay_are_noted_again_and_again(serving, monkeypatch):
    async with serving() as services:
        await services.plane.know_issuers()
        async with services.sessions.begin() as session:
            row = (await session.scalars(select(IssuerKeys))).one()
            row.seen_at = before = utcnow() - timedelta(hours=1)
        monkeypatch.setattr("millrace_serving.planes.callers.FRESH_SECONDS", 0.0)
        await services.plane.know_issuers()
        async with services.readers() as session:
            assert (await session.scalars(select(IssuerKeys))).one().seen_at - before > timedelta(minutes=59)
