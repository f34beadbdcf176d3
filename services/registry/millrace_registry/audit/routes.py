"""Signed heads over HTTP: listed, made on request, and told by the other services."""

from typing import Annotated

from fastapi import APIRouter, Query

from millrace_contracts.audit import ArchiveWrite, AuditHead, HeadWrite, SignedHead
from millrace_core.auth import CurrentActor, permit
from millrace_core.database import Session
from millrace_core.errors import Forbidden
from millrace_core.ledger.routes import Numbers, numbered
from millrace_core.names import Project
from millrace_registry.audit import controller, queries
from millrace_registry.services import CurrentServices

router = APIRouter(prefix="/v1/audit", tags=["audit"])
READ = permit("registry.audit.read")
Limit = Annotated[int, Query(ge=1, le=1000)]
After = Annotated[int, Query(ge=0, le=2**31 - 1, description="Number of the newest one that is known.")]


@router.get("/heads", response_model=list[SignedHead], dependencies=[READ])
async def signed_heads(session: Session, limit: Limit = 100, after: After = 0) -> list[SignedHead]:
    """The newest signed heads, oldest first."""
    return [controller.shown(row) for row in await queries.newest(session, limit, after)]


@router.get("/decisions:hashes", response_model=dict[str, str], dependencies=[READ])
async def decision_hashes(session: Session, numbers: Numbers) -> dict[str, str]:
    """The hashes of up to 200 decisions by number; one that is not there is left out."""
    return await queries.decision_hashes(session, numbered(numbers))


@router.post("/heads:sign", response_model=SignedHead, dependencies=[permit("registry.audit.write")])
async def sign_head(services: CurrentServices) -> SignedHead:
    """Sign how far all chains are now, and bring it outside."""
    signed = await controller.sign(services)
    await controller.export(services)
    return signed


@router.post("/archives", response_model=SignedHead, dependencies=[permit("registry.archives.write")])
async def sign_archive(
    body: ArchiveWrite, services: CurrentServices, project: Project, actor: CurrentActor
) -> SignedHead:
    """Sign the manifest of an archive, with who made it and when; what is in it was put together by them."""
    return await controller.sign_archive(services, project, body, actor.author)


@router.post("/heads", status_code=204, dependencies=[permit("registry.heads.write")])
async def tell_head(body: HeadWrite, session: Session, actor: CurrentActor) -> None:
    """A service tells how far its ledger is. Raises: Forbidden for who keeps none."""
    if actor.role not in controller.TELLING:
        raise Forbidden(f"Only {', '.join(controller.TELLING)} keep a ledger besides this one.")
    await queries.tell(session, actor.role, AuditHead(count=body.count, head=body.head))
