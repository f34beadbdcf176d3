"""What tests of messages share: decisions as services tell them, a clock, and the two passes by hand."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from millrace_contracts.decisions import decision
from millrace_monitoring.notices import controller, leaving, queries, reading, routes

DAY = datetime(2024, 5, 1, tzinfo=UTC)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def made(kind, subject, outcome, reason="because", loop="sales", project="default", at=DAY, **more):
    """A decision as its owner tells it."""
    return decision(
        project=project, loop=loop, kind=kind, subject=subject, outcome=outcome, event_time=at,
        author="controller", reason=reason, **more,
    ).model_dump(mode="json")  # fmt: skip


def alarm(cause, opened=True, name=None, words=None, **more):
    """An alarm of the loop `sales` that is raised, or over."""
    kind, outcome = ("alarm.opened", "open") if opened else ("alarm.closed", "closed")
    words = words or (f"{cause} was found" if opened else f"{cause} is over")
    evidence = {"alarm": name or f"id-of-{cause}"}
    return made(kind, f"sales/{cause}", outcome, words, evidence=evidence, **more)


def closed(run, outcome, **more):
    """A run that ended."""
    reason = f"Run {run} ends {outcome}: it had to."
    facts = {"version": run, "champion": None}
    return made("run.closed", f"run {run}", outcome, reason, run=run, evidence=facts, **more)


class Clock:
    """Now, as the passes see it."""

    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now

    def pass_by(self, **span):
        self.now += timedelta(**span)


class Desk:
    """A service that reads and sends when it is told to."""

    def __init__(self, service, clock):
        self.service, self.clock = service, clock
        self.services = service.app.state.services

    async def subscribe(self, *channels, loop="sales", group="0s", **more):
        notify = {"channels": list(channels), "group": group} | more
        await self.service.call("PUT", f"/v1/subscriptions/{loop}", expect=204, json={"notify": notify})

    async def happens(self, *decisions):
        """These decisions reach the registry's chain, and are read."""
        for item in decisions:
            self.service.registry.record(item)
        await reading.read(self.services)

    async def read_by_two(self, *feeds):
        """Two readers look at the same time, and the registry answers each with one of *feeds*; how many each took."""
        registry, both = self.services.clients.registry, asyncio.Barrier(2)

        async def feed(after, limit, answers=iter(feeds)):
            await both.wait()
            return next(answers)

        usual, registry.decision_feed = registry.decision_feed, feed
        try:
            return sorted(await asyncio.gather(reading.read(self.services), reading.read(self.services)))
        finally:
            registry.decision_feed = usual

    async def send(self):
        await controller.deliver(self.services)

    async def tell(self, *decisions):
        """They are read, and what is due is sent."""
        await self.happens(*decisions)
        await self.send()

    async def messages(self, **params):
        return (await self.service.call("GET", "/v1/messages", params=params))["items"]


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    for module in (controller, leaving, queries, reading, routes):
        monkeypatch.setattr(module, "utcnow", found)
    return found


@pytest.fixture
def desk(running, settings, clock, monkeypatch):
    """Starts a desk with settings of its own; nothing looks or sends in the background."""

    async def never(*_, **__):
        await asyncio.Event().wait()

    monkeypatch.setattr(controller, "run_forever", never)

    @asynccontextmanager
    async def start(**own):
        usual = {
            "webhook_hosts": ["localhost", "*.example"],
            "webhook_private": True,
            "webhook_seconds": 3600.0,
        }
        async with running(settings.model_copy(update=usual | own)) as service:
            found = Desk(service, clock)
            await reading.read(found.services)
            yield found

    return start
