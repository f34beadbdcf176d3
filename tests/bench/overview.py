"""`python -m tests.bench.overview [LOOPS] [postgresql]`: the console's first page of a project with so many loops.

Registry, monitoring, controller and console run as `millrace up` starts them, on SQLite files that are filled before:
loops with a run each, 28 closed days of every endpoint, two decisions of every loop; with `postgresql` the controller
has its loops and runs in a PostgreSQL of its own. The controller is a replica that
does not lead, so that the page alone is measured. Told: milliseconds by the clock as a browser has them, processor time
by service, and bytes.
"""

import asyncio
import contextlib
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import psutil
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from tests import postgresql
from tests.controller.test_overview import loop, run

from millrace.laptop import ports, tokens
from millrace.laptop.service import Service
from millrace_contracts.decisions import decision
from millrace_controller.tables import Lease, Loop, Run
from millrace_core import migrate
from millrace_registry.decisions import chain

SERVICES = ("registry", "monitoring", "controller", "console")
DAYS, TRIES, FEATURES = 28, 30, 20
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
KINDS = ("promoted", "promoted", "failed", "rejected", "running")


def main() -> None:
    """Fill, start, ask, tell, stop."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder, contextlib.ExitStack() as stack:
        home, own = Path(folder), ""
        if "postgresql" in sys.argv:
            own = postgresql.create(stack.enter_context(postgresql.started()))
        fill(home, many, own or f"sqlite+aiosqlite:///{home / 'controller' / 'state.db'}")
        started = start(home, own)
        try:
            tell(many, started, *ask(started, home))
        finally:
            for service in started.values():
                service.stop()


def url(home: Path, service: str) -> str:
    """The database that a service makes by itself."""
    (home / service).mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{home / service / 'state.db'}"


def fill(home: Path, many: int, controller: str) -> None:
    """Databases as they are after months; *controller*: URL of its own."""
    for service in ("registry", "monitoring", "controller"):
        place = url(home, service)
        migrate.upgrade(f"millrace_{service}", controller if service == "controller" else place)
    asyncio.run(looped(controller, many))
    watched(home / "monitoring" / "state.db", many)
    decided(home / "registry" / "state.db", many)


async def looped(database: str, many: int) -> None:
    """Loops with a run each."""
    engine = create_async_engine(database)
    async with AsyncSession(engine) as session, session.begin():
        session.add(Lease(name="controller", holder="another", epoch=1, expires_at=1e12))
        session.add_all(Loop(**loop(number, champion=3, runs=1)) for number in range(many))
        await session.flush()
        session.add_all(Run(**run(number, KINDS[number % len(KINDS)])) for number in range(many))
    await engine.dispose()


def watched(path: Path, many: int) -> None:
    """Monitors and closed days; a day's item has what was found of twenty features."""
    found = {f"feature_{number}": 0.01 * number for number in range(FEATURES)}
    with sqlite3.connect(path) as database:
        for number in range(many):
            name = f"loop-{number:04}"
            database.execute(
                "INSERT INTO monitors (project, endpoint, spec, labelled, late_labels, state) "
                "VALUES ('default', ?, '{}', 0, 0, '{}')",
                (name,),
            )
            rows = []
            for back in range(DAYS):
                item = {
                    "from": NOON.isoformat(), "champion": 3, "loss": 1.0 + 0.01 * ((number + back) % 7),
                    "served": None, "versions": {"3": {"loss": 1.0, "rows": 90}}, "unscored": {},
                    "performance": {"reference_mean": 1.02, "reference_scale": 0.1, "log_value": 0.3, "log_level": 5.0},
                    "drift": {"psi": found, "window": {}, "scores": [{"feature": key, "psi": psi, "p": 0.4}
                                                                     for key, psi in found.items()]},
                    "quality": {"shares": {key: {"missing": 0.01, "unseen": 0.0, "outside": 0.0} for key in found}},
                }  # fmt: skip
                day = date(2026, 5, 3) - timedelta(days=back)
                rows.append((name, day.isoformat(), json.dumps(item)))
            database.executemany(
                "INSERT INTO closings (project, endpoint, day, through, rows, labelled, champion, item, profile) "
                "VALUES ('default', ?, ?, '2026-05-04 00:00:00.000000', 100, 90, 3, ?, zeroblob(4400))",
                rows,
            )


