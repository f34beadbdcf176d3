"""Lists that grow are paged: versions of the data, runs, entries of a queue; and a version's own profile is shown."""

import re

import pytest
from tests.console.behind import page
from tests.sdk import examples

DATA, STORY, REVIEW = (f"/p/default/loops/shop{rest}" for rest in ("/data", "", "/review"))
SUMMARY = {
    "counts": [],
    "people": [],
    "agreement": {"entries": 0, "same": None, "alpha": None, "kappa": None},
    "late": 0,
}


def link(text, of, rel):
    """Where a pager leads; None where it has no such link."""
    pager = re.search(rf'aria-label="Pages of {of}">(.*?)</nav>', text)
    found = pager and re.search(rf"<a{rel}[^>]*href=\"([^\"#]*)", pager[1])
    return found and found[1].replace("&amp;", "&")


@pytest.fixture
def stocked(behind):
    """A dataset of 30 versions, each with its own profile, and a loop of 65 runs."""
    document = {"spec": {"data": {"dataset": "shop"}}}
    behind.answers["GET /v1/loops/shop"] = examples.loop(document=document)
    behind.answers["GET /v1/loops/shop/runs"] = page(
        *(examples.run(number=number) for number in range(1, 66))
    )
    behind.answers["GET /v1/datasets/shop"] = {
        "project": "default", "name": "shop", "description": "", "latest": 30, "created_at": examples.NOW,
    }  # fmt: skip
    behind.answers["GET /v1/datasets/shop/quarantine"] = page()
    for number in range(1, 31):
        profile = {"rows": 9, "columns": {f"column_{number}": {"missing": 0, "distinct": 1}}}
        made = examples.dataset_version(number=number, profile=profile, rows=9)
        behind.answers[f"GET /v1/datasets/shop/versions/{number}"] = made
    return behind


async def test_versions_of_the_data_go_back_to_the_first(signed, stocked):
    path, seen = DATA, []
    while path:
        text = (await signed.get(path)).text
        seen += [
            int(number) for number in re.findall(r'<th scope="row"><a href="[^"]*of=(\d+)#profile', text)
        ]
        path = link(text, "versions", ' rel="next"')
    assert seen == list(range(30, 0, -1))
    assert link(text, "versions", "") == f"{DATA}?show=waiting"


async def test_the_profile_of_a_chosen_version_is_shown(signed, stocked):
    assert "Of version 30, 9 rows" in (await signed.get(DATA)).text
    text = (await signed.get(f"{DATA}?of=3&upto=18")).text
    assert "column_3<" in text.replace("\u2069", "<")
    assert "Of version 3, 9 rows" in text
    assert "column_30" not in text
    assert "of=3&amp;" in text or "of=3#" in text
    assert "Of version 30" in (await signed.get(f"{DATA}?of=31")).text


async def test_freshness_stands_on_the_page_of_the_data(signed, stocked):
    text = (await signed.get(DATA)).text
    assert "Is it fresh?" in text
    assert "Nothing is declared by which rows would be late" in text
    newest = stocked.answers["GET /v1/datasets/shop/versions/30"]
    newest["contract"] = {"columns": [], "rows": {"minimum": 10}}
    text = (await signed.get(DATA)).text
    assert "A run wants at least 10 rows in all; there are 9." in text
    assert re.search(r'<p class="notice warn">\u20681 row more', text)
    newest["rows"] = 10
    assert "By that nothing is late." in (await signed.get(DATA)).text


async def test_runs_go_back_to_the_first(signed, stocked):
    path, seen = f"{STORY}?span=month", []
    while path:
        text = (await signed.get(path)).text
        seen += [int(number) for number in re.findall(r'/runs/(\d+)">run', text)]
        path = link(text, "runs", ' rel="next"')
    assert seen == list(range(65, 0, -1))
    assert link(text, "runs", "") == f"{STORY}?span=month"


async def test_entries_of_the_queue_go_on_where_the_service_says(signed, behind):
    def entries(query):
        number = int(query.get("cursor", 40))
        return page(
            *(entry(number - back) for back in range(20)), next=str(number - 20) if number > 20 else None
        )

    base = "GET /v1/monitors/shop/reviews"
    behind.answers |= {base: entries, f"{base}:summary": SUMMARY, f"{base}:next": {"entry": None, "left": 0}}
    first = (await signed.get(REVIEW)).text
    assert 'review/21"' in first
    assert 'review/20"' not in first
    assert "2027-03-04 05:06 UTC" in first, "when it was answered, on the clock"
    second = (await signed.get(link(first, "entries", ' rel="next"'))).text
    assert 'review/20"' in second
    assert link(second, "entries", ' rel="next"') is None
    assert link(second, "entries", "") == REVIEW


def entry(number):
    return {
        "number": number, "request_id": "r", "index": 0, "event_time": examples.NOW, "revision": "shop--r1",
        "answered_at": "2027-03-04T05:06:07Z", "reason": "sampled", "state": "open", "probability": 0.1,
        "confidence": None, "usefulness": 0.0, "answer": {"value": 1.0}, "features": {}, "choices": [], "votes": [],
        "needed": 1, "label": None, "late": False,
    }  # fmt: skip
