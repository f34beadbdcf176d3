"""The process of one backtest: it learns from the first days, then replays the others through the real services.

On a laptop these are a platform of its own in this very process (`millrace_replay.inside`), in a cluster the user's.

`python -m millrace_replay.replay <arguments as JSON> <folder>`; it tells the controller over REST how far
it is and what it found. Everything is idempotent, so a replay that was killed is simply run again.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from millrace.client import ApiError, JobFailed, Millrace
from millrace.delivery import ingest_spec
from millrace_contracts.backtests import BacktestOutcome, BacktestProgress, ReplayOrder
from millrace_contracts.deliveries import ArtifactSource
from millrace_contracts.loop import ModelLoop
from millrace_contracts.loop_runs import LoopRunState
from millrace_contracts.rows import IngestResult
from millrace_contracts.signature import Signature
from millrace_contracts.tables import Dialect
from millrace_core import child
from millrace_replay import installed
from millrace_replay.history import History, NoBacktest
from millrace_replay.outcome import summary
from millrace_replay.sending import Sender
from millrace_replay.turns import Turn, turns
from millrace_replay.walking import Walk
from millrace_table import reading
from millrace_table.pieces import Rows
from millrace_table.refusals import Unreadable

PLATFORM = "platform"
"""Folder of a replay's own platform, with which the next try goes on; a replay that is over leaves none."""
RUN_SECONDS = 4 * 3600
TIMES = 4
"""So many times the size of a history its rows take on the disk while they are put in order."""


def _values(dialect: Dialect | None) -> Dialect | None:
    """What a dialect says of cells: rows that were read once are split already."""
    return None if dialect is None else dialect.of_values


class Replay:
    """One history going through one hidden loop.

    Args:
        user: the platform of who asked; it has the history, and is told how far the replay is and what it found.
        client: the platform on which the hidden loop lives, and its name there.
    """

    hidden = False
    """Whether the loop is a backtest's own, so that its days may be looked at before they close."""

    def __init__(self, user: Millrace, client: Millrace, loop: str, order: ReplayOrder, folder: Path) -> None:
        self.user, self.client, self.loop, self.id = user, client, loop, order.id
        known = client.controller.loop(loop)
        self.spec, self.hidden = ModelLoop.stored(known.document).spec, known.mode == "backtest"
        self.tell("reading", 0, None)
        path = fetched(user, order.digest, order.format, folder)
        self.history = History(path, order.format, self.spec, folder, order.dialect, self._reads)
        path.unlink()
        days = self.history.days()
        place_of_first = self.history.first_day(self.spec, order.start)
        self.before, self.days = days[:place_of_first], days[place_of_first:]

    def tell(self, step: str, done: int, total: int | None, message: str = "") -> None:
        """Say how far it is; `done` and `total` are event days."""
        progress = BacktestProgress(step=step, done=done, total=total, message=message)
        self.user.controller.backtest_progress(self.id, progress)

    def _reads(self, rows: int) -> None:
        self.tell("reading", 0, None, f"{rows:,} rows")

    def run(self) -> None:
        """Learn, replay, and tell what happened."""
        self._learn()
        schema = self.client.registry.dataset_version(self.loop, 1).data_schema
        table = self.history.typed({column.name: column.type for column in schema}, self.spec.data.timezone)
        signature = self.client.registry.version(self.loop, 1).signature
        settled = self.client.controller.loop(self.loop).settled_through
        self.through_days(table, signature, settled)
        self.tell("summing up", len(self.days), len(self.days))
        found = summary(self.client, self.loop, self.spec, self.days, table, self.history)
        self.user.controller.backtest_result(self.id, BacktestOutcome(result=found))

    def through_days(self, table: Rows, signature: Signature, settled: datetime | None) -> None:
        """Replay what is not *settled* yet."""
        left = [turn for turn in turns(self.days) if settled is None or turn.day.end > settled]
        before = self.client.monitoring.monitor(self.loop) if self.hidden else None
        first = next((int(day.rows[0]) for day in self.days if len(day.rows)), 0)
        sender = Sender(self.client, self.loop, self.spec, self.history, table, signature, first, before)
        walk = Walk(self.client, self.loop, sender, self._settled)
        (walk.by_block if self.hidden else walk.by_day)(left)

    def _settled(self, turn: Turn) -> None:
        done = (turn.day.date - self.days[0].date).days + 1
        self.tell("replay", done, len(self.days), str(turn.day.date))

    def _learn(self) -> None:
        """The days before the first replayed one become the dataset, and the first run makes a champion."""
        self.tell("first model", 0, len(self.days), f"{self.before[0].date} to {self.before[-1].date}")
        digest = self.client.registry.put_artifact(self.history.parquet(self.days[0].begin))
        source = ArtifactSource(kind="artifact", digest=digest, name="history.parquet", format="parquet")
        key = f"{self.client.project}/{self.loop}/push"
        asked = ingest_spec(self.spec, source).model_copy(update={"dialect": _values(self.history.dialect)})
        job = self.client.training.run(asked, key, loop=self.loop)
        result = IngestResult.model_validate(job.result)
        if not result.accepted:
            failed = result.report.failed
            words = "; ".join(f"{check.check} {check.column or ''}: {check.observed}" for check in failed)
            raise NoBacktest(f"The first days are refused: {words}")
        self.client.controller.wake(self.loop)
        run = self.client.controller.await_run(self.loop, 1, timeout=RUN_SECONDS)
        if run.state != LoopRunState.PROMOTED:
            raise NoBacktest(f"The first model was not promoted: run 1 ended {run.state}, {run.message}")


