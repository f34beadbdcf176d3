# Written from millrace/aio/platform.py: change that, then `make clients`.
"""All services of one platform, as one user or service sees them."""

from collections.abc import Mapping
from functools import cached_property
from types import TracebackType
from typing import Self

from millrace.client.api import Api
from millrace.client.controller import Controller
from millrace.client.monitoring import Monitoring
from millrace.client.registry import Registry
from millrace.client.serving import Serving
from millrace.client.training import Training
from millrace.transport import address
from millrace.transport.address import Address
from millrace.transport.tokens import TokenFile


class Millrace:
    """A client for each service; a service whose URL is not known is missed when it is called.

    Args:
        urls: base URL of each service by name.
        token: bearer token.
        project: the project of every call that names no other.
    """

    def __init__(self, urls: Mapping[str, str], token: str | TokenFile, project: str = "default") -> None:
        self.address = Address(urls, token, project)
        self._apis: dict[str, Api] = {}

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
    def registry(self) -> Registry:
        """Datasets, runs, models, aliases, decisions and artifacts. Raises: NotRunning."""
        return Registry(self._api("registry"))

    @cached_property
    def training(self) -> Training:
        """Jobs. Raises: NotRunning."""
        return Training(self._api("training"))

    @cached_property
    def serving(self) -> Serving:
        """Endpoints, rollouts and predictions. Raises: NotRunning."""
        return Serving(self._api("serving"))

    @cached_property
    def monitoring(self) -> Monitoring:
        """Monitors, labels, closed days and alarms. Raises: NotRunning."""
        return Monitoring(self._api("monitoring"))

    @cached_property
    def controller(self) -> Controller:
        """Loops, loop runs and backtests. Raises: NotRunning."""
        return Controller(self._api("controller"))

    def _api(self, service: str) -> Api:
        url = self.address.of(service)
        return self._apis.setdefault(service, Api(url, self.token, self.project))

    def close(self) -> None:
        """Close every connection."""
        for api in self._apis.values():
            api.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
