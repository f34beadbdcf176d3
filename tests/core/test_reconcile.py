"""The loop goes on after failures, backs off, and wakes when told."""

import asyncio

import pytest

from millrace_core.reconcile import run_forever


class Clock:
    """Stands in for asyncio.sleep and records the waits."""

    def __init__(self, rounds):
        self.waits, self.rounds = [], rounds

    async def sleep(self, seconds):
        self.waits.append(seconds)
        if len(self.waits) == self.rounds:
            raise asyncio.CancelledError


async def test_failures_double_the_wait_up_to_the_limit_and_success_resets_it(monkeypatch):
    clock = Clock(5)
    monkeypatch.setattr(asyncio, "sleep", clock.sleep)
    outcomes = iter([ValueError, ValueError, ValueError, None, None])

    async def act():
        outcome = next(outcomes)
        if outcome:
            raise outcome

    with pytest.raises(asyncio.CancelledError):
        await run_forever("probe", act, every=5, backoff_max=30)
    assert clock.waits == [10, 20, 30, 5, 5]


async def test_a_wake_up_ends_the_wait():
    wake, seen = asyncio.Event(), asyncio.Event()

    async def act():
        if wake.is_set() or act.calls:
            seen.set()
        act.calls += 1

    act.calls = 0
    task = asyncio.create_task(run_forever("probe", act, every=3600, wake=wake))
    await asyncio.sleep(0)
    wake.set()
    async with asyncio.timeout(5):
        await seen.wait()
    task.cancel()
