"""A rule as an API server takes it, what several rules say, and durations in CEL: how they are written and how long."""

from typing import Any

from millrace_contracts import durations, parts

Json = dict[str, Any]
WRITTEN = "^[0-9]{1,6}[smhdw]$"
SECONDS = (
    "int(self.substring(0, self.size() - 1)) * "
    "{'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 604800}[self.substring(self.size() - 1)]"
)
DAYS = f"(self.matches('{WRITTEN}') && {SECONDS} >= 86400 && ({SECONDS}) % 86400 == 0)"


def rule(check: str, message: str, expression: str | None = None) -> Json:
    """One CEL rule; *expression* makes the message where it names what was written."""
    written = {"rule": check, "message": message}
    return written | ({"messageExpression": expression} if expression else {})


def one_of(*names: str) -> str:
    """Exactly one of these fields is there."""
    return f"[{', '.join(f'has(self.{name})' for name in names)}].exists_one(there, there)"


def bounds(node: Json) -> list[Json]:
    """The longest and the shortest that a duration may be; what is no duration breaks its format's rule alone."""
    written = f"!self.matches('{WRITTEN}')"
    made = []
    if parts.MOST in node:
        seconds, words = (
            _seconds(node[parts.MOST]),
            f"is longer than {node[parts.MOST]}, the most there can be",
        )
        made.append(rule(f"{written} || {SECONDS} <= {seconds}", words, f'"\'" + self + "\' {words}"'))
    if parts.LEAST in node:
        seconds, words = (
            _seconds(node[parts.LEAST]),
            f"is shorter than {node[parts.LEAST]}, the least there can be",
        )
        made.append(rule(f"{written} || {SECONDS} >= {seconds}", words, f'"\'" + self + "\' {words}"'))
    return made


def _seconds(text: str) -> int:
    return int(durations.parse(text).total_seconds())
