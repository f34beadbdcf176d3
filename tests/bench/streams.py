"""Rows a second that one core keeps of a stream, beside the naive lines: `python -m tests.bench.streams`.

The service is a real process on one core; the senders are another, on the other core, and wait for each answer. Both
write the same rows of ten columns to SQLite, with a commit that is on the disk for each batch.
"""

import hashlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import psutil

PLANS = ((100, 1), (100, 8), (500, 1), (1000, 1), (5000, 1))
"""Rows a batch, and senders at once."""
SECONDS = float(os.environ.get("BENCH_SECONDS", "4"))
ROUNDS = 3
HEADERS = {"authorization": "Bearer token-of-user"}
NAIVE = """
import sqlite3, sys, uvicorn
from fastapi import FastAPI
app, base = FastAPI(), sqlite3.connect(sys.argv[1], check_same_thread=False)
base.execute("PRAGMA journal_mode=WAL"); base.execute("PRAGMA synchronous=FULL")
NAMES = ["id", "at", "shop", "product", "amount", "price", "discount", "channel", "returned", "y"]
base.execute(f"CREATE TABLE rows ({', '.join(NAMES)})")
@app.post("/rows")
async def rows(rows: list[dict]):
    with base:
        base.executemany(f"INSERT INTO rows VALUES ({', '.join('?' * 10)})", [[r.get(n) for n in NAMES] for r in rows])
    return len(rows)
uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
"""
SERVICE = """
import sys, uvicorn
from pathlib import Path
from millrace_training.main import build
from millrace_training.settings import TrainingSettings
uvicorn.run(build(TrainingSettings(home=Path(sys.argv[1]), stream_bytes=2**40, stream_seconds=1e6, stream_rows=2**40,
    controller_url=sys.argv[3])), port=int(sys.argv[2]), log_level="warning", access_log=False)
"""


def row(n: int, some: random.Random) -> dict[str, object]:
    """One row of ten columns."""
    return {
        "id": f"order-{n:09d}",
        "at": f"2026-{1 + n % 12:02d}-{1 + n % 28:02d}T{n % 24:02d}:{n % 60:02d}:00Z",
        "shop": f"shop {some.randrange(120)}",
        "product": some.randrange(10_000),
        "amount": some.randrange(1, 9),
        "price": round(some.uniform(1, 200), 2),
        "discount": round(some.random() * 0.3, 3),
        "channel": some.choice(["web", "store", "phone"]),
        "returned": some.random() < 0.05,
        "y": round(some.gauss(20, 5), 4),
    }


def free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def started(code: str, *given: object, ready: str) -> tuple[subprocess.Popen[bytes], psutil.Process]:
    """A process on the first core alone, once it answers."""
    process = subprocess.Popen(["taskset", "-c", "0", sys.executable, "-c", code, *map(str, given)])
    while True:
        try:
            if httpx.get(ready, timeout=1).status_code < 500:
                return process, psutil.Process(process.pid)
        except httpx.TransportError:
            time.sleep(0.1)


def measured(
    send: Callable[[bytes, int], None],
    bodies: list[bytes],
    size: int,
    senders: int,
    process: psutil.Process,
) -> tuple[float, float]:
    """Rows a second by the clock, and by the processor's time of the service; each sender waits for each answer."""
    for number in range(20):
        send(bodies[number], -1 - number)
    began, used = time.perf_counter(), sum(process.cpu_times()[:2])

    def sends(first: int) -> int:
        sent = 0
        while time.perf_counter() - began < SECONDS:
            send(bodies[sent % len(bodies)], first + sent * senders)
            sent += 1
        return sent

    with ThreadPoolExecutor(senders) as threads:
        rows = sum(threads.map(sends, range(senders))) * size
    seconds, cpu = time.perf_counter() - began, sum(process.cpu_times()[:2]) - used
    return rows / seconds, rows / max(cpu, 1e-9)


Measure = Callable[[int, int], tuple[float, float]]
"""Rows a second by the clock and by the processor's time, in batches of so many rows, from so many senders."""


@contextmanager
def naive(folder: Path) -> Iterator[Measure]:
    """FastAPI and INSERT."""
    port = free()
    process, watched = started(NAIVE, folder / "naive.db", port, ready=f"http://127.0.0.1:{port}/docs")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:

        def send(body: bytes, _: int) -> None:
            kind = {"content-type": "application/json"}
            client.post("/rows", content=body, headers=kind).raise_for_status()

        def told(size: int, senders: int) -> tuple[float, float]:
            some = random.Random(size)
            bodies = [json.dumps([row(n * size + k, some) for k in range(size)]).encode() for n in range(20)]
            return measured(send, bodies, size, senders, watched)

        yield told
    process.terminate()
    process.wait()


@contextmanager
def controller() -> Iterator[str]:
    """Where a controller would be; it knows every loop."""

    class Knows(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            at = "2026-01-01T00:00:00Z"
            none = ("champion", "candidate", "owner", "run", "settled_through", "rest_until")
            told = {"name": "shops", "project": "default", "mode": "live", "state": "active", "generation": 1}
            told |= {"phase": "", "message": "", "conditions": [], "archive": [], "settled": True}
            told |= dict.fromkeys(none) | {"document": {}, "created_at": at, "updated_at": at}
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Knows) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def ours(folder: Path) -> Iterator[Measure]:
    """Millrace's stream."""
    home, port = folder / "home", free()
    (home / "run").mkdir(parents=True)
    digest = hashlib.sha256(b"token-of-user").hexdigest()
    tokens = {"tokens": [{"name": "user", "role": "admin", "sha256": digest}]}
    (home / "run" / "tokens.json").write_text(json.dumps(tokens))
    with controller() as url:
        process, watched = started(SERVICE, home, port, url, ready=f"http://127.0.0.1:{port}/readyz")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=HEADERS, timeout=60) as client:

            def send(body: bytes, n: int) -> None:
                key = {"idempotency-key": f"{len(body)}-{n}-{uuid.uuid4().hex}"}
                client.post("/v1/streams/shops/rows", content=body, headers=key).raise_for_status()

            def told(size: int, senders: int) -> tuple[float, float]:
                some = random.Random(size)
                bodies = [
                    b"".join(json.dumps(row(n * size + k, some)).encode() + b"\n" for k in range(size))
                    for n in range(20)
                ]
                return measured(send, bodies, size, senders, watched)

            yield told
        process.terminate()
        process.wait()


def main() -> None:
    """Prints a table of Markdown: the median of rounds in which one goes right behind the other."""
    os.sched_setaffinity(0, {1})
    told = dict[tuple[int, int], list[tuple[float, ...]]]()
    with (
        tempfile.TemporaryDirectory() as name,
        ours(Path(name)) as stream,
        naive(Path(name)) as plain,
    ):
        for what in PLANS * ROUNDS:
            told.setdefault(what, []).append((*stream(*what), *plain(*what)))
    print(
        "| rows a batch | senders | stream, rows/s | rows per CPU second | FastAPI + INSERT, rows/s | "
        "rows per CPU second |"
    )
    print("|---|---|---|---|---|---|")
    for (size, senders), figures in told.items():
        cells = map(statistics.median, zip(*figures, strict=True))
        print(f"| {size} | {senders} | " + " | ".join(f"{value:,.0f}" for value in cells) + " |")


if __name__ == "__main__":
    main()
