"""The same looks as `millrace audit verify` and `export`: begun with the rights of who asks, done beside the page."""

import asyncio
import io

from millrace import archive, auditing
from millrace.aio import AsyncMillrace
from millrace.client import Millrace
from millrace.transport.errors import ApiError
from millrace_console.asking import Asked
from millrace_console.works import Work
from millrace_contracts.audit import SignedHead
from millrace_core.errors import BadInput

MOST_HEADS = 1000
ITSELF = "the service itself"


async def prepared(
    asked: Asked,
    clients: AsyncMillrace,
    project: str,
    text: str,
    key: str,
    loop: str = "",
    frameworks: tuple[str, ...] = (),
) -> Work:
    """A look that can begin: who asks may look at every chain, and the heads can be believed.

    Args:
        text: signed heads that were kept elsewhere, one a line; empty: those that the registry has.
        key: fingerprints with white space between them, one of which has to have signed each; empty: any.
    Raises: ApiError for who may not, BadInput for heads that cannot be believed, Away.
    """
    registry, controller = clients.registry, clients.controller
    chains = await asyncio.gather(
        asked.must("registry", registry.ledger_head()),
        asked.must("controller", controller.ledger_head()),
        asked.must("monitoring", clients.monitoring.ledger_head()),
        asked.must("serving", clients.serving.ledger_head()),
    )
    if loop:
        await asked.must("controller", controller.loop(loop, project=project))
    heads = lines(text) if text.strip() else await asked.must("registry", registry.signed_heads(MOST_HEADS))
    try:
        checked = await asyncio.to_thread(auditing.check, heads, key.split())
    except auditing.NotSigned as error:
        raise BadInput(f"The signed heads cannot be believed: {error}.") from error
    source = "the file that you gave" if text.strip() else ITSELF
    return Work(project, checked, source, loop, frameworks, entries=sum(chain.count for chain in chains))


def lines(text: str) -> list[SignedHead]:
    """Signed heads, one JSON a line. Raises: BadInput."""
    try:
        return auditing.parsed(text, "the file of heads")
    except auditing.NotSigned as error:
        raise BadInput(f"{error}. Give a file like audit/heads.jsonl of the platform's home.") from error


def done(clients: AsyncMillrace, work: Work) -> None:
    """In a thread: look over everything, and make an archive if one was asked for. Raises: ApiError, Stopped."""
    with Millrace(clients.urls, clients.token, work.project) as platform:
        work.report = auditing.verify(platform, work.heads, work.source, work.tell)
        if work.loop:
            _archived(platform, work)


def _archived(platform: Millrace, work: Work) -> None:
    assert work.report is not None
    target = io.BytesIO()
    try:
        statement = archive.write(platform, work.loop, work.report, target, frameworks=work.frameworks)
    except ApiError as error:
        if error.status not in (403, 409):
            raise
        work.signed = f"not signed: {error}"
        target = io.BytesIO()
        statement = archive.write(
            platform, work.loop, work.report, target, sign=False, frameworks=work.frameworks
        )
    work.archive = target.getvalue()
    if statement is not None:
        work.signed = f"signed by {statement.key}"
