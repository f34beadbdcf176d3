"""The page of versions shows groups in production month by month, with bounds, and calls nothing fair."""

from datetime import date

import httpx
import pytest
from tests.sdk import examples

from millrace.transport.errors import ApiError
from millrace_console.drawing.gaps import Gap, gaps
from millrace_console.history import months
from millrace_contracts.fairness import FairnessWindow
from millrace_contracts.loops import LoopRead
from millrace_contracts.models import ModelVersionRead

from .test_groups_over_time import GAP, line

SPEC = {"task": "binary", "target": "repaid", "data": {"dataset": "shop", "eventTime": "at"}}
DECLARED = {
    "fairness": {"attributes": [{"column": "sex"}]},
    "gates": {"fairness": [{"metric": "selection_rate", "atMost": 0.1}]},
}


def loop(**spec):
    document = {
        "apiVersion": "millrace.dev/v1alpha1", "kind": "ModelLoop", "metadata": {"name": "shop"}, "spec": SPEC | spec,
    }  # fmt: skip
    told = examples.loop(document=document) | {"settled_through": "2026-03-11T00:00:00Z"}
    return LoopRead.model_validate(told)


def window(gap, days=28):
    groups = [line("male", True, None), line("female", False, gap)]
    told = {"favourable": "yes", "minimum_rows": 100, "groups": groups, "left_out": ["age: <no> input"]}
    return FairnessWindow.model_validate({"since": None, "until": None, "days": days, "fairness": told})


@pytest.fixture
def page(signed, person, monkeypatch):
    """The page of versions of a loop, over a monitoring that knows three months; also what it was asked."""
    asked = []
    known = {date(2026, 1, 1): window(GAP), date(2026, 2, 1): window(None), date(2026, 3, 1): window(GAP, 10)}

    async def see(**spec):
        async def declared(self, name, *, project=None):
            return loop(**spec)

        async def fairness(self, endpoint, since=None, until=None, *, project=None):
            asked.append((since, until))
            if since == date(2025, 12, 1):
                raise ApiError(503, {"detail": "busy"}, "")
            return known.get(since, FairnessWindow(since=None, until=None, days=0, fairness=None))

        async def nothing(self, *args, **more):
            return []

        async def aliases(self, *args, **more):
            return {}

        async def versions(self, *args, **more):
            return [ModelVersionRead.model_validate(examples.version(number=1))]

        async def away(self, *args, **more):
            raise httpx.ConnectError("away")

        clients, registry = person.clients, type(person.clients.registry)
        monkeypatch.setattr(type(clients.controller), "loop", declared)
        monkeypatch.setattr(type(clients.controller), "run", away)
        monkeypatch.setattr(type(clients.monitoring), "fairness", fairness)
        monkeypatch.setattr(registry, "versions", versions)
        monkeypatch.setattr(registry, "aliases", aliases)
        for name in ("projects", "alias_history"):
            monkeypatch.setattr(registry, name, nothing)
        answer = await signed.get("/p/default/loops/shop/versions")
        assert answer.status_code == 200, answer.text
        return answer.text

    return see, asked


async def test_months_stand_with_their_bounds_and_the_gates(page):
    see, asked = page
    text = await see(**DECLARED)
    assert asked[0] == (date(2025, 10, 1), date(2025, 11, 1))
    assert asked[-1] == (date(2026, 3, 1), date(2026, 4, 1))
    assert len(asked) == months.MONTHS
    assert "sex = female: selection_rate" in text
    assert "March 2026: +0.12 (+0.07 to +0.17)" in text
    assert "bound is 0.1 either way" in text
    assert text.count("too few rows") == 2, "in the picture and in the figures of February"
    assert "age: &lt;no&gt; input" in text
    assert "does not answer now" in text, "one month could not be asked, and that is said"
    assert not any(words in text for words in ("is fair", "unfair"))


async def test_where_nothing_is_declared_monitoring_is_not_asked(page):
    see, asked = page
    assert "month by month" not in await see()
    assert asked == []


def test_without_a_gate_there_is_no_bound_and_without_a_difference_no_picture():
    month = date(2026, 3, 1)
    assert "baseline" not in gaps([Gap(month, 0.1, 0.0, 0.2)], "x", None)
    assert gaps([Gap(month, 0.1, 0.0, 0.2)], "x", 0.05).count("baseline") == 2
    assert gaps([Gap(month)], "x", 0.05) is None
    assert gaps([], "x", None) is None
