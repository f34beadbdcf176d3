"""A small firm's tour in Chromium: from an uploaded file to a retrained model, by what people see and click.

Run by the Python of .cache/browser, with one JSON object on its standard input:
{"link": …, "file": path, "more": path, "out": folder, "chromium": path}; prints what it saw as JSON.
No request goes anywhere but to the console.
"""

import re
from pathlib import Path

from playwright.sync_api import expect
from watched import PATIENCE, toured

REFUSED = "status of (422|503)"
"""A refused form, and a look for news that fails, are the tour's own doing."""
ROW = {
    "island": "Biscoe", "bill_length_mm": "46.1", "bill_depth_mm": "13.2", "flipper_length_mm": "211",
    "body_mass_g": "4500", "sex": "female",
}  # fmt: skip


class Tour:
    """One browser, and the pictures that were taken on the way."""

    def __init__(self, page, out):
        self.page, self.out, self.pictures = page, Path(out), []

    def picture(self, name):
        """The page as it is seen now; what stands at its top, not all of a long one."""
        self.page.evaluate("window.scrollTo(0, 0)")
        self.page.screenshot(path=self.out / f"{name}.png")
        self.pictures.append(name)

    def press(self, words):
        self.page.get_by_role("button", name=words, exact=False).first.click()

    def follow(self, words):
        self.page.get_by_role("link", name=words, exact=True).first.click()


class FailsOnce:
    """The first look for news finds a service away; the page keeps what it shows, and looks again."""

    def __init__(self):
        self.failed = False

    def __call__(self, route):
        if self.failed or route.request.resource_type == "document":
            return route.continue_()
        self.failed = True
        return route.fulfill(status=503, content_type="text/html", body="<main><h1>away</h1></main>")


def walk(page, asked):
    """The tour, with the pictures that were taken."""
    tour = Tour(page, asked["out"])
    return steps(tour, asked) | {"pictures": tour.pictures}


def steps(tour, asked):
    """Every step of docs/howto/small-firm.md, in its order."""
    page = tour.page
    page.goto(asked["link"])
    tour.press("Sign in")
    tour.follow("New loop…")
    page.set_input_files("#file", asked["file"])
    tour.picture("1-upload")
    page.route("**/drafts/*", FailsOnce())
    tour.press("Look at it")
    expect(page.get_by_role("heading", name="What is to be predicted?")).to_be_visible(timeout=PATIENCE)
    page.select_option("#target", "species")
    tour.picture("2-columns")
    tour.press("Draft the loop")
    expect(page.get_by_label("Contract", exact=True).last).to_be_visible(timeout=PATIENCE)
    draft = page.input_value("#loop_text")
    contract = page.input_value("#contract_text")
    page.fill("#loop_text", re.sub(r"trials: \d+", "trials: none", draft))
    tour.press("Apply")
    refused = page.get_by_role("alert").inner_text()
    looked_at = draft.replace("# review: {sample: 1%}", "review: {sample: 100%}")
    page.fill("#loop_text", re.sub(r"trials: \d+", "trials: 3", looked_at))
    page.locator("#edit").scroll_into_view_if_needed()
    tour.page.screenshot(path=tour.out / "3-draft.png")
    tour.press("Apply")
    expect(page.get_by_text("It was taken")).to_be_visible(timeout=PATIENCE)
    tour.picture("4-delivered")
    tour.follow("To the loop")
    tour.follow_run = page.url
    expect(page.get_by_role("link", name="run 1", exact=True)).to_be_visible(timeout=PATIENCE)
    tour.follow("run 1")
    expect(page.locator(".head .badge").first).to_have_text("promoted", timeout=PATIENCE)
    tour.picture("5-run")
    page.goto(tour.follow_run)
    expect(page.get_by_role("link", name="version 1", exact=True).first).to_be_visible()
    tour.picture("6-champion")
    tour.follow("Predict")
    for column, value in ROW.items():
        field = page.get_by_label(column, exact=False).first
        (field.select_option if field.evaluate("item => item.tagName") == "SELECT" else field.fill)(value)
    tour.press("Predict")
    answer = page.locator(".answer").inner_text()
    tour.picture("7-predicted")
    page.get_by_label("bill_length_mm", exact=False).first.fill("long")
    tour.press("Predict")
    unread = page.get_by_role("alert").inner_text()
    labelled = label(tour)
    page.goto(tour.follow_run + "/data")
    page.locator("#bring").click()
    page.set_input_files("#file", asked["more"])
    tour.press("Deliver")
    expect(page.get_by_text("It was taken")).to_be_visible(timeout=PATIENCE)
    more = page.get_by_role("status").inner_text()
    page.goto(tour.follow_run)
    tour.follow("Retrain…")
    tour.press("Open a run")
    expect(page.get_by_role("link", name="run 2", exact=True)).to_be_visible(timeout=PATIENCE)
    tour.follow("run 2")
    over = re.compile("promoted|rejected")
    expect(page.locator(".head .badge").first).to_have_text(over, timeout=PATIENCE)
    tour.picture("9-retrained")
    return {
        "answer": answer, "labelled": labelled, "refused": refused, "unread": unread, "contract": contract,
        "more": more, "ended": page.locator(".head .badge").first.inner_text(),
    }  # fmt: skip


def label(tour):
    """Say what the animal was that was predicted: the class that has the first key."""
    page, base = tour.page, tour.follow_run
    for _ in range(90):
        page.goto(base + "/review")
        if page.locator("#entry").count():
            break
        page.wait_for_timeout(2000)
    expect(page.locator("#entry")).to_be_visible()
    tour.picture("8-labelling")
    page.locator('button[data-key="1"]').wait_for()
    said = page.locator('button[data-key="1"]').inner_text()
    page.keyboard.press("1")
    expect(page.get_by_text("is recorded as said by")).to_be_visible(timeout=PATIENCE)
    return said


if __name__ == "__main__":
    toured(walk, REFUSED)
