"""HTTP to one Millrace service: token, request id, retries, and problem+json turned into ApiError."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import stamina
import structlog

from millrace.transport.errors import ApiError as ApiError
from millrace.transport.errors import Busy
from millrace.transport.requests import part as part
from millrace.transport.tokens import TokenFile as TokenFile
from millrace.transport.trust import trusted

RETRIED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.RemoteProtocolError,
    httpx.ReadError,
    httpx.WriteError,
)
ATTEMPTS, PATIENCE = 12, 45.0


def _headers(token: str | TokenFile, headers: dict[str, str] | None) -> dict[str, str]:
    shown = token() if isinstance(token, TokenFile) else token
    made = {"authorization": f"Bearer {shown}"} if shown else {}
    bound = structlog.contextvars.get_contextvars().get("request_id")
    return made | ({"x-request-id": bound} if bound else {}) | (headers or {})


def _params(project: str, params: dict[str, Any]) -> dict[str, Any]:
    given = {key: value for key, value in params.items() if value is not None}
    return {"project": project} | given


def _timeout(params: dict[str, Any], timeout: float) -> float:
    return max(timeout, float(params.get("wait") or 0) + 15)


def _parsed(response: httpx.Response) -> Any:
    if response.is_success:
        kind = response.headers.get("content-type", "")
        return response.json() if kind.startswith("application/json") else response.content
    try:
        problem = response.json()
    except ValueError:
        problem = {"title": response.reason_phrase, "detail": response.text[:300]}
    error = ApiError(response.status_code, problem, str(response.request.url))
    if response.status_code == 503:
        raise Busy(error)
    raise error


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except Busy as busy:
        raise busy.error from None


class _Calls:
    """The verbs, the same for both transports; each returns parsed JSON, or bytes when it is not JSON.

    Keyword arguments that are not named here become query parameters; `json=`, `content=` and
    `headers=` are the request's. `project` overrides the transport's own. Every POST of Millrace is
    idempotent by a key in its body, so connection errors and 503 are retried with back-off.
    Raises: ApiError for an answer of 4xx or 5xx; httpx.TransportError if nobody answers in time.
    """

    def __init__(
        self, url: str, token: str | TokenFile = "", project: str = "default", timeout: float = 30.0
    ) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self.project = project
        self.timeout = timeout

    def get(self, path: str, **more: Any) -> Any:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> Any:
        return self.request("POST", path, **more)

    def put(self, path: str, **more: Any) -> Any:
        return self.request("PUT", path, **more)

    def patch(self, path: str, **more: Any) -> Any:
        return self.request("PATCH", path, **more)

    def delete(self, path: str, **more: Any) -> Any:
        return self.request("DELETE", path, **more)

    def request(self, method: str, path: str, **more: Any) -> Any:
        raise NotImplementedError

    def _prepared(
        self,
        *,
        json: Any = None,
        content: Any = None,
        headers: dict[str, str] | None = None,
        project: str | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> dict[str, Any]:
        return {
            "json": json,
            "content": content,
            "headers": _headers(self.token, headers),
            "params": _params(project or self.project, params),
            "timeout": _timeout(params, timeout or self.timeout),
        }


def _retrying(retry: bool) -> dict[str, Any]:
    return {
        "on": (*RETRIED, Busy),
        "attempts": ATTEMPTS if retry else 1,
        "timeout": PATIENCE,
        "wait_initial": 0.1,
        "wait_max": 5.0,
    }


class Api(_Calls):
    """Blocking calls, for users, the command line, training jobs and pipeline steps."""

    def __init__(
        self, url: str, token: str | TokenFile = "", project: str = "default", timeout: float = 30.0
    ) -> None:
        super().__init__(url, token, project, timeout)
        self._client = httpx.Client(base_url=self.url, trust_env=False, verify=trusted())

    def request(self, method: str, path: str, retry: bool = True, **more: Any) -> Any:
        prepared = self._prepared(**more)
        with _plain_errors():
            for attempt in stamina.retry_context(**_retrying(retry)):
                with attempt:
                    return _parsed(self._client.request(method, path, **prepared))

    def lines(self, path: str, **more: Any) -> Iterator[tuple[str, str]]:
        """Server-sent events as (event, data), until the server ends the stream."""
        import httpx_sse

        prepared = self._prepared(**more) | {"timeout": httpx.Timeout(30.0, read=None)}
        with httpx_sse.connect_sse(self._client, "GET", path, **prepared) as source:
            if not source.response.is_success:
                source.response.read()
                _parsed(source.response)
            for event in source.iter_sse():
                yield event.event, event.data

    def close(self) -> None:
        self._client.close()


class AsyncApi(_Calls):
    """Calls from one service to another; every verb returns an awaitable."""

    def __init__(
        self, url: str, token: str | TokenFile = "", project: str = "default", timeout: float = 30.0
    ) -> None:
        super().__init__(url, token, project, timeout)
        self._client = httpx.AsyncClient(base_url=self.url, trust_env=False, verify=trusted())

    async def request(self, method: str, path: str, retry: bool = True, **more: Any) -> Any:
        prepared = self._prepared(**more)
        with _plain_errors():
            async for attempt in stamina.retry_context(**_retrying(retry)):
                with attempt:
                    return _parsed(await self._client.request(method, path, **prepared))

    async def stream(self, path: str, **more: Any) -> AsyncIterator[bytes]:
        """The body of a GET in chunks."""
        async with self._client.stream("GET", path, **self._prepared(**more)) as response:
            if not response.is_success:
                await response.aread()
                _parsed(response)
            async for chunk in response.aiter_bytes():
                yield chunk

    async def close(self) -> None:
        await self._client.aclose()


def pages(api: Api, path: str, **params: Any) -> Iterator[dict[str, Any]]:
    """Every item of a paged list."""
    cursor = None
    while True:
        page = api.get(path, cursor=cursor, limit=500, **params)
        yield from page["items"]
        cursor = page["next"]
        if cursor is None:
            return
