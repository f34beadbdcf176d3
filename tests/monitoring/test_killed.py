"""A process that tells people is killed (-9) while it sends: every message arrives, and each try has the same id.

The test catches both planted bugs first: noting the end before sending, and sending before committing.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
import uvicorn

from .conftest import HANGS
from .telling import Clock, Desk, alarm

pytestmark = pytest.mark.timeout(900)
ROUNDS = 6
TREE = Path(__file__).parents[2]


class Killer:
    """A web server that kills who posts to it: before it has read, or after, without an answer; or lets it live."""

    def __init__(self):
        self.seen, self.plan, self.victim, self.killed = [], [], None, asyncio.Event()

    async def __call__(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        body = json.loads(await reader.readexactly(length))
        how = self.plan.pop(0) if self.plan else "live"
        if how != "before":
            id = head.lower().partition(b"idempotency-key:")[2].split(b"\r\n")[0].decode().strip()
            self.seen += [(item["words"], id) for item in body["items"]]
        if how == "live":
            writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            await writer.drain()
        else:
            self.victim.kill()
            self.victim.wait()
            self.killed.set()
        writer.close()


def begin(home, registry, port, bug):
    command = [sys.executable, "-m", "tests.monitoring.telling_process", str(home), registry, str(port), bug]
    return subprocess.Popen(command, cwd=TREE, stderr=subprocess.DEVNULL)


async def played(running, settings, registry, bug, plan):
    """What arrived of one decision for each kill and one more, as (words, ids)."""
    killer = Killer()
    server = await asyncio.start_server(killer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    web = uvicorn.Server(uvicorn.Config(registry.app, port=0, log_level="error"))
    serving = asyncio.create_task(web.serve())
    while not web.started:
        await asyncio.sleep(0.02)
    url = f"http://127.0.0.1:{web.servers[0].sockets[0].getsockname()[1]}"
    async with running(settings.model_copy(update={"webhook_seconds": 3600.0})) as service:
        desk = Desk(service, Clock())
        await desk.subscribe({"name": "ops", "webhook": {"url": f"http://localhost:{port}/in"}})
        await desk.happens()
    expected = [f"thing {number}" for number in range(len(plan) + 1)]
    try:
        for words, how in zip(expected, [*plan, "live"], strict=True):
            killer.plan, killer.killed = [how], asyncio.Event()
            registry.record(alarm(f"drift:{words}", words=words))
            killer.victim = begin(settings.home, url, port, bug)
            async with asyncio.timeout(HANGS):
                if how == "live":
                    await settled(killer, expected, bug)
                else:
                    await killer.killed.wait()
            killer.victim.kill()
            killer.victim.wait()
    finally:
        web.should_exit = True
        await serving
        server.close()
    return expected, killer.seen


async def settled(killer, expected, bug):
    """Everything has come; with a bug, at least the last thing, which overtakes nothing that is still to come."""
    wanted = set(expected if bug == "none" else expected[-1:])
    while not wanted <= {words for words, _ in killer.seen}:
        await asyncio.sleep(0.1)
    await asyncio.sleep(1.0)


def lost(expected, seen):
    return sorted(set(expected) - {words for words, _ in seen})


def under_two_ids(seen):
    ids = {}
    for words, id in seen:
        ids.setdefault(words, set()).add(id)
    return sorted(words for words, known in ids.items() if len(known) > 1)


@pytest.mark.slow
async def test_the_check_finds_a_message_that_is_noted_before_it_is_sent(running, settings, registry):
    expected, seen = await played(running, settings, registry, "ends-before-sending", ["before"])
    assert lost(expected, seen) == ["thing 0"]


@pytest.mark.slow
async def test_the_check_finds_a_message_that_is_sent_before_it_is_committed(running, settings, registry):
    _, seen = await played(running, settings, registry, "sends-before-committing", ["after"])
    assert under_two_ids(seen) == ["thing 0"]


@pytest.mark.slow
async def test_every_message_arrives_and_each_try_of_one_has_the_same_id(running, settings, registry):
    expected, seen = await played(running, settings, registry, "none", ["before", "after"] * (ROUNDS // 2))
    assert (lost(expected, seen), under_two_ids(seen)) == ([], [])
    assert len(seen) > len(expected), "what was killed before its answer was sent again"
