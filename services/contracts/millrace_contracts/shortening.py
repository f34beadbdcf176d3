"""How a text that is too long for its place is shown: one rule for pages, pictures, tables and reports."""


def shortened(text: str, longest: int) -> str:
    """The text, or its beginning and an ellipsis: at most *longest* signs."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
