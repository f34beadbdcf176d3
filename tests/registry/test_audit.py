"""What is served and said cannot be rewritten unseen: each kind of tampering, by SQL, is found and its row named."""

import asyncio
import json
import signal
import sys

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from millrace import auditing
from millrace_contracts.audit import AuditHead, AuditStatement, SignedHead
from millrace_core.ledger import checking, queries, taking
from millrace_core.ledger.chain import REMOVED, key_of, sha256
from millrace_core.ledger.tables import covers
from millrace_registry.audit import checks, controller, places
from millrace_registry.audit import queries as heads_of
from millrace_registry.audit.checks import STAGES
from millrace_registry.audit.signing import Signer
from millrace_registry.models.queries import unit_digest
from millrace_registry.tables import LedgerRow

from .conftest import caller, dataset_version, started, version
from .test_decisions import unguard


async def audit(services, session):
    """Everything that a whole verification finds, as (row, problem)."""
    plan, cursor, found = checking.stages(LedgerRow, STAGES), None, []
    while True:
        part = await checking.part(services, session, "registry", plan, cursor)
        found += [(item.row, item.problem) for item in part.findings]
        if part.next is None:
            return found
        cursor = part.next


@pytest_asyncio.fixture(loop_scope="session")
async def filled(backend, told):
    """A service of its own with one of everything."""
    async with started(await backend()) as app, caller(app, project="p") as client:

        async def done(method, path, **more):
            answer = await client.request(method, path, **more)
            assert answer.status_code in (200, 201), answer.text
            return answer.json()

        digest = (await done("POST", "/v1/artifacts", content=b"weights"))["digest"]
        await done("PUT", "/v1/models/sales", json={})
        for number in (1, 2):
            body = version({"weights.bin": digest}, f"run-{number}", metrics={"rmse": 1.5})
            await done("POST", "/v1/models/sales/versions", json=body)
        for number in (1, 2):
            move = {
                "version": number,
                "expected": number - 1 or None,
                "event_time": f"2026-11-2{number}T00:00:00Z",
            }
            await done("PUT", "/v1/models/sales/aliases/champion", json=move)
        await done("PUT", "/v1/datasets/sales", json={})
        await done("POST", "/v1/datasets/sales/versions", json=dataset_version(digest))
        for number in range(5):
            await done("POST", "/v1/decisions", json=told(number, "p"))
        yield app


TAMPERED = {
    "metrics": (
        "UPDATE model_versions SET body = replace(CAST(body AS TEXT), '1.5', '0.5'){json} WHERE number = 2",
        "model_versions model_id=1, number=2",
    ),
    "a version's digest": (
        "UPDATE model_versions SET digest = 'sha256:x' WHERE number = 1",
        "model_versions model_id=1, number=1",
    ),
    "an alias's time": (
        "UPDATE alias_moves SET event_time = '2026-11-01 00:00:00' WHERE number = 2",
        "alias_moves id=2",
    ),
    "the time at which an alias's move was recorded": (
        "UPDATE alias_moves SET recorded_at = '2026-11-01 00:00:00' WHERE number = 2",
        "alias_moves id=2",
    ),
    "an alias's actor": ("UPDATE alias_moves SET actor = 'eve' WHERE number = 1", "alias_moves id=1"),
    "a move of an alias removed": ("DELETE FROM alias_moves WHERE number = 2", "alias_moves id=2"),
    "an alias pointed elsewhere": ("UPDATE aliases SET version = 1", "aliases model_id=1, name=champion"),
    "a delivery": (
        "UPDATE dataset_versions SET source_digest = 'sha256:x'",
        "dataset_versions dataset_id=1, number=1",
    ),
    "a version forged in": (
        "INSERT INTO model_versions (model_id, number, key, digest, body, created_at) "
        "SELECT model_id, 9, 'k', digest, body, created_at FROM model_versions WHERE number = 1",
        "model_versions model_id=1, number=9",
    ),
    "a decision in the middle removed": ("DELETE FROM decisions WHERE number = 3", "decisions number=4"),
    "decisions exchanged": (
        "UPDATE decisions SET number = CASE number WHEN 2 THEN -3 ELSE -2 END WHERE number IN (2, 3)",
        "decisions number=-3",
    ),
    "a decision that is no JSON": (
        "UPDATE decisions SET body = 'no json' WHERE number = 3",
        "decisions number=3",
    ),
    "an entry of the ledger": ("UPDATE ledger SET actor = 'eve' WHERE number = 3", "ledger entry 3"),
    "the key of an entry": ("UPDATE ledger SET key = 'x' WHERE number = 3", "ledger entry 3"),
    "the key of an entry, of another kind": (
        "UPDATE ledger SET key = '[\"x\"]' WHERE kind = 'alias-move'",
        "alias_moves id=2",
    ),
    "the end of the ledger": (
        "DELETE FROM ledger WHERE number > (SELECT max(number) - 1 FROM ledger)",
        "dataset_versions dataset_id=1, number=1",
    ),
}
SQLITE_ALONE = {
    "a time that is none": (
        "UPDATE alias_moves SET recorded_at = 'noon' WHERE number = 2",
        "alias_moves id=2",
    ),
    "bytes in place of a name": (
        "UPDATE alias_moves SET actor = x'00ff' WHERE number = 1",
        "alias_moves id=1",
    ),
    "bytes in place of an entry": ("UPDATE ledger SET actor = x'00ff' WHERE number = 3", "ledger entry 3"),
    "a body that is no JSON": (
        "UPDATE model_versions SET body = '{' WHERE number = 2",
        "model_versions model_id=1, number=2",
    ),
    "a decision's time that is none": (
        "UPDATE decisions SET recorded_at = 'noon' WHERE number = 3",
        "decisions number=3",
    ),
}


