"""The operator at work: events at once, lists on time, and a liveness that notices when nothing moves."""

import asyncio

import pytest

from millrace_controller.lookup import queries as lookup
from millrace_controller.loops import commands
from millrace_controller.operator import task
from millrace_controller.operator.task import LONGEST_PASS, Work, stuck

from .conftest import TEAM


class TestAtWork:
    @pytest.fixture
    async def work(self, platform, cluster, monkeypatch, request):
        for name in ("HURRIED", "GATHER", "FOLLOW", "LOOK"):
            monkeypatch.setattr(task, name, 0.05)
        monkeypatch.setattr(task, "EVERY", getattr(request, "param", 0.05))

        class Silent:
            alive = True

            def stop(self):
                return None

        work = Work(platform.services)
        monkeypatch.setattr(work, "_listening", Silent)
        running = asyncio.create_task(work.run())
        yield work
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert platform.services.operating.ended is None

    async def eventually(self, check):
        for _ in range(100):
            if await check():
                return
            await asyncio.sleep(0.05)
        raise AssertionError("it did not come true")

    async def test_a_watched_resource_is_declared_and_a_deleted_one_closed(self, work, platform, cluster):
        async def declared():
            answer = await platform.client.get(TEAM.format("sales"))
            return answer.status_code == 200

        async def closed():
            answer = await platform.client.get(TEAM.format("sales"))
            return answer.json().get("state") == "deleting"

        work._told("ADDED", cluster.apply())
        await self.eventually(declared)
        work._told("DELETED", cluster.delete())
        await self.eventually(closed)

    @pytest.mark.parametrize("work", [600.0], indirect=True)
    async def test_a_change_by_another_replica_is_told_without_a_bell_and_long_before_the_next_list(
        self, work, platform, cluster
    ):
        async def declared():
            return cluster.status().get("phase") == "Pending"

        async def told():
            return cluster.status()["phase"] == "Suspended"

        work._told("ADDED", cluster.apply())
        await self.eventually(declared)
        async with platform.services.sessions.begin() as session:
            await commands.move(session, await lookup.get(session, "default", "sales"), "paused", "user:ada")
        await self.eventually(told)

    async def test_it_lives_through_an_api_server_that_is_down(self, work, platform, cluster):
        cluster.down = True
        await asyncio.sleep(0.3)
        assert (await platform.call("GET", "/healthz", 200))["status"] == "alive"
        cluster.down = False
        cluster.apply()

        async def told():
            return cluster.status().get("phase") == "Pending"

        await self.eventually(told)


async def test_liveness_fails_when_no_pass_comes_to_its_end(platform, operator):
    assert stuck(platform.services) is None
    platform.services.operating.ended -= LONGEST_PASS + 1
    assert "has ended" in (await platform.call("GET", "/healthz", 503))["operator"]
