"""The data plane of a laptop: one Triton and one Envoy, processes that outlive a crash of this service."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

from millrace_contracts.variants import BASE_TARGET, Measurement, ModelVariant, TargetName
from millrace_core.log import log
from millrace_core.services import Services
from millrace_serving.choice import Node
from millrace_serving.envoy.bootstrap import Gateway, bootstrap
from millrace_serving.envoy.counters import EnvoyAdmin
from millrace_serving.envoy.manifests import Ways
from millrace_serving.envoy.upstreams import LOOPBACK
from millrace_serving.planes.plane import Plane
from millrace_serving.processes import ports
from millrace_serving.processes.supervised import Launch, Supervised, inherited
from millrace_serving.settings import ServingSettings
from millrace_serving.triton import golden, installation, measuring, node, source
from millrace_serving.triton.client import Triton
from millrace_serving.triton.controller import Models
from millrace_serving.triton.measuring import NotMeasured
from millrace_serving.triton.repository import Wanted, WrongBytes

BATCHES = (1, 8)
"""Rows in a call, where nobody measured before."""
RUN_HERE = (BASE_TARGET, "ort-cpu-int8", "ort-cpu-distilled", "openvino-cpu-fp32", "openvino-cpu-int8")
"""What the runner of Triton's Python backend can run besides the base form."""

NO_GRPC = (
    "A laptop takes no gRPC: the gRPC server of its Triton (24.10) crashes when a client goes away. Send the Open "
    "Inference Protocol over REST instead, to the same address: tritonclient.http takes the same tensors. In a "
    "cluster, gateway.grpc.enabled opens gRPC."
)
"""What calls are told."""


class LocalPlane(Plane):
    """Triton and Envoy on loopback."""

    def __init__(self, services: Services) -> None:
        settings = cast(ServingSettings, services.settings)
        self.ports = ports.settle(settings)
        super().__init__(
            services,
            Ways(
                triton=lambda _: (LOOPBACK, self.ports["triton_port"]),
                hosts=tuple(host for host in settings.allowed_hosts if host),
                seconds=settings.inference_seconds,
                retry_on=settings.retry_on,
                retries=settings.connection_retries,
                no_grpc=NO_GRPC,
            ),
        )
        self.triton = Triton(f"http://{LOOPBACK}:{self.ports['triton_port']}", installation.secret(settings))
        self.models = Models(settings, self.triton, self._fetch, self.fell)
        self._node: Node | None = None
        self.admin = EnvoyAdmin(f"http://{LOOPBACK}:{self.ports['envoy_admin_port']}")
        run, logs = self.settings.home / "run", self.settings.folder / "logs"
        self.triton_process = Supervised(
            "triton", run / "triton.json", logs / "triton.log", self._launch_triton, 3.0, self._sweep,
            self.due.set,
        )  # fmt: skip
        self.envoy_process = Supervised(
            "envoy", run / "envoy.json", logs / "envoy.log", self._launch_envoy, 2.0, due=self.due.set
        )

    @property
    def inference_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports['gateway_port']}"

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
            protected=not self.settings.gateway_public,
        )

    async def _fetch(self, item: Wanted) -> bytes:
        clients = self.services.clients
        await source.release(clients, item.project, item.model, item.version, item.digest, item.target)
        return b"".join([chunk async for chunk in source.chunks(clients, item.project, item.digest)])

    async def start(self) -> None:
        """Adopt what runs; what does not is started by the first pass."""
        await asyncio.gather(self.triton_process.adopt(), self.envoy_process.adopt())
        await self.look_at_issuers()
        await self.publish()

    async def supervise(self) -> None:
        if await self.triton_process.ensure():
            self.models.forget()
            self.wake.set()
        if not self.envoy_process.running:
            self.discovery.forget_nodes()
        await self.envoy_process.ensure()

    async def keep_models(self) -> None:
        if not (self.triton_process.running and await self.triton.live()):
            return
        self.triton_process.works()
        await self.models.keep(self.read_wanted, lambda: set(self.busy))

    async def load(self, item: Wanted) -> None:
        await self.models.load(item)

    def nodes(self, project: str, endpoint: str) -> Sequence[Node]:
        """This machine runs all of them."""
        if self._node is None:
            self._node = node.keys(node.runtimes(self.settings.triton_environment))
        return (self._node,)

    async def measure(self, item: Wanted, base: str, variant: ModelVariant) -> Measurement | None:
        """In Triton's environment, while nothing else is measured on this machine."""
        environment = self.settings.triton_environment
        runtime = "openvino" if variant.target.startswith("openvino") else "onnxruntime"
        kinds = node.kinds(node.runtimes(environment))
        kind = next((kind for kind in kinds if kind.runtime == runtime), None)
        if kind is None or variant.digest is None or variant.target not in RUN_HERE:
            raise NotMeasured(f"nothing here runs a graph for {variant.target}")
        forms: dict[TargetName, Wanted] = {
            BASE_TARGET: replace(item, digest=base, target=BASE_TARGET),
            variant.target: replace(item, digest=variant.digest, target=variant.target),
        }
        try:
            graphs = {target: await self._fetch(form) for target, form in forms.items()}
        except WrongBytes as error:
            raise NotMeasured(str(error)) from error
        columns = golden.columns(item.golden.inputs, item.signature)
        measured = variant.measured
        batches = [one.batch for one in measured.base] if measured else list(BATCHES)
        found = await measuring.measure(environment, kind, graphs, columns, batches)
        return found.model_copy(update={"traffic": measured.traffic if measured else None})

    def packs(self, names: Iterable[str]) -> bool:
        return self.models.packing.issuperset(names)

    async def counts(self) -> dict[str, dict[str, int]]:
        record = self.envoy_process.record
        fresh = await self.admin.counts() if record and self.envoy_process.running else None
        return {f"{record.pid}-{record.started}": fresh} if record and fresh is not None else {}

    async def restarts(self) -> tuple[int, int]:
        return self.triton_process.restarts, self.envoy_process.restarts

    async def gateways(self) -> int:
        return int(self.envoy_process.running)

    async def ready(self) -> str | None:
        if not self.triton_process.running or not await self.triton.live():
            return "Triton is starting"
        if not await self.admin.ready():
            return "Envoy is starting"
        if self.publisher.problem:
            return self.publisher.problem
        items = await self.read_wanted()
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
