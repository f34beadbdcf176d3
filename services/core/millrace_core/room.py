"""Whether workers that train together fit where jobs are processes of one machine: one rule for `apply` and jobs."""

from millrace_contracts.workers import Workers
from millrace_core import machine
from millrace_core.errors import BadInput, FieldError
from millrace_core.settings import WorkloadSettings

MEND = "Ask for fewer or smaller workers, or run the loop in a cluster."


def check(workers: Workers | None, settings: WorkloadSettings, where: str) -> None:
    """Raises: BadInput, about the field *where*, for workers that this machine has no room for. In a cluster never."""
    if workers is None or settings.platform == "kubernetes":
        return
    lacking = workers.lacking(settings.job_threads, machine.gpus())
    if lacking is not None:
        mistake = FieldError(where, f"ask for {lacking}", MEND)
        raise BadInput(f"{mistake.where} {mistake.what}. {MEND}", [mistake])
