"""Losses on earlier closed days that a graph has not learnt from: known from then, or scored now on the day's file."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np

from millrace_contracts.monitors import MonitorWrite
from millrace_monitoring.closing.files import classes_of, table_of
from millrace_monitoring.closing.loading import why_not
from millrace_monitoring.closing.rows import of_file, weights_of
from millrace_monitoring.closing.versions import STORED, GraphRole, Version
from millrace_monitoring.detectors.performance import SLICE_LABELS
from millrace_monitoring.graphs.running import Graphs
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.monitors.classes import recoded
from millrace_monitoring.monitors.watermark import day_of
from millrace_monitoring.profiles import daily, losses
from millrace_monitoring.profiles.losses import DayLoss
from millrace_monitoring.profiles.slices import Plan
from millrace_monitoring.services import Services
from millrace_monitoring.tables import Closing
from millrace_stats.paired import SCALE_DAYS

Losses = dict[tuple[date, int, str], DayLoss]
"""By day, version and graph."""


@dataclass(frozen=True)
class EarlierDays:
    """The last closed days of one endpoint. *stored*: losses in SQL; *scored*: those scored since."""

    services: Services
    project: str
    spec: MonitorWrite
    closed: Sequence[Closing]
    stored: Losses
    scored: Losses = field(default_factory=dict)

    async def differences(self, champion: Version, archived: Version) -> list[float]:
        """Daily differences champion - archived on the last days that neither graph had seen, in order."""
        if champion.broken or archived.broken:
            return []
        days = [(day, self._graph(day, champion), self._graph(day, archived)) for day in self._kept()]
        differences = []
        for day, first, second in [item for item in days if item[1] and item[2]][-SCALE_DAYS:]:
            assert first is not None
            assert second is not None
            one, two = await self._loss(day, champion, first), await self._loss(day, archived, second)
            if one is not None and two is not None:
                differences.append(one.loss - two.loss)
        return differences

    async def of_slices(self, champion: Version, plan: Plan) -> dict[str, list[float]]:
        """The champion's daily losses in each slice on the last days that its graph had not seen, in order."""
        series: dict[str, list[float]] = {part.name: [] for part in plan.slices}
        if champion.broken or not plan.slices:
            return series
        days = [(day, self._graph(day, champion)) for day in self._kept()]
        for day, graph in [item for item in days if item[1]][-SCALE_DAYS:]:
            assert graph is not None
            for name, loss in (await self._slice_losses(day, champion, graph, plan)).items():
                series[name].append(loss)
        return series

    def _kept(self) -> list[Closing]:
        """Days whose rows are still there."""
        return [day for day in self.closed if day.digest is not None]

    def _graph(self, day: Closing, version: Version) -> GraphRole | None:
        """The graph that had not seen the day; None too for a version that knows no time."""
        if version.trained_through is None:
            return None
        zone = ZoneInfo(self.spec.timezone)
        return version.graph(day_of(day.item.from_, zone), zone)

    async def _loss(self, day: Closing, version: Version, graph: GraphRole) -> DayLoss | None:
        key = (day.day, version.number, STORED[graph])
        if key in self.stored or key in self.scored:
            return self.stored.get(key) or self.scored[key]
        ready = await self._ready(day, version, graph)
        if ready is None:
            return None
        loss = await asyncio.to_thread(_mean_loss, self.services.graphs, self.spec, ready, version, graph)
        if loss is not None:
            self.scored[key] = loss
        return loss

    async def _slice_losses(
        self, day: Closing, version: Version, graph: GraphRole, plan: Plan
    ) -> dict[str, float]:
        ready = await self._ready(day, version, graph)
        if ready is None:
            return {}
        work = (self.services.graphs, self.spec, ready, version, graph, plan)
        return await asyncio.to_thread(_slice_losses, *work)

    async def _ready(self, day: Closing, version: Version, graph: GraphRole) -> "Ready | None":
        """What a day is scored with; None if it cannot be had."""
        graphs, digest = self.services.graphs, version.digest(graph)
        if day.digest is None or await why_not(graphs.load(self.project, digest)) is not None:
            return None
        held = graphs.held(digest)
        return Ready(await self.services.store.read(day.digest), held)


@dataclass(frozen=True)
class Ready:
    """A day's file, and the loaded graph, which stays ready as long as this is held, whatever else is loaded."""

    data: bytes
    held: object = field(repr=False)


def _scored(
    graphs: Graphs, spec: MonitorWrite, ready: Ready, version: Version, graph: GraphRole
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray | None]:
    """Features by tensor name, answers, losses and weights of the day's sample."""
    answers = Answers.of(spec.task, spec.signature)
    table = table_of(ready.data)
    columns, labels = of_file(table, spec.signature.inputs)
    labels = recoded(labels, classes_of(table, answers.classes), answers.classes)
    predictions = version.score(graphs, graph, columns, len(labels), answers)
    return columns, predictions, answers.task.losses(labels, predictions), weights_of(table)


def _mean_loss(
    graphs: Graphs, spec: MonitorWrite, ready: Ready, version: Version, graph: GraphRole
) -> DayLoss | None:
    return losses.of_day(*_scored(graphs, spec, ready, version, graph)[2:])


def _slice_losses(
    graphs: Graphs, spec: MonitorWrite, ready: Ready, version: Version, graph: GraphRole, plan: Plan
) -> dict[str, float]:
    """Mean loss of each slice that has enough labels that day."""
    features, predictions, rows, weights = _scored(graphs, spec, ready, version, graph)
    named = features | {
        item.column: features[item.name] for item in spec.signature.inputs if item.name in features
    }
    answers = Answers.of(spec.task, spec.signature)
    columns = daily.columns_of(version.baseline.spec, named, answers.reduced(predictions), len(rows))
    here = {part.name: part.of(columns) for part in plan.slices}
    means = {
        name: losses.of_day(rows[lines], None if weights is None else weights[lines])
        for name, lines in here.items()
    }
    return {name: mean.loss for name, mean in means.items() if mean is not None and mean.n >= SLICE_LABELS}
