"""One HTTP POST to somebody else's server: its address is checked, nothing is followed, little is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from millrace.transport.trust import trusted
from millrace_contracts.bodies import Document
from millrace_core.database import utcnow
from millrace_monitoring.channels import addresses
from millrace_monitoring.channels.outcome import Outcome, answered
from millrace_monitoring.settings import MonitoringSettings

SECONDS = 10.0
READ_BYTES = 2048
"""How much of an answer is read: what went wrong stands in its first line."""


async def post(
    settings: MonitoringSettings,
    url: str,
    body: Document,
    headers: Mapping[str, str],
    hidden: Callable[[str], str],
) -> Outcome:
    """Post *body* as JSON, once. *hidden*: a text without what is secret, before it is cut short."""
    answer = await exchange(settings, url, READ_BYTES, json=body, headers=headers)
    if isinstance(answer, Outcome):
        return answer
    words = hidden(answer.body.decode(errors="replace"))
    return answered(answer.status, words, answer.retry_after, utcnow())


@dataclass(frozen=True)
class Answer:
    """What the other side said, as far as it was read."""

    status: int
    body: bytes
    retry_after: str


async def exchange(
    settings: MonitoringSettings,
    url: str,
    most: int,
    *,
    json: Document | None = None,
    data: Mapping[str, str] | None = None,
    content: bytes | None = None,
    headers: Mapping[str, str],
) -> Answer | Outcome:
    """Post once, and read up to *most* bytes of the answer; what came of it where there is none."""
    try:
        target = await addresses.resolve(
            addresses.parse(url, settings.webhook_hosts), settings.webhook_private
        )
        async with httpx.AsyncClient(
            trust_env=False, follow_redirects=False, timeout=SECONDS, verify=trusted()
        ) as client:
            sent = {"json": json, "data": data, "content": content}
            answer = await client.send(_request(client, target, sent, headers), stream=True)
            read = await _first(answer, most)
            await answer.aclose()
    except addresses.Refused as error:
        return Outcome(False, f"refused: the address {error}")
    except (httpx.InvalidURL, UnicodeError):
        return Outcome(False, "refused: the address or the token has signs that cannot be sent")
    except (httpx.HTTPError, OSError) as error:
        return Outcome(False, f"no answer: {type(error).__name__}")
    return Answer(answer.status_code, read, answer.headers.get("retry-after", ""))


async def _first(answer: httpx.Response, most: int) -> bytes:
    read = b""
    async for part in answer.aiter_raw():
        read += part
        if len(read) >= most:
            break
    return read[:most]


def _request(
    client: httpx.AsyncClient, target: addresses.Target, sent: Mapping[str, Any], headers: Mapping[str, str]
) -> httpx.Request:
    """To the checked address, asking for the host by name (also in TLS)."""
    address = f"[{target.address}]" if ":" in target.address else target.address
    own = {"host": f"{target.host}:{target.port}", "user-agent": "millrace"}
    return client.build_request(
        "POST",
        f"{target.scheme}://{address}:{target.port}{target.path}",
        **sent,
        headers=own | dict(headers),
        extensions={"sni_hostname": target.host},
    )
