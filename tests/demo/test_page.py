"""The demo's page from facts made up: one file with its pictures inside, whatever happened in the year."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from millrace.demo import story
from millrace.demo.story import Facts
from millrace.demo.summary import Summary
from millrace_contracts.alarms import AlarmRead
from millrace_contracts.decisions import DecisionRead
from millrace_contracts.decisions import decision as new_decision
from millrace_contracts.rows import Check, DeliveryReport

DAYS = ["2013-03-01", "2013-03-02"]


EARLY, LATE = datetime(2013, 3, 1, 5, tzinfo=UTC), datetime(2013, 3, 2, 5, tzinfo=UTC)


def decision(kind, subject, outcome="done", at=LATE, **evidence):
    made = new_decision(
        project="default",
        loop="flights",
        kind=kind,
        subject=subject,
        outcome=outcome,
        event_time=at,
        author="test",
        reason="because a < b",
        evidence=evidence,
    )
    return DecisionRead(**made.model_dump(), number=1, recorded_at=at, hash="", previous="")


def facts(decisions=(), alarms=()):
    return Facts(list(decisions), list(alarms), [], [], [], None, None, "sha256:0")


GATE = {"name": "champion", "lower": -0.1, "difference": 0.0, "upper": 0.1, "margin": 0.02}
HAPPENED = [
    decision("rollout.promoted", "flights r1", at=EARLY, version=1),
    decision("rollout.started", "flights r2", plan={"mirror": True, "canary": [{"percent": 10}]}),
    decision("rollout.step", "flights r2 step 1", version=2),
    decision("rollout.promoted", "flights r2", version=2),
    decision("switch-back", "flights", to=1),
    decision("gate.verdict", "version 3", "failed", gates=[GATE | {"verdict": "failed"}]),
]
ALARM = AlarmRead(
    id="a",
    endpoint="flights",
    kind="drift",
    cause="drift:<temp>",
    state="open",
    opened_day="2013-03-02",
    last_day="2013-03-02",
    closed_day=None,
    count=1,
    reason="it moved",
    evidence={},
    acknowledged_by=None,
)
CHECK = Check(
    check="range",
    column="distance",
    verdict="failed",
    observed="<-1>",
    allowed="0..",
    rows=1,
    examples=[],
    mend="mend it",
)


@pytest.fixture
def told(tmp_path):
    def tell(found):
        table = pd.DataFrame({"day": DAYS * 2})
        errors = {name: np.arange(4.0) + place for place, name in enumerate(("static", "loop", "hindsight"))}
        months = {"by_month": {"2013-03": 2.0}, "overall": 2.0}
        made = {
            "rmse": dict.fromkeys(errors, months),
            "alarms": [],
            "requests": {"sent": 1234, "answered": 1234, "failed": 0, "retried": 0, "singles": 1},
            "predictions": {"logged": 4, "lost": 0},
            "thresholds": [
                {"name": "RMSE", "value": 2.0, "bound": 12, "shown": "2.0", "bound_shown": "at most 12"}
                | {"met": True, "binding": True, "word": "met"}
            ],
            **dict.fromkeys(
                ("loop_runs", "promotions", "rollbacks", "wall_seconds", "peak_rss_bytes", "seed"), 1
            ),
            **dict.fromkeys(("install_seconds", "rest_seconds_a_day"), 1.0),
            "decision_digest": "sha256:0",
        }
        psi = pd.DataFrame({"2013-03-04": [0.1]}, index=["temp"])
        refused = DeliveryReport(rows=1, checks=[CHECK])
        story.tell(tmp_path, found, errors, table, Summary.model_validate(made), refused, psi)
        return (tmp_path / "index.html").read_text()

    return tell


@pytest.mark.parametrize("found", [facts(), facts(HAPPENED, [ALARM])], ids=["a quiet year", "a full year"])
def test_the_page_is_one_file_with_five_pictures(told, tmp_path, found):
    text = told(found)
    assert text.count("<svg") == 5
    assert not any(word in text for word in ("<script", "src=", "@import"))
    assert len(list(tmp_path.glob("*.png"))) == 5
    assert "1,234" in text
    assert "&lt;-1&gt;" in text


def test_the_same_facts_give_the_same_page(told):
    assert told(facts(HAPPENED, [ALARM])) == told(facts(HAPPENED, [ALARM]))
