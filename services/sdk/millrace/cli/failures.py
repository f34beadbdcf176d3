"""Errors in words, each with what to do next."""

from collections.abc import Mapping

import httpx
from pydantic import ValidationError

from millrace.accounts import Refused, Unfit
from millrace.cli.exits import REFUSED, UNREACHABLE
from millrace.documents import BadDocument
from millrace.labels import BadLabels
from millrace.laptop import AlreadyRunning, StartFailed
from millrace.quarantine import NoLoop
from millrace.scoring import Damaged
from millrace.transport.errors import ApiError, JobFailed, NotRunning
from millrace.transport.kube import KubeError
from millrace_contracts.counting import counted
from millrace_contracts.formats import UnknownFormat
from millrace_contracts.jobs import JobRead, JobState
from millrace_contracts.loop import mistakes

MOST = 10
"""Mistakes that are told at once."""
STATUS = {
    401: "The token is not accepted: unset MILLRACE_TOKEN, or use the one that 'millrace up' names.",
    403: "The token may not do this: 'millrace whoami' shows what it may.",
    404: "'millrace loops list', 'models list', 'decisions list' show what there is.",
    413: "Send it in smaller parts.",
    503: "A service is starting or waits for another: 'millrace doctor' tells which. Try again.",
}

TABLES = ("millrace_table", "numpy", "pyarrow")
TABLES_REMEDY = "Install them: pip install ./services/contracts ./services/table './services/sdk[tables]'."


def words(error: Exception) -> list[str] | None:
    """Lines for a person: first what went wrong, then what to do. None for an error that nobody expected."""
    if isinstance(error, ApiError):
        return _refused(error)
    if isinstance(error, JobFailed):
        problem = None if error.job.error is None else error.job.error.model_extra
        more = [*_kept(error.job), f"'millrace jobs show {error.job.id}' has all of it."]
        return [str(error), *_fields(problem or {}), *more]
    if isinstance(error, KubeError):
        return [str(error), "Log in anew with 'millrace login --kube', or go back with 'millrace logout'."]
    if isinstance(error, NotRunning):
        text = str(error)
        return (
            [text]
            if "millrace up" in text
            else [text, "Start a platform on this machine with 'millrace up'."]
        )
    if isinstance(error, NoLoop):
        return [str(error)]
    if isinstance(error, httpx.TransportError):
        return [
            f"no answer from the platform ({type(error).__name__}).",
            "Look at it with 'millrace doctor'; start it with 'millrace up'.",
        ]
    if isinstance(error, ValidationError):
        return ["this cannot be sent", *mistakes(error)[:MOST]]
    if isinstance(error, BadDocument):
        return [f"{counted(len(error.mistakes), 'mistake')} in the document", *map(str, error.mistakes)]
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
        return [f"{error.filename}: {error.strerror}", "Check the path."]
    if isinstance(error, UnicodeDecodeError):
        return ["the file is not UTF-8 text", "Save it as UTF-8."]
    if isinstance(error, ModuleNotFoundError) and error.name in TABLES:
        return [f"this needs {error.name}, which the client alone does not bring.", TABLES_REMEDY]
    known = (UnknownFormat, BadLabels, Damaged, AlreadyRunning, StartFailed, Refused, Unfit, TimeoutError)
    return [str(error)] if isinstance(error, known) else None


def code(error: Exception) -> int:
    """The exit code."""
    return UNREACHABLE if isinstance(error, NotRunning | KubeError | httpx.TransportError) else REFUSED


def _kept(job: JobRead) -> list[str]:
    """Where the file of a failed delivery is: nobody has to bring it again."""
    source = job.spec.get("source")
    if job.kind != "ingest" or job.state != JobState.FAILED or job.loop_run is not None:
        return []
    if not isinstance(source, dict) or source.get("kind") != "artifact":
        return []
    seen = f"'millrace data quarantine list {job.spec.get('dataset')}'"
    return [f"The file is kept: {seen} shows it in a moment, 'millrace data accept ID' tries it again."]


def _refused(error: ApiError) -> list[str]:
    detail = error.problem.get("detail") or error.problem.get("title") or "the request was refused"
    lines = [str(detail), *_fields(error.problem)]
    if len(lines) == 1 and error.status in STATUS:
        lines.append(STATUS[error.status])
    if error.status >= 500 and error.request_id:
        lines.append(f"The service's log has more under request {error.request_id}.")
    return lines


def _fields(problem: Mapping[str, object]) -> list[str]:
    errors = problem.get("errors")
    items = [item for item in errors if isinstance(item, dict)] if isinstance(errors, list) else []
    lines = []
    for item in items:
        mend = f"; {item['mend']}" if item.get("mend") else ""
        lines.append(f"{item.get('where', '')}: {item.get('what', '')}{mend}")
    return lines
