"""The console on a real platform: every page of a loop that was trained and served, and what can be done there."""

import re
import subprocess
import sys
from datetime import UTC, datetime

import httpx
import pytest
from tests.console import browser as walking
from tests.loop.conftest import document

from millrace.delivery import push
from millrace.laptop import tokens
from millrace_contracts.alarms import FindingWrite, StandingWrite
from millrace_contracts.loop import ModelLoop
from millrace_contracts.notices import Channel

pytestmark = [pytest.mark.loop, pytest.mark.timeout(400)]
CSRF = re.compile(r'name="csrf" value="([^"]+)"')
KEY = re.compile(r'name="key" value="([^"]+)"')
ODD = '<script>alert(1)</script> "quoted" \u202eright to left\u202c & ' + "long" * 60


@pytest.fixture(scope="module")
def browser(platform):
    """Somebody who came by a link of `millrace console`."""
    made = httpx.post(
        f"{platform.urls['console']}/v1/links",
        headers={"authorization": f"Bearer {platform.secrets['user']}"},
        trust_env=False,
    )
    with httpx.Client(base_url=platform.urls["console"], trust_env=False, timeout=60) as client:
        word = made.json()["path"].partition("word=")[2]
        answer = client.post("/link", data={"word": word})
        assert answer.status_code == 303, answer.text
        again = client.post("/link", data={"word": word})
        assert again.status_code == 401, "a link works once"
        yield client


def seen(browser, path, status=200):
    answer = browser.get(path)
    assert answer.status_code == status, (path, answer.status_code, answer.text[:2000])
    assert "does not answer now" not in answer.text
    return answer.text


def test_the_way_in_leads_to_all_loops(browser, loop):
    page = browser.get("/", follow_redirects=True)
    assert page.status_code == 200
    assert page.url.path == "/p/default/loops"
    assert f'href="/p/default/loops/{loop}"' in page.text
    assert "version 2" in page.text


def test_the_page_of_a_loop_tells_its_story(browser, client, loop):
    page = seen(browser, f"/p/default/loops/{loop}")
    assert "What happens next" in page
    assert "Runs" in page
    assert "Its rows have no event time" in page
    for run in client.controller.runs(loop):
        assert f"/p/default/loops/{loop}/runs/{run.number}" in page


def test_a_run_shows_its_steps_trials_and_gates(browser, loop):
    page = seen(browser, f"/p/default/loops/{loop}/runs/2")
    for word in ("validate", "train", "evaluate", "roll-out", "Best trials", "champion", "promoted", "MiB"):
        assert word in page, word
    assert seen(browser, f"/p/default/loops/{loop}/runs/999", 404)


def test_a_run_is_heard_as_a_stream_and_its_jobs_say_what_they_did(browser, client, loop):
    heard = browser.get(f"/p/default/loops/{loop}/runs/2/events")
    assert heard.headers["content-type"].startswith("text/event-stream")
    text = heard.text
    assert text.rstrip().splitlines()[-2:] == ["event: over", 'data: {"state":"promoted"}']
    job = client.controller.run(loop, 2).steps["train"].job
    page = seen(browser, f"/p/default/loops/{loop}/runs/2")
    assert f"/p/default/jobs/{job}" in page
    told = seen(browser, f"/p/default/jobs/{job}")
    assert "trial 0 (" in told
    assert "train: succeeded" in told
    file = browser.get(f"/p/default/jobs/{job}/log")
    assert file.headers["content-disposition"].startswith("attachment")
    assert seen(browser, "/p/default/jobs/" + "0" * 32, 404)


