"""How long a call takes: base form and variant in turn, in rounds, so that what disturbs one disturbs the other too.

A round's p10 is what the machine can do; the rounds' ratios give the error bars. One thread, as serving runs a graph.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from millrace_contracts.variants import Latency, Measurement, NodeKind, SpeedUp
from millrace_training.compress.target import Feeds, Session

ROUNDS = 9
SECONDS = 0.05
"""About how long the calls of one form in one round take."""
LEAST_CALLS, MOST_CALLS = 10, 500
WARM_UP = 5
CONFIDENCE = 0.95
THREADS = 1

Clock = Callable[[], float]


@dataclass(frozen=True)
class Rounds:
    """Milliseconds of each call, (rounds, calls), of the base form and of the variant at one batch size."""

    batch: int
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
        base=[latency(item.batch, item.base) for item in rounds],
        variant=[latency(item.batch, item.variant) for item in rounds],
        speed_up=[speed_up(item) for item in rounds],
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
    told = (np.array(part) * 1000 for part in times)
    return Rounds(batch, *told)


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


def latency(batch: int, times: np.ndarray) -> Latency:
    """What the rounds say together, of *times* in ms, (rounds, calls)."""
    p10, p50, p99 = (np.quantile(times, share, axis=1) for share in (0.1, 0.5, 0.99))
    middle = float(np.median(p10))
    return Latency(
        batch=batch,
        p10=middle,
        p50=float(np.median(p50)),
        p99=float(np.median(p99)),
        repeats=len(times),
        calls=times.shape[1],
        spread=float((p10.max() - p10.min()) / middle) if middle else 0.0,
    )


def speed_up(rounds: Rounds) -> SpeedUp:
    """How many times faster the variant is: the rounds' ratios of p10, their mean and its 95 % bounds."""
    from scipy import special

    ratios = _ratio(rounds, 0.1)
    half = special.stdtrit(len(ratios) - 1, 0.5 + CONFIDENCE / 2) * ratios.std(ddof=1) / np.sqrt(len(ratios))
    middle = float(ratios.mean())
    return SpeedUp(
        batch=rounds.batch,
        ratio=middle,
        lower=middle - float(half),
        upper=middle + float(half),
        p99=float(np.median(_ratio(rounds, 0.99))),
    )


def _ratio(rounds: Rounds, share: float) -> np.ndarray:
    base, variant = (np.quantile(times, share, axis=1) for times in (rounds.base, rounds.variant))
    ratios: np.ndarray = base / np.maximum(variant, 1e-9)
    return ratios
