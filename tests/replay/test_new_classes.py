"""A class that turns up later, in a whole replay: its labels raise an alarm, a run learns it, and a typo stays out."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from millrace_contracts.backtests import ReplayOrder
from millrace_contracts.loop import ModelLoop
from millrace_replay import inside, replay

from .test_rollouts import Told

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
DAYS, A_DAY, LEARNT, BEGIN = 44, 24, 20, date(2024, 1, 1)


def history(path):
    """Three kinds by size; from day 26 on a third of the rows are of a fourth, and two labels are typos."""
    draw = np.random.default_rng(5)
    day = np.repeat(np.arange(DAYS), A_DAY)
    place = draw.integers(0, 3, len(day))
    kind = np.array(["iris", "rose", "tulip"], object)[place]
    new = (day >= 26) & (draw.random(len(day)) < 1 / 3)
    kind[new] = "lily"
    kind[[24 * A_DAY, 25 * A_DAY]] = "rosse"
    size = np.where(new, 12.0, 3.0 * place) + draw.normal(0, 0.7, len(day))
    at = pd.Timestamp(BEGIN, tz="UTC") + pd.to_timedelta(day, "D") + pd.Timedelta(hours=6)
    pd.DataFrame({"at": at, "size": size, "kind": kind}).to_csv(path, index=False)


def declared():
    spec = {
        "task": "multiclass",
        "target": "kind",
        "data": {"dataset": "flowers", "eventTime": "at", "labelDelay": "1d"},
        "training": {
            "search": {"trials": 1, "families": ["lightgbm"]}, "executor": "inline", "holdout": "5d",
            "variants": ["none"],
        },
        "gates": {"champion": {"minimumDays": 4}},
        "cooldown": "3d",
        "triggers": {"schedule": "20d", "alarms": ["performance"]},
    }  # fmt: skip
    named = {"apiVersion": "millrace.dev/v1alpha1", "kind": "ModelLoop", "metadata": {"name": "flowers"}}
    return ModelLoop.model_validate(named | {"spec": spec})


def test_a_replay_learns_the_class_and_sets_the_typo_aside(tmp_path):
    history(tmp_path / "history.csv")
    with inside.platform(tmp_path / "home", "default") as client:
        digest = client.registry.put_artifact(tmp_path / "history.csv")
        start = BEGIN + timedelta(days=LEARNT)
        order = ReplayOrder(
            id="0" * 12, project="default", loop="flowers", digest=digest, format="csv", start=start
        )
        name, told = inside.declared(client, client, declared(), order), Told(client)
        with replay.room(tmp_path) as rows:
            replay.Replay(told, client, name, order, rows).run()
        champion = client.controller.loop(name).champion
        classes = client.registry.version(name, champion).signature.classes
    decisions = [(item["kind"], item["reason"]) for item in told.result["decisions"]]
    opened = [reason for kind, reason in decisions if kind == "alarm.opened"]
    assert any("of class 'lily' on 2 days, which version 1 does not know" in reason for reason in opened)
    assert classes == ["iris", "lily", "rose", "tulip"]
    assert any("2 rows of 'rosse'" in reason for _, reason in decisions)
