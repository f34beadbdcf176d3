"""How far an estimate can be believed: from the days of one version that settled."""

from collections.abc import Sequence

from millrace_contracts.estimates import EstimatorStanding, LabelsStanding
from millrace_monitoring.profiles.baseline import Baseline
from millrace_monitoring.tables import EstimatedDay
from millrace_stats.estimates import errors, selection, tracking
from millrace_stats.estimates.selection import Selection
from millrace_stats.estimates.tracking import KNOWN_DAYS, Settled, Standing

LABEL_DAYS = 28
"""Settled days over which labelled rows are held against the others."""


def settled(row: EstimatedDay, baseline: Baseline) -> Settled | None:
    """What the day says of the estimator; None without labels enough."""
    item = row.item
    measured = item.adjusted if item.drawn else item.measured.get("loss")
    if not row.settled or item.expected is None or measured is None:
        return None
    error = None if baseline.estimator is None else baseline.estimator.errors.get("loss")
    band = errors.band(item.expected, error, item.labelled, variance=item.spread)
    if band is None:
        return None
    return Settled(item.expected, measured, (band.upper - item.expected) / errors.Z, band.sampling)


def selected(rows: Sequence[EstimatedDay]) -> Selection:
    """Whether labels of the last settled days are a fair sample."""
    return selection.judge([row.item.differences for row in _last(rows)])


def tracked(rows: Sequence[EstimatedDay], baseline: Baseline) -> list[Settled | None]:
    """By day, in order; a day whose labels are chosen says nothing of the estimator."""
    if selected(rows).random is False:
        return [settled(row, baseline) if _complete(row) else None for row in rows]
    return [settled(row, baseline) for row in rows]


def _complete(row: EstimatedDay) -> bool:
    return row.item.drawn or row.item.labelled >= selection.COMPLETE * row.item.rows


def _last(rows: Sequence[EstimatedDay]) -> list[EstimatedDay]:
    return [row for row in rows if row.settled and row.item.rows][-LABEL_DAYS:]


def of_estimator(rows: Sequence[EstimatedDay], baseline: Baseline) -> Standing:
    """Of the version whose days these are."""
    return tracking.standing([day for day in tracked(rows, baseline) if day is not None])


def estimator_told(found: Standing) -> EstimatorStanding:
    """As it travels."""
    return EstimatorStanding(
        days=found.days,
        needed=KNOWN_DAYS,
        known=found.known,
        trusted=found.trusted,
        bias=found.bias,
        distance=found.distance,
        held=found.held,
        widen=found.widen,
    )


def labels_told(rows: Sequence[EstimatedDay]) -> LabelsStanding:
    """Of the labels of the last settled days."""
    last = _last(rows)
    found = selected(rows)
    every = sum(row.item.rows for row in last)
    share = sum(row.item.labelled for row in last) / every if every else None
    complete = bool(last) and all(_complete(row) for row in last)
    return LabelsStanding(
        random=True if complete else found.random,
        share=share,
        days=found.days,
        column=found.column,
        difference=found.difference,
    )
