"""Who has a session or a token of an account: read from the file that `millrace users` and the console write.

The file is looked at with every request, so what is ended or disabled there opens nothing from then on.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

from millrace_contracts.accounts import Account, Credential, People
from millrace_core.log import log
from millrace_core.rights import Actor


class Accounts:
    """The accounts file, read again when it changes; one that cannot be read lets nobody in until it can."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._known: dict[str, tuple[Credential, Actor]] = {}

    def actor(self, digest: str) -> Actor | None:
        """Who has what the SHA-256 *digest* is of; None if nobody has, or it has ended."""
        self._refresh()
        credential, actor = self._known.get(digest, (None, None))
        return actor if credential is not None and credential.ends_at > datetime.now(UTC) else None

    def stored(self) -> dict[str, Actor]:
        """Everybody who may come in now, by SHA-256."""
        self._refresh()
        now = datetime.now(UTC)
        return {
            digest: actor for digest, (credential, actor) in self._known.items() if credential.ends_at > now
        }

    def _refresh(self) -> None:
        try:
            stat = os.stat(self._path or "")
        except OSError:
            self._known, self._stamp = {}, None
            return
        stamp = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        if self._stamp != stamp:
            try:
                self._known, self._stamp = self._read(), stamp
            except (OSError, ValueError) as error:
                if not isinstance(error, OSError):
                    self._stamp = stamp
                self._known = {}
                log.error(
                    "the accounts file cannot be used; nobody of it is let in", error=type(error).__name__
                )

    def _read(self) -> dict[str, tuple[Credential, Actor]]:
        """Raises: OSError; ValueError for a file that is none."""
        assert self._path is not None
        people = People.model_validate_json(self._path.read_bytes())
        actors = {account.name: _actor(account) for account in people.accounts if not account.disabled}
        return {
            item.sha256: (item, actors[item.account]) for item in people.credentials if item.account in actors
        }


def _actor(account: Account) -> Actor:
    everywhere = next((grant.role for grant in account.roles if grant.project is None), "")
    given = tuple((grant.project, grant.role) for grant in account.roles if grant.project is not None)
    return Actor(account.name, everywhere, given=given)
