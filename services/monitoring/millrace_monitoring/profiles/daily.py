"""The profile of one day's answered rows, and its compact form in SQL."""

import zlib
from collections.abc import Mapping

import numpy as np
import orjson

from millrace_stats.profiles import Profile, ProfileSpec, profile


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
