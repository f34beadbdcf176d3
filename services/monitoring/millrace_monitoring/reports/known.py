"""What is known of a model before days say anything: how it was judged, what it looks at, what was asked and answered.

A loop without event time may never close a day with labels; its report would be empty, though all of this is there.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace import pages
from millrace.aio import AsyncMillrace
from millrace.pages import Html, figures, pictures
from millrace.transport.errors import ApiError
from millrace_contracts.digits import legible
from millrace_contracts.monitors import MonitorCounts, MonitorWrite
from millrace_monitoring.closing.rows import features
from millrace_monitoring.ingest import segments
from millrace_monitoring.ingest.answers import Answers, answered
from millrace_monitoring.reports.predictions import Logged
from millrace_stats.tasks import Task

SECONDS = 2.0
SHOWN = 20
"""Columns and classes that are shown one by one."""
BINS = 40
ROWS = 200_000
"""Rows of open days that are looked at, the newest."""
NOTHING = "No answer was logged yet."


@dataclass(frozen=True)
class Judged:
    """How the champion was judged: its metrics, and the loss that is added when a column is shuffled."""

    version: int
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    importance: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """Rows of days that have not closed: answers, (rows,) or (rows, classes), and the share missing by column."""

    answers: np.ndarray
    missing: Mapping[str, float]

    @property
    def rows(self) -> int:
        return len(self.answers)


async def judged(clients: AsyncMillrace, spec: MonitorWrite, project: str) -> Judged | None:
    """What the registry says of the champion; None while it does not tell. An empty one: no run's gates made it."""
    try:
        async with asyncio.timeout(SECONDS):
            release = await clients.registry.version(spec.loop, spec.champion.version, project=project)
            run = release.lineage.loop_run
            told = await clients.registry.decisions(
                loop=spec.loop, kind="gate.verdict", run=run, newest=1, project=project
            )
    except (ApiError, TimeoutError, httpx.TransportError):
        return None
    if run is None or not told:
        return Judged(release.number)
    evidence = told[0].evidence
    candidate = (evidence.get("metrics") or {}).get("candidate") or {}
    return Judged(release.number, candidate, evidence.get("importance") or {})


def asked(spec: MonitorWrite, tables: Sequence[pa.Table]) -> Asked:
    """What open segments hold: every answered row once, the newest ROWS of them; what was mirrored is no answer."""
    kind = Answers.of(spec.task, spec.signature)
    whole = answered(segments.unique(segments.joined(tables)))
    whole = whole.filter(pc.equal(whole["listener"], "inference"))
    if not len(whole):
        return Asked(kind.task.empty(0, kind.classes), {})
    whole = whole.slice(max(0, len(whole) - ROWS))
    columns = features(whole, spec.signature.inputs)
    missing = {
        item.column: _missing(columns[item.name]) if item.name in columns else 1.0
        for item in spec.signature.inputs
        if item.shape is None
    }
    return Asked(kind.of_table(whole), missing)


def _missing(values: np.ndarray) -> float:
    """Share of a column that is missing, as graphs see it."""
    if values.dtype == object:
        return float(np.mean(values == ""))
    if np.issubdtype(values.dtype, np.integer):
        return float(np.mean(values == np.iinfo(np.int64).min))
    return float(np.mean(np.isnan(values)))


def sections(told: Judged | None, counts: MonitorCounts, logged: Logged, open_rows: Asked) -> list[Html]:
    """Quality, importance, counts, answers and missing values: each with what there is, or why there is nothing."""
    return [
        pages.section("How the champion was judged", *_quality(told)),
        pages.section("What it looks at", *_importance(told)),
        pages.section("What was asked", _counts(counts)),
        pages.section("What it answers", *_answers(logged, open_rows)),
        pages.section("Missing values in rows of days that have not closed", _shares(open_rows)),
    ]


def _quality(told: Judged | None) -> list[Html]:
    if told is None:
        return [pages.quiet("The registry does not say now; load the page again.")]
    if not told.metrics:
        return [pages.paragraph(f"Version {told.version} was not judged by a run's gates.")]
    lines = [(name, "—" if value is None else legible(value, 5)) for name, value in told.metrics.items()]
    words = f"Version {told.version}, on rows that it had not seen when it was trained."
    return [pages.table(("metric", "value"), lines), pages.quiet(words)]


def _importance(told: Judged | None) -> list[Html]:
    if told is None or not told.importance:
        return [
            pages.paragraph(
                "It was not recorded which columns matter; the page of its evaluation may have it."
            )
        ]
    shown = sorted(told.importance.items(), key=lambda item: -item[1])[:SHOWN]
    names, values = [name for name, _ in shown], [value for _, value in shown]
    return [
        pictures.bars(names, values, "loss added", figures.GREEN),
        pages.quiet("Loss that is added when a column is shuffled."),
    ]


def _counts(counts: MonitorCounts) -> Html:
    lines = [
        ("rows answered", counts.logged),
        ("requests answered or failed", counts.requests),
        ("rows with a label", counts.labelled),
        ("rows mirrored to a candidate", counts.mirrored),
        ("records without rows (errors, not decodable)", counts.faults),
        ("rows that came after their day had closed", counts.late),
        ("records dropped", counts.dropped),
    ]
    return pages.table(("what", "how many"), [(words, f"{number:,}") for words, number in lines])


def _answers(logged: Logged, open_rows: Asked) -> list[Html]:
    """The distribution of answers, of the last closed days and of those that have not closed, together."""
    parts = [*(item.answers for item in logged.days), open_rows.answers]
    answers = np.concatenate(parts)
    answers = answers[Task.known(answers)]
    if not len(answers):
        return [pages.paragraph(NOTHING)]
    words = pages.quiet(f"{len(answers):,} answers{_span([item.day for item in logged.days])}.")
    chosen = logged.task.chosen(answers, logged.classes)
    if chosen is not None:
        names, counts = np.unique(chosen.astype(str), return_counts=True)
        order = np.argsort(-counts, kind="stable")[:SHOWN]
        shares = [float(counts[place]) / len(answers) for place in order]
        drawn = pictures.bars(
            [str(names[place]) for place in order], shares, "share of answers", figures.BLUE
        )
        return [drawn, words]

    def paint(axes: object) -> None:
        axes.hist(answers, bins=BINS, color=figures.BLUE)  # type: ignore[attr-defined]
        axes.set_xlabel("answer", fontsize=8)  # type: ignore[attr-defined]
        axes.set_ylabel("rows", fontsize=8)  # type: ignore[attr-defined]

    return [figures.draw(paint, 2.4), words]


def _span(days: Sequence[date]) -> str:
    return f", of days from {days[0]} on" if days else ", of days that have not closed"


def _shares(open_rows: Asked) -> Html:
    if not open_rows.rows:
        return pages.paragraph("No row waits for its day to close.")
    lines = sorted(open_rows.missing.items(), key=lambda item: -item[1])[:SHOWN]
    return pages.table(("input", "share missing"), [(name, f"{share:.1%}") for name, share in lines])
