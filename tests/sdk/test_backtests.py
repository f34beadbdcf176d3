"""Backtests side by side: fields by path or by name, what came of each, and a page that says what to change."""

import json
import random
from datetime import date
from types import SimpleNamespace

import pytest

from millrace.backtests import folder
from millrace.backtests.told import compared
from millrace.backtests.variants import (
    DECLARED,
    MONTHLY,
    BadComparison,
    _paths,
    over_the_same_days,
    path_of,
    variants,
)
from millrace_contracts.backtests import BacktestFound
from millrace_contracts.loop import ModelLoop, Spec

MONTHS = [f"2013-{month:02d}" for month in range(3, 13)]


def loop(**more):
    base = {"task": "regression", "target": "y", "data": {"dataset": "d", "eventTime": "t"}}
    spec = base | {"triggers": {"schedule": "28d"}} | more
    head = {"apiVersion": "millrace.dev/v1alpha1", "kind": "ModelLoop", "metadata": {"name": "sales"}}
    return ModelLoop.model_validate(head | {"spec": spec})


def found(loss, runs=6, inconclusive=0, static=12.0, seconds=30.0):
    draw = random.Random(3)

    def policy(value):
        return {"overall": value, "by_month": {month: value * draw.uniform(0.8, 1.2) for month in MONTHS}}

    verdicts = [*["inconclusive"] * inconclusive, *["passed"] * (runs - inconclusive)]
    happened = [
        ("run.waits", "2013-07-05T00:00:00Z", "cool-down", "waiting <b>"),
        ("switch-back", "2013-09-05T00:00:00Z", "back", "better"),
    ]
    return BacktestFound.model_validate(
        {
            "metric": "rmse",
            "from": "2013-03-01",
            "through": "2013-12-31",
            "rows": 5000,
            "static": policy(static),
            "loop": policy(loss),
            "hindsight": policy(9.0),
            "runs": [
                {
                    "number": number,
                    "state": "promoted" if verdict == "passed" else "rejected",
                    "verdict": verdict,
                    "opened_at": f"2013-{3 + number % 9:02d}-01T00:00:00Z",
                    "seconds": seconds,
                }
                for number, verdict in enumerate(verdicts)
            ],
            "alarms": [{"kind": "performance", "cause": "performance", "opened_day": "2013-07-04"}],
            "decisions": [
                dict(zip(("kind", "event_time", "outcome", "reason"), item, strict=True)) for item in happened
            ],
        }
    )


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("schedule", "triggers.schedule"),
        ("triggers.schedule", "triggers.schedule"),
        ("spec.triggers.schedule", "triggers.schedule"),
        ("cooldown", "cooldown"),
        ("gates.champion.margin", "gates.champion.margin"),
        ("switchBack.margin", "switchBack.margin"),
        ("holdout", "training.holdout"),
    ],
)
def test_a_field_is_named_by_its_path_or_by_a_name_that_no_other_has(name, path):
    assert ".".join(path_of(name)) == path


def test_every_field_of_a_spec_can_be_named_by_its_whole_path():
    """So a field that is added later is compared without a word here."""
    paths = list(_paths(Spec))
    assert len(paths) > 60
    for path in paths:
        assert path_of(".".join(path)) == path


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (["nonsense=1"], "no field 'nonsense'"),
        (["margin=0.1"], "write the path"),
        (["schedule"], "schedule=7d,30d"),
        (["schedule=soon"], "schedule"),
        (["schedule=1d,2d,3d,4d", "cooldown=1d,2d,3d,4d"], "16 combinations"),
    ],
)
def test_what_cannot_be_compared_says_what_would_do(fields, words):
    with pytest.raises(BadComparison, match=words):
        variants(loop(), fields, monthly=False)


