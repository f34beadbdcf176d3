"""What an audit asks of one service: its ledger, part by part, and signed heads; one method a route."""

from collections.abc import Sequence

from millrace.aio.api import AsyncApi
from millrace.transport.requests import get, post
from millrace_contracts.audit import ArchiveWrite, AuditHead, AuditPart, HeadWrite, SignedHead

LONG = 600.0
"""Seconds that one part may take: it may read a large file through."""


class AsyncAudited:
    """A service that keeps a ledger. Every method raises ApiError when it refuses."""

    api: AsyncApi

    async def verify_ledger(self, cursor: str | None = None) -> AuditPart:
        """Recompute the next part of the chain and of what it covers; `next` of the answer leads on."""
        return await self.api.answer(AuditPart, get("/v1/ledger:verify", timeout=LONG, cursor=cursor))

    async def ledger_head(self) -> AuditHead:
        """How far the ledger is."""
        return await self.api.answer(AuditHead, get("/v1/ledger:head"))

    async def ledger_hashes(self, numbers: Sequence[int]) -> dict[str, str]:
        """The hashes of up to 200 entries, by number; one that is not there is left out."""
        return await self.api.answer(
            dict[str, str], get("/v1/ledger:hashes", numbers=",".join(map(str, numbers)))
        )


class AsyncAuditing(AsyncAudited):
    """The registry's part: signed heads of all chains."""

    async def signed_heads(self, limit: int = 100, after: int = 0) -> list[SignedHead]:
        """The newest signed heads, oldest first."""
        return await self.api.answer(list[SignedHead], get("/v1/audit/heads", limit=limit, after=after))

    async def sign_head(self) -> SignedHead:
        """Sign how far all chains are now, and bring it outside."""
        return await self.api.answer(SignedHead, post("/v1/audit/heads:sign"))

    async def sign_archive(self, archive: ArchiveWrite, *, project: str | None = None) -> SignedHead:
        """Sign the manifest of an archive."""
        return await self.api.answer(SignedHead, post("/v1/audit/archives", archive, project=project))

    async def tell_head(self, head: HeadWrite) -> None:
        """Tell how far this service's ledger is; for services alone."""
        await self.api.send(post("/v1/audit/heads", head))

    async def decision_hashes(self, numbers: Sequence[int]) -> dict[str, str]:
        """The hashes of up to 200 decisions, by number; one that is not there is left out."""
        asked = get("/v1/audit/decisions:hashes", numbers=",".join(map(str, numbers)))
        return await self.api.answer(dict[str, str], asked)
