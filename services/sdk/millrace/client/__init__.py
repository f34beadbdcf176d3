"""The Python client: one object with a typed client for each service."""

import json
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from millrace.client.transport import Api, ApiError, TokenFile
from millrace.transport.address import SERVICES, alive
from millrace.transport.errors import NotRunning
from millrace.transport.tokens import shown_token

if TYPE_CHECKING:
    from millrace.client.controller import Controller
    from millrace.client.monitoring import Monitoring
    from millrace.client.registry import Registry
    from millrace.client.serving import Serving
    from millrace.client.training import Training

__all__ = ["SERVICES", "ApiError", "Millrace", "NotRunning", "TokenFile", "shown_token"]


class Millrace:
    """All services of one platform, as one user or service sees them.

    Args:
        urls: base URL of each service by name.
        token: bearer token.
        project: the project of every call.
    """

    def __init__(self, urls: dict[str, str], token: str | TokenFile, project: str = "default") -> None:
        self.urls = urls
        self.token = token
        self.project = project

    @classmethod
    def from_environment(cls, project: str | None = None) -> "Millrace":
        """From MILLRACE_<SERVICE>_URL and MILLRACE_TOKEN(_FILE), else from the platform running on this machine.

        Raises: NotRunning when neither is there.
        """
        project = project or os.environ.get("MILLRACE_PROJECT", "default")
        urls = {name: os.environ.get(f"MILLRACE_{name.upper()}_URL", "") for name in SERVICES}
        if any(urls.values()):
            return cls(urls, shown_token(), project)
        home = Path(os.environ.get("MILLRACE_HOME") or Path.home() / ".millrace")
        try:
            found = json.loads((home / "run" / "platform.json").read_text())
        except FileNotFoundError:
            found = {}
        if not alive(found.get("pid")):
            raise NotRunning(f"no platform is running in {home}; start it with 'millrace up'")
        return cls(found["urls"], found["token"], project)

    def _api(self, service: str) -> Api:
        if not self.urls.get(service):
            raise NotRunning(f"the URL of {service} is not known; set MILLRACE_{service.upper()}_URL")
        return Api(self.urls[service], self.token, self.project)

    @cached_property
    def registry(self) -> "Registry":
        from millrace.client.registry import Registry

        return Registry(self._api("registry"))

    @cached_property
    def training(self) -> "Training":
        from millrace.client.training import Training

        return Training(self._api("training"))

    @cached_property
    def serving(self) -> "Serving":
        from millrace.client.serving import Serving

        return Serving(self._api("serving"))

    @cached_property
    def monitoring(self) -> "Monitoring":
        from millrace.client.monitoring import Monitoring

        return Monitoring(self._api("monitoring"))

    @cached_property
    def controller(self) -> "Controller":
        from millrace.client.controller import Controller

        return Controller(self._api("controller"))
