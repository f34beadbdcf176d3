"""kill -9 of the service on PostgreSQL while batches flow: what was answered is there, and each row comes once."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from millrace import streaming
from millrace.client import Millrace

SERVICE = Path(__file__).with_name("service.py")
ROWS, BATCH, DELIVERY = 1500, 20, 300
"""All rows, those of a batch, and those of a delivery."""
KILLS = 4


class Killable:
    """The service as a process: `kill()` ends it as a power cut would, `start()` begins it anew on its port."""

    def __init__(self, settings):
        self.settings, self.deaths = json.dumps(settings), Counter()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        headers = {"authorization": "Bearer token-of-user"}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=20)
        self.start()

    def start(self):
        self.process = subprocess.Popen([sys.executable, SERVICE, self.settings, str(self.port)])
        while not self._answers():
            assert self.process.poll() is None, "the service did not start"
            time.sleep(0.05)

    def _answers(self):
        try:
            return self.http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stands(self):
        answer = self.http.get("/v1/streams/shops")
        return answer.json() if answer.status_code == 200 else {"last_number": 0, "state": "nothing"}

    def until(self, check):
        deadline = time.monotonic() + 120
        while not check(stands := self.stands()):
            assert time.monotonic() < deadline, stands
            time.sleep(0.01)
        return stands


@pytest.fixture
def service(home, urls, database):
    made = Killable({"home": str(home), "database_url": database, "stream_rows": DELIVERY, **urls})
    yield made
    made.process.terminate()
    made.process.wait(60)


class Sender(threading.Thread):
    """Sends all rows by the client, which tries again; the later ones wait until they are `allowed`."""

    def __init__(self, client, whole):
        super().__init__(daemon=True)
        self.client, self.whole, self.allowed, self.sent, self.error = client, whole, 0, None, None

    def run(self):
        try:
            self.sent = streaming.stream(self.client, "shops", self._slowly(), batch=BATCH, key="till")
        except Exception as error:
            self.error = error

    def _slowly(self):
        for number, line in enumerate(self.whole):
            while number >= self.allowed:
                time.sleep(0.01)
            yield line


@pytest.fixture
def sender(service, registry, lines):
    client = Millrace({"registry": registry, "training": service.url}, "token-of-user")
    made = Sender(client, lines(1, ROWS).splitlines(keepends=True))
    made.start()
    yield made
    made.allowed = ROWS


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_rows_come_once_though_the_service_is_killed_while_they_flow(service, sender, rows):
    for kill in range(1, KILLS + 1):
        sender.allowed = ROWS * kill // (KILLS + 1)
        before = service.stands()["last_number"]
        stands = service.until(
            lambda now, before=before, kill=kill: (
                now["last_number"] >= before + 3 and (kill % 2 or now["state"] == "delivering")
            )
        )
        service.deaths[stands["state"]] += 1
        service.kill()
        service.start()
    sender.allowed = ROWS
    sender.join(60)
    assert sender.error is None
    assert (sender.sent.rows, sender.sent.unreadable) == (ROWS, 0)
    last = sender.sent.last_number
    service.http.post("/v1/streams/shops:deliver").raise_for_status()
    stands = service.until(lambda now: now["settled_number"] == last)
    counts = [stands[name] for name in ("pending_rows", "rows", "new_rows", "refused")]
    assert counts == [0, ROWS, ROWS, 0]
    assert sorted(rows().column("n").to_pylist()) == list(range(1, ROWS + 1))
    assert service.deaths["delivering"] >= KILLS // 2
