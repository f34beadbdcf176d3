"""Opens pages of the console in Chromium, in both themes and two widths: axe-core's findings, and pictures.

Run by the Python of .cache/browser, with one JSON object on its standard input:
{"cookie": {…}, "pages": {name: url}, "steps": {name: [[action, …], …]}, "axe": path or "", "out": folder,
"chromium": path}; prints one JSON list of findings. Steps are done on a page before it is looked at:
["fill", field, text], ["choose", field, value], ["press", button]. Without axe-core: pictures, widths.
It speaks with nobody but the console: a request for anything else is a finding.
"""

import json
import sys
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright
from watched import NOTHING, watch

THEMES, WIDTHS = ("light", "dark"), (1280, 400)
GRAVE = ("serious", "critical")
REFUSED = "status of 4[0-9][0-9]"
"""A form that is refused, which steps bring about; a page that is, is found by its status."""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def main() -> None:
    """Walk all pages and print what is wrong with them."""
    asked = json.load(sys.stdin)
    findings = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=asked["chromium"], args=["--no-sandbox", "--disable-gpu"]
        )
        for theme in THEMES:
            for width in WIDTHS:
                findings += walk(browser, asked, theme, width)
        findings += plain(browser, asked) if asked["axe"] else []
        browser.close()
    json.dump(findings, sys.stdout)


def walk(browser, asked, theme, width):
    """Every page in one theme and width."""
    context = browser.new_context(
        color_scheme=theme, viewport={"width": width, "height": 900}, bypass_csp=True, reduced_motion="reduce"
    )
    context.add_cookies([asked["cookie"]])
    page, findings = context.new_page(), []
    home = urlsplit(asked["cookie"]["url"]).netloc
    strange = []
    watch(page, home, strange, REFUSED if asked["steps"] else NOTHING)
    for name, url in asked["pages"].items():
        where = f"{name} {theme} {width}"
        answer = page.goto(url, wait_until="load")
        if answer.status >= 400:
            findings.append(f"{where}: {answer.status}")
        for step in asked["steps"].get(name, []):
            done(page, *step)
        page.evaluate(
            "document.querySelectorAll('[hx-trigger]').forEach(item => item.removeAttribute('hx-trigger'))"
        )
        page.screenshot(path=Path(asked["out"]) / f"{name}-{theme}-{width}.png", full_page=True)
        over = page.evaluate(SIDEWAYS)
        if over > 1:
            findings.append(f"{where}: {over} pixels wider than the window")
        if not asked["axe"]:
            continue
        page.add_script_tag(path=asked["axe"])
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        for item in found["violations"]:
            if item["impact"] in GRAVE:
                places = "; ".join(node["html"][:120] for node in item["nodes"][:3])
                findings.append(f"{where}: {item['id']} ({item['impact']}): {places}")
    findings += [f"{theme} {width}: {text}" for text in strange]
    context.close()
    return findings


def done(page, action, *given):
    """One step of somebody on a page."""
    if action == "fill":
        page.fill(f"#{given[0]}", given[1])
    elif action == "choose":
        page.select_option(f"#{given[0]}", given[1])
    else:
        with page.expect_navigation():
            page.get_by_role("button", name=given[0], exact=True).first.click()


def plain(browser, asked):
    """Under the page's own policy: no refusal of it, and without a script everything is there to read."""
    findings = []
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_cookies([asked["cookie"]])
    page = context.new_page()
    page.on("console", lambda said: findings.append(f"policy: {said.text}") if said.type == "error" else None)
    for url in asked["pages"].values():
        page.goto(url, wait_until="load")
    context.close()
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([asked["cookie"]])
    page = context.new_page()
    for name, url in asked["pages"].items():
        page.goto(url)
        if not page.locator("h1").first.inner_text().strip():
            findings.append(f"{name}: no heading without a script")
    context.close()
    return findings


if __name__ == "__main__":
    main()
