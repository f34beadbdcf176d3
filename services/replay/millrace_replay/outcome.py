"""What a backtest found: the loop's own loss by month beside "never retrained" and "best in hindsight"."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from millrace.client import Millrace
from millrace.oip import columns_from_rows
from millrace_contracts import durations
from millrace_contracts.decisions import DecisionRead
from millrace_contracts.loop import Spec
from millrace_contracts.loop_runs import LoopRunRead
from millrace_contracts.models import AliasMoveRead, ModelVersionRead
from millrace_contracts.signature import Signature
from millrace_replay.history import Day, History, between
from millrace_stats import tasks
from millrace_stats.tasks import Value
from millrace_stats.tasks.labels import index, ordered
from millrace_table.pieces import Rows

ROWS = 20_000
Losses = dict[int, np.ndarray]


def summary(
    client: Millrace, loop: str, spec: Spec, days: list[Day], table: Rows, history: History
) -> dict[str, Any]:
    """Everything a user needs to trust the loop, or not.

    Args:
        table: all rows of the history, typed. days: those that were replayed.
    """
    versions = client.registry.versions(loop)
    moves = client.registry.alias_history(loop, "champion")
    first, last = int(days[0].rows[0] if len(days[0].rows) else _next(days)), len(history.times)
    labels = history.labels.slice(first, last - first)
    distinct = [] if spec.task == "regression" else labels.unique().to_pylist()
    task, classes = tasks.of(spec.task), union(versions, distinct)
    target = np.concatenate([task.encode(part, classes) for part in _lists(labels)])
    losses = {
        item.number: task.losses(target, _answers(client, item, task, classes, between(table, first, last)))
        for item in versions
    }
    delay = durations.parse(spec.data.label_delay)
    serving = served(days, moves, delay)
    born = {item.number: item.lineage.trained_through for item in versions}
    decisions = client.registry.decisions(loop=loop)
    return {
        "metric": task.metric,
        "loop_name": loop,
        "from": str(days[0].date),
        "through": str(days[-1].date),
        "rows": last - first,
        "static": by_month(spec, days, first, [_static(losses, moves)] * len(days), losses),
        "loop": by_month(spec, days, first, serving, losses),
        "hindsight": by_month(spec, days, first, hindsight(days, first, losses, born), losses),
        "runs": [_run(item) for item in client.controller.runs(loop)],
        "promotions": [_move(item) for item in moves],
        "switch_backs": len([item for item in decisions if item.kind == "switch-back"]),
        "alarms": [
            alarm.model_dump(mode="json", include={"kind", "cause", "opened_day", "reason"})
            for alarm in client.monitoring.alarms(endpoint=loop)
        ],
        "decisions": [_told(item) for item in in_order(decisions)],
    }


def _next(days: list[Day]) -> int:
    return next(int(day.rows[0]) for day in days if len(day.rows))


def union(versions: Sequence[ModelVersionRead], labels: Sequence[Value]) -> tuple[Value, ...]:
    """The classes of all versions, and those of the rows that none of them has; none for a regression."""
    classes = ordered(value for version in versions for value in version.signature.classes or ())
    if not classes:
        return ()
    return ordered([*classes, *(label for label in set(labels) if index(label, classes) is None)])


def _answers(
    client: Millrace,
    version: ModelVersionRead,
    task: tasks.Task,
    classes: tuple[Value, ...],
    rows: Iterable[pa.Table],
) -> np.ndarray:
    """Answers of a version for each replayed row, as if it knew all *classes*: those it lacks get nothing."""
    graph, signature = client.registry.get_artifact(version.files.digest("model")), version.signature
    return task.aligned(score(graph, signature, rows), signature.classes or (), classes)


def _lists(labels: pa.ChunkedArray) -> Iterator[list[Value]]:
    for begin in range(0, len(labels), ROWS):
        yield labels.slice(begin, ROWS).to_pylist()


def score(graph: bytes, signature: Signature, rows: Iterable[pa.Table]) -> np.ndarray:
    """Answers of an ONNX graph for each row, shape (rows,), or (rows, classes)."""
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    output = signature.outputs[0]
    answers = [
        session.run([output.name], feed(part.slice(begin, ROWS), signature))[0]
        for part in rows
        for begin in range(0, len(part), ROWS)
    ]
    joined = np.concatenate(answers).astype(float)
    return joined.reshape(-1) if joined.size == len(joined) else joined


def feed(rows: pa.Table, signature: Signature) -> dict[str, np.ndarray]:
    """What a graph takes, by tensor name: arrays of shape (rows, 1)."""
    columns = columns_from_rows({name: _plain(rows.column(name)) for name in rows.column_names}, signature)
    return {name: values.reshape(-1, 1) for name, (_, values) in columns.items()}


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.float32()) if pa.types.is_boolean(column.type) else column


def served(days: list[Day], moves: list[AliasMoveRead], delay: timedelta) -> list[int]:
    """The version that would have answered on each day: a day is decided when its labels are there."""
    champions = [
        (move.event_time + delay, move.version)
        for move in moves
        if move.version is not None and move.event_time is not None
    ]
    return [
        ([version for since, version in champions if since <= day.begin] or [champions[0][1]])[-1]
        for day in days
    ]


def _static(losses: Losses, moves: list[AliasMoveRead]) -> int:
    first = moves[0].version if moves else None
    return min(losses) if first is None else first


def hindsight(days: list[Day], first: int, losses: Losses, born: dict[int, datetime | None]) -> list[int]:
    """The version with the least loss in each month, among those that existed on each day.

    A month in which versions come into being is cut there, so that no version is judged on days that it has seen.
    """
    there = [tuple(number for number, since in born.items() if _before(since, day)) for day in days]
    stretches: dict[Any, list[Day]] = {}
    for day, versions in zip(days, there, strict=True):
        stretches.setdefault((day.date.year, day.date.month, versions), []).append(day)
    chosen = {key: _best(key[-1] or (min(losses),), part, first, losses) for key, part in stretches.items()}
    return [
        chosen[day.date.year, day.date.month, versions] for day, versions in zip(days, there, strict=True)
    ]


def _best(versions: tuple[int, ...], days: list[Day], first: int, losses: Losses) -> int:
    rows = np.concatenate([day.rows for day in days]).astype(int) - first
    return min(versions, key=lambda number: float(np.nansum(losses[number][rows])))


def _before(since: datetime | None, day: Day) -> bool:
    return since is None or since <= day.begin


def by_month(spec: Spec, days: list[Day], first: int, versions: list[int], losses: Losses) -> dict[str, Any]:
    """Loss overall and by month if *versions* had answered, one for each day."""
    parts: dict[str, list[np.ndarray]] = {}
    for day, version in zip(days, versions, strict=True):
        parts.setdefault(f"{day.date:%Y-%m}", []).append(losses[version][day.rows - first])
    shown = {month: _shown(spec, np.concatenate(values)) for month, values in parts.items()}
    everything = [values for month in parts.values() for values in month]
    return {"overall": _shown(spec, np.concatenate(everything)), "by_month": shown}


def _shown(spec: Spec, values: np.ndarray) -> float | None:
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return None
    return float(f"{tasks.of(spec.task).shown(float(values.mean())):.6g}")


def _run(run: LoopRunRead) -> dict[str, Any]:
    facts = run.model_dump(mode="json", include={"number", "state", "opened_at", "version", "message"})
    took = None if run.ended_at is None else round((run.ended_at - run.created_at).total_seconds(), 1)
    verdict = None if run.verdict is None else run.verdict.verdict
    return facts | {
        "cause": run.cause.kind, "reason": run.cause.reason, "verdict": verdict, "seconds": took,
    }  # fmt: skip


def _move(move: AliasMoveRead) -> dict[str, Any]:
    return move.model_dump(mode="json", include={"version", "event_time", "reason"})


def in_order(decisions: Iterable[DecisionRead]) -> list[DecisionRead]:
    """By event time, those without one first; of one event time as they were recorded, but none before its cause.

    Services record on their own: what the controller decided upon an alarm may be recorded before the alarm is.
    """
    moments = sorted(decisions, key=_when)
    known, told = {item.id: item for item in moments}, dict[str, DecisionRead]()
    for item in moments:
        line = [item]
        while (cause := known.get(line[-1].cause or "")) and cause.event_time == item.event_time:
            if cause.id in told or cause in line:
                break
            line.append(cause)
        told |= {one.id: one for one in reversed(line) if one.id not in told}
    return list(told.values())


def _when(item: DecisionRead) -> tuple[str, int]:
    return "" if item.event_time is None else item.event_time.isoformat(), item.number


def _told(item: DecisionRead) -> dict[str, Any]:
    shown = {"id", "kind", "event_time", "subject", "outcome", "reason"}
    return item.model_dump(mode="json", include=shown)
