"""The keys that issuers published last, kept for a start at which an issuer does not answer."""

from collections.abc import Sequence
from datetime import timedelta

from millrace_core.database import AsyncSession, utcnow
from millrace_core.identity_keys import Keys
from millrace_core.log import log
from millrace_serving.keys import queries
from millrace_serving.tables import IssuerKeys

BELIEVED = timedelta(days=1)
"""Age up to which kept keys are believed at a start: an issuer that is away longer may have withdrawn them."""
NOTED = timedelta(minutes=5)
"""How often it is noted that the same keys are still published."""


async def recall(session: AsyncSession, known: Sequence[Keys]) -> None:
    """Give those that have told no keys since this process began the ones that they published before."""
    silent = [keys for keys in known if not keys.told and not keys.published]
    if not silent:
        return
    kept = {(row.issuer, row.jwks_url): row for row in await queries.of_issuers(session)}
    for keys in silent:
        row = kept.get(keys.place)
        if row is None or utcnow() - row.seen_at > BELIEVED:
            continue
        keys.recall(row.name, row.keys)
        log.warning(
            "an issuer does not answer; its last keys are believed", issuer=row.name, seen=str(row.seen_at)
        )


async def keep(session: AsyncSession, known: Sequence[Keys]) -> None:
    """Store what was seen at the issuers."""
    for keys in {keys.place: keys for keys in known}.values():
        seen_at = utcnow() - timedelta(seconds=keys.age())
        row = await session.get(IssuerKeys, keys.place)
        if not keys.issuer or utcnow() - seen_at > NOTED:
            continue
        if row is None:
            issuer, url = keys.place
            session.add(
                IssuerKeys(
                    issuer=issuer, jwks_url=url, name=keys.issuer, keys=keys.published, seen_at=seen_at
                )
            )
        elif row.keys != keys.published or seen_at - row.seen_at > NOTED:
            row.name, row.keys, row.seen_at = keys.issuer, keys.published, seen_at
