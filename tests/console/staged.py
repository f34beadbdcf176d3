"""What the demo of flights lacks, so that every page of the console has something to show: brought about for real.

A waiting approval, people who look at answers, a run under way, backtests, a channel with a problem, somebody with a
password and a token. Each step may be repeated on the same home.
"""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

import httpx
import pandas as pd

from millrace.accounts import Accounts
from millrace.client import Millrace
from millrace.delivery import push
from millrace.demo import flights
from millrace.documents import load
from millrace.laptop import Platform
from millrace_contracts.accounts import Grant
from millrace_contracts.backtests import BacktestWrite
from millrace_contracts.loop import ModelLoop
from millrace_contracts.notices import Channel

ROOT = Path(__file__).parents[2]
FLIGHTS, PENGUINS = ROOT / "k8s/examples/flights.yaml", ROOT / "tests/loop/penguins.csv"
PASSWORD, ADA = "slow brown rivers carry barley", "ada"
COOKIE = "millrace_session"
CSRF = re.compile(r'name="csrf" value="([^"]+)"')
PATIENCE = 900
"""Seconds for one run of a loop on a machine that does much else."""
THIN = 12
"""Every so-many-th flight is replayed by a backtest: enough for its gates, and over within minutes."""
SENT = 40
"""Rows of the file that is delivered, which repeats what is there."""
PROCESSES = re.compile(r"(service-.*|envoy|triton|platform)\.json|lock")
"""Files of a home's folder `run` that tell of processes."""
T = TypeVar("T")


def until(look: Callable[[], T], patience: float = PATIENCE) -> T:
    """What *look* finds, once that is something."""
    deadline = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(1)
    return found


def document(name: str, trials: int, **spec: object) -> ModelLoop:
    """A loop over the penguins."""
    told = {
        "task": "multiclass", "target": "species", "data": {"dataset": name},
        "training": {"search": {"trials": trials}}, "gates": {"champion": {"margin": 0.5, "minimumDays": 5}},
    }  # fmt: skip
    return ModelLoop.model_validate(
        {
            "apiVersion": "millrace.dev/v1alpha1", "kind": "ModelLoop", "metadata": {"name": name},
            "spec": told | spec,
        }
    )  # fmt: skip


def people(platform: Platform) -> None:
    """Ada, who approves, with a token for a program of hers."""
    accounts = Accounts(platform.run)
    if accounts.find(ADA) is None:
        account = accounts.add(ADA, [Grant(role="admin"), Grant(role="approver")], PASSWORD)
        accounts.begin(account, "token", "the nightly report", timedelta(days=90))
        accounts.begin(account, "session", "millrace login on her laptop", timedelta(hours=8))


@contextmanager
def signed_in(platform: Platform) -> Iterator[httpx.Client]:
    """Ada's browser."""
    with httpx.Client(base_url=platform.urls["console"], trust_env=False, timeout=60) as client:
        answer = client.post("/login", data={"name": ADA, "password": PASSWORD, "to": "/you"})
        assert answer.status_code == 303, answer.text
        yield client


def reviewed(client: Millrace) -> None:
    """Penguins are told apart, and people look at each answer; one has looked at one."""
    name = "penguins"
    client.controller.apply(document(name, 2, review={"sample": "100%"}))
    push(client, name, PENGUINS)
    assert client.controller.await_run(name, 1, timeout=PATIENCE).state == "promoted"
    rows = pd.read_csv(PENGUINS).drop(columns="species").sample(12, random_state=7).to_dict("records")
    asked = [{key: None if pd.isna(cell) else cell for key, cell in row.items()} for row in rows]
    if not client.monitoring.reviews(name):
        until(lambda: _answers(client, name, asked), 60)
        until(lambda: client.monitoring.reviews(name), 120)


def _answers(client: Millrace, name: str, rows: list[dict[str, object]]) -> bool:
    try:
        client.serving.predict(name, rows)  # type: ignore[arg-type]
    except Exception:
        return False
    return True


