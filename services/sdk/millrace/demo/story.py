"""What the platform did, read back from it and told: summary.json, the page, and the pictures."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from millrace.client import Millrace
from millrace.demo import flights, page, scoring, thresholds
from millrace.demo.marks import Interval, Mark, Shares
from millrace.demo.summary import Measured, Predictions, Requests, Summary, SummaryAlarm
from millrace_contracts.alarms import AlarmRead
from millrace_contracts.closings import ClosingRead
from millrace_contracts.decisions import DecisionRead
from millrace_contracts.endpoints import GatewayRead
from millrace_contracts.loop_runs import LoopRunRead
from millrace_contracts.models import ModelVersionRead
from millrace_contracts.monitors import MonitorCounts
from millrace_contracts.rows import DeliveryReport

UNIT = "minutes"
OUTBOX_SECONDS = 3.0
WHAT = {"rollout.promoted": "promoted", "switch-back": "switch-back", "rollout.aborted": "aborted"}
SHOWN = (
    "data.refused",
    "data.accepted",
    "run.opened",
    "gate.verdict",
    "rollout.promoted",
    "rollout.aborted",
    "switch-back",
    "run.closed",
    "alarm.opened",
)


@dataclass
class Facts:
    """Everything the platform recorded about one loop."""

    decisions: list[DecisionRead]
    alarms: list[AlarmRead]
    runs: list[LoopRunRead]
    versions: list[ModelVersionRead]
    closings: list[ClosingRead]
    counts: MonitorCounts
    gateway: GatewayRead
    digest: str

    def of_kind(self, *kinds: str) -> list[DecisionRead]:
        return [item for item in self.decisions if item.kind in kinds]


def gather(client: Millrace, loop: str) -> Facts:
    """Ask every service what happened in *loop*."""
    registry, monitoring = client.registry, client.monitoring
    _await_decisions(client, loop)
    return Facts(
        decisions=sorted(registry.decisions(loop=loop), key=lambda item: (_when(item), item.kind)),
        alarms=monitoring.alarms(endpoint=loop),
        runs=client.controller.runs(loop),
        versions=registry.versions(loop),
        closings=monitoring.closings(endpoint=loop),
        counts=monitoring.monitor(loop).counts,
        gateway=client.serving.gateway(),
        digest=registry.decision_digest(loop=loop).digest,
    )


def _await_decisions(client: Millrace, loop: str) -> None:
    """Wait until no more decisions arrive: services deliver them from their outboxes about a second late."""
    before = -1
    while (count := client.registry.decision_digest(loop=loop).count) != before:
        before = count
        time.sleep(OUTBOX_SECONDS)


def squared_errors(
    client: Millrace, facts: Facts, table: pd.DataFrame, predictions: np.ndarray
) -> dict[str, np.ndarray]:
    """Squared errors of every row for the loop's own answers, the first version, and the best in hindsight."""
    truth = table[flights.TARGET].to_numpy()
    days = table["day"].astype(str).to_numpy()
    errors, since = {}, {}
    for version in facts.versions:
        number, graph = version.number, client.registry.get_artifact(version.files.digest("model"))
        since[number] = _exists_from(version, days) if number > 1 else days.min()
        rows = np.flatnonzero(days >= since[number])
        errors[number] = np.full(len(table), np.nan)
        errors[number][rows] = (scoring.score(graph, version.signature, table.iloc[rows]) - truth[rows]) ** 2
    return {
        "loop": (predictions - truth) ** 2,
        "static": errors[1],
        "hindsight": scoring.hindsight(errors, since, days),
    }


def _exists_from(version: ModelVersionRead, days: np.ndarray) -> str:
    """First event day on which the version could have served: the day at which its training data ends."""
    assert version.lineage.trained_through is not None, "flights have event times"
    through = pd.Timestamp(version.lineage.trained_through).tz_convert(flights.HOME_ZONE)
    return max(str(through.date()), str(days.min()))


