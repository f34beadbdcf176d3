"""Sends one message by one channel, once; what is secret stands in no answer."""

from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

from millrace_contracts.bodies import Document
from millrace_contracts.notices import Channel, NoticeSecret, Scope
from millrace_monitoring.channels import (
    addresses,
    mail,
    pagerduty,
    posting,
    secrets,
    slack,
    slack_app,
    teams,
    webhook,
)
from millrace_monitoring.channels import picture as picture_of
from millrace_monitoring.channels.letter import Letter
from millrace_monitoring.channels.outcome import Outcome
from millrace_monitoring.settings import MonitoringSettings

Reading = Callable[[NoticeSecret], str]
HIDDEN = "***"
LEAST, LONG = 4, 8
"""Characters of a secret, and of a piece of a secret address, that are looked for in an answer."""


async def send(
    settings: MonitoringSettings, channel: Channel, scope: Scope, letter: Letter, picture: bytes | None
) -> Outcome:
    """Send *letter* by *channel*; never raises for what the other side, or a document, does wrong."""
    if channel.email is not None:
        outcome = await mail.send(settings, letter, channel.email.to, picture)
        password = settings.smtp_password.get_secret_value()
        return Outcome(outcome.delivered, _hidden(outcome.answer, [password]), outcome.again, outcome.after)
    if channel.pagerduty is not None and not letter.test and letter.items[0].over is not None:
        return Outcome(True, "was over before it was told, so nobody was called")
    known: list[str] = []

    def kept(secret: NoticeSecret) -> str:
        known.append(secrets.read(secret, letter.project, scope, settings))
        return known[-1]

    try:
        if channel.slack is not None and channel.slack.token is not None:
            word = kept(channel.slack.token)
            return await slack_app.send(
                settings, channel.slack, word, letter, picture, lambda words: _hidden(words, known)
            )
        url, body, headers = _request(channel, letter, picture, kept)
    except secrets.Missing as error:
        return Outcome(False, str(error))
    return await posting.post(settings, url, body, headers, lambda words: _hidden(words, known))


def dots(channel: Channel) -> int | None:
    """Of an inch of the picture that a channel shows; None: it shows none."""
    if channel.email is not None or (channel.slack is not None and channel.slack.token is not None):
        return picture_of.DOTS
    return None if channel.teams is None else picture_of.FEW_DOTS


def _request(
    channel: Channel, letter: Letter, picture: bytes | None, kept: Reading
) -> tuple[str, Document, dict[str, str]]:
    """Where to, what, and with which headers. Raises: Missing."""
    if channel.slack is not None and channel.slack.webhook is not None:
        return kept(channel.slack.webhook), slack.message(letter), {}
    if channel.teams is not None:
        return kept(channel.teams.webhook), teams.message(letter, picture), {}
    if channel.pagerduty is not None:
        return channel.pagerduty.url, pagerduty.event(letter, kept(channel.pagerduty.routing_key)), {}
    assert channel.webhook is not None
    headers = {"idempotency-key": letter.id}
    if channel.webhook.bearer is not None:
        headers["authorization"] = f"Bearer {kept(channel.webhook.bearer)}"
    return channel.webhook.url, webhook.body(letter), headers


def problem(channel: Channel, scope: Scope, project: str, settings: MonitoringSettings) -> str | None:
    """Why nothing can be told by it here, as far as that is known without asking the other side; None: nothing."""
    if channel.email is not None:
        return mail.unfit(settings, channel.email.to)
    try:
        read = [secrets.read(secret, project, scope, settings) for secret in channel.secrets()]
        url = _address(channel, read)
        addresses.parse(url, settings.webhook_hosts)
    except secrets.Missing as error:
        return str(error)
    except addresses.Refused as error:
        return f"the address {error}"
    return None


def _address(channel: Channel, read: list[str]) -> str:
    if channel.webhook is not None:
        return channel.webhook.url
    if channel.slack is not None and channel.slack.token is not None:
        return channel.slack.url
    return channel.pagerduty.url if channel.pagerduty is not None else read[0]


def _hidden(words: str, known: list[str]) -> str:
    """The words without any secret, and of an address that is one without its path and what it says there."""
    pieces = {piece for secret in known for piece in (secret, *_parts(secret)) if len(piece) >= LEAST}
    for piece in sorted(pieces, key=len, reverse=True):
        words = words.replace(piece, HIDDEN)
    return words


def _parts(secret: str) -> list[str]:
    """Pieces of a secret address by which it could be made again; none of a token."""
    try:
        address = urlsplit(secret)
    except ValueError:
        return []
    if address.scheme not in ("http", "https"):
        return []
    said = [*address.path.split("/"), *(value for _, value in parse_qsl(address.query))]
    return [address.path, address.query, *(piece for piece in said if len(piece) >= LONG)]
