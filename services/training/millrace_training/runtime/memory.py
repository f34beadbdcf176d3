"""What processes have in memory that were forked from one another: what they share counts once where it matters.

Workers of a pool begin as copies of a server that has the libraries. A plain sum counts these once for each worker: up
to twice what the job takes. Each page by its shares (PSS, Linux) takes milliseconds a process, so only beyond a limit.
"""

from collections.abc import Callable, Iterable

import psutil


def used(pids: Iterable[int], limit: int) -> int:
    """Bytes that the processes have in memory: the plain sum, or if that is above *limit*, each shared page once."""
    every = list(pids)
    plain = sum(resident(pid) for pid in every)
    return plain if plain <= limit else min(plain, sum(_or_nothing(pid, _by_shares) for pid in every))


def below(pid: int) -> list[int]:
    """The process and all below it; none if it has ended."""
    try:
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.Error:
        return []


def resident(pid: int) -> int:
    """Bytes that one process has in memory, what it shares included; 0 if it has ended."""
    return _or_nothing(pid, lambda process: process.memory_info().rss)


def _or_nothing(pid: int, measure: Callable[[psutil.Process], int]) -> int:
    try:
        return int(measure(psutil.Process(pid)))
    except psutil.Error:
        return 0


def _by_shares(process: psutil.Process) -> int:
    try:
        told = process.memory_full_info()
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    return int(getattr(told, "pss", told.rss))