def summarize(
    facts: Facts, errors: dict[str, np.ndarray], table: pd.DataFrame, measured: Measured
) -> Summary:
    """The machine-readable result, with the promises judged."""
    months = pd.Series(table["day"]).astype(str).str[:7].to_numpy()
    traffic = measured.traffic
    summary = Summary(
        rmse={name: scoring.rmse(values, months) for name, values in errors.items()},
        loop_runs=len(facts.runs),
        promotions=len(facts.of_kind("rollout.promoted")),
        rollbacks=len(facts.of_kind("switch-back")),
        alarms=[_alarm(item) for item in facts.alarms],
        requests=Requests.model_validate(traffic, from_attributes=True),
        predictions=Predictions(
            logged=facts.counts.logged, lost=max(traffic.answered_rows - facts.counts.logged, 0)
        ),
        wall_seconds=measured.wall_seconds,
        install_seconds=measured.install_seconds,
        peak_rss_bytes=measured.peak_rss_bytes,
        decision_digest=facts.digest,
        seed=measured.seed,
        rest_seconds_a_day=measured.rest_seconds_a_day,
    )
    return summary.model_copy(update={"thresholds": thresholds.judge(summary, measured.whole_year)})


def _alarm(alarm: AlarmRead) -> SummaryAlarm:
    return SummaryAlarm(
        id=alarm.id,
        kind=alarm.kind,
        cause=alarm.cause,
        opened_day=str(alarm.opened_day),
        evidence=alarm.evidence,
    )


def _when(decision: DecisionRead) -> float:
    """For sorting by event time; what has none comes first."""
    return float("-inf") if decision.event_time is None else decision.event_time.timestamp()


def tell(
    out: Path,
    facts: Facts,
    errors: dict[str, np.ndarray],
    table: pd.DataFrame,
    summary: Summary,
    refused: DeliveryReport,
    psi: pd.DataFrame,
) -> None:
    """Write summary.json, the pictures, and index.html into *out*."""
    from millrace.demo import charts

    (out / "summary.json").write_text(json.dumps(summary.model_dump(), indent=2))
    by_day = pd.DataFrame({"day": table["day"].astype(str), **errors}).groupby("day", as_index=False)
    daily = by_day.mean().assign(n=by_day.size()["size"])
    verdicts, steps = gate_intervals(facts), weights(facts, str(table["day"].iloc[-1]))
    parts = [
        (
            "The error, day by day",
            "Lower is better. Every promotion, every way back and every alarm is marked.",
            charts.draw(out, "daily", lambda: charts.daily(daily, events(facts), UNIT)),
        ),
        (
            "The error, month by month",
            "The legend gives the whole period.",
            charts.draw(out, "monthly", lambda: charts.monthly(summary.rmse, UNIT)),
        ),
        (
            "Gates: candidate against champion",
            "Both score the same held-out days. The bar is the confidence "
            "interval; a candidate passes when the whole bar is left of the margin.",
            charts.draw(out, "gates", lambda: charts.gates(verdicts)),
        ),
        (
            "Who served the traffic",
            "A new version first sees mirrored traffic, then a small share, then all of it.",
            charts.draw(out, "rollouts", lambda: charts.rollouts(steps)),
        ),
        (
            "Drift by feature and week",
            "Population stability index against the champion's training data. Colour "
            "alone is no alarm: an alarm also has to beat what chance does to consecutive days.",
            charts.draw(out, "drift", lambda: charts.drift(psi)),
        ),
    ]
    content = page.Content(
        lead=_lead(summary),
        cards=_cards(summary),
        pictures=[page.Picture(*part) for part in parts],
        decisions=[_row(item) for item in facts.decisions if item.kind in SHOWN],
        refused=refused.failed,
        thresholds=summary.thresholds,
        note=f"Seed {summary.seed}, decision digest {summary.decision_digest}; two runs on one machine print the same.",
    )
    page.write(out / "index.html", content)


def events(facts: Facts) -> list[Mark]:
    """Marks for the daily curve."""
    days = [(item.event_day, item.cause) for item in facts.alarms if item.event_day is not None]
    marks = [Mark(str(day), "alarm", cause) for day, cause in days]
    for item in facts.decisions:
        if item.event_time is None:
            continue
        if item.kind in WHAT:
            marks.append(Mark(day_of(item), WHAT[item.kind], item.subject))
        elif item.kind == "gate.verdict" and item.outcome != "passed":
            marks.append(Mark(day_of(item), "rejected", item.subject))
    return marks


