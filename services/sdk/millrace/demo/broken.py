"""A damaged copy of good data, to see that it is refused before anything trains on it."""

import numpy as np
import pandas as pd


def damage(good: pd.DataFrame, seed: int = 7) -> pd.DataFrame:
    """Text and negative numbers in `distance`, half of `origin` missing, and duplicated rows."""
    draw = np.random.default_rng(seed)
    bad = good.copy()
    bad["distance"] = bad["distance"].astype(object)
    places = draw.permutation(len(bad))
    share = len(bad) // 20
    bad.loc[bad.index[places[:share]], "distance"] = "far away"
    bad.loc[bad.index[places[share : 2 * share]], "distance"] = -100
    bad.loc[bad.index[places[: len(bad) // 2]], "origin"] = None
    return pd.concat([bad, bad.iloc[: len(bad) // 10]], ignore_index=True)
