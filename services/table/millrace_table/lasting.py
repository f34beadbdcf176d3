"""Durations and times of day as seconds: 08:30, 1:30:00, 2 days 03:00:00, PT1H30M."""

import re

CLOCK = re.compile(
    r"(?P<sign>-)?(?:(?P<days>\d+) days?,? )?(?P<hours>\d{1,4}):(?P<minutes>[0-5]\d)"
    r"(?::(?P<seconds>[0-5]\d(?:[.,]\d{1,9})?))?"
)
ISO = re.compile(
    r"(?P<sign>-)?P(?!$)(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?!$)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:[.,]\d{1,9})?)S)?)?"
)
UNITS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}


def seconds(text: str) -> float | None:
    """The seconds that *text* says, or None where it is no duration and no time of day."""
    match = CLOCK.fullmatch(text) or ISO.fullmatch(text)
    if match is None:
        return None
    groups = match.groupdict()
    total = sum(float((groups.get(name) or "0").replace(",", ".")) * unit for name, unit in UNITS.items())
    return -total if match["sign"] else total
