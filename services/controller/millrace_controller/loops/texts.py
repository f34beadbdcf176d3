"""Texts and lists of a status, cut to what an API server keeps well, with a pointer to the whole."""

from millrace_contracts.verdicts import GateResult

LONGEST = 1000
"""Bytes of a message."""
REASON = 300
"""Bytes of one gate's reason."""
MOST_GATES = 50


def cut(text: str, whole: str, longest: int = LONGEST) -> str:
    """The text in at most so many bytes of UTF-8; one that is cut ends with *whole*, where all of it stands."""
    written = text.encode()
    if len(written) <= longest:
        return text
    pointer = f" … ({whole})"
    return written[: longest - len(pointer.encode())].decode(errors="ignore") + pointer


def chosen(gates: list[GateResult]) -> list[GateResult]:
    """All gates; of very many those first that did not pass."""
    if len(gates) <= MOST_GATES:
        return gates
    return sorted(gates, key=lambda gate: gate.verdict == "passed")[:MOST_GATES]
