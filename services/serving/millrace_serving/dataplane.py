"""The data plane as the rest of serving knows it: everything between a client's request and onnxruntime.

`planes.local` runs Triton and Envoy as processes of this service, `planes.cluster` as pods; endpoints and
rollouts see no difference.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from millrace_contracts.endpoints import RevisionPods
from millrace_contracts.variants import Measurement, MeasurementWrite, ModelVariant
from millrace_core.waiting import PodWaiting
from millrace_serving.choice import Node
from millrace_serving.envoy.discovery import Discovery
from millrace_serving.envoy.publisher import Publisher
from millrace_serving.triton.repository import Wanted


class Unasked(Exception):
    """A pod tells what it was not asked; the text says so."""


class DataPlane(ABC):
    """Triton and Envoy, as serving keeps them running."""

    supervise_seconds = 2.0
    """Pause between two passes over what serves, unless something of it ends."""

    def __init__(self, discovery: Discovery, publisher: Publisher) -> None:
        self.discovery, self.publisher = discovery, publisher
        self.busy: set[str] = set()
        """Revisions that a rollout is loading right now."""
        self.wake, self.due = asyncio.Event(), asyncio.Event()
        """Set when there is something to do for the models, and for the processes."""

    @property
    @abstractmethod
    def inference_url(self) -> str:
        """Where clients send their requests."""

    @property
    def gateway_url(self) -> str:
        """Where this service sends its own."""
        return self.inference_url

    @abstractmethod
    async def start(self) -> None:
        """Take up what runs already."""

    @abstractmethod
    async def stop(self) -> None:
        """An orderly end of this service."""

    @abstractmethod
    async def supervise(self) -> None:
        """One pass over what serves: are Triton and Envoy there?"""

    @abstractmethod
    async def keep_models(self) -> None:
        """One pass over the revisions: load what is missing, heal what answers wrong, remove what nobody wants."""

    @abstractmethod
    async def load(self, item: Wanted) -> None:
        """Bring a candidate up, and hold it against its golden rows.

        Raises: LoadFailed if it can never work; NotYet while it is on its way; another error: worth another try.
        """

    async def warm(self, item: Wanted) -> None:
        """Returns once a revision that may get traffic answers. Raises: NotYet.

        Where all that is ready is loaded, there is nothing to wait for.
        """
        return

    def held(self, project: str) -> Sequence[Wanted] | None:
        """What the shared pod of a project has to have loaded; None: not known yet."""
        return ()

    def pods(self, name: str) -> RevisionPods | None:
        """In whose pods a revision sits, where there are pods."""
        return None

    @abstractmethod
    async def counts(self) -> dict[str, dict[str, int]]:
        """What the gateways have counted in their present lives, by life; those that do not answer are left out."""

    @abstractmethod
    async def restarts(self) -> tuple[int, int]:
        """How often Triton and Envoy were started again."""

    @abstractmethod
    async def gateways(self) -> int:
        """How many gateways take requests."""

    @abstractmethod
    async def ready(self) -> str | None:
        """None when this service can do its work, else what is missing."""

    @abstractmethod
    async def publish(self) -> bool:
        """Tell Envoy what the database says; True once it does so."""

    @abstractmethod
    async def know_issuers(self) -> None:
        """One pass over those whose signed tokens the gateway believes: which keys do they publish now?"""

    async def know_sizes(self) -> None:
        """One pass over the graphs of which nobody knows how large they are, where that decides where they sit."""
        return

    @abstractmethod
    async def totals(self) -> dict[str, int]:
        """The gateways' counters over all their lives, fresh; stored when they changed."""

    @property
    def problem(self) -> str | None:
        """What people should know about the data plane now."""
        return self.publisher.problem

    def packs(self, names: Iterable[str]) -> bool:
        """Whether all revisions of these *names* take packed tensors, as far as they were tried."""
        return False

    def nodes(self, project: str, endpoint: str) -> Sequence[Node]:
        """The kinds of machine that run an endpoint's revisions; none: not known."""
        return ()

    async def fell(self, item: Wanted, why: str) -> Wanted | None:
        """Note that the form of a revision cannot be used; how it has to be loaded now, None if it has no other."""
        return None

    async def measure(self, item: Wanted, base: str, variant: ModelVariant) -> Measurement | None:
        """How fast a form is beside the base form where *item* runs; None where this service is not there itself.

        Args:
            base: digest of the base form's graph.
        Raises: Busy for now; NotMeasured if it cannot be.
        """
        return None

    async def reported(self, report: MeasurementWrite, pod: str | None) -> Measurement:
        """A measurement as it counts.

        Args:
            pod: the pod that measured and tells it; None: somebody who is believed.
        Raises: Unasked if that pod was made for another question.
        """
        if pod is not None:
            raise Unasked("No pods measure here.")
        return report.measurement

    def waiting(self, name: str) -> PodWaiting | None:
        """What keeps the pods of a revision from answering, where there are pods."""
        return None
