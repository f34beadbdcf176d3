"""Commands for an auditor: verify everything, and ask what was champion, what made it, and what became of a request."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.command import command, fail, group
from millrace.cli.exits import REFUSED
from millrace.cli.output import EVENT_TIME, RECORDED, Columns, Format, Output, dump, items, one
from millrace.cli.session import client

if TYPE_CHECKING:
    from millrace.auditing import Heads
    from millrace.client import Millrace
    from millrace_contracts.audit import AuditedRow, AuditFinding, AuditReport
    from millrace_contracts.decisions import DecisionRead

audit = group("audit", "Prove what was served and said: nothing rewritten, nothing cut off, nothing lost.")
Loop = Annotated[str, typer.Argument(help="Name of the loop.")]
Head = Annotated[
    Path | None,
    typer.Option(
        help="Signed heads that were kept elsewhere; left out: this machine's own audit folder, if any."
    ),
]
Key = Annotated[
    list[str] | None,
    typer.Option(
        help="Fingerprint that has to have signed, like ed25519:0f3a…; give it once for each key that ever did. "
        "Left out: any."
    ),
]


@command(
    audit,
    "verify",
    "millrace audit verify",
    "millrace audit verify --head /mnt/worm/heads.jsonl",
    "millrace audit verify --head heads-of-the-bucket/ --key ed25519:5c1e0f... --key ed25519:77d0a2...",
    "millrace audit verify --head heads.jsonl --key ed25519:5c1e0f... -o json",
)
def verify(head: Head = None, key: Key = None, output: Output = Format.TABLE) -> None:
    """Recompute chains, rows, files and labels, and compare with signed heads. Exits with 1 if not all holds."""
    from millrace import auditing

    platform = client()
    heads, source = heads_of(platform, head, key)
    report = auditing.verify(platform, heads, source)
    if output != Format.TABLE:
        dump(report, output)
    else:
        _told(report)
    if not report.ok:
        raise typer.Exit(REFUSED)


def heads_of(platform: "Millrace", path: Path | None, keys: list[str] | None) -> "tuple[Heads, str]":
    """Signed heads, and where they were found. Exits if they cannot be believed."""
    from millrace import auditing
    from millrace.laptop.platform import default_home

    own = default_home() / "audit" / "heads.jsonl"
    chosen = path or (own if own.exists() else None)
    try:
        if chosen is not None:
            return auditing.check(auditing.read(chosen), keys or ()), str(chosen)
        return auditing.check(platform.registry.signed_heads(limit=1000), keys or ()), "the service itself"
    except FileNotFoundError:
        fail(f"there is no {chosen}", "Heads are exported where the registry's MILLRACE_AUDIT_EXPORTS says.")
    except auditing.NotSigned as error:
        fail(str(error), "Take a copy that was kept elsewhere, and find out who could write this one.")


def _told(report: "AuditReport") -> None:
    columns: Columns[tuple[str, int]] = (
        ("LOOKED OVER", lambda item: item[0]),
        ("COUNT", lambda item: item[1]),
    )
    items(list(report.checked.items()), columns, Format.TABLE, "")
    found: Columns[AuditFinding] = (
        ("SERVICE", lambda item: item.service),
        ("ROW", lambda item: item.row),
        ("WHAT DOES NOT HOLD", lambda item: item.problem),
    )
    if report.findings:
        items(report.findings, found, Format.TABLE, "")
    for kind, at in report.taken_over.items():
        typer.echo(f"{kind}: what was there before {at:%Y-%m-%d %H:%M} UTC is as good as it was then.")
    when = f", the last of {report.heads_through:%Y-%m-%d %H:%M:%S} UTC" if report.heads_through else ""
    typer.echo(f"{report.heads} signed heads were compared, from {report.heads_from}{when}.")
    if report.heads_from == "the service itself":
        typer.echo(
            "They come from what is looked at: keep heads elsewhere, and give them with --head.", err=True
        )
    typer.echo(
        "Everything holds."
        if report.ok
        else f"{len(report.findings)} {'finding' if len(report.findings) == 1 else 'findings'}."
    )


@command(audit, "sign", "millrace audit sign")
def sign(output: Output = Format.TABLE) -> None:
    """Sign now how far all chains are, and export it; it happens every few minutes by itself."""
    from millrace.auditing import check

    head = client().registry.sign_head()
    one(check([head]).statements[0], output)


@command(
    audit,
    "champion",
    "millrace audit champion my-loop --at 2026-11-21",
    "millrace audit champion my-loop --at 2026-11-21T12:00:00Z --known 2026-11-22",
)
def champion(
    loop: Loop,
    at: Annotated[
        str | None, typer.Option(help="An instant in event time, or a day: its end, UTC. Now.")
    ] = None,
    known: Annotated[str | None, typer.Option(help="As was known by then, by the clock. Now.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Which version was champion at an instant, since when, who moved it there, and why."""
    from millrace.champions import holding

    registry = client().registry
    moves = registry.alias_history(loop, "champion")
    move = holding(moves, _instant(at), _instant(known))
    if move is None:
        fail(f"{loop} had no champion then", f"See its moves:  millrace models show {loop}")
    version = None if move.version is None else registry.version(loop, move.version)
    facts = {
        "loop": loop,
        "version": move.version,
        "digest": version and version.digest,
        "since_event_time": move.event_time,
        "recorded_at": move.recorded_at,
        "moved_by": move.actor,
        "instead_of": move.previous,
        "reason": move.reason,
        "decision": move.decision,
        "metrics": version and version.metrics,
    }
    one(facts, output)