async def test_every_kind_of_tampering_is_found_and_its_row_named(filled):
    """Each in a transaction that is rolled back; what is whole is found whole before and after."""
    services = filled.state.services
    async with services.sessions() as session:
        assert await audit(services, session) == []
        lite = session.get_bind().dialect.name == "sqlite"
        await session.rollback()
    for harm, (statement, row) in (TAMPERED | (SQLITE_ALONE if lite else {})).items():
        async with services.sessions() as session:
            await unguard(session)
            await session.execute(text(statement.replace("{json}", "" if lite else "::json")))
            found = await audit(services, session)
            assert row in [name for name, _ in found], (harm, found)
            await session.rollback()


async def test_what_cannot_be_looked_at_is_told_and_hides_nothing_else(filled, monkeypatch):
    services = filled.state.services

    async def stumbles(session, found, after):
        raise ValueError("not what we wrote")

    async with services.sessions() as session:
        await unguard(session)
        await session.execute(text("UPDATE ledger SET actor = 'eve' WHERE number = 3"))
        monkeypatch.setattr(queries, "rows", stumbles)
        found = await audit(services, session)
        await session.rollback()
    assert ("alias_moves", "what stands here cannot be read (ValueError)") in found
    assert "ledger entry 3" in [row for row, _ in found]


async def test_what_was_there_before_the_ledger_is_brought_in_once_and_told_with_its_day(filled, monkeypatch):
    """As a database of the version before is: rows, and no ledger. In pages, and not a second time."""
    services = filled.state.services
    monkeypatch.setattr(queries, "PAGE", 1)
    async with services.sessions() as session:
        await unguard(session)
        await session.execute(text("DELETE FROM ledger"))
        assert len(await audit(services, session)) >= 6, "without it nothing was ever entered"
        await session.commit()
    taken = await taking.take_over(services.sessions, LedgerRow)
    assert (taken["model-version"], taken["alias-move"], taken["training-run"]) == (2, 2, 0)
    assert await taking.take_over(services.sessions, LedgerRow) == {}
    async with caller(filled) as client:
        part = (await client.get("/v1/ledger:verify")).json()
    async with services.readers() as session:
        assert await audit(services, session) == []
    assert {"model-version", "alias", "alias-move", "dataset-version", "model"} == set(part["taken_over"])


DIES = """
import asyncio, os, signal, sys
from millrace_core import database
from millrace_core.ledger import queries, taking
from millrace_registry.tables import LedgerRow
usual, pages = queries.take, []
async def take(session, found, after):
    page = await usual(session, found, after)
    pages.append(page)
    if len([page for page in pages if page]) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return page
queries.take, queries.PAGE, taking.PAGES = take, 1, 1
asyncio.run(taking.take_over(database.sessions(database.engine(sys.argv[1])), LedgerRow))
"""


async def test_a_process_that_is_killed_while_it_brings_rows_in_is_followed_by_one_that_goes_on(
    filled, monkeypatch
):
    """Within its fourth page: the three before it stay, and each row is in once in the end."""
    services = filled.state.services
    async with services.sessions.begin() as session:
        await unguard(session)
        await session.execute(text("DELETE FROM ledger"))
    url = str(services.settings.database_url)
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", DIES, url)
    assert await killed.wait() == -signal.SIGKILL
    async with services.readers() as session:
        assert (
            len((await session.execute(text("SELECT number FROM ledger WHERE actor = 'taken-over'"))).all())
            >= 3
        )
        assert await audit(services, session) != []
    await taking.take_over(services.sessions, LedgerRow)
    async with services.readers() as session:
        assert await audit(services, session) == []
        twice = "SELECT kind, key FROM ledger GROUP BY kind, key HAVING count(*) > 1"
        assert (await session.execute(text(twice))).all() == []