def test_an_alarm_is_silenced_with_a_reason_and_told_again(browser, client, loop):
    finding = FindingWrite(cause="quarantine:99", reason="may.csv lies in quarantine")
    standing = StandingWrite(loop=loop, kind="quarantine", at=datetime.now(UTC), findings=[finding])
    (alarm,) = client.monitoring.hold_alarms(loop, standing)
    form = seen(browser, f"/p/default/alarms/{alarm.id}/silence")
    address = f"/p/default/alarms/{alarm.id}"
    csrf = {"csrf": CSRF.search(form)[1]}
    for wrong in ({"for": "soon", "reason": "x"}, {"for": "1d", "reason": ""}):
        assert browser.post(f"{address}/silence", data=csrf | wrong).status_code == 422
    done = browser.post(f"{address}/silence", data=csrf | {"for": "3d", "reason": "the file comes again"})
    assert done.status_code == 303
    page = seen(browser, f"/p/default/alarms?loop={loop}")
    assert "the file comes again" in page
    assert client.monitoring.alarm(alarm.id).silenced_until > datetime.now(UTC)
    assert browser.post(f"{address}/unsilence", data=csrf).status_code == 303
    assert client.monitoring.alarm(alarm.id).silenced_until is None
    client.monitoring.hold_alarms(loop, standing.model_copy(update={"findings": []}))


def test_versions_show_metrics_data_and_when_they_were_champion(browser, client, loop):
    page = seen(browser, f"/p/default/loops/{loop}/versions")
    assert "version 1" in page
    assert "version 2" in page
    assert "auc" in page
    card = seen(browser, f"/p/default/loops/{loop}/versions/2")
    assert client.registry.version(loop, 2).digest in card
    for word in ("mean_radius", "tumours.csv", "When it became champion", "How good it is"):
        assert word in card, word


def test_decisions_are_listed_and_explained(browser, client, loop):
    page = seen(browser, f"/p/default/decisions?loop={loop}")
    assert "gate.verdict" in page
    verdict = client.registry.decisions(loop=loop, kind="gate.verdict")[-1]
    told = seen(browser, f"/p/default/decisions/{verdict.id}")
    assert "In plain words" in told
    assert "so it may get traffic" in told
    assert verdict.hash in told
    page = seen(browser, "/p/default/decisions?kind=run.opened")
    assert "gate.verdict</a>" not in page


def test_data_shows_the_contract_and_alarms_say_that_there_are_none(browser, loop):
    page = seen(browser, f"/p/default/loops/{loop}/data")
    assert "mean_radius" in page
    assert "tumours.csv" in page
    assert "Nothing waits for a person" in page
    assert "No alarm stands" in seen(browser, f"/p/default/alarms?loop={loop}")


def test_a_loop_is_paused_and_resumed_under_the_persons_name(browser, client, loop):
    def act(what, **fields):
        form = seen(browser, f"/p/default/loops/{loop}/do/{what}")
        given = {"csrf": CSRF.search(form)[1], "key": KEY.search(form)[1]} | fields
        return browser.post(f"/p/default/loops/{loop}/do/{what}", data=given)

    assert act("pause").status_code == 303
    assert client.controller.loop(loop).state == "paused"
    assert "the loop is paused" in seen(browser, f"/p/default/loops/{loop}")
    assert act("resume").status_code == 303
    assert client.controller.loop(loop).state == "active"
    refused = act("rollback", to="77", reason="trying")
    assert refused.status_code in (404, 409, 422)
    assert "<h1>" in refused.text


def test_refused_data_is_looked_at_and_dropped_and_odd_names_break_nothing(
    platform, browser, client, table, tmp_path
):
    name = "odd-data"
    path = tmp_path / "good.csv"
    table.to_csv(path, index=False)
    client.controller.apply(ModelLoop.model_validate(document(name) | {"metadata": {"name": name}}))
    client.controller.pause(name)
    assert push(client, name, path).accepted
    bad = tmp_path / f"{ODD[:60].replace('/', '_')}.csv"
    table.drop(columns="mean_radius").to_csv(bad, index=False)
    assert not push(client, name, bad).accepted
    (entry,) = client.registry.quarantined(name)
    page = seen(browser, f"/p/default/loops/{name}/data")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert f"/p/default/quarantine/{entry.id}/do/drop" in page
    file = browser.get(f"/p/default/quarantine/{entry.id}/file")
    assert file.content == bad.read_bytes()
    assert file.headers["content-disposition"].startswith("attachment")
    form = seen(browser, f"/p/default/quarantine/{entry.id}/do/drop")
    done = browser.post(
        f"/p/default/quarantine/{entry.id}/do/drop", data={"csrf": CSRF.search(form)[1], "reason": ODD}
    )
    assert done.status_code == 200
    assert "It is dropped" in done.text
    settled, owner = client.registry.refused(entry.id), tokens.owner(platform.home / "run")
    assert (settled.state, settled.settled_by) == ("dropped", f"user:{owner}")
    log = seen(browser, f"/p/default/decisions?loop={name}")
    assert "<script>alert" not in log
    seen(browser, f"/p/default/loops/{name}")
    client.controller.delete(name)


