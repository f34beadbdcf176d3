"""An auditor's tour in Chromium: four questions and a tampering, by what people see, click and type.

Run by the Python of .cache/browser, with one JSON object on its standard input:
{"link": …, "loop": …, "day": …, "request": …, "out": folder, "chromium": path}; prints what it saw as JSON.
No request goes anywhere but to the console.
"""

from pathlib import Path

from playwright.sync_api import expect
from watched import PATIENCE, toured


def walk(page, asked):
    """Every step of docs/howto/auditor.md that is in the browser, by keys alone where a form is filled."""
    out = Path(asked["out"])

    def picture(name):
        page.evaluate("window.scrollTo(0, 0)")
        page.screenshot(path=out / f"{name}.png")

    def answer(first, *values):
        """Fill a form from its first field on, with Tab between fields, and send it with Enter."""
        page.locator(f"#{first}").focus()
        for place, value in enumerate(values):
            page.keyboard.press("Control+A")
            page.keyboard.type(value)
            if place < len(values) - 1:
                page.keyboard.press("Tab")
        with page.expect_navigation():
            page.keyboard.press("Enter")

    page.goto(asked["link"])
    page.get_by_role("button", name="Sign in").first.click()
    page.get_by_role("link", name="Audit", exact=True).click()
    page.get_by_role("button", name="Verify everything").click()
    verdict = page.locator("#live .notice").first
    expect(verdict).to_contain_text("hold", timeout=PATIENCE)
    expect(page.get_by_role("link", name="Download what was found")).to_be_visible(timeout=PATIENCE)
    verified = page.locator("#live").inner_text()
    page.locator("#all").scroll_into_view_if_needed()
    page.evaluate("document.getElementById('all').scrollIntoView()")
    page.screenshot(path=out / "4-tampered.png")
    answer("loop-c", asked["loop"], asked["day"])
    champion = page.locator("section").first.inner_text()
    picture("1-champion")
    answer("loop-l", asked["loop"], "1")
    lineage = page.locator("section").first.inner_text()
    picture("2-lineage")
    answer("id", asked["request"], asked["loop"])
    request = page.locator("section").first.inner_text()
    picture("3-request")
    return {"verified": verified, "champion": champion, "lineage": lineage, "request": request}


if __name__ == "__main__":
    toured(walk)
