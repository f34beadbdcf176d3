"""Webhooks over HTTP."""

from fastapi import APIRouter, Response

from millrace_contracts.alarms import WebhookRead, WebhookWrite
from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_core.errors import BadInput, FieldError
from millrace_core.names import Name, Project
from millrace_monitoring.services import CurrentServices
from millrace_monitoring.tables import Webhook
from millrace_monitoring.webhooks import addresses, queries

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])


@router.put("/{name}", dependencies=[permit("monitoring.webhooks.write")], response_model=WebhookRead)
async def put(
    name: Name, body: WebhookWrite, project: Project, session: Session, services: CurrentServices
) -> Webhook:
    """Post alarms to a URL; its host must be on the operator's list."""
    try:
        addresses.parse(body.url, services.settings.webhook_hosts)
    except addresses.Refused as error:
        wrong = FieldError("url", str(error), "ask the operator to allow the host")
        raise BadInput(f"The URL {error}.", [wrong]) from error
    return await queries.put(session, project, name, body.url, body.events)


@router.get("", dependencies=[permit("monitoring.webhooks.read")], response_model=list[WebhookRead])
async def every(project: Project, session: Session) -> list[Webhook]:
    """The project's webhooks."""
    return await queries.every(session, project)


@router.get("/{name}", dependencies=[permit("monitoring.webhooks.read")], response_model=WebhookRead)
async def one(name: Name, project: Project, session: Session) -> Webhook:
    """One webhook."""
    return await queries.get(session, project, name)


@router.delete(
    "/{name}",
    status_code=204,
    response_class=Response,
    dependencies=[permit("monitoring.webhooks.write")],
)
async def remove(name: Name, project: Project, session: Session) -> None:
    """Stop posting there."""
    await queries.remove(session, project, name)
