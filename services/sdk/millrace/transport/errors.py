"""How a call fails: the service refused, no platform is there, or a job did not succeed."""

from collections.abc import Mapping

from millrace_contracts.jobs import JobRead


class NotRunning(Exception):
    """No platform was found to talk to."""


class ApiError(Exception):
    """The service refused: *status*, the problem+json *problem*, and the request id for its log."""

    def __init__(self, status: int, problem: Mapping[str, object], url: str) -> None:
        self.status = status
        self.problem = problem
        self.request_id = problem.get("instance")
        self.url = url
        super().__init__(f"{status} {problem.get('detail') or problem.get('title') or 'error'}")


class Busy(Exception):
    """The service answered 503 or 429: not ready yet, or too busy; worth another try *after* so many seconds."""

    def __init__(self, error: ApiError, after: float) -> None:
        super().__init__(str(error))
        self.error = error
        self.after = after


class JobFailed(Exception):
    """A job that was waited for did not succeed; *job* is how it stands."""

    def __init__(self, job: JobRead) -> None:
        texts = () if job.error is None else (job.error.title, job.error.detail)
        text = ": ".join(filter(None, texts))
        super().__init__(f"job {job.key} {job.state}" + (f": {text}" if text else ""))
        self.job = job
