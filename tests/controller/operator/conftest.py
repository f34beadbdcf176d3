"""An operator at a fake API server, and what tests do with it."""

import pytest

from millrace_controller.operator.controller import Operator

from ..conftest import in_cluster
from ..fake_resources import Resources

TEAM = "/v1/loops/{}"


@pytest.fixture
def cluster():
    return Resources()


@pytest.fixture
async def platform(home, world, still, cluster, monkeypatch):
    async with in_cluster(home, world, monkeypatch, cluster) as platform:
        yield platform


@pytest.fixture
def operator(platform):
    made = Operator(platform.services)
    platform.services.operating.begin()
    return made


async def loop(platform, name="sales", expect=200):
    return await platform.call("GET", TEAM.format(name), expect)


async def settled(platform, operator):
    """What the worker does, then what the operator tells of it."""
    await platform.rest()
    await operator.follow()
    await operator.relist()
