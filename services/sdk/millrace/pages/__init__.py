"""Pages for people: one HTML file with its pictures inside, that loads nothing from anywhere.

`page` puts them together and escapes every text; `figures` turns matplotlib into SVG; `pictures` are the drawings
that more than one page shows. matplotlib is imported only when something is drawn.
"""

from millrace.pages.page import (
    Html,
    bullets,
    cards,
    mark,
    page,
    paragraph,
    quiet,
    section,
    table,
)

__all__ = [
    "Html",
    "bullets",
    "cards",
    "mark",
    "page",
    "paragraph",
    "quiet",
    "section",
    "table",
]
