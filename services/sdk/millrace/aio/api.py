"""HTTP to one Millrace service: token, request id, retries, typed answers, and problem+json turned into ApiError."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TypeVar

import httpx
import httpx_sse
import stamina

from millrace.transport import answers, inside
from millrace.transport.requests import SECONDS, Call, trusted
from millrace.transport.tokens import TokenFile

Answer = TypeVar("Answer")
PAGE = 500
"""Items asked for at once."""


class AsyncApi:
    """Calls to one service.

    Every method raises ApiError for an answer of 4xx or 5xx, and httpx.TransportError if nobody answers in time.
    """

    def __init__(
        self, url: str, token: str | TokenFile = "", project: str = "default", timeout: float = SECONDS
    ) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self.project = project
        self.timeout = timeout
        own = inside.known(self.url)
        self._client = httpx.AsyncClient(
            base_url=self.url, trust_env=False, verify=trusted() if own is None else False, transport=own
        )

    async def send(self, call: Call) -> httpx.Response:
        """The answer to *call*, read to its end."""
        prepared = call.prepared(self.token, self.project, self.timeout)
        with answers.plain_errors():
            async for attempt in stamina.retry_context(**call.retrying()):
                with attempt:
                    return answers.checked(await self._client.request(call.method, call.path, **prepared))
        raise AssertionError("stamina tries at least once")

    async def answer(self, shape: type[Answer], call: Call) -> Answer:
        """The answer to *call* as *shape*."""
        return answers.typed(shape, await self.send(call))

    async def every(self, shape: type[Answer], call: Call, most: int | None = None) -> list[Answer]:
        """All items of a paged list, or the first *most* of them, each as *shape*."""
        items: list[Answer] = []
        cursor: str | None = None
        while True:
            asked = replace(call, params={**call.params, "cursor": cursor, "limit": min(PAGE, most or PAGE)})
            page = await self.answer(answers.Page[shape], asked)  # type: ignore[valid-type]
            items += page.items
            cursor = page.next
            if cursor is None or (most is not None and len(items) >= most):
                return items[:most]

    async def chunks(self, call: Call) -> AsyncIterator[bytes]:
        """The body of the answer in pieces, as they come."""
        prepared = call.prepared(self.token, self.project, self.timeout)
        async with self._client.stream(call.method, call.path, **prepared) as response:
            if not response.is_success:
                await response.aread()
                with answers.plain_errors():
                    answers.checked(response)
            async for chunk in response.aiter_bytes():
                yield chunk

    async def events(self, call: Call) -> AsyncIterator[answers.Event]:
        """Server-sent events, until the server ends the stream.

        Raises: ApiError also later, when the caller may not read it any more.
        """
        prepared = call.prepared(self.token, self.project, self.timeout)
        patient = {**prepared, "timeout": httpx.Timeout(SECONDS, read=None)}
        async with httpx_sse.aconnect_sse(self._client, call.method, call.path, **patient) as source:
            if not source.response.is_success:
                await source.response.aread()
                with answers.plain_errors():
                    answers.checked(source.response)
            async for event in source.aiter_sse():
                if event.data:
                    yield answers.told(event.event, event.data, str(source.response.request.url), event.id)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()
