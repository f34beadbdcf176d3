"""The monitoring service in a process of its own, to be killed; with a bug in it, if one is asked for.

`python -m tests.monitoring.telling_process HOME REGISTRY_URL PORT BUG`
"""

import asyncio
import sys
from pathlib import Path

from sqlalchemy import select

from millrace_core.database import utcnow
from millrace_monitoring.channels import sending
from millrace_monitoring.main import build
from millrace_monitoring.notices import choosing, controller, queries, reading
from millrace_monitoring.notices.tables import Message
from millrace_monitoring.settings import MonitoringSettings


async def waiting(session):
    """Messages on their way."""
    return (await session.scalars(select(Message).where(Message.state == "waiting"))).all()


def ends_before_sending(services):
    """The planted bug: a message is noted as sent, and then sent."""
    send = sending.send

    async def wrong(settings, channel, scope, letter, picture):
        async with services().sessions.begin() as session:
            for message in await waiting(session):
                if message.id == letter.id:
                    await queries.change(session, message, state="sent", done_at=utcnow())
        return await send(settings, channel, scope, letter, picture)

    controller.sending.send = wrong


def sends_before_committing(services):
    """The planted bug: what was decided is sent, and then put into the outbox."""
    take = reading.take

    async def wrong(session, services_of_it, decision, ends_only=False):
        told = await take(session, services_of_it, decision, ends_only)
        for message in await waiting(session):
            if message.attempts == 0:
                known = await choosing.of_loop(session, services().settings, message.project, message.loop)
                items = tuple((await queries.items(session, [message.id]))[message.id])
                letter = controller.write(services(), message, items)
                chosen = known[message.channel]
                await sending.send(services().settings, chosen.channel, chosen.scope, letter, None)
                message.state = "sent"
        return told

    reading.take = wrong


BUGS = {
    "none": lambda services: None,
    "ends-before-sending": ends_before_sending,
    "sends-before-committing": sends_before_committing,
}


async def main(home, registry, port, bug):
    settings = MonitoringSettings(
        home=Path(home), registry_url=registry, otlp_port=0, webhook_hosts=[f"localhost:{port}"],
        webhook_private=True, webhook_seconds=0.05, decision_seconds=3600.0,
    )  # fmt: skip
    app = build(settings)
    BUGS[bug](lambda: app.state.services)
    async with app.router.lifespan_context(app):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
