"""One pass over the messages that are due: check the address, post once, follow nothing, note the outcome."""

import httpx

from millrace_core.database import utcnow
from millrace_core.reconcile import run_forever
from millrace_monitoring.services import Services
from millrace_monitoring.tables import Delivery, Webhook
from millrace_monitoring.webhooks import addresses, queries

SECONDS = 5.0


async def deliver_forever(services: Services) -> None:
    """Background task."""
    await run_forever("webhooks", lambda: deliver(services), every=services.settings.webhook_seconds)


async def deliver(services: Services) -> None:
    """Try every message that is due, once."""
    async with services.readers() as session:
        due = await queries.due(session, utcnow())
    for delivery, hook in due:
        error = await _post(services, delivery, hook)
        async with services.sessions.begin() as session:
            await queries.tried(session, delivery, error)


async def _post(services: Services, delivery: Delivery, hook: Webhook) -> str | None:
    """None when it arrived, else what went wrong."""
    settings = services.settings
    try:
        target = await addresses.resolve(
            addresses.parse(hook.url, settings.webhook_hosts), settings.webhook_private
        )
        async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=SECONDS) as client:
            answer = await client.send(_request(client, target, delivery), stream=True)
            await answer.aclose()
    except addresses.Refused as error:
        return f"refused: the URL {error}"
    except (httpx.HTTPError, OSError) as error:
        return type(error).__name__
    return None if answer.is_success else f"answered {answer.status_code}"


def _request(client: httpx.AsyncClient, target: addresses.Target, delivery: Delivery) -> httpx.Request:
    """To the checked address, asking for the host by name (also in TLS)."""
    address = f"[{target.address}]" if ":" in target.address else target.address
    headers = {"host": f"{target.host}:{target.port}", "idempotency-key": delivery.id}
    return client.build_request(
        "POST",
        f"{target.scheme}://{address}:{target.port}{target.path}",
        json=delivery.body,
        headers=headers,
        extensions={"sni_hostname": target.host},
    )
