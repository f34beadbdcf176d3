"""The search for loss and latency at once, the front of what it found, and which point of it is taken.

Measured latency goes into what is asked next, so such a search does not replay on another machine; within one job
what was measured is kept, and an attempt after a kill goes on with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from millrace_contracts.bodies import Document
from millrace_contracts.learning import Configuration, Params
from millrace_contracts.searching import (
    MOST_POINTS,
    SIZED,
    FrontPoint,
    LatencyAim,
    PointLatency,
    SearchFront,
)
from millrace_stats.paired import non_inferior
from millrace_stats.pairs import TINY
from millrace_stats.tasks import Task
from millrace_training.automl import portfolio
from millrace_training.automl.fitting import Fitted
from millrace_training.automl.latency import Stopwatch
from millrace_training.automl.search import FAMILIES, Trial, TrialSearch
from millrace_training.graph.node import cpu
from millrace_training.runtime import slot
from millrace_training.runtime.errors import TaskFailed

LEAST_BLOCKS = 3
"""Blocks on which a model is held to be as good as the best: a search has few, and the gate judges after it."""
NO_ENSEMBLE = "no ensemble is made: it is as slow as all its members together"
UNSIZED = "{}: the size of such a model is no choice, so it stands as one point and is searched no further"


class FrontSearch(TrialSearch):
    """A search whose trials are timed, each batch together and after its last fit, before any of them is told."""

    objectives = 2

    def __init__(self, *args: Any, watch: Stopwatch, rows: int) -> None:
        super().__init__(*args)
        self.watch, self.rows = watch, rows
        self.timed: dict[str, tuple[PointLatency, ...]] = {}
        self.sizes: dict[str, int] = {}

    def _seen(self, keys: list[str], results: Iterator[Fitted | TaskFailed]) -> Iterator[Fitted | TaskFailed]:
        done = []
        for result in results:
            done.append(result)
            self.context.report("fit", len(done), len(keys), "fitted; all are timed together afterwards")
        pairs = zip(keys, done, strict=True)
        graphs = {
            key: Path(item.model)
            for key, item in pairs
            if isinstance(item, Fitted) and item.model is not None
        }
        self.sizes |= {key: path.stat().st_size for key, path in graphs.items()}
        self.timed |= self.watch.times(graphs)
        return iter(done)

    def _trial(self, item: Configuration, key: str, loss: float, predictions: np.ndarray) -> Trial:
        return Trial(item, loss, predictions, self.timed[key], self.sizes[key])

    def _more(self, trial: Trial) -> Document:
        return {"latency": [item.model_dump(mode="json") for item in trial.latencies]}

    def _values(self, trial: Trial) -> list[float]:
        return [trial.loss, at(trial, self.rows).p10]

    def _space(self, family: str) -> Mapping[str, portfolio.Range]:
        return portfolio.sized(family)

    def _first(self, family: str) -> Sequence[Params]:
        """The best of the family at half its size."""
        mine = [item for item in self.trials if item.configuration["family"] == family and not item.failed]
        best = min(mine, key=lambda item: (item.loss, item.configuration["id"]))
        return [portfolio.halved(family, best.configuration["params"])]

    def _best_families(self) -> list[str]:
        """Of families that have a size, those on the front, then others, by their least loss."""
        told = [item for item in self.trials if not item.failed]
        front = {item.configuration["id"] for item in on_front(told, self.rows)}
        best: dict[str, tuple[bool, float, str]] = {}
        for item in told:
            family = item.configuration["family"]
            if family in SIZED:
                rank = (item.configuration["id"] not in front, item.loss, family)
                best[family] = min(best.get(family, rank), rank)
        return sorted(best, key=lambda family: best[family])[:FAMILIES]


def at(trial: Trial, rows: int) -> PointLatency:
    """How long its graph takes with so many rows."""
    return next(item for item in trial.latencies if item.batch == rows)


def on_front(trials: Sequence[Trial], rows: int) -> list[Trial]:
    """The trials that no other one beats in loss and latency, fastest first."""
    front: list[Trial] = []
    for item in sorted(trials, key=lambda item: (at(item, rows).p10, item.loss, item.configuration["id"])):
        if not front or item.loss < front[-1].loss:
            front.append(item)
    return front


@dataclass(frozen=True)
class Taken:
    """The trial that is taken and why; *others* are as fast as was asked, best first."""

    trial: Trial
    reason: str
    others: tuple[Trial, ...] = ()


def take(
    trials: Sequence[Trial],
    aim: LatencyAim,
    task: Task,
    target: np.ndarray,
    labels: np.ndarray,
    ordered: bool,
) -> Taken:
    """The point of the front that becomes the model.

    With a latency that was asked for: the best of those under it, by the upper bound of what was measured; if none is,
    the fastest. Without: the fastest that is as good as the best by the gate's own test; of those that are as fast
    within their bounds, the best.

    Args:
        target, labels: truth and block of each row of a trial's predictions. ordered: whether blocks follow in time.
    """
    front = on_front(trials, aim.rows)
    best, fastest = front[-1], front[0]
    if aim.under_ms is not None:
        return _under(trials, aim, aim.under_ms, fastest)
    good = [
        item for item in trials if item is best or _as_good(item, best, aim, task, target, labels, ordered)
    ]
    first = min(good, key=lambda item: (at(item, aim.rows).p10, item.loss, item.configuration["id"]))
    alike = [item for item in good if at(item, aim.rows).lower <= at(first, aim.rows).upper]
    taken = min(alike, key=_rank)
    ways = at(best, aim.rows).p10 / max(at(taken, aim.rows).p10, 1e-9)
    if taken is best:
        return Taken(taken, "nothing that is as good by the gate's margin is faster than the best model")
    worse = (taken.loss - best.loss) / max(best.loss, TINY)
    words = (
        f"the fastest whose loss is not worse than the best one's by {aim.margin:.1%} or more: "
        f"loss {worse:+.2%}, {ways:.2f} times as fast with {aim.rows} rows a call"
    )
    return Taken(taken, words.replace("1 rows", "1 row"))


def _under(trials: Sequence[Trial], aim: LatencyAim, most: float, fastest: Trial) -> Taken:
    inside = sorted((item for item in trials if at(item, aim.rows).upper <= most), key=_rank)
    if inside:
        took = at(inside[0], aim.rows)
        words = f"the least loss of {len(inside)} models under {most:g} ms: {took.p10:.3g} ms, at most {took.upper:.3g}"
        return Taken(inside[0], words, tuple(inside[1:]))
    took = at(fastest, aim.rows)
    words = f"no model is under {most:g} ms; this is the fastest: {took.p10:.3g} ms, at most {took.upper:.3g}"
    return Taken(fastest, words)


def _rank(trial: Trial) -> tuple[float, str]:
    return trial.loss, trial.configuration["id"]


def _as_good(
    trial: Trial,
    best: Trial,
    aim: LatencyAim,
    task: Task,
    target: np.ndarray,
    labels: np.ndarray,
    ordered: bool,
) -> bool:
    known = task.known(trial.predictions) & task.known(best.predictions)
    _, block = np.unique(labels[known], return_inverse=True)
    rows = np.bincount(block)
    mine, theirs = (
        np.bincount(block, task.losses(target[known], item.predictions[known])) / rows
        for item in (trial, best)
    )
    return non_inferior(mine, theirs, rows, aim.margin, LEAST_BLOCKS, ordered).verdict == "passed"


def report(trials: Sequence[Trial], taken: Taken, aim: LatencyAim, load: float | None) -> SearchFront:
    """The front as it travels: its points, fastest first, then the other trials as far as there is room."""
    front = on_front(trials, aim.rows)
    best = front[-1]
    ids = {item.configuration["id"] for item in front}
    by_id = {item.configuration["id"]: item for item in [taken.trial, best, *front, *trials]}
    kept = sorted(
        list(by_id.values())[:MOST_POINTS],
        key=lambda item: (item.configuration["id"] not in ids, at(item, aim.rows).p10),
    )
    families = sorted({item.configuration["family"] for item in trials} - SIZED)
    return SearchFront(
        rows=aim.rows,
        under_ms=aim.under_ms,
        margin=aim.margin,
        trials=len(trials),
        points=[_point(item, item.configuration["id"] in ids) for item in kept],
        chosen=taken.trial.configuration["id"],
        best=best.configuration["id"],
        reason=taken.reason,
        notes=[NO_ENSEMBLE, *(UNSIZED.format(family) for family in families)],
        node=cpu(),
        exclusive=slot.alone(),
        load=load,
    )


def _point(trial: Trial, on_front: bool) -> FrontPoint:
    item = trial.configuration
    return FrontPoint(
        id=item["id"],
        family=item["family"],
        params=item["params"],
        loss=trial.loss,
        size=trial.size,
        latencies=list(trial.latencies),
        on_front=on_front,
    )


def with_final(front: SearchFront, chosen: str, graph: bytes, watch: Stopwatch) -> SearchFront:
    """The same with the graph that the version has, timed on the same machine, and with what it was made from."""
    path = watch.folder / "final-timed.onnx"
    path.write_bytes(graph)
    found: Document = {"final": list(watch.times({"final": path})["final"])}
    if chosen != front.chosen:
        words = f"better than {front.chosen} on the last rows, which no search saw; of {front.chosen}: {front.reason}"
        found |= {"chosen": chosen, "reason": words[:2000]}
    return front.model_copy(update=found)
