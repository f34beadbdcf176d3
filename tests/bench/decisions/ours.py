"""Millrace itself: the production rules going through a stream in one process, as a backtest has it.

`python -m tests.bench.decisions.ours STREAM POLICY FILE`: a process of its own, as the services are told by the
environment where their folder is.
"""

import json
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
from tests.bench.decisions.folds import by_day
from tests.bench.decisions.learner import document
from tests.bench.decisions.real import STREAMS
from tests.bench.decisions.stream import DELAY, Stream

from millrace.client import Millrace
from millrace_contracts.backtests import BacktestOutcome, BacktestProgress, ReplayOrder
from millrace_contracts.loop import ModelLoop
from millrace_contracts.models import ModelVersionRead
from millrace_contracts.overviews import DayPoint
from millrace_replay import inside, outcome, replay
from millrace_stats import tasks

PROJECT = "bench"


class Told:
    """Who is told how far the replay is, and what it found."""

    def __init__(self, client: Millrace) -> None:
        self.registry, self.controller = client.registry, self
        self.result: dict[str, Any] = {}
        self._last = 0.0

    def backtest_progress(self, id: str, progress: BacktestProgress) -> None:
        if time.monotonic() - self._last > 30:
            self._last = time.monotonic()
            print(f"{id}: {progress.step} {progress.done}/{progress.total} {progress.message}", flush=True)

    def backtest_result(self, id: str, outcome: BacktestOutcome) -> None:
        self.result = outcome.result


def replayed(stream: Stream, policy: str, folder: Path) -> dict[str, Any]:
    """What the loop did on the stream: the losses of what served by day, its runs, promotions and alarms."""
    history = folder / "history.parquet"
    parquet.write_table(stream.table, history)
    loop = ModelLoop.model_validate(document(stream, policy))
    with inside.platform(folder / "home", PROJECT) as client:
        digest = client.registry.put_artifact(history)
        start = (stream.start + timedelta()).astimezone(outcome_zone(stream)).date()
        order = ReplayOrder(
            id="0" * 12,
            project=PROJECT,
            loop=loop.metadata.name,
            digest=digest,
            format="parquet",
            start=start,
        )
        name = inside.declared(client, client, loop, order)
        told = Told(client)
        with replay.room(folder) as rows:
            replay.Replay(told, client, name, order, rows).run()  # type: ignore[arg-type]
        return found(stream, client, name, told.result)


def outcome_zone(stream: Stream) -> Any:
    """The zone in which the stream's days begin."""
    from zoneinfo import ZoneInfo

    return ZoneInfo(stream.zone)


def found(stream: Stream, client: Millrace, name: str, result: dict[str, Any]) -> dict[str, Any]:
    """The same figures that a policy of this benchmark has."""
    moves = client.registry.alias_history(name, "champion")
    versions = {item.number: item for item in client.registry.versions(name)}
    serving = served_by(stream, [(move.event_time, move.version) for move in moves])
    losses = np.full(len(stream.day), np.nan)
    for number in set(serving.tolist()):
        days = np.flatnonzero(serving == number) + stream.first
        rows = np.flatnonzero(np.isin(stream.day, days))
        losses[rows] = _losses(stream, client, versions[number], rows)
    sums, counts = by_day(stream, losses)
    runs = [day_of(stream, item["opened_at"]) for item in result["runs"]]
    alarms = [item for item in result["alarms"] if item["kind"] == "performance"]
    promoted = (np.flatnonzero(np.diff(serving)) + 1 + stream.first).tolist()
    return {
        "sums": sums.tolist(), "counts": counts.tolist(), "trained": runs[1:], "promoted": promoted,
        "alarms": [day_of(stream, item["opened_day"]) for item in alarms],
        "switch_backs": result["switch_backs"], "shown": result["loop"]["overall"],
        "static": result["static"]["overall"], "verdicts": [run["verdict"] for run in result["runs"]],
        "causes": [run["cause"] for run in result["runs"]],
        "course": [course(stream, point) for point in client.monitoring.course(name)],
    }  # fmt: skip


def course(stream: Stream, point: DayPoint) -> list[float | None]:
    """A day as the loop saw it: its number, the champion, its loss, the loss that is expected, and the evidence as a
    share of what raises an alarm."""
    return [day_of(stream, point.day), point.champion, point.loss, point.baseline, point.level]


def served_by(stream: Stream, moves: list[tuple[Any, int | None]]) -> np.ndarray:
    """The version that answers on each served day, int64 (days - first,): what is decided on a day serves when its
    labels are known, as the replay itself has it."""
    since = [
        (day_of(stream, moment) + DELAY, number) for moment, number in moves if moment and number is not None
    ]
    first = since[0][1]
    serving = [([number for day, number in since if day <= here] or [first])[-1] for here in _served(stream)]
    return np.array(serving, np.int64)


def _served(stream: Stream) -> range:
    return range(stream.first, stream.days)


def day_of(stream: Stream, moment: Any) -> int:
    """Day of the stream that an instant, or a date, lies in; the end of a day is the beginning of the next."""
    import pandas as pd

    at = pd.Timestamp(moment)
    at = at.tz_localize(stream.zone) if at.tzinfo is None else at.tz_convert(stream.zone)
    origin = stream.rows["at"].iloc[0].tz_convert(stream.zone).normalize()
    return int((at.tz_localize(None) - origin.tz_localize(None)).days)


def _losses(stream: Stream, client: Millrace, version: ModelVersionRead, rows: np.ndarray) -> np.ndarray:
    """Loss of a version on these rows, by its own graph."""
    task, theirs = tasks.of(stream.task), version.signature.classes or ()
    part = stream.table.take(pa.array(rows))
    answers = outcome.score(
        client.registry.get_artifact(version.files.digest("model")), version.signature, [part]
    )
    target = task.encode(part.column(stream.target).to_pylist(), stream.classes)
    return task.losses(target, task.aligned(answers, theirs, stream.classes))


def main() -> int:
    name, policy, target = sys.argv[1:]
    began, used = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory(prefix="bench-decisions-") as folder:
        figures = replayed(STREAMS[name](), policy, Path(folder))
    figures |= {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - used}
    Path(target).write_text(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
