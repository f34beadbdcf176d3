"""The walk that holds pages in Chromium finds what is planted: a checker catches a bug before it is believed."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import pytest

from . import browser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
FORM = '<form method="post"><input type="hidden" name="csrf" value="w">{}</form>'
SEND = '<button type="submit">Send it</button>'
PAGES = {
    "good": FORM.format(SEND),
    "scripted": '<p id="late"></p><script>late.textContent = "planted words"</script>',
    "unsent": FORM.format('<button type="submit" disabled>Send it</button>'),
    "anonymous": f'<form method="post">{SEND}</form>',
    "wide": '<p style="width: 3000px">far</p>',
    "elsewhere": '<img src="http://127.0.0.2:9/planted.png" alt="">',
    "pale": '<p style="color: #ddd; background: #fff">hardly to be read</p>',
}
"""What stands below the heading of a page by its name; each but the first has one fault."""
MOVING = "moving"
"""A page of something under way: at each look it says something else. That is no fault."""


class Planted(BaseHTTPRequestHandler):
    """Answers with the page of that name."""

    def do_GET(self):
        name = self.path.strip("/")
        known = name in (*PAGES, MOVING)
        looks = next(self.server.looks)
        below = PAGES.get(name, f"<p>{chr(97 + looks % 26) * 3}</p>")
        body = f'<!doctype html><html lang="en"><title>{name}</title><main><h1>{name}</h1>{below}</main>'
        self.send_response(200 if known else 404)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        """Nothing is printed."""


@contextmanager
def served():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Planted)
    server.looks = count()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def test_every_planted_fault_is_found_on_its_page_and_none_on_the_good_one(tmp_path):
    if lacks := browser.missing():
        pytest.skip(lacks)
    with served() as base:
        pages = {name: f"/{name}" for name in [*PAGES, MOVING, "away"]}
        found = browser.walked(base, ("session", "x"), pages, tmp_path)
    assert "scripted: not to be read without a script: planted, words" in found
    assert "unsent: form 1 is not sent without a script" in found
    assert "anonymous: form 1 does not say who sends it" in found
    assert [words for words in found if words.startswith("wide light 400: ") and "wider" in words]
    assert [words for words in found if "127.0.0.2:9" in words]
    assert [words for words in found if words.startswith("pale light 1280: color-contrast (serious)")]
    assert "away dark 1280: 404" in found
    assert not [words for words in found if words.startswith(("good", MOVING))]
