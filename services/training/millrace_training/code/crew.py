"""Workers on the machines of a job's Ray cluster: gives each its rank and the rows, and mirrors what the first says.

The job's own folder then looks as if the code had run there, so nothing else needs to know where it did.
"""

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from millrace_contracts.custom_code import CodeCheckpoint, CodeFailure, CodeLost, CodeSpec
from millrace_contracts.workers import Workers
from millrace_training.code import millrace_run, place, remedies
from millrace_training.code.writing import put
from millrace_training.runtime.executors.gang import Gang, Gone, Seat

if TYPE_CHECKING:
    from millrace_training.code.seat import News

SEAT = "millrace_training.code.seat:Seat"
LOOK_SECONDS, STOP_SECONDS = 0.5, 10.0
GRACE_SECONDS, ALONE_SECONDS = 3.0, 60.0
"""How long after a worker failed another may turn out to be lost; the longer one where it was left alone."""
PATIENCE = "MILLRACE_WORKERS_PATIENCE"
"""Environment variable: seconds for which a lost worker may come back before fewer go on."""
PATIENCE_SECONDS, WAIT_SECONDS = 120.0, 900.0
LAID = ("rows", "code")
KILLED = 137


class Crew:
    """The cluster as a place where code runs."""

    def __init__(
        self, folder: Path, code: CodeSpec, team: Workers, address: str, is_cancelled: Callable[[], bool]
    ) -> None:
        self._folder, self._code, self._team = folder, code, team
        self._address, self._is_cancelled = address, is_cancelled
        self._gang: Gang | None = None

    def start(self, number: int, seed: int, workers: int | None) -> place.Running:
        """Begin on as many machines as there are, within what is asked. Raises: JobError; Cancelled."""
        gang = self._joined()
        patience = float(os.environ.get(PATIENCE, PATIENCE_SECONDS))
        most = workers or self._team.most
        gang.wanted(most)
        seats = gang.seated(self._team.least, most, patience, WAIT_SECONDS, self._is_cancelled)
        put(self._folder / "guards.json", place.guards(self._code).model_dump_json().encode())
        (self._folder / f"begin-{number}").touch()
        shift = Shift(self._folder, seats)
        shift.begin(number, gang, place.share(self._team) | {"PYTHONHASHSEED": str(seed)})
        return shift

    def close(self) -> None:
        """Leave the cluster."""
        if self._gang is not None:
            self._gang.close()

    def _joined(self) -> Gang:
        if self._gang is None:
            gpus = {"GPU": float(self._team.gpu)} if self._team.gpu else {}
            self._gang = Gang(self._address, SEAT, {"CPU": float(self._team.cpu)} | gpus)
        return self._gang


