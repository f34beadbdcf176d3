"""What the statistical rules promise, and whether what was measured keeps it: one row each, red or green."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from millrace_stats.tables import Group, Row

KEPT, NEARLY, BROKEN, UNKNOWN = "kept", "kept within the error", "**not kept**", "**not measured**"
ERRORS = 2.0
"""Standard errors by which a share may lie beyond its bound and still be called kept within the error."""
Kind = Literal["share at most", "share at least", "delay at most"]


@dataclass(frozen=True)
class Promise:
    """A bound for all rows of a *group* whose name the pattern *rows* finds.

    Attributes:
        column: of a table with several figures, the cell that counts (its last number), else None.
        repeats: on which the error of such a cell is reckoned.
        why: it is not kept, where it is not.
    """

    text: str
    group: str
    rows: str
    kind: Kind
    bound: float
    column: int | None = None
    repeats: int = 4000
    why: str = ""


@dataclass(frozen=True)
class Judged:
    """What became of a promise: a *word*, and the measured *figures* in the order of the rows."""

    word: str
    figures: str


@dataclass(frozen=True)
class Figure:
    """One measured figure with its standard error, as it is shown."""

    value: float
    error: float
    shown: str


RARE = "harm on blocks so rare that the holdout has none is seen by no gate; the way back is what is left"
AMID = {
    14: "a move amid a window waits for two whole ones, 37 days, and weekdays may take one more",
    7: "a week tells little of days that resemble each other, and two in a row have to be sure",
}
"""Why a moved feature is not found in 30 days, by the days of a window."""
PROMISES: tuple[Promise, ...] = (
    Promise("drift: p ≤ 0.05 in at most 7 % of quiet windows, 60+14 days, r ≤ 0.7",
            "drift", r"^no drift, one feature, 60\+14 days, .*: p ≤ 0.05$", "share at most", 0.07),
    Promise("drift of 2 day-sd, r=0.5, 60+14 days: p ≤ 0.05 in at least 85 %",
            "drift", r"^drift of 2 day-sd, one feature, 60\+14 days, r=0.5: p ≤ 0.05$", "share at least", 0.85),
    Promise("the whole drift rule, 24 features, windows of 14 days: an alarm in at most 10 % of years, r ≤ 0.7",
            "drift", r"^no drift, 24 features, alarm within a year, windows of 14 days", "share at most", 0.10),
    Promise("the same, windows of 7 days",
            "drift", r"^no drift, 24 features, alarm within a year, windows of 7 days", "share at most", 0.10),
    Promise("one of 24 features that moves by 2 day-sd is found in 30 days (median), windows of 14 days",
            "drift", r"^drift of 2 day-sd in 1 of 24 features", "delay at most", 30,
            why="two windows in a row end on day 28 or 42, so the median of few years falls on either side"),
    Promise("performance: at most 1.5 % of models a year, 60 reference days, r ≤ 0.4",
            "performance", r"^no rise, .* 60 reference days", "share at most", 0.015),
    Promise("performance: two points more errors found in 12 days (median), r ≤ 0.4",
            "performance", r"rises by 2 points, 60 reference days", "delay at most", 12,
            why="at r=0.4 days tell less than they seem to, and the scale is wider for it"),
    Promise("slices: any of ten errs in at most 2.3 % of years, as one detector does, r ≤ 0.4",
            "slices", r"^no rise, alarm of any of 10 slices", "share at most", 0.023),
    Promise("the same for any of fifty",
            "slices", r"^no rise, alarm of any of 50 slices", "share at most", 0.023),
    Promise("gate: at most 5 % of candidates as bad as the margin pass, 14 and 28 days, r ≤ 0.4",
            "gate", r"^candidate as bad as the margin passes", "share at most", 0.05),
    *(Promise(f"the same, blocks of the kind *{kind}*",
              "power", rf"^{kind}, ", "share at most", 0.05, column=4, why=RARE)
      for kind in ("even", "tailed", "proportional", "gain", "harm")),
    Promise("gate: 10 % better, 28 blocks, sd twice the margin: at least 80 % pass, whatever the blocks",
            "power", r", 28, 2, ", "share at least", 0.80, column=8),
    *(Promise(f"gate: of three runs that carry evidence the {name} errs in at most 5 %",
              "carried", r", \+2%, ", "share at most", 0.05, column=column, repeats=3000)
      for name, column in (("first", 4), ("second", 5), ("third", 6))),
    *(Promise(f"gate: the same for the best of four by the other weeks, {words}",
              "choosing", rf", {alike}$", "share at most", 0.05, column=5,
              why="what answers for a week hangs on the other weeks, the more so where neighbours resemble each other")
      for words, alike in (("nine tenths of what moves them in common", r"0\.9"), ("half of it", r"0\.5"))),
    Promise("gate: the same where each training comes out 2 % better or worse, judged by four, one a week",
            "renewal-margin", ", ", "share at most", 0.05, column=5,
            why="four trainings have half the luck of one; kept where days differ ten times as much, rare harm aside"),
    Promise("gate: at most 5 % pass at the margin in the run of a false alarm, on the days since the rise",
            "alarm-runs", r"^false alarm: .*common, days since the rise$", "share at most", 0.05,
            why="the alarm has chosen days on which the champion had bad luck; the next row says how rare that is"),
    Promise("a year has such a promotion in at most 0.5 %",
            "alarm-runs", r"^such a promotion .*common, days since the rise$", "share at most", 0.005),
    Promise("gate: at most 5 % pass at the margin in the first run of an alarm after a rise of 20 %",
            "alarm-runs", r"^rise: one as bad as the margin .*common, days since the rise$", "share at most", 0.05,
            why="the alarm chooses the day on which it is raised, and the first that counts"),
    Promise("gate: at most 5 % pass at the margin on 3 to 12 weeks or months",
            "blocks", r"^candidate as bad as the margin passes, [0-9]+ weeks or months", "share at most", 0.05),
    Promise("switch-back: equal versions at most 1 % a year, r ≤ 0.2, one version",
            "switch-back", r"^1 equal .*margin 2%, scale from 28 earlier .*r=0\.[02]$", "share at most", 0.01),
    Promise("switch-back: at most 2.5 % at r=0.4, one version",
            "switch-back", r"^1 equal .*margin 2%, scale from 28 earlier .*r=0\.4$", "share at most", 0.025),
    Promise("switch-back: the same for five versions together",
            "switch-back", r"^5 equal version\(s\), margin 2%, .*r=0\.4$", "share at most", 0.025),
    Promise("switch-back: better by 2 day-sd found in 12 days (median), at once or after 120 days, r ≤ 0.4",
            "switch-back", r"^version better by 2 day-sd", "delay at most", 12,
            why="at r=0.4 a day tells less; after 120 worse days the mean over 56 turns late, and shorter ones err"),
    Promise("canary: a healthy one aborted in at most 1 %",
            "canary", r"both arms fail", "share at most", 0.01),
    Promise("leaks: no honest table of 500 rows or more is refused in more than 0.5 %",
            "leakage", r"^(500|5,000) honest rows .*: refused as a leak", "share at most", 0.005),
    Promise("slices of a candidate: of those called worse at most 5 % are not (false discovery rate), r ≤ 0.4",
            "gate-slices", r"r=0\.\d, (even|tailed|proportional|harm): (one that is called is not|any is called worse)",
            "share at most", 0.05),
    Promise("the same where single blocks are much better than the rest",
            "gate-slices", r", gain: (one that is called is not|any is called worse)", "share at most", 0.05,
            why="the month that was judged on may hold none of those blocks; a candidate is refused in vain"),
    Promise("the same where slices differ in how much their days resemble each other",
            "gate-slices", r"r=0\.6 of two, .*: (one that is called is not|any is called worse)", "share at most", 0.05,
            why="a month does not tell which slices those are"),
    Promise("groups: one that lies at the bound passes in at most 5 %, days of 200 rows",
            "protected", r"^the smallest group at the bound passes, .* of 200 .*: the gate", "share at most", 0.05),
    Promise("groups: 95 % bounds of a difference hold it in at least 94 %, also where days differ much in size",
            "protected-bounds", r"^the bounds of a ", "share at least", 0.94),
    Promise("groups: equal ones fail in at most 5 %",
            "protected", r"^equal groups fail, .*: the gate", "share at most", 0.05),
    Promise("quality: features that lack 2 % of their values raise an alarm in at most 10 % of years",
            "few-quality", r"^20 features missing in 2% of rows", "share at most", 0.10),
    Promise("the same for 10 %",
            "few-quality", r"^20 features missing in 10% of rows", "share at most", 0.10,
            why="at one row a day: sixty reference rows do not say what is normal"),
    Promise("drift of few rows: an alarm in at most 10 % of years, 24 features",
            "few-drift", r"^no drift", "share at most", 0.10),
    Promise("performance of few labels: at most 1.5 % of models a year",
            "few-performance", r"^no rise", "share at most", 0.015),
    Promise("drift as the default asks for it, 0.1 a year: an alarm in at most 10 % of years, r=0.7",
            "drift-curve", r"^asked for 0.1 a year, .*: no drift", "share at most", 0.10),
    Promise("drift as the default asks for it: one of 24 features that moves by 2 day-sd is found in 30 days (median)",
            "drift-curve", r"^asked for 0.1 a year, windows of 14 days: 1 of 24", "delay at most", 30),
    *(Promise(f"drift where days have weeks, holidays, parts in common or few entities: an alarm in at most 10 % of "
              f"years, windows of {days} days",
              "seasons", rf"^no drift, (?!a yearly).*windows of {days} days", "share at most", 0.10,
              why="few years, and sixty days say too little of how much days resemble each other")
      for days in (14, 7)),
    *(Promise(f"one of 24 features that moves by 2 day-sd, {what}, is found in 30 days (median), "
              f"windows of {days} days",
              "seasons", rf"^1 of 24 moves.*{words}.*windows of {days} days", "delay at most", 30, why=AMID[days])
      for days in (14, 7)
      for what, words in (("r=0.5", "neighbours"), ("with weekdays", "weekdays"), ("half in common", "share half"))),
    Promise("performance where losses have weeks: at most 1.5 % of models a year, r=0.4",
            "seasons-performance", r"^no rise, (days like .*r=0\.4|weekdays of)", "share at most", 0.015),
    Promise("the same with single holidays",
            "seasons-performance", r"^no rise, (single holidays|weekdays and single)", "share at most", 0.015),
    Promise("the same with a week of holidays, which is a rise for a week, also at r=0.7",
            "seasons-performance", r"^no rise, (holidays|weeks and holidays)", "share at most", 0.015,
            why="losses do rise in that week, and a week of bad days is an alarm"),
    Promise("performance: two points more errors found in 30 days (median), also with weekdays, r=0.4",
            "seasons-performance", r"^error rate", "delay at most", 30),
    Promise("estimates: an alarm in vain in at most 1.5 % of half years, r ≤ 0.4",
            "estimates", r"^rows as before, .*r=0\.[04]$", "share at most", 0.015),
)  # fmt: skip


def judged(promise: Promise, groups: dict[str, Group]) -> Judged:
    """Whether every figure of a promise is within its bound."""
    group = groups.get(promise.group)
    rows = [] if group is None else [row for row in group.rows if re.search(promise.rows, row.name)]
    if not rows:
        return Judged(UNKNOWN, "–")
    figures = [_figure(promise, row) for row in rows]
    return Judged(_word(promise, figures), _shown(figures))


def _word(promise: Promise, figures: Sequence[Figure]) -> str:
    sign = -1.0 if promise.kind == "share at least" else 1.0
    over = [sign * (item.value - promise.bound) for item in figures]
    if max(over) <= 0:
        return KEPT
    near = all(one <= ERRORS * item.error for one, item in zip(over, figures, strict=True))
    return NEARLY if near else BROKEN


def _figure(promise: Promise, row: Row) -> Figure:
    if promise.column is not None:
        value = float(re.findall(r"[-+]?[0-9.]+", row.cells[promise.column])[-1]) / 100
        inner = min(max(value, 1 / promise.repeats), 1 - 1 / promise.repeats)
        return Figure(value, (inner * (1 - inner) / promise.repeats) ** 0.5, f"{value:.1%}")
    if promise.kind == "delay at most":
        value = float("inf") if row.median is None else row.median
        return Figure(value, 0.0, row.cells[-2] or "never")
    assert row.share is not None
    return Figure(row.share, row.error or 0.0, f"{row.share:.1%}")


def _shown(figures: Sequence[Figure], most: int = 6) -> str:
    if len(figures) <= most:
        return ", ".join(item.shown for item in figures)
    ends: tuple[Callable[..., Figure], ...] = (min, max)
    low, high = (end(figures, key=lambda item: item.value) for end in ends)
    return f"{low.shown} to {high.shown} ({len(figures)} figures)"


def table(groups: dict[str, Group]) -> str:
    """All promises, what was measured, and the word; where it is not kept with the reason."""
    lines = ["| promise | measured | |", "|---|---|---|"]
    for item in PROMISES:
        found = judged(item, groups)
        why = f": {item.why}" if found.word == BROKEN and item.why else ""
        lines.append(f"| {item.text} | {found.figures} | {found.word}{why} |")
    return "\n".join(lines)
