"""The report as one self-contained HTML page; what there is no picture of is said in words."""

from collections.abc import Sequence

from millrace import pages
from millrace.pages import Html
from millrace.pages.groups import shown
from millrace_contracts.alarms import AlarmRead
from millrace_contracts.closings import ClosingRead
from millrace_contracts.counting import counted
from millrace_contracts.decisions import DecisionRead
from millrace_contracts.estimates import Estimates
from millrace_contracts.fairness import FairnessWindow
from millrace_contracts.monitors import MonitorWrite
from millrace_monitoring.reports import estimated, plots, predictions, scored
from millrace_monitoring.reports.predictions import Logged
from millrace_stats import tasks

NOT_YET = (
    "A day closes when newer rows have come and its labels are complete: when 'complete through' was told, or the "
    "label delay is over."
)
NO_TIME = "The loop names no event time, so a row belongs to the day on which it was asked."
Days = Sequence[ClosingRead]
UNLABELLED = (
    "day had rows but no label, so it says nothing about performance.",
    "days had rows but no label, so they say nothing about performance.",
)


def page(
    endpoint: str,
    spec: MonitorWrite,
    days: Days,
    logged: Logged,
    alarms: Sequence[AlarmRead],
    scorings: Sequence[DecisionRead] | None = (),
    known: Sequence[Html] = (),
    groups: FairnessWindow | None = None,
    expected: Estimates | None = None,
) -> str:
    """The whole page.

    Args:
        days: closed days in order.
        logged: answers and labels of the last of them.
        alarms: the newest first.
        scorings: what was scored by itself, the newest first; None: that is not known now.
        known: sections on what is known whatever days say; none for a loop whose days tell it all.
        groups: those of protected attributes over these days.
        expected: performance that is estimated before labels come.
    """
    about = [f"Days are cut in {spec.timezone}; loss is the {tasks.of(spec.task).measure}."]
    if spec.event_time is None:
        about.append(NO_TIME)
    parts = [pages.quiet(" ".join(about))]
    parts += known
    parts += _closed(days, logged) if days else [pages.paragraph(NOT_YET)]
    if expected is not None:
        parts.append(estimated.section(expected))
    if groups is not None and groups.fairness is not None and groups.days:
        parts.append(shown(groups.fairness))
    parts.append(pages.section("Alarms", _alarms(alarms)))
    parts += scored.sections(scorings)
    if days:
        parts.append(pages.section("What could not be decided", _undecided(days)))
    return pages.page(endpoint, *parts, lead=_span(days))


def _closed(days: Days, logged: Logged) -> list[Html]:
    """The sections that tell of closed days."""
    return [
        _section(
            "Daily loss",
            plots.losses(days),
            "Band: the reference's mean and scale. Red: an alarm was opened.",
            "No row has a label, so there is no loss to show. Labels come with 'millrace labels push'.",
        ),
        _section(
            "Performance detector",
            plots.evidence(days),
            "It calls for action where it meets the dashed level.",
            _gathering(days),
        ),
        _section(
            "Archived versions on the same rows",
            plots.paired(days),
            "Above zero, the archived one is better.",
            "No archived version was scored on rows with a label.",
        ),
        *predictions.sections(logged),
        _section(
            "Drift by feature and week",
            plots.drift_map(days),
            "PSI of the running window.",
            "No window of rows could be compared with the champion's training data yet.",
        ),
        *_window(days),
    ]


def _section(title: str, picture: Html | None, words: str, without: str) -> Html:
    """A picture with what it says, or why there is none."""
    if picture is None:
        return pages.section(title, pages.paragraph(without))
    return pages.section(title, picture, pages.quiet(words))


def _gathering(days: Days) -> str:
    so_far = [item.performance.reference_days for item in days if item.performance.reference_days is not None]
    if not so_far:
        return "It has not begun: no day with labels has closed."
    return f"It is still gathering its reference: {counted(so_far[-1], 'day')} so far."


def _span(days: Days) -> str:
    if not days:
        return "No day has closed yet."
    rows, labelled = sum(item.rows for item in days), sum(item.labelled for item in days)
    first = f"{counted(len(days), 'day')}, {days[0].day} to {days[-1].day}"
    return f"{first}; {rows:,} rows, {labelled:,} with a label."


def _window(days: Days) -> list[Html]:
    full = [(item.day, item.drift.window) for item in days if item.drift.window and item.drift.window.scores]
    if not full:
        return []
    day, window = full[-1]
    words = window.observing or "Red: it fires; an alarm needs two such windows in a row."
    title = f"The window that ended on {day}, against chance"
    return [pages.section(title, plots.null(window), pages.quiet(words))]


def _alarms(alarms: Sequence[AlarmRead]) -> Html:
    if not alarms:
        return pages.paragraph("None.")
    lines = [(item.opened_day, item.cause, item.state, item.count, item.reason) for item in alarms]
    return pages.table(("opened", "cause", "state", "days", "why"), lines)


def _gathered(day: ClosingRead) -> list[str]:
    """What waits for more rows as of the last day: days with few of them add up."""
    parts = (
        ("Whether the data is sound", day.quality.gathered, "rows"),
        ("Drift", day.drift.gathered, "rows"),
        (
            "The performance detector",
            day.performance.gathered,
            "labelled rows, to be like its reference's days",
        ),
    )
    return [
        f"{what} waits for more rows: {one.rows} of {one.wanted} {unit} gathered since {one.since}."
        for what, one, unit in parts
        if one is not None
    ]


def _undecided(days: Days) -> Html:
    reasons = []
    unlabelled = sum(item.rows > 0 and item.labelled == 0 for item in days)
    if unlabelled:
        reasons.append(counted(unlabelled, *UNLABELLED))
    waiting = [
        item
        for item in days
        if item.performance.loss is not None
        and item.performance.reference is None
        and item.performance.gathered is None
    ]
    if waiting:
        reasons.append(
            f"On {counted(len(waiting), 'day')} the performance detector was still gathering its reference."
        )
    observing = {item.drift.window.observing for item in days if item.drift.window}
    reasons += [f"Drift was only observed: {reason}." for reason in sorted(filter(None, observing))]
    reasons += _gathered(days[-1]) if days else []
    unscored = {
        f"Version {number} was not scored: {why}." for item in days for number, why in item.unscored.items()
    }
    reasons += sorted(unscored)
    reasons += [f"Of slices, {words}." for words in (days[-1].slices.left_out if days else ())]
    return pages.bullets(reasons) if reasons else pages.paragraph("Nothing.")
