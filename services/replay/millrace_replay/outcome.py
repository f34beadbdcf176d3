"""What a backtest found: the loop's own loss by month beside "never retrained" and "best in hindsight"."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from millrace import durations
from millrace.client import Millrace
from millrace.loop import Spec
from millrace.oip import columns_from_rows
from millrace_replay.history import Day, History
from millrace_stats import tasks
from millrace_stats.tasks import Value
from millrace_stats.tasks.labels import index, ordered

ROWS = 20_000
Losses = dict[int, np.ndarray]


def summary(
    client: Millrace, loop: str, spec: Spec, days: list[Day], table: pa.Table, history: History
) -> dict[str, Any]:
    """Everything a user needs to trust the loop, or not.

    Args:
        table: all rows of the history, typed. days: those that were replayed.
    """
    versions = client.registry.versions(loop)
    moves = client.registry.alias_history(loop, "champion")
    first, last = int(days[0].rows[0] if len(days[0].rows) else _next(days)), len(history.times)
    part, labels = table.slice(first, last - first), history.labels[first:last]
    task, classes = tasks.of(spec.task), union(versions, labels)
    target = task.encode(labels, classes)
    answers = {item["number"]: _answers(client, item, task, classes, part) for item in versions}
    losses = {number: task.losses(target, answered) for number, answered in answers.items()}
    delay = durations.parse(spec.data.label_delay)
    serving = served(days, moves, delay)
    born = {item["number"]: _born(item) for item in versions}
    decisions = client.registry.decisions(loop=loop)
    return {
        "metric": task.metric,
        "from": str(days[0].date),
        "through": str(days[-1].date),
        "rows": last - first,
        "static": by_month(spec, days, first, [_static(losses, moves)] * len(days), losses),
        "loop": by_month(spec, days, first, serving, losses),
        "hindsight": by_month(spec, days, first, hindsight(days, first, losses, born), losses),
        "runs": [_run(item) for item in client.controller.runs(loop)],
        "promotions": [_move(item) for item in moves],
        "switch_backs": len([item for item in decisions if item["kind"] == "switch-back"]),
        "alarms": [
            {name: item[name] for name in ("kind", "cause", "opened_day", "reason")}
            for item in client.monitoring.alarms(endpoint=loop)
        ],
        "decisions": [_told(item) for item in sorted(decisions, key=_when)],
    }


def _next(days: list[Day]) -> int:
    return next(int(day.rows[0]) for day in days if len(day.rows))


def union(versions: list[dict[str, Any]], labels: list[Any]) -> tuple[Value, ...]:
    """The classes of all versions, and those of the rows that none of them has; none for a regression."""
    each = [version["signature"].get("classes") or [] for version in versions]
    known = ordered(value for classes in each for value in classes)
    if not known:
        return ()
    return ordered([*known, *(label for label in set(labels) if index(label, known) is None)])


def _answers(
    client: Millrace, version: dict[str, Any], task: tasks.Task, classes: tuple[Value, ...], part: pa.Table
) -> np.ndarray:
    """Answers of a version for each replayed row, as if it knew all *classes*: those it lacks get nothing."""
    graph = client.registry.get_artifact(version["files"]["model.onnx"])
    theirs = version["signature"].get("classes") or ()
    return task.aligned(score(graph, version["signature"], part), theirs, classes)


def score(graph: bytes, signature: dict[str, Any], part: pa.Table) -> np.ndarray:
    """Answers of an ONNX graph for each row, shape (rows,), or (rows, classes)."""
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    output = signature["outputs"][0]["name"]
    answers = []
    for begin in range(0, len(part), ROWS):
        answers.append(session.run([output], feed(part.slice(begin, ROWS), signature))[0])
    joined = np.concatenate(answers).astype(float)
    return joined.reshape(-1) if joined.size == len(joined) else joined


def feed(rows: pa.Table, signature: dict[str, Any]) -> dict[str, np.ndarray]:
    """What a graph takes, by tensor name: arrays of shape (rows, 1)."""
    columns = columns_from_rows({name: _plain(rows.column(name)) for name in rows.column_names}, signature)
    return {name: values.reshape(-1, 1) for name, (_, values) in columns.items()}


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.float32()) if pa.types.is_boolean(column.type) else column


def served(days: list[Day], moves: list[dict[str, Any]], delay: timedelta) -> list[int]:
    """The version that would have answered on each day: a day is decided when its labels are there."""
    known = [
        (datetime.fromisoformat(move["event_time"]) + delay, move["version"])
        for move in moves
        if move["version"]
    ]
    return [
        ([version for since, version in known if since <= day.begin] or [known[0][1]])[-1] for day in days
    ]


def _static(losses: Losses, moves: list[dict[str, Any]]) -> int:
    return int(moves[0]["version"]) if moves else min(losses)


def _born(version: dict[str, Any]) -> str:
    return str(version["lineage"].get("trained_through") or "")


def hindsight(days: list[Day], first: int, losses: Losses, born: dict[int, str]) -> list[int]:
    """The version with the least loss in each month, among those that existed on each day.

    A month in which versions come into being is cut there, so that no version is judged on days that it has seen.
    """
    there = [tuple(number for number, since in born.items() if _before(since, day)) for day in days]
    stretches: dict[Any, list[Day]] = {}
    for day, known in zip(days, there, strict=True):
        stretches.setdefault((day.date.year, day.date.month, known), []).append(day)
    chosen = {key: _best(key[-1] or (min(losses),), part, first, losses) for key, part in stretches.items()}
    return [chosen[day.date.year, day.date.month, known] for day, known in zip(days, there, strict=True)]


def _best(known: tuple[int, ...], days: list[Day], first: int, losses: Losses) -> int:
    rows = np.concatenate([day.rows for day in days]).astype(int) - first
    return min(known, key=lambda number: float(losses[number][rows].sum()))


def _before(since: str, day: Day) -> bool:
    return since == "" or datetime.fromisoformat(since) <= day.begin


def by_month(spec: Spec, days: list[Day], first: int, versions: list[int], losses: Losses) -> dict[str, Any]:
    """Loss overall and by month if *versions* had answered, one for each day."""
    parts: dict[str, list[np.ndarray]] = {}
    for day, version in zip(days, versions, strict=True):
        parts.setdefault(f"{day.date:%Y-%m}", []).append(losses[version][day.rows - first])
    shown = {month: _shown(spec, np.concatenate(values)) for month, values in parts.items()}
    everything = [values for month in parts.values() for values in month]
    return {"overall": _shown(spec, np.concatenate(everything)), "by_month": shown}


def _shown(spec: Spec, values: np.ndarray) -> float | None:
    if len(values) == 0:
        return None
    return float(f"{tasks.of(spec.task).shown(float(values.mean())):.6g}")


def _run(run: dict[str, Any]) -> dict[str, Any]:
    facts = {name: run[name] for name in ("number", "state", "opened_at", "version", "message")}
    return facts | {"cause": run["cause"]["kind"], "reason": run["cause"]["reason"]}


def _move(move: dict[str, Any]) -> dict[str, Any]:
    return {"version": move["version"], "event_time": move["event_time"], "reason": move["reason"]}


def _when(item: dict[str, Any]) -> tuple[str, str]:
    return item["event_time"] or "", item["kind"]


def _told(item: dict[str, Any]) -> dict[str, Any]:
    return {name: item[name] for name in ("id", "kind", "event_time", "subject", "outcome", "reason")}
