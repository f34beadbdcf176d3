"""A browser without JavaScript: a file is sent, looked at, drafted and delivered by links and buttons alone.

Run by the Python of .cache/browser, with one JSON object on its standard input:
{"link": …, "file": path, "target": column, "loop": …, "chromium": path}; prints what it saw as JSON.
"""

from playwright.sync_api import expect
from watched import toured

TRIES, WAIT = 90, 2000
"""How often, and after how many milliseconds, a page is opened again that says that it goes on."""


def walk(page, asked):
    """From the link to a delivery that was taken."""
    page.goto(asked["link"])
    page.get_by_role("button", name="Sign in").first.click()
    page.get_by_role("link", name="New loop…").first.click()
    page.set_input_files("#file", asked["file"])
    page.get_by_role("button", name="Look at it").click()
    again(page, "#choose")
    page.fill("#loop", asked["loop"])
    page.select_option("#target", asked["target"])
    page.get_by_role("button", name="Draft the loop").click()
    again(page, "#loop_text")
    columns = page.locator("#columns").count()
    page.get_by_role("button", name="Apply").click()
    again(page, "text=It was taken")
    delivered = page.get_by_role("status").inner_text()
    page.get_by_role("link", name="To the loop").click()
    expect(page.get_by_role("heading", name=asked["loop"], exact=True)).to_be_visible()
    return {"columns": columns, "delivered": delivered, "url": page.url}


def again(page, wanted):
    """Open the page again until *wanted* is on it."""
    for _ in range(TRIES):
        if page.locator(wanted).count():
            return
        page.wait_for_timeout(WAIT)
        page.reload()
    raise AssertionError(f"{wanted} did not come: {page.locator('main').inner_text()[:500]}")


if __name__ == "__main__":
    toured(walk, scripts=False)
