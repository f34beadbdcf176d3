"""The demo's machine-readable result, as `summary.json` has it, and what was measured for it."""

from dataclasses import dataclass

from pydantic import BaseModel

from millrace.demo.replay import Sent


@dataclass(frozen=True)
class Measured:
    """What the demo itself saw while it ran.

    Args:
        traffic: requests and rows that were sent, and what came back.
        rest_seconds_a_day: how long an event day waited for the platform to be at rest.
        whole_year: False for a shortened demo.
    """

    traffic: Sent
    wall_seconds: float
    install_seconds: float
    peak_rss_bytes: int
    seed: int
    rest_seconds_a_day: float
    whole_year: bool


class Rmse(BaseModel):
    """Root mean squared error over the rows that have a label; months as `2013-03`."""

    overall: float
    by_month: dict[str, float]


class Requests(BaseModel):
    """How many requests; *singles* are those of one row."""

    sent: int
    answered: int
    failed: int
    retried: int
    singles: int


class Predictions(BaseModel):
    """Rows in the prediction log, and rows that were answered and are not in it."""

    logged: int
    lost: int


class SummaryAlarm(BaseModel):
    """An alarm and the event day on which it opened."""

    id: str
    kind: str
    cause: str
    opened_day: str
    evidence: dict[str, object]


class Threshold(BaseModel):
    """A promise with what was measured, as numbers and as they are shown."""

    name: str
    value: int | float
    bound: int | float
    met: bool
    binding: bool
    word: str
    shown: str
    bound_shown: str


class Summary(BaseModel):
    """The whole result; *rmse* by `loop`, `static` and `hindsight`."""

    rmse: dict[str, Rmse]
    loop_runs: int
    promotions: int
    rollbacks: int
    alarms: list[SummaryAlarm]
    requests: Requests
    predictions: Predictions
    wall_seconds: float
    install_seconds: float
    peak_rss_bytes: int
    decision_digest: str
    seed: int
    rest_seconds_a_day: float
    thresholds: list[Threshold] = []
