"""The data plane of a cluster: pods of Triton for each revision, and the gateway pods that the chart runs."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from millrace.transport import errors
from millrace_contracts.endpoints import RevisionPods
from millrace_contracts.variants import Measurement, MeasurementWrite, ModelVariant, NodeKind
from millrace_core.log import log
from millrace_core.services import Services
from millrace_core.waiting import PodWaiting
from millrace_serving.choice import Node
from millrace_serving.cluster import metrics, names
from millrace_serving.cluster.gateways import Gateways
from millrace_serving.cluster.measurements import Question, job_name, questions
from millrace_serving.cluster.measuring import Measuring, is_of
from millrace_serving.cluster.revisions import Revisions
from millrace_serving.dataplane import Unasked
from millrace_serving.envoy.bootstrap import INFERENCE_PORT
from millrace_serving.envoy.manifests import Ways
from millrace_serving.planes.plane import Plane
from millrace_serving.revisions import queries as endpoints
from millrace_serving.revisions.wire import parts
from millrace_serving.settings import ServingSettings
from millrace_serving.triton.loading import LoadFailed, NotYet
from millrace_serving.triton.measuring import Busy, NotMeasured
from millrace_serving.triton.repository import Wanted

if TYPE_CHECKING:
    from millrace_core.kubernetes import Cluster

WARM_SECONDS, LOOK_SECONDS = 20.0, 0.25
"""How long one asks for a version that has to answer, and how often one looks."""
GONE = (404, 410)
"""Answers of a registry that has no such graph."""
OFF = (
    "Inference over gRPC is switched off in this installation: its values say gateway.grpc.enabled: false. Send the "
    "Open Inference Protocol over REST instead: tritonclient.http takes the same tensors."
)
"""What calls are told where the values leave gRPC out."""


class ClusterPlane(Plane):
    """Triton and Envoy as pods; they go on when this service ends."""

    def __init__(self, services: Services, cluster: "Cluster") -> None:
        settings = cast(ServingSettings, services.settings)
        namespace = settings.workloads

        def door(revision: str) -> tuple[str, int]:
            return names.host(revision, namespace), names.GRPC_PORT

        super().__init__(
            services,
            Ways(
                triton=lambda revision: (names.host(revision, namespace), names.TRITON_PORT),
                hosts=("*",),
                seconds=settings.inference_seconds,
                retry_on=settings.retry_on,
                retries=settings.connection_retries,
                grpc=door if settings.grpc else None,
                no_grpc=OFF,
            ),
        )
        self.revisions = Revisions(settings, cluster, self.fell)
        self.measuring = Measuring(settings, cluster)
        self.gateway_pods = Gateways(settings, cluster)
        self._unsized: set[tuple[str, str]] = set()
        """Graphs that the registry has not, by project and digest: it is not asked again."""

    @property
    def inference_url(self) -> str:
        return self.settings.public_url.rstrip("/") or self.gateway_url

    @property
    def gateway_url(self) -> str:
        return f"http://{self.settings.release}-gateway.{self.settings.namespace}.svc:{INFERENCE_PORT}"

    async def start(self) -> None:
        """Nothing has to be started: what is stored on disk is offered, and the passes see the rest.

        Whose tokens are believed is known first: a table without them would turn them away.
        """
        await self.look_at_issuers()

    async def stop(self) -> None:
        await self.gateway_pods.close()

    async def supervise(self) -> None:
        await self.gateway_pods.look()
        await self.discovery.expect(self.gateway_pods.up, self.gateway_pods.known)
        quiet = self.revisions.shared.quiet
        if quiet.watches and quiet.note(await self.gateway_pods.asked()):
            self.wake.set()

    async def know_sizes(self) -> None:
        if self.settings.triton_standby is None:
            return
        async with self.services.readers() as session:
            asked = {(item.project, item.digest) for item in await endpoints.unsized(session)}
        for project, digest in sorted(asked - self._unsized):
            try:
                size = (await self.services.clients.registry.artifact(digest, project=project)).size
            except errors.ApiError as error:
                if error.status in GONE:
                    self._unsized.add((project, digest))
                log.warning("the registry does not say how large a graph is", digest=digest, error=str(error))
                continue
            async with self.services.sessions.begin() as session:
                await endpoints.set_size(session, project, digest, size)

    async def keep_models(self) -> None:
        await self.revisions.keep(self.read_candidates, self.read_wanted, self._busy)
        sat = [self.revisions.pods(name) for name in self.revisions.sights]
        metrics.seen(told.kind for told in sat if told is not None)

    def _busy(self) -> set[str]:
        return {names.object_name(*names.parts(name)) for name in self.busy}

    async def load(self, item: Wanted) -> None:
        await self.revisions.load(item)

    def waiting(self, name: str) -> PodWaiting | None:
        return self.revisions.waiting(name)

    async def warm(self, item: Wanted) -> None:
        """A version that is not loaded is loaded first; what answers now costs no wait."""
        deadline = time.monotonic() + WARM_SECONDS
        while not self.revisions.answers(item.name):
            self.revisions.shared.ask(item.name)
            if time.monotonic() >= deadline:
                why = self.waiting(item.name)
                raise NotYet(why.message if why else "its pod is loading it")
            self.wake.set()
            await asyncio.sleep(LOOK_SECONDS)

    def held(self, project: str) -> Sequence[Wanted] | None:
        return self.revisions.shared.items.get(project, []) if self.revisions.seen else None

    def pods(self, name: str) -> RevisionPods | None:
        return self.revisions.pods(name)

    def nodes(self, project: str, endpoint: str) -> Sequence[Node]:
        """Where the endpoint's pods are now; a GPU is what the values say of all GPU nodes."""
        mine = [
            kinds for name, kinds in self.revisions.nodes.items() if parts(name)[:2] == (project, endpoint)
        ]
        return sorted({frozenset(node) | self._gpu() for kinds in mine for node in kinds}, key=min)

    def _gpu(self) -> frozenset[str]:
        made = self._gpu_kind()
        return frozenset() if made is None else frozenset({made.key})

    def _gpu_kind(self) -> NodeKind | None:
        engines = self.settings.triton_engines
        if engines is None:
            return None
        return NodeKind(
            device="gpu",
            product=engines.gpu,
            driver=engines.driver,
            runtime="tensorrt",
            runtime_version=engines.tensorrt,
        )

    async def measure(self, item: Wanted, base: str, variant: ModelVariant) -> Measurement | None:
        """By a Job on one of the nodes that the endpoint's pods are on; what it finds comes by a route of its own."""
        if not self.settings.measure_forms:
            raise NotMeasured("measuring is switched off: the values say triton.measureForms: false")
        async with self.services.readers() as session:
            own = await endpoints.measured(session, [variant.digest or ""])
        gpu = self._gpu_kind()
        for asked in questions(item, base, variant, self._places(item), gpu):
            if (asked.target, asked.key) not in own:
                await self._prepared(asked)
                await self.measuring.ask(asked)
        return None

    def _places(self, item: Wanted) -> dict[str, frozenset[str]]:
        found = [
            places
            for name, places in self.revisions.places.items()
            if parts(name)[:2] == (item.project, item.endpoint)
        ]
        return {place: frozenset(kinds) for places in found for place, kinds in places.items()}

    async def _prepared(self, asked: Question) -> None:
        """Its engine is built, if it needs one. Raises: Busy; NotMeasured."""
        try:
            await self.revisions.building.ready(asked.form, await self.revisions.owner(), measured=True)
        except NotYet as error:
            raise Busy(f"{asked.target} is measured once {error}") from error
        except LoadFailed as error:
            raise NotMeasured(str(error)) from error

    async def reported(self, report: MeasurementWrite, pod: str | None) -> Measurement:
        if pod is None:
            return report.measurement
        job = job_name(report.digest, report.target, report.measurement.node.key)
        if not is_of(pod, job):
            where = report.measurement.node.key
            raise Unasked(f"The pod {pod or 'of this token'} was not asked for {report.target} on {where}.")
        return await self.measuring.judged(pod, report.measurement)

    def packs(self, names: Iterable[str]) -> bool:
        return all(self.revisions.packs(name) for name in names)

    async def counts(self) -> dict[str, dict[str, int]]:
        return await self.gateway_pods.counts()

    async def restarts(self) -> tuple[int, int]:
        return self.revisions.restarts, self.gateway_pods.restarts

    async def gateways(self) -> int:
        return len(self.gateway_pods.up)

    @property
    def problem(self) -> str | None:
        if not self.gateway_pods.up:
            return "no gateway is ready"
        if self.publisher.problem:
            return self.publisher.problem
        sights, unloaded = self.revisions.sights, self.revisions.shared.unloaded
        dead = {name: sight for name, sight in sights.items() if not (sight.right or unloaded(name))}
        told = (
            f"{name}: {s.wrong or (s.trouble.text if s.trouble else 'starting')}" for name, s in dead.items()
        )
        return "; ".join(told)[:1000] or None

    async def ready(self) -> str | None:
        """One broken revision must not take discovery from the gateways: that is told by GET /v1/gateway."""
        return None if self.revisions.seen else "the Kubernetes API has not shown the revisions yet"
