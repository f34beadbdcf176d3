"""A message for Slack's incoming webhooks: blocks, with the same as text for notifications.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and /reference/block-kit/blocks.
"""

from millrace_contracts.bodies import Document
from millrace_monitoring.channels.letter import TEST, Letter, body, heading, when

HEADER, SECTION, BLOCKS, TEXT = 150, 3000, 50, 40_000
"""Slack's own limits: characters of a header and of a section, blocks of a message, characters of its text."""


def message(letter: Letter) -> Document:
    """The JSON that is posted."""
    told = [TEST] if letter.test else [_entry(letter, place) for place in range(len(letter.items))]
    kept = told[: BLOCKS - 3]
    if len(kept) < len(told):
        kept[-1] = f"and {len(told) - len(kept) + 1} more"
    header = {"type": "header", "text": {"type": "plain_text", "text": _cut(letter.title, HEADER)}}
    return {
        "text": _cut(_plain(letter.title), TEXT),
        "blocks": [header, *(_section(text) for text in kept), _section(_way(letter))],
        "unfurl_links": False,
    }


def _entry(letter: Letter, place: int) -> str:
    item = letter.items[place]
    return f"*{_plain(heading(item))}*\n{_plain(body(item))}\n_{_plain(when(item))}_"


def _section(text: str) -> Document:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _cut(text, SECTION)}}


def _way(letter: Letter) -> str:
    shown = f"`{_plain(letter.command)}`"
    return f"<{letter.link}|Open in the console>, or {shown}" if letter.link else shown


def _plain(text: str) -> str:
    """Nothing in it names people or leads anywhere: Slack reads &, < and > as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
