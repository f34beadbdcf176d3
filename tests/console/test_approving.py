"""What waits for people: all of it, what ends first on top; and approving and rejecting, asked once more."""

import json
import re

import httpx
import pytest
from fastapi import FastAPI
from tests.console.behind import page
from tests.sdk import examples

D = "sha256:" + "0" * 64


def waiting(loop, until, **more):
    return {
        "state": "waiting", "digest": D, "by": ["approver"], "of": 2, "given": ["bea"], "requesters": ["ada"],
        "asked_at": "2026-05-04T12:00:00Z", "until": until, "project": "default", "loop": loop, "run": 3,
        "cause": "30 days since the last run was opened", "verdict": None, "metrics": {}, "votes": [], "message": "",
        "bound": {"version": 4, "digest": D, "champion": 3, "champion_digest": D, "evidence": D, "document": D},
    } | more  # fmt: skip


@pytest.fixture
def approvals(person):
    """What the controller that stands behind the page says is waiting."""
    behind, items = FastAPI(), []
    behind.get("/v1/approvals")(lambda: {"items": items, "next": None})
    behind.get("/v1/projects")(lambda: {"items": [], "next": None})
    for client in (person.clients.registry, person.clients.controller, person.clients.monitoring):
        client.api._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(behind), base_url="http://behind"
        )
    return items


async def test_what_ends_first_is_on_top_and_leads_to_its_evidence(signed, approvals):
    approvals += [waiting("later", "2026-05-11T12:00:00Z"), waiting("sooner", "2026-05-06T12:00:00Z")]
    text = (await signed.get("/p/default/approvals")).text
    assert text.index("sooner, run 3") < text.index("later, run 3")
    assert 'href="/p/default/loops/sooner/runs/3#approval"' in text
    assert 'href="/p/default/loops/sooner/versions/4"' in text
    assert "1 of 2" in text
    assert "2026-05-06" in text


async def test_words_of_people_are_shown_as_words(signed, approvals):
    approvals.append(
        waiting("a", "2026-05-06T12:00:00Z", cause="<script>x</script>", requesters=["<b>ada</b>"])
    )
    text = (await signed.get("/p/default/approvals")).text
    assert "<script>x" not in text
    assert "&lt;b&gt;ada" in text


async def test_nothing_that_waits_is_said_too(signed, approvals):
    assert "Nothing waits for people." in (await signed.get("/p/default/approvals")).text


async def test_who_may_not_is_told_so_in_the_list(signed, approvals):
    approvals.append(waiting("a", "2026-05-06T12:00:00Z", approve_refused="ada asked for this run"))
    assert "ada asked for this run" in (await signed.get("/p/default/approvals")).text


RUN = "/p/default/loops/shop/runs/3"
HEARD = "/v1/loops/shop/runs/3/approval"
REQUESTER = (
    "ada asked for this run, or declared the loop by which it was judged; somebody else has to approve."
)
ISOLATES = str.maketrans("", "", "\u2066\u2067\u2068\u2069")
LINK = re.compile(r'href="([^"]+/do/(approve|reject)[^"]*)"')


@pytest.fixture
def asked(behind):
    """Sets what the controller says of run 3, which waits."""

    def says(**more):
        approval = waiting("shop", "2026-05-06T12:00:00Z", bound=BOUND, given=[], of=1) | more
        own = {name: approval[name] for name in OWN}
        behind.answers |= {
            "GET /v1/loops/shop/runs/3": examples.run(number=3, state="awaiting-approval", approval=own),
            f"GET {HEARD}": approval,
            "GET /v1/decisions": page(),
        }

    says()
    return says


OWN = ("state", "digest", "bound", "by", "of", "given", "requesters", "asked_at", "until")
BOUND = {"version": 4, "digest": D, "champion": 3, "champion_digest": D, "evidence": D, "document": D}


async def read(signed, path):
    """What a person reads there, without the marks around words that may run in any direction."""
    return (await signed.get(path)).text.translate(ISOLATES)


def offered(text):
    """The ways to a question that a page has, by what it is about."""
    return {what: link for link, what in LINK.findall(text)}


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (
            "approve",
            ["Approve version 4?", "With yours there are enough approvals: its rollout begins at once."],
        ),
        ("reject", ["Reject version 4?", "The run ends", "Version 3 goes on as it is."]),
    ],
)
async def test_it_is_asked_once_more_and_a_vote_carries_the_digest_that_was_looked_at(
    signed, person, behind, asked, what, words
):
    way = offered((await signed.get(RUN)).text)[what]
    assert way == f"{RUN}/do/{what}?digest=sha256%3A{'0' * 64}"
    form = await read(signed, way)
    for told in [*words, D, "It is recorded as said by ada."]:
        assert told in form
    assert not [key for key, _, _ in behind.seen if key.startswith("POST")], "looking says nothing"
    behind.answers[f"POST {HEARD}:{what}"] = behind.answers[f"GET {HEARD}"]
    given = {"csrf": person.csrf, "digest": D, "reason": "worse for small shops"}
    done = await signed.post(way, data=given)
    assert (done.status_code, done.headers["location"]) == (303, f"{RUN}#approval"), done.text
    (body,) = [body for key, _, body in behind.seen if key == f"POST {HEARD}:{what}"]
    assert json.loads(body) == {"digest": D, "reason": "worse for small shops"}


async def test_how_many_are_missing_after_it_is_said(signed, asked):
    asked(of=3, given=["bea"])
    text = await read(signed, f"{RUN}/do/approve")
    assert "After yours 1 more is missing before its rollout begins." in text
    assert "1 of 3 approved so far, by bea" in text


async def test_who_asked_for_the_run_is_told_why_not_and_may_take_it_back(signed, asked):
    asked(approve_refused=REQUESTER)
    text = await read(signed, RUN)
    assert f"You cannot approve it: {REQUESTER}" in text
    assert set(offered(text)) == {"reject"}
    refused = await signed.get(f"{RUN}/do/approve")
    assert (refused.status_code, REQUESTER in refused.text) == (403, True)
    assert (await signed.get(f"{RUN}/do/reject")).status_code == 200


async def test_who_has_approved_is_not_asked_again(signed, asked):
    twice = "ada has approved run 3 already; somebody else has to."
    asked(of=2, given=["ada"], approve_refused=twice)
    text = (await signed.get(RUN)).text
    assert twice in text
    assert "approve" not in offered(text)


async def test_who_lacks_the_role_is_offered_neither_and_told_once(signed, asked):
    lacks = "ada does not have the role approver in default."
    asked(approve_refused=lacks, reject_refused=lacks)
    text = (await signed.get(RUN)).text
    assert offered(text) == {}
    assert text.count(lacks) == 1
    for what in ("approve", "reject"):
        assert (await signed.get(f"{RUN}/do/{what}")).status_code == 403


async def test_what_is_another_thing_by_now_is_not_asked_about(signed, asked):
    other = "sha256:" + "1" * 64
    refused = await signed.get(f"{RUN}/do/approve", params={"digest": other})
    assert refused.status_code == 409
    assert "look at that first" in refused.text


async def test_while_the_controller_says_nothing_of_it_nothing_is_offered(signed, behind, asked):
    del behind.answers[f"GET {HEARD}"]
    text = (await signed.get(RUN)).text
    assert "Whether you may approve is not known now." in text
    assert offered(text) == {}


async def test_what_refuses_is_shown_as_words(signed, asked):
    asked(approve_refused="<script>x</script>")
    assert "<script>x" not in (await signed.get(RUN)).text
