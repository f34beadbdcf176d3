"""A message by an app of Slack: written with a bot's token, with the picture in its thread, uploaded and not fetched.

https://docs.slack.dev/reference/methods: chat.postMessage, files.getUploadURLExternal and files.completeUploadExternal.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import BaseModel, ValidationError

from millrace_contracts.bodies import Document
from millrace_contracts.notices import Slack
from millrace_core.database import utcnow
from millrace_monitoring.channels import posting, slack
from millrace_monitoring.channels.letter import ALT, Letter
from millrace_monitoring.channels.outcome import Outcome, answered
from millrace_monitoring.settings import MonitoringSettings

MOST_BYTES = 256 * 1024
"""Of an answer, which repeats the message."""
LATER = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)
"""Errors of Slack's that another time may be different."""
NAME = "error.png"


class Told(BaseModel):
    """What of an answer of Slack's is read."""

    ok: bool
    error: str = ""
    ts: str = ""
    upload_url: str = ""
    file_id: str = ""


@dataclass(frozen=True)
class App:
    """One app of Slack's, as a channel names it."""

    settings: MonitoringSettings
    slack: Slack
    token: str
    hidden: Callable[[str], str]

    async def call(
        self, method: str, *, json: Document | None = None, data: dict[str, str] | None = None
    ) -> tuple[Outcome, Told | None]:
        """Call a method: what came of it, and what was told where that is well."""
        answer = await posting.exchange(
            self.settings, f"{self.slack.url.rstrip('/')}/{method}", MOST_BYTES, json=json, data=data,
            headers={"authorization": f"Bearer {self.token}"},
        )  # fmt: skip
        if isinstance(answer, Outcome):
            return answer, None
        try:
            told = Told.model_validate_json(answer.body)
        except ValidationError:
            words = self.hidden(answer.body[: posting.READ_BYTES].decode(errors="replace"))
            outcome = answered(answer.status, words, answer.retry_after, utcnow())
            return replace(outcome, delivered=False), None
        if told.ok:
            return Outcome(True, f"{answer.status} ok"), told
        outcome = answered(
            answer.status, f"{method}: {self.hidden(told.error)}", answer.retry_after, utcnow()
        )
        again = told.error in LATER or (outcome.again and not outcome.delivered)
        return Outcome(False, outcome.answer, again, outcome.after if again else None), None


async def send(
    settings: MonitoringSettings,
    to: Slack,
    token: str,
    letter: Letter,
    picture: bytes | None,
    hidden: Callable[[str], str],
) -> Outcome:
    """Write the message, and put the picture into its thread. A message whose picture is not taken has arrived."""
    app = App(settings, to, token, hidden)
    outcome, told = await app.call("chat.postMessage", json=slack.message(letter) | {"channel": to.channel})
    if told is None or picture is None:
        return outcome
    failed = await _upload(app, told.ts, picture)
    return outcome if failed is None else replace(outcome, answer=f"{outcome.answer}; no picture: {failed}")


async def _upload(app: App, thread: str, picture: bytes) -> str | None:
    """Why the picture is not there; None: it is."""
    asked = {"filename": NAME, "length": str(len(picture)), "alt_txt": ALT}
    outcome, place = await app.call("files.getUploadURLExternal", data=asked)
    if place is None:
        return outcome.answer
    sent = await posting.exchange(
        app.settings, place.upload_url, posting.READ_BYTES, content=picture,
        headers={"content-type": "application/octet-stream"},
    )  # fmt: skip
    if isinstance(sent, Outcome):
        return sent.answer
    if sent.status != 200:
        return f"the file was answered {sent.status}"
    shared: Document = {
        "files": [{"id": place.file_id, "title": ALT}], "channel_id": app.slack.channel, "thread_ts": thread,
    }  # fmt: skip
    outcome, told = await app.call("files.completeUploadExternal", json=shared)
    return None if told is not None else outcome.answer
