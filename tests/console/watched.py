"""One browser that is watched: what it asks of anybody but the console, and its errors, are noted.

Run by the Python of .cache/browser; each script beside it reads one JSON object from its standard input, with the link
that it begins with and where Chromium is, and prints what it saw as JSON.
"""

import json
import re
import sys
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

NOTHING = "$^"
"""No error is expected."""
PATIENCE = 180_000
"""Milliseconds for what is trained or looked over meanwhile."""


def toured(walk, expected=NOTHING, scripts=True):
    """Let *walk*(page, asked) see the console by one page of Chromium, and print what it answers, and what was strange.

    Args:
        expected: errors of the page that the walk brings about itself, as a regular expression.
        scripts: whether the browser runs any.
    """
    asked, strange = json.load(sys.stdin), []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=asked["chromium"], args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(
            viewport={"width": 1100, "height": 760}, reduced_motion="reduce", java_script_enabled=scripts
        )
        watch(page, urlsplit(asked["link"]).netloc, strange, expected)
        page.set_default_timeout(PATIENCE)
        seen = walk(page, asked)
        browser.close()
    json.dump(seen | {"strange": strange}, sys.stdout)


def watch(page, home, strange, expected=NOTHING):
    """Note in *strange* what *page* asks of anybody but *home*, and its errors but those that are *expected*."""

    def left(request):
        if urlsplit(request.url).netloc != home:
            strange.append(request.url)

    def said(message):
        if message.type == "error" and not re.search(expected, message.text):
            strange.append(message.text)

    page.on("request", left)
    page.on("console", said)
    page.on("pageerror", lambda error: strange.append(str(error)))
