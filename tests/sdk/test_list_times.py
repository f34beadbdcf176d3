"""Every list of the command line says when a thing was so in the data, and when it came to be known."""

import ast
from pathlib import Path

import millrace.cli
from millrace.cli.output import EVENT_TIME, RECORDED, span
from millrace_contracts.endpoints import EndpointRead
from millrace_contracts.messages import MessageRead

PLACE = Path(millrace.cli.__file__).parent
NO_EVENT_TIME = {
    "records.list_jobs": "a job is work, not data; what it works on says its event time",
    "refusing.list_quarantine": "refused bytes have no times that anybody could trust",
}
"""Lists of things without an event time; when they came to be known they say under the same heading."""
NEITHER = {
    "records.list_datasets": "names; the versions of one have both",
    "lists.list_models": "names; the versions of one have both",
    "monitoring.estimate": "days are what its lines are named by, and each is worked out now",
    "notifying.list_channels": "channels as they are declared, not things that happened",
    "notifying.send_test": "answers that came just now",
    "notifying.list_set_aside": "decisions by number, which have both in their own list; it says when each was tried",
    "sources.list_sources": "what stands, not what happened; it says when it was looked at",
    "sources._show.shown": "rows of the source as they are",
    "streaming.streams": "what stands, not what happened; it says since when the oldest row waits",
    "lists._forms": "measurements of one version, which has both",
    "lists._front": "measurements of one version, which has both",
    "lists._front.sides": "measurements of one version, which has both",
    "auditing._told": "counts of what was looked over",
    "auditing._told.found": "what does not hold, by its row",
    "running.doctor": "this machine now",
    "running.capabilities": "this platform now",
    "signing.whoami": "roles as they are now",
    "keys.list_keys": "keys are of the clock alone: made, and until when",
    "people.list_users": "accounts are of the clock alone",
    "people.sessions": "sessions are of the clock alone: begun, and until when",
    "people.list_tokens": "tokens are of the clock alone: begun, and until when",
    "own_tokens.show": "tokens are of the clock alone: begun, and until when",
}
"""Lists that have other columns than these two, each with the reason."""
NAMES = {"EVENT_TIME": EVENT_TIME, "RECORDED": RECORDED}
BOTH = set(NAMES.values())


def lists(text, module):
    """Each list that a module prints, by the function that does, and which of the two columns it has."""
    found = {}
    for function in (item for item in ast.walk(ast.parse(text)) if isinstance(item, ast.FunctionDef)):
        assigned = {
            ast.unparse(item.target): item.value
            for item in ast.walk(function)
            if isinstance(item, ast.AnnAssign)
        }
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "items" and len(call.args) > 2:
                name = ast.unparse(call.args[1])
                key = f"{module}.{function.name}" + (
                    f".{name}" if name in assigned and name != "columns" else ""
                )
                found[key] = headings(assigned.get(name))
    return found


def headings(columns):
    """Which of the two stand among the columns."""
    named = [
        ast.unparse(item.elts[0])
        for item in (columns.elts if isinstance(columns, ast.Tuple | ast.List) else ())
        if isinstance(item, ast.Tuple)
    ]
    return {told for name, told in NAMES.items() if name in named}


def every():
    return {
        key: told
        for path in sorted(PLACE.glob("*.py"))
        for key, told in lists(path.read_text(), path.stem).items()
    }


def test_every_list_has_both_times_or_a_reason_why_not():
    found = every()
    assert len(found) > 30, "the walk finds the lists"
    for key, told in found.items():
        wanted = BOTH - {EVENT_TIME} if key in NO_EVENT_TIME else set() if key in NEITHER else BOTH
        assert wanted <= told, f"{key} lacks {wanted - told}: add the column, or a reason here"


def test_an_exception_is_of_a_list_that_lacks_it():
    found = every()
    for key in NO_EVENT_TIME | NEITHER:
        assert found[key] != BOTH, f"{key} has both: take its reason away"


def test_no_command_draws_a_table_by_itself():
    drawn = {path.stem for path in PLACE.glob("*.py") if "rich.table" in path.read_text()}
    assert drawn == {"output", "answers"}, "answers are what somebody asked for, row by row"


def test_a_list_without_them_is_found():
    text = """
def list_things(output):
    columns: Columns[Thing] = (("NAME", lambda item: item.name),)
    items(things(), columns, output, "None.")
"""
    assert lists(text, "new") == {"new.list_things": set()}
    both = "((EVENT_TIME, first), (RECORDED, second), "
    assert lists(text.replace("((", f"{both}(", 1), "new") == {"new.list_things": BOTH}
    assert lists(text.replace("((", f"{both.replace('(EVENT_TIME, first), ', '')}(", 1), "new") == {
        "new.list_things": {RECORDED}
    }


def test_a_span_is_one_cell():
    assert span(None, None) is None
    assert span("2026-01-01", "2026-01-01") == "2026-01-01"
    assert span("2026-01-01", "2026-02-01") == "2026-01-01 to 2026-02-01"


def test_what_lists_show_in_them(millrace, fake):
    """An endpoint, and a message of two things, one of which has no event time."""
    endpoint = {
        "project": "default", "name": "shop", "model": "shop", "mode": "live", "timezone": "UTC", "url": None,
        "revisions": [], "stable": None, "stable_version": None, "event_time": "2026-05-04T00:00:00Z",
        "created_at": "2027-01-02T03:04:05Z", "rollout": None,
    }  # fmt: skip
    fake.answers["GET /v1/endpoints"] = (200, [EndpointRead.model_validate(endpoint).model_dump(mode="json")])
    heading, line = millrace("endpoints", "list").stdout.splitlines()
    assert heading.index("EVENT TIME") == line.index("2026-05-04T00:00:00Z")
    assert heading.index("RECORDED") == line.index("2027-01-02T03:04:05Z")
    item = {"topic": "alarms", "moment": "once", "key": "k", "title": "t", "words": "w", "decision": "d"}
    message = {
        "id": "m", "loop": "shop", "channel": "team", "state": "sent", "title": "t", "next_at": None, "attempts": 1,
        "created_at": "2027-01-02T03:04:05Z", "done_at": None, "held": None, "answer": None,
        "items": [item | {"at": "2027-01-02T03:04:00Z", "event_time": at} for at in (None, "2026-05-04T00:00:00Z")],
    }  # fmt: skip
    fake.answers["GET /v1/messages"] = (200, [MessageRead.model_validate(message).model_dump(mode="json")])
    heading, line = millrace("notify", "messages").stdout.splitlines()
    assert heading.index("EVENT TIME") == line.index("2026-05-04T00:00:00Z")
    assert heading.index("RECORDED") == line.index("2027-01-02T03:04:05Z")
