"""Settings of the console: how long people stay signed in, and how long a page waits for another service."""

from millrace_core.settings import Settings


class ConsoleSettings(Settings):
    """Environment of the console."""

    service: str = "console"
    session_hours: float = 12
    """Hours after which somebody signs in again, whatever they did meanwhile."""
    idle_hours: float = 4
    """Hours without a page after which a session ends."""
    link_seconds: float = 120
    """Seconds for which a one-time link of `millrace console` can be used."""
    answer_seconds: float = 5.0
    """Seconds that a page waits for a service; then it says what is missing."""
    https_only: bool = False
    """The session's cookie is sent over TLS alone; set where a browser never meets the console without."""
