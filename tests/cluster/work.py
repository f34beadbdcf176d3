"""Work that goes on in the toolbox while a test breaks something: predictions, and acknowledged writes."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.release import Release

INSIDE = Path(__file__).parent / "inside"
START = """
import json, subprocess, sys
from pathlib import Path
script, name, *arguments = json.loads({told!r})
Path(f"/tmp/{{name}}.py").write_text(script)
log = open(f"/tmp/{{name}}.log", "wb")
subprocess.Popen([sys.executable, f"/tmp/{{name}}.py", *arguments], stdout=log, stderr=log, start_new_session=True)
print(json.dumps(True))
"""
STOP = """
import json, time
from pathlib import Path
name = {name!r}
Path(f"/tmp/{{name}}.stop").touch()
deadline = time.monotonic() + 120
while not Path(f"/tmp/{{name}}.json").exists() and time.monotonic() < deadline:
    time.sleep(0.1)
counts = Path(f"/tmp/{{name}}.json")
print(counts.read_text() if counts.exists() else json.dumps({{"said": Path(f"/tmp/{{name}}.log").read_text()[-2000:]}}))
"""


@dataclass
class Work:
    """What came of it, once it is over."""

    name: str
    found: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Any:
        assert key in self.found, f"{self.name} left no counts: {self.found}"
        return self.found[key]


@contextmanager
def _going_on(release: Release, script: str, name: str, *arguments: str) -> Iterator[Work]:
    work = Work(name)
    told = json.dumps([(INSIDE / script).read_text(), name, *arguments])
    release.python(START.format(told=told))
    try:
        yield work
    finally:
        work.found = release.python(STOP.format(name=name))


@contextmanager
def predicting(release: Release, project: str, endpoint: str, every: float = 0.05) -> Iterator[Work]:
    """One client that asks *endpoint* every so many seconds and never asks twice."""
    name = f"predicting-{secrets.token_hex(3)}"
    with _going_on(release, "predicting.py", name, project, endpoint, name, str(every)) as work:
        yield work


@contextmanager
def crowding(
    release: Release, project: str, endpoint: str, clients: int, pause: float = 0.0
) -> Iterator[Work]:
    """So many clients that ask *endpoint* again as soon as they have an answer, and never ask twice."""
    name = f"crowd-{secrets.token_hex(3)}"
    with _going_on(release, "crowd.py", name, project, endpoint, name, str(clients), str(pause)) as work:
        yield work


@contextmanager
def writing(release: Release, project: str) -> Iterator[Work]:
    """One client that writes datasets and artifacts, and afterwards looks for all that was acknowledged."""
    name = f"writing-{secrets.token_hex(3)}"
    with _going_on(release, "writing.py", name, project, name) as work:
        yield work
