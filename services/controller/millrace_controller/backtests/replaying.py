"""A backtest as a piece of work: the process that replays its history."""

from dataclasses import dataclass

from millrace_contracts.backtests import ReplayOrder
from millrace_contracts.bodies import Document
from millrace_controller.backtests.tables import Backtest
from millrace_controller.pipelines.work import Kind

SECONDS = 24 * 3600.0
"""After so long a replay is not at work any more."""


@dataclass(frozen=True)
class Replaying:
    """One try at the replay of one backtest."""

    id: str
    project: str
    loop: str
    request: Document
    number: int
    kind: Kind = "backtest"
    deadline: float = SECONDS

    @property
    def name(self) -> str:
        """Ids are drawn at random, so no two installations share one."""
        return f"{self.place}-{self.number}"

    @property
    def place(self) -> str:
        """The same for all tries."""
        return f"backtest-{self.id}"

    def command(self, compiled: str) -> list[str]:
        """The module of the replay, and what was asked for."""
        asked = {name: self.request.get(name) for name in ("digest", "format", "start", "dialect")}
        told = ReplayOrder(id=self.id, project=self.project, loop=self.loop, **asked)
        return ["millrace_replay.replay", told.model_dump_json()]

    def labels(self) -> dict[str, str]:
        """Its id, for who looks at pods."""
        return {"millrace.dev/backtest": self.id}


def of(backtest: Backtest, number: int) -> Replaying:
    """The try *number* of a backtest."""
    return Replaying(backtest.id, backtest.project, backtest.loop, backtest.request, number)
