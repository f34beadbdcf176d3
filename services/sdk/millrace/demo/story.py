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


def summary(
    facts: Facts, errors: dict[str, np.ndarray], table: pd.DataFrame, run: dict[str, Any]
) -> dict[str, Any]:
    """The machine-readable result; *run* has traffic, wall_seconds, install_seconds and peak_rss_bytes."""
    months = pd.Series(table["day"]).astype(str).str[:7].to_numpy()
    traffic = run["traffic"]
    made = {
        "rmse": {name: scoring.rmse(values, months) for name, values in errors.items()},
        "loop_runs": len(facts.runs),
        "promotions": len(facts.of_kind("rollout.promoted")),
        "rollbacks": len(facts.of_kind("switch-back")),
        "alarms": [_alarm(item) for item in facts.alarms],
        "requests": {name: traffic[name] for name in ("sent", "answered", "failed", "retried", "singles")},
        "predictions": {
            "logged": facts.counts.logged,
            "lost": max(traffic["answered_rows"] - facts.counts.logged, 0),
        },
        "wall_seconds": run["wall_seconds"],
        "install_seconds": run["install_seconds"],
        "peak_rss_bytes": run["peak_rss_bytes"],
        "decision_digest": facts.digest,
        "seed": run["seed"],
        "rest_seconds_a_day": run["rest_seconds_a_day"],
    }
    made["thresholds"] = thresholds.judge(made, run["whole_year"])
    return made


def _alarm(alarm: AlarmRead) -> dict[str, object]:
    return {
        "id": alarm.id,
        "kind": alarm.kind,
        "cause": alarm.cause,
        "opened_day": str(alarm.opened_day),
        "evidence": alarm.evidence,
    }


def _when(decision: DecisionRead) -> float:
    """For sorting by event time; what has none comes first."""
    return float("-inf") if decision.event_time is None else decision.event_time.timestamp()


def tell(
    out: Path,
    facts: Facts,
    errors: dict[str, np.ndarray],
    table: pd.DataFrame,
    made: dict[str, Any],
    refused: DeliveryReport,
    psi: pd.DataFrame,
) -> None:
    """Write summary.json, the pictures, and index.html into *out*."""
    from millrace.demo import charts

    (out / "summary.json").write_text(json.dumps(made, indent=2))
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
            charts.draw(out, "monthly", lambda: charts.monthly(made["rmse"], UNIT)),
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
        lead=_lead(made),
        cards=_cards(made),
        pictures=[page.Picture(*part) for part in parts],
        decisions=[_row(item) for item in facts.decisions if item.kind in SHOWN],
        refused=refused.failed,
        thresholds=made["thresholds"],
        note=f"Seed {made['seed']}, decision digest {made['decision_digest']}. Two runs print the same digest.",
    )
    page.write(out / "index.html", content)


def events(facts: Facts) -> list[dict[str, Any]]:
    """Marks for the daily curve."""
    made = [{"day": str(item.opened_day), "what": "alarm", "label": item.cause} for item in facts.alarms]
    for item in facts.decisions:
        if item.event_time is None:
            continue
        if item.kind in WHAT:
            made.append({"day": day_of(item), "what": WHAT[item.kind], "label": item.subject})
        elif item.kind == "gate.verdict" and item.outcome != "passed":
            made.append({"day": day_of(item), "what": "rejected", "label": item.subject})
    return made


def day_of(decision: DecisionRead) -> str:
    """Event day of a decision in New York; the instant that ends a day belongs to that day."""
    assert decision.event_time is not None
    moment = pd.Timestamp(decision.event_time).tz_convert(flights.HOME_ZONE) - pd.Timedelta(seconds=1)
    return str(moment.date())


def gate_intervals(facts: Facts) -> list[dict[str, Any]]:
    """Champion gates that have an interval, as shares of the champion's loss."""
    made = []
    for item in facts.of_kind("gate.verdict"):
        for gate in item.evidence.get("gates", []):
            if gate.get("name") == "champion" and gate.get("upper") is not None:
                made.append({"label": f"{day_of(item)}  {item.subject}", **gate})
    return made


def weights(facts: Facts, last_day: str) -> list[dict[str, Any]]:
    """Traffic share by version over event time, from the rollout and switch-back decisions."""
    plans = {item.subject: item.evidence["plan"] for item in facts.of_kind("rollout.started")}
    champion: int | None = None
    steps: list[dict[str, Any]] = []
    told = facts.of_kind("rollout.step", "rollout.promoted", "rollout.aborted", "switch-back")
    for item in sorted(told, key=lambda one: _when(one)):
        version = item.evidence.get("to") or item.evidence["version"]
        shares = {str(champion): 1.0} if champion is not None else {}
        if item.kind in ("rollout.promoted", "switch-back"):
            champion, shares = version, {str(version): 1.0}
        elif item.kind == "rollout.step":
            rollout, _, step = item.subject.partition(" step ")
            share = _canary_share(plans[rollout], int(step))
            shares = {str(champion): 1 - share, str(version): share}
        steps.append({"at": _clock(item), "weights": shares})
    return [*steps, {"at": f"{last_day}T23:59:59", "weights": steps[-1]["weights"]}] if steps else []


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


def _lead(made: dict[str, Any]) -> str:
    rmse = {name: made["rmse"][name]["overall"] for name in ("static", "loop", "hindsight")}
    gain = 100 * (1 - rmse["loop"] / rmse["static"])
    return (
        f"A model that predicts the minutes in the air was trained on the winter and then left to Millrace. "
        f"Never retrained, it would have been wrong by {rmse['static']:.1f} minutes (RMSE). Kept by the loop it was "
        f"wrong by {rmse['loop']:.1f}, {gain:.0f} % less; the best choice in hindsight reaches {rmse['hindsight']:.1f}."
    )


def _cards(made: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (f"{made['requests']['answered']:,}", "requests answered"),
        (str(made["requests"]["failed"]), "requests failed"),
        (str(made["predictions"]["lost"]), "predictions lost"),
        (str(made["loop_runs"]), "loop runs"),
        (str(made["promotions"]), "promotions"),
        (str(made["rollbacks"]), "times back to an older model"),
        (f"{made['wall_seconds'] / 60:.1f} min", "wall time"),
        (f"{made['peak_rss_bytes'] / 2**30:.1f} GiB", "peak memory"),
    ]
