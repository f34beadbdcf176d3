"""Is the canary broken? A test that may be looked at every second, and plain checks for hard faults.

Source: a mixture of likelihood ratios is a test martingale, so by Ville's inequality it exceeds 100 with
probability at most 1 % however often it is looked at (Howard, Ramdas, McAuliffe, Sekhon, 2021).
"""

from dataclasses import dataclass

import numpy as np

from millrace_stats import clusters
from millrace_stats.drift import joined, psi

RATES = (2.0, 5.0, 20.0)
"""Failure-rate ratios canary : stable that the test looks for."""
ABORT = 100.0
MINIMUM_FAILURES = 3
MINIMUM_ROWS = 50
PREDICTION_PSI = 0.25


@dataclass(frozen=True)
class Arm:
    """One step's concurrent counts: distinct keys seen and distinct keys that failed, on both arms."""

    canary_keys: int
    stable_keys: int
    canary_failed: int
    stable_failed: int


def log_evidence(steps: list[Arm]) -> float:
    """Log of the evidence that failures fall on the canary more often than its share of keys explains.

    Count distinct keys that failed, never requests: failures come in bursts. Steps with different shares multiply.
    """
    total = 0.0
    for step in steps:
        total += _step(step)
    return total


def _step(step: Arm) -> float:
    keys = step.canary_keys + step.stable_keys
    failures = step.canary_failed + step.stable_failed
    if step.canary_keys == 0 or step.stable_keys == 0 or failures == 0:
        return 0.0
    share = step.canary_keys / keys
    terms = []
    for rate in RATES:
        q = share * rate / (1 - share + share * rate)
        on_canary = step.canary_failed * np.log(q / share)
        terms.append(on_canary + step.stable_failed * np.log((1 - q) / (1 - share)))
    return float(np.logaddexp.reduce(terms) - np.log(len(RATES)))


def aborts(steps: list[Arm]) -> bool:
    """Whether the evidence is enough to withdraw the canary."""
    failed = sum(step.canary_failed for step in steps)
    return failed >= MINIMUM_FAILURES and log_evidence(steps) > np.log(ABORT)


def hard_fault(rows: int, not_finite: int, constant: bool, mirrored_psi: float | None = None) -> str | None:
    """What is plainly wrong with a revision's answers, in words; None if nothing is.

    Args:
        rows: rows it answered.
        not_finite: rows answered with NaN or infinity.
        constant: all answers are the same value (judged from MINIMUM_ROWS rows on).
        mirrored_psi: PSI between its and the stable revision's answers to the same requests, if enough were mirrored.
    """
    if not_finite > 0:
        return f"{not_finite} of {rows} answers are not finite numbers"
    if constant and rows >= MINIMUM_ROWS:
        return f"all {rows} answers are the same value"
    if mirrored_psi is not None and mirrored_psi > PREDICTION_PSI:
        return f"to the same requests its answers are distributed differently (PSI {mirrored_psi:.2f})"
    return None


def answers_psi(canary: np.ndarray, stable: np.ndarray, bins: int = clusters.MOST_BINS) -> float | None:
    """PSI of two arms' answers to the same rows; None below 500 rows.

    The bins are the stable arm's quantiles, but at least a quarter of its standard deviation wide (`clusters`).

    Args:
        canary, stable: finite answers, each of shape (rows,).
    """
    if len(stable) < 500 or len(canary) < 500:
        return None
    quantiles = np.quantile(stable, np.linspace(0, 1, bins + 1)[1:-1])
    edges = clusters.inner_edges(quantiles, float(np.std(stable)))
    counts = [np.bincount(np.searchsorted(edges, arm), minlength=len(edges) + 1) for arm in (stable, canary)]
    return psi(counts[0], counts[1])


def categories_psi(canary: np.ndarray, stable: np.ndarray) -> float | None:
    """PSI of two arms' chosen classes on the same rows; None below 500 rows.

    Rare classes of both arms are joined until there are at most as many slots as the rows bear.

    Args:
        canary, stable: texts, each of shape (rows,).
    """
    if len(stable) < 500 or len(canary) < 500:
        return None
    names, places = np.unique(np.concatenate([stable, canary]).astype(str), return_inverse=True)
    arms = np.split(places, [len(stable)])
    counts = np.stack([np.bincount(arm, minlength=len(names)) for arm in arms])
    ordered = counts[:, np.argsort(-counts.sum(0), kind="stable")]
    merged = joined(ordered, min(len(stable), len(canary)))
    return psi(merged[0], merged[1])
