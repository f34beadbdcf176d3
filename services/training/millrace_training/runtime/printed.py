"""What a job printed, read in pieces: a file that grows, and that may be long."""

from pathlib import Path

from millrace_contracts.jobs import LogPiece


def piece(path: Path, after: int | None, most: int) -> LogPiece:
    """At most *most* bytes behind *after*, or the last ones; a character that is cut at the end waits for its rest."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = max(0, size - most) if after is None else min(after, size)
            file.seek(start)
            found = file.read(most)
    except FileNotFoundError:
        return LogPiece(text="", start=0, next=0, size=0)
    if after is None and start:
        begin = found.find(b"\n") + 1
        start, found = start + begin, found[begin:]
    whole = found if start + len(found) >= size else found[: len(found) - _cut(found)]
    return LogPiece(text=whole.decode(errors="replace"), start=start, next=start + len(whole), size=size)


def _cut(text: bytes) -> int:
    """Bytes of a character that has begun at the end; none if that would leave nothing."""
    for back in range(1, min(4, len(text))):
        byte = text[-back]
        if byte & 0xC0 == 0xC0:
            needs = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return back if needs > back else 0
        if byte & 0x80 == 0:
            return 0
    return 0
