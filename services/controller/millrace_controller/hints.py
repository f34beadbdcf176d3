"""Lines for people in statuses, refusals and alarms: each works as it stands, in the project that it is about."""


def line(project: str, command: str) -> str:
    """A call of the command line, in quotes."""
    where = "" if project == "default" else f" --project {project}"
    return f"'millrace{where} {command}'"
