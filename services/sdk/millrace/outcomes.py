"""What the steps of a loop run hand on to the steps behind them, and to what draws them."""

from dataclasses import dataclass

from millrace_contracts.learning import RocPoint


@dataclass(frozen=True)
class Ingested:
    """*version* of the dataset to train on, 0 if the rows were refused; *drift*: the monitor's report, HTML."""

    version: int
    drift: str


@dataclass(frozen=True)
class Evaluated:
    """The evaluation's *job*; the candidate's *metrics* on rows it had not seen; points of its ROC curve, if binary."""

    job: str
    metrics: dict[str, float]
    roc: list[RocPoint]
    report: str


@dataclass(frozen=True)
class Judged:
    """The gates' *verdict*, and all gates as a Markdown *table*."""

    verdict: str
    table: str


@dataclass(frozen=True)
class Registered:
    """The *version*, its *uri* in the registry, and *facts* about where it comes from."""

    version: int
    uri: str
    facts: dict[str, str]
