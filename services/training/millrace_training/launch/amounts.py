"""How much a pod asks for, as its manifest says it. Pure."""

import re
from dataclasses import dataclass
from typing import Any

from millrace_core.pods import Part

UNITS = {"": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
         "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60}  # fmt: skip
QUANTITY = re.compile(r"^([+-]?[\d.]+(?:[eE][+-]?\d+)?)([A-Za-z]{0,2})$")
DUST = 1e-9
"""CPUs that come of adding decimal fractions."""


def number(quantity: Any) -> float:
    """A Kubernetes quantity as a number: 100m is 0.1, 1Gi is 1073741824. What cannot be read is 0."""
    found = QUANTITY.match(str(quantity).strip())
    return float(found[1]) * UNITS.get(found[2], 0.0) if found else 0.0


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
