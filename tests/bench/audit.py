"""How long a verification takes: a million decisions, beside the fifteen lines one would write; and what a push costs.

`python -m tests.bench.audit [decisions]`; figures stand in docs/benchmarks.md.
"""

import asyncio
import hashlib
import json
import os
import resource
import sqlite3
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from millrace_contracts.decisions import decision
from millrace_core import database, migrate
from millrace_core.ledger import checking
from millrace_core.ledger.chain import Head
from millrace_monitoring.labels import queries as labels
from millrace_registry.audit.checks import chain
from millrace_registry.decisions.chain import canonical, link

MANY, PUSH, PUSHES = 1_000_000, 5_000, 10
AT = datetime(2026, 1, 1, tzinfo=UTC)


def fill(path, count):
    """A registry's database with so many decisions, each as its service would tell it."""
    migrate.upgrade("millrace_registry", f"sqlite+aiosqlite:///{path}")
    opened, head = sqlite3.connect(path), Head()
    evidence = {"interval": [-0.0123, 0.0456], "n": 4711, "blocks": 28, "metric": "rmse"}
    first = decision(
        project="default", loop="flights", kind="gate.verdict", subject="run 0", outcome="passed", event_time=AT,
        author="controller", reason="rmse 11.4 against 11.9 of the champion, on 28 days", evidence=evidence, run=0,
    )  # fmt: skip
    with opened:
        for number in range(count):
            place = {"id": f"{number:08x}-0000-4000-8000-{number:012x}", "run": number}
            told = first.model_copy(update=place | {"event_time": AT + timedelta(minutes=number)})
            body, at = canonical(told), told.event_time
            following = link(head, at.isoformat(), "controller", body)
            stored = at.strftime("%Y-%m-%d %H:%M:%S.%f")
            opened.execute(
                "INSERT INTO decisions (number, id, project, loop, run, kind, event_time, cause, body, author_service,"
                " recorded_at, previous, hash) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
                (following.number, told.id, "default", told.loop, number, told.kind, stored, None, body, "controller",
                 stored, head.hash, following.hash),
            )  # fmt: skip
            head = following
    opened.close()


def queued():
    """Seconds that this process's threads were ready to run and had no processor (proc(5), schedstat)."""
    waits = [int(file.read_text().split()[1]) for file in Path("/proc/self/task").glob("*/schedstat")]
    return sum(waits) / 1e9


async def ours(path):
    """Seconds, of them of processor time and in line for a processor, how many links, and how many faults."""
    engine = database.engine(f"sqlite+aiosqlite:///{path}")
    readers, at, count, faults = database.sessions(engine, read_only=True), None, 0, 0
    began, spent, stood = time.perf_counter(), time.process_time(), queued()
    while True:
        async with readers.begin() as session:
            looked: checking.Looked = await chain(None, session, at)
        count, faults, at = count + looked.checked, faults + len(looked.faults), looked.at
        if at is None:
            took = time.perf_counter() - began, time.process_time() - spent, queued() - stood
            await engine.dispose()
            return *took, count, faults


def naive(path):
    """The fifteen lines: links alone, no columns compared, nothing named, and an error where a row is malformed."""
    began, spent, previous, count = time.perf_counter(), time.process_time(), "sha256:" + "0" * 64, 0
    rows = sqlite3.connect(path).execute(
        "SELECT number, recorded_at, author_service, body, previous, hash FROM decisions ORDER BY number"
    )
    for number, at, author, body, before, stored in rows:
        json.loads(body)
        moment = datetime.fromisoformat(at).replace(tzinfo=UTC).isoformat()
        text = "\n".join((previous, str(number), moment, author, body))
        assert before == previous and stored == "sha256:" + hashlib.sha256(text.encode()).hexdigest()  # noqa: PT018
        previous, count = stored, count + 1
    return time.perf_counter() - began, time.process_time() - spent


async def pushing(path, keep):
    """Seconds a push of labels takes in its transaction; *keep*: with the push kept and entered, as it is now."""
    url = f"sqlite+aiosqlite:///{path}"
    await asyncio.to_thread(migrate.upgrade, "millrace_monitoring", url)
    engine = database.engine(url)
    sessions, took = database.sessions(engine), []
    if not keep:
        labels.pushes.keep = _nothing
    for number in range(PUSHES):
        truths = [labels.Truth(f"{number:06d}-{row:08d}-4c5b-9a35", 0, float(row), AT) for row in range(PUSH)]
        began = time.perf_counter()
        async with sessions.begin() as session:
            await labels.put(session, "default", "sales", truths)
        took.append(time.perf_counter() - began)
    await engine.dispose()
    return sorted(took)[len(took) // 2]


async def _nothing(session, project, endpoint, rows):
    return None


def main():
    count = int(sys.argv[1]) if sys.argv[1:] else MANY
    with tempfile.TemporaryDirectory(prefix="audit-") as folder:
        path = Path(folder) / "state.db"
        fill(path, count)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds, spent, stood, checked, faults = asyncio.run(ours(path))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        plain, plain_spent = naive(path)
        kept = pushing_both(Path(folder))
    told = {
        "decisions": checked, "faults": faults, "seconds": seconds, "cpu_seconds": spent, "in_line_seconds": stood,
        "naive_seconds": plain, "naive_cpu_seconds": plain_spent, "load": os.getloadavg(),
        "peak_mib": peak / 1024, "grown_mib": (peak - before) / 1024, "labels": PUSH, **kept,
    }  # fmt: skip
    print(json.dumps(told, indent=2))


def pushing_both(folder):
    """The same pushes with and without what an audit needs."""
    kept = asyncio.run(pushing(folder / "kept.db", True))
    return {"push_seconds": kept, "push_seconds_before": asyncio.run(pushing(folder / "plain.db", False))}


if __name__ == "__main__":
    main()
