"""Numbers as people read them."""

LONGEST = 1e9


def legible(value: float, digits: int = 4) -> str:
    """*value* with so many significant digits, but all of its whole part below a milliard: 25,312, not 2.531e+04."""
    text = f"{value:.{digits}g}"
    return f"{value:,.0f}" if "e+" in text and abs(value) < LONGEST else text


def signed(value: float, digits: int = 4) -> str:
    """*value* as `legible` has it, with its sign: what something was moved by."""
    text = legible(value, digits)
    return text if text.startswith("-") else f"+{text}"
