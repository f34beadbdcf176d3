"""Writes what a backtest found where people look: a page, its picture, and all figures as JSON."""

from pathlib import Path
from typing import TYPE_CHECKING

from millrace import pages
from millrace.backtests.told import HINDSIGHT, NEVER, Comparison, Line, decided, marks
from millrace.backtests.variants import DECLARED, MONTHLY
from millrace.pages import Html, figures
from millrace_contracts.backtests import BacktestFound, PolicyLoss
from millrace_contracts.digits import legible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {NEVER: "#b0413e", DECLARED: "#1f6f8b", HINDSIGHT: "#7a9e48", MONTHLY: "#b8860b"}
OTHERS = ("#8e44ad", "#e08e0b", "#5d6d7e", "#16a085", "#922b21", "#2e4053")
MARKS = {"promoted": ("^", "#2a7f3f"), "rejected": ("x", "#888888"), "went back": ("v", "#8e44ad")}
HEIGHT = 4.2


def write(folder: Path, name: str, found: Comparison) -> list[Path]:
    """`index.html`, `backtest.png` and `backtest.json` in *folder*; what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    page, picture, figures_ = folder / "index.html", folder / "backtest.png", folder / "backtest.json"
    page.write_text(made(name, found), encoding="utf-8")
    picture.write_bytes(figures.png(lambda axes: paint(axes, found), HEIGHT))
    figures_.write_text(found.model_dump_json(indent=2, by_alias=True) + "\n", encoding="utf-8")
    return [page, picture, figures_]


def made(name: str, found: Comparison) -> str:
    """The page."""
    mine = next(line for line in found.lines if line.name == DECLARED)
    never = next(line for line in found.lines if line.name == NEVER)
    cards = [
        (_shown(mine.loss), f"{found.metric}, as declared"),
        (_shown(never.loss), "never retrained"),
        (mine.trainings, "trainings"),
        (mine.promotions, "promotions"),
    ]
    lead = (
        f"What the loop {name} would have done from {found.first_day} to {found.last_day}, on {found.rows:,} rows. "
        + " ".join(found.advice)
    )
    return pages.page(
        f"Backtest of {name}",
        pages.cards(cards),
        pages.section(
            f"{found.metric} by month",
            figures.draw(lambda axes: paint(axes, found), HEIGHT),
            pages.quiet(LEGEND),
        ),
        pages.section("What each way would have come to", _table(found)),
        pages.section("Which settings to change", pages.bullets(found.advice)),
        pages.section("What was decided, and why", _decided(found.results[DECLARED])),
        pages.quiet(NOTE),
        lead=lead,
    )


LEGEND = "▲ promoted, ▼ went back, × rejected by a gate, dotted: an alarm; all of the loop as declared."
NOTE = (
    "Never: the first model for ever. Monthly: on the first day of each month a model of all data so far, taken unless "
    "its loss is eleven times the champion's, and no way back. Best in hindsight: of the declared loop's versions, the "
    "best of each month, which nobody can know in time. Compute is the wall time of the runs on the machine that "
    "replayed them. "
    "Canaries see no traffic in a replay, and a run takes no event time."
)


def _table(found: Comparison) -> Html:
    header = ("", found.metric, "Trainings", "Promotions", "Inconclusive gates", "Compute", "Worst month")
    return pages.table(header, [_row(line) for line in found.lines])


def _row(line: Line) -> tuple[object, ...]:
    compute = None if line.seconds is None else f"{line.seconds / 60:.1f} min"
    return (
        line.name,
        _shown(line.loss),
        line.trainings,
        line.promotions,
        line.inconclusive,
        compute,
        line.worst_month,
    )


def _decided(found: BacktestFound) -> Html:
    rows = [((item.event_time or "")[:10], item.kind, item.outcome, item.reason) for item in decided(found)]
    return pages.table(("Event day", "What", "Outcome", "Why"), rows)


def _shown(value: float | None) -> str:
    return "—" if value is None else legible(value)


def paint(axes: "Axes", found: Comparison) -> None:
    """Loss by month of each way, with the declared loop's decisions below."""
    mine = found.results[DECLARED]
    months = list(mine.loop.by_month)
    spare = iter(OTHERS * len(found.results))
    ways = [(NEVER, mine.static), *((name, one.loop) for name, one in found.results.items())]
    for name, loss in [*ways, (HINDSIGHT, mine.hindsight)]:
        _curve(axes, name, loss, months, COLOURS.get(name) or next(spare))
    for day, what in marks(mine):
        if what == "alarm":
            axes.axvline(_place(day, months), color="#e08e0b", lw=0.8, ls=":")
        else:
            marker, colour = MARKS[what]
            axes.plot(
                _place(day, months), 0.03, marker, color=colour, ms=7, transform=axes.get_xaxis_transform()
            )
    step = max(len(months) // 12, 1)
    axes.set_xticks(range(0, len(months), step), months[::step], rotation=30, ha="right")
    axes.set_ylabel(found.metric)
    axes.grid(alpha=0.25)
    axes.legend(ncols=4, frameon=False, fontsize=8)


def _curve(axes: "Axes", name: str, loss: PolicyLoss, months: list[str], colour: str) -> None:
    values = [loss.by_month.get(month) for month in months]
    shown = [float("nan") if value is None else value for value in values]
    axes.plot(
        range(len(months)), shown, "o-", ms=3, color=colour, lw=2.2 if name == DECLARED else 1.4, label=name
    )


def _place(day: str, months: list[str]) -> float:
    """Where an event day stands among the months, whose middles are whole numbers."""
    month = day[:7]
    place = months.index(month) if month in months else 0 if month < months[0] else len(months) - 1
    return place - 0.5 + int(day[8:10]) / 31
