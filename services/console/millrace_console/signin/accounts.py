"""Local accounts in the console: who signs in with a password, and what becomes of their sessions and tokens.

They are there where `millrace users` has made some; a cluster has none. Everything that waits is done in threads.
"""

import asyncio
from datetime import timedelta

from millrace.accounts import Accounts, Refused, Unfit
from millrace_console.settings import ConsoleSettings
from millrace_console.signin.tries import Tries
from millrace_contracts.accounts import Account, Credential, CredentialKind
from millrace_core.errors import BadInput, Unauthorized, Unavailable

AT_ONCE = 2
"""Passwords that are looked at together: each takes 64 MiB and a tenth of a second of a processor."""
TOKEN_DAYS = 90


class LocalAccounts:
    """The accounts of this installation, for one event loop."""

    def __init__(self, settings: ConsoleSettings) -> None:
        assert settings.accounts_file is not None
        self._kept = Accounts(settings.accounts_file.parent)
        self._lasts = timedelta(hours=settings.session_hours)
        self._turns = asyncio.Semaphore(AT_ONCE)
        self.tries = Tries()

    @property
    def present(self) -> bool:
        """Whether anybody could sign in with a password here."""
        return self._kept.path.exists()

    async def sign_in(
        self, name: str, password: str, address: str, kind: CredentialKind, label: str
    ) -> tuple[str, Credential]:
        """A session for whoever has this name and password; the same answer, as late, for a name that nobody has.

        Raises: Unauthorized, TooMany; Unavailable if the accounts cannot be read.
        """
        if not self.present:
            raise Unauthorized("Nobody has a password here.")
        self.tries.begin(name, address)
        async with self._turns:
            begun = await asyncio.to_thread(self._begin, name, password, kind, label)
        if begun is None:
            raise Unauthorized(
                "This name and this password do not belong together, or the account is disabled."
            )
        self.tries.right(name, address)
        return begun

    async def change_password(self, name: str, old: str, new: str, address: str) -> None:
        """Give somebody another password; all their sessions end. Raises: Unauthorized, TooMany, BadInput."""
        self.tries.begin(name, address)
        async with self._turns:
            if await asyncio.to_thread(self._kept.check, name, old) is None:
                raise Unauthorized("That is not the password you have now.")
            self.tries.right(name, address)
            try:
                await asyncio.to_thread(self._kept.set_password, name, new)
            except Unfit as error:
                raise BadInput(f"{str(error)[0].upper()}{str(error)[1:]}.") from error

    async def make_token(self, name: str, label: str, days: int) -> str:
        """A token of somebody's, shown this once. Raises: Unavailable, Unauthorized if they may not come in."""

        def make() -> str:
            return self._kept.begin(_there(self._kept, name), "token", label, timedelta(days=days))[0]

        try:
            return await asyncio.to_thread(make)
        except Refused as error:
            raise Unauthorized(f"{error}.") from error

    async def tokens(self, name: str) -> list[Credential]:
        """Their tokens that open something, the newest first."""
        return (await asyncio.to_thread(self._kept.tokens, name))[::-1]

    async def sessions(self, name: str) -> list[Credential]:
        """Their sessions of command lines, the newest first: browsers' are the console's own."""
        found = await asyncio.to_thread(self._kept.sessions, name)
        return [item for item in found if item.kind == "session"][::-1]

    async def end(self, name: str, which: str) -> bool:
        """End a session or a token of theirs by its id; whether there was one."""
        return (
            await asyncio.to_thread(self._kept.end, lambda item: (item.account, item.id) == (name, which)) > 0
        )

    async def end_sessions(self, name: str) -> None:
        """End all their sessions of command lines."""
        await asyncio.to_thread(self._kept.end, lambda item: (item.account, item.kind) == (name, "session"))

    async def end_session(self, word: str) -> bool:
        """End the session that *word* opens; whether there was one."""
        return bool(word) and self.present and await asyncio.to_thread(self._kept.end_session, word)

    async def stands(self, word: str) -> bool:
        """Whether *word* opens something."""
        return bool(word) and self.present and await asyncio.to_thread(self._kept.stands, word)

    async def forget_browsers(self) -> None:
        """End the sessions of browsers that an earlier process knew: their cookies open nothing any more."""
        if self.present:
            await asyncio.to_thread(self._kept.end, lambda item: item.kind == "browser")

    def _begin(
        self, name: str, password: str, kind: CredentialKind, label: str
    ) -> tuple[str, Credential] | None:
        try:
            account = self._kept.check(name, password)
        except Refused as error:
            raise Unavailable(
                "The accounts of this installation cannot be read; its owner has to look."
            ) from error
        try:
            return None if account is None else self._kept.begin(account, kind, label, self._lasts)
        except Refused:
            return None


def _there(kept: Accounts, name: str) -> Account:
    account = kept.find(name)
    if account is None:
        raise Refused(f"there is nobody of the name {name}")
    return account
