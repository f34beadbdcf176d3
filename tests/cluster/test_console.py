"""The console in a cluster: people sign in with a token of their account, look at a loop, and a second one approves."""

import re
from contextlib import contextmanager

import httpx
import pytest
from tests.cluster import test_story as story
from tests.cluster.release import ENFORCED, NAME

pytestmark = pytest.mark.timeout(900)
TEAM, LOOP, PEOPLE, HOST = story.TEAM, "guarded", "approvers", "console.example"
VALUES = {"console.enabled": True, "console.hosts": [HOST], "ingress.enabled": True}
GUARDED = story.LOOP.replace("name: tumours", f"name: {LOOP}").replace(
    "gates: {", "gates: {approval: {by: [approver], of: 1, within: 1d}, "
)
CSRF, DIGEST = (re.compile(f'name="{name}" value="([^"]+)"') for name in ("csrf", "digest"))
LATEST = f"client.controller.runs({LOOP!r})[-1:]"


@pytest.fixture(scope="module")
def tokens(kube, release):
    """Tokens of ada, who may approve in the team's project, and of eve, who may look there."""
    kube.namespace(PEOPLE, **ENFORCED)
    for person, role in {"ada": "approve", "eve": "view"}.items():
        kube.kubectl("create", "serviceaccount", person, "-n", PEOPLE)
        kube.kubectl("create", "rolebinding", person, "-n", TEAM, f"--clusterrole=millrace-modelloops-{role}",
                     f"--serviceaccount={PEOPLE}:{person}")  # fmt: skip
    yield {person: token(kube, person, PEOPLE) for person in ("ada", "eve")}
    kube.kubectl("delete", "rolebinding", "ada", "eve", "-n", TEAM)
    kube.kubectl("delete", "namespace", PEOPLE, "--wait=false")
    kube.kubectl("delete", "modelloop", LOOP, "-n", TEAM, "--ignore-not-found", timeout=10)


def token(kube, account, namespace):
    return kube.kubectl("create", "token", account, "-n", namespace, "--audience", "millrace").strip()


@pytest.fixture(scope="module")
def door(kube, release):
    """Where the Ingress' controller would send what is for the console's host."""
    with kube.forwarded(f"service/{NAME}-edge", release.namespace, 8080) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def browser(door, shown, **headers):
    """Somebody at the door who has signed in."""
    with httpx.Client(base_url=door, headers=headers, trust_env=False, timeout=60) as made:
        assert made.post("/login", data={"token": shown}).status_code == 303
        yield made


def seen(browser, path):
    answer = browser.get(path)
    assert answer.status_code == 200, (path, answer.status_code, answer.text[:2000])
    assert "does not answer now" not in answer.text
    return answer.text


def vote(browser, run, what, reason):
    """Say what the form on the run's page lets say; the answer."""
    path = f"/p/{TEAM}/loops/{LOOP}/runs/{run}"
    page = seen(browser, path)
    given = {"csrf": CSRF.search(page)[1], "digest": DIGEST.search(page)[1], "reason": reason}
    return browser.post(f"{path}/{what}", data=given)


def waits(release):
    """The newest run, once it waits for people."""
    run = next(iter(release.call(LATEST, TEAM)), {})
    return run if run.get("state") == "awaiting-approval" else None


def test_the_ingress_takes_the_consoles_host_and_nobody_sees_a_page_without_a_token(kube, release, door):
    rules = kube.one("ingress", f"{NAME}-edge", release.namespace)["spec"]["rules"]
    assert HOST in [rule.get("host") for rule in rules]
    with httpx.Client(base_url=door, headers={"host": HOST}, trust_env=False, timeout=60) as stranger:
        asked = stranger.get(f"/p/{TEAM}/loops")
        assert (asked.status_code, asked.headers["location"].partition("?")[0]) == (303, "/login")
        assert stranger.post("/login", data={"token": "not-one"}).status_code == 401
        other = kube.kubectl("create", "token", "default", "-n", TEAM, "--audience", "somebody").strip()
        assert stranger.post("/login", data={"token": other}).status_code == 401


def test_a_candidate_waits_on_its_page_until_a_second_person_has_approved_it(kube, release, door, tokens):
    kube.apply(GUARDED, TEAM)
    kube.until("the loop is taken up", 60, lambda: (story.loop(kube, LOOP).get("status") or {}).get("phase"))
    story.feed(release, LOOP)
    number = kube.until("it waits for people", 240, lambda: waits(release), release.namespace)["number"]
    assert not (story.loop(kube, LOOP)["status"].get("champion") or {}).get("version")
    with browser(door, tokens["eve"], host=HOST) as eve:
        page = seen(eve, f"/p/{TEAM}/loops")
        assert f'href="/p/{TEAM}/loops/{LOOP}"' in page
        assert vote(eve, number, "approve", "I like it").status_code == 403, "who may look may not approve"
    with browser(door, tokens["ada"], host=HOST) as ada:
        assert "0 of 1" in seen(ada, f"/p/{TEAM}/loops/{LOOP}/runs/{number}")
        assert vote(ada, number, "approve", "looked at every gate").status_code == 303
        status = kube.until("a champion", 120, lambda: story.champion(kube, LOOP), release.namespace)
        assert f"version {status['champion']['version']}" in seen(ada, f"/p/{TEAM}/loops/{LOOP}")
        assert "looked at every gate" in seen(ada, f"/p/{TEAM}/decisions?loop={LOOP}&kind=approval.given")
    given = release.call(f"client.registry.decisions(loop={LOOP!r}, kind='approval.given')", TEAM)[-1]
    assert f"{PEOPLE}/ada" in str(given)


def test_who_asked_for_a_run_cannot_approve_it_and_another_rejects_it(kube, release, door, tokens):
    champion = story.champion(kube, LOOP)["champion"]["version"]
    number = release.call(f"client.controller.retrain({LOOP!r})", TEAM)["number"]
    kube.until("it waits for people", 240, lambda: waits(release), release.namespace)
    with browser(door, token(kube, f"{NAME}-admin", release.namespace), host=HOST) as admin:
        refused = vote(admin, number, "approve", "mine")
        assert refused.status_code in (403, 409)
        assert "somebody else has to approve" in refused.text
    with browser(door, tokens["ada"], host=HOST) as ada:
        assert vote(ada, number, "reject", "not in this week").status_code == 303
    ended = release.call(f"client.controller.await_run({LOOP!r}, {number}, timeout=60)", TEAM)
    assert ended["state"] == "rejected"
    assert "not in this week" in str(ended)
    assert story.champion(kube, LOOP)["champion"]["version"] == champion


def test_without_a_door_a_port_forward_leads_to_the_same_pages(kube, release, tokens):
    with (
        kube.forwarded(f"service/{NAME}-console", release.namespace, 8080) as port,
        browser(f"http://127.0.0.1:{port}", tokens["eve"]) as eve,
    ):
        assert "What happens next" in seen(eve, f"/p/{TEAM}/loops/{LOOP}")
