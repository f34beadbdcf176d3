"""Every list of the console says when a thing was so in the data, and when it came to be known, under one name each."""

import re

import pytest

from millrace_console import rendering

PLACE = rendering.TEMPLATES
LIST = re.compile(r"<(table|ul|ol|article)\b.*?</\1>", re.DOTALL)
LABEL = re.compile(r'(?:aria-label|id)="([^"]+)"')
BOTH = ('<th scope="col">Event time</th>', '<th scope="col">Recorded</th>')
CARDS = "cards of one thing, which says both at its head"
NOW = "what stands now, not what happened"
NEITHER = {
    "alarms.html Channels": "channels as they are declared",
    "audit-answer.html Code and environment": CARDS,
    "audit-answer.html Data": "data versions by number; the page of the data has both",
    "audit.html What does not hold": "what is found now, by its row",
    "audit.html What was looked over": "counts",
    "backtest.html settings": "sentences of advice",
    "backtest.html Ways": "sums over the whole history",
    "backtest.html Decisions": "inside a replay the clock is that of the replaying: the event day alone means anything",
    "data.html Which": "refused bytes have no event time that anybody could trust; each says when it came",
    "data.html fresh": "sentences about the newest version",
    "data.html Contract": NOW,
    "data.html Profile": "columns of one version, which has both",
    "delivery.html live": "what is wrong with one delivery, in words",
    "draft.html noticed": "words about one file",
    "draft.html Contract": "columns of one file",
    "draft.html edit": "mistakes in what was typed",
    "loop.html next": "what is to come, in sentences",
    "loop.html The error as a picture": "sentences about the estimate",
    "loop.html Revisions": NOW,
    "loop.html Quality by column": "columns of one day, which stands above",
    "loop.html Slices": "slices of one day, which stands above",
    "loop.html Drift": "features of one window, which stands above",
    "loop.html Conditions": NOW,
    "parts.html Pages of the list": "columns of one row",
    "predict.html Probabilities": "the answer to one request, just now",
    "predict.html {{ name }}: {{ share|share }}": "warnings about one request, just now",
    "refused.html": "what was wrong with one request",
    "review.html The row": "columns of one row",
    "review.html note": "what people said of one row, which says its event time; each with its own moment",
    "review.html How the queue stands": "counts",
    "run.html Steps": CARDS,
    "run.html Gates": CARDS,
    "run.html Trials": CARDS,
    "settle.html": "what is wrong with one delivery, in words",
    "version.html {{ name }}": CARDS,
    "version.html Classes": CARDS,
    "version.html Confusion": CARDS,
    "version.html Slices": CARDS,
    "version.html Groups of protected attributes": CARDS,
    "version.html Forms": CARDS,
    "version.html Revisions": NOW,
    "version.html Data": "data versions by number; the page of the data has both",
    "version.html Signature": CARDS,
    "version.html made": CARDS,
    "versions.html Groups by month": "sums over months of event days, which name its lines",
    "versions.html Groups": "versions again, which have both above",
    "you.html Sessions": "sessions are of the clock alone: begun, and until when",
    "you.html Tokens": "tokens are of the clock alone: made, and until when",
}
"""Lists of what has not both times, or has them elsewhere on its page, each with the reason."""


CELLS = {"overview.html Loops": 2}
"""Tables whose lines are no records but have cells that are: so many, the last decision and the newest run."""


def lists(text, page):
    """Each list of a template by page and label, and whether both times stand in it."""
    found = {}
    for match in LIST.finditer(text):
        whole = match[0]
        if "{% for" not in whole or 'class="chips' in whole[:40]:
            continue
        labels = LABEL.findall(text[: match.start()])
        key = f"{page} {labels[-1]}" if labels else page
        found[key] = found.get(key, True) and has(whole, match[1], CELLS.get(key, 1))
    return found


def has(whole, kind, cells):
    """As headings of a table, or in each line: of a list, or of a table with so many cells that are records."""
    if whole.count("parts.both(") >= cells:
        return True
    return kind == "table" and all(heading in whole for heading in BOTH)


def every():
    return {
        key: told
        for path in sorted(PLACE.glob("*.html"))
        for key, told in lists(path.read_text(), path.name).items()
    }


def test_every_list_has_both_times_or_a_reason_why_not():
    found = every()
    assert len(found) > 50, "the walk finds the lists"
    for key, told in found.items():
        assert told or key in NEITHER, (
            f"{key} lacks the event time or when it was recorded: add it, or a reason here"
        )


def test_an_exception_is_of_a_list_that_lacks_them():
    found = every()
    for key in NEITHER:
        assert found[key] is False, f"{key} has both: take its reason away"


@pytest.mark.parametrize("taken", BOTH)
def test_a_list_without_one_of_them_is_found(taken):
    text = (PLACE / "decisions.html").read_text()
    assert lists(text, "new") == {"new Decisions": True}
    assert lists(text.replace(taken, ""), "new") == {"new Decisions": False}
    lines = '<ul id="old">{% for item in found %}<li>{{ item.event_time|moment }}</li>{% endfor %}</ul>'
    assert lists(f'<h2 id="things">{lines}', "new") == {"new things": False}


def test_both_are_told_in_a_line():
    shown = rendering.environment().get_template("parts.html").module.both("2026-05-04", "–")
    assert shown == '<span class="quiet">event time 2026-05-04, recorded –</span>'