async def test_two_processes_that_bring_rows_in_bring_each_in_once(filled, monkeypatch):
    """As while one pod follows another: whichever comes second goes on where the first is, not where it was itself."""
    services = filled.state.services
    monkeypatch.setattr(queries, "PAGE", 1)
    monkeypatch.setattr(taking, "PAGES", 1)
    async with services.sessions.begin() as session:
        await unguard(session)
        await session.execute(text("DELETE FROM ledger"))
    versions = next(item for item in covers(LedgerRow) if item.kind == "model-version")
    async with services.sessions.begin() as session:
        stale = await taking._some(session, versions, None)
    assert not stale.done
    await taking.take_over(services.sessions, LedgerRow)
    async with services.sessions.begin() as session:
        assert (await taking._some(session, versions, stale)).done
    async with services.readers() as session:
        assert await audit(services, session) == []
        twice = "SELECT kind, key FROM ledger GROUP BY kind, key HAVING count(*) > 1"
        assert (await session.execute(text(twice))).all() == []


async def test_what_is_written_during_a_verification_is_no_finding(filled, told, monkeypatch):
    """Rows and their entries are read one after the other; the move between the two is of another moment."""
    last, moved = queries._last, []

    async with caller(filled, project="p") as client:

        async def late(session, found, keys):
            if found.name == "aliases" and not moved:
                move = {"version": 1, "expected": 2, "event_time": "2026-11-23T00:00:00Z"}
                moved.append(await client.put("/v1/models/sales/aliases/champion", json=move))
            return await last(session, found, keys)

        monkeypatch.setattr(queries, "_last", late)
        cursor, found = {}, []
        while True:
            answer = await client.get("/v1/ledger:verify", params=cursor)
            found += answer.json()["findings"]
            if answer.json()["next"] is None:
                break
            cursor = {"cursor": answer.json()["next"]}
        monkeypatch.undo()
        move = {"version": 2, "expected": 1, "event_time": "2026-11-24T00:00:00Z"}
        back = await client.put("/v1/models/sales/aliases/champion", json=move)
    assert [answer.status_code for answer in (*moved, back)] == [200, 200]
    assert found == []


@pytest.mark.parametrize(
    "cursor", ["x", "[0.5, null]", "[true, null]", "[99, null]", "{}", "[" * 1500, "[1]", "[0, [1]]", "[1, 5]",
               '[1, ["rows", ["x", "y"]]]', '[1, ["rows", [{"a": 1}, 2]]]', '[2, ["rows", "x"]]', '[1, ["x"]]'],
)  # fmt: skip
async def test_no_cursor_of_ones_own_making_is_a_fault_of_the_service(filled, cursor):
    async with caller(filled) as client:
        answer = await client.get("/v1/ledger:verify", params={"cursor": cursor})
        assert answer.status_code < 500, answer.text
        assert (await client.get("/v1/ledger:verify")).json()["findings"] == []


async def test_a_place_that_is_away_is_named_without_its_secrets(filled, told, monkeypatch):
    services = filled.state.services
    monkeypatch.setattr(services.settings, "audit_exports", ["http://user:hidden@127.0.0.1:9/x?token=hidden"])
    async with caller(filled, project="p") as client:
        await client.post("/v1/decisions", json=told(290, "p"))
        answer = await client.post("/v1/audit/heads:sign")
    assert answer.status_code == 503
    assert "http://127.0.0.1 did not take it" in answer.json()["detail"]
    assert "hidden" not in answer.text


def test_a_head_behind_a_restored_backup_stands_beside_the_one_of_its_number():
    one, other = signed_heads((4, "four"))[0], signed_heads((4, "restored"))[0]
    assert places.name_of(1, one) != places.name_of(1, other)
    assert places.name_of(1, one).startswith("head-00000001-")


async def test_a_checker_with_a_hole_is_noticed(filled, monkeypatch):
    """The plant: with the comparison of rows left out, the same tampering passes, so the test above can fail."""
    services = filled.state.services

    async def blind(session, found, after):
        return []

    monkeypatch.setattr(queries, "rows", blind)
    async with services.sessions() as session:
        await unguard(session)
        await session.execute(text("UPDATE alias_moves SET actor = 'eve' WHERE number = 1"))
        assert await audit(services, session) == []
        await session.rollback()


