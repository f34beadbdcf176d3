"""How a revision stands in the pods in which it sits."""

from dataclasses import dataclass

from millrace_serving.cluster.reasons import Trouble


@dataclass(frozen=True)
class Sight:
    """How one revision stands."""

    right: int
    """Pods that are Ready and answered their golden rows."""
    complete: bool
    """All the pods that it should have are such pods."""
    wrong: str = ""
    """What a Ready pod answered wrong."""
    trouble: Trouble | None = None
    packs: bool = False
    """Every Ready pod takes packed tensors."""
    pods: tuple[str, ...] = ()
    """Names of the pods that are Ready and answered."""

    @property
    def unusable(self) -> str:
        """Why what it serves cannot be used; empty if nothing says so."""
        return self.wrong or (self.trouble.text if self.trouble and self.trouble.hopeless else "")


NOTHING = Sight(0, complete=False)
