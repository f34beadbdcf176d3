"""All services of one platform, as one user or service sees them."""

from collections.abc import Mapping
from functools import cached_property
from types import TracebackType
from typing import Self

from millrace.aio.api import AsyncApi
from millrace.aio.controller import AsyncController
from millrace.aio.monitoring import AsyncMonitoring
from millrace.aio.registry import AsyncRegistry
from millrace.aio.serving import AsyncServing
from millrace.aio.training import AsyncTraining
from millrace.transport import address
from millrace.transport.address import Address
from millrace.transport.tokens import TokenFile


class AsyncMillrace:
    """A client for each service; a service whose URL is not known is missed when it is called.

    Args:
        urls: base URL of each service by name.
        token: bearer token.
        project: the project of every call that names no other.
    """

    def __init__(self, urls: Mapping[str, str], token: str | TokenFile, project: str = "default") -> None:
        self.address = Address(urls, token, project)
        self._apis: dict[str, AsyncApi] = {}

    @classmethod
    def from_environment(cls, project: str | None = None) -> Self:
        """From MILLRACE_<SERVICE>_URL and MILLRACE_TOKEN(_FILE), else from the platform running on this machine.

        Raises: NotRunning when neither is there.
        """
        place = address.from_environment(project)
        return cls(place.urls, place.token, place.project)

    @property
    def urls(self) -> Mapping[str, str]:
        """Base URL of each service by name."""
        return self.address.urls

    @property
    def token(self) -> str | TokenFile:
        """The bearer token that is shown."""
        return self.address.token

    @property
    def project(self) -> str:
        """The project of every call that names no other."""
        return self.address.project

    @cached_property
    def registry(self) -> AsyncRegistry:
        """Datasets, runs, models, aliases, decisions and artifacts. Raises: NotRunning."""
        return AsyncRegistry(self._api("registry"))

    @cached_property
    def training(self) -> AsyncTraining:
        """Jobs. Raises: NotRunning."""
        return AsyncTraining(self._api("training"))

    @cached_property
    def serving(self) -> AsyncServing:
        """Endpoints, rollouts and predictions. Raises: NotRunning."""
        return AsyncServing(self._api("serving"))

    @cached_property
    def monitoring(self) -> AsyncMonitoring:
        """Monitors, labels, closed days and alarms. Raises: NotRunning."""
        return AsyncMonitoring(self._api("monitoring"))

    @cached_property
    def controller(self) -> AsyncController:
        """Loops, loop runs and backtests. Raises: NotRunning."""
        return AsyncController(self._api("controller"))

    def _api(self, service: str) -> AsyncApi:
        url = self.address.of(service)
        return self._apis.setdefault(service, AsyncApi(url, self.token, self.project))

    async def close(self) -> None:
        """Close every connection."""
        for api in self._apis.values():
            await api.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
