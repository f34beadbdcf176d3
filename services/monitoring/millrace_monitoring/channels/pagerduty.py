"""An incident for PagerDuty's Events API v2: opened once, resolved once, both under one key.

https://developer.pagerduty.com/docs/send-alert-event
"""

import hashlib

from millrace_contracts.bodies import Document
from millrace_contracts.notices import Topic
from millrace_monitoring.channels.letter import TEST, Letter

SUMMARY, KEY = 1024, 255
"""PagerDuty's own limits: characters of a summary and of a key."""
SEVERITIES: dict[Topic, str] = {
    "failed-runs": "error",
    "blocked": "critical",
    "alarms": "warning",
    "refused-data": "warning",
    "approvals": "info",
}


def event(letter: Letter, routing_key: str) -> Document:
    """The JSON that is posted: `trigger` for what begins, `resolve` for what ends."""
    ends = not letter.test and letter.items[0].moment == "ends"
    told: Document = {
        "routing_key": routing_key,
        "event_action": "resolve" if ends else "trigger",
        "dedup_key": key(letter),
    }
    return told if ends else told | _payload(letter)


def key(letter: Letter) -> str:
    """The same for the beginning and the end of an incident, and for nothing else."""
    about = f"test {letter.id}" if letter.test else letter.items[0].key
    return hashlib.sha256("\n".join((letter.project, letter.loop, about)).encode()).hexdigest()[:KEY]


def _payload(letter: Letter) -> Document:
    topic = None if letter.test else letter.items[0].topic
    words = TEST if letter.test else letter.items[0].words
    payload = {
        "summary": letter.title[:SUMMARY],
        "source": f"millrace/{letter.project}/{letter.loop}",
        "severity": "info" if topic is None else SEVERITIES.get(topic, "info"),
        "component": letter.loop,
        "group": letter.project,
        "class": topic or "test",
        "custom_details": {"what": words, "look": letter.command},
    }
    links = [{"href": letter.link, "text": "Open in the console"}] if letter.link else []
    return {"payload": payload, "links": links, "client": "Millrace"}
