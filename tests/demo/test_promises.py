"""The demo fails for wrong decisions, failed requests and lost predictions, and never for a slow machine."""

import pytest

from millrace.demo.__main__ import report
from millrace.demo.summary import Summary
from millrace.demo.thresholds import judge

GOOD = {
    "rmse": {
        name: {"overall": value, "by_month": {"2013-03": value}}
        for name, value in (("loop", 10.0), ("static", 20.0), ("hindsight", 9.5))
    },
    "loop_runs": 8,
    "promotions": 5,
    "rollbacks": 1,
    "alarms": [],
    "requests": {"sent": 10, "answered": 10, "failed": 0, "retried": 0, "singles": 1},
    "predictions": {"logged": 10, "lost": 0},
    "wall_seconds": 200.0,
    "install_seconds": 60.0,
    "peak_rss_bytes": 2 * 2**30,
    "decision_digest": "sha256:0",
    "seed": 7,
    "rest_seconds_a_day": 0.1,
}


def exit_code(tmp_path, **more):
    summary = Summary.model_validate(GOOD | more)
    return report(summary.model_copy(update={"thresholds": judge(summary, whole_year=True)}), tmp_path)


def test_a_good_demo_exits_0(tmp_path):
    assert exit_code(tmp_path) == 0


@pytest.mark.parametrize("slow", [{"wall_seconds": 3600.0}, {"install_seconds": 3600.0}])
def test_a_slow_machine_is_told_and_exits_0(slow, tmp_path, capsys):
    assert exit_code(tmp_path, **slow) == 0
    assert "slower  wall time" in capsys.readouterr().out


def test_much_memory_is_told_and_exits_0(tmp_path, capsys):
    assert exit_code(tmp_path, peak_rss_bytes=9 * 2**30) == 0
    assert "more    peak memory of all processes, GiB: 9.00 (≤ 6.00)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [
        {"requests": GOOD["requests"] | {"answered": 9, "failed": 1}},
        {"predictions": {"logged": 9, "lost": 1}},
        {"loop_runs": 13},
        {"rmse": GOOD["rmse"] | {"loop": {"overall": 19.0, "by_month": {"2013-03": 19.0}}}},
    ],
)
def test_wrong_decisions_failed_requests_and_lost_predictions_exit_1(wrong, tmp_path, capsys):
    assert exit_code(tmp_path, **wrong) == 1
    assert "MISSED" in capsys.readouterr().out
