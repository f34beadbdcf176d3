"""Progress of uploads and jobs: bars on a terminal, a line for each change elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from millrace.cli.output import console

Json = dict[str, Any]


@contextmanager
def job_bar(what: str) -> Iterator[Callable[[Json], None]]:
    """A bar to which a job is given again and again, as it stands."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    screen = console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task(what, total=None, note="")

        def told(job: Json) -> None:
            now = job.get("progress") or {}
            note = " ".join(part for part in (now.get("step"), now.get("message")) if part) or job["state"]
            bar.update(task, completed=now.get("done") or 0, total=now.get("total"), note=note)

        yield told
