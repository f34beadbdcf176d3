"""Tells from names that say what their cells are, like `date` or `url`, whether they stand above the right columns."""

import re

NUMBER = re.compile(r"[^\w\s]?\s?[+-]?\d[\d.,' ]*\s?[%€$£]?")
MOMENT = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}.*|\d{1,2}:\d\d.*")
KINDS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(name, re.IGNORECASE), cell if isinstance(cell, re.Pattern) else re.compile(cell))
    for name, cell in (
        (r"date|time|datum|zeit|uhr|fecha|hora\b|heure", MOMENT),
        (
            r"qty|quantity|count|price|amount|cost|total|\bage\b|anzahl|menge|preis|betrag|prix|montant|precio",
            NUMBER,
        ),
        (r"\burl\b|link|website", r"(?i:https?://|www\.).*"),
        (r"e-?mail", r"[^@\s]+@[^@\s]+"),
    )
)
"""How a name says what it is the name of, and how its cells look."""
LOOKED = 20
"""Rows that are looked at."""


def lost(names: list[str], rows: list[list[str]]) -> int | None:
    """The place of the name that is two in one, if the cells fit the names better so; None if they do not.

    Args:
        rows: with one cell more than there are names.
    """
    shown = rows[:LOOKED]
    cells = [[row[place].strip() for row in shown] for place in range(len(names) + 1)]
    aligned = sum(_fits(name, column) for name, column in zip(names, cells, strict=False))
    apart = {
        place: sum(map(_fits, names[:place], cells)) + sum(map(_fits, names[place + 1 :], cells[place + 2 :]))
        for place in range(len(names))
    }
    best = max(apart, key=lambda place: apart[place])
    return best if apart[best] > aligned else None


def _fits(name: str, cells: list[str]) -> bool:
    """Whether the name says what most of these cells are."""
    full = [cell for cell in cells if cell]
    return any(
        said.search(name) is not None
        and 2 * sum(look.fullmatch(cell) is not None for cell in full) > len(full)
        for said, look in KINDS
    )
