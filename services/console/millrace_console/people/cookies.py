"""The session's cookie: unreadable for scripts, not sent along from other sites, over TLS alone where there is any."""

from fastapi import Request, Response

from millrace_console.settings import ConsoleSettings

PLAIN, GUARDED = "millrace_session", "__Host-millrace_session"
"""A name with __Host- is taken by browsers from TLS alone, and from no other host of the domain."""


def name(settings: ConsoleSettings) -> str:
    """What the cookie is called here."""
    return GUARDED if settings.https_only else PLAIN


def read(request: Request, settings: ConsoleSettings) -> str:
    """The session's name, or an empty text."""
    return request.cookies.get(name(settings), "")


def give(response: Response, key: str, settings: ConsoleSettings) -> None:
    """Give the browser a session's name, until the browser ends."""
    response.set_cookie(
        name(settings), key, httponly=True, samesite="lax", secure=settings.https_only, path="/"
    )


def take(response: Response, settings: ConsoleSettings) -> None:
    """Take it away again."""
    response.delete_cookie(
        name(settings), httponly=True, samesite="lax", secure=settings.https_only, path="/"
    )


def _begun(settings: ConsoleSettings) -> str:
    return "__Host-millrace_begun" if settings.https_only else "millrace_begun"


def read_begun(request: Request, settings: ConsoleSettings) -> str:
    """The word of a sign-in that this browser has begun at a provider, or an empty text."""
    return request.cookies.get(_begun(settings), "")


def give_begun(response: Response, word: str, settings: ConsoleSettings) -> None:
    """Let the browser keep it until it is back."""
    response.set_cookie(
        _begun(settings),
        word,
        max_age=600,
        httponly=True,
        samesite="lax",
        secure=settings.https_only,
        path="/",
    )


def take_begun(response: Response, settings: ConsoleSettings) -> None:
    """Take it away again."""
    response.delete_cookie(
        _begun(settings), httponly=True, samesite="lax", secure=settings.https_only, path="/"
    )
