"""A message for Slack's incoming webhooks: blocks, with the same as text for notifications.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and /reference/block-kit/blocks.
"""

from millrace_contracts.bodies import Document
from millrace_contracts.messages import NoticeItem
from millrace_contracts.shortening import shortened
from millrace_monitoring.channels.letter import TEST, Letter, body, heading, when

HEADER, SECTION, BLOCKS, TEXT = 150, 3000, 50, 12_000
"""Slack's own limits: characters of a header and of a section, blocks of a message, characters of all."""
WORDS = (2800, 900, 240)
"""Characters of one thing: as many as leave room for all of them."""


def message(letter: Letter) -> Document:
    """The JSON that is posted."""
    header = {"type": "header", "text": {"type": "plain_text", "text": shortened(letter.title, HEADER)}}
    told = next((told for told in (_told(letter, most) for most in WORDS) if sum(map(len, told)) <= TEXT), [])
    return {
        "text": shortened(_plain(letter.title), SECTION),
        "blocks": [
            header,
            *(_section(text) for text in told or _told(letter, WORDS[-1])),
            _section(_way(letter)),
        ],
        "unfurl_links": False,
    }


def _told(letter: Letter, most: int) -> list[str]:
    """The things that are told, in so many characters each; what has no block is counted."""
    if letter.test:
        return [TEST]
    told = [shortened(_entry(item), most) for item in letter.items]
    kept = told[: BLOCKS - 3]
    return [*kept, f"and {len(told) - len(kept)} more"] if len(kept) < len(told) else kept


def _entry(item: NoticeItem) -> str:
    return f"*{_plain(heading(item))}*\n{_plain(body(item))}\n_{_plain(when(item))}_"


def _section(text: str) -> Document:
    """verbatim: Slack makes no link of an address or a name in words that may come from data."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": shortened(text, SECTION), "verbatim": True}}


def _way(letter: Letter) -> str:
    shown = f"`{_plain(letter.command)}`"
    return f"<{letter.link}|Open in the console>, or {shown}" if letter.link else shown


def _plain(text: str) -> str:
    """Nothing in it names people or leads anywhere: Slack reads &, < and > as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
