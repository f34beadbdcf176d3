"""A message as JSON for a web server of somebody's own."""

from millrace_contracts.bodies import Document
from millrace_contracts.messages import PostedNotice
from millrace_monitoring.channels.letter import Letter


def body(letter: Letter) -> Document:
    """The JSON that is posted; its shape is `PostedNotice`."""
    told = PostedNotice(
        id=letter.id,
        project=letter.project,
        loop=letter.loop,
        channel=letter.channel,
        test=letter.test,
        title=letter.title,
        text=letter.text,
        link=letter.link,
        items=list(letter.items),
    )
    return told.model_dump(mode="json")
