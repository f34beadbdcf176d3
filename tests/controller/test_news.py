"""Whether a run would tell anything new: other data, another document, or a champion that it was not judged against."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from tests.controller.test_rules import spec

from millrace_controller.runs import binding, news
from millrace_controller.runs.states import State

DAY = datetime(2013, 6, 1, tzinfo=UTC)
DATA = SimpleNamespace(number=3, last_event=datetime(2013, 5, 1, tzinfo=UTC))


def loop(champion):
    return SimpleNamespace(
        spec=spec(data={"dataset": "d", "eventTime": "t", "feedback": False}), champion=champion
    )


def last(version=None, back=None):
    """A run against version 2 on the third data version."""
    document = binding.digest(loop(2).spec.model_dump(mode="json", by_alias=True))
    plan = SimpleNamespace(document=document, cut=DAY, train={}, evaluate={"champion": {"version": 2}})
    return SimpleNamespace(
        number=7,
        state=State.REJECTED if version is None else State.PROMOTED,
        verdict=SimpleNamespace(back=back),
        judged=SimpleNamespace(dataset_version=3),
        plan=plan,
        version=version,
    )


@pytest.mark.parametrize(
    ("run", "champion"), [(last(), 2), (last(version=4), 4), (last(version=4), 2), (last(back=1), 1)]
)
def test_the_same_rows_against_the_same_champion_or_what_came_of_it_are_nothing_new(run, champion):
    assert news.same_as(loop(champion), run, DATA) == 7


@pytest.mark.parametrize(("run", "champion"), [(last(), 1), (last(version=4), 3), (last(back=1), 3)])
def test_a_candidate_that_was_judged_against_a_champion_replaced_since_is_judged_anew(run, champion):
    assert news.same_as(loop(champion), run, DATA) is None
