"""The page of loops asks each service once, whatever the number of loops, and needs no more than a line of each."""

from collections import Counter

import httpx
import pytest
from fastapi import FastAPI, Request

SHOWN, MANY = 50, 1000
OWNER = {"kind": "ModelLoop", "namespace": "team-a", "name": "loop-001", "uid": "u", "generation": 1}


def line(number):
    return {
        "name": f"loop-{number:03}", "health": "good", "phase": "Serving", "state": "active", "task": "regression",
        "champion": 3, "champion_since": None, "candidate": None, "weight": None, "in_the_way": "", "run": None,
        "owner": OWNER if number == 1 else None, "settled_through": None, "updated_at": "2026-05-04T12:00:00Z",
    }  # fmt: skip


@pytest.fixture
def calls(person):
    """What the page asked for, of services that stand for a thousand loops."""
    behind, asked, sent = FastAPI(), Counter(), Counter()

    def answer(path, items):
        async def told(request: Request):
            asked[path] += 1
            sent[path] += len(request.url.query)
            return items

        behind.get(path)(told)

    counts = {"blocked": 0, "alarm": 0, "working": 0, "waiting": 0, "paused": 0, "good": MANY}
    shown = [line(number) for number in range(SHOWN)]
    answer("/v1/projects", {"items": [], "next": None})
    answer("/v1/loops:overview", {"items": shown, "total": MANY, "page": 1, "pages": 20, "counts": counts})
    losses = [1.0 + 0.01 * (day % 7) for day in range(28)]
    answer("/v1/monitors:glance", [
        {"endpoint": item["name"], "losses": losses, "rows": 700, "loss": 1.02, "baseline": 1.0, "alarms": 2,
         "logged": 9}
        for item in shown
    ])  # fmt: skip
    answer("/v1/decisions:latest", [
        {"id": "d", "loop": item["name"], "kind": "rollout.promoted", "outcome": "promoted", "event_time": None,
         "recorded_at": "2026-05-04T12:00:00Z"} for item in shown
    ])  # fmt: skip
    for client in (person.clients.registry, person.clients.controller, person.clients.monitoring):
        client.api._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(behind), base_url="http://behind"
        )
    return asked


async def test_a_page_is_one_call_to_each_service_and_a_line_each(signed, calls):
    page = await signed.get("/p/default/loops")
    assert page.status_code == 200, page.text
    assert page.text.count('<td data-name="Health">') == SHOWN
    assert "Page 1 of 20" in page.text
    assert f"<b>{MANY}</b>" in page.text
    assert len(page.content) < SHOWN * 2000, "bytes of a line"
    await signed.get("/p/default/loops?page=2&sort=name")
    assert calls == {
        "/v1/loops:overview": 2,
        "/v1/monitors:glance": 2,
        "/v1/decisions:latest": 2,
        "/v1/projects": 1,
    }


async def test_a_loop_of_the_cluster_says_so_in_its_line(signed, calls):
    page = (await signed.get("/p/default/loops")).text
    assert page.count("by Kubernetes") == 1
