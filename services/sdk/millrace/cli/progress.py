"""Progress of uploads and jobs: bars on a terminal, a line for each change elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from millrace.cli.output import console

if TYPE_CHECKING:
    from millrace_contracts.jobs import JobRead


@dataclass(frozen=True)
class Now:
    """How far something is: *done* of *total*, and a *note* in words."""

    note: str
    done: int | None = None
    total: int | None = None

    @classmethod
    def of(cls, job: "JobRead") -> "Now":
        """How far a job is."""
        if job.progress is None:
            return cls(job.state)
        words = " ".join(filter(None, (job.progress.step, job.progress.message)))
        return cls(words or job.state, job.progress.done, job.progress.total)


@contextmanager
def job_bar(what: str, shown: bool = True) -> Iterator[Callable[[Now], None]]:
    """A bar that is told again and again how far it is; it is not *shown* where answers come on the same screen."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    screen = console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=screen, transient=True, disable=not (shown and screen.is_terminal)
    ) as bar:
        task = bar.add_task(what, total=None, note="")

        def told(now: Now) -> None:
            bar.update(task, completed=now.done or 0, total=now.total, note=now.note)

        yield told
