"""`python -m tests.bench.replays [YEARS]`: what a backtest of five years costs, beside the fifteen lines for it.

Each way in a process of its own on the same 22 rows a day, whose price drifts and jumps: the loop with a run every 30
days, the loop with no run after the first, and pandas with a new model each month. Processor time counts, as the
machine may be busy; days a second are those of blocks in which no run was in flight.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

A_DAY, BEGIN, LEARNT = 22, date(2019, 1, 1), 60
"""Rows a day, the first day, and days of which the first model learns."""
WAYS = {"runs": "30d", "no run": "", "naive": ""}


def history(days: int) -> pd.DataFrame:
    """The price of a thing by size and place: size counts more each quarter, and from the middle on much more."""
    draw = np.random.default_rng(5)
    day = np.repeat(np.arange(days), A_DAY)
    size, place = draw.normal(3, 1, len(day)), draw.choice(["north", "south"], len(day))
    worth = 2.0 + 0.15 * (day // 91) + np.where(day > days // 2, 1.0, 0.0)
    price = size * worth + (place == "south") + draw.normal(0, 0.3, len(day))
    at = pd.Timestamp(BEGIN, tz="UTC") + pd.to_timedelta(day, "D") + pd.Timedelta(hours=6)
    return pd.DataFrame({"at": at, "size": size, "place": place, "price": price})


def naive(path: Path) -> float:
    """Each month a model of all rows so far; the mean squared error of what it says of the month's rows."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    rows = pd.read_csv(path, parse_dates=["at"]).sort_values("at")
    start = pd.Timestamp(BEGIN, tz="UTC") + pd.Timedelta(days=LEARNT)
    months, wrong = rows["at"].dt.strftime("%Y-%m"), []
    for month in sorted(months[rows["at"] >= start].unique()):
        now = rows[(months == month) & (rows["at"] >= start)]
        before = rows[rows["at"] < now["at"].min()]
        places = make_column_transformer((OrdinalEncoder(), ["place"]), remainder="passthrough")
        model = make_pipeline(places, HistGradientBoostingRegressor())
        model.fit(before[["place", "size"]], before["price"])
        wrong.append((model.predict(now[["place", "size"]]) - now["price"]) ** 2)
    return float(np.sqrt(pd.concat(wrong).mean()))


class Told:
    """The platform of who asked: it keeps when each day was settled, and what came out."""

    def __init__(self, client: Any) -> None:
        self._client, self.controller = client, self
        self.settled: list[tuple[int, float, float]] = []
        self.result: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def backtest_progress(self, id: str, progress: Any) -> None:
        """A day, or a block of days, is settled."""
        if progress.step == "replay":
            self.settled.append((progress.done, time.perf_counter(), _spent()))
            print(
                f"{progress.done} of {progress.total} days: {_spent():.1f} s, {_most()} MiB", file=sys.stderr
            )

    def backtest_result(self, id: str, outcome: Any) -> None:
        """The whole of it."""
        self.result = outcome.result


def replayed(path: Path, folder: Path, schedule: str) -> dict[str, Any]:
    """The loop on the same rows, in this process."""
    from millrace_contracts.backtests import ReplayOrder
    from millrace_contracts.loop import ModelLoop
    from millrace_replay import inside, replay

    spec = {
        "task": "regression",
        "target": "price",
        "data": {"dataset": "prices", "eventTime": "at", "labelDelay": "1d"},
        "training": {"search": {"trials": 3}, "executor": "inline", "holdout": "14d"},
        "gates": {"champion": {"minimumDays": 7}},
        "cooldown": "7d",
        "triggers": {"schedule": schedule, "alarms": []} if schedule else {"alarms": []},
    }
    declared = {
        "apiVersion": "millrace.dev/v1alpha1",
        "kind": "ModelLoop",
        "metadata": {"name": "prices"},
        "spec": spec,
    }
    with inside.platform(folder / "home", "default") as client:
        order = ReplayOrder(
            id="0" * 12, project="default", loop="prices", digest=client.registry.put_artifact(path), format="csv",
            start=BEGIN + timedelta(days=LEARNT),
        )  # fmt: skip
        name = inside.declared(client, client, ModelLoop.model_validate(declared), order)
        told = Told(client)
        with replay.room(folder) as rows:
            replay.Replay(told, client, name, order, rows).run()  # type: ignore[arg-type]
    blocks = [
        (after[0] - before[0], after[1] - before[1], after[2] - before[2])
        for before, after in zip(told.settled, told.settled[1:], strict=False)
        if after[0] - before[0] > 1
    ]
    days, wall, spent = (sum(part) for part in zip(*blocks, strict=True))
    runs = [run["state"] for run in told.result["runs"]]
    return {
        "loss": told.result["loop"]["overall"],
        "never": told.result["static"]["overall"],
        "hindsight": told.result["hindsight"]["overall"],
        "runs": {state: runs.count(state) for state in sorted(set(runs))},
        "days in blocks": days,
        "of": told.settled[-1][0],
        "days a second, wall": round(days / wall, 1),
        "days a second of a core": round(days / spent, 1),
    }


def _spent() -> float:
    use = resource.getrusage(resource.RUSAGE_SELF)
    return use.ru_utime + use.ru_stime


def _most() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def one(way: str, folder: Path) -> dict[str, Any]:
    """One way, in this process."""
    began = time.perf_counter()
    path = folder / "history.csv"
    figures = {"loss": naive(path)} if way == "naive" else replayed(path, folder, WAYS[way])
    mine = resource.getrusage(resource.RUSAGE_SELF)
    return figures | {
        "seconds": round(time.perf_counter() - began, 1),
        "processor seconds": round(mine.ru_utime + mine.ru_stime, 1),
        "most memory, MiB": _most(),
    }


def main() -> int:
    """Every way, one after the other; the figures as JSON."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(sys.argv[2], Path(sys.argv[3]))))
        return 0
    years = float(sys.argv[1]) if sys.argv[1:] else 5
    asked = sys.argv[2:] or list(WAYS)
    for way in asked:
        with tempfile.TemporaryDirectory() as name:
            history(int(years * 365.25)).to_csv(Path(name) / "history.csv", index=False)
            command = [sys.executable, "-m", "tests.bench.replays", "--one", way, name]
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )  # fmt: skip
            told = {"way": way, "load": os.getloadavg()} | json.loads(done.stdout.splitlines()[-1])
            print(json.dumps(told), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
