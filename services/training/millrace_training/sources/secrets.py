"""A source's secrets: found where the document says they are, and taken out of every text that leaves the job."""

import os
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from millrace_contracts.sources import Secret
from millrace_training.runtime.errors import JobError

HIDDEN = "***"
OURS = "MILLRACE_"
"""Variables of the platform itself; a source may not send them anywhere."""
SHORT = 3
"""A piece of fewer signs would take whole words out of a text."""


class Keeper(Protocol):
    """A source or a sink."""

    def secrets(self) -> dict[str, Secret]:
        """What it needs that a document does not hold, by its place in it."""


class Secrets:
    """What each secret of a source or sink is, by its place in it, like `sql.password`."""

    def __init__(self, source: Keeper) -> None:
        self._values = {place: _value(place, secret) for place, secret in source.secrets().items()}
        self._hidden = sorted({piece for value in self._values.values() for piece in _pieces(value)}, key=len)

    def get(self, place: str) -> str | None:
        """The secret at *place*; None where the source names none."""
        return self._values.get(place)

    def clean(self, text: str) -> str:
        """The text without any secret in it."""
        for piece in reversed(self._hidden):
            text = text.replace(piece, HIDDEN)
        return text

    def problem(self, title: str, detail: str, mend: str) -> JobError:
        """An error in somebody else's words, without any secret in it."""
        return JobError(title, self.clean(" ".join(detail.split())), mend)


def _value(place: str, secret: Secret) -> str:
    text = _file(place, secret.file) if secret.file else _variable(place, secret)
    if not text.strip():
        raise _missing(place, f"{secret.told()} is empty", secret)
    return text.strip("\r\n")


def _variable(place: str, secret: Secret) -> str:
    name = secret.variable()
    if name.startswith(OURS):
        raise JobError("A secret cannot be used", f"{place}: {name} belongs to the platform.", "Use another.")
    text = os.environ.get(name)
    if text is None:
        raise _missing(place, f"{secret.told()} is not there", secret)
    return text


def _file(place: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(
            "A secret is missing",
            f"{place}: {path} cannot be read ({type(error).__name__}).",
            "Write it there.",
        ) from None


def _missing(place: str, what: str, secret: Secret) -> JobError:
    if secret.secret_ref is not None:
        mend = f"Make the key {secret.secret_ref.key} in the Secret of the source."
    else:
        mend = f"Set {secret.env} before 'millrace up'." if secret.env else "Write the secret into it."
    return JobError("A secret is missing", f"{place}: {what}.", mend)


def _pieces(value: str) -> set[str]:
    """The secret, and what in a URI is secret by itself, as it is written and as it is meant."""
    found = {value}
    try:
        word = urlsplit(value).password
    except ValueError:
        word = None
    if word:
        found |= {word, unquote(word)}
    if word is None and "=" in value:
        found |= {part.partition("=")[2] for part in value.replace("&", " ").replace("?", " ").split()}
    return {piece for piece in found if len(piece) >= SHORT}
