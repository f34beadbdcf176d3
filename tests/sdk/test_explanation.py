"""Decisions in plain words: the numbers, what led to them and what followed."""

from typing import get_args

import pytest

from millrace import explanation
from millrace_contracts import decisions
from millrace_contracts.decisions import DecisionDetail

from . import examples

MEASURED = {
    "rollout.started": ({"version": 2, "plan": {"mirror": {"percent": 100, "seconds": 86400},
                         "canary": [{"percent": 10, "seconds": 43200}]}},
                        ["mirror 100 % of requests for 1 days", "then 10 % of the traffic for 12 hours"]),
    "rollout.step": ({"version": 2, "not_finite": 3, "constant": True,
                      "quality": {"verdict": "inconclusive", "reason": "1 block is too few"}},
                     ["3 answers were not finite", "same answer to everything", "inconclusive: 1 block is too few"]),
    "switch-back": ({"from": 6, "to": 5, "gain": 0.112, "days": 11, "margin": 0.02, "log_value": 14.9,
                     "log_level": 12.1},
                    ["from version 6 to version 5", "11.2% lower", "over 11 days", "14.9, the level is 12.1"]),
    "approval.given": ({"approved": "sha256:a1", "version": 2, "digest": "sha256:b2", "champion": 1,
                        "champion_digest": "sha256:c3", "evidence": "sha256:d4", "document": "sha256:e5"},
                       ["version 2 (sha256:b2)", "judged against version 1 (sha256:c3)", "gates and metrics: sha256:d4",
                        "as people approve it: sha256:a1"]),
    "approval.asked": ({"champion": None}, ["judged against no champion"]),
    "approval.ended": ({"champion": None}, ["judged against no champion"]),
    "rollback": ({"left": 6, "version": 5}, ["from version 6 to version 5"]),
    "data.refused": ({"rows": 0, "new_rows": 0, "failed": [{"check": "range", "column": "distance"},
                      {"check": "duplicates", "column": None}]},
                     ["broken: range of the column distance", "broken: duplicates"]),
    "data.accepted": (
        {"rows": 50, "new_rows": 20, "failed": [], "changes": ["maximum of 'x' is 9.0, it was 5.0"]},
        ["50 rows, 20 of them new", "the contract changes: maximum of 'x' is 9.0, it was 5.0"],
    ),
    "model.registered": ({"files": {"model.onnx": "sha256:e3"}, "lineage": {"dataset_version": 4}},
                         ["model file sha256:e3", "from data version 4"]),
    "run.opened": ({"cause": "schedule", "days": 31.0, "schedule": "30d", "dataset_version": 2},
                   ["it was time by the schedule", "31 days since the last run"]),
    "run.closed": ({"champion": 1, "version": None}, ["it registered nothing", "version 1 is champion"]),
    "alarm.opened": ({"loss": 9.5, "reference_mean": 4.0, "reference_scale": 0.5, "reference_days": 28, "days": 40,
                      "log_value": 15.0, "log_level": 12.5},
                     ["the day's loss 9.5; normal is 4 ± 0.5 over 28 days", "log evidence 15"]),
    "gate.verdict": ({"gates": [{"name": "champion", "verdict": "inconclusive", "reason": "-1.2%", "blocks": 28}],
                      "metrics": {"candidate": {"rmse": 9.832, "rows": 26158.0}, "champion": None}},
                     ["champion: inconclusive: -1.2%", "28 in all", "candidate: rmse 9.832, rows 26158"]),
}  # fmt: skip


def decision(kind, evidence=None, number=1, **more):
    subject = f"{kind} {number}"
    known = examples.decision(
        id=decisions.decision_id("default", "shop", kind, subject, None), number=number, kind=kind, subject=subject,
        event_time=f"2026-05-0{number}T04:00:00Z", reason=f"the reason of {subject}.", evidence=evidence or {},
        followed_by=[],
    )  # fmt: skip
    return DecisionDetail.model_validate(known | more)


