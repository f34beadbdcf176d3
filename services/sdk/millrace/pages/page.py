"""The parts of a page: each function takes plain text, escapes it, and returns HTML."""

from collections.abc import Iterable, Sequence
from html import escape

CSS = """body {font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto; padding: 0 1rem}
h1 {font-size: 1.7rem; margin-bottom: .2rem} h2 {font-size: 1.2rem; margin-top: 2.2rem}
svg {width: 100%; height: auto} .lead {font-size: 1.1rem; color: #444} .quiet {font-size: .9rem; color: #666}
table {border-collapse: collapse; width: 100%; font-size: .9rem}
td, th {border-bottom: 1px solid #ddd; padding: .3rem .5rem; text-align: left; vertical-align: top}
.cards {display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.2rem 0}
.card {flex: 1 1 8rem; background: #f4f6f7; border-radius: .5rem; padding: .7rem .9rem}
.card b {display: block; font-size: 1.5rem} .card span {font-size: .8rem; color: #555}
.good {color: #2a7f3f} .bad {color: #c0392b; font-weight: 600}"""


class Html(str):
    """Text that is HTML already and is not escaped again."""


def page(title: str, *parts: Html, lead: str = "") -> str:
    """The whole document.

    Args:
        lead: the finding in a few sentences, for someone who reads nothing else.
    """
    head = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>\n{CSS}\n</style></head><body>"
    )
    first = f'<p class="lead">{escape(lead)}</p>' if lead else ""
    return "\n".join([head, f"<h1>{escape(title)}</h1>", first, *parts, "</body></html>\n"])


def section(title: str, *parts: Html) -> Html:
    """A heading with what stands below it."""
    return Html("\n".join([f"<h2>{escape(title)}</h2>", *parts]))


def paragraph(text: str) -> Html:
    return Html(f"<p>{escape(text)}</p>")


def quiet(text: str) -> Html:
    """A note that explains a picture or the page."""
    return Html(f'<p class="quiet">{escape(text)}</p>')


def mark(text: str, good: bool) -> Html:
    """A word in a cell, in green or in red."""
    return Html(f'<span class="{"good" if good else "bad"}">{escape(text)}</span>')


def bullets(items: Iterable[str]) -> Html:
    return Html("<ul>" + "".join(f"<li>{_cell(item)}</li>" for item in items) + "</ul>")


def cards(figures: Iterable[tuple[object, str]]) -> Html:
    """Large figures in a row, each (value, what it is)."""
    made = [
        f'<div class="card"><b>{_cell(value)}</b><span>{_cell(label)}</span></div>'
        for value, label in figures
    ]
    return Html('<div class="cards">' + "".join(made) + "</div>")


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """A table; None is shown as a dash, a cell of `Html` as it is."""
    lines = ["<table>", _line("th", header), *(_line("td", row) for row in rows), "</table>"]
    return Html("\n".join(lines))


def _line(kind: str, cells: Sequence[object]) -> str:
    return "<tr>" + "".join(f"<{kind}>{_cell(cell)}</{kind}>" for cell in cells) + "</tr>"


def _cell(value: object) -> str:
    if isinstance(value, Html):
        return value
    return "—" if value is None else escape(str(value))
