"""What goes with a version so that its performance can be estimated before labels come: learnt from the holdout."""

from collections.abc import Mapping

import numpy as np

from millrace_stats.estimates import learning, slots
from millrace_stats.estimates.estimator import Chunk
from millrace_stats.estimates.learning import BUCKETS, Reference
from millrace_stats.profiles import ProfileSpec
from millrace_stats.tasks import Reduced
from millrace_training.automl.aims import Aim

SEED = 20


def learn(
    spec: ProfileSpec,
    columns: Mapping[str, np.ndarray],
    reduced: Mapping[str, Reduced],
    target: np.ndarray,
    predicted: np.ndarray,
    days: np.ndarray | None,
    aim: Aim,
) -> dict[str, object] | None:
    """The estimator as baseline.json keeps it; None where the judged rows are too few.

    Args:
        columns: what *spec* counts of the judged rows, each (rows,). reduced: what stands for their answers.
        predicted: out-of-sample, (rows,) or (rows, classes). days: day number of each; None without event time.
    """
    known = np.flatnonzero(aim.task.known(predicted) & np.isfinite(target))
    placed = slots.place(spec, {**columns, **{name: item.values for name, item in reduced.items()}})
    blocks = np.random.default_rng(SEED).integers(0, BUCKETS, len(target)) if days is None else days
    order = known[np.argsort(blocks[known], kind="stable")]
    whole = Reference(
        Chunk(np.asarray(predicted, np.float64), placed),
        np.asarray(target, np.float64),
        np.asarray(blocks, np.int64),
        slots.sizes(spec),
        slots.unordered(spec),
        ordered=days is not None,
    )
    found = learning.learn(aim.task.name, whole.take(order), SEED)
    return None if found is None else found.to_dict()
