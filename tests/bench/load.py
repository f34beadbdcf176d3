"""A small HTTP/1.1 load generator: fixed connections, one request at a time on each, one process, no root.

wrk and h2load are not to be had from package registries without root, so this one speaks raw sockets on
uvloop. Both sides of a ratio are measured with it, in one run, so its own cost (it shares the cores with the
server) makes ratios nearer to 1 than they would be from another machine.
"""

import asyncio
import time
from dataclasses import dataclass

import numpy as np
import uvloop


@dataclass(frozen=True)
class Load:
    """What one run saw: answers a second, latencies in milliseconds, and answers that were not 200."""

    seconds: float
    answers: int
    failures: int
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        return self.answers / self.seconds


def request(path: str, host: str, body: bytes, headers: dict[str, str]) -> bytes:
    """The bytes of one POST."""
    lines = [f"POST {path} HTTP/1.1", f"host: {host}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def run(port: int, requests: list[bytes], connections: int, seconds: float, host: str = "127.0.0.1") -> Load:
    """Send *requests* in turn for *seconds* to *host*:*port* over *connections* connections."""
    return uvloop.run(_run(host, port, requests, connections, seconds))


async def _run(host: str, port: int, requests: list[bytes], connections: int, seconds: float) -> Load:
    latencies: list[float] = []
    failures = 0
    until = time.perf_counter() + seconds

    async def client(first: int) -> None:
        nonlocal failures
        reader, writer = await asyncio.open_connection(host, port)
        number = first
        while time.perf_counter() < until:
            began = time.perf_counter()
            writer.write(requests[number % len(requests)])
            failures += await _answer(reader) != 200
            latencies.append(time.perf_counter() - began)
            number += connections
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(connections)))
    p50, p99 = np.percentile(np.array(latencies) * 1e3, [50, 99])
    return Load(time.perf_counter() - began, len(latencies), failures, float(p50), float(p99))


async def _answer(reader: asyncio.StreamReader) -> int:
    """Read one answer, with a content length or in chunks, and return its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    place = lower.find(b"\r\ncontent-length:")
    if place < 0:
        await reader.readuntil(b"0\r\n\r\n")
        return int(head[9:12])
    length = int(lower[place + 17 : lower.find(b"\r\n", place + 2)])
    if length:
        await reader.readexactly(length)
    return int(head[9:12])
