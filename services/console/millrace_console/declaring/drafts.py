"""What a page shows of a look at a file."""

import re
from collections.abc import Coroutine
from pathlib import PurePosixPath
from typing import Any

from millrace.aio import AsyncMillrace
from millrace_console.delivering import deliver
from millrace_contracts.jobs import JobRead, JobState
from millrace_contracts.loops import LoopRead
from millrace_contracts.names import PATTERN
from millrace_contracts.rows import InferResult

NAME = re.compile(PATTERN)


def shown(job: JobRead) -> dict[str, object]:
    """The values of the page; what is to be edited is the draft, until a form says otherwise."""
    result = InferResult.model_validate(job.result) if job.state == JobState.SUCCEEDED else None
    columns = result.contract.columns if result is not None else []
    return {
        "it": job,
        "result": result,
        "file": str(job.spec.get("name", "the file")),
        "columns": columns,
        "times": [column.name for column in columns if column.type == "timestamp"],
        "asked": {key: job.spec.get(key) or "" for key in ("target", "event_time", "timezone", "task")},
        "name": name_of(job),
        "loop_text": result.loop_draft if result is not None else "",
        "contract_text": result.contract_draft if result is not None else "",
        "mistakes": [],
    }


def name_of(job: JobRead) -> str:
    """The loop's name: what was said, or what the file is called."""
    said = job.spec.get("loop")
    if isinstance(said, str) and said:
        return said
    stem = PurePosixPath(str(job.spec.get("name", "rows"))).name.partition(".")[0].lower()
    clean = re.sub(r"[^a-z0-9]+", "-", stem).strip("-")[:40]
    return clean if NAME.fullmatch(clean) else f"loop-{clean}".rstrip("-")


def delivery(
    clients: AsyncMillrace, project: str, loop: LoopRead, job: JobRead
) -> Coroutine[Any, Any, JobRead]:
    """The file that was looked at, as the first delivery of a loop."""
    return deliver(clients, project, loop, str(job.spec["digest"]), str(job.spec.get("name", "rows.csv")))
