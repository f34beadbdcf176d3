"""Plays history as live traffic: real HTTP through the gateway in event order, labels a day late.

At the end of each event day it waits until the platform is at rest, so what the loop decides depends on
the data and the seed and never on how fast the machine is.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp
import numpy as np
import pandas as pd

from millrace.client import Millrace
from millrace.oip import HEADER_LENGTH, columns_from_rows, decode, encode
from millrace_contracts.labels import LabelWrite
from millrace_contracts.signature import Signature

CONNECTIONS = 4
ROWS = 36
"""Rows in an ordinary request: a few dozen."""
SINGLES = 0.105
"""Share of requests' rows that travel alone, one row a request."""
TRIES = 60
"""How often one request is sent while the gateway is away, half a second apart."""
PATIENCE = 10.0
"""Seconds without a new row in the log after which the missing ones are lost: a gateway that was killed had them."""
LOOK = 0.05
"""Seconds between two looks at whether the log has everything."""


@dataclass
class Sent:
    """What was sent and what came back."""

    sent: int = 0
    answered: int = 0
    failed: int = 0
    retried: int = 0
    rows: int = 0
    singles: int = 0
    answered_rows: int = 0
    lost_rows: int = 0
    days: int = 0
    rest_seconds: float = 0.0
    revisions: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """One request: its id, sticky key, event time, and the rows of the table it carries."""

    id: str
    key: str
    at: pd.Timestamp
    rows: slice


def requests_of(day: pd.DataFrame, seed: int) -> Iterator[Request]:
    """Cut a day's rows, in event order, into batches of ROWS and single rows; the same for the same seed."""
    date = f"{day['day'].iloc[0]}"
    draw = np.random.default_rng([seed, int(date.replace("-", ""))])
    begin = 0
    while begin < len(day):
        single = draw.random() < SINGLES * ROWS / (1 + SINGLES * (ROWS - 1))
        end = min(begin + (1 if single else ROWS), len(day))
        name = hashlib.sha256(f"{seed}/{date}/{begin}".encode()).hexdigest()[:32]
        yield Request(name, day["flight_id"].iloc[begin], day["at"].iloc[begin], slice(begin, end))
        begin = end


@dataclass(frozen=True)
class Answer:
    """What the gateway said."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Replay:
    """Sends a table day by day.

    Args:
        client: the platform.
        loop: name of the loop and of its endpoint.
        table: rows numbered from 0 with the columns `at` (aware), `day` (date in the loop's time zone),
            `midnight` (the instant at which that day begins), `flight_id`, the features and the target.
        signature: the model's inputs and outputs.
    """

    def __init__(
        self,
        client: Millrace,
        loop: str,
        table: pd.DataFrame,
        signature: Signature,
        target: str,
        seed: int = 7,
    ) -> None:
        self.client, self.loop, self.target, self.seed = client, loop, target, seed
        self.table, self.signature = table, signature
        self.url = client.serving.endpoint(loop).url or ""
        self.traffic = Sent()
        self.predictions = np.full(len(table), np.nan)

    def run(self, told: Callable[[object, Sent], None]) -> Sent:
        """Send everything; *told* hears of each finished day."""
        asyncio.run(self._run(told))
        return self.traffic

    async def _run(self, told: Callable[[object, Sent], None]) -> None:
        limits = aiohttp.TCPConnector(limit=CONNECTIONS)
        patience = aiohttp.ClientTimeout(total=30)
        waiting: list[tuple[pd.DataFrame, list[Request]]] = []
        async with aiohttp.ClientSession(connector=limits, timeout=patience) as http:
            for date, day in self.table.groupby("day", sort=True):
                sent = list(requests_of(day, self.seed))
                await self._send_day(http, day, sent)
                self.traffic.days += 1
                began = time.perf_counter()
                waiting.append((day, sent))
                if len(waiting) > 1:
                    await asyncio.to_thread(self._label, *waiting.pop(0), through=day["midnight"].iloc[0])
                self.traffic.rest_seconds += time.perf_counter() - began
                told(date, self.traffic)

    async def _send_day(self, http: aiohttp.ClientSession, day: pd.DataFrame, sent: list[Request]) -> None:
        columns = columns_from_rows(day, self.signature)
        queue = iter(sent)

        async def worker() -> None:
            for request in queue:
                part = {name: (kind, values[request.rows]) for name, (kind, values) in columns.items()}
                await self._send(http, request, part, day.index)

        await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))

    async def _send(
        self,
        http: aiohttp.ClientSession,
        request: Request,
        columns: dict[str, tuple[str, np.ndarray]],
        index: pd.Index,
    ) -> None:
        body, headers = encode(columns, request.id)
        headers |= {
            "x-request-id": request.id,
            "x-millrace-key": request.key,
            "x-millrace-event-time": request.at.isoformat(),
        }
        rows = request.rows.stop - request.rows.start
        self.traffic.sent += 1
        self.traffic.rows += rows
        self.traffic.singles += rows == 1
        answer = await self._answer(http, body, headers)
        if answer is None or answer.status != 200:
            self.traffic.failed += 1
            return
        outputs = decode(answer.content, int(answer.headers.get(HEADER_LENGTH) or 0) or None)
        self.predictions[index[request.rows]] = outputs[self.signature.outputs[0].name]
        revision = answer.headers.get("x-millrace-revision", "unknown")
        self.traffic.answered += 1
        self.traffic.answered_rows += rows
        self.traffic.revisions[revision] = self.traffic.revisions.get(revision, 0) + rows

    async def _answer(
        self, http: aiohttp.ClientSession, body: bytes, headers: dict[str, str]
    ) -> Answer | None:
        """The answer; while the gateway is away or starting, the same request is sent again."""
        for _ in range(TRIES):
            try:
                async with http.post(self.url, data=body, headers=headers) as answer:
                    if answer.status != 503:
                        return Answer(answer.status, answer.headers, await answer.read())
            except (aiohttp.ClientError, TimeoutError):
                pass
            self.traffic.retried += 1
            await asyncio.sleep(0.5)
        return None

    def _label(self, day: pd.DataFrame, sent: list[Request], through: datetime) -> None:
        """Send the labels of *day*, say that they are complete, and wait until the loop has decided."""
        self._await_log()
        values = day[self.target].to_numpy()
        labels = [
            LabelWrite(
                request_id=request.id,
                index=index,
                value=float(values[request.rows.start + index]),
                at=through,
            )
            for request in sent
            for index in range(request.rows.stop - request.rows.start)
            if not np.isnan(values[request.rows.start + index])
        ]
        self.client.monitoring.push_labels(self.loop, labels, complete_through=through)
        self.client.controller.settle(self.loop, through)

    def _await_log(self) -> None:
        """Wait until every answered row is in the log; what does not come any more is counted as lost, once."""
        logged, since = -1, time.monotonic()
        while True:
            found = self.client.monitoring.monitor(self.loop).counts.logged
            if found >= self.traffic.answered_rows - self.traffic.lost_rows:
                return
            if found != logged:
                logged, since = found, time.monotonic()
            elif time.monotonic() > since + PATIENCE:
                self.traffic.lost_rows = self.traffic.answered_rows - found
                return
            time.sleep(LOOK)
