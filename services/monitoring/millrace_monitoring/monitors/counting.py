"""What was counted of an endpoint, revision by revision, as one."""

from millrace_contracts.monitors import MonitorCounts
from millrace_monitoring.tables import Count, Monitor


def totals(monitor: Monitor, counted: list[Count]) -> MonitorCounts:
    """Rows and records so far, of all revisions; what is mirrored is no answer."""
    answers = [count for count in counted if count.listener != "shadow"]
    summed = {
        name: sum(getattr(count, name) for count in counted)
        for name in ("offered", "written", "dropped", "duplicates", "faults", "late")
    }
    return MonitorCounts(
        logged=sum(count.rows for count in answers),
        mirrored=sum(count.rows for count in counted if count.listener == "shadow"),
        requests=sum(count.written for count in answers),
        labelled=monitor.labelled,
        late_labels=monitor.late_labels,
        **summed,
    )
