"""How often the gate over protected groups errs, beside what comparing bare rates does: worlds whose truth is known."""

from collections.abc import Iterator

import numpy as np

from millrace_stats import groups, worlds
from millrace_stats.measuring import Result, measure

SHARES = (0.60, 0.25, 0.10, 0.05)
"""Of the rows, by group; the first is the reference."""
RATE, AT_MOST = 0.30, 0.10
DAY_SPREAD, OWN_SPREAD = 0.3, 0.15
"""Standard deviation of a day's rate on the logit scale: what all groups share, and what is a group's own."""
MINIMUM = 100
Rng = np.random.Generator


def sums(draw: Rng, days: int, rows: int, r: float, gap: float) -> list[groups.Sums]:
    """Selected and all rows by day of each group; the smallest group's true rate lies *gap* above the others'.

    Args:
        rows: of all groups in one day, in the mean.
    """
    common = DAY_SPREAD * worlds.days(draw, 1, days, r)[0]
    found = []
    for number, share in enumerate(SHARES):
        counts = draw.poisson(rows * share, days)
        level = np.log(RATE / (1 - RATE)) + common + OWN_SPREAD * worlds.days(draw, 1, days, r)[0]
        rate = 1 / (1 + np.exp(-level))
        rate = rate - rate.mean() + RATE + (gap if number == len(SHARES) - 1 else 0.0)
        found.append((draw.binomial(counts, np.clip(rate, 0, 1)).astype(float), counts.astype(float)))
    return found


def verdicts(found: list[groups.Sums]) -> set[str]:
    """What the gate says of each group that is large enough."""
    large = {str(n): one for n, one in enumerate(found) if n and one[1].sum() >= MINIMUM}
    gaps = {name: groups.gap(one, found[0], rate=True, ordered=True) for name, one in large.items()}
    known = {name: gap for name, gap in gaps.items() if gap is not None}
    return {item.verdict for item in groups.judge(known, AT_MOST)}


def fails(draw: Rng, days: int, rows: int, r: float, gap: float) -> bool:
    """Whether the gate says that some group lies beyond the bound."""
    return "failed" in verdicts(sums(draw, days, rows, r, gap))


def passes(draw: Rng, days: int, rows: int, r: float, gap: float) -> bool:
    """Whether the gate says that every group lies within it."""
    return verdicts(sums(draw, days, rows, r, gap)) == {"passed"}


def beyond(draw: Rng, days: int, rows: int, r: float, gap: float) -> bool:
    """Whether the largest rate less the smallest exceeds the bound, as a comparison without intervals says."""
    rates = [top.sum() / max(count.sum(), 1) for top, count in sums(draw, days, rows, r, gap)]
    return float(max(rates) - min(rates)) > AT_MOST


def within(draw: Rng, days: int, rows: int, r: float, gap: float) -> bool:
    """Whether a comparison without intervals says that all is within the bound."""
    return not beyond(draw, days, rows, r, gap)


def protected(scale: float) -> Iterator[Result]:
    """Groups that are alike, one that lies at the bound, and one that lies far beyond it."""
    repeats = int(2000 * scale)
    plans = ((28, 50), (28, 200), (60, 200))
    for days, rows in plans:
        for r in (0.0, 0.4):
            where = f"{days} days of {rows} rows, r={r}"
            yield measure(f"equal groups fail, {where}: bare rates", repeats, beyond, days, rows, r, 0.0)
            yield measure(f"equal groups fail, {where}: the gate", repeats, fails, days, rows, r, 0.0)
            yield measure(f"equal groups pass, {where}: the gate", repeats, passes, days, rows, r, 0.0)
            at = f"the smallest group at the bound passes, {where}"
            yield measure(f"{at}: bare rates", repeats, within, days, rows, r, AT_MOST)
            yield measure(f"{at}: the gate", repeats, passes, days, rows, r, AT_MOST)
            at = f"the smallest group at the bound fails, {where}"
            yield measure(f"{at}: the gate", repeats, fails, days, rows, r, AT_MOST)
            yield measure(
                f"the smallest group at three times the bound fails, {where}: the gate",
                repeats, fails, days, rows, r, 3 * AT_MOST,
            )  # fmt: skip


def covers(draw: Rng, days: int, unequal: float, own: float, rate: bool) -> bool:
    """Whether the 95 % bounds of one difference hold the true one, which is 0.

    Args:
        unequal: standard deviation of the logarithm of a day's rows; 0: all days are of about one size.
        own: standard deviation of what a day moves each group by itself: of one row's, or on the logit scale for rates.
    """
    counts = draw.poisson(50 * np.exp(unequal * draw.standard_normal(days))) + 1
    common, found = DAY_SPREAD * draw.standard_normal(days), []
    group = draw.binomial(counts, 0.25)
    for rows in (group, counts - group):
        level = common + own * draw.standard_normal(days)
        if rate:
            odds = np.exp(np.log(RATE / (1 - RATE)) + level)
            top = draw.binomial(rows, odds / (1 + odds)).astype(float)
        else:
            top = rows * level + np.sqrt(rows) * draw.standard_normal(days)
        found.append((top, rows.astype(float)))
    told = groups.gap(found[0], found[1], rate=rate, ordered=False)
    return told is None or abs(told.difference) <= told.half((1 + groups.CONFIDENCE) / 2)


def bounds(scale: float) -> Iterator[Result]:
    """How often bounds of a difference hold the true one: days of one size, and days that differ much."""
    repeats = int(2000 * scale)
    for what, rate in (("mean", False), ("rate", True)):
        for unequal, sizes in ((0.0, "days of one size"), (1.0, "days that differ much")):
            for days in (4, 10, 28, 90):
                for own in (0.0, 0.2, 0.6):
                    name = (
                        f"the bounds of a {what} hold the true difference, {days} {sizes}, own spread {own}"
                    )
                    yield measure(name, repeats, covers, days, unequal, own, rate)
