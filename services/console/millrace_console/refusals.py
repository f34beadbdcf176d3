"""Why a delivery was refused, as its report says."""

from millrace_contracts.datasets import QuarantineRead
from millrace_contracts.rows import DeliveryReport


def report(entry: QuarantineRead) -> DeliveryReport:
    """Why a delivery was refused; a report of an older form that cannot be read says nothing."""
    try:
        return DeliveryReport.model_validate(entry.report)
    except ValueError:
        return DeliveryReport()
