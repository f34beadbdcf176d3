"""What happens in a loop is told once, line by line."""

from millrace.watching import News
from millrace_contracts.closings import ClosingRead
from millrace_contracts.endpoints import EndpointRead
from millrace_contracts.loops import LoopRead

from . import examples


def run(**more):
    return examples.run(**more)


def loop(run, **more):
    return LoopRead.model_validate(examples.loop(run=run, **more))


def endpoint(**more):
    return EndpointRead.model_validate(examples.endpoint(**more))


def step(state: str, message: str = "") -> dict:
    return {"state": state, "message": message, "job": None}


def test_every_step_is_told_when_it_begins_and_when_it_ends() -> None:
    news = News()
    assert news.of_loop(loop(None)) == []
    assert news.of_loop(loop(run(steps={"train": step("running", "job a")}))) == [
        "run 1 is opened: there is data",
        "  train: running",
    ]
    assert news.of_loop(loop(run(steps={"train": step("running", "job b")}))) == []
    ended = loop(run(steps={"train": step("succeeded", '{"rmse": 11.61234, "rows": 100}')}))
    assert news.of_loop(ended) == ["  train: succeeded: rmse 11.61, rows 100"]
    assert news.of_loop(ended) == []


def test_the_verdict_comes_with_every_gate() -> None:
    verdict = examples.gates("failed", "+4.0% is above +2.0%")
    lines = News().of_loop(loop(run(verdict=verdict)))
    assert "    failed       champion: +4.0% is above +2.0%" in lines


def test_the_end_and_the_new_champion_are_told() -> None:
    news = News()
    news.of_loop(loop(run()))
    ended = run(state="promoted", message="version 1 was rolled out", ended_at="2026-01-01T00:00:00Z")
    assert news.of_loop(loop(ended, champion=1)) == [
        "run 1 ends promoted: version 1 was rolled out",
        "version 1 is in production",
    ]


def test_what_is_in_the_way_is_told_once() -> None:
    news = News()
    assert news.of_loop(loop(None, message="serving does not answer")) == ["waits: serving does not answer"]
    assert news.of_loop(loop(None, message="serving does not answer")) == []


def test_what_a_pod_of_the_run_waits_for_is_told_once_and_again_when_it_comes_back() -> None:
    news, words = News(), "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    waits = loop(run(waiting={"reason": "Unschedulable", "message": words}))
    assert news.of_loop(waits)[1:] == [f"  waits: Unschedulable: {words}"]
    assert news.of_loop(waits) == []
    assert news.of_loop(loop(run(waiting=None))) == []
    assert news.of_loop(waits) == [f"  waits: Unschedulable: {words}"]


def test_trials_are_told_with_their_numbers() -> None:
    trial = {
        "study": "search",
        "number": 3,
        "params": {"id": "lgb-a"},
        "values": {"loss": 0.123456, "seconds": 2.0},
    }
    told = News()
    explained, line = told.of_job("trial", trial)
    assert "rows no trial saw" in explained, (
        "the loss of a trial is another one than that of train and evaluate"
    )
    assert line == "    trial 3 (lgb-a): loss 0.12346, seconds 2"
    assert told.of_job("trial", trial) == [line]
    assert News().of_job("trial", trial | {"values": None}) == []
    failed = trial | {"values": {"loss": None, "failed": "out of memory"}}
    assert News().of_job("trial", failed)[1:] == ["    trial 3 (lgb-a): failed: out of memory"]
    assert News().of_job("progress", {"step": "search"}) == []


def test_a_rollout_is_told_step_by_step() -> None:
    news = News()
    revisions = [
        examples.revision(number, weight=weight) for number, weight in ((1, 9000), (2, 1000), (3, 0))
    ]
    rolling = endpoint(rollout=examples.rollout(), revisions=revisions)
    told = news.of_endpoint(rolling)
    assert told == ["rollout of version 2 is canary (traffic: version 1 90 %, version 2 10 %)"]
    assert news.of_endpoint(rolling) == []
    assert news.of_endpoint(endpoint()) == []


def test_a_closed_day_is_told_with_loss_drift_and_alarms() -> None:
    day = examples.closing(
        day="2013-05-03", rows=900, labelled=880, loss=140.2512, drift={"psi": {"carrier": 0.31, "dest": 0.02}},
        alarms=[{"kind": "performance", "cause": "performance", "reason": "the error has risen"}],
    )  # fmt: skip
    assert News().of_day(ClosingRead.model_validate(day)) == [
        "day 2013-05-03 is closed: 900 rows, 880 labelled, loss 140.25, largest drift: carrier (PSI 0.31)",
        "  alarm performance: the error has risen",
    ]


def test_of_a_window_that_has_just_begun_no_drift_is_told_unless_there_are_only_such() -> None:
    """It knows one weekday, and so looks like drift."""
    psi = {"carrier": 0.31}
    full = ClosingRead.model_validate(examples.closing(day="2013-05-02", drift={"psi": psi, "days": 28}))
    begun = ClosingRead.model_validate(examples.closing(day="2013-05-03", drift={"psi": psi, "days": 1}))
    assert "largest drift: carrier" in News().of_day(full, [full])[0]
    assert "drift" not in News().of_day(begun, [full, begun])[0]
    assert "largest drift: carrier" in News().of_day(begun, [begun])[0]


def test_options_that_are_not_honoured_are_told_once():
    news = News()
    ignored = examples.condition("OptionsIgnored", "True", "placement (gpus) needs a cluster.")
    other = examples.condition("Ready", "True", "Version 1 answers.")
    standing = loop(None, conditions=[other, ignored])
    assert news.of_loop(standing) == ["not honoured here: placement (gpus) needs a cluster."]
    assert news.of_loop(standing) == []


def test_who_has_approved_is_told_once_and_until_when_others_may() -> None:
    asked = {
        "state": "waiting", "digest": examples.DIGEST, "by": ["approver"], "of": 2, "given": [], "requesters": ["eve"],
        "asked_at": examples.NOW, "until": "2026-05-11T00:00:00Z",
        "bound": {
            "version": 2, "digest": examples.DIGEST, "champion": None, "champion_digest": None,
            "evidence": examples.DIGEST, "document": examples.DIGEST,
        },
    }  # fmt: skip
    news = News()
    waits = run(state="awaiting-approval", approval=asked)
    assert "  approval: waiting: 0 of 2, until 2026-05-11 00:00 UTC" in news.of_loop(loop(waits))
    assert news.of_loop(loop(waits)) == []
    one = run(state="awaiting-approval", approval=asked | {"given": ["ada"]})
    assert news.of_loop(loop(one)) == ["  approval: waiting: 1 of 2 (ada), until 2026-05-11 00:00 UTC"]
