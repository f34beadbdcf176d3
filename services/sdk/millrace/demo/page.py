"""The demo's page: one file that opens without a network and is read in a minute."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from millrace import pages
from millrace.demo.summary import Threshold
from millrace.pages import Html
from millrace_contracts.rows import Check

REFUSED = (
    "Before anything was trained, a damaged copy of January and February was offered. It was refused and kept in "
    "quarantine:"
)


@dataclass(frozen=True)
class Picture:
    """A figure with its heading and what it says."""

    title: str
    text: str
    figure: Html


@dataclass(frozen=True)
class Content:
    """What the page tells.

    Args:
        cards: large figures, each (value, what it is).
        decisions: lines of day, what, outcome and why.
        refused: checks of the damaged copy that failed.
        thresholds: the promises with what was measured.
    """

    lead: str
    cards: Sequence[tuple[str, str]]
    pictures: Sequence[Picture]
    decisions: Sequence[Sequence[str]]
    refused: Iterable[Check]
    thresholds: Iterable[Threshold]
    note: str


def write(path: Path, content: Content) -> None:
    """Write the page; everything but the pictures is escaped."""
    parts = [
        pages.cards(content.cards),
        *(pages.section(item.title, pages.paragraph(item.text), item.figure) for item in content.pictures),
        pages.section(
            "What was decided, and why",
            pages.table(("Event day", "What", "Outcome", "Why"), content.decisions),
        ),
        pages.section("Data that was refused", pages.paragraph(REFUSED), _checks(content.refused)),
        pages.section("Promises of this demo", _promises(content.thresholds)),
        pages.quiet(content.note),
    ]
    path.write_text(pages.page("A year of flights, run by Millrace", *parts, lead=content.lead))


def _checks(checks: Iterable[Check]) -> Html:
    header = ("Check", "Column", "Seen", "Allowed", "How to mend it")
    return pages.table(
        header,
        [[check.check, check.column or "", check.observed, check.allowed, check.mend] for check in checks],
    )


def _promises(items: Iterable[Threshold]) -> Html:
    lines = [
        (
            item.name,
            item.shown,
            item.bound_shown,
            pages.mark(item.word, item.met),
        )
        for item in items
    ]
    return pages.table(("Promise", "Measured", "Bound", ""), lines)
