"""Stored days as they are told: with bounds, by day and by window, and in plain words."""

from collections.abc import Sequence
from itertools import groupby

from millrace_contracts.estimates import EstimatedMetric, EstimatedSpan, Estimates
from millrace_contracts.monitors import MonitorWrite
from millrace_monitoring.estimates import standing, words
from millrace_monitoring.profiles.baseline import Baseline
from millrace_monitoring.tables import EstimatedDay
from millrace_stats.estimates import errors
from millrace_stats.estimates.tracking import Standing

Baselines = dict[int, Baseline]
"""By version."""


def read(spec: MonitorWrite, rows: Sequence[EstimatedDay], baselines: Baselines, window: int) -> Estimates:
    """Everything that is told of these days.

    Args:
        rows: all stored days, in order. baselines: of every version among them. window: days that stand together.
    """
    last = rows[-1].version if rows else None
    by_version = {
        version: [row for row in rows if row.version == version] for version in {row.version for row in rows}
    }
    found = {version: standing.of_estimator(mine, baselines[version]) for version, mine in by_version.items()}
    spans, windows = list[EstimatedSpan](), list[EstimatedSpan]()
    for version, group in groupby(rows, key=lambda row: row.version):
        told = [row for row in group if row.item.why is None]
        spans += [_span([row], baselines[version], found[version]) for row in told]
        parts = [told[start : start + window] for start in range(0, len(told), window)]
        windows += [_span(part, baselines[version], found[version]) for part in parts]
    mine = by_version.get(last, []) if last is not None else []
    policy = spec.policy.estimate
    answer = Estimates(
        version=last,
        method=next((row.item.method for row in reversed(mine) if row.item.method), None),
        why_not=words.why_not(spec, mine),
        alarm=policy is not None and policy.alarm,
        estimator=standing.estimator_told(found[last] if last is not None else Standing(0)),
        labels=standing.labels_told(mine),
        days=spans,
        windows=windows,
        words=[],
    )
    return answer.model_copy(update={"words": words.of(answer)})


def _span(rows: Sequence[EstimatedDay], baseline: Baseline, found: Standing) -> EstimatedSpan:
    """Days of one version together: means weighed by rows; of metrics that are no means too, which is close."""
    items = [row.item for row in rows]
    every, labelled = sum(item.rows for item in items), sum(item.labelled for item in items)
    names = set.intersection(*(set(item.metrics) for item in items))
    variance = sum(item.variance * item.rows for item in items) / every
    metrics = {}
    for name in sorted(names):
        value = sum(item.metrics[name] * item.rows for item in items) / every
        errors_of = {} if baseline.estimator is None else baseline.estimator.errors
        spread = variance if name == "loss" else None
        band = errors.band(value, errors_of.get(name), every, len(items), spread, found.widen)
        metrics[name] = EstimatedMetric(value=value, measured=_measured(rows, name))
        if band is not None:
            bounds = vars(band) | {"lower": max(band.lower, 0.0)}
            metrics[name] = metrics[name].model_copy(update=bounds)
    return EstimatedSpan(
        since=rows[0].day,
        until=rows[-1].day,
        version=rows[0].version,
        rows=every,
        labelled=labelled,
        settled=all(row.settled for row in rows),
        metrics=metrics,
        adjusted=_adjusted(rows),
        refused=next((item.refused for item in items if item.refused), None),
    )


def _measured(rows: Sequence[EstimatedDay], name: str) -> float | None:
    """By labelled rows, over settled days; of days that wait the few labels that came first may be chosen."""
    told = [
        (row.item.measured[name], row.item.labelled)
        for row in rows
        if row.settled and name in row.item.measured
    ]
    return sum(value * n for value, n in told) / sum(n for _, n in told) if told else None


def _adjusted(rows: Sequence[EstimatedDay]) -> float | None:
    told = [
        (row.item.adjusted, row.item.rows) for row in rows if row.settled and row.item.adjusted is not None
    ]
    return sum(value * n for value, n in told) / sum(n for _, n in told) if told else None
