"""Accounts of the people on one installation: made, changed and ended here, under one lock, in one file.

Whoever may write the file owns the installation. The services read it with every request.
"""

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from millrace import private_files
from millrace.accounts import passwords
from millrace_contracts.accounts import RESERVED, Account, Credential, CredentialKind, Grant, People
from millrace_contracts.people import PersonRole

NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
MOST_CREDENTIALS = 500
"""Sessions and tokens of one account at a time; of sessions the oldest makes room."""
LONGEST_DAYS = 366
"""Days of a token."""
Result = TypeVar("Result")


class Refused(ValueError):
    """What cannot be done with an account; the text says why."""


class Accounts:
    """The accounts of the installation whose `run` folder is *folder*.

    Args:
        now: tells the time, with its zone.
    """

    def __init__(self, folder: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.folder, self._now = folder, now
        self.path = folder / "accounts.json"

    def all(self) -> list[Account]:
        """Everybody, in the order in which they came."""
        return self._read().accounts

    def find(self, name: str) -> Account | None:
        """Whose name this is, in capitals or not."""
        return _found(self._read(), name)

    def add(self, name: str, grants: list[Grant], password: str = "") -> Account:
        """Let somebody in. Raises: Refused, passwords.Unfit."""
        if not NAME.fullmatch(name):
            raise Refused(
                f"{name!r} cannot be a name: it has small letters, digits, and . _ - between them, 63 at most"
            )
        if password:
            passwords.check(password, name)
        kept = passwords.hashed(password) if password else ""

        def change(people: People) -> Account:
            if name in RESERVED or _found(people, name):
                raise Refused(f"the name {name} is taken, and names are never given twice")
            made = Account(
                name=name, roles=grants, password=kept, made_at=self._now(), password_at=self._at(kept)
            )
            people.accounts.append(made)
            return made

        return self._change(change)

    def give(self, name: str, role: PersonRole, project: str | None) -> Account:
        """Give a role: in a project beside the others there; everywhere in place of the one before. Raises: Refused."""

        def change(people: People) -> Account:
            account = _known(people, name)
            kept = [item for item in account.roles if item.project is not None or project is not None]
            given = Grant(role=role, project=project)
            account.roles = kept if given in kept else [*kept, given]
            return account

        return self._change(change)

    def take(self, name: str, role: PersonRole, project: str | None) -> Account:
        """Take a role away. Raises: Refused."""

        def change(people: People) -> Account:
            account, gone = _known(people, name), Grant(role=role, project=project)
            if gone not in account.roles:
                raise Refused(f"{name} is no {role} {f'in {project}' if project else 'everywhere'}")
            account.roles.remove(gone)
            return account

        return self._change(change)

    def disable(self, name: str) -> Account:
        """Let somebody in no more: their sessions end, their tokens open nothing. Raises: Refused."""

        def change(people: People) -> Account:
            account = _known(people, name)
            account.disabled = True
            _end(people, lambda item: item.account == account.name and item.kind != "token")
            return account

        return self._change(change)

    def enable(self, name: str) -> Account:
        """Let somebody in again who was disabled. Raises: Refused."""

        def change(people: People) -> Account:
            account = _known(people, name)
            account.disabled = False
            return account

        return self._change(change)

    def set_password(self, name: str, password: str) -> Account:
        """Give a password; all their sessions end. Raises: Refused, passwords.Unfit."""
        passwords.check(password, name)
        kept = passwords.hashed(password)

        def change(people: People) -> Account:
            account = _known(people, name)
            account.password, account.password_at = kept, self._now()
            _end(people, lambda item: item.account == account.name and item.kind != "token")
            return account

        return self._change(change)

    def check(self, name: str, password: str) -> Account | None:
        """Who *name* is, if that is their password and they may come in; else None, after the same work."""
        account = self.find(name)
        usable = account is not None and not account.disabled
        right = passwords.is_right(password, account.password if account is not None and usable else "")
        if account is None or not right:
            return None
        return self._rehashed(account, password) if passwords.is_old(account.password) else account

    def begin(
        self, account: Account, kind: CredentialKind, label: str, lasts: timedelta
    ) -> tuple[str, Credential]:
        """A session or a token of somebody's; the word is shown this once.

        Raises: Refused, also if *account* is not what it was: its password may have been changed since it was checked.
        """
        word = f"mlr_{secrets.token_urlsafe(32)}"

        def change(people: People) -> Credential:
            now = _known(people, account.name)
            if now.disabled or now.password != account.password:
                raise Refused(f"{account.name} is disabled, or has another password by now")
            made = Credential(
                id=secrets.token_hex(4), account=account.name, kind=kind, label=label[:100],
                sha256=_digest(word), made_at=self._now(), ends_at=self._now() + lasts,
            )  # fmt: skip
            _make_room(people, account.name)
            people.credentials.append(made)
            return made

        return word, self._change(change)

    def sessions(self, name: str | None = None) -> list[Credential]:
        """Those that go on, of all or of one. Raises: Refused."""
        return [item for item in self._standing(name) if item.kind != "token"]

    def tokens(self, name: str | None = None) -> list[Credential]:
        """Those that open something, of all or of one. Raises: Refused."""
        return [item for item in self._standing(name) if item.kind == "token"]

    def _standing(self, name: str | None) -> list[Credential]:
        people = self._read()
        wanted = None if name is None else _known(people, name).name
        return [
            item
            for item in people.credentials
            if item.ends_at > self._now() and wanted in (None, item.account)
        ]

    def stands(self, word: str) -> bool:
        """Whether a session or a token goes on."""
        people, digest = self._read(), _digest(word)
        item = next((item for item in people.credentials if item.sha256 == digest), None)
        if item is None or item.ends_at <= self._now():
            return False
        return not _known(people, item.account).disabled

    def end(self, which: Callable[[Credential], bool]) -> int:
        """End the sessions and tokens that *which* says; how many those were."""
        return self._change(lambda people: _end(people, which))

    def end_session(self, word: str) -> bool:
        """End the session that *word* opens; whether there was one. A token is none: it goes on until it is revoked."""
        digest = _digest(word)
        return self.end(lambda item: item.sha256 == digest and item.kind != "token") > 0

    def take_over(self, entries: list[dict[str, str]]) -> None:
        """Accounts for people whom an older version knew by a token alone; those open for another year."""
        if not entries:
            return

        def change(people: People) -> None:
            now = self._now()
            for entry in entries:
                if _found(people, entry["name"]):
                    continue
                grant = Grant.model_validate({"role": entry["role"], "project": entry.get("project")})
                people.accounts.append(Account(name=entry["name"], roles=[grant], made_at=now))
                people.credentials.append(Credential(
                    id=secrets.token_hex(4), account=entry["name"], kind="token", label="from before accounts",
                    sha256=entry["sha256"], made_at=now, ends_at=now + timedelta(days=LONGEST_DAYS),
                ))  # fmt: skip

        self._change(change)

    def _rehashed(self, account: Account, password: str) -> Account:
        """*account* with a hash of today's parameters, unless another password was given meanwhile."""
        kept = passwords.hashed(password)

        def change(people: People) -> None:
            mine = _known(people, account.name)
            mine.password = kept if mine.password == account.password else mine.password

        self._change(change)
        return account.model_copy(update={"password": kept})

    def _at(self, kept: str) -> datetime | None:
        return self._now() if kept else None

    def _read(self) -> People:
        """Raises: Refused for a file that cannot be read."""
        try:
            return People.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return People()
        except (OSError, ValueError) as error:
            raise Refused(f"{self.path} cannot be read: {str(error).splitlines()[0]}") from error

    def _change(self, change: Callable[[People], Result]) -> Result:
        """Read, change and write under the lock; what ended meanwhile is left out."""
        with self._locked():
            people = self._read()
            result = change(people)
            _end(people, lambda item: item.ends_at <= self._now())
            private_files.write(self.path, people.model_dump(mode="json"))
        return result

    @contextmanager
    def _locked(self) -> Iterator[None]:
        place = os.open(self.folder / "accounts.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(place, fcntl.LOCK_EX)
            yield
        finally:
            os.close(place)


def _found(people: People, name: str) -> Account | None:
    return next((item for item in people.accounts if item.name.casefold() == name.casefold()), None)


def _known(people: People, name: str) -> Account:
    account = _found(people, name)
    if account is None:
        raise Refused(f"there is nobody of the name {name}")
    return account


def _end(people: People, which: Callable[[Credential], bool]) -> int:
    kept = [item for item in people.credentials if not which(item)]
    ended = len(people.credentials) - len(kept)
    people.credentials = kept
    return ended


def _make_room(people: People, name: str) -> None:
    """Raises: Refused if tokens alone fill the place."""
    mine = [item for item in people.credentials if item.account == name]
    if len(mine) < MOST_CREDENTIALS:
        return
    oldest = next((item for item in mine if item.kind != "token"), None)
    if oldest is None:
        raise Refused(f"{name} has {len(mine)} tokens; revoke some first")
    people.credentials.remove(oldest)


def _digest(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()
