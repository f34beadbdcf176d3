# Written from millrace/aio/approvals.py: change that, then `make clients`.
"""The controller's approvals: what waits for people, and what they say; a part of its client."""

from millrace.client.api import Api
from millrace.transport.requests import get, part, post
from millrace_contracts.approvals import ApprovalRead, ApproveWrite, RejectWrite


class Approvals:
    """Every method raises ApiError when the controller refuses. *project* of a call overrides the client's own."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def approvals(self, *, project: str | None = None) -> list[ApprovalRead]:
        """What waits for people's approval in the project, by loop."""
        return self.api.every(ApprovalRead, get("/v1/approvals", project=project))

    def approval(self, loop: str, run: int, *, project: str | None = None) -> ApprovalRead:
        """What people were asked to approve of a run, with its evidence. Raises: ApiError 404 if nobody was."""
        return self.api.answer(ApprovalRead, get(f"{_run(loop, run)}/approval", project=project))

    def approve(
        self, loop: str, run: int, digest: str, reason: str = "", *, project: str | None = None
    ) -> ApprovalRead:
        """Approve what has this *digest*: the one of the approval that was looked at.

        Raises: ApiError 403 for who asked for the run; 409 if it is another, waits no more, or has theirs.
        """
        body = ApproveWrite(digest=digest, reason=reason)
        call = post(f"{_run(loop, run)}/approval:approve", body, project=project)
        return self.api.answer(ApprovalRead, call)

    def reject(
        self, loop: str, run: int, digest: str, reason: str, *, project: str | None = None
    ) -> ApprovalRead:
        """Reject what has this *digest*: the run ends, and *reason* is recorded. Raises: ApiError."""
        body = RejectWrite(digest=digest, reason=reason)
        call = post(f"{_run(loop, run)}/approval:reject", body, project=project)
        return self.api.answer(ApprovalRead, call)


def _run(loop: str, number: int) -> str:
    return f"/v1/loops/{part(loop)}/runs/{number}"
