"""How long calls of some graphs take: all in turn, in rounds, so that what disturbs one disturbs the others too.

One thread, as serving runs a graph.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from millrace_stats.timings import SHARES

ROUNDS = 9
SECONDS = 0.05
"""About how long the calls of one graph in one round take."""
LEAST_CALLS, MOST_CALLS = 10, 500
WARM_UP = 5
THREADS = 1

Clock = Callable[[], float]
Feeds = dict[str, np.ndarray]


class Runs(Protocol):
    """A graph that is ready to answer."""

    def run(self, outputs: Any, feeds: Feeds) -> list[Any]:
        """The outputs of these names, or all, for these rows."""


def in_turn(
    graphs: Sequence[Runs],
    rows: Feeds,
    batch: int,
    clock: Clock = time.perf_counter,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
) -> tuple[int, list[np.ndarray]]:
    """Calls in a round, and of each graph the quantiles SHARES of its milliseconds in each round, (rounds, SHARES).

    Who begins changes from round to round.
    """
    feeds = first(rows, batch)
    once = max(max(_times(graph, feeds, WARM_UP, clock)) for graph in graphs)
    calls = int(np.clip(seconds / max(once, 1e-9), LEAST_CALLS, MOST_CALLS))
    order = list(range(len(graphs)))
    times: list[list[list[float]]] = [[] for _ in graphs]
    for number in range(rounds):
        for place in order if number % 2 == 0 else reversed(order):
            times[place].append(_times(graphs[place], feeds, calls, clock))
    return calls, [np.quantile(np.array(part) * 1000, SHARES, axis=1).T for part in times]


def first(rows: Feeds, batch: int) -> Feeds:
    """So many rows, from the beginning again where there are fewer."""
    place = np.arange(batch) % len(next(iter(rows.values())))
    return {name: values[place] for name, values in rows.items()}


def _times(graph: Runs, feeds: Feeds, calls: int, clock: Clock) -> list[float]:
    """Seconds of each call."""
    taken = []
    for _ in range(calls):
        began = clock()
        graph.run(None, feeds)
        taken.append(clock() - began)
    return taken
