"""Signs how far all chains are, when one has moved, and brings that outside until it has arrived."""

from millrace_contracts.audit import ArchiveStatement, ArchiveWrite, AuditHead, AuditStatement, SignedHead
from millrace_core.database import AsyncSession, utcnow
from millrace_core.errors import MillraceError
from millrace_core.ledger import queries as ledger
from millrace_core.ledger.chain import sha256
from millrace_core.log import log
from millrace_core.reconcile import run_forever
from millrace_registry.audit import places, queries, signing
from millrace_registry.services import Services
from millrace_registry.tables import LedgerRow, SignedHeadRow

TELLING = ("controller", "monitoring", "serving")
"""Services that keep a ledger and tell how far it is."""


class NoKey(MillraceError):
    """There is nothing to sign with."""

    status, title = 409, "Heads are not signed here"


async def sign(services: Services) -> SignedHead:
    """Sign how far the chains are now; the newest signed head if none has moved.

    Raises: NoKey if there is no key, or it cannot be read.
    """
    signer = _signer(services)
    async with services.sessions.begin() as session:
        await queries.alone(session)
        last = await queries.newest(session, 1)
        heads = await _heads(session)
        if last and AuditStatement.model_validate_json(last[0].statement).heads == heads:
            return shown(last[0])
        number = last[0].number + 1 if last else 1
        statement = AuditStatement(
            number=number, at=utcnow(), heads=heads, key=signer.fingerprint,
            previous=sha256(last[0].statement) if last else None,
        )  # fmt: skip
        signed = signer.sign(statement.model_dump_json())
        session.add(SignedHeadRow(number=number, **signed.model_dump(exclude={"exported_at"})))
    return signed


async def sign_archive(services: Services, project: str, asked: ArchiveWrite, author: str) -> SignedHead:
    """Sign which archive somebody made; that stands in the ledger too. Raises: NoKey."""
    signer = _signer(services)
    statement = ArchiveStatement(
        project=project,
        loop=asked.loop,
        digest=asked.digest,
        made_by=author,
        at=utcnow(),
        key=signer.fingerprint,
    )
    async with services.sessions.begin() as session:
        ledger.enter(session, LedgerRow, "archive", project, asked.loop, asked.digest)
    return signer.sign(statement.model_dump_json())


def _signer(services: Services) -> signing.Signer:
    path = services.settings.audit_key
    if path is None:
        raise NoKey(
            "Give the installation a key for its audit (MILLRACE_AUDIT_KEY_FILE); see docs/howto/audit.md."
        )
    try:
        return signing.signer(path, make=services.settings.audit_key_file is None)
    except (OSError, ValueError) as error:
        raise NoKey(f"The key of the audit cannot be used ({type(error).__name__}).") from error


async def _heads(session: AsyncSession) -> dict[str, AuditHead]:
    mine = await ledger.head(session, LedgerRow)
    found = {
        "decisions": await queries.decisions(session),
        "registry": AuditHead(count=mine.number, head=mine.hash),
        **{name: await queries.told(session, name) for name in TELLING},
    }
    return {name: head for name, head in found.items() if head is not None}


async def export(services: Services) -> int:
    """Bring what is signed to every place outside, in order; returns how many arrived everywhere.

    Raises: Unavailable if a place cannot be reached; it is tried again.
    """
    async with services.readers() as session:
        rows = await queries.waiting(session)
    for row in rows:
        for place in services.settings.audit_places:
            await places.send(place, row.number, shown(row))
        async with services.sessions.begin() as session:
            await queries.exported(session, row.number, utcnow())
    return len(rows)


def shown(row: SignedHeadRow) -> SignedHead:
    """A signed head as JSON shows it."""
    return SignedHead(
        statement=row.statement,
        signature=row.signature,
        public_key=row.public_key,
        exported_at=row.exported_at,
    )


async def keep_signing(services: Services) -> None:
    """The background task."""
    if services.settings.audit_key is None:
        return log.info("heads of the audit are not signed: no key is given")

    async def once() -> None:
        await sign(services)
        await export(services)

    return await run_forever("audit", once, every=services.settings.audit_seconds)