def _instant(text: str | None) -> datetime:
    from millrace import champions
    from millrace.cli.moments import instant

    try:
        return champions.instant(text)
    except ValueError:
        return instant(text or "")


@command(audit, "lineage", "millrace audit lineage my-loop@3", "millrace audit lineage my-loop@3 -o json")
def lineage(
    version: Annotated[str, typer.Argument(help="LOOP@VERSION.")], output: Output = Format.TABLE
) -> None:
    """From a version back to the raw data, code and environment that made it, and on to the decisions about it."""
    name, _, number = version.partition("@")
    if not number.isdigit():
        fail(f"{version!r} is no version", "Write it like my-loop@3; 'millrace models list' has them.")
    registry = client().registry
    found, release = registry.lineage(name, int(number)), registry.version(name, int(number))
    whole = {
        "model": name,
        "version": int(number),
        "digest": found.digest,
        "files": release.files.by_name(),
        "metrics": release.metrics,
        "made": found.lineage,
        "environment": release.environment,
        "data": found.data,
        "champion": found.champion,
    }
    if output != Format.TABLE:
        return dump(whole | {"run": found.run, "decisions": found.decisions}, output)
    one(whole, output)
    columns: Columns[DecisionRead] = (
        ("NO", lambda item: item.number),
        (EVENT_TIME, lambda item: item.event_time),
        (RECORDED, lambda item: item.recorded_at),
        ("KIND", lambda item: item.kind),
        ("OUTCOME", lambda item: item.outcome),
        ("BY", lambda item: item.author),
        ("REASON", lambda item: item.reason),
    )
    items(found.decisions, columns, output, "No decision is recorded about its run.")
    return None


@command(
    audit,
    "request",
    "millrace audit request 7d0c5f1e-8a77-4c5b-9a35-0f4d8e1b2c3d",
    "millrace audit request order-4711 --loop my-loop -o json",
)
def request(
    id: Annotated[str, typer.Argument(help="The request's id.")],
    loop: Annotated[str | None, typer.Option(help="Its loop; left out: all are looked through.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """What happened to one request: its rows, the answers, the version and data behind them, the labels and by whom."""
    from millrace.client import ApiError

    platform = client()
    names = [loop] if loop else [item.name for item in platform.controller.loops()]
    for name in names:
        try:
            found = platform.monitoring.request(name, id)
        except ApiError as error:
            if error.status != 404 or loop:
                raise
            continue
        versions = _versions(platform, name, {row.revision for row in found.rows})
        if output != Format.TABLE:
            return dump({"request": found, "served_by": versions}, output)
        one({"loop": name, "request": id, "served_by": versions}, output)
        columns: Columns[AuditedRow] = (
            ("ROW", lambda row: row.index),
            (EVENT_TIME, lambda row: row.event_time),
            (RECORDED, lambda row: row.at),
            ("BY", lambda row: row.revision),
            ("ANSWER", lambda row: row.answer),
            ("LABEL", lambda row: row.label and row.label.value),
            ("KNOWN AT", lambda row: row.label and row.label.at),
            ("LABELLED BY", lambda row: row.label and row.label.pushed_by),
            ("LABELLED", lambda row: row.label and row.label.pushed_at),
            ("FEATURES", lambda row: ", ".join(f"{key}={value}" for key, value in row.features.items())),
        )
        return items(found.rows, columns, output, "")
    fail(f"no row of the request {id} is kept", "It never came, or is older than the policy keeps rows.")


def _versions(platform: "Millrace", loop: str, revisions: set[str]) -> list[dict[str, object]]:
    """Which version each revision serves, and the data that made it."""
    found = []
    for revision in platform.serving.endpoint(loop).revisions:
        if revision.name in revisions:
            release = platform.registry.version(loop, revision.version)
            found.append(
                {
                    "revision": revision.name,
                    "version": release.number,
                    "digest": release.digest,
                    "dataset": release.lineage.dataset,
                    "dataset_version": release.lineage.dataset_version,
                }
            )
    return found
