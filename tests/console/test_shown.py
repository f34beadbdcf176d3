"""No page of the console is forgotten in the docs: each has a picture that a page of docs shows, or a reason."""

import re

from tests.console.shown import SHOWN, UNSHOWN
from tests.console.staged import ROOT

from millrace_console.people.permits import look
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


def forgotten(app, shown, unshown):
    """What is wrong with the two lists for the pages of *app*, in words."""
    known, there = shown.keys() | unshown.keys(), answered(app)
    new = [
        f"{path}: show it (make pictures, docs/howto/console-pages.md), or say why not"
        for path in there - known
    ]
    gone = [f"{path} is gone; take it out of tests/console/shown.py" for path in known - there]
    return sorted([*new, *gone, *(f"{path} stands in both lists" for path in shown.keys() & unshown.keys())])


def unseen(names, folder, words):
    """What is wrong with these pictures of *folder*, of which docs say *words*."""
    found = []
    for name in names:
        path = folder / f"{name}.png"
        if not path.exists():
            found.append(f"{name}: make pictures")
        elif path.stat().st_size > LARGEST:
            found.append(f"{name}: {path.stat().st_size} bytes")
        if len(words.get(name, "").split()) < 4:
            found.append(f"{name}: no page of docs shows it with words")
    return found


def test_every_page_has_a_picture_or_a_reason(app):
    assert forgotten(app, SHOWN, UNSHOWN) == []


def test_a_route_that_was_forgotten_is_noticed_and_one_that_is_gone(app):
    """Planted: a new page, one that is no more, and one in both lists."""

    @app.get("/p/{project}/planted", dependencies=[look()])
    async def planted(project: str):
        return project

    gone = {"/p/{project}/gone": ("console-gone",), "/healthz": ("console-health",)}
    assert [words.partition(" ")[0].rstrip(":") for words in forgotten(app, SHOWN | gone, UNSHOWN)] == [
        "/healthz",
        "/p/{project}/gone",
        "/p/{project}/planted",
    ]


def test_every_picture_is_there_small_and_shown_with_words():
    names = [name for names in SHOWN.values() for name in names]
    assert unseen(names, ROOT / "docs" / "images", used()) == []


def test_a_picture_that_is_missing_too_large_or_shown_without_words_is_noticed(tmp_path):
    for name, size in (("large", LARGEST + 1), ("mute", 9), ("good", LARGEST)):
        (tmp_path / f"{name}.png").write_bytes(bytes(size))
    told = dict.fromkeys(("large", "good", "away"), "words that say it all") | {"mute": "a picture"}
    assert unseen(["large", "mute", "good", "away"], tmp_path, told) == [
        f"large: {LARGEST + 1} bytes",
        "mute: no page of docs shows it with words",
        "away: make pictures",
    ]
