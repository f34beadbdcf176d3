"""Objects that live on the workers of a job's Ray cluster, one on each, and are asked by the job's process.

Ray finds the machines, carries bytes, and notices what is lost; what the objects do is the job's own affair.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from millrace_training.runtime.errors import Cancelled, JobError
from millrace_training.runtime.executors.tasks import resolve

POLL_SECONDS = 1.0
ANSWER_SECONDS = 300.0
"""What a seat has to answer: it may have to start, and to fetch the rows."""


class Gone(Exception):
    """The machine of a seat, or what ran there, is lost."""


class Host:
    """What Ray keeps alive on a worker: one object, made there by the name of its class."""

    def __init__(self, of: str) -> None:
        self._held = resolve(of)()  # type: ignore[call-arg]

    def call(self, method: str, *given: Any) -> Any:
        """Ask the object; what is kept in the cluster arrives as it was put."""
        return getattr(self._held, method)(*given)


class Seat:
    """A place on one machine, and the object that is there."""

    def __init__(self, ray: Any, node: str, actor: Any) -> None:
        self._ray, self.node, self._actor = ray, node, actor

    def begin(self, method: str, *given: Any) -> Any:
        """Ask without waiting; `answer` has what comes of it."""
        return self._actor.call.remote(method, *given)

    def answer(self, asked: Any, timeout: float = ANSWER_SECONDS) -> Any:
        """Raises: Gone if it was lost, be it with its answer, or does not answer within *timeout* seconds."""
        told = self._ray.exceptions
        try:
            return self._ray.get(asked, timeout=timeout)
        except (told.RayActorError, told.ObjectLostError, told.GetTimeoutError) as error:
            raise Gone(f"{type(error).__name__} on {self.node[:12]}") from error

    def ask(self, method: str, *given: Any) -> Any:
        """Ask and wait. Raises: Gone."""
        return self.answer(self.begin(method, *given))

    def leave(self) -> None:
        """Give the place back."""
        self._ray.kill(self._actor, no_restart=True)


class Gang:
    """The job's cluster, joined once.

    Args:
        of: the class of the objects, as "package.module:Class". resources: what a seat takes up, by Ray's names.
    """

    def __init__(self, address: str, of: str, resources: Mapping[str, float]) -> None:
        import ray  # reads the environment once, when it is imported

        self._ray, self._of, self._resources = ray, of, dict(resources)
        ray.init(address=address, configure_logging=False, log_to_driver=False)
        self._home = ray.get_runtime_context().get_node_id()
        self._kept: dict[str, object] = {}

    def keep(self, name: str, read: Callable[[], bytes]) -> Any:
        """Bytes under a name, where every machine can fetch them; read and put once."""
        if name not in self._kept:
            self._kept[name] = self._ray.put(read())
        return self._kept[name]

    def wanted(self, most: int) -> None:
        """Tell the cluster's autoscaler, where it has one, how many machines there should be."""
        from ray.autoscaler.sdk import request_resources

        request_resources(bundles=[self._resources] * most)

    def seated(
        self, least: int, most: int, patience: float, wait: float, is_cancelled: Callable[[], bool]
    ) -> list[Seat]:
        """A seat on each of *most* machines; after *patience* seconds fewer do, but not fewer than *least*.

        Raises: Cancelled; JobError if there are not enough after *wait* seconds.
        """
        begun = time.monotonic()
        while len(nodes := self._nodes()) < most:
            waited = time.monotonic() - begun
            if is_cancelled():
                raise Cancelled
            if waited > patience and len(nodes) >= least:
                break
            if waited > wait:
                raise JobError(
                    "There are not enough workers",
                    f"{len(nodes)} of at least {least} machines joined within {wait:.0f} s.",
                    "Lower training.minWorkers or workers, or see why their pods wait (kubectl describe pods).",
                )
            time.sleep(POLL_SECONDS)
        return [self._seat(node) for node in nodes[:most]]

    def close(self) -> None:
        """Leave the cluster; the seats go with the job."""
        self._ray.shutdown()

    def _nodes(self) -> list[str]:
        """Machines that live and can take a seat, but for the one that leads; always in the same order."""
        return sorted(
            node["NodeID"]
            for node in self._ray.nodes()
            if node["Alive"] and node["NodeID"] != self._home and self._is_enough(node["Resources"])
        )

    def _is_enough(self, has: Mapping[str, float]) -> bool:
        return all(has.get(name, 0) >= amount for name, amount in self._resources.items())

    def _seat(self, node: str) -> Seat:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        cpus, gpus = self._resources.get("CPU", 0), self._resources.get("GPU", 0)
        there = NodeAffinitySchedulingStrategy(node_id=node, soft=False)
        made = self._ray.remote(Host).options(
            num_cpus=cpus, num_gpus=gpus, max_restarts=0, scheduling_strategy=there
        )
        return Seat(self._ray, node, made.remote(self._of))
