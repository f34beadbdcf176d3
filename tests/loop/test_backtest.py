"""A backtest from the command's point of view: history in, what the loop would have done out; no endpoint is left."""

import os
import signal
import time

import numpy as np
import pandas as pd
import psutil
import pytest

from millrace_contracts.backtests import BacktestWrite, ReplayOrder
from millrace_contracts.loop import ModelLoop
from millrace_replay import replay

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]
DAYS, A_DAY, CHANGE = 75, 60, 45


def history(path, change=CHANGE):
    """The price of a thing by size and place; from day *change* on, size counts twice as much."""
    draw = np.random.default_rng(5)
    day = np.repeat(np.arange(DAYS), A_DAY)
    size, place = draw.normal(3, 1, len(day)), draw.choice(["north", "south"], len(day))
    price = size * np.where(day >= change, 4.0, 2.0) + (place == "south") + draw.normal(0, 0.2, len(day))
    moments = pd.Timestamp("2024-01-01T06:00:00Z") + pd.to_timedelta(day, "D")
    table = pd.DataFrame(
        {"at": moments.strftime("%Y-%m-%dT%H:%M:%SZ"), "size": size, "place": place, "price": price}
    )
    table.to_csv(path, index=False)


def document():
    return {
        "apiVersion": "millrace.dev/v1alpha1",
        "kind": "ModelLoop",
        "metadata": {"name": "prices"},
        "spec": {
            "task": "regression",
            "target": "price",
            "data": {"dataset": "prices", "eventTime": "at", "labelDelay": "1d"},
            "training": {
                "search": {"trials": 3},
                "executor": "inline",
                "holdout": "5d",
                "windows": ["all", "8d"],
            },
            "gates": {"champion": {"minimumDays": 4}},
            "cooldown": "3d",
        },
    }


def replays(id):
    """Processes of this backtest; another's on the same machine is not touched."""
    lines = [(process, process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    return [
        process
        for process, line in lines
        if "millrace_replay.replay" in line and any(id in word for word in line)
    ]


def ended(client, id, look):
    """The backtest once it has ended; *look* is called with it every second until then."""
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline:
        found = client.controller.backtest_state(id, wait=1)
        if found.ended_at:
            return found
        look(found)
    raise AssertionError(f"the backtest has not ended: {found}")


def test_a_change_is_found_in_the_past_although_the_replay_is_killed_on_its_way(client, tmp_path):
    path = tmp_path / "history.csv"
    history(path)
    digest = client.registry.put_artifact(path)
    loop = ModelLoop.model_validate(document())
    begun = client.controller.backtest(BacktestWrite(loop=loop, digest=digest, format="csv", name=path.name))
    killed = []

    def kill(found):
        if found.progress.get("done", 0) >= 5 and not killed:
            killed.extend(process.pid for process in replays(begun.id))
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    found = ended(client, begun.id, kill)
    assert found.state == "succeeded", found.message
    assert killed
    assert found.attempts == 2
    result = found.result
    assert 0 < result["rows"] < DAYS * A_DAY
    assert len(result["promotions"]) >= 2
    last = max(result["loop"]["by_month"])
    assert result["loop"]["by_month"][last] < 0.7 * result["static"]["by_month"][last]
    assert any(alarm["kind"] == "performance" for alarm in result["alarms"])
    assert [item.name for item in client.controller.loops() if item.name.startswith("backtest-")] == []
    assert found.loop not in [item.name for item in client.registry.models()], (
        "nothing of it is among the user's"
    )
    assert found.loop not in [item.name for item in client.serving.endpoints()]


class Told:
    """A platform that keeps the result of a replay for the test, and passes on everything else."""

    def __init__(self, client):
        self.client, self.result = client, None
        self.controller = self

    def __getattr__(self, name):
        return getattr(self.client, name)

    def backtest_progress(self, id, progress):
        """Nobody looks."""

    def backtest_result(self, id, outcome):
        self.result = outcome.result


def rows(result):
    """What was decided, in order, with all figures; the loop's name, which differs, is left out."""
    kinds = ("alarm", "run", "gate", "rollout", "switch-back", "model")
    return [
        (item["event_time"], item["kind"], item["outcome"], item["reason"].replace(name, "LOOP"))
        for name in [result["name"]]
        for item in result["decisions"]
        if item["kind"].startswith(kinds)
    ]


@pytest.mark.timeout(1500)
def test_a_live_loop_and_a_backtest_decide_the_same_row_by_row(client, tmp_path):
    """Over HTTP, with processes, pipelines and Triton, and in one process without any of them."""
    path, start = tmp_path / "history.csv", None
    history(path)
    digest, name = client.registry.put_artifact(path), "prices-live"
    document_ = document() | {"metadata": {"name": name}}
    document_["spec"]["data"]["dataset"] = name
    client.controller.apply(ModelLoop.model_validate(document_))
    order = ReplayOrder(
        id="0" * 12, project=client.project, loop=name, digest=digest, format="csv", start=start
    )
    told = Told(client)
    with replay.room(tmp_path) as folder:
        replay.Replay(told, client, name, order, folder).run()
    loop = ModelLoop.model_validate(document())
    asked = BacktestWrite(loop=loop, digest=digest, format="csv", name="same.csv", start=start)
    found = ended(client, client.controller.backtest(asked).id, lambda _: None)
    assert found.state == "succeeded", found.message
    live, replayed = told.result | {"name": name}, found.result | {"name": found.result["loop_name"]}
    assert {"alarm.opened", "run.opened", "gate.verdict", "run.closed"} <= {row[1] for row in rows(live)}
    assert rows(live) == rows(replayed)
    assert live["promotions"] == replayed["promotions"]
    assert live["loop"] == replayed["loop"]
    client.controller.delete(name)