class Shift:
    """One start on these seats, the first of which is worker 0."""

    def __init__(self, folder: Path, seats: list[Seat]) -> None:
        self.workers: int | None = len(seats)
        self._folder, self._seats = folder, seats
        self._status: int | None = None
        self._ended: dict[int, int] = {}
        self._looked = self._bad_since = 0.0

    def begin(self, number: int, gang: Gang, variables: Mapping[str, str]) -> None:
        """Bring everything there and begin; what is lost meanwhile is a lost start."""
        with self._watching():
            self._bring(gang)
            address, port = self._ask(0, "where")
            meet = {"MASTER_ADDR": address, "MASTER_PORT": str(port), "WORLD_SIZE": str(len(self._seats))}
            checkpoint = self._checkpoint()
            for rank in range(len(self._seats)):
                whose = {"RANK": str(rank), "GROUP_RANK": str(rank)}
                alone = {"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}
                self._ask(rank, "begin", number, {**variables, **meet, **whose, **alone}, checkpoint)

    def ended(self) -> int | None:
        now = time.monotonic()
        if self._status is None and now - self._looked >= LOOK_SECONDS:
            self._looked = now
            with self._watching():
                self._look()
        return self._status

    def processes(self) -> int:
        """Each pod bounds its own."""
        return 0

    def stop(self) -> None:
        asked = [seat.begin("stop") for seat in self._seats]
        for seat, question in zip(self._seats, asked, strict=True):
            with contextlib.suppress(Gone):
                seat.answer(question, STOP_SECONDS)
            seat.leave()

    @contextlib.contextmanager
    def _watching(self) -> Iterator[None]:
        """A seat that is gone ends the start."""
        try:
            yield
        except _Lost as lost:
            self._lose(lost.rank, None)

    def _ask(self, rank: int, method: str, *given: object) -> Any:
        try:
            return self._seats[rank].ask(method, *given)
        except Gone as gone:
            raise _Lost(rank) from gone

    def _bring(self, gang: Gang) -> None:
        stamps = {file: _stamp(self._folder / file) for file in self._laid()}
        tools = place.tools()
        for rank in range(len(self._seats)):
            for file in self._ask(rank, "lacks", self._folder.name, stamps):
                kept = gang.keep(f"{file} {stamps[file]}", (self._folder / file).read_bytes)
                self._ask(rank, "lay", file, stamps[file], kept)
            self._ask(rank, "tools", tools)

    def _laid(self) -> list[str]:
        """Files that every worker has, by their path below the folder."""
        paths = [path for name in LAID for path in sorted((self._folder / name).rglob("*")) if path.is_file()]
        return [str(path.relative_to(self._folder)) for path in [*paths, self._folder / "order.json"]]

    def _checkpoint(self) -> dict[str, bytes]:
        """The newest checkpoint, as files."""
        named = self._folder / "checkpoint.json"
        if not named.exists():
            return {}
        file = CodeCheckpoint.model_validate_json(named.read_bytes()).file
        return {file: (self._folder / file).read_bytes(), named.name: named.read_bytes()}

    def _look(self) -> None:
        asked = [seat.begin("look", rank == 0) for rank, seat in enumerate(self._seats)]
        for rank, (seat, question) in enumerate(zip(self._seats, asked, strict=True)):
            try:
                self._hear(rank, seat.answer(question))
            except Gone as gone:
                raise _Lost(rank) from gone
        self._judge()

    def _hear(self, rank: int, news: "News") -> None:
        """Mirror what is new."""
        if news.reports:
            with (self._folder / "reports.jsonl").open("ab") as file:
                file.write(news.reports)
        for name, content in news.files.items():
            put(self._folder / name, content)
        if news.ended is not None:
            self._ended[rank] = news.ended

    def _judge(self) -> None:
        killed = {rank: code - 128 for rank, code in self._ended.items() if code >= 128}
        if killed:
            self._lose(min(killed), killed[min(killed)])
        elif any(self._ended.values()):
            self._bad_since = self._bad_since or time.monotonic()
            if time.monotonic() - self._bad_since > self._grace():
                millrace_run.first_failure(str(self._folder))
                self._status = 1
        elif len(self._ended) == len(self._seats):
            self._status = 0

    def _grace(self) -> float:
        failures = [
            CodeFailure.model_validate_json(path.read_bytes()) for path in self._folder.glob("failed-*.json")
        ]
        alone = failures and all(remedies.is_left_alone(failure) for failure in failures)
        return ALONE_SECONDS if alone and len(self._ended) < len(self._seats) else GRACE_SECONDS

    def _lose(self, rank: int, signal: int | None) -> None:
        lost = CodeLost(rank=rank, signal=signal)
        put(self._folder / "lost.json", lost.model_dump_json().encode())
        self._status = 128 + signal if signal else KILLED


class _Lost(Exception):
    def __init__(self, rank: int) -> None:
        super().__init__(f"worker {rank} is gone")
        self.rank = rank


def _stamp(path: Path) -> str:
    stat = path.stat()
    return hashlib.sha256(f"{path.name} {stat.st_mtime_ns} {stat.st_size}".encode()).hexdigest()[:32]
