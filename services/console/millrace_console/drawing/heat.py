"""Drift by feature and week: how far each feature has moved, as shades that are told in words, too."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from millrace_console.drawing.lettering import fitting
from millrace_console.drawing.scale import svg, text
from millrace_contracts.closings import DriftRead
from millrace_contracts.drift_windows import watched, widest, with_each_weekday

WIDTH, ROW, LEFT, TOP, BOTTOM, GAP = 960.0, 24.0, 190.0, 6.0, 26.0, 1.5
FEATURES, WEEKS = 12, 53
STEPS = (0.05, 0.1, 0.25)
"""PSI from which a cell is of the next shade; 0.1 is where an alarm begins to be possible."""
CELL = Markup(
    '<rect class="cell {}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
)


@dataclass(frozen=True)
class Week:
    """The largest PSI of each feature in a week, of the windows of most days."""

    monday: date
    psi: dict[str, float]


def weeks(days: Sequence[DriftRead]) -> list[Week]:
    """Days by week, in order; a week without any is left out, one in which every window had just begun is empty."""
    known = [day for day in days if day.psi]
    by_week: dict[date, list[DriftRead]] = {_monday(day): [] for day in known}
    for day in with_each_weekday(known):
        by_week[_monday(day)].append(day)
    return [Week(monday, _most(day.psi for day in widest(by_week[monday]))) for monday in sorted(by_week)][
        -WEEKS:
    ]


def _monday(day: DriftRead) -> date:
    return day.day - timedelta(days=day.day.weekday())


def _most(several: Iterable[dict[str, float]]) -> dict[str, float]:
    """The largest PSI of each feature."""
    most: dict[str, float] = {}
    for scores in several:
        for name, psi in scores.items():
            most[name] = max(psi, most.get(name, 0.0))
    return most


def heat(shown: Sequence[Week]) -> Markup | None:
    """The picture, the feature that moved most on top; None with fewer than two weeks."""
    if len(shown) < 2:
        return None
    most = _most(week.psi for week in shown)
    names = sorted(most, key=lambda name: -most[name])[:FEATURES]
    height, width = TOP + ROW * len(names) + BOTTOM, (WIDTH - LEFT) / len(shown)
    parts = [piece for row, name in enumerate(names) for piece in _row(name, TOP + ROW * row, shown, width)]
    step = max(1, len(shown) // 10)
    parts += [
        text(LEFT + width * place, height - 8, f"{week.monday.day} {week.monday:%b}")
        for place, week in enumerate(shown)
        if place % step == 0 and LEFT + width * place < WIDTH - 40
    ]
    told = ", ".join(f"{watched(name)} {most[name]:.2g}" for name in names[:5])
    return svg(WIDTH, height, f"Drift by feature and week; the largest PSI of each: {told}", parts)


def _row(name: str, y: float, shown: Sequence[Week], width: float) -> list[Markup]:
    called = watched(name)
    pieces = [text(LEFT - 8, y + ROW / 2 + 4, fitting(called, LEFT - 12), "end", "label")]
    for place, week in enumerate(shown):
        psi = week.psi.get(name)
        shade = "none" if psi is None else f"h{sum(psi >= step for step in STEPS)}"
        words = f"{called}, week of {week.monday}: " + (
            "nothing to compare" if psi is None else f"PSI {psi:.3g}"
        )
        pieces.append(CELL.format(shade, LEFT + width * place, y, max(width - GAP, 0.8), ROW - GAP, words))
    return pieces
