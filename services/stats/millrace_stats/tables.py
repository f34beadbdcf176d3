"""Measured figures as they are kept, and as tables of a page between marks that say which of them belong there.

A mark is `<!-- figures: group -->` or `<!-- figures: group, words -->`, which takes the rows that have these words;
`<!-- promises -->` takes the promises. What stands up to the next `<!-- end -->` is written anew.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from millrace_stats.measuring import Result
from millrace_stats.power import Line

MARK = re.compile(r"(<!-- (figures: [^>]*?|promises) -->\n).*?(<!-- end -->)", re.DOTALL)
SHARES = "| what | share ± standard error | median delay | repeats |\n|---|---|---|---|"


@dataclass(frozen=True)
class Row:
    """One line of a table: its words, its cells, and where it is a single share that share with its error and delay.

    Attributes:
        share, error: from 0 to 1; None where the row has several figures.
        median: of the delays in their unit; None where there is none, or where more than half are never found.
    """

    name: str
    cells: tuple[str, ...]
    share: float | None = None
    error: float | None = None
    median: float | None = None

    @classmethod
    def of(cls, item: Result | Line) -> "Row":
        """What a scenario came to."""
        cells = tuple(cell.strip() for cell in item.row().strip().strip("|").split("|"))
        if isinstance(item, Line):
            return cls(", ".join(item.words), cells)
        found = item.median if item.unit and item.median < float("inf") else None
        return cls(item.name, cells, item.share, item.error, found)

    def text(self) -> str:
        return "| " + " | ".join(self.cells) + " |"


@dataclass(frozen=True)
class Group:
    """The figures of one group, and where they come from."""

    name: str
    date: str
    seed: int
    scale: float
    machine: str
    cpu_seconds: float | None
    rows: tuple[Row, ...]

    @classmethod
    def read(cls, name: str, told: Mapping[str, Any]) -> "Group":
        """As it was kept."""
        rows = tuple(Row(**{**row, "cells": tuple(row["cells"])}) for row in told["rows"])
        return cls(**{**told, "name": name, "rows": rows})

    def source(self) -> str:
        """One line that says when, on what and how often."""
        repeats = "all repeats" if self.scale == 1 else f"{self.scale:g} of the repeats"
        spent = "" if self.cpu_seconds is None else f", {self.cpu_seconds:,.0f} CPU-seconds"
        return f"*`{self.name}`: {self.date}, seed {self.seed}, {repeats}, {self.machine}{spent}.*"


def filled(text: str, groups: dict[str, Group], promised: str) -> str:
    """The page with its marked parts written anew. Raises: KeyError for a group without figures, ValueError for words
    that no row has."""

    def part(found: re.Match[str]) -> str:
        what = found[2]
        made = promised if what == "promises" else table(groups, what.removeprefix("figures: "))
        return f"{found[1]}{made}\n{found[3]}"

    return MARK.sub(part, text)


def table(groups: dict[str, Group], wanted: str) -> str:
    """A table with its source above it."""
    from millrace_stats.measurements import HEADS

    name, _, words = wanted.partition(", ")
    group = groups[name]
    rows = [row.text() for row in group.rows if words in row.name]
    if not rows:
        raise ValueError(f"no row of {name} has the words {words!r}")
    return "\n".join([group.source(), "", HEADS.get(name, SHARES), *rows])
