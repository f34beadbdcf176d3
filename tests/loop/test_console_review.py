"""Labelling in the browser: one entry after the other, by form and by key, and readable without a script."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from tests.console import browser as walking
from tests.loop.test_console import CSRF, ODD, browser, seen

from millrace.laptop import tokens
from millrace_contracts.logged import LoggedRow
from millrace_contracts.monitors import MonitorWrite

pytestmark = [pytest.mark.loop, pytest.mark.timeout(400)]
__all__ = ["browser"]
BASE = "/p/default/loops/{}/review"
COLUMNS = {"width": "number", "kind": "category", ODD[:60]: "category"}
INPUTS = [
    {"name": f"x{place}", "datatype": "FP32" if kind == "number" else "BYTES", "column": name, "kind": kind}
    for place, (name, kind) in enumerate(COLUMNS.items())
]
TWO = {"inputs": INPUTS, "outputs": [{"name": "probability", "datatype": "FP32"}], "task": "binary",
       "target": "ripe", "classes": ["no", "yes"]}  # fmt: skip
NUMBER = TWO | {
    "outputs": [{"name": "prediction", "datatype": "FP32"}],
    "task": "regression",
    "classes": None,
}
START = datetime(2026, 5, 4, tzinfo=UTC)


def watched(client, name, signature, review):
    """An endpoint that asks people about its answers, with forty of them; nothing serves it, and no day closes."""
    monitor = MonitorWrite.model_validate(
        {
            "loop": name, "task": signature["task"], "target": "ripe", "signature": signature, "review": review,
            "champion": {"version": 1, "revision": f"{name}--r1", "files": {"model.onnx": "sha256:" + "0" * 64}},
            "label_delay_seconds": 30 * 86400,
        }
    )  # fmt: skip
    client.monitoring.put_monitor(name, monitor)
    rows = [
        LoggedRow(
            request_id=f"{name}-{place}",
            event_time=START + timedelta(seconds=place),
            features={"width": place / 7, "kind": "plum" if place % 3 else None, ODD[:60]: ODD[:200]},
            prediction=0.5 + place / 80,
            revision=f"{name}--r1",
        )
        for place in range(40)
    ]
    client.monitoring.push_rows(name, rows)
    return name


@pytest.fixture(scope="module")
def looked(client):
    return watched(client, "looked", TWO, {"below": 0.8, "sample": "20%", "labellers": 2})


def entry_of(page):
    (number,) = re.findall(r"<h2 id=\"entry\">Entry (\d+)", page)
    return int(number)


def test_one_entry_after_the_other_is_labelled_and_can_be_said_otherwise(platform, browser, client, looked):
    base = BASE.format(looked)
    page = seen(browser, base)
    number = entry_of(page)
    assert client.monitoring.review(looked, number).reason == "sampled"  # those come first
    for words in ("drawn by chance", "width", 'data-key="1"', 'data-key="s"', "2 people look at each entry"):
        assert words in page, words
    assert "<script>alert(1)" not in page
    csrf = CSRF.search(page)[1]
    assert browser.post(f"{base}/{number}/label", data={"value": "yes"}).status_code == 403, "no form of ours"
    refused = browser.post(f"{base}/{number}/label", data={"csrf": csrf, "value": "perhaps"})
    assert refused.status_code == 422
    assert "is none of the classes no, yes" in refused.text
    said = {"csrf": csrf, "value": "yes", "note": ODD[:80]}
    done = browser.post(f"{base}/{number}/label", data=said)
    assert done.status_code == 303
    after = seen(browser, done.headers["location"])
    assert f"Entry {number} is recorded" in after
    assert entry_of(after) != number
    (vote,) = client.monitoring.review(looked, number).votes
    assert (vote.author, vote.value) == (tokens.owner(platform.home / "run"), "yes")
    assert "<script>alert(1)" not in seen(browser, f"{base}/{number}")
    browser.post(f"{base}/{number}/label", data={"csrf": csrf, "value": "no"})
    (vote,) = client.monitoring.review(looked, number).votes
    assert vote.value == "no"


def test_who_cannot_tell_skips_it(browser, client, looked):
    base = BASE.format(looked)
    page = seen(browser, base)
    number, csrf = entry_of(page), CSRF.search(page)[1]
    assert browser.post(f"{base}/{number}/skip", data={"csrf": csrf}).status_code == 303
    assert [vote.value for vote in client.monitoring.review(looked, number).votes] == [None]
    assert entry_of(seen(browser, base)) != number


def test_a_number_is_written_into_a_field(browser, client):
    name = watched(client, "weighed", NUMBER, {"sample": "100%"})
    base = BASE.format(name)
    page = seen(browser, base)
    number, csrf = entry_of(page), CSRF.search(page)[1]
    assert 'inputmode="decimal"' in page
    empty = browser.post(f"{base}/{number}/label", data={"csrf": csrf, "value": " "})
    assert empty.status_code == 422
    browser.post(f"{base}/{number}/label", data={"csrf": csrf, "value": "12.5"})
    assert client.monitoring.review(name, number).label == 12.5


def test_a_loop_that_asks_nobody_says_so(browser, client):
    name = watched(client, "unasked", TWO, None)
    page = seen(browser, BASE.format(name))
    assert "Nothing waits for you" in page


def test_the_page_has_no_serious_fault_in_either_theme_or_width(platform, browser, looked, tmp_path):
    if lacks := walking.missing():
        pytest.skip(lacks)
    cookie = ("millrace_session", browser.cookies["millrace_session"])
    pages = {"review": BASE.format(looked)}
    assert walking.walked(platform.urls["console"], cookie, pages, tmp_path) == []
    assert len(list(tmp_path.glob("*.png"))) == 4
