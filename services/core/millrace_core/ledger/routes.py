"""A service's ledger over HTTP: verified part by part, and its head."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from millrace_contracts.audit import AuditHead, AuditPart
from millrace_core.auth import permit
from millrace_core.database import Session, still
from millrace_core.errors import BadInput
from millrace_core.ledger import checking, queries, taking
from millrace_core.ledger.checking import Stage

Cursor = Annotated[str | None, Query(max_length=2000, description="`next` of the part before.")]
Numbers = Annotated[
    str, Query(pattern=r"^\d{1,10}(,\d{1,10}){0,199}$", description="With commas between them.")
]


def numbered(numbers: str) -> list[int]:
    """Numbers of entries as a query names them. Raises: BadInput for one that no entry can have."""
    wanted = [int(number) for number in numbers.split(",")]
    if max(wanted) > 2**31 - 1:
        raise BadInput("There is no entry of such a number.")
    return wanted


def router(ledger: Any, more: Sequence[Stage] = ()) -> APIRouter:
    """The routes of the ledger of one service, which looks over *more* besides."""
    made = APIRouter(tags=["audit"])
    read = permit(f"{ledger.service}.audit.read")
    plan = checking.stages(ledger, more)

    @made.get("/v1/ledger:verify", response_model=AuditPart, dependencies=[read])
    async def verify_ledger(request: Request, session: Session, cursor: Cursor = None) -> AuditPart:
        """Recompute the next part of the chain and of the rows that it covers; each row that does not hold is named."""
        await still(session)
        return await checking.part(request.app.state.services, session, ledger.service, plan, cursor)

    @made.get("/v1/ledger:head", response_model=AuditHead, dependencies=[read])
    async def ledger_head(session: Session) -> AuditHead:
        """The last entry: how many there are, and its hash."""
        head = await queries.head(session, ledger)
        return AuditHead(count=head.number, head=head.hash)

    @made.get("/v1/ledger:hashes", response_model=dict[str, str], dependencies=[read])
    async def ledger_hashes(session: Session, numbers: Numbers) -> dict[str, str]:
        """The hashes of up to 200 entries by number; one that is not there is left out."""
        found = await queries.hashes(session, ledger, numbered(numbers))
        return {str(number): value for number, value in found.items()}

    return made


def begin(ledger: Any) -> Any:
    """A start hook: what was there before the ledger is brought in, and marked."""

    async def take_over(services: Any) -> None:
        await taking.take_over(services.sessions, ledger)

    return take_over
