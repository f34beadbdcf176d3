"""The page of approvals: what waits for people, what ends first on top, each with the way to its evidence."""

import httpx
import pytest
from fastapi import FastAPI

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
