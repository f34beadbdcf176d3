"""What follows from one day's rows, labels and the state so far: pure, so that a repeat finds the same."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from millrace_monitoring.alarms.signs import Sign
from millrace_monitoring.closing.rows import Rows
from millrace_monitoring.closing.versions import MODEL, Version
from millrace_monitoring.comparisons import mirror, switchback
from millrace_monitoring.drift import windows
from millrace_monitoring.graphs.running import Graphs
from millrace_monitoring.monitors.watermark import Day
from millrace_monitoring.performance import losses
from millrace_monitoring.performance.detector import QUIET_DAYS, Watch
from millrace_monitoring.performance.losses import DayLoss
from millrace_monitoring.profiles import daily, quality
from millrace_stats.drift import alarms as drifting
from millrace_stats.profiles import Profile

SAME = 1e-4
"""A served answer this close to the graph's own (relative, absolute below 1) is the graph's answer."""
SHARES = 28


@dataclass
class Found:
    """Everything that one closed day leaves behind."""

    state: dict[str, Any]
    labelled: int = 0
    profile: Profile | None = None
    losses: dict[int, DayLoss] = field(default_factory=dict)
    served: DayLoss | None = None
    pairings: list[mirror.Pairing] = field(default_factory=list)
    signs: list[Sign] = field(default_factory=list)
    over: set[str] = field(default_factory=set)
    """Kinds or causes whose open alarms end today."""
    switch_back: switchback.Finding | None = None
    drift: dict[str, Any] = field(default_factory=dict)
    performance: dict[str, Any] = field(default_factory=dict)
    quality: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Given:
    """What a day is judged by.

    versions: champion first; window: profiles of the champion's days since its last full window.
    """

    spec: dict[str, Any]
    day: Day
    rows: Rows
    versions: list[Version]
    state: dict[str, Any]
    window: list[Profile]


def close(given: Given, graphs: Graphs) -> Found:
    """Judge the day (CPU work: in a thread; every version's graph must be loaded)."""
    found = Found(state=dict(given.state))
    if len(given.rows) == 0:
        _unanswered(given, found)
        return found
    champion = given.versions[0]
    scores = {
        version.number: _score(graphs, version, given.rows)
        for version in given.versions
        if version is champion or version.broken is None
    }
    answers, facts = _answers(given, scores[champion.number])
    task, labels = given.spec["task"], given.rows.labels
    found.labelled = int(np.isfinite(labels).sum())
    day_losses = {
        number: losses.of_day(losses.of_rows(task, answers if number == champion.number else values, labels))
        for number, values in scores.items()
    }
    found.losses = {number: loss for number, loss in day_losses.items() if loss is not None}
    found.served = losses.of_day(losses.of_rows(task, given.rows.served, labels))
    found.pairings = mirror.compare(task, given.rows.table)
    _profile(given, found, champion, answers, facts)
    _performance(given, found, champion)
    _switch_back(found, champion)
    _drift(given, found, champion)
    return found


def _score(graphs: Graphs, version: Version, rows: Rows) -> np.ndarray:
    """What the version's graph answers; a champion whose graph cannot run is judged by what was served."""
    if version.broken is not None:
        return rows.served
    return graphs.score(version.digest(MODEL), rows.columns, len(rows))


def _answers(given: Given, scored: np.ndarray) -> tuple[np.ndarray, quality.Facts]:
    """The champion's answer to every row.

    Where its revision answered otherwise than the graph does, the answer that was served stands.
    """
    rows = given.rows
    compared = rows.by_champion & rows.logged
    with np.errstate(invalid="ignore"):
        same = np.abs(rows.served - scored) <= SAME * np.maximum(1.0, np.abs(scored))
    differs = compared & ~same & ~(np.isnan(rows.served) & np.isnan(scored))
    answers = np.where(differs, rows.served, scored)
    facts = replace(
        _facts(rows),
        not_finite=int((~np.isfinite(answers) | (rows.logged & ~np.isfinite(rows.served))).sum()),
        compared=int(compared.sum()),
        differing=int(differs.sum()),
        share=float(np.isfinite(rows.labels).mean()),
        shares=tuple(given.state.get("shares", ())),
    )
    return answers, facts


def _facts(rows: Rows) -> quality.Facts:
    faults = [fault for fault in rows.table["fault"].to_pylist() if fault]
    return quality.Facts(
        answered=len(rows),
        records=len(set(rows.table["request_id"].to_pylist())),
        faults={fault: faults.count(fault) for fault in set(faults)},
        repeated=rows.repeated,
    )


def _unanswered(given: Given, found: Found) -> None:
    """A day on which nobody was answered: either nobody asked, or nothing worked."""
    faults = quality.of_records(_facts(given.rows), given.spec["policy"]["quality"])
    found.signs = [Sign("quality", fault.cause, fault.reason, fault.evidence) for fault in faults]


def _profile(
    given: Given, found: Found, champion: Version, answers: np.ndarray, facts: quality.Facts
) -> None:
    columns = dict(given.rows.columns)
    columns |= {
        item["column"]: columns[item["name"]]
        for item in given.spec["signature"]["inputs"]
        if item["name"] in columns and item["column"] not in columns
    }
    found.profile = daily.of_day(champion.baseline.spec, columns, answers)
    faults = quality.faults(found.profile, champion.baseline, facts, given.spec["policy"]["quality"])
    found.signs += [Sign("quality", fault.cause, fault.reason, fault.evidence) for fault in faults]
    found.over.add("quality")
    found.state["shares"] = [*facts.shares, facts.share][-SHARES:]
    found.quality = {
        "faults": [fault.cause for fault in faults],
        "missing": {name: found.profile.missing_share(name) for name in champion.baseline.spec.features},
        "outside": {
            name: found.profile.outside_share(champion.baseline.spec, name)
            for name in champion.baseline.spec.features
        },
        "label_share": facts.share,
        "served_differs": facts.differing,
        "served_compared": facts.compared,
        "repeated": facts.repeated,
    }


def _performance(given: Given, found: Found, champion: Version) -> None:
    loss = found.losses.get(champion.number)
    if loss is None:
        return
    policy = given.spec["policy"]["performance"]
    watch = Watch.from_dict(given.state["watch"])
    fired = watch.update(loss.loss, policy)
    found.performance = watch.last
    found.state["watch"] = watch.to_dict()
    if fired:
        reason = (
            f"version {champion.number}'s mean loss has risen: {loss.loss:.4g} today, "
            f"{watch.last['reference_mean']:.4g} on {watch.last['reference_days']} reference days; "
            f"log evidence {watch.last['log_value']:.2f} over the level {watch.last['log_level']:.2f}"
        )
        found.signs.append(
            Sign("performance", "performance", reason, watch.last | {"version": champion.number})
        )
    elif watch.quiet >= QUIET_DAYS:
        found.over.add("performance")


def _switch_back(found: Found, champion: Version) -> None:
    loss = found.losses.get(champion.number)
    if loss is None:
        return
    others = {number: item.loss for number, item in found.losses.items() if number != champion.number}
    pairs, found.switch_back = switchback.update(found.state["pairs"], loss.loss, others)
    found.state["pairs"] = pairs


def _drift(given: Given, found: Found, champion: Version) -> None:
    """PSI of the running window each day; a judgement when it is full; an alarm after two in a row."""
    assert found.profile is not None
    policy = given.spec["policy"]["drift"]
    days = [*given.window, found.profile]
    found.drift = {"days": len(days), "psi": windows.scores(days, champion.baseline)}
    rows = sum(day.rows for day in days)
    found.state["window"] = [*given.state.get("window", []), given.day.date.isoformat()]
    if len(days) < policy["window_days"] or rows < policy["minimum_rows"]:
        return
    broken = {
        sign.cause.split(":")[2]
        for sign in found.signs
        if sign.kind == "quality" and sign.cause.count(":") == 2
    }
    window = windows.judge(days, champion.baseline, broken, policy["psi"])
    before = given.state.get("drift_before")
    names = drifting(windows.from_dict(before) if before else None, window)
    found.state |= {"window": [], "drift_before": windows.to_dict(window)}
    found.drift["window"] = windows.to_dict(window) | {"from": given.state.get("window", [None])[0]}
    if names:
        scores = {score.feature: score.to_dict() for score in window.scores if score.feature in names}
        listed = ", ".join(f"{name} (PSI {scores[name]['psi']:.2f})" for name in names)
        reason = f"drift in two windows of {len(days)} days in a row: {listed}"
        found.signs.append(Sign("drift", "drift", reason, {"features": scores, "rows": rows}))
    else:
        found.over.add("drift")
