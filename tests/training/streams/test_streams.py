"""Rows streamed to a loop: kept at once, delivered together, each once, whatever is killed between two steps."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from types import SimpleNamespace

import httpx
import pytest

from millrace_table import reading
from millrace_training.jobs import queries as jobs
from millrace_training.jobs.states import State
from millrace_training.rows import ingest
from millrace_training.runtime.assignment import JobIdentity
from millrace_training.runtime.context import Context
from millrace_training.runtime.trials import TrialStore
from millrace_training.spool import Spool
from millrace_training.streams import batches, controller, queries

PATH = "/v1/streams/shops"


async def send(http, body, key="a", expect=202):
    answer = await http.post(f"{PATH}/rows", content=body, headers={"idempotency-key": key})
    assert answer.status_code == expect, answer.text
    return answer.json()


async def stands(http):
    return (await http.get(PATH)).json()


async def settled(http, number):
    while (now := await stands(http))["settled_number"] < number:
        assert now["state"] != "failing", now["message"]
        await asyncio.sleep(0.05)
    return now


@pytest.mark.slow
async def test_batches_become_one_delivery_with_a_report(serve, urls, lines, rows, client):
    async with serve(**urls) as http:
        first = await send(http, lines(1, 60), "a")
        assert first == {"rows": 60, "unreadable": 0, "repeated": False, "number": 1}
        again = await send(http, lines(1, 60), "a")
        assert again == first | {"repeated": True}
        broken = await send(http, lines(61, 100) + b"\n{not json\n[1]\n\n", "b")
        assert (broken["rows"], broken["unreadable"], broken["number"]) == (42, 2, 2)
        assert (await stands(http))["pending_rows"] == 102
        await send(http, lines(2, 60), "a", expect=409)
        await http.post(f"{PATH}:deliver")
        now = await settled(http, 2)
        assert (now["pending_rows"], now["pending_bytes"], now["oldest_at"]) == (0, 0, None)
        assert (now["deliveries"], now["rows"], now["new_rows"], now["refused"]) == (1, 102, 0, 1)
        (entry,) = client.registry.quarantined("sales")
        assert "2 lines cannot be read" in entry.report["checks"][0]["observed"]
        await send(http, lines(1, 300) + b"{not json\n", "c")
        await http.post(f"{PATH}:deliver")
        now = await settled(http, 3)
        assert (now["deliveries"], now["new_rows"], now["refused"]) == (2, 300, 1)
    assert sorted(rows().column("n").to_pylist()) == list(range(1, 301))
    assert client.registry.dataset_version("sales").source.kind == "rows"
    assert [item.outcome for item in client.registry.decisions(loop="shops")][-1:] in ([], ["accepted"])


@pytest.mark.slow
async def test_rows_are_delivered_when_there_are_enough_or_when_they_have_waited(serve, urls, lines, rows):
    async with serve(**urls, stream_rows=100, stream_seconds=3600) as http:
        await send(http, lines(1, 99), "a")
        await asyncio.sleep(0.1)
        assert (await stands(http))["state"] == "waiting"
        await send(http, lines(100, 160), "b")
        now = await settled(http, 1)
        assert (now["settled_number"], now["pending_rows"], now["rows"]) == (1, 61, 99)
    async with serve(**urls, stream_seconds=0.1) as http:
        assert (await settled(http, 2))["new_rows"] == 160
    assert rows().num_rows == 160


async def test_a_full_spool_refuses_with_the_time_to_wait_and_knows_what_it_has(serve, urls, lines):
    async with serve(**urls, stream_bytes=1024, stream_seconds=3600, job_look_seconds=3600) as http:
        await send(http, lines(1, 200), "a")
        refused = await http.post(f"{PATH}/rows", content=lines(201, 300), headers={"idempotency-key": "b"})
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
        assert "under the same key" in refused.json()["detail"]
        assert (await send(http, lines(1, 200), "a"))["repeated"]
        assert (await stands(http))["last_number"] == 1


BAD = [
    (PATH, b"", 422),
    (PATH, b" \n\n", 422),
    (PATH, b'[{"n": 1}]', 422),
    (PATH, b"{}\n" * 50_001, 413),
    ("/v1/streams/nowhere", b'{"n": 1}', 404),
    ("/v1/streams/UPPER", b'{"n": 1}', 422),
]


async def test_what_is_no_batch_is_4xx_and_keeps_nothing(serve, urls):
    async with serve(**urls) as http:
        for path, body, status in BAD:
            answer = await http.post(f"{path}/rows", content=body, headers={"idempotency-key": "k"})
            assert answer.status_code == status, (path, body[:20], answer.text)
        for key in (None, "", "two words", "x" * 201):
            headers = {} if key is None else {"idempotency-key": key}
            assert (await http.post(f"{PATH}/rows", content=b"{}", headers=headers)).status_code == 422
        assert (await http.get("/v1/streams")).json()["items"] in ([], [await stands(http)])
        assert (await http.get("/v1/streams/nowhere")).status_code == 404


class Killed(BaseException):
    """The process is gone."""


class Dying:
    """Kills a process before or after the effect of each of its steps, and lets the step through afterwards."""

    def __init__(self, after):
        self.after, self.deaths, self.commits, self.spared, self.here = after, 0, 0, set(), Counter()

    def dies(self, name):
        """Once for each step between two commits; what commits the same wish again and again is let through."""
        if (name, self.commits) in self.spared or self.here[name] >= 6:
            return False
        self.spared.add((name, self.commits))
        self.here[name] += 1
        self.deaths += 1
        return True

    @contextmanager
    def step(self, name):
        dies = self.dies(name)
        if dies and not self.after:
            raise Killed
        yield
        if dies:
            raise Killed

    def wrapped(self, name, act):
        async def call(*given, **named):
            with self.step(name):
                return await act(*given, **named)

        return call

    def wrapped_at_once(self, name, act):
        def call(*given, **named):
            with self.step(name):
                return act(*given, **named)

        return call

    @asynccontextmanager
    async def transaction(self, sessions):
        async with sessions.begin() as session:
            yield session
            dies = self.dies("commit")
            if dies and not self.after:
                raise Killed
        self.commits += 1
        if dies:
            raise Killed

    async def at_once(self, direct, act):
        dies = self.dies("commit at once")

        def acts(connection):
            answer = act(connection)
            if dies and not self.after:
                raise Killed
            return answer

        answer = await direct.run(acts)
        self.commits += 1
        if dies:
            raise Killed
        return answer

    def born(self, services):
        """The service after a start: what it knew is gone, what it wrote is there."""
        sessions = SimpleNamespace(begin=lambda: self.transaction(services.sessions))
        direct = SimpleNamespace(run=lambda act: self.at_once(services.direct, act))
        spool = Spool(direct)
        return replace(services, spool=spool, streamed=asyncio.Event(), sessions=sessions)


@pytest.fixture
def dying(request, monkeypatch):
    """Every write of a delivery, and every commit, is a place to die at."""
    from millrace.aio.registry import AsyncRegistry

    told = Dying(request.param)
    for owner, name in (
        (AsyncRegistry, "put_artifact"),
        (queries, "choose"),
        (queries, "begin"),
        (queries, "settle"),
    ):
        monkeypatch.setattr(owner, name, told.wrapped(name, getattr(owner, name)))
    monkeypatch.setattr(queries, "keep", told.wrapped_at_once("keep", queries.keep))
    return told


@pytest.fixture
def work(client, tmp_path):
    """`await work(services)` does what the job controller does, in this process: ingest jobs that wait."""

    def context(job):
        scratch = tmp_path / f"job-{job.id}"
        scratch.mkdir(exist_ok=True)
        identity = JobIdentity(job.id, job.key, "ingest", None, None, 1)
        trials = TrialStore(scratch / "trials.db")
        return Context(client, scratch, trials, 1, identity, lambda _: None, lambda: False, lambda _: None)

    async def done(begun):
        from millrace_contracts.rows import IngestSpec

        async with begun.readers() as session:
            waiting = await jobs.active(session)
        for job in waiting:
            asked = IngestSpec.model_validate(job.spec)
            result = (await asyncio.to_thread(ingest.run, asked, context(job))).model_dump(mode="json")
            async with begun.sessions.begin() as session:
                await jobs.move(session, job, State.RUNNING)
                running = await jobs.get(session, job.project, job.id)
                await jobs.end(session, running, State.SUCCEEDED, result, None, 0)

    return done


@pytest.fixture
async def quiet(home, urls):
    """The service without its background tasks, whose passes are made by hand, and a client of it."""
    from millrace_core.app import create_app
    from millrace_training.services import make
    from millrace_training.settings import TrainingSettings
    from millrace_training.streams.routes import router

    settings = TrainingSettings(home=home, token="token-of-training", **urls)
    app = create_app(settings, "training", [router], "millrace_training", make=make)
    transport, headers = httpx.ASGITransport(app), {"authorization": "Bearer token-of-user"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as http,
    ):
        yield app, http


@pytest.mark.parametrize("dying", [False, True], indirect=True)
async def test_a_service_killed_at_every_step_brings_every_row_once(quiet, lines, rows, dying, work):
    app, http = quiet
    begun = app.state.services

    async def batch(*several):
        sent = [send(http, lines(1 + 30 * n, 30 + 30 * n), f"batch-{n}") for n in several]
        for answer in await asyncio.gather(*sent, return_exceptions=True):
            if isinstance(answer, BaseException):
                raise answer

    async def wished():
        await http.post(f"{PATH}:deliver")

    async def passed():
        await controller.one_pass(app.state.services)

    async def brought():
        while (await stands(http))["pending_rows"]:
            await passed()
            await work(begun)

    first = [lambda: batch(0), lambda: batch(1, 4), wished, passed, lambda: batch(2), wished, brought]
    for act in [*first, lambda: batch(3), wished, brought]:
        await _until_done(act, app, dying, begun)
    assert sorted(rows().column("n").to_pylist()) == list(range(1, 151))
    assert dying.deaths >= 15


async def _until_done(act, app, dying, begun):
    dying.here.clear()
    while True:
        app.state.services = dying.born(begun)
        try:
            return await act()
        except Killed:
            continue


def test_one_bad_line_changes_no_row_beside_it(lines):
    """The next reader sees all batches as one file: bytes that are no UTF-8 would make it another encoding's."""
    good, bad = lines(1, 300), b'{"n": "\xff"}\n{"n": {"deep": 1}, "y": 1}\n{"": 1, "y": 1}\n'
    whole, spoilt = batches.read(good), batches.read(bad)
    assert (whole.unreadable, spoilt.rows, spoilt.unreadable) == (0, 3, 3)
    read = reading.load(whole.data + spoilt.data, "jsonl", None)
    assert (read.table.num_rows, read.rejects.count) == (300, 3)
    assert read.table.column("shop").to_pylist() == ["nord" if n % 2 else "süd" for n in range(1, 301)]
    reasons = [reject.reason for reject in read.rejects.kept]
    assert reasons[1:] == ["'n' holds an object.", "One of its names is empty."]
