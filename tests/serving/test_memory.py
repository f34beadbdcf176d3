"""Requests are held until they are whole: many long and slow ones end before the gateway does."""

import contextlib
import socket
import threading
import time

import httpx
import psutil
import pytest

from millrace_serving.envoy.manifests import Split, Ways

from .calls import Door
from .test_keys_asked import upstream  # noqa: F401 - a fixture

NAME = "fraud--r1"
MEMORY, LONG, MANY = 256 * 2**20, 15 * 2**20, 60
"""Sixty requests of 15 MiB are 900 MiB, three and a half times what the gateway may take."""


@pytest.fixture
def door(tmp_path, upstream):  # noqa: F811
    made = Door(tmp_path, grpc=False, memory_bytes=MEMORY)
    ways = Ways(lambda _: ("127.0.0.1", upstream.server_port), ("*",), 5.0)
    made.discovery.publish([NAME], [Split("default", "fraud", "fraud", ((NAME, 10_000),), "salt")], ways)
    made.wait()
    yield made
    made.close()


PATIENCE = 20
"""Seconds; the gateway of these tests ends a request by itself after 30."""


def begun(door):
    """A request that never ends; its connection, or None where it was ended already."""
    host, port = door.address.split(":")
    made = socket.create_connection((host, int(port)), timeout=5)
    head = f"POST /v2/models/fraud/infer HTTP/1.1\r\nhost: {host}\r\ncontent-length: {LONG + 1}\r\n\r\n"
    with contextlib.suppress(OSError):
        made.sendall(head.encode() + b" " * LONG)
    return made


def answered_again(door):
    """Whether a short request is answered, waited for a while."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer = httpx.post(f"http://{door.address}/v2/models/fraud/infer", content=b"{}", trust_env=False)
        if answer.status_code == 200:
            return True
        time.sleep(0.2)
    return False


@pytest.mark.slow
@pytest.mark.parametrize("trickling", [False, True], ids=["standing still", "a byte at a time"])
def test_many_long_requests_that_never_end_take_no_more_memory_than_there_is(door, trickling):
    envoy, most, over = psutil.Process(door.process.pid), 0, threading.Event()
    waiting = []

    def trickle():
        while not over.wait(0.2):
            for one in waiting[:]:
                with contextlib.suppress(OSError):
                    one.sendall(b" ")

    feeder = threading.Thread(target=trickle, daemon=True)
    if trickling:
        feeder.start()
    for _ in range(MANY):
        waiting.append(begun(door))
        most = max(most, envoy.memory_info().rss)
    assert door.process.poll() is None
    answered = answered_again(door)
    over.set()
    assert most < MEMORY, f"{most >> 20} MiB"
    assert answered, f"short requests are answered while long ones wait: {door.stats('overload')}"
    for one in waiting:
        one.close()
