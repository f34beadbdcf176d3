"""A gateway that is replaced loses no request of clients that keep their connections and never try again."""

import asyncio
import contextlib
import http.client
import signal
import subprocess
import sys
import threading
import time
from http.server import ThreadingHTTPServer
from pathlib import Path

import grpc
import pytest
from tritonclient.grpc import service_pb2 as oip
from tritonclient.grpc import service_pb2_grpc

from millrace_serving.envoy.manifests import Split, Ways

from .calls import Door, StandIn
from .test_keys_asked import Upstream

DRAIN = Path(__file__).parents[2] / "services" / "envoy" / "drain.py"
FLAGS = ("--drain-strategy", "immediate", "--drain-time-s", "45")
"""As the chart starts Envoy; tests/chart holds them against it."""
LAG = 1.0
"""Seconds for which addresses still lead to a pod that was told to end."""


class Slow(Upstream):
    """Takes a while, so that requests are under way at every moment."""

    def do_POST(self):
        time.sleep(0.05)
        super().do_POST()


class Service:
    """One address for all gateways, as kube-proxy makes one: a connection stays where it was led."""

    def __init__(self):
        self.backends, self.turn = [], 0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        made = asyncio.run_coroutine_threadsafe(asyncio.start_server(self.lead, "127.0.0.1", 0), self.loop)
        self.server = made.result(5)
        self.port = self.server.sockets[0].getsockname()[1]

    async def lead(self, reader, writer):
        self.turn += 1
        host, port = self.backends[self.turn % len(self.backends)].split(":")
        back_reader, back_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pump(reader, back_writer), pump(back_reader, writer))

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


async def pump(reader, writer):
    with contextlib.suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


class Clients:
    """Some that ask over REST without a pause, one with pauses, and one over gRPC; none tries again."""

    def __init__(self, port):
        self.port, self.over = port, threading.Event()
        self.asked, self.failed = 0, []
        jobs = [(self.rest, 0.0)] * 6 + [(self.rest, 3.0), (self.calls, 0.0)]
        self.threads = [threading.Thread(target=job, args=(pause,)) for job, pause in jobs]
        for thread in self.threads:
            thread.start()

    def rest(self, pause):
        connection = None
        while not self.over.wait(pause):
            if connection is None or connection.sock is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                connection.connect()
                connection.auto_open = 0
            self.asked += 1
            try:
                connection.request("POST", "/v2/models/fraud/infer", b"{}")
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.failed.append(answer.status)
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                connection = None

    def calls(self, pause):
        options = [("grpc.enable_retries", 0)]
        with grpc.insecure_channel(f"127.0.0.1:{self.port}", options=options) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            while not self.over.wait(0.05):
                self.asked += 1
                try:
                    stub.ModelReady(oip.ModelReadyRequest(name="fraud"), timeout=20)
                except grpc.RpcError as error:
                    self.failed.append(str(error))

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join(30)


@pytest.fixture
def world(tmp_path):
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    upstream.seen, upstream.bodies, upstream.daemon_threads = [], [], True
    threading.Thread(target=upstream.serve_forever, args=(0.02,), daemon=True).start()
    triton = StandIn({"fraud--r1": 1.0})
    ways = Ways(
        lambda _: ("127.0.0.1", upstream.server_port), ("*",), 5.0,
        grpc=lambda _: ("127.0.0.1", triton.port),
    )  # fmt: skip
    service, doors = Service(), []
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        door = Door(tmp_path / name, flags=FLAGS)
        door.discovery.publish(
            ["fraud--r1"], [Split("default", "fraud", "fraud", (("fraud--r1", 10_000),), "s")], ways
        )
        door.wait()
        doors.append(door)
    service.backends = [door.address for door in doors]
    yield service, doors
    service.close()
    for door in doors:
        door.close()
    triton.close()
    upstream.shutdown()


def replaced(service, old, new, stop):
    """What becomes of a pod that ends: its addresses go a little later, its preStop runs, and Envoy gets SIGTERM."""
    clients = Clients(service.port)
    time.sleep(1.5)
    began = time.monotonic()
    threading.Timer(LAG, lambda: service.backends.remove(old.address)).start()
    stop()
    spent = time.monotonic() - began
    old.process.send_signal(signal.SIGTERM)
    old.process.wait(10)
    time.sleep(1.0)
    clients.end()
    return clients, spent


@pytest.mark.slow
def test_a_gateway_that_is_drained_loses_none(world):
    service, (old, new) = world

    def drain():
        command = [sys.executable, DRAIN, "inference", old.admin]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    clients, spent = replaced(service, old, new, drain)
    assert clients.failed == []
    assert clients.asked > 300
    assert 5 <= spent < 20


@pytest.mark.slow
def test_one_that_only_waits_loses_some(world):
    """Else the test above would prove nothing."""
    service, (old, new) = world
    clients, _ = replaced(service, old, new, lambda: time.sleep(3.0))
    assert clients.failed != []


def test_what_cannot_be_asked_to_drain_is_waited_for_and_said():
    script = (
        "import runpy, time; time.sleep = lambda seconds: print('waited', seconds); "
        f"runpy.run_path({str(DRAIN)!r}, run_name='__main__')"
    )
    command = [sys.executable, "-c", script, "inference", "http://127.0.0.1:1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert done.stdout == "waited 15.0\n"
    assert "only waited" in done.stderr
