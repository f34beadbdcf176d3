"""A replay's rollout: its days close together as far as its step reaches, and all that is decided is the same."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from millrace_contracts.backtests import ReplayOrder
from millrace_contracts.loop import ModelLoop
from millrace_replay import inside, replay, walking

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
DAYS, A_DAY, LEARNT, BEGIN = 66, 20, 30, date(2024, 1, 1)
ROLLOUT = {"mirror": {"percent": 100, "for": "4d"}, "canary": [{"percent": 10, "for": "3d"}, {"percent": 50}]}


def history(path):
    """The price of a thing by size and place; from day 45 on, within the first rollout, size counts twice as much."""
    draw = np.random.default_rng(5)
    day = np.repeat(np.arange(DAYS), A_DAY)
    size, place = draw.normal(3, 1, len(day)), draw.choice(["north", "south"], len(day))
    price = size * np.where(day >= 45, 4.0, 2.0) + (place == "south") + draw.normal(0, 0.2, len(day))
    at = pd.Timestamp(BEGIN, tz="UTC") + pd.to_timedelta(day, "D") + pd.Timedelta(hours=6)
    pd.DataFrame({"at": at, "size": size, "place": place, "price": price}).to_csv(path, index=False)


def declared():
    spec = {
        "task": "regression",
        "target": "price",
        "data": {"dataset": "prices", "eventTime": "at", "labelDelay": "1d"},
        "training": {"search": {"trials": 3}, "executor": "inline", "holdout": "5d"},
        "gates": {"champion": {"minimumDays": 4}},
        "cooldown": "3d",
        "rollout": ROLLOUT,
        "triggers": {"schedule": "12d", "alarms": ["performance"]},
    }
    return ModelLoop.model_validate(
        {
            "apiVersion": "millrace.dev/v1alpha1",
            "kind": "ModelLoop",
            "metadata": {"name": "prices"},
            "spec": spec,
        }
    )


class Told:
    """The platform of who asked; it keeps what came out."""

    def __init__(self, client):
        self.client, self.controller, self.result = client, self, None

    def __getattr__(self, name):
        return getattr(self.client, name)

    def backtest_progress(self, id, progress):
        """Nobody looks."""

    def backtest_result(self, id, outcome):
        self.result = outcome.result


def decided(folder):
    """Everything that a replay decides, in order, and what came of it."""
    folder.mkdir()
    history(folder / "history.csv")
    with inside.platform(folder / "home", "default") as client:
        digest = client.registry.put_artifact(folder / "history.csv")
        start = BEGIN + timedelta(days=LEARNT)
        order = ReplayOrder(
            id="0" * 12, project="default", loop="prices", digest=digest, format="csv", start=start
        )
        name, told = inside.declared(client, client, declared(), order), Told(client)
        with replay.room(folder) as rows:
            replay.Replay(told, client, name, order, rows).run()
    decisions = [
        (item["event_time"], item["kind"], item["outcome"], item["reason"].replace(name, "LOOP"))
        for item in told.result["decisions"]
    ]
    return decisions, told.result["promotions"], told.result["loop"]


def test_whether_its_days_close_together_or_one_by_one_all_is_decided_the_same(tmp_path, monkeypatch):
    settled, settle = [], walking.Walk._settle

    def counted(self, through, labelled=()):
        settled.append(through)
        return settle(self, through, labelled)

    monkeypatch.setattr(walking.Walk, "_settle", counted)
    together = decided(tmp_path / "together")
    blocks = settled.copy()
    settled.clear()
    at_rest = lambda walk, ends: ends[-1] if walk._phase == "watching" else None  # noqa: E731
    monkeypatch.setattr(walking.Walk, "_reach", at_rest)
    singly = decided(tmp_path / "singly")
    kinds = [kind for _, kind, _, _ in singly[0]]
    assert kinds.count("rollout.step") >= 3
    assert {"run.opened", "gate.verdict", "rollout.promoted"} <= set(kinds)
    assert together == singly
    assert len(blocks) < len(settled) - 4
