"""Groups of protected attributes as a table that a report, a card and a page of the console show alike."""

from collections.abc import Iterator
from html import escape

from millrace.pages.page import Html, quiet, section, table
from millrace_contracts.digits import legible, signed
from millrace_contracts.fairness import FairnessEvaluation, GroupEvaluation, GroupMetric

TITLE = "Groups of protected attributes"
HEADINGS = ("metric", "group", "rows", "value", "95 % bounds", "less the reference", "95 % bounds")
SMALL = "too few rows to be compared"
NO_VERDICT = (
    "Bounds are of each group alone, clustered by block. A difference whose bounds contain 0 may be chance, and one "
    "whose bounds do not is no finding of discrimination: what it means is for people to say."
)


def shown(told: FairnessEvaluation) -> Html:
    """A section with a table for each attribute, and what was not compared."""
    parts = [quiet(_lead(told))]
    for attribute in dict.fromkeys(line.attribute for line in told.groups):
        lines = [line for line in told.groups if line.attribute == attribute]
        parts += [Html(f"<h3>{escape(attribute)}</h3>"), table(HEADINGS, rows(lines))]
    parts += [quiet(f"Not compared: {words}.") for words in told.left_out]
    return section(TITLE, *parts)


def rows(lines: list[GroupEvaluation]) -> Iterator[tuple[object, ...]]:
    """One line for each metric and group of one attribute, in texts."""
    for place in range(max((len(line.metrics) for line in lines), default=0)):
        for line in lines:
            item = line.metrics[place]
            yield (
                item.metric,
                _name(line),
                item.rows,
                _number(item.value),
                _bounds(item.lower, item.upper),
                *_gap(line, item),
            )


def _lead(told: FairnessEvaluation) -> str:
    first = f"Selected means answered with {told.favourable}. " if told.favourable is not None else ""
    return f"{first}Groups with fewer than {told.minimum_rows} rows are not compared. {NO_VERDICT}"


def _name(line: GroupEvaluation) -> str:
    return f"{line.group} (reference)" if line.reference else line.group


def _gap(line: GroupEvaluation, item: GroupMetric) -> tuple[str, str | None]:
    if line.reference:
        return ("", "")
    if item.gap is None:
        return (SMALL, "")
    return (signed(item.gap.difference, 3), _bounds(item.gap.lower, item.gap.upper))


def _bounds(lower: float | None, upper: float | None) -> str | None:
    return None if lower is None or upper is None else f"{legible(lower, 3)} to {legible(upper, 3)}"


def _number(value: float | None) -> str | None:
    return None if value is None else legible(value, 3)
