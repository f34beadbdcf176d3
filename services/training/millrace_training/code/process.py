"""Runs code of a user's own to its end: tells how far it is, keeps its checkpoints, goes on after it was killed."""

import contextlib
import os
import shutil
import tarfile
import time
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from millrace.code_archive import BadCode, unpack
from millrace_contracts.custom_code import (
    CodeCheckpoint,
    CodeEnvironment,
    CodeExport,
    CodeFailure,
    CodeGuards,
    CodeLost,
    CodeOrder,
    CodeReport,
    CodeSpec,
)
from millrace_contracts.digits import legible
from millrace_contracts.workers import Workers
from millrace_training.code import choosing, place, remedies
from millrace_training.code.losses import Losses
from millrace_training.code.writing import put
from millrace_training.runtime.context import REPORT_SECONDS, Context
from millrace_training.runtime.errors import JobError

POLL_SECONDS = 0.1
Message = TypeVar("Message", bound=BaseModel)


class CodeProcess:
    """One training by the code: its folder, which outlives what kills it.

    Args:
        name: of the training within the job; its newest checkpoint is also kept as a piece of this name.
    """

    def __init__(
        self, context: Context, name: str, code: CodeSpec, archive: bytes, team: Workers | None = None
    ) -> None:
        self.context, self.name, self.code = context, name, code
        shared = os.environ.get(place.BESIDE)
        self.folder, self._is_shared = (Path(shared) if shared else context.scratch) / name, bool(shared)
        self._archive = archive
        self._told, self._said = 0, 0.0
        self._news: CodeReport | None = None
        self._kept: tuple[int, int] | None = None
        self.losses = Losses(team)
        self._place = choosing.of(self.folder, code, team, context.is_cancelled)

    def prepare(self, order: CodeOrder) -> None:
        """Unpack the code, and put back what an earlier attempt, perhaps on another machine, had kept."""
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
        try:
            unpack(self._archive, self.folder / "code")
        except (BadCode, tarfile.TarError) as error:
            raise JobError(
                "The training code cannot be unpacked", str(error), "Pack it with 'millrace apply'."
            ) from error
        for folder in (self.folder, self.folder.parent) if self._is_shared else (self.folder,):
            for tool, content in place.tools().items():
                put(folder / tool, content)
        checkpoint = self._piece(".ckpt")
        if checkpoint.exists() and self.message("checkpoint", CodeCheckpoint) is None:
            shutil.copyfile(checkpoint, self.folder / "checkpoint-a")
            put(
                self.folder / "checkpoint.json",
                CodeCheckpoint(file="checkpoint-a").model_dump_json().encode(),
            )
        put(self.folder / "order.json", order.model_dump_json().encode())

    def run(self, seed: int) -> CodeExport:
        """Run it to its end. Raises: JobError with the last lines of its traceback; Cancelled."""
        done = self.message("exported", CodeExport)
        if done is not None and (self.folder / "done").exists():
            return done
        while True:
            before = self._clean()
            running = self._place.start(self._next(), seed, self.losses.workers)
            self.losses.begun(running.workers, before.step if before else None)
            status = self._watched(running)
            if -1 < status < 128:
                return self._over(status)
            self._lost(status, before)
            self._wait(self.losses.pause)

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.context.stop_if_cancelled()
            time.sleep(POLL_SECONDS)

    def _clean(self) -> CodeCheckpoint | None:
        """Leave nothing that an earlier start said of its end; the checkpoint that this one goes on from."""
        for path in (self.folder / "lost.json", *self.folder.glob("failed*.json")):
            path.unlink(missing_ok=True)
        return self.message("checkpoint", CodeCheckpoint)

    def _lost(self, status: int, before: CodeCheckpoint | None) -> None:
        """What was killed goes on. Raises: JobError when it is given up."""
        signal = status - 128 if status > 0 else -status
        lost = self.message("lost", CodeLost) or CodeLost(rank=0, signal=signal)
        fewer = self.losses.lost(lost, self.message("checkpoint", CodeCheckpoint) != before)
        words = fewer or "the training code was killed and goes on"
        self.context.log(words, status=status, worker=lost.rank)
        if self.losses.team is not None:
            self.context.report("train", message=f"worker {lost.rank} was lost: {words}")

    def _next(self) -> int:
        return sum(1 for _ in self.folder.glob("begin-*"))

    def _watched(self, running: place.Running) -> int:
        """How it ended."""
        try:
            while (status := running.ended()) is None:
                self.context.stop_if_cancelled()
                self._look()
                self._count(running)
                time.sleep(POLL_SECONDS)
        finally:
            running.stop()
        self._look()
        return status

    def _count(self, running: place.Running) -> None:
        if running.processes() > place.MOST_PROCESSES:
            raise JobError(
                "The training code has too many processes",
                f"It has more than {place.MOST_PROCESSES}.",
                "Start fewer workers.",
            )

    def _over(self, status: int) -> CodeExport:
        """What it handed over. Raises: JobError if it failed, or handed over nothing."""
        failure = self.message("failed", CodeFailure)
        if failure is not None or status != 0:
            raise remedies.failed(failure, status, self.code, self.message("guards", CodeGuards))
        exported = self.message("exported", CodeExport)
        if exported is None:
            detail = f"{self.code.entry} ended without a graph."
            mend = "Call job.export(path, answers) at its end."
            raise JobError("The training code exported no model", detail, mend)
        (self.folder / "done").touch()
        return exported

    def graph(self, exported: CodeExport) -> bytes:
        """The bytes of the graph."""
        path = self.folder / exported.file
        if path.is_symlink() or not path.is_file():
            raise JobError(
                "The training code exported no model", f"{path.name} is no file.", "Call job.export."
            )
        return path.read_bytes()

    def close(self) -> None:
        """Give back what it ran on."""
        self._place.close()

    def environment(self) -> CodeEnvironment | None:
        return self.message("environment", CodeEnvironment)

    def guards(self) -> CodeGuards | None:
        return self.message("guards", CodeGuards)

    def message(self, name: str, kind: type[Message]) -> Message | None:
        """What lies in the folder under a name. Raises: JobError for what is not of its type."""
        try:
            return kind.model_validate_json((self.folder / f"{name}.json").read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            detail = f"{name}.json: {error.errors(include_url=False)[0]['msg']}"
            mend = "Leave the files beside the code to millrace_job."
            raise JobError("The training code says what cannot be understood", detail, mend) from error

    def _look(self) -> None:
        self._hear()
        self._tell()
        self._keep()

    def _hear(self) -> None:
        """Read the reports that are new."""
        try:
            with (self.folder / "reports.jsonl").open("rb") as file:
                file.seek(self._told)
                news = file.read(1 << 20)
        except FileNotFoundError:
            return
        whole = news[: news.rfind(b"\n") + 1]
        self._told += len(whole)
        for line in whole.splitlines():
            with contextlib.suppress(ValidationError):
                self._news = CodeReport.model_validate_json(line)

    def _tell(self) -> None:
        """Tell the newest report, not more often than reports of jobs are passed on: what waits is told later."""
        now, report = time.monotonic(), self._news
        if report is None or now - self._said < 2 * REPORT_SECONDS:
            return
        self._said, self._news = now, None
        numbers = {name: value for name, value in report.metrics.items() if value is not None}
        shown = ", ".join(f"{name} {legible(value, 5)}" for name, value in numbers.items())
        words = f"{self.name}, step {report.step}: {shown}"
        self.context.report("train", report.step, None, words, **numbers)

    def _keep(self) -> None:
        """Keep the newest checkpoint where another machine finds it: its bytes, and then what says that it is whole."""
        kept = self.message("checkpoint", CodeCheckpoint)
        if kept is None:
            return
        path = self.folder / kept.file
        stat = path.stat()
        if path.is_symlink() or (stat.st_mtime_ns, stat.st_size) == self._kept:
            return
        staged = self._piece(".coming")
        shutil.copyfile(path, staged)
        staged.replace(self._piece(".ckpt"))
        put(self._piece(".json"), kept.model_dump_json().encode())
        self._kept = stat.st_mtime_ns, stat.st_size

    def _piece(self, suffix: str) -> Path:
        return self.context.scratch / f"{self.name}-checkpoint{suffix}"