def test_a_viewer_looks_and_changes_nothing(platform, browser, client, loop):
    """The console gives nobody a right: it shows what the services answer to that token."""
    stranger = httpx.post(
        f"{platform.urls['console']}/login",
        data={"token": platform.secrets["prometheus"], "to": "/"},
        trust_env=False,
    )
    cookie = {"cookie": stranger.headers.get("set-cookie", "").partition(";")[0]}
    page = httpx.get(f"{platform.urls['console']}/p/default/loops", headers=cookie, trust_env=False)
    assert page.status_code == 403
    assert "You may not do this" in page.text


def test_the_command_line_prints_a_link_that_signs_in(platform, millrace):
    link = millrace("console", "-o", "json")["url"]
    assert link.startswith(platform.urls["console"] + "/link?word=")
    page = httpx.get(link, trust_env=False)
    assert page.status_code == 200
    assert "Sign in with this link?" in page.text


def test_the_process_is_small_and_has_no_database(platform):
    """It imports neither a database's driver nor a plotting library, and keeps nothing on disk."""
    names = "('numpy', 'matplotlib', 'pandas')"
    code = f"import millrace_console.main, sys; print(','.join(n for n in {names} if n in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
    kept = platform.home / "console"
    assert not kept.exists() or not any(kept.iterdir())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_page_in_both_themes_and_on_a_narrow_screen_has_no_serious_fault(
    platform, browser, client, loop, tmp_path
):
    """Chromium opens them all: nothing serious for axe-core, nothing wider than the window, nothing from elsewhere."""
    if lacks := walking.missing():
        pytest.skip(lacks)
    verdict = client.registry.decisions(loop=loop, kind="gate.verdict")[-1]
    base = f"/p/default/loops/{loop}"
    pages = {
        "login": "/login", "overview": "/p/default/loops", "loop": base, "run": f"{base}/runs/2",
        "versions": f"{base}/versions", "version": f"{base}/versions/2", "data": f"{base}/data",
        "new": "/p/default/new",
        "predict": f"{base}/predict", "job": f"/p/default/jobs/{client.controller.run(loop, 2).steps['train'].job}",
        "decisions": "/p/default/decisions", "decision": f"/p/default/decisions/{verdict.id}",
        "alarms": "/p/default/alarms?show=all", "confirm": f"{base}/do/rollback",
    }  # fmt: skip
    cookie = ("millrace_session", browser.cookies["millrace_session"])
    assert walking.walked(platform.urls["console"], cookie, pages, tmp_path) == []
    assert len(list(tmp_path.glob("*.png"))) == 4 * len(pages)


def test_the_page_of_alarms_shows_who_is_told_and_what_is_wrong_with_a_channel(browser, client):
    chat = Channel.model_validate({"slack": {"webhook": {"env": "NO_SUCH_VARIABLE"}}, "tell": ["alarms"]})
    client.monitoring.put_channel("chat", chat)
    page = seen(browser, "/p/default/alarms")
    client.monitoring.delete_channel("chat")
    for word in ("Who is told", "chat", "slack", "there is nothing in env NO_SUCH_VARIABLE"):
        assert word in page, word
    assert "Who is told" not in seen(browser, "/p/default/alarms")