def day_of(decision: DecisionRead) -> str:
    """Event day of a decision in New York; the instant that ends a day belongs to that day."""
    assert decision.event_time is not None
    moment = pd.Timestamp(decision.event_time).tz_convert(flights.HOME_ZONE) - pd.Timedelta(seconds=1)
    return str(moment.date())


def gate_intervals(facts: Facts) -> list[Interval]:
    """Champion gates that have an interval, as shares of the champion's loss."""
    intervals = []
    for item in facts.of_kind("gate.verdict"):
        for gate in item.evidence.get("gates", []):
            if gate.get("name") == "champion" and gate.get("upper") is not None:
                numbers = {name: gate[name] for name in ("lower", "difference", "upper", "margin")}
                label = f"{day_of(item)}  {item.subject}"
                intervals.append(Interval(label=label, verdict=gate["verdict"], **numbers))
    return intervals


def weights(facts: Facts, last_day: str) -> list[Shares]:
    """Traffic share by version over event time, from the rollout and switch-back decisions."""
    plans = {item.subject: item.evidence["plan"] for item in facts.of_kind("rollout.started")}
    champion: int | None = None
    steps: list[Shares] = []
    told = facts.of_kind("rollout.step", "rollout.promoted", "rollout.aborted", "switch-back")
    for item in sorted(told, key=lambda one: _when(one)):
        version: int = item.evidence.get("to") or item.evidence["version"]
        shares = {champion: 1.0} if champion is not None else {}
        if item.kind in ("rollout.promoted", "switch-back"):
            champion, shares = version, {version: 1.0}
        elif item.kind == "rollout.step":
            rollout, _, step = item.subject.partition(" step ")
            share = _canary_share(plans[rollout], int(step))
            shares = {version: share} if champion is None else {champion: 1 - share, version: share}
        steps.append(Shares(_clock(item), shares))
    return [*steps, Shares(f"{last_day}T23:59:59", steps[-1].weights)] if steps else []


def _clock(decision: DecisionRead) -> str:
    assert decision.event_time is not None
    return decision.event_time.isoformat()[:19]


def _canary_share(plan: dict[str, Any], step: int) -> float:
    """Share of the traffic in a step of a plan, mirror first; a mirrored candidate answers nobody."""
    mirrors = 1 if plan["mirror"] else 0
    return 0.0 if step < mirrors else plan["canary"][step - mirrors]["percent"] / 100


def _row(item: DecisionRead) -> tuple[str, str, str, str]:
    day = day_of(item) if item.event_time else "—"
    return day, f"{item.kind} {item.subject}", item.outcome, item.reason


def _lead(summary: Summary) -> str:
    rmse = {name: summary.rmse[name].overall for name in ("static", "loop", "hindsight")}
    gain = 100 * (1 - rmse["loop"] / rmse["static"])
    return (
        f"A model that predicts the minutes in the air was trained on the winter and then left to Millrace. "
        f"Never retrained, it would have been wrong by {rmse['static']:.1f} minutes (RMSE). Kept by the loop it was "
        f"wrong by {rmse['loop']:.1f}, {gain:.0f} % less; the best choice in hindsight reaches {rmse['hindsight']:.1f}."
    )


def _cards(summary: Summary) -> list[tuple[str, str]]:
    return [
        (f"{summary.requests.answered:,}", "requests answered"),
        (str(summary.requests.failed), "requests failed"),
        (str(summary.predictions.lost), "predictions lost"),
        (str(summary.loop_runs), "loop runs"),
        (str(summary.promotions), "promotions"),
        (str(summary.rollbacks), "times back to an older model"),
        (f"{summary.wall_seconds / 60:.1f} min", "wall time"),
        (f"{summary.peak_rss_bytes / 2**30:.1f} GiB", "peak memory"),
    ]
