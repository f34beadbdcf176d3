"""The bearer token that a client shows: given, in the environment, or in a file that somebody else renews."""

import os
from pathlib import Path


class TokenFile:
    """A bearer token in a file that somebody else renews; called for the token, it reads the file when it changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int] | None = None
        self._token = ""

    def __call__(self) -> str:
        """The token now. Raises: OSError if there is no such file."""
        stat = self.path.stat()
        if self._stamp != (stat.st_mtime_ns, stat.st_ino):
            self._token, self._stamp = self.path.read_text().strip(), (stat.st_mtime_ns, stat.st_ino)
        return self._token


def shown_token() -> str | TokenFile:
    """The token of this process's environment: MILLRACE_TOKEN, or the file in MILLRACE_TOKEN_FILE."""
    path = os.environ.get("MILLRACE_TOKEN_FILE")
    return TokenFile(Path(path)) if path else os.environ.get("MILLRACE_TOKEN", "")
