"""Time zones by name: the one check that every entrance uses, and the nearest names for one that is none."""

import difflib
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

SOME = 3


def check(name: str) -> str:
    """The name as it is. Raises: ValueError in one line, with the nearest names."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        likely = nearest(name)
        mend = f"did you mean {' or '.join(likely)}?" if likely else "write it like Europe/Berlin"
        raise ValueError(f"{name[:64]!r} is not a time zone; {mend}") from error
    return name


def nearest(name: str) -> list[str]:
    """Zones that a person may have meant: those that end so first, then those that are written alike."""
    asked = name[:64].strip().replace(" ", "_").lower()
    if not asked:
        return []
    ending = [zone for low, zone in _names().items() if low.rpartition("/")[2] == asked]
    alike = difflib.get_close_matches(asked, [*_names(), *_cities()], SOME, 0.7)
    return list(dict.fromkeys([*sorted(ending), *(_names().get(one) or _cities()[one] for one in alike)]))[
        :SOME
    ]


@lru_cache(1)
def _names() -> dict[str, str]:
    """Zones by place, in small letters; those of old files of the zone database are left out."""
    return {
        name.lower(): name for name in available_timezones() if not name.startswith(("posix", "right", "Etc"))
    }


@lru_cache(1)
def _cities() -> dict[str, str]:
    return {low.rpartition("/")[2]: name for low, name in sorted(_names().items(), reverse=True)}