def decided(path: Path, many: int) -> None:
    """Two decisions of every loop, with evidence, in a chain that holds."""
    head, gates = (
        chain.Head(),
        [{"name": f"slice {number}", "verdict": "passed", "reason": "x" * 80} for number in range(30)],
    )
    with sqlite3.connect(path) as database:
        for number in range(2 * many):
            told = decision(
                project="default", loop=f"loop-{number % many:04}", kind="gate.verdict", subject=f"run {number}",
                outcome="passed", event_time=NOON, author="controller", reason="better", evidence={"gates": gates},
            )  # fmt: skip
            body = chain.canonical(told)
            after = chain.link(head, NOON.isoformat(), "controller", body)
            database.execute(
                "INSERT INTO decisions (number, id, project, loop, kind, event_time, body, author_service, recorded_at,"
                " previous, hash) VALUES (?, ?, 'default', ?, ?, ?, ?, 'controller', ?, ?, ?)",
                (after.number, told.id, told.loop, told.kind, "2026-05-04 12:00:00.000000", body,
                 "2026-05-04 12:00:00.000000", head.hash, after.hash),
            )  # fmt: skip
            head = after


def start(home: Path, controller: str = "") -> dict[str, Service]:
    """The services, ready; *controller*: URL of its database, empty for what it makes by itself."""
    place = home / "run"
    place.mkdir(parents=True)
    secrets, chosen = tokens.ensure(place), ports.choose({})
    urls = {name: f"http://127.0.0.1:{chosen[name]}" for name in (*SERVICES, "training", "serving")}
    started = {}
    for name in SERVICES:
        environment = {
            "MILLRACE_HOME": str(home), "MILLRACE_SERVICE": name, "MILLRACE_PORT": str(chosen[name]),
            "MILLRACE_TOKENS_FILE": str(place / "tokens.json"), "MILLRACE_TOKEN": secrets.get(name, ""),
            "MILLRACE_OTLP_PORT": str(chosen["otlp"]),
            **{f"MILLRACE_{other.upper()}_URL": address for other, address in urls.items()},
        }  # fmt: skip
        if name == "controller" and controller:
            environment["MILLRACE_DATABASE_URL"] = controller
        started[name] = Service(name, home, urls[name], environment)
        started[name].start()
    for service in started.values():
        while (reason := service.waits_for()) is not None:
            assert service.process is not None
            assert service.process.poll() is None, service.last_words()
            print(f"waits for {service.name}: {reason}", file=sys.stderr)
            time.sleep(0.5)
    return started


def ask(started: dict[str, Service], home: Path) -> tuple[list[float], dict[str, float], int, str]:
    """Seconds of each try, processor seconds a page by service, bytes of the page, and the page."""
    secret = json.loads((home / "run" / "secrets.json").read_text())["user"]
    base = started["console"].url
    signed = {"authorization": f"Bearer {secret}"}
    path = httpx.post(f"{base}/v1/links", headers=signed, trust_env=False).json()["path"]
    with httpx.Client(base_url=base, trust_env=False, timeout=60) as browser:
        browser.post("/link", data={"word": path.partition("word=")[2]})
        for _ in range(5):
            page = browser.get("/p/default/loops")
            assert page.status_code == 200, page.text[:500]
            assert "does not answer" not in page.text, page.text[:500]
        before, took = spent(started), []
        for _ in range(TRIES):
            began = time.perf_counter()
            page = browser.get("/p/default/loops")
            took.append(time.perf_counter() - began)
        after = spent(started)
    return (
        took,
        {name: (after[name] - before[name]) / TRIES for name in started},
        len(page.content),
        page.text,
    )


def spent(started: dict[str, Service]) -> dict[str, float]:
    """Processor seconds of each service so far."""
    found = {}
    for name, service in started.items():
        assert service.process is not None
        times = psutil.Process(service.process.pid).cpu_times()
        found[name] = times.user + times.system
    return found


def tell(
    many: int, started: dict[str, Service], took: list[float], cost: dict[str, float], size: int, page: str
) -> None:
    """One table."""
    assert page.count('<td data-name="Health">') == min(50, many)
    ordered = sorted(1000 * second for second in took)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{many} loops, 50 on the page of {size:,} bytes; load {load}")
    print(
        f"ms by the clock: least {ordered[0]:.0f}, median {statistics.median(ordered):.0f}, most {ordered[-1]:.0f}"
    )
    print("ms of processor time: " + ", ".join(f"{name} {1000 * cost[name]:.0f}" for name in started))
    print(f"all together {1000 * sum(cost.values()):.0f}")


if __name__ == "__main__":
    main()
