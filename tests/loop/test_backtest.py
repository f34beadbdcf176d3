"""A backtest from the command's point of view: history in, what the loop would have done out; no endpoint is left."""

import os
import signal
import time

import numpy as np
import pandas as pd
import psutil
import pytest

from millrace_contracts.backtests import BacktestWrite
from millrace_contracts.loop import ModelLoop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]
DAYS, A_DAY, CHANGE = 75, 60, 45


def history(path):
    """The price of a thing by size and place; from day CHANGE on, size counts twice as much."""
    draw = np.random.default_rng(5)
    day = np.repeat(np.arange(DAYS), A_DAY)
    size, place = draw.normal(3, 1, len(day)), draw.choice(["north", "south"], len(day))
    price = size * np.where(day >= CHANGE, 4.0, 2.0) + (place == "south") + draw.normal(0, 0.2, len(day))
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
