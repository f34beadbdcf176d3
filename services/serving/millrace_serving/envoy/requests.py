"""How long a request over REST may be: the gateway reads each as a whole before a revision sees any of it."""

MOST_BYTES = 16 * 2**20
"""Held back in the gateway's memory while a request comes."""
TOO_LARGE = (
    f"The request is longer than the {MOST_BYTES} bytes that the gateway takes: send fewer rows in each, or let a "
    "batch prediction read them where they are."
)
