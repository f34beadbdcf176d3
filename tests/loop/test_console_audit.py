"""An auditor's pages on a real platform: everything verified, questions answered, an archive that holds elsewhere."""

import json
import re
import time

import pytest
from tests.console import browser as walking
from tests.loop.conftest import predict
from tests.loop.test_console import CSRF, browser, seen

from millrace import archive
from millrace_contracts.audit import AuditReport

__all__ = ["browser"]
pytestmark = [pytest.mark.loop, pytest.mark.timeout(400)]
PAGE = "/p/default/audit"


def looked(browser, what="verify", **fields):
    """The page once the look that *what* begins is over."""
    form = {"csrf": CSRF.search(seen(browser, PAGE))[1]} | fields
    answer = browser.post(f"{PAGE}/{what}", data=form)
    assert answer.status_code == 303, answer.text
    until = time.monotonic() + 300
    while "It goes on since" in (page := seen(browser, PAGE)) or "It waits: others" in page:
        assert time.monotonic() < until
        time.sleep(1)
    return page


def test_everything_is_verified_beside_the_page_and_the_findings_are_a_file(browser, loop):
    page = looked(browser)
    assert "Everything holds." in page
    assert "They come from what is looked at" in page
    assert "registry: " in page
    report = AuditReport.model_validate_json(browser.get(f"{PAGE}/files/verification").content)
    assert report.ok
    assert report.heads > 0
    assert sum(report.checked.values()) > 20


def test_heads_that_were_kept_elsewhere_are_compared_and_another_key_is_refused(
    platform, browser, client, loop
):
    client.registry.sign_head()
    heads = (platform.home / "audit" / "heads.jsonl").read_text()
    page = looked(browser, heads=heads)
    assert "Everything holds." in page
    assert "from the file that you gave" in page
    refused = browser.post(
        f"{PAGE}/verify",
        data={"csrf": CSRF.search(page)[1], "heads": heads, "key": "ed25519:" + "0" * 32},
    )
    assert refused.status_code == 422
    assert "is signed by" in refused.text


def test_an_archive_is_made_and_holds_without_a_platform(browser, loop, tmp_path):
    page = looked(browser, "export", loop=loop, **{"for-eu-ai-act": "yes"})
    assert "signed by ed25519:" in page
    file = browser.get(f"{PAGE}/files/archive")
    assert file.headers["content-disposition"] == f'attachment; filename="{loop}-audit.zip"'
    path = tmp_path / "evidence.zip"
    path.write_bytes(file.content)
    opened = archive.read(path)
    assert opened.statement.loop == loop
    assert {"decisions.jsonl", "verification.json", "versions/2.json"} <= set(opened.files)
    laws = [name for name in opened.files if name.startswith("compliance/")]
    assert any("eu-ai-act" in name for name in laws)
    assert not any("iso-42001" in name for name in laws)


def test_the_champion_of_an_instant_is_named_with_who_moved_it_and_before_the_first_there_was_none(
    browser, client, loop
):
    move = client.registry.alias_history(loop, "champion")[-1]
    page = seen(browser, f"{PAGE}/champion?loop={loop}")
    assert f"version {move.version}</a>" in page
    assert "controller" in page
    assert f"/p/default/decisions/{move.decision}" in page
    assert "had no champion then" in seen(browser, f"{PAGE}/champion?loop={loop}&at=2001-01-01")
    assert "nobody" in seen(browser, f"{PAGE}/champion?loop=nobody", 404)


def test_a_version_leads_back_to_its_code_its_environment_and_its_raw_file(browser, client, loop):
    page = seen(browser, f"{PAGE}/lineage?loop={loop}&version=2")
    built = client.registry.version(loop, 2).environment["built"]
    for words in ("tumours.csv", "built.document", built["document"], "rollout.promoted", "lightgbm"):
        assert words in page, words
    assert seen(browser, f"{PAGE}/lineage?loop={loop}&version=99", 404)


def test_a_request_shows_its_row_its_answer_and_what_gave_it(browser, client, table, loop):
    request = predict(client, table).request_id
    until = time.monotonic() + 60
    while "No row of it is kept" in (page := seen(browser, f"{PAGE}/request?id={request}")):
        assert time.monotonic() < until
        time.sleep(1)
    assert f"version {client.controller.loop(loop).champion}</a>" in page
    assert "mean_radius" in page
    assert "none yet" in page
    assert re.search(r"learned from version \d+ of", page)
    assert "No row of it is kept" in seen(browser, f"{PAGE}/request?id=never-sent&loop={loop}")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_pages_of_an_audit_have_no_serious_fault_in_both_themes_and_on_a_narrow_screen(
    platform, browser, client, table, loop, tmp_path
):
    if lacks := walking.missing():
        pytest.skip(lacks)
    looked(browser)
    request = predict(client, table).request_id
    pages = {
        "audit": PAGE, "champion": f"{PAGE}/champion?loop={loop}&at=2030-01-01",
        "lineage": f"{PAGE}/lineage?loop={loop}&version=2", "request": f"{PAGE}/request?id={request}&loop={loop}",
    }  # fmt: skip
    cookie = ("millrace_session", browser.cookies["millrace_session"])
    found = walking.walked(platform.urls["console"], cookie, pages, tmp_path)
    assert found == [], json.dumps(found, indent=1)
