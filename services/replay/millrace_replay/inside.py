"""A platform of its own for one replay: the services' own applications in this process, on a folder of its own.

Nothing of it is a server: calls cross no socket, no write waits for the disk, steps and jobs are threads. What decides
is what decides in production, and nothing that the replay makes stands beside what its user has.
"""

import asyncio
import gc
import importlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from millrace.client import Millrace
from millrace.laptop import tokens
from millrace.transport import inside
from millrace_contracts.backtests import BacktestWrite, ReplayOrder
from millrace_contracts.loop import ModelLoop
from millrace_replay.installed import SERVICES

OWN: dict[str, str | int | bool] = {
    "lasting": False,
    "database_url": "",
    "storage_url": "",
    "openlineage_url": "",
    "metrics_port": 0,
    "port": 0,
}
"""What the environment may say of the user's services and does not hold for these."""
URLS = {name: f"http://localhost:{place}" for place, name in enumerate(SERVICES, 2)}
"""Under which the services know each other; nothing listens there."""
MORE: dict[str, dict[str, int | bool]] = {
    "monitoring": {"otlp_port": 0, "inside": True},
    "serving": {"data_plane": False},
    "training": {"inside": True},
    "controller": {"inside": True},
}
START_SECONDS, END_SECONDS = 1800.0, 30.0
"""Of the clock: where many want the same processor, the seconds of it that a start needs take minutes."""


@contextmanager
def platform(home: Path, project: str) -> Iterator[Millrace]:
    """A client of the platform in *home*, which is made if it is new, and goes on with what it holds if it is not."""
    (home / "run").mkdir(parents=True, exist_ok=True, mode=0o700)
    secrets = tokens.ensure(home / "run")
    told = {f"MILLRACE_{name.upper()}_URL": url for name, url in URLS.items()} | {
        "MILLRACE_TOKEN": secrets["controller"],
        "MILLRACE_TOKENS_FILE": str(home / "run" / "tokens.json"),
    }
    services = Services(home, secrets)
    with _environment(told):
        services.start()
        gc.freeze()  # half a million objects that stay: to look through them takes a third of a second each time
        try:
            with Millrace(URLS, secrets["controller"], project) as client:
                yield client
        finally:
            gc.unfreeze()
            services.stop()


@contextmanager
def _environment(told: dict[str, str]) -> Iterator[None]:
    """The process is told this, and afterwards what it was told before."""
    before = {name: os.environ.get(name) for name in told}
    os.environ |= told
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def declared(user: Millrace, client: Millrace, loop: ModelLoop, order: ReplayOrder) -> str:
    """The name of the hidden loop on the replay's own platform; said again, it is the same one.

    The history stays with the *user*; the loop's own code, if it has any, comes along.
    """
    code = loop.spec.training.code
    if code is not None and code.digest is not None:
        client.registry.put_artifact(user.registry.get_artifact(code.digest))
    mark = client.registry.put_artifact(order.digest.encode())
    asked = BacktestWrite(loop=loop, digest=mark, format=order.format)
    return client.controller.backtest(asked).loop


class Router(Protocol):
    """What of an application's router is used."""

    def lifespan_context(self, app: Any) -> AbstractAsyncContextManager[Any]: ...


class Application(Protocol):
    """A service's own application, as ASGI has it."""

    router: Router

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


def _late(apps: dict[str, Application], name: str) -> Any:
    """The application of that *name*, once it is built."""

    async def call(scope: Any, receive: Any, send: Any) -> None:
        await apps[name](scope, receive, send)

    return call


class Services:
    """The applications, in an event loop that has a thread of its own."""

    def __init__(self, home: Path, secrets: dict[str, str]) -> None:
        self._home, self._secrets = home, secrets
        self._loop = asyncio.new_event_loop()
        self._begun: Future[None] = Future()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="services", daemon=True)

    def start(self) -> None:
        """Return when all of them are ready to be called. Raises: what keeps one from its start, TimeoutError."""
        self._thread.start()
        try:
            self._begun.result(START_SECONDS)
        except TimeoutError as error:
            told = f"the services of the replay were not ready within {START_SECONDS:,.0f} s"
            raise TimeoutError(f"{told}: begin it again when this machine has less to do") from error

    def stop(self) -> None:
        """End their background tasks, and the loop."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(END_SECONDS)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._live())
        except BaseException as error:
            if self._begun.done():
                raise
            self._begun.set_exception(error)

    async def _live(self) -> None:
        """All URLs are known before the first app is built: its clients are made for whom they know."""
        apps: dict[str, Application] = {}
        for name in SERVICES:
            inside.offer(URLS[name], _late(apps, name), self._loop)
        for name in SERVICES:
            apps[name] = self._built(name)
        async with AsyncExitStack() as life:
            for app in apps.values():
                await life.enter_async_context(app.router.lifespan_context(app))
            self._begun.set_result(None)
            await self._over.wait()

    def _built(self, name: str) -> Application:
        """One application on the folder."""
        module = importlib.import_module(f"millrace_{name}.main")
        known = {f"{other}_url": url for other, url in URLS.items()}
        settings = OWN | {"home": self._home, "service": name, "token": self._secrets[name]} | known
        kind = importlib.import_module(f"millrace_{name}.settings")
        made = getattr(kind, f"{name.title()}Settings")
        return module.build(made(**settings, **MORE.get(name, {})))
