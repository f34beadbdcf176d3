"""Groups of protected attributes over a span of closed days, with bounds that take each day for one block."""

from collections.abc import Sequence

from millrace_contracts.fairness import FairnessDay, FairnessEvaluation, FairnessWindow, GroupEvaluation
from millrace_contracts.monitors import MonitorWrite
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.profiles import protected
from millrace_monitoring.tables import Closing
from millrace_stats import groupwise


def over(spec: MonitorWrite, closed: Sequence[Closing]) -> FairnessWindow:
    """What the days say together, whichever version was champion; a day without such sums is passed over."""
    days = [(item.day, item.item.fairness) for item in closed if item.item.fairness is not None]
    span = (closed[0].day, closed[-1].day) if closed else (None, None)
    told = None
    if spec.fairness is not None:
        told = _told(spec, [day for _, day in days])
    return FairnessWindow(since=span[0], until=span[1], days=len(days), fairness=told)


def _told(spec: MonitorWrite, days: Sequence[FairnessDay]) -> FairnessEvaluation:
    assert spec.fairness is not None
    kind = Answers.of(spec.task, spec.signature)
    left_out = list(dict.fromkeys(words for day in days for words in day.left_out))
    try:
        selected = groupwise.favourable(kind.task, kind.classes, spec.fairness.favourable)
    except ValueError as error:
        selected, left_out = None, [str(error), *left_out]
    lines, lacking = protected.together(spec.fairness, days)
    groups = [GroupEvaluation.model_validate(line) for line in lines]
    return FairnessEvaluation(
        favourable=selected,
        minimum_rows=spec.fairness.minimum_rows,
        groups=groups,
        left_out=left_out + lacking,
    )
