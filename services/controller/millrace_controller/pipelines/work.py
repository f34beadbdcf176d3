"""What is run beside the controller, as a child process on a laptop and as a Job in a cluster."""

from typing import Literal, Protocol

Kind = Literal["pipeline", "backtest"]


class Work(Protocol):
    """One try at something long: `python -m <command> <folder>`, on behalf of a loop."""

    @property
    def project(self) -> str: ...

    @property
    def loop(self) -> str: ...

    @property
    def kind(self) -> Kind: ...

    @property
    def name(self) -> str:
        """Unique over projects, loops and installations; at most 52 signs."""

    @property
    def place(self) -> str:
        """The same for all tries; the name of its folder."""

    @property
    def deadline(self) -> float:
        """Seconds after which it cannot be at work any more."""

    def command(self, compiled: str) -> list[str]:
        """A module and its arguments, without the folder; *compiled* is where the compiled pipeline lies."""

    def labels(self) -> dict[str, str]:
        """What its pod says of it beside project and loop."""
