"""Run the adapter: `python -m millrace_serving.autoscaling.adapter --host NAME.NAMESPACE.svc`.

One port speaks TLS to the API server's front proxy alone; another, plain, is for probes and Prometheus.
"""

import argparse
import asyncio
import base64
import contextlib
import signal
import ssl
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from millrace_core.errors import MillraceError
from millrace_core.log import log
from millrace_core.reconcile import run_forever
from millrace_serving.autoscaling import certificate, custom_metrics, front_proxy
from millrace_serving.autoscaling.demand import Demand
from millrace_serving.autoscaling.front_proxy import FrontProxy
from millrace_serving.autoscaling.watching import Watching, watch
from millrace_serving.settings import ServingSettings

if TYPE_CHECKING:
    from millrace_core.kubernetes import Cluster

ANYWHERE = "0.0.0.0"  # noqa: S104 - a pod is there to be reached; who is let in is decided by TLS
PORT, PLAIN_PORT = 8443, 9090
LOOK_SECONDS = 30.0
"""Pause between two looks at whom to believe, and at what the API server believes."""
LIFE_SECONDS = certificate.DAYS * 86400 / 2
"""Half the life of its certificate, after which the process ends to get another."""


class Adapter:
    """One life of the adapter; *why* says what keeps it from answering, empty when nothing does."""

    def __init__(self, cluster: "Cluster", host: str, authority: str) -> None:
        self.cluster, self.host, self.authority = cluster, host, authority
        self.why = "it has not been registered at the API server yet"
        self._mark: str | None = None
        self._born = time.monotonic()

    async def believe(self) -> FrontProxy:
        """Whom to let in, once the API server says so."""
        while True:
            try:
                proxy = await front_proxy.read(self.cluster)
            except MillraceError as error:
                self.why = error.detail
                log.warning("nobody is let in", reason=error.detail)
                await asyncio.sleep(5.0)
                continue
            self._mark = proxy.mark
            return proxy

    async def register(self) -> None:
        """Tell the API server by which certificate to know this adapter. Raises: MillraceError; Over."""
        await self.cluster.apply(registration(self.authority))
        self.why = ""
        proxy = await front_proxy.read(self.cluster)
        if self._mark is not None and proxy.mark != self._mark:
            raise Over("the API server's front proxy has another authority")
        if time.monotonic() - self._born > LIFE_SECONDS:
            raise Over("its certificate is half over")


class Over(BaseException):
    """This process has to end; its successor knows better. No error: no loop may catch it."""


def registration(authority: str) -> dict[str, object]:
    """What this process says of the APIService, which the chart makes: the authority of its certificate alone."""
    bundle = base64.b64encode(authority.encode()).decode()
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"{custom_metrics.VERSION}.{custom_metrics.GROUP}"},
        "spec": {"caBundle": bundle},
    }


def plain(adapter: Adapter) -> Starlette:
    """For the kubelet and Prometheus."""

    async def alive(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ok")

    async def ready(_: Request) -> PlainTextResponse:
        return PlainTextResponse(adapter.why or "ok", 503 if adapter.why else 200)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", metrics)])


class _Server(uvicorn.Server):
    """One of two servers in a process: signals are seen by the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def secure(app: Starlette, proxy: FrontProxy, files: tuple[Path, Path], port: int = PORT) -> uvicorn.Server:
    """The server that only the front proxy reaches: TLS 1.2 at least, and a client certificate of its authority."""
    believed = files[0].with_name("front-proxy-ca.crt")
    believed.write_text(proxy.authority)
    config = uvicorn.Config(
        app, host=ANYWHERE, port=port, http=front_proxy.protocol(proxy), log_config=None, access_log=False,
        ssl_certfile=str(files[0]), ssl_keyfile=str(files[1]), ssl_ca_certs=str(believed),
        ssl_cert_reqs=ssl.CERT_REQUIRED, server_header=False, timeout_graceful_shutdown=2, lifespan="off",
    )  # fmt: skip
    config.load()
    assert config.ssl is not None
    config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    return _Server(config)


async def run(settings: ServingSettings, cluster: "Cluster", host: str, folder: Path) -> None:
    """Answer until this process is told to end, or has to."""
    shown, kept, authority = certificate.make(host, folder)
    adapter, demand = Adapter(cluster, host, authority), Demand()
    config = uvicorn.Config(
        plain(adapter), host=ANYWHERE, port=PLAIN_PORT, log_config=None, access_log=False, lifespan="off"
    )
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    probes, ends = asyncio.create_task(_Server(config).serve()), asyncio.create_task(told.wait())
    believes = asyncio.create_task(adapter.believe())
    await asyncio.wait([believes, ends], return_when=asyncio.FIRST_COMPLETED)
    if told.is_set():
        return
    proxy = await believes
    server = secure(custom_metrics.app(demand, settings.workloads), proxy, (shown, kept))
    work = [
        probes,
        ends,
        asyncio.create_task(server.serve()),
        asyncio.create_task(watch(Watching(settings, cluster, demand))),
        asyncio.create_task(
            run_forever("registration", adapter.register, every=LOOK_SECONDS, backoff_max=10.0)
        ),
    ]
    done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


def main() -> int:
    """Run it with settings from the environment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True, help="the name by which the API server calls it")
    given = parser.parse_args()
    from millrace_core.kubernetes import Cluster

    with tempfile.TemporaryDirectory() as folder:
        try:
            asyncio.run(run(ServingSettings(), Cluster.here(), given.host, Path(folder)))
        except Over as over:
            log.info("ends, to begin anew", reason=str(over))
    return 0


if __name__ == "__main__":
    sys.exit(main())
