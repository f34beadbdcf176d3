"""Whoever looks at an approval is told beforehand what the service would say to theirs, word for word."""

import pytest

from millrace_core.errors import Unavailable

from .conftest import champion_everywhere, running
from .people import People, approved, introduce
from .test_approvals import clock, first, second

__all__ = ["clock"]


@pytest.fixture
async def people(home, world, still, clock):
    introduce(home)
    async with running(home, world) as platform:
        world.add_data("sales", 1000)
        yield People(platform)


async def told(people, who, run):
    """What *who* is told of their approval and their rejection of sales' run."""
    seen = await people.call(who, "GET", f"/v1/loops/sales/runs/{run}/approval", 200)
    return seen["approve_refused"], seen["reject_refused"]


async def test_who_may_is_told_nothing_in_the_list_and_of_one(people):
    run = await first(people)
    assert await told(people, "ada", run) == (None, None)
    (listed,) = (await people.call("ada", "GET", "/v1/approvals", 200))["items"]
    assert (listed["approve_refused"], listed["reject_refused"]) == (None, None)


@pytest.mark.parametrize("who", ["vic", "eve"])
async def test_who_is_no_approver_is_told_so_of_both(people, who):
    run = await first(people)
    lacks = f"{who} does not have the role approver in default."
    assert await told(people, who, run) == (lacks, lacks)
    (listed,) = (await people.call(who, "GET", "/v1/approvals", 200))["items"]
    assert listed["approve_refused"] == listed["reject_refused"] == lacks
    await people.approve(who, run, 403)
    await people.reject(who, run, expect=403)


async def test_who_asked_for_the_run_may_take_it_back_but_not_approve(people):
    """The machine's own admin may all the same not approve what they declared."""
    await people.call("admin", "PUT", "/v1/loops/sales", 200, json=approved())
    await people.platform.rest()
    run = (await people.waits())["number"]
    no, take_back = await told(people, "admin", run)
    assert "asked for this run, or declared the loop" in no
    assert take_back is None
    assert (await people.approve("admin", run, 403))["detail"] == no


async def test_who_has_approved_is_told_that_once_is_all(people):
    run = await first(people, approved(of=2))
    await people.approve("ada", run)
    assert await told(people, "ada", run) == (
        f"ada has approved run {run} already; somebody else has to.",
        None,
    )
    assert (await people.approve("ada", run, 409))["detail"] == (await told(people, "ada", run))[0]
    assert await told(people, "bob", run) == (None, None)


async def test_who_is_not_among_those_who_are_named_is_told_who_is(people):
    run = await first(people, approved(by=["bob"]))
    no = "ada is not among those who may: bob."
    assert await told(people, "ada", run) == (no, no)
    assert await told(people, "bob", run) == (None, None)


async def test_what_waits_no_more_is_refused_to_all(people, clock):
    run = await second(people)
    clock.move(days=8)
    for words in await told(people, "bob", run):
        assert f"The time to approve run {run} was over" in words
    await people.platform.rest()
    for words in await told(people, "bob", run):
        assert "it waits for nobody's approval" in words


async def test_a_rollout_that_begins_by_it_can_be_refused_no_more(people):
    run = await first(people)
    await people.approve("ada", run)
    await people.platform.rest()
    await champion_everywhere(people.platform, 1)
    assert all("waits for nobody's approval" in words for words in await told(people, "bob", run))


async def test_without_the_cluster_to_ask_it_is_said_instead_of_the_evidence_withheld(people, monkeypatch):
    run = await first(people)
    away = Unavailable("The API server does not answer.")

    async def asked(*_):
        raise away

    monkeypatch.setattr("millrace_controller.approvals.beforehand.allowed", asked)
    assert await told(people, "ada", run) == (away.detail, away.detail)
