"""Webhooks: an alarm is posted until it arrives, to a listed public host and nowhere else."""

import asyncio

from .conftest import until
from .sales import monitor, table_of_day


class Listener:
    """A web server that notes what was posted, and may redirect."""

    def __init__(self):
        self.seen, self.answer = [], b"HTTP/1.1 204 No Content\r\n\r\n"

    async def __call__(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        )
        self.seen.append((head, await reader.readexactly(length)))
        writer.write(self.answer)
        await writer.drain()
        writer.close()


async def test_an_alarm_is_posted_to_its_webhook_until_it_arrives_and_no_redirect_is_followed(
    running, settings
):
    listener = Listener()
    server = await asyncio.start_server(listener, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    listener.answer = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{port}/elsewhere\r\n\r\n".encode()
    own = settings.model_copy(
        update={"webhook_hosts": [f"localhost:{port}"], "webhook_private": True, "webhook_seconds": 0.05}
    )
    async with running(own) as service:
        await service.call(
            "PUT",
            "/v1/webhooks/pager",
            json={"url": f"http://localhost:{port}/in", "events": ["alarm.opened"]},
        )
        await service.declare(monitor(service.registry.version(1, 2.0)))
        features, sold = table_of_day(0)
        await service.rows(0, features, 3 * features["price"])
        await service.labels(0, sold)
        await service.closed(1)
        await until(lambda: listener.seen)
        listener.answer = b"HTTP/1.1 204 No Content\r\n\r\n"
        await until(lambda: len(listener.seen) == 2)
        await asyncio.sleep(0.3)
    server.close()
    assert len(listener.seen) == 2
    assert all(head.startswith(b"POST /in ") for head, _ in listener.seen)
    assert listener.seen[0][1] == listener.seen[1][1]
    assert b"quality:served" in listener.seen[0][1]


FOREIGN = [
    "http://169.254.169.254/latest/meta-data",
    "http://2852039166/",
    "http://[::1]/",
    "http://127.0.0.1:80@hooks.example/",
    "http://hooks.example\\@evil.example/",
    "http://evil.example#hooks.example/",
    "file:///etc/passwd",
    "https://hooks.example.evil.example/",
    "http://hooks.example:99999/",
    "hooks.example",
]


async def test_a_webhook_to_a_host_that_is_not_listed_is_refused(running, settings):
    async with running(settings.model_copy(update={"webhook_hosts": ["hooks.example"]})) as service:
        for url in FOREIGN:
            await service.call("PUT", "/v1/webhooks/pager", expect=422, json={"url": url})
        assert await service.call("GET", "/v1/webhooks") == []


async def test_a_listed_host_with_a_private_address_is_not_called(running, settings):
    listener = Listener()
    server = await asyncio.start_server(listener, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    own = {"webhook_hosts": [f"localhost:{port}"], "webhook_seconds": 0.05}
    async with running(settings.model_copy(update=own)) as service:
        await service.call("PUT", "/v1/webhooks/pager", json={"url": f"http://localhost:{port}/in"})
        await service.declare(monitor(service.registry.version(1, 2.0)))
        features, sold = table_of_day(0)
        await service.rows(0, features, 3 * features["price"])
        await service.labels(0, sold)
        await service.closed(1)
        await asyncio.sleep(0.3)
    server.close()
    assert listener.seen == []
