"""What an endpoint serves is remembered, and never longer than it is so."""

import pytest

from millrace_contracts.endpoints import RevisionState
from millrace_core import database, migrate
from millrace_core.errors import Conflict, NotFound
from millrace_serving.revisions import queries, standing
from millrace_serving.revisions.standing import Standings

from . import graphs


class Store:
    """A database of serving with one live endpoint, and a count of how often it is asked."""

    def __init__(self, url):
        self.engine = database.engine(url)
        self.sessions = database.sessions(self.engine)
        self.quietly = database.sessions(self.engine, read_only=True)
        self.asked = 0

    def readers(self):
        self.asked += 1
        return self.quietly()

    async def change(self, act, maker=None):
        """*act* on the endpoint in one transaction."""
        async with (maker or self.sessions).begin() as session:
            await act(session, await queries.get(session, "default", "flights"))


async def promote(session, endpoint):
    made = await queries.add_revision(
        session, endpoint, version=endpoint.revisions_made + 1, digest="sha256:" + "0" * 64,
        signature=graphs.SIGNATURE, golden={}, state=RevisionState.READY,
    )  # fmt: skip
    await queries.make_stable(session, endpoint, made.number, "promotion", f"k{made.number}", "", reason="")


@pytest.fixture
async def store(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path}/serving.db"
    migrate.upgrade("millrace_serving", url)
    opened = Store(url)
    async with opened.sessions.begin() as session:
        await queries.put(session, "default", "flights", "air-time", "live", "UTC")
    yield opened
    await opened.engine.dispose()


@pytest.fixture
def clock(monkeypatch):
    """Time stands until it is moved."""
    now = [100.0]
    monkeypatch.setattr(standing.time, "monotonic", lambda: now[0])
    return now


async def test_a_change_of_this_process_is_seen_at_once_and_nothing_else_asks_the_database(store, clock):
    standings = Standings()
    await store.change(promote)
    for _ in range(3):
        assert (await standings.of(store.readers, "default", "flights")).stable.version == 1
    assert store.asked == 1
    await store.change(promote)
    came = await standings.of(store.readers, "default", "flights")
    assert (came.stable.version, store.asked) == (2, 2)
    assert came.loaded == {"flights--r1", "flights--r2"}


async def test_a_change_of_another_process_is_seen_after_a_second(store, clock):
    standings = Standings()
    await store.change(promote)
    await standings.of(store.readers, "default", "flights")
    await store.change(promote, maker=store.quietly)  # nobody here counts its commits
    assert (await standings.of(store.readers, "default", "flights")).stable.version == 1
    clock[0] += standing.SECONDS
    assert (await standings.of(store.readers, "default", "flights")).stable.version == 2


async def test_an_answer_of_a_revision_that_nobody_knows_asks_anew(store, clock):
    standings = Standings()
    await store.change(promote)
    await standings.of(store.readers, "default", "flights")
    await store.change(promote, maker=store.quietly)
    assert "flights--r2" in (await standings.anew(store.readers, "default", "flights")).revisions


async def test_what_serves_nothing_is_not_remembered(store, clock):
    standings = Standings()
    with pytest.raises(Conflict):
        await standings.of(store.readers, "default", "flights")
    with pytest.raises(NotFound):
        await standings.of(store.readers, "default", "none")
    await store.change(promote)
    assert (await standings.of(store.readers, "default", "flights")).stable.version == 1


async def test_a_transaction_that_fails_changes_nothing(store, clock):
    await store.change(promote)
    before = database.commits()

    async def fail(session, endpoint):
        await promote(session, endpoint)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.change(fail)
    assert database.commits() == before
