"""Opens pages of the console in Chromium, in both themes and two widths: axe-core's findings, and pictures.

Run by the Python of .cache/browser, with one JSON object on its standard input:
{"cookie": {…}, "pages": {name: url}, "steps": {name: [[action, …], …]}, "axe": path, "out": folder,
"chromium": path}; prints one JSON list of findings. Steps are done on a page before it is looked at:
["fill", field, text], ["choose", field, value], ["press", button].
It speaks with nobody but the console: a request for anything else is a finding.
"""

import json
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import TimeoutError, sync_playwright
from watched import NOTHING, watch

THEMES, WIDTHS = ("light", "dark"), (1280, 400)
GRAVE = ("serious", "critical")
REFUSED = "status of 4[0-9][0-9]"
"""A form that is refused, which steps bring about; a page that is, is found by its status."""
OPENED = """form => {
  form.noValidate = true;
  for (let part = form.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
}"""
"""A form that is sent as it stands, and is not folded away."""
WAIT = 5000
"""Milliseconds for a form to be sent."""
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
        findings += plain(browser, asked)
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
    """Under the page's own policy: no refusal of it, and without a script all is there to read, and forms post."""
    findings = []
    scripted = browser.new_context(viewport={"width": 1280, "height": 900})
    bare = browser.new_context(java_script_enabled=False)
    for context in (scripted, bare):
        context.add_cookies([asked["cookie"]])
    bare.route(
        "**/*", lambda route: route.fulfill(body="sent") if posts(route.request) else route.continue_()
    )
    moving, page = scripted.new_page(), bare.new_page()
    moving.on(
        "console", lambda said: findings.append(f"policy: {said.text}") if said.type == "error" else None
    )
    for name, url in asked["pages"].items():
        before = opened(moving, url)
        told = opened(page, url)
        if not page.locator("h1").first.inner_text().strip():
            findings.append(f"{name}: no heading without a script")
        if (before - told) and (lost := (before & opened(moving, url)) - told):
            findings.append(f"{name}: not to be read without a script: {', '.join(sorted(lost)[:9])}")
        findings += [f"{name}: {fault}" for fault in unposted(page, url)]
    scripted.close()
    bare.close()
    return findings


def opened(page, url):
    """The words of a page: those of a run under way are others a moment later, with a script or without."""
    page.goto(url, wait_until="load")
    return words(page)


def words(page):
    """What stands in the page's main part, but for what is said to be there for scripts alone; numbers may move."""
    shown = page.locator("main").inner_text()
    scripted = " ".join(page.locator("main .scripted").all_inner_texts())
    return set(re.findall(r"[^\W\d_]+", shown)) - set(re.findall(r"[^\W\d_]+", scripted))


def posts(request):
    """Whether something would be changed: such a request goes nowhere here."""
    return request.method == "POST"


def unposted(page, url):
    """Forms of the main part whose first button does not send them, or without what says who sends them."""
    findings, forms = [], page.locator("main form[method=post]")
    for place in range(forms.count()):
        page.goto(url)
        form = forms.nth(place)
        form.evaluate(OPENED)
        button = form.locator("button:not([type=button])").first
        try:
            with page.expect_request(posts, timeout=WAIT) as sent:
                button.click(timeout=WAIT)
        except TimeoutError:
            findings.append(f"form {place + 1} is not sent without a script")
            continue
        if form_of(sent.value) and b"csrf" not in (sent.value.post_data_buffer or b""):
            findings.append(f"form {place + 1} does not say who sends it")
    return findings


def form_of(request):
    """Whether somebody signed in sends it."""
    return urlsplit(request.url).path not in ("/login", "/link")


if __name__ == "__main__":
    main()
