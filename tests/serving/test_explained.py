"""Explanations come beside an answer, from monitoring; what is in their way is told, and costs no answer."""

import asyncio
from types import SimpleNamespace

import httpx
import pytest

from millrace.transport.errors import ApiError
from millrace_contracts.explanations import EXPLAINED_WITHIN, Contribution, Explanations, RowExplanation
from millrace_core.errors import BadInput, TooLarge
from millrace_serving.predictions import explaining


def explanation(answer):
    one = Contribution(column="x", contribution=answer - 1, error=None)
    return RowExplanation(
        unit="number", of=None, base=1.0, answer=answer, method="trees", contributions=[one]
    )


class Monitoring:
    """Answers what a test says."""

    def __init__(self, outcome=None):
        self.outcome, self.asked = outcome, []

    async def explain(self, endpoint, version, rows, project):
        self.asked.append((endpoint, version, rows, project))
        if self.outcome is not None:
            raise self.outcome
        return Explanations(version=version, background=8, rows=[explanation(row["x"]) for row in rows])


async def explained(monitoring, rows, kept, version=3):
    clients = SimpleNamespace(monitoring=monitoring)
    return await explaining.explained(clients, "team", "fraud", version, rows, kept)


async def test_each_row_that_is_answered_is_explained_and_a_withheld_one_is_not_even_asked_about():
    monitoring = Monitoring()
    told, why = await explained(monitoring, [{"x": 2.0}, {"x": 3.0}, {"x": 4.0}], [True, False, True])
    assert [item and item["answer"] for item in told] == [2.0, None, 4.0]
    assert why is None
    assert monitoring.asked == [("fraud", 3, [{"x": 2.0}, {"x": 4.0}], "team")]


async def test_nothing_is_asked_where_all_is_withheld():
    monitoring = Monitoring()
    assert await explained(monitoring, [{"x": 2.0}], [False]) == ([None], None)
    assert monitoring.asked == []


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (ApiError(409, {"detail": "Version 3 keeps no golden rows."}, ""), "keeps no golden rows"),
        (httpx.ConnectError("refused"), "does not answer (ConnectError)"),
        (httpx.ReadTimeout("slow"), "does not answer (ReadTimeout)"),
    ],
)
async def test_what_is_in_the_way_is_told_beside_the_answer(outcome, words):
    told, why = await explained(Monitoring(outcome), [{"x": 2.0}], [True])
    assert told is None
    assert words in why


async def test_it_is_cut_at_the_bound_that_contracts_tell(monkeypatch):
    class Endless:
        async def explain(self, endpoint, version, rows, project):
            await asyncio.Event().wait()

    bounds, timeout = [], asyncio.timeout
    monkeypatch.setattr(explaining.asyncio, "timeout", lambda seconds: bounds.append(seconds) or timeout(0))
    assert await explained(Endless(), [{"x": 2.0}], [True]) == (
        None, "It was not explained within 5 s; ask again, or for fewer rows.",
    )  # fmt: skip
    assert bounds == [EXPLAINED_WITHIN]


async def test_a_revision_that_is_not_known_is_not_explained():
    assert (await explained(Monitoring(), [{"x": 2.0}], [True], version=None))[0] is None


def test_it_is_asked_for_in_one_word_and_for_few_rows():
    assert explaining.is_asked("true", 10)
    assert not explaining.is_asked(None, 1000)
    assert not explaining.is_asked("false", 1000)
    with pytest.raises(BadInput):
        explaining.is_asked("yes", 1)
    with pytest.raises(TooLarge, match="with explain=true one may have 10"):
        explaining.is_asked("true", 11)