def test_all_combinations_are_tried_once_and_the_declared_one_first():
    tried = variants(loop(cooldown="14d"), ["schedule=7d,28d cooldown=7d,14d"], monthly=True)
    names = ["schedule=7d cooldown=7d", "schedule=7d cooldown=14d", "schedule=28d cooldown=7d"]
    assert [variant.name for variant in tried] == [DECLARED, *names, MONTHLY]
    assert tried[1].loop.spec.triggers.schedule == "7d"
    assert tried[0].loop == loop(cooldown="14d")
    month = tried[-1].loop.spec
    assert month.triggers.calendar.words() == "day 1 of each month"
    assert (month.triggers.alarms, month.switch_back.enabled, month.gates.champion.margin) == (
        [],
        False,
        10.0,
    )


class Replays:
    """Backtests that begin where they are told to, or after twice their holdout as a replay does."""

    def __init__(self, failing=()):
        self.failing, self.turns = failing, []

    def __call__(self, these, start):
        self.turns.append([variant.name for variant in these])
        return [self.one(variant, start) for variant in these]

    def one(self, variant, start):
        begins = start or date.fromordinal(
            date(2013, 1, 1).toordinal() + 2 * variant.loop.spec.holdout_days()
        )
        result = None if variant.name in self.failing else {"from": str(begins)}
        return SimpleNamespace(name=variant.name, result=result)

    def days(self, tried):
        told = over_the_same_days(tried, self)
        assert [one.name for one in told] == [variant.name for variant in tried]
        return {one.result["from"] for one in told if one.result}


def test_ways_with_longer_holdouts_are_compared_on_the_same_days():
    tried = variants(loop(), ["holdout=14d,56d,28d"], monthly=True)
    assert Replays().days(tried) == {"2013-04-23"}, "from where the longest begins"
    left = Replays(failing=("holdout=56d",))
    assert left.days(tried) == {"2013-02-26"}, "and one that fails leaves the others alike"
    alike = Replays()
    alike.days(variants(loop(), ["schedule=7d,14d"], monthly=True))
    assert len(alike.turns) == 1, "nothing waits where all begin on one day by themselves"


@pytest.mark.parametrize(
    ("mine", "others", "words"),
    [
        (found(10.0), {"schedule=7d": found(9.5, runs=20)}, "Set schedule=7d: 9.5 with 20 trainings instead"),
        (found(10.0), {"schedule=60d": found(10.02, runs=3)}, "schedule=60d is as good with 3 trainings"),
        (found(13.0), {}, "never retrained is better"),
        (found(11.95), {}, "Retraining gained nothing"),
        (found(10.0, inconclusive=4), {}, "4 of 5 gates could not tell"),
        (found(10.0), {MONTHLY: found(9.0, runs=10)}, "The gates keep too much back"),
        (found(10.0), {MONTHLY: found(10.5, runs=10)}, "Nothing here speaks for other settings"),
    ],
)
def test_advice_follows_from_the_figures_and_names_them(mine, others, words):
    advice = compared({DECLARED: mine} | others).advice
    assert any(words in sentence for sentence in advice), advice


def test_the_folder_has_a_page_a_picture_and_all_figures(tmp_path):
    told = compared({DECLARED: found(10.0), "schedule=7d": found(9.5, runs=20), MONTHLY: found(10.5)})
    wrote = folder.write(tmp_path / "out", "sales", told)
    assert [path.name for path in wrote] == ["index.html", "backtest.png", "backtest.json"]
    page = wrote[0].read_text()
    for words in (
        "never retrained",
        "best in hindsight",
        "schedule=7d",
        MONTHLY,
        "3.0 min",
        "aiting &lt;b&gt;",
    ):
        assert words in page, words
    assert "<svg" in page
    assert wrote[1].read_bytes().startswith(b"\x89PNG")
    kept = json.loads(wrote[2].read_text())
    assert kept["results"][DECLARED]["from"] == "2013-03-01"
    assert [line["name"] for line in kept["lines"]][:2] == ["never retrained", DECLARED]


def test_what_happened_stands_in_the_picture():
    kinds = [what for _, what in folder.marks(found(10.0, inconclusive=2))]
    counted = {kind: kinds.count(kind) for kind in set(kinds)}
    assert counted == {"promoted": 4, "rejected": 2, "went back": 1, "alarm": 1}
