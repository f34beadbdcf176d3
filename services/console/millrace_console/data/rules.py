"""What a contract asks of a column, in words that nobody has to look up."""

from millrace_console.rendering import share
from millrace_contracts.bodies import Document
from millrace_contracts.digits import legible
from millrace_contracts.shortening import shortened

TOLD = {
    "name", "type", "guessed", "minimum", "maximum", "outside_at_most", "allowed", "unknown_at_most",
    "missing_at_most", "required", "unique", "trusted", "shape",
}  # fmt: skip
LONGEST = 80


def told(rules: Document) -> str:
    """What is asked beyond what is usual; a field of a newer contract comes by its name, the empty text for none."""
    newer = [
        f"{name} {_short(value)}" for name, value in rules.items() if name not in TOLD and value is not None
    ]
    said = [_shape(rules), _range(rules), _allowed(rules), _missing(rules), *_marks(rules), *newer]
    return "; ".join(words for words in said if words)


def _shape(rules: Document) -> str:
    shape = rules.get("shape")
    return " × ".join(map(str, shape)) + " numbers" if isinstance(shape, list) else ""


def _range(rules: Document) -> str:
    low, high = (_number(rules.get(name)) for name in ("minimum", "maximum"))
    if not low and not high:
        return ""
    extent = f"{low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}"
    return extent + _tolerated(rules.get("outside_at_most"), "outside it")


def _allowed(rules: Document) -> str:
    allowed = rules.get("allowed")
    if not isinstance(allowed, list):
        return ""
    return (_short(allowed) or "no value") + _tolerated(rules.get("unknown_at_most"), "of others")


def _tolerated(value: object, what: str) -> str:
    return f", at most {share(float(value))} {what}" if isinstance(value, int | float) and value > 0 else ""


def _missing(rules: Document) -> str:
    value = rules.get("missing_at_most")
    if not isinstance(value, int | float) or value >= 1:
        return ""
    return f"at most {share(float(value))} missing" if value > 0 else "never missing"


def _marks(rules: Document) -> list[str]:
    return [
        "may be left out" if rules.get("required") is False else "",
        "no value twice" if rules.get("unique") else "",
        "not screened for leaks" if rules.get("trusted") else "",
    ]


def _number(value: object) -> str:
    return legible(value, 6) if isinstance(value, int | float) else ""


def _short(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return shortened(text, LONGEST)
