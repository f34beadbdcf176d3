"""Whether a run that is opened now would have anything that the last one had not: data, or another document."""

from millrace_contracts.closings import ClosedDay
from millrace_contracts.datasets import DatasetVersionRead
from millrace_controller.runs import binding, plan
from millrace_controller.runs.states import State
from millrace_controller.tables import Loop, Run


def count(loop: Loop, day: ClosedDay) -> None:
    """Take in the labelled rows of a closed day."""
    known = loop.fresh_rows is not None and day.labelled is not None
    loop.fresh_rows = (loop.fresh_rows or 0) + (day.labelled or 0) if known else None


def same_as(loop: Loop, last: Run | None, dataset: DatasetVersionRead) -> int | None:
    """Number of the *last* run, if its gates have spoken on just the data and the document that one would have now.

    Args:
        dataset: the newest version.
    """
    if last is None or last.verdict is None or last.judged is None or not _ended_by_what_it_was(last):
        return None
    if loop.champion not in (binding.rival(last), last.version, last.verdict.back):
        return (
            None  # whoever answers by now was neither its rival nor what it came to: it would be judged anew
        )
    if last.judged.dataset_version != dataset.number or _fed(loop) or _within(loop, last, dataset):
        return None
    same = last.plan.document == binding.digest(loop.spec.model_dump(mode="json", by_alias=True))
    return last.number if same else None


def _ended_by_what_it_was(last: Run) -> bool:
    """Whether a candidate was trained, and no failure behind its gates kept it from what they said."""
    return last.state != State.FAILED and not plan.adopts(last.plan)


def _fed(loop: Loop) -> bool:
    """Whether labelled production rows would join the data; where nobody knows, they may."""
    return loop.spec.data.feedback and loop.fresh_rows != 0


def _within(loop: Loop, last: Run, dataset: DatasetVersionRead) -> bool:
    """Whether the last run may have left out rows that lay behind its own day; without event time none is left out."""
    if last.plan.cut is None or loop.spec.data.event_time is None:
        return False
    return dataset.last_event is None or dataset.last_event >= last.plan.cut
