"""The pages of a loop's backtests: how far one is, what each way would have come to and cost, and what to change."""

import re
import time
from types import SimpleNamespace

from millrace_console.rendering import environment
from millrace_console.replays import routes
from millrace_contracts.backtests import BacktestRead

MONTHS = ["2024-01", "2024-02", "2024-03"]


def way(*losses):
    return {"overall": sum(losses) / len(losses), "by_month": dict(zip(MONTHS, losses, strict=True))}


RESULT = {
    "metric": "rmse", "from": "2024-01-05", "through": "2024-03-20", "rows": 1500,
    "static": way(1.0, 2.0, 3.0), "loop": way(1.0, 1.5, 1.2), "hindsight": way(1.0, 1.1, 1.1),
    "runs": [
        {"number": 1, "state": "promoted", "opened_at": None, "verdict": "passed", "seconds": 60.0},
        {"number": 2, "state": "promoted", "opened_at": "2024-02-11T00:00:00Z", "verdict": "passed", "seconds": 90.0},
    ],
    "alarms": [{"kind": "performance", "cause": "performance", "opened_day": "2024-02-10"}],
    "decisions": [
        {"kind": "run.opened", "event_time": "2024-02-11T00:00:00Z", "outcome": "opened", "reason": "an <alarm>"},
        {"kind": "loop.applied", "event_time": None, "outcome": "applied", "reason": "of no interest"},
    ],
}  # fmt: skip


def backtest(**more):
    told = {
        "id": "0" * 12, "of": "sales", "history": "past.csv", "loop": "backtest-0", "state": "succeeded",
        "progress": {}, "result": RESULT, "attempts": 1, "waiting": None, "message": "",
        "created_at": "2026-05-04T00:00:00Z", "ended_at": "2026-05-04T00:05:00Z",
    }  # fmt: skip
    return BacktestRead.model_validate(told | more)


def shown(template, **values):
    around = {
        "person": SimpleNamespace(name="ada", csrf="word"), "project": "default", "projects": ["default"],
        "section": "loops", "loop_name": "sales", "missing": [], "path": "/here", "query": "",
    }  # fmt: skip
    return environment().get_template(template).render(around | values)


def page(found):
    return shown("backtest.html", **routes.told(found))


def test_it_shows_what_each_way_would_have_come_to_and_what_to_change():
    words = page(backtest())
    for name in ("never retrained", "as declared", "best in hindsight"):
        assert words.count(name) >= 2, "in the picture and in the table"
    assert "2.5 min" in words, "what it would have cost"
    assert 'class="way mine"' in words
    assert words.count('class="mark promoted"') == 1
    assert words.count('class="mark alarm"') == 1
    assert "an &lt;alarm&gt;" in words
    assert "of no interest" not in words
    assert "Which settings to change" in words


def test_while_it_goes_on_it_says_how_far_and_can_be_ended():
    going = {"state": "running", "result": None, "ended_at": None}
    words = page(backtest(progress={"step": "replay", "done": 30, "total": 90}, **going))
    assert "30 of 90 days" in words
    assert f'action="/p/default/loops/sales/backtests/{"0" * 12}/cancel"' in words
    assert 'hx-get="/here"' in words
    assert "/cancel" not in page(backtest(**going | {"state": "cancelling"}))


def test_one_that_failed_or_was_cancelled_says_why_and_shows_no_figures():
    for state, why in (("failed", "The history has no column 'y'."), ("cancelled", "it was cancelled")):
        words = page(backtest(state=state, message=why, result=None))
        assert why.replace("'", "&#39;") in words
        assert "What each way" not in words


def test_a_loop_without_backtests_is_told_how_to_begin_one():
    assert "millrace --project default backtest -f sales.yaml" in shown("backtests.html", backtests=[])
    listed = shown("backtests.html", backtests=[(backtest(), routes.mine(backtest()))])
    assert "past.csv" in listed
    assert f'href="/p/default/loops/sales/backtests/{"0" * 12}"' in listed


class Known:
    """A controller with one backtest that is over and one that goes on; it notes what is asked of it."""

    def __init__(self):
        going = {"state": "running", "result": None, "ended_at": None, "progress": {"done": 3, "total": 9}}
        self.asked, self.over, self.going = [], backtest(), backtest(id="1" * 12, **going)

    async def loop(self, name, project):
        return SimpleNamespace()

    async def backtests(self, of, project):
        self.asked.append("all")
        return [self.over, self.going]

    async def backtest_state(self, id, project):
        self.asked.append(id)
        return next(one for one in (self.over, self.going) if one.id == id)


async def test_what_goes_on_asks_for_itself_alone_and_only_until_it_is_over(signed, person, monkeypatch):
    known = Known()
    monkeypatch.setattr(person.clients, "controller", known)
    person.projects, person.asked = ("default",), time.monotonic()
    words = (await signed.get("/p/default/loops/sales/backtests")).text
    live = re.findall('hx-get="([^"]+)" hx-trigger="every 5s" hx-select="([^"]+)"', words)
    assert live == [(f"/p/default/loops/sales/backtests?only={'1' * 12}", f"#backtest-{'1' * 12}")]
    again = (await signed.get(live[0][0])).text
    assert re.findall('<tr id="backtest-([^"]+)"', again) == ["1" * 12]
    assert 'max="9" value="3"' in again
    known.going = backtest(id="1" * 12)
    over = (await signed.get(live[0][0])).text
    assert "2.5 min" in over
    assert "hx-trigger" not in over.partition("<main")[2]
    assert known.asked == ["all", "1" * 12, "1" * 12], "results of those that are over are fetched once"
