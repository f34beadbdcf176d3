"""A detector in a process of its own environment, which knows nothing of ours: a line of JSON in, a line out."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.bench.decisions import packages

HERE = Path(__file__).parent / "foreign"


class Silent(Exception):
    """The process ended instead of answering; the text is what it said last."""


class Peer:
    """One process of `foreign/NAME.py` in the environment NAME."""

    def __init__(self, name: str, *given: str) -> None:
        self.name = name
        command = [str(packages.python(name)), "-W", "ignore", str(HERE / f"of_{name}.py"), *given]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._process = subprocess.Popen(command, env=os.environ | packages.QUIET, text=True, **pipes)  # type: ignore[call-overload]

    def ask(self, told: dict[str, Any]) -> dict[str, Any]:
        """Its answer. Raises: Silent."""
        process = self._process
        try:
            process.stdin.write(json.dumps(told) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            process.wait()
            raise Silent(f"{self.name}: {process.stderr.read().strip()[-600:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """It ends when nobody asks any more."""
        self._process.stdin.close()
        self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            pipe.close()
