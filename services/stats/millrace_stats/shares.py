"""Is the share of rows that are missing, strange or unlabelled surely beyond what is allowed, however few rows came?

Few rows reach any share by chance. So a share is a fault only if chance would hardly bring it (LEVEL); with fewer rows
than *enough* it must surely be beyond what is *allowed*, so that five rows without a value are told at once, and one is
not. What lies between is a suspicion, and waits for more rows. Simulated in docs/simulations.md.
"""

from typing import Literal

LEVEL = 3e-6
"""Chance of a false finding in one look: forty features are looked at twice on 365 days a year."""
UNSURE = 2.0
"""Rows added to those in which a thing was seen, when a sample says what is normal: the next row is new to it."""
LONGEST_BLOCK = 10
"""Times the rows that are enough, at which a block ends although something is still suspected."""
Finding = Literal["fine", "suspected", "fault"]


def above(count: int, rows: int, normal: float, allowed: float, enough: int) -> Finding:
    """Whether *count* of *rows* are too many.

    Args:
        normal: share in good data (`expected`). allowed: the share above which it is a fault.
        enough: rows from which the comparison is with what is normal.
    """
    from scipy import special  # here: an idle service has no use for it

    if rows == 0 or count <= allowed * rows:
        return "fine"
    against = normal if rows >= enough else allowed
    surprise = float(special.bdtrc(count - 1, rows, min(against, 1.0)))
    return "fault" if surprise <= LEVEL else "suspected"


def below(count: int, rows: int, normal: float, allowed: float) -> Finding:
    """Whether *count* of *rows* are too few, when *normal* is the usual share and *allowed* the least one."""
    from scipy import special

    if rows == 0 or count >= allowed * rows:
        return "fine"
    return "fault" if float(special.bdtr(count, rows, min(normal, 1.0))) <= LEVEL else "suspected"


def ends(rows: int, enough: int, suspected: bool) -> bool:
    """Whether days that add up have so many rows that the next day begins anew."""
    return rows >= (LONGEST_BLOCK * enough if suspected else enough)


def expected(count: int, rows: int) -> float:
    """A normal share taken from *count* of *rows* good rows, on the careful side."""
    return (count + UNSURE) / (rows + 2 * UNSURE)


def surely_constant(share: float, rows: int) -> bool:
    """Whether chance would hardly give all *rows* one value that has this *share* of good rows."""
    return bool(share**rows <= LEVEL)
