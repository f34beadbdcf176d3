"""No page of the console is forgotten in the docs: each has a picture that a page of docs shows, or a reason."""

import re

from tests.console.shown import SHOWN, UNSHOWN
from tests.console.staged import ROOT

from millrace_core.auth import routes

LARGEST = 60_000
"""Bytes of a picture, which people load with the page."""
USED = re.compile(r"!\[([^\]]+)\]\([^)]*images/([\w.-]+)\.png\)")


def answered(app):
    """The addresses that a browser can open."""
    return {path for path, route in routes(app) if "GET" in (route.methods or ())}


def used():
    """What docs say of each picture that they show."""
    texts = [path.read_text() for path in (ROOT / "docs").rglob("*.md")]
    return {name: words for text in texts for words, name in USED.findall(text)}


def test_every_page_has_a_picture_or_a_reason(app):
    known = SHOWN.keys() | UNSHOWN.keys()
    assert answered(app) - known == set(), (
        "show it (make pictures, docs/howto/console-pages.md), or say why not"
    )
    assert known - answered(app) == set(), "gone; take it out of tests/console/shown.py"
    assert not SHOWN.keys() & UNSHOWN.keys()


def test_every_picture_is_there_small_and_shown_with_words():
    shown = used()
    for name in (name for names in SHOWN.values() for name in names):
        path = ROOT / "docs" / "images" / f"{name}.png"
        assert path.exists(), f"{name}: make pictures"
        assert path.stat().st_size <= LARGEST, f"{name}: {path.stat().st_size} bytes"
        assert len(shown.get(name, "").split()) >= 4, f"{name}: no page of docs shows it with words"
