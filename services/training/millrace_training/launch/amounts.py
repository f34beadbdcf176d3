"""How much a pod asks for, as its manifest says it. Pure."""

from dataclasses import dataclass

from millrace_contracts.quantities import number
from millrace_core.pods import Part

DUST = 1e-9
"""CPUs that come of adding decimal fractions."""


@dataclass(frozen=True)
class Amounts:
    """CPUs, bytes of memory, GPUs."""

    cpu: float = 0.0
    memory: float = 0.0
    gpus: float = 0.0

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(self.cpu + other.cpu, self.memory + other.memory, self.gpus + other.gpus)

    def __sub__(self, other: "Amounts") -> "Amounts":
        return Amounts(self.cpu - other.cpu, self.memory - other.memory, self.gpus - other.gpus)

    def within(self, room: "Amounts") -> bool:
        """Whether so much is there."""
        return self.cpu <= room.cpu + DUST and self.memory <= room.memory and self.gpus <= room.gpus

    def most(self, other: "Amounts") -> "Amounts":
        """Of each the larger."""
        return Amounts(max(self.cpu, other.cpu), max(self.memory, other.memory), max(self.gpus, other.gpus))

    def told(self) -> str:
        """Like `0.5 CPU and 4224 MiB`."""
        gpus = f" and {self.gpus:g} GPU" if self.gpus > 0 else ""
        return f"{max(self.cpu, 0):.3g} CPU and {max(self.memory, 0) / 2**20:.0f} MiB{gpus}"


def asked(amounts: Part, gpu: str) -> Amounts:
    """From a map of resources to quantities."""
    return Amounts(
        number(amounts.get("cpu", 0)), number(amounts.get("memory", 0)), number(amounts.get(gpu, 0))
    )


def of_pod(spec: Part, gpu: str) -> Amounts:
    """What the scheduler counts for a pod: its containers and sidecars together, or its largest first step.

    Args:
        gpu: what a GPU is called in this cluster.
    """
    together, first = Amounts(), Amounts()
    for item in spec.get("initContainers") or ():
        mine = _of(item, gpu)
        if item.get("restartPolicy") == "Always":
            together += mine
        first = first.most(mine if item.get("restartPolicy") == "Always" else together + mine)
    for item in spec.get("containers") or ():
        together += _of(item, gpu)
    return together.most(first) + asked(spec.get("overhead") or {}, gpu)


def _of(container: Part, gpu: str) -> Amounts:
    resources = container.get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    return asked({**limits, **requests}, gpu)
