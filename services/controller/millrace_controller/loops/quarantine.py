"""What a loop's message says of refused data, beside whatever else is in its way. Pure."""

QUARANTINED = "Data lies in quarantine"
"""How the part of a loop's message begins that tells of refused data which waits for a person."""
ROOM = 600
"""Signs of another message that may stand before it."""


def quarantined(message: str) -> str:
    """The part of a loop's message that tells of refused data; empty if none waits."""
    return message[place:] if (place := message.find(QUARANTINED)) >= 0 else ""


def with_quarantined(message: str, known: str) -> str:
    """What is in the way now, and of the message *known* so far what it says of refused data: that is still there."""
    kept = quarantined(known)
    return f"{message[:ROOM]} {kept}" if kept else message
