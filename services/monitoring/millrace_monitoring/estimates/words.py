"""What an estimate says, and what it cannot say, in plain words."""

from collections.abc import Sequence

from millrace_contracts.counting import counted
from millrace_contracts.digits import legible
from millrace_contracts.estimates import Estimates
from millrace_contracts.monitors import MonitorWrite
from millrace_monitoring.tables import EstimatedDay

BLIND = (
    "An estimate sees rows that are harder or easier for the model. It cannot see that the same rows have other labels "
    "than before (concept drift): only labels show that."
)
OFF = "estimates are turned off (monitoring.estimate.enabled: false)"
NO_DAY = "no day is over yet"


def why_not(spec: MonitorWrite, rows: Sequence[EstimatedDay]) -> str | None:
    """Why nothing is estimated under this version; None if something is."""
    if not spec.policy.estimated:
        return OFF
    if not rows:
        return NO_DAY
    return None if any(row.item.why is None for row in rows) else rows[-1].item.why


def of(told: Estimates) -> list[str]:
    """One sentence a fact, the most important first."""
    if told.why_not is not None:
        return [f"Nothing is estimated: {told.why_not}."]
    return [_standing(told), _labels(told), _alarm(told), BLIND]


def _standing(told: Estimates) -> str:
    found = told.estimator
    if found.distance is None or found.bias is None or found.held is None:
        return "No day with labels has shown yet how wrong the estimate is on this loop."
    side = "below" if found.bias > 0 else "above"
    enough = "" if found.known else f"; its error counts as known from {found.needed} days on"
    off, mean = legible(found.distance, 3), legible(abs(found.bias), 3)
    return (
        f"On {counted(found.days, 'day')} with labels the estimated loss was off by {off}, in the mean "
        f"{mean} {side} what was measured; its band held that on {found.held:.0%} of the days{enough}."
    )


def _labels(told: Estimates) -> str:
    labels = told.labels
    if labels.share is None:
        return "No labels have come yet."
    share = f"{labels.share:.0%} of the rows have a label"
    if labels.random is None:
        few = f"{counted(labels.days, 'day')} of comparison cannot say yet whether they are a fair sample of all rows"
        return f"{share}; {few}."
    if labels.random:
        return f"{share}, and they look like a fair sample of all rows."
    difference = labels.difference or 0.0
    return (
        f"{share}, and they are no fair sample: by {labels.column} they differ from the others by {difference:+.2f} "
        "standard deviations. What was measured speaks for rows like them; 'adjusted' weighs them by what is expected "
        "of all. A label that comes because of what it is cannot be weighed away."
    )


def _alarm(told: Estimates) -> str:
    if not told.alarm:
        return "The estimate is shown and raises no alarm (monitoring.estimate.alarm)."
    if told.estimator.trusted:
        return (
            "A risen estimate is an alarm: its error on this loop is known and allowed for. It opens no run."
        )
    if told.estimator.known:
        return "A risen estimate is no alarm now: its bands held too few of the days with labels."
    return "A risen estimate is no alarm yet: its error on this loop is not known."
