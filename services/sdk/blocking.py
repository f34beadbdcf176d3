"""Writes millrace/client from millrace/aio: the same methods, blocking. `make clients` runs it."""

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent / "millrace"
SOURCE, TARGET = PACKAGE / "aio", PACKAGE / "client"
WORDS = {
    "AsyncApi": "Api",
    "AsyncApprovals": "Approvals",
    "AsyncAudited": "Audited",
    "AsyncAuditing": "Auditing",
    "AsyncController": "Controller",
    "AsyncDecisions": "Decisions",
    "AsyncFileBody": "FileBody",
    "AsyncIterator": "Iterator",
    "AsyncMillrace": "Millrace",
    "AsyncMonitoring": "Monitoring",
    "AsyncNotices": "Notices",
    "AsyncOverview": "Overview",
    "AsyncProjects": "Projects",
    "AsyncRegistry": "Registry",
    "AsyncReviews": "Reviews",
    "AsyncServing": "Serving",
    "AsyncTraining": "Training",
    "AsyncClient": "Client",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "aclose": "close",
    "aconnect_sse": "connect_sse",
    "aio": "client",
    "aiter_bytes": "iter_bytes",
    "aiter_sse": "iter_sse",
    "aread": "read",
    "asyncio": "time",
}
NAMES = re.compile(r"\b(" + "|".join(WORDS) + r")\b")
MARKS = re.compile(r"\basync (?=def |for |with )|\bawait ")


def blocking(text: str, name: str) -> str:
    """The blocking form of a module of millrace.aio called *name*."""
    plain = NAMES.sub(lambda match: WORDS[match.group()], MARKS.sub("", text))
    return _formatted(f"# Written from millrace/aio/{name}: change that, then `make clients`.\n{plain}")


def _formatted(text: str) -> str:
    """Imports sorted and lines filled as everywhere in the repository."""
    ruff = [sys.executable, "-m", "ruff"]
    file = ["--stdin-filename", str(TARGET / "written.py")]
    for command in (
        ["check", "--select", "I,UP028,RUF022", "--fix-only", "--unsafe-fixes", "-q"],
        ["format", "-q"],
    ):
        done = subprocess.run(
            [*ruff, *command, *file, "-"], input=text, capture_output=True, text=True, check=True
        )
        text = done.stdout
    return text


def written() -> dict[Path, str]:
    """The content of every file of millrace.client."""
    return {TARGET / path.name: blocking(path.read_text(), path.name) for path in sorted(SOURCE.glob("*.py"))}


if __name__ == "__main__":
    for path, text in written().items():
        path.write_text(text)
