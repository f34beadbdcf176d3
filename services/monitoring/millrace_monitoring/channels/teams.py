"""A message for Microsoft Teams' Workflows ("when a Teams webhook request is received"): an adaptive card.

https://learn.microsoft.com/power-automate/teams/send-a-message-in-teams and https://adaptivecards.io/explorer.
"""

import base64

import orjson

from millrace_contracts.bodies import Document
from millrace_contracts.messages import NoticeItem
from millrace_monitoring.channels.letter import ALT, TEST, Letter, body, heading, when

VERSION = "1.4"
"""Of adaptive cards; Teams knows up to 1.5."""
CARD = "application/vnd.microsoft.card.adaptive"
MOST_BYTES = 28_000
"""What Teams takes, less than its 28 KiB."""
WORDS, ITEMS = (1500, 500, 150), 10
"""Characters of one thing, as many as leave room for all of them; and how many things are told."""


def message(letter: Letter, picture: bytes | None) -> Document:
    """The JSON that is posted; the picture stands in it where both find room, else there is none.

    Teams fetches nothing that is not public, and shows what an address of the scheme data holds.
    """
    tries = [(most, drawn) for drawn in ([] if picture is None else [picture]) for most in WORDS]
    for most, drawn in [*tries, *((most, None) for most in WORDS)]:
        made = _message(letter, most, drawn)
        if len(orjson.dumps(made)) <= MOST_BYTES:
            break
    return made


def _message(letter: Letter, most: int, picture: bytes | None) -> Document:
    shown = letter.items[:ITEMS]
    told = [_text(TEST)] if letter.test else [block for item in shown for block in _entry(item, most)]
    if len(shown) < len(letter.items):
        told.append(_text(f"and {len(letter.items) - len(shown)} more"))
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": VERSION,
        "body": [
            _text(letter.title[:300], size="Large", weight="Bolder"),
            *told,
            *([] if picture is None else [_image(picture)]),
            _text(letter.command, fontType="Monospace"),
        ],
        "actions": _actions(letter),
    }
    return {
        "type": "message",
        "attachments": [{"contentType": CARD, "contentUrl": None, "content": card}],
    }


def _entry(item: NoticeItem, most: int) -> list[Document]:
    return [
        _text(heading(item)[:most], weight="Bolder"),
        _text(body(item)[:most]),
        _text(when(item), isSubtle=True, size="Small"),
    ]


def _image(picture: bytes) -> Document:
    held = base64.b64encode(picture).decode()
    return {"type": "Image", "url": f"data:image/png;base64,{held}", "altText": ALT}


def _text(words: str, **more: object) -> Document:
    return {"type": "TextBlock", "text": _plain(words), "wrap": True, **more}


def _plain(words: str) -> str:
    """Teams reads a little Markdown in text: what begins a link or stresses stays a sign."""
    for sign in ("\\", "[", "]", "*", "_"):
        words = words.replace(sign, f"\\{sign}")
    return words.replace("\n", "\n\n")


def _actions(letter: Letter) -> list[Document]:
    return (
        [{"type": "Action.OpenUrl", "title": "Open in the console", "url": letter.link}]
        if letter.link
        else []
    )
