"""Whether the kernel killed something in this container for want of memory."""

from pathlib import Path

COUNTERS = (
    Path("/sys/fs/cgroup/memory.events"),
    Path("/sys/fs/cgroup/memory/memory.oom_control"),
)
"""Where a container finds its own counters: with cgroup v2, and with v1."""


def was_out_of_memory(counters: tuple[Path, ...] = COUNTERS) -> bool:
    """True once a process of this container was killed at the container's limit."""
    return any(_kills(path) > 0 for path in counters)


def _kills(path: Path) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    words = [line.split() for line in lines]
    return max((int(word[1]) for word in words if len(word) == 2 and word[0] == "oom_kill"), default=0)