async def test_stored_bytes_that_changed_are_found(filled):
    services = filled.state.services
    async with services.readers() as session:
        digest = (
            json.loads((await session.execute(text("SELECT body FROM dataset_versions"))).scalar_one())[
                "files"
            ][0]["digest"]
            if session.get_bind().dialect.name == "sqlite"
            else (
                await session.execute(text("SELECT body->'files'->0->>'digest' FROM dataset_versions"))
            ).scalar_one()
        )
        path = services.store.path(digest)
        whole = path.read_bytes()
        path.write_bytes(b"WEIGHTS")
        found = await audit(services, session)
        path.write_bytes(whole)
    rows = [row for row, words in found if "changed" in words]
    assert rows == [
        "model_versions model_id=1, number=1",
        "model_versions model_id=1, number=2",
        "dataset_versions dataset_id=1, number=1",
    ]


async def test_who_asked_stands_with_every_entry(filled):
    async with filled.state.services.readers() as session:
        links = await queries.links(session, LedgerRow, 0, 1000)
    assert {link.entry.actor for link in links if link.entry.kind == "alias-move"} == {"user:admin"}
    assert {link.entry.actor for link in links if link.entry.kind == "taken-over"} == {"registry"}
    assert REMOVED not in {link.entry.digest for link in links}


async def test_the_end_cut_off_is_found_by_a_head_that_was_signed_and_kept_elsewhere(filled):
    """With the rows gone too nothing inside the database tells of it; the exported file does."""
    services = filled.state.services
    signed = await controller.sign(services)
    await controller.export(services)
    lines = (services.settings.home / "audit" / "heads.jsonl").read_text().splitlines()
    assert [json.loads(line)["statement"] for line in lines][-1] == signed.statement
    heads = auditing.check([SignedHead.model_validate_json(line) for line in lines])
    chains = heads.statements[-1].heads
    assert {"decisions", "registry"} <= chains.keys()
    async with services.sessions() as session:
        await unguard(session)
        await session.execute(text("DELETE FROM dataset_versions"))
        last = chains["registry"].count
        await session.execute(text(f"DELETE FROM ledger WHERE number = {last}"))
        await session.execute(text("DELETE FROM decisions WHERE number = 5"))
        assert await audit(services, session) == []
        assert await queries.hashes(session, LedgerRow, [last]) == {}
        stands = await heads_of.decision_hashes(session, [chains["decisions"].count])
        assert stands == {}
        await session.rollback()


async def test_a_head_that_was_changed_or_left_out_is_refused(filled, told):
    services = filled.state.services
    async with caller(filled, project="p") as client:
        for number in (90, 91, 92):
            await client.post("/v1/decisions", json=told(number, "p"))
            await client.post("/v1/audit/heads:sign")
        heads = [SignedHead.model_validate(item) for item in (await client.get("/v1/audit/heads")).json()]
        again = await client.post("/v1/audit/heads:sign")
    assert again.json()["statement"] == heads[-1].statement
    found = auditing.check(heads)
    assert [statement.number for statement in found.statements] == list(range(1, len(heads) + 1))
    assert oct((services.settings.home / "run" / "audit-key.pem").stat().st_mode & 0o777) == "0o600"
    forged = heads[-1].model_copy(update={"statement": heads[-1].statement.replace("decisions", "decision5")})
    for wrong, words in (([forged], "signature"), ([heads[0], *heads[2:]], "follow")):
        with pytest.raises(auditing.NotSigned, match=words):
            auditing.check(wrong)
    with pytest.raises(auditing.NotSigned, match="is signed by"):
        auditing.check(heads, known=["ed25519:" + "0" * 32])


def test_what_a_job_ran_in_is_no_part_of_a_versions_digest_and_code_is():
    body = {"key": "a", "files": {}, "environment": {"code": {"digest": "x"}}}
    known = unit_digest(body)
    assert unit_digest(body | {"environment": body["environment"] | {"built": {"seed": 7}}}) == known
    assert unit_digest(body | {"environment": {"code": {"digest": "y"}}}) != known


async def test_a_verification_in_many_small_parts_finds_the_same(filled, monkeypatch):
    for room, name in ((queries, "PAGE"), (heads_of, "VERSIONS"), (checks, "LINKS"), (checking, "LINKS")):
        monkeypatch.setattr(room, name, 1)
    services = filled.state.services
    async with services.sessions() as session:
        assert await audit(services, session) == []
        await unguard(session)
        await session.execute(text("UPDATE alias_moves SET actor = 'eve' WHERE number = 2"))
        await session.execute(text("DELETE FROM decisions WHERE number = 3"))
        assert [row for row, _ in await audit(services, session)] == [
            "alias_moves id=2",
            "decisions number=4",
        ]
        await session.rollback()


