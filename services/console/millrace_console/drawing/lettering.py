"""How wide a text is in a picture, before a browser has drawn it: names stay within their place."""

import unicodedata

EM = 12.5
"""Pixels of a label's letters, as the style sheet has them."""
NARROW, BROAD = frozenset("fijlrtI .,:;|!'()[]"), frozenset("mwMW@%…")


def width(text: str) -> float:
    """About how many pixels wide a text is, rather too many than too few."""
    return EM * sum(map(_ems, text))


def _ems(sign: str) -> float:
    if sign in NARROW:
        return 0.42
    if sign in BROAD or unicodedata.east_asian_width(sign) in "WF":
        return 1.0
    return 0.78 if sign.isupper() else 0.64


def fitting(text: str, room: float) -> str:
    """The text, or its beginning and an ellipsis: about *room* pixels wide at the most."""
    if width(text) <= room:
        return text
    kept = len(text)
    while kept and width(text[:kept] + "…") > room:
        kept -= 1
    return text[:kept].rstrip() + "…"