@contextmanager
def beside(user: Millrace, order: ReplayOrder, place: Path) -> Iterator[tuple[Millrace, str]]:
    """Where the hidden loop lives, and its name there: on a platform of its own in this process, or on the user's."""
    if not installed.all_services():
        yield user, order.loop
        return
    from millrace_replay import inside  # here: in a cluster's jobs the services are not installed

    document = ModelLoop.stored(user.controller.loop(order.loop).document)
    with inside.platform(place / PLATFORM, user.project) as client:
        yield client, inside.declared(user, client, document, order)
    shutil.rmtree(place / PLATFORM, ignore_errors=True)


def fetched(client: Millrace, digest: str, format: str, folder: Path) -> Path:
    """The file of the history, fetched in pieces. Raises: NoBacktest if its rows will not find room on the disk."""
    path, size = folder / "history", client.registry.artifact(digest).size
    check_room(size, size, folder)
    with path.open("wb") as out:
        for chunk in client.registry.artifact_chunks(digest):
            out.write(chunk)
    check_room(size, TIMES * reading.likely_bytes(path, format), folder)
    return path


def check_room(size: int, needed: int, folder: Path) -> None:
    """Raises: NoBacktest if less than *needed* bytes are left for a history of *size* bytes."""
    left = shutil.disk_usage(folder).free
    if given := os.environ.get("MILLRACE_SCRATCH_MB"):
        left = min(left, int(given) << 20)
    if needed > left:
        raise NoBacktest(
            f"The history has {size / 1e9:.1f} GB; to put its rows in order takes {needed / 1e9:.1f} GB of disk, "
            f"and there are {left / 1e9:.1f}. Send less of the past, or give more: MILLRACE_HOME on a larger disk, in "
            "a cluster MILLRACE_BACKTEST_SCRATCH_MB of the controller."
        )


@contextmanager
def room(place: Path) -> Iterator[Path]:
    """A folder for the rows of the history, without those of a replay that was killed; it goes when the replay ends."""
    folder = place / "rows"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Replay what the arguments name; 0 if it could be replayed to its end."""
    order, place = ReplayOrder.model_validate_json(sys.argv[1]), Path(sys.argv[2])
    with child.begin(place):
        try:
            user = Millrace.from_environment(order.project)
            with room(place) as folder, beside(user, order, place) as (client, loop):
                Replay(user, client, loop, order, folder).run()
        except (ApiError, JobFailed, Unreadable, NoBacktest, TimeoutError) as error:
            print(error, file=sys.stderr)
            final = not (isinstance(error, ApiError) and error.status >= 500)
            if final:
                shutil.rmtree(place / PLATFORM, ignore_errors=True)
            return child.tell(place, str(error), final=final)
        return child.tell(place, "")


if __name__ == "__main__":
    sys.exit(main())
