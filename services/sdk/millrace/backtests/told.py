"""What came of each backtest of a comparison, in figures, and which settings they speak for."""

from collections.abc import Sequence

from pydantic import BaseModel, Field

from millrace.backtests.variants import DECLARED, MONTHLY
from millrace_contracts.backtests import BacktestFound, PolicyLoss, ReplayedDecision
from millrace_contracts.digits import legible

NEVER, HINDSIGHT = "never retrained", "best in hindsight"
WORTH, ALIKE = 0.01, 0.01
"""Share of the loss by which another setting has to be better to be named, and within which two are alike."""
INCONCLUSIVE = 0.4
"""Share of gates without an answer from which on more evidence is advised."""

KINDS = frozenset(
    {
        "alarm.opened",
        "run.opened",
        "run.waits",
        "gate.verdict",
        "rollout.promoted",
        "switch-back",
        "run.closed",
    }
)
"""Decisions that a page of a backtest shows."""


class Line(BaseModel):
    """One way to run the model over the same days."""

    name: str
    loss: float | None = Field(
        description="In the metric of the page; less is better, unless it says otherwise."
    )
    trainings: int
    promotions: int
    inconclusive: int = Field(description="Gates that could not tell.")
    seconds: float | None = Field(description="Wall time of its runs on this machine; null: it has none.")
    worst_month: str | None = None


class Comparison(BaseModel):
    """The whole of it, as `backtest.json` has it."""

    metric: str
    first_day: str
    last_day: str
    rows: int
    lines: list[Line]
    advice: list[str]
    results: dict[str, BacktestFound]


def compared(results: dict[str, BacktestFound]) -> Comparison:
    """All variants in the order of *results*, the declared one first, with what they share: never and hindsight."""
    mine = next(iter(results.values()))
    lines = [_shared(NEVER, mine.static, 1), *(_line(name, found) for name, found in results.items())]
    lines.append(_shared(HINDSIGHT, mine.hindsight, len(mine.runs)))
    return Comparison(
        metric=mine.metric,
        first_day=mine.from_,
        last_day=mine.through,
        rows=mine.rows,
        lines=lines,
        advice=advice(lines),
        results=results,
    )


def _shared(name: str, loss: PolicyLoss, trainings: int) -> Line:
    return Line(
        name=name, loss=loss.overall, trainings=trainings, promotions=1, inconclusive=0, seconds=None,
        worst_month=loss.worst(),
    )  # fmt: skip


def _line(name: str, found: BacktestFound) -> Line:
    verdicts = [run.verdict for run in found.runs]
    return Line(
        name=name,
        loss=found.loop.overall,
        trainings=len(found.runs),
        promotions=len([run for run in found.runs if run.state == "promoted"]),
        inconclusive=verdicts.count("inconclusive"),
        seconds=sum(run.seconds or 0.0 for run in found.runs),
        worst_month=found.loop.worst(),
    )


def advice(lines: Sequence[Line]) -> list[str]:
    """Which settings to change, each with its figures; at least one sentence."""
    by_name = {line.name: line for line in lines}
    mine = by_name[DECLARED]
    told = [*_against(mine, by_name.get(NEVER)), *_others(mine, lines), *_gates(mine)]
    return told or [
        "Nothing here speaks for other settings: the loop as declared is the best, or as good, of these."
    ]


def _better(one: Line, other: Line) -> float:
    """By which share of the other's loss one has less; 0 if that is not known."""
    if one.loss is None or not other.loss:
        return 0.0
    return 1 - one.loss / other.loss


def _against(mine: Line, never: Line | None) -> list[str]:
    if never is None or _better(never, mine) < -ALIKE:
        return []
    if _better(never, mine) > WORTH:
        words = f"On these days a model that is never retrained is better ({_figures(never)}; yours {_figures(mine)})."
        return [
            words + " Retrain less often, or ask for more proof (gates.champion.margin, training.holdout)."
        ]
    return [
        f"Retraining gained nothing that shows on these days ({_figures(mine)}; never: {_figures(never)}): "
        "a longer schedule would cost less."
    ]


def _others(mine: Line, lines: Sequence[Line]) -> list[str]:
    rivals = [line for line in lines if line.name not in (DECLARED, NEVER, HINDSIGHT, mine.name)]
    better = sorted(
        (line for line in rivals if _better(line, mine) > WORTH), key=lambda line: line.loss or 0.0
    )
    told = [_said(line, mine) for line in better[:2]]
    if better:
        return told
    cheaper = [
        line for line in rivals if abs(_better(line, mine)) <= ALIKE and line.trainings < mine.trainings
    ]
    return [
        f"{line.name} is as good with {line.trainings} trainings instead of {mine.trainings}."
        for line in sorted(cheaper, key=lambda line: line.trainings)[:1]
    ]


def _said(line: Line, mine: Line) -> str:
    figures = f"{_figures(line)} instead of {_figures(mine)}"
    if line.name == MONTHLY:
        return (
            f"Each month a new model, taken as it is, is better here: {figures}. The gates keep too much back: see "
            "those that are inconclusive, and compare longer holdouts and wider margins."
        )
    return f"Set {line.name}: {figures}."


def _gates(mine: Line) -> list[str]:
    judged = max(mine.trainings - 1, 1)
    if mine.inconclusive / judged < INCONCLUSIVE:
        return []
    return [
        f"{mine.inconclusive} of {judged} gates could not tell: a longer training.holdout gives them more days, "
        "a wider gates.champion.margin asks for less."
    ]


def _figures(line: Line) -> str:
    loss = "no loss" if line.loss is None else legible(line.loss)
    return f"{loss} with {line.trainings} training{'s' if line.trainings != 1 else ''}"


def marks(found: BacktestFound) -> list[tuple[str, str]]:
    """Event day and kind of what the picture shows: promoted, rejected, went back, alarm."""
    ended = {"promoted": "promoted", "rejected": "rejected"}
    of_runs = [
        (run.opened_at, ended[run.state]) for run in found.runs if run.opened_at and run.state in ended
    ]
    ways_back = (item.event_time for item in found.decisions if item.kind == "switch-back")
    backs = [(moment, "went back") for moment in ways_back if moment]
    alarms = [(alarm.opened_day, "alarm") for alarm in found.alarms]
    return [*of_runs, *backs, *alarms]


def decided(found: BacktestFound) -> list[ReplayedDecision]:
    """What of its decisions a page shows, in order."""
    return [one for one in found.decisions if one.kind in KINDS]
