"""How long a call takes: base form and variant in turn, in rounds, so that what disturbs one disturbs the other too.

One thread, as serving runs a graph.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from millrace_contracts.traffic import RequestSizes
from millrace_contracts.variants import Measurement, NodeKind
from millrace_stats.timings import latency, speed_up
from millrace_training.compress.target import Feeds, Session
from millrace_training.graph.rounds import ROUNDS, THREADS, Clock, in_turn

__all__ = ["ROUNDS", "measure"]


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
    traffic: RequestSizes | None = None,
) -> Measurement:
    """Both forms at each batch size, on rows repeated as often as that needs.

    Args:
        traffic: whose requests the batch sizes are of.
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    rounds = [_rounds(base, variant, rows, batch, clock) for batch in batches]
    return Measurement(
        node=node,
        threads=THREADS,
        exclusive=exclusive,
        load=load,
        traffic=traffic,
        base=[latency(item.batch, item.base, item.calls) for item in rounds],
        variant=[latency(item.batch, item.variant, item.calls) for item in rounds],
        speed_up=[speed_up(item.batch, item.base, item.variant) for item in rounds],
    )


def _rounds(base: Session, variant: Session, rows: Feeds, batch: int, clock: Clock) -> Rounds:
    calls, (base_ms, variant_ms) = in_turn((base, variant), rows, batch, clock)
    return Rounds(batch, calls, base_ms, variant_ms)