@pytest.mark.parametrize("kind", sorted(MEASURED))
def test_the_numbers_of_a_decision_are_told(kind):
    evidence, told = MEASURED[kind]
    text = "\n".join(explanation.explain(decision(kind, evidence)))
    assert f"the reason of {kind} 1." in text
    for words in told:
        assert words in text


@pytest.mark.parametrize("kind", get_args(decisions.Kind))
def test_a_decision_without_evidence_is_told_all_the_same(kind):
    lines = explanation.explain(decision(kind))
    assert lines[0].startswith(f"{kind} (done): shop, run 3, event time 2026-05-01 04:00")


def test_the_forms_of_a_registered_version_are_told():
    forms = {"ort-cpu-fp32": "kept", "ort-cpu-distilled": "kept", "ort-cpu-int8": "refused"}
    text = "\n".join(explanation.explain(decision("model.registered", measured={"variants": forms})))
    assert "form ort-cpu-distilled: kept" in text
    assert "form ort-cpu-int8: refused" in text
    assert "ort-cpu-fp32" not in text


def test_causes_and_consequences_are_followed():
    alarm = decision("alarm.opened", number=1, subject="shop/performance")
    opened = decision("run.opened", {"cause": "alarm", "alarm": "performance", "evidence": {}}, number=2)
    verdict = decision("gate.verdict", number=3, cause=opened.id)
    every = [alarm, opened, verdict]
    text = "\n".join(explanation.explain(verdict, every))
    came = text.split("It came from:")[1]
    assert came.index("run.opened") < came.index("alarm.opened")
    assert "gate.verdict" in "\n".join(explanation.explain(opened, every)).split("What followed:")[1]
    assert "run.opened" in "\n".join(explanation.explain(alarm, every)).split("What followed:")[1]


def test_a_circle_of_causes_ends():
    first, second = decision("rollback", number=1), decision("alias.moved", number=2)
    first.cause, second.cause = second.id, first.id
    assert len(explanation.explain(first, [first, second])) < 20


def test_every_decision_of_a_run_has_the_link_that_one_of_them_knows():
    link = "https://pipelines.example/#/runs/details/7"
    opened = decision("run.opened", run=3)
    judged = decision("gate.verdict", number=2, run=3, measured={"pipeline": {"id": "7", "link": link}})
    other = decision("run.opened", number=4, run=4)
    told = [explanation.explain(item, [opened, judged, other])[-1] for item in (opened, judged)]
    assert told == [f"Its pipeline, drawn step by step: {link}"] * 2
    assert not any(link in line for line in explanation.explain(other, [opened, judged, other]))


def test_a_verdict_by_stakes_says_what_each_error_would_cost_and_how_to_ask_for_proof():
    gate = {"name": "champion", "verdict": "passed", "reason": "not proven", "blocks": 28, "policy": "balanced",
            "promoting_costs": 0.41, "keeping_costs": 1.7, "wrong_promotion_days": 30.0, "kept_model_days": 60.0,
            "carried_blocks": 56.0}  # fmt: skip
    text = "\n".join(explanation.explain(decision("gate.verdict", evidence={"gates": [gate]})))
    assert "56 days or blocks of earlier runs against the same champion were counted too" in text
    assert "promoting, if that is wrong, loses 0.41 days of the champion's loss" in text
    assert "taken to last 30 days" in text
    assert "stay 60 days; so promoting loses less" in text
    assert "policy: strict asks for proof alone" in text


def test_a_verdict_by_proof_says_nothing_of_stakes():
    gate = {
        "name": "champion",
        "verdict": "passed",
        "reason": "below the margin",
        "blocks": 28,
        "policy": "balanced",
    }
    assert "balanced" not in "\n".join(
        explanation.explain(decision("gate.verdict", evidence={"gates": [gate]}))
    )