async def test_a_place_outside_that_is_away_is_tried_again_and_no_head_is_left_out(filled, told, monkeypatch):
    services, sent = filled.state.services, []

    async def away(place, number, head):
        raise OSError("away")

    async def there(place, number, head):
        sent.append(number)

    monkeypatch.setattr(controller.places, "send", away)
    async with caller(filled, project="p") as client:
        for number in (190, 191):
            await client.post("/v1/decisions", json=told(number, "p"))
            await controller.sign(services)
    with pytest.raises(OSError, match="away"):
        await controller.export(services)
    monkeypatch.setattr(controller.places, "send", there)
    await controller.export(services)
    assert len(sent) >= 2
    assert sent == sorted(sent)
    assert await controller.export(services) == 0


def signed_heads(*heads):
    """Statements of one key that follow each other, each of how far the registry's ledger is: count and hash."""
    signer, made = Signer(Ed25519PrivateKey.generate()), []
    for number, (count, word) in enumerate(heads, 1):
        statement = AuditStatement(
            number=number, at="2026-11-21T12:00:00Z", key=signer.fingerprint,
            heads={"registry": AuditHead(count=count, head=sha256(word))},
            previous=sha256(made[-1].statement) if made else None,
        )  # fmt: skip
        made.append(signer.sign(statement.model_dump_json()))
    return made


class Stands:
    """A platform whose registry's ledger has these hashes."""

    def __init__(self, **hashes):
        self.registry, self._hashes = self, {name[1:]: sha256(word) for name, word in hashes.items()}

    def ledger_hashes(self, numbers):
        return {number: word for number, word in self._hashes.items() if int(number) in numbers}


def test_an_end_that_was_rewritten_and_signed_again_is_found_by_the_head_before():
    """Two heads of one length differ; the newer one is true of what stands, and must not hide the older."""
    heads = auditing.check(signed_heads((4, "four"), (7, "seven"), (7, "forged"), (9, "nine")))
    found = auditing._signed(Stands(n4="four", n7="forged", n9="nine"), heads)
    assert [(item.row, item.problem[:22]) for item in found] == [("ledger entry 7", "it is not what it was;")]


def test_a_head_that_arrived_twice_counts_once_and_two_of_one_number_are_refused():
    """A place may be told again: of two exports beside each other, or after a crash behind the first."""
    heads = signed_heads((4, "four"), (7, "seven"), (9, "nine"))
    found = auditing.check([heads[0], heads[1], heads[0], heads[1], heads[2], heads[2]])
    assert [statement.number for statement in found.statements] == [1, 2, 3]
    with pytest.raises(auditing.NotSigned, match="two different heads"):
        auditing.check([heads[0], signed_heads((4, "other"))[0]])
    with pytest.raises(auditing.NotSigned, match="does not follow"):
        auditing.check([heads[1], heads[0]])


def test_a_line_that_broke_off_harms_no_other_and_a_changed_one_is_refused(tmp_path):
    """The disk was full in the middle of a line: the same head comes again, whole."""
    path, (one, two) = tmp_path / "heads.jsonl", signed_heads((4, "four"), (7, "seven"))
    line = two.model_dump_json(exclude={"exported_at"})
    places._append(path, one.model_dump_json(exclude={"exported_at"}))
    path.write_text(path.read_text() + line[: len(line) // 2])
    places._append(path, line)
    assert [item.statement for item in auditing.read(path)] == [one.statement, two.statement]
    path.write_text(path.read_text().replace(line, line[:-1] + "]"))
    with pytest.raises(auditing.NotSigned, match="line 3"):
        auditing.read(path)


def test_the_longest_name_in_any_script_fits_into_the_key_of_an_entry():
    """An approval bears who gave it; written in escapes, 60 letters of Cyrillic were too many for PostgreSQL."""
    assert len(key_of((2**31, 2**31, "Ж" * 253, "approved"))) <= LedgerRow.key.type.length


def test_what_was_signed_of_something_else_is_no_head():
    signer = Signer(Ed25519PrivateKey.generate())
    with pytest.raises(auditing.NotSigned, match="says nothing of chains"):
        auditing.check([signer.sign('{"format": "millrace-audit-archive/1", "loop": "sales"}')])
