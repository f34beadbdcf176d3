"""People of an OpenID provider are known by issuer and subject: a new name makes nobody a second person."""

import pytest
from sqlalchemy import update
from tests.core.fake_issuer import ISSUER, issuing, token

from millrace_controller.tables import Approval, Loop, Run

from .conftest import running
from .people import People, approved, introduce

ROLES = [{"claim": "groups", "value": "approvers", "role": "admin"}]


def signed(subject, name):
    """The header of somebody who signed in."""
    made = token(sub=subject, email=f"{name}@login.example", email_verified=True, groups=["approvers"])
    return {"authorization": f"Bearer {made}"}


class Signed(People):
    """Those who come with tokens of the provider, as (subject, name of now), beside those of the tokens file."""

    async def call(self, who, method, path, expect=None, **more):
        if isinstance(who, str):
            return await super().call(who, method, path, expect, **more)
        return await self.platform.call(method, path, expect, headers=signed(*who), **more)


@pytest.fixture
async def people(home, world, still, tmp_path, monkeypatch):
    with issuing(tmp_path, ROLES) as issuers:
        monkeypatch.setenv("MILLRACE_ISSUERS_FILE", str(issuers))
        introduce(home)
        async with running(home, world) as platform:
            world.add_data("sales", 1000)
            yield Signed(platform)


async def first(people, who, **gate):
    """A candidate of a loop that *who* has declared, which waits."""
    await people.apply(who, approved(**gate))
    await people.platform.rest()
    return (await people.waits())["number"]


async def test_who_declared_the_loop_does_not_approve_under_a_new_name(people):
    run = await first(people, ("42", "ann"))
    asked = await people.asked(run)
    assert asked["requesters"] == ["ann@login.example"]
    assert asked["requester_ids"] == [f"{ISSUER}#42"]
    refused = await people.approve(("42", "ann.miller"), run, 403)
    assert "ann.miller@login.example asked for this run, or declared the loop" in refused["detail"]
    await people.approve(("43", "bea"), run)


async def test_who_asked_for_the_run_does_not_approve_under_a_new_name(people):
    await people.approve(("43", "bea"), await first(people, "eve"))
    await people.platform.rest()
    await people.call(("42", "ann"), "POST", "/v1/loops/sales:retrain", 201, json={})
    await people.platform.rest()
    run = (await people.waits())["number"]
    await people.approve(("42", "ann.miller"), run, 403)
    await people.approve(("43", "bea"), run)


async def test_nobody_approves_twice_under_two_names(people):
    run = await first(people, "eve", of=2)
    await people.approve(("42", "ann"), run)
    refused = await people.approve(("42", "ann.miller"), run, 409)
    assert "somebody else has to" in refused["detail"]
    asked = await people.asked(run)
    assert asked["given"] == ["ann@login.example"]
    assert [vote["person"] for vote in asked["votes"]] == ["ann@login.example"]


async def test_two_subjects_that_differ_in_case_alone_are_two_people(people):
    run = await first(people, "eve", of=2)
    await people.approve(("Ab", "ann"), run)
    await people.approve(("aB", "bea"), run)
    assert (await people.asked(run))["state"] == "approved"


async def test_one_address_at_two_issuers_is_one_person(people):
    run = await first(people, ("42", "ann"))
    await people.approve(("77", "ann"), run, 403)


async def test_records_of_before_know_people_by_the_name_that_they_have(people):
    run = await first(people, ("42", "ann"), of=2)
    await people.approve(("43", "bea"), run)
    async with people.platform.services.sessions.begin() as session:
        kept = await session.get(Run, (1, run))
        old = kept.approval.model_dump(mode="json", exclude={"requester_ids"})
        await session.execute(
            update(Run).values(approval=kept.approval.model_validate(old), declared_by_id=None)
        )
        await session.execute(update(Loop).values(declared_by_id=None))
        await session.execute(update(Approval).values(key="bea@login.example"))
    await people.approve(("42", "ann"), run, 403)
    await people.approve(("43", "bea"), run, 409)
    await people.approve(("44", "cyd"), run)
    assert (await people.asked(run))["given"] == ["bea@login.example", "cyd@login.example"]


async def test_who_may_can_be_named_by_what_never_changes(people):
    run = await first(people, "eve", by=[f"{ISSUER}#42"])
    await people.approve(("43", "bea"), run, 403)
    await people.approve(("43", f"{ISSUER}#42"), run, 403)
    await people.approve(("42", "ann.miller"), run)
