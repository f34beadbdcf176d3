"""A way into the console for a browser that has no token: a link that works once."""

import httpx
from pydantic import BaseModel

from millrace.transport import answers
from millrace.transport.requests import SECONDS, trusted
from millrace.transport.tokens import TokenFile


class ConsoleLink(BaseModel):
    """What the console answers: a path at its own address."""

    path: str


def link(url: str, token: str | TokenFile) -> str:
    """A link that signs in whoever has *token* at the console of *url*. Raises: ApiError, httpx.TransportError."""
    shown = token() if isinstance(token, TokenFile) else token
    headers = {"authorization": f"Bearer {shown}"}
    with httpx.Client(trust_env=False, verify=trusted(), timeout=SECONDS) as client, answers.plain_errors():
        asked = client.post(f"{url.rstrip('/')}/v1/links", headers=headers)
        return url.rstrip("/") + answers.typed(ConsoleLink, answers.checked(asked)).path
