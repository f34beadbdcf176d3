"""How long a call takes: base form and variant in turn, in rounds, so that what disturbs one disturbs the other too.

One thread, as serving runs a graph.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from millrace_contracts.variants import Measurement, NodeKind
from millrace_stats.timings import SHARES, latency, speed_up
from millrace_training.compress.target import Feeds, Session

ROUNDS = 9
SECONDS = 0.05
"""About how long the calls of one form in one round take."""
LEAST_CALLS, MOST_CALLS = 10, 500
WARM_UP = 5
THREADS = 1

Clock = Callable[[], float]


@dataclass(frozen=True)
class Rounds:
    """Milliseconds, (rounds, SHARES), of the base form and of the variant at one batch size."""

    batch: int
    calls: int
    base: np.ndarray
    variant: np.ndarray


def measure(
    base: Session,
    variant: Session,
    rows: Feeds,
    batches: Sequence[int],
    node: NodeKind,
    exclusive: bool,
    clock: Clock = time.perf_counter,
) -> Measurement:
    """Both forms at each batch size, on rows repeated as often as that needs."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    rounds = [_rounds(base, variant, rows, batch, clock) for batch in batches]
    return Measurement(
        node=node,
        threads=THREADS,
        exclusive=exclusive,
        load=load,
        base=[latency(item.batch, item.base, item.calls) for item in rounds],
        variant=[latency(item.batch, item.variant, item.calls) for item in rounds],
        speed_up=[speed_up(item.batch, item.base, item.variant) for item in rounds],
    )


def _rounds(base: Session, variant: Session, rows: Feeds, batch: int, clock: Clock) -> Rounds:
    feeds = first(rows, batch)
    forms = (base, variant)
    once = max(max(_times(form, feeds, WARM_UP, clock)) for form in forms)
    calls = int(np.clip(SECONDS / max(once, 1e-9), LEAST_CALLS, MOST_CALLS))
    times: tuple[list[list[float]], list[list[float]]] = ([], [])
    for number in range(ROUNDS):
        for place in (0, 1) if number % 2 == 0 else (1, 0):
            times[place].append(_times(forms[place], feeds, calls, clock))
    base_ms, variant_ms = (np.quantile(np.array(part) * 1000, SHARES, axis=1).T for part in times)
    return Rounds(batch, calls, base_ms, variant_ms)


def first(rows: Feeds, batch: int) -> Feeds:
    """So many rows, from the beginning again where there are fewer."""
    place = np.arange(batch) % len(next(iter(rows.values())))
    return {name: values[place] for name, values in rows.items()}


def _times(form: Session, feeds: Feeds, calls: int, clock: Clock) -> list[float]:
    """Seconds of each call."""
    taken = []
    for _ in range(calls):
        began = clock()
        form.run(None, feeds)
        taken.append(clock() - began)
    return taken