def awaiting(client: Millrace) -> int:
    """A loop whose first candidate waits for an approver; returns its run."""
    name = "penguins-approved"
    client.controller.apply(
        document(name, 2, gates={"approval": {"by": ["approver"], "of": 1, "within": "7d"}})
    )
    push(client, name, PENGUINS)
    until(lambda: client.controller.runs(name) and client.controller.run(name, 1).approval)
    return 1


def busy(client: Millrace) -> int:
    """A loop that searches for as long as the pictures take; returns its run."""
    name = "penguins-searched"
    client.controller.apply(document(name, 5000))
    push(client, name, PENGUINS)
    return until(lambda: [run.number for run in client.controller.runs(name)])[-1]


def replayed(client: Millrace, folder: Path) -> tuple[str, str]:
    """A backtest of the flights that is over, and one that goes on."""
    path, name = folder / "flights-2013.csv", "flights"
    table = flights.load()
    early = table[table[flights.EVENT_TIME] < "2013-05-08"].dropna(subset=[flights.TARGET])
    early[[flights.EVENT_TIME, *flights.FEATURES, flights.TARGET]].iloc[::THIN].to_csv(path, index=False)
    digest = client.registry.put_artifact(path)
    loop = load(FLIGHTS)
    loop.spec.training.search.trials = 2

    def begun(start: date) -> str:
        order = BacktestWrite(loop=loop, digest=digest, format="csv", name=path.name, start=start)
        return client.controller.backtest(order).id

    over = [item.id for item in client.controller.backtests(name) if item.state == "succeeded"]
    first = over[0] if over else begun(date(2013, 4, 1))
    until(lambda: client.controller.backtest_state(first).ended_at)
    return first, begun(date(2013, 4, 2))


def channel(client: Millrace) -> None:
    """Somebody is told of alarms, once its address is there."""
    chat = Channel.model_validate({"slack": {"webhook": {"env": "CHAT_WEBHOOK"}}, "tell": ["alarms"]})
    client.monitoring.put_channel("on-call", chat)


def uploaded(ada: httpx.Client, query: str = "") -> str:
    """Where a file leads that a person sends: to the page of its draft, or of its delivery."""
    csrf = CSRF.search(ada.get("/p/default/new").text)
    assert csrf is not None
    lines = PENGUINS.read_bytes().splitlines(keepends=True)
    file = b"".join(lines[: SENT + 1] if query else lines)
    answer = ada.post(
        f"/upload/default{query}",
        data={"csrf": csrf[1]},
        files={"file": ("penguins-may.csv", file)},
    )
    assert answer.status_code == 303, answer.text
    where = answer.headers["location"]
    until(lambda: "Look again" not in ada.get(where).text, 120)
    return where


def drafted(ada: httpx.Client, first: str) -> str:
    """The page of the loop that is drafted from the file of *first*."""
    csrf = CSRF.search(ada.get(first).text)
    assert csrf is not None
    answer = ada.post(first, data={"csrf": csrf[1], "loop": "penguins-in-may", "target": "species"})
    assert answer.status_code == 303, answer.text
    where = answer.headers["location"]
    until(lambda: "Look again" not in ada.get(where).text, 120)
    return where


def verified(ada: httpx.Client) -> None:
    """Everything is verified once, as an auditor asks."""
    page = "/p/default/audit"
    csrf = CSRF.search(ada.get(page).text)
    assert csrf is not None
    ada.post(f"{page}/verify", data={"csrf": csrf[1]})
    until(lambda: "hold" in ada.get(page).text and "It goes on since" not in ada.get(page).text, 300)


def copied(home: Path, to: Path) -> Path:
    """A copy of a finished demo's home, which pictures may change; the one that is there is taken as it is.

    What records processes stays behind: a platform ends those that its home tells of.
    """
    if not to.exists():
        shutil.copytree(home, to, symlinks=True, ignore=_recorded)
    return to


def _recorded(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if PROCESSES.fullmatch(name)] if Path(folder).name == "run" else []
