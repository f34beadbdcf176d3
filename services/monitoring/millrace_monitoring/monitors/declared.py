"""What a monitor was declared as, typed: what its row keeps as JSON."""

from millrace_contracts.monitors import MonitorWrite
from millrace_monitoring.tables import Monitor


def declared(monitor: Monitor) -> MonitorWrite:
    """The declaration that the row holds."""
    return MonitorWrite.model_validate(monitor.spec)
