"""Sends what changes in a job's folder to its workspace; what arrived is not sent again.

The local folder is the job's own, fresh in every attempt; the workspace holds all attempts. When the workspace turns
out to have lost bytes that it had (a lost volume), everything is sent anew.
"""

from dataclasses import dataclass
from pathlib import Path

from millrace_contracts.bodies import Document
from millrace_contracts.jobs import Problem, TrialRead
from millrace_training.pod.remote import Refused, Remote
from millrace_training.runtime import pieces, trials
from millrace_training.runtime.assignment import Assignment, Usage
from millrace_training.runtime.folder import JobFolder
from millrace_training.runtime.trials import TrialStore
from millrace_training.runtime.workspace import Trials

BLOCK = 4 * 2**20
TRIALS_AT_ONCE = 200
OUTCOMES = ("result", "error", "setback")


@dataclass
class Stream:
    """A file that grows here and there: *base* bytes there are from before, *sent* bytes of here."""

    path: Path
    base: int
    whole_lines: bool
    sent: int = 0

    def news(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(self.sent)
                block = file.read(BLOCK)
        except FileNotFoundError:
            return b""
        return block[: block.rfind(b"\n") + 1] if self.whole_lines else block


class Mirror:
    """One attempt's folder and its workspace. Every method raises what Remote does."""

    def __init__(self, folder: JobFolder, remote: Remote) -> None:
        self.folder, self.remote = folder, remote
        self._streams: dict[str, Stream] = {}
        self._forget()

    def _forget(self) -> None:
        self._documents: dict[str, Document] = {}
        self._trials: dict[tuple[str, int], bool] = {}
        self._pieces: dict[str, tuple[int, int]] = {}

    def fetch(self) -> Assignment:
        """Fill the folder with what earlier attempts finished; returns the job's specification."""
        beginning = self.remote.begin()
        self.folder.make()
        for item in beginning.pieces:
            path = self.folder.scratch / item.name
            path.write_bytes(self.remote.piece(item.name))
            self._pieces[path.name] = _stamp(path)
        store = TrialStore(self.folder.trials)
        for trial in self.remote.trials():
            keep = (trial.study, trial.number, trial.params, trial.key)
            store.asked(*keep) if trial.values is None else store.save(*keep, trial.values)
            self._trials[trial.study, trial.number] = trial.values is not None
        self._streams = {
            "events": Stream(self.folder.events, beginning.sizes["events"], whole_lines=True),
            "log": Stream(self.folder.log, beginning.sizes["log"], whole_lines=False),
        }
        return beginning.spec

    def send(self, rss: int, peak: int) -> bool:
        """Send what is new, and a sign of life; whether the job is asked to stop."""
        told = self.remote.keep("usage", Usage(rss=rss, peak_rss_bytes=peak))
        self._send_trials()
        for name in self._streams:
            self._send_stream(name)
        self._send_document("progress")
        self._send_pieces()
        return told.cancel

    def hand_in(self) -> str | None:
        """Send how the attempt ended; what it left: result, error or setback, or None if it left nothing."""
        for name in OUTCOMES:
            document = self.folder.document(name)
            if document is None:
                continue
            try:
                self.remote.keep(name, document)
            except Refused as error:
                self.remote.keep("error", _unkept(name, error))
            return name
        return None

    def _send_document(self, name: str) -> None:
        document = self.folder.document(name)
        if document is not None and document != self._documents.get(name):
            self.remote.keep(name, document)
            self._documents[name] = document

    def _send_stream(self, name: str) -> None:
        stream = self._streams[name]
        while block := stream.news():
            size = self.remote.append(name, stream.base + stream.sent, block).size
            if size is None or size < stream.base + stream.sent:
                self._forget()
                stream.base, stream.sent = size or 0, 0
                continue
            stream.sent += len(block)

    def _send_trials(self) -> None:
        news = [
            item
            for item in trials.read(self.folder.trials)
            if self._trials.get((item.study, item.number)) is not (item.values is not None)
        ]
        for start in range(0, len(news), TRIALS_AT_ONCE):
            some = news[start : start + TRIALS_AT_ONCE]
            shown = [TrialRead.model_construct(**vars(item)) for item in some]
            self.remote.keep("trials", Trials.model_construct(trials=shown))
            self._trials |= {(item.study, item.number): item.values is not None for item in some}

    def _send_pieces(self) -> None:
        for path in pieces.finished(self.folder.scratch):
            stamp = _stamp(path)
            if self._pieces.get(path.name) != stamp:
                self.remote.keep_piece(path.name, path.read_bytes())
                self._pieces[path.name] = stamp


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def _unkept(name: str, error: Refused) -> Problem:
    detail = f"The job's {name} could not be stored: {error}"
    return Problem(title="The job failed", status=500, detail=detail[:2000])
