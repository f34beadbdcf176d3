"""How long the graphs of trials take: timed by turns in the machine's slot, while none of the search's trials runs.

Each later round of measurements has the first trial's graph in it, and is told in that graph's own time: if the
machine is slower by then, it is slower for both.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from millrace_contracts.compressing import BATCHES
from millrace_contracts.searching import PointLatency
from millrace_stats.timings import SHARES, bounded
from millrace_training.features.frame import Frame
from millrace_training.graph.rounds import Runs, in_turn
from millrace_training.graph.session import in_its_bits, open_session
from millrace_training.runtime import slot
from millrace_training.runtime.context import Context

ROUNDS, SECONDS = 7, 0.02
"""Rounds, and about how long the calls of one graph in one of them take: a trial costs half a second."""
SHOWN_BATCH = 64
ROWS = 512

LATENCIES = TypeAdapter(tuple[PointLatency, ...])


class Stopwatch:
    """Times the graphs of one search, and remembers what it found in the job's *folder*.

    Args:
        rows: what the graphs are asked. batch: rows in the calls that are compared.
    """

    def __init__(self, context: Context, rows: Frame, batch: int, seed: int) -> None:
        self.context, self.folder = context, Path(context.scratch)
        draw = np.random.default_rng(seed)
        some = np.sort(draw.choice(rows.rows, min(ROWS, rows.rows), replace=False))
        self.rows = rows.take(some)
        self.batches = sorted({*BATCHES, SHOWN_BATCH, batch})
        self.reference: tuple[str, Path] | None = None
        self.load: float | None = None

    def times(self, graphs: Mapping[str, Path]) -> dict[str, tuple[PointLatency, ...]]:
        """How long each graph takes, by the keys of their trials; the first one ever is what the others are held to."""
        if not graphs:
            return {}
        if self.reference is None:
            self.reference = next(iter(graphs.items()))
        known = {key: told for key in graphs if (told := self._told(key)) is not None}
        new = [key for key in graphs if key not in known]
        if new:
            self._measure({key: graphs[key] for key in new})
        return {key: known.get(key) or self._told(key) or () for key in graphs}

    def _told(self, key: str) -> tuple[PointLatency, ...] | None:
        """What an earlier attempt of the job measured."""
        place = self._place(key)
        return LATENCIES.validate_json(place.read_bytes()) if place.exists() else None

    def _place(self, key: str) -> Path:
        return self.folder / f"latency-{key}.json"

    def _measure(self, graphs: Mapping[str, Path]) -> None:
        assert self.reference is not None
        first, path = self.reference
        earlier = self._told(first)
        every = {first: path, **graphs}
        sessions = [open_session(file.read_bytes()) for file in every.values()]
        self.context.report("measure", message="waiting to time the trials' graphs alone")
        with slot.held(slot.place(), waiting=self.context.stop_if_cancelled):
            if self.load is None:
                self.load = os.getloadavg()[0]
            found = [self._timed(sessions, batch) for batch in self.batches]
        for place, key in enumerate(every):
            if key != first or earlier is None:
                self._keep(key, [self._point(*part, place, earlier) for part in found])

    def _timed(self, sessions: Sequence[Runs], batch: int) -> tuple[int, int, list[np.ndarray]]:
        feeds = in_its_bits(sessions[0], self.rows.feeds())
        calls, told = in_turn(sessions, feeds, batch, rounds=ROUNDS, seconds=SECONDS)
        return batch, calls, told

    def _point(
        self,
        batch: int,
        calls: int,
        told: list[np.ndarray],
        place: int,
        earlier: Sequence[PointLatency] | None,
    ) -> PointLatency:
        """One graph's time with so many rows; in the time of the first graph, if that was measured before."""
        quantiles = told[place]
        then = next((item.p10 for item in earlier or () if item.batch == batch), None)
        if then is not None:
            now = told[0][:, :1]
            quantiles = quantiles * then / np.maximum(now, 1e-9)
        assert quantiles.shape[1] == len(SHARES)
        return bounded(batch, quantiles, calls)

    def _keep(self, key: str, told: Sequence[PointLatency]) -> None:
        """On the disk, whole or not at all: another attempt of the job finds it."""
        staged = self._place(key).with_suffix(".staged")
        staged.write_text(json.dumps([item.model_dump(mode="json") for item in told]))
        os.replace(staged, self._place(key))
