"""Features that stand in for a protected column: how well each alone tells it, on rows that were not learnt from.

The strength is a concordance: of two rows that differ in the protected column, how often the feature says which is
which. 0.5 says nothing, 1 everything; for two values it is the AUC. Of many classes the one told best counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from millrace_contracts.rows import Check
from millrace_stats import proxies
from millrace_training.rows import leakage

ROWS = 20_000


@dataclass(frozen=True)
class Proxy:
    """*column* tells *protected* with this *strength*, 0.5 to 1."""

    column: str
    protected: str
    strength: float


def check(table: pa.Table, features: Sequence[str], protected: Sequence[str]) -> list[Check]:
    """A note for every feature that tells a protected column, strongest first."""
    told = [_line(item) for item in search(table, features, protected)]
    if told or not protected:
        return told
    allowed = f"a strength below {proxies.LEAST}"
    return [Check.passed("proxy", "no feature alone stands in for a protected column", allowed)]


def search(table: pa.Table, features: Sequence[str], protected: Sequence[str]) -> list[Proxy]:
    """Features that tell a protected column better than chance and with a strength that matters, strongest first."""
    chosen = pa.array(np.random.default_rng(0).permutation(table.num_rows)[:ROWS])
    sample = table.select([*features, *protected]).take(chosen)
    told = []
    for name in protected:
        truth, labelled = leakage.codes(sample.column(name)), sample.column(name).type
        for feature in features:
            values = sample.column(feature)
            strength = proxies.strength(
                leakage.codes(values),
                truth,
                leakage.named(values.type),
                leakage.named(labelled),
                len(features),
            )
            if strength is not None:
                told.append(Proxy(feature, name, strength))
    return sorted(told, key=lambda item: -item.strength)


def _line(item: Proxy) -> Check:
    strength = f"strength {item.strength:.2f} (0.5: nothing, 1: everything)"
    return Check.noted(
        "proxy",
        f"'{item.column}' stands in for the protected '{item.protected}', {strength}",
        f"a strength below {proxies.LEAST}",
        "Exclude it if models must not tell such groups apart; else look at the slices of the evaluation.",
        column=item.column,
    )
