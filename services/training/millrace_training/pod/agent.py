"""A job's pod: `python -m millrace_training.pod.agent <job id> <attempt>`.

It fetches the job's workspace from the training service, runs the job's process in a folder of its own, as the laptop
does, sends back what that writes, and stops it when the service asks. When the service is away, the job goes on and
its news wait; when another attempt has taken over, it stops at once.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from millrace_training.pod import remote
from millrace_training.pod.cgroup import was_out_of_memory
from millrace_training.pod.mirror import Mirror
from millrace_training.pod.remote import Refused, Remote, Superseded, Unheard, patiently
from millrace_training.process import control
from millrace_training.runtime.assignment import Assignment, Usage
from millrace_training.runtime.errors import JobError
from millrace_training.runtime.folder import JobFolder

BEAT_SECONDS = 1.0
START_SECONDS = 90.0
"""How long the training service may be away when the pod starts."""
LAST_SECONDS = 1800.0
"""How long a finished job waits for the service to take what it made."""
LAST_WORDS_SECONDS = 8.0
"""What a pod that is told to stop takes to send its finished trials; less than its grace."""
DONE, FAILED, SETBACK, UNHEARD, LOST, SUPERSEDED, TOLD_TO_STOP = 0, 1, 76, 69, 70, 75, 143


class Agent:
    """Between one job's process and the training service."""

    def __init__(self, folder: JobFolder, mirror: Mirror) -> None:
        self.folder, self.mirror = folder, mirror
        self.told_to_stop = False
        self._peak = self._shown = 0

    def run(self) -> int:
        """Run the attempt; returns the exit status. Raises: Superseded; Unheard if nobody answers at all."""
        signal.signal(signal.SIGTERM, self._stop)
        assignment = patiently(self.mirror.fetch, lambda: min(START_SECONDS, self._patience()))
        child = control.start(self.folder, assignment, {})
        try:
            while not self._is_over(child):
                self._beat(child.pid, assignment.memory_bytes)
        finally:
            control.stop(assignment.job.id)
            self._show()
        return self._ended(child, assignment)

    def _stop(self, signal: int, frame: FrameType | None) -> None:
        self.told_to_stop = True

    def _is_over(self, child: "subprocess.Popen[bytes]") -> bool:
        """Wait for one beat; whether the job's process has ended, or has to."""
        until = time.monotonic() + BEAT_SECONDS
        while time.monotonic() < until:
            if child.poll() is not None or self.told_to_stop:
                return True
            time.sleep(0.02)
        return False

    def _beat(self, pid: int, limit: int) -> None:
        rss = control.rss(pid, limit)
        self._peak = max(self._peak, rss)
        self._show()
        try:
            if self.mirror.send(rss, self._peak):
                self.folder.cancel.touch()
        except (Unheard, Refused) as error:
            print(f"agent: {error}", file=sys.stderr, flush=True)

    def _show(self) -> None:
        """Let the job's output be the pod's."""
        if self.folder.log.exists():
            with self.folder.log.open("rb") as file:
                file.seek(self._shown)
                self._shown += sys.stdout.buffer.write(file.read())
            sys.stdout.flush()

    def _ended(self, child: "subprocess.Popen[bytes]", assignment: Assignment) -> int:
        usage = self.folder.read("usage", Usage)
        self._peak = max(self._peak, usage.peak_rss_bytes if usage else 0)
        code = child.wait()
        if not self._has_outcome() and was_out_of_memory():
            self.folder.write("error", self._out_of_memory(assignment).problem())
        patiently(self._tell_the_rest, self._patience)
        left = patiently(self.mirror.hand_in, self._patience)
        if left is not None:
            return {"result": DONE, "error": FAILED, "setback": SETBACK}[left]
        if self.told_to_stop or self.folder.cancel.exists():
            return TOLD_TO_STOP
        print(f"The job's process ended with {code} and left nothing.", file=sys.stderr)
        return LOST

    def _patience(self) -> float:
        return LAST_WORDS_SECONDS if self.told_to_stop else LAST_SECONDS

    def _tell_the_rest(self) -> None:
        try:
            self.mirror.send(0, self._peak)
        except Refused as error:
            print(f"agent: {error}", file=sys.stderr, flush=True)

    def _has_outcome(self) -> bool:
        return any(self.folder.document(name) is not None for name in ("result", "error", "setback"))

    def _out_of_memory(self, assignment: Assignment) -> JobError:
        limit = assignment.memory_bytes >> 20
        return JobError(
            "Out of memory",
            f"The job's process was killed for want of memory at {self._peak >> 20} MiB; it may use {limit} MiB.",
            "Raise limits.memory, or train on fewer rows or columns.",
            peak_rss_bytes=self._peak,
            memory_limit_mb=limit,
        )


def main(id: str, attempt: str) -> int:
    """Run attempt *attempt* of job *id*; the last line of stderr says why it failed."""
    folder = JobFolder(Path(remote.folder()))
    try:
        return Agent(folder, Mirror(folder, Remote(id, int(attempt)))).run()
    except Superseded as error:
        print(f"Stopped: {error}", file=sys.stderr)
        return SUPERSEDED
    except Unheard as error:
        url = os.environ.get("MILLRACE_TRAINING_URL", "")
        print(f"The training service at {url} cannot be told: {error}", file=sys.stderr)
        return UNHEARD


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
