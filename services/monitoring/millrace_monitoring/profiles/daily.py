"""The profile of one day's answered rows, and its compact form in SQL."""

import zlib
from collections.abc import Mapping

import numpy as np
import orjson

from millrace_stats.profiles import PREDICTION, Profile, ProfileSpec, profile


def of_day(spec: ProfileSpec, features: Mapping[str, np.ndarray], predictions: np.ndarray) -> Profile:
    """Count a day.

    Args:
        features: values of shape (rows,) by tensor name and by column name; what *spec* does not know is left out,
            and what it knows but the rows lack is missing in every row.
        predictions: shape (rows,).
    """
    columns = {}
    for name in spec.features:
        if name == PREDICTION:
            columns[name] = predictions
        elif name in features:
            columns[name] = features[name]
        else:
            columns[name] = np.full(len(predictions), np.nan)
    return profile(spec, columns) if columns else Profile(spec.digest, len(predictions), {})


def dump(found: Profile) -> bytes:
    return zlib.compress(orjson.dumps(found.to_dict()), 6)


def load(data: bytes) -> Profile:
    return Profile.from_dict(orjson.loads(zlib.decompress(data)))
