"""The data plane as one object: Triton, Envoy, what they should do, and whether they do it."""

import asyncio
import json

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from millrace.client.transport import ApiError
from millrace_core.log import log
from millrace_serving.endpoints import queries as endpoints
from millrace_serving.endpoints.wire import split, wanted
from millrace_serving.envoy import counters
from millrace_serving.envoy.bootstrap import Gateway, bootstrap
from millrace_serving.envoy.counters import EnvoyAdmin
from millrace_serving.envoy.discovery import Discovery
from millrace_serving.envoy.manifests import Split
from millrace_serving.envoy.publisher import Publisher
from millrace_serving.processes import ports
from millrace_serving.processes.supervised import Launch, Supervised, inherited
from millrace_serving.rollouts import queries as rollouts
from millrace_serving.rollouts.states import Loaded
from millrace_serving.settings import ServingSettings
from millrace_serving.triton import installation
from millrace_serving.triton.client import Triton
from millrace_serving.triton.controller import Models
from millrace_serving.triton.repository import Wanted, WrongBytes


class Plane:
    """Everything between a client's request and onnxruntime, as serving keeps it running."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.settings: ServingSettings = app.state.settings
        self.ports = ports.settle(self.settings)
        self.discovery = Discovery(self.settings.folder / "discovery.json")
        self.discovery.restore()
        self.publisher = Publisher(
            self.discovery,
            self.ports["triton_port"],
            [host for host in self.settings.allowed_hosts if host],
            self.settings.inference_seconds,
            self.settings.accept_seconds,
        )
        self.triton = Triton(self.ports["triton_port"], installation.secret(self.settings))
        self.models = Models(self.settings, self.triton, self._fetch)
        self.admin = EnvoyAdmin(self.ports["envoy_admin_port"])
        self.busy: set[str] = set()
        """Revisions that a rollout is loading right now."""
        self.wake = asyncio.Event()
        run, logs = self.settings.home / "run", self.settings.folder / "logs"
        self.triton_process = Supervised(
            "triton", run / "triton.json", logs / "triton.log", self._launch_triton, 3.0, self._sweep
        )
        self.envoy_process = Supervised(
            "envoy", run / "envoy.json", logs / "envoy.log", self._launch_envoy, 2.0
        )

    @property
    def inference_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['gateway_port']}"

    def _launch_triton(self) -> Launch:
        return installation.launch(self.settings, self.ports)

    def _sweep(self) -> None:
        installation.sweep_shared_memory(installation.identity(self.settings))

    def _launch_envoy(self) -> Launch:
        text = json.dumps(bootstrap(self._gateway()))
        path = self.settings.folder / "envoy.json"
        path.touch(mode=0o600)
        path.write_text(text)
        argv = [
            str(self.settings.envoy_binary),
            "-c",
            str(path),
            "--concurrency",
            "1",
            "--disable-hot-restart",
        ]
        argv += ["--reject-unknown-dynamic-fields", "--log-level", "warn"]
        return Launch(argv, inherited(), marker=str(path), content=text)

    def _gateway(self) -> Gateway:
        return Gateway(
            inference_port=self.ports["gateway_port"],
            shadow_port=self.ports["shadow_port"],
            admin_port=self.ports["envoy_admin_port"],
            discovery_port=self.settings.port,
            otlp_port=self.settings.otlp_port,
            token=self.settings.gateway_token.get_secret_value(),
            flush_seconds=self.settings.log_flush_seconds,
            request_seconds=30.0,
        )

    async def _fetch(self, item: Wanted) -> bytes:
        """The graph from the registry, after checking that it belongs to the registered version."""
        registry = self.app.state.apis.registry
        path = f"/v1/models/{item.model}/versions/{item.version}"
        try:
            version = await registry.get(path, project=item.project)
        except ApiError as error:
            if error.status == 404:
                raise WrongBytes(f"{item.model}/{item.version} is not registered") from error
            raise
        registered = version["files"].get("model.onnx")
        if registered != item.digest:
            raise WrongBytes(f"{item.model}/{item.version} was registered with {registered}")
        return b"".join(
            [chunk async for chunk in registry.stream(f"/v1/artifacts/{item.digest}", project=item.project)]
        )

    async def start(self) -> None:
        """Adopt what runs; what does not is started by the first pass."""
        await asyncio.gather(self.triton_process.adopt(), self.envoy_process.adopt())
        await self.publish()

    async def supervise(self) -> None:
        """One pass over both processes."""
        if await self.triton_process.ensure():
            self.models.forget()
            self.wake.set()
        if not self.envoy_process.running:
            self.discovery.forget_nodes()
        await self.envoy_process.ensure()

    async def keep_models(self) -> None:
        """One pass over the revisions that must be loaded."""
        if not (self.triton_process.running and await self.triton.live()):
            return
        await self.models.keep(self._read_wanted, lambda: set(self.busy))

    async def _read_wanted(self) -> list[Wanted]:
        async with self.app.state.readers() as session:
            return await self._wanted(session)

    async def _wanted(self, session: AsyncSession) -> list[Wanted]:
        """Every ready revision of every live endpoint, the stable ones first."""
        stable: list[Wanted] = []
        others: list[Wanted] = []
        for endpoint in await endpoints.everything(session):
            if endpoint.mode != "live":
                continue
            for revision in await endpoints.revisions(session, endpoint):
                if revision.state == Loaded.READY:
                    place = stable if revision.number == endpoint.stable else others
                    place.append(wanted(endpoint, revision))
        return stable + others

    async def publish(self) -> bool:
        """Tell Envoy what the database says; True once it does so."""
        return await self.publisher.publish(self._read_splits)

    async def _read_splits(self) -> tuple[list[Split], list[str]]:
        async with self.app.state.readers() as session:
            return await self._splits(session), [item.name for item in await self._wanted(session)]

    async def _splits(self, session: AsyncSession) -> list[Split]:
        made = []
        for endpoint in await endpoints.everything(session):
            if endpoint.mode == "live" and endpoint.stable is not None:
                made.append(split(endpoint, await rollouts.in_flight(session, endpoint)))
        return made

    async def totals(self) -> dict[str, int]:
        """Envoy's counters over all its lives, fresh; stored when they changed."""
        async with self.app.state.readers() as session:
            stored = await counters.lives(session)
        life, fresh = self.life, await self.admin.counts() if self.envoy_process.running else None
        if fresh is not None and stored.get(life) != fresh:
            async with self.app.state.sessions.begin() as session:
                await counters.keep(session, life, fresh)
            stored[life] = fresh
        counters.METRICS.totals = counters.total(stored.values())
        return counters.METRICS.totals

    @property
    def life(self) -> str:
        record = self.envoy_process.record
        return f"{record.pid}-{record.started}" if record else "none"

    async def ready(self) -> str | None:
        """None when requests can be answered, else what is missing."""
        if not self.triton_process.running or not await self.triton.live():
            return "Triton is starting"
        if not await self.admin.ready():
            return "Envoy is starting"
        if self.publisher.problem:
            return self.publisher.problem
        items = await self._read_wanted()
        missing = [item.name for item in items if item.name not in self.models.healthy]
        return f"not loaded yet: {', '.join(missing[:5])}" if missing else None

    async def stop(self) -> None:
        """An orderly end takes the data plane with it; only a crash leaves it running."""
        if self.envoy_process.running:
            await self.totals()
        await asyncio.gather(self.envoy_process.stop(), self.triton_process.stop())
        await self.admin.close()
        await self.triton.close()
        log.info("the data plane is stopped")
