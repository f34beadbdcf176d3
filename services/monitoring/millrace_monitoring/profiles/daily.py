"""The profile of one day's answered rows, and its compact form in SQL."""

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import orjson

from millrace_contracts.signature import Input
from millrace_stats import shaped
from millrace_stats.profiles import Profile, ProfileSpec, profile


def named(inputs: Sequence[Input], columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Features by tensor name and by column name; of tensors with a shape what sums their cells up."""
    features = dict(columns)
    features |= {
        item.column: features[item.name]
        for item in inputs
        if item.name in features and item.column not in features
    }
    for item in inputs:
        if item.shape is not None and item.name in features:
            features |= shaped.summaries(item.column, features[item.name])
    return features


def columns_of(
    spec: ProfileSpec,
    features: Mapping[str, np.ndarray],
    reduced: Mapping[str, np.ndarray],
    rows: int,
) -> dict[str, np.ndarray]:
    """The columns that *spec* counts, each of shape (rows,).

    Args:
        features: values by tensor name and by column name; what *spec* does not know is left out, and what it knows
            but the rows lack is missing in every row.
        reduced: what stands for the answers, by feature name.
    """
    known = {**features, **reduced}
    return {name: known[name] if name in known else np.full(rows, np.nan) for name in spec.features}


def of_rows(spec: ProfileSpec, columns: Mapping[str, np.ndarray], which: np.ndarray) -> Profile:
    """Count the rows *which* (bool, shape (rows,)) of `columns_of`."""
    if not columns:
        return Profile(spec.digest, int(which.sum()), {})
    return profile(spec, {name: np.asarray(values)[which] for name, values in columns.items()})


def dump(day: Profile) -> bytes:
    """The profile as SQL keeps it."""
    return zlib.compress(orjson.dumps(day.to_dict()), 6)


def load(data: bytes) -> Profile:
    """The profile of `dump`."""
    return Profile.from_dict(orjson.loads(zlib.decompress(data)))
