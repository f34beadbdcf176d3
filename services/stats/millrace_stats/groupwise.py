"""Every group of every protected attribute against its reference, as an evaluation and a monitor tell it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from millrace_stats import groups
from millrace_stats.groups import CONFIDENCE, MISSING, OTHERS, RATES, Estimate, Measures
from millrace_stats.tasks import Task, Value


@dataclass(frozen=True)
class GroupShare:
    """One group: its sums by metric and block, and how many rows it has in each block, (blocks,)."""

    measures: Measures
    rows: np.ndarray


@dataclass(frozen=True)
class GapLine:
    """A group less its reference, with 95 % bounds of this one difference."""

    difference: float
    error: float
    freedom: float
    lower: float
    upper: float


@dataclass(frozen=True)
class MetricLine:
    """One metric of one group; see `millrace_contracts.fairness.GroupMetric`."""

    metric: str
    rows: int
    value: float | None
    lower: float | None
    upper: float | None
    small: bool
    gap: GapLine | None


@dataclass(frozen=True)
class GroupLine:
    """One group of one attribute."""

    attribute: str
    group: str
    reference: bool
    rows: int
    blocks: int
    metrics: tuple[MetricLine, ...]


def favourable(task: Task, classes: Sequence[Value], wanted: str | None) -> str | None:
    """The class that counts as selected: the one that is *wanted*, else the second of two.

    Raises: ValueError, naming the classes, if it is none of them.
    """
    names = task.names(classes) if task.classifies else []
    if wanted is not None and wanted not in names:
        raise ValueError(
            f"the favourable class {wanted!r} is none of {', '.join(names) or 'them: there are none'}"
        )
    return wanted if wanted is not None or len(names) != 2 else names[1]


def cut(measures: Measures, values: np.ndarray, blocks: np.ndarray, count: int) -> dict[str, GroupShare]:
    """The parts of the groups that *values*, object (rows,), name."""
    parts = {}
    for name in sorted(set(values.tolist())):
        here = values == name
        rows = np.bincount(blocks[here], minlength=count)
        parts[name] = GroupShare(groups.summed(measures, here, blocks, count), rows)
    return parts


def compare(
    parts: Mapping[str, GroupShare], attribute: str, reference: str | None, minimum: int, ordered: bool
) -> tuple[list[GroupLine], str | None]:
    """Each group of one attribute against the reference, the reference first; and why they cannot be compared, if so.

    Args:
        reference: the group that others are compared with; None: the largest that has a name.
        minimum: rows below which a group is too small to be judged.
    """
    if reference is not None and reference not in parts:
        return [], f"{attribute}: there is no row of the reference group {reference!r}, so none is compared"
    sizes = {name: int(part.rows.sum()) for name, part in parts.items()}
    known = [name for name in sizes if name not in (MISSING, OTHERS)] or [*sizes]
    if not known:
        return [], f"{attribute}: there is no row"
    base = reference or min(known, key=lambda name: (-sizes[name], name))
    order = [base, *sorted((name for name in sizes if name != base), key=lambda name: (-sizes[name], name))]
    lines = [
        GroupLine(
            attribute,
            name,
            name == base,
            sizes[name],
            int((parts[name].rows > 0).sum()),
            tuple(_metrics(parts[name], None if name == base else parts[base], minimum, ordered)),
        )
        for name in order
    ]
    return lines, None


def _metrics(part: GroupShare, base: GroupShare | None, minimum: int, ordered: bool) -> list[MetricLine]:
    lines = []
    for metric, sums in part.measures.items():
        rate = metric in RATES
        told = groups.estimate(sums, rate, ordered)
        others = None if base is None else base.measures[metric]
        small = told.rows < minimum or (others is not None and others[1].sum() < minimum)
        found = None if small or others is None else groups.gap(sums, others, rate, ordered)
        lines.append(_line(metric, told, small or (others is not None and found is None), found))
    return lines


def _line(metric: str, told: Estimate, small: bool, found: groups.Gap | None) -> MetricLine:
    line = None
    if found is not None:
        half = found.half((1 + CONFIDENCE) / 2)
        line = GapLine(
            found.difference, found.error, found.freedom, found.difference - half, found.difference + half
        )
    return MetricLine(metric, told.rows, told.value, told.lower, told.upper, small, line)
