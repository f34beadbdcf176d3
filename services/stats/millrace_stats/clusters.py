"""Answers lie in clusters (one per route, per product): wide bins for their PSI.

Fine bins tell each cluster's small shift, which is what a retrained model is for, as another world: with 200 quantile
bins the answers of a year of flights had a PSI of 0.4 to 2.9 in every fortnight, with these below 0.1 in most.
"""

import numpy as np

MOST_BINS = 20
LEAST_WIDTH = 0.25
"""Of the answers' standard deviation."""


def inner_edges(quantiles: np.ndarray, deviation: float) -> np.ndarray:
    """Of increasing *quantiles* those that lie at least a quarter of the standard *deviation* apart; never none.

    Args:
        quantiles: inner edges, shape (edges,), at least one.
    """
    least = max(deviation * LEAST_WIDTH, 1e-300)
    edges = [quantiles[0]]
    for edge in quantiles[1:]:
        if edge - edges[-1] >= least:
            edges.append(edge)
    return np.array(edges)


def groups(edges: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Which wide bin each of the frozen, narrow slots of an answer falls into.

    Args:
        edges: of `NumberBins`, shape (bins + 1,).
        reference: rows in each slot, shape (bins + 3,): below, the bins, above, missing.
    Returns: shape (bins + 3,), numbered from 0 without gaps; missing stays by itself.
    """
    known = np.asarray(reference[:-1], float)
    if len(edges) < 3 or known.sum() == 0:
        return np.arange(len(reference))
    middles = np.concatenate([edges[:1], (edges[:-1] + edges[1:]) / 2, edges[-1:]])
    mean = np.average(middles, weights=known)
    deviation = float(np.sqrt(np.average((middles - mean) ** 2, weights=known)))
    below = np.cumsum(known)[:-1] / known.sum()
    wanted = np.searchsorted(below, np.arange(1, MOST_BINS) / MOST_BINS).clip(1, len(edges) - 2)
    inner = inner_edges(edges[np.unique(wanted)], deviation)
    return np.append(np.searchsorted(inner, middles, side="right"), len(inner) + 1)
