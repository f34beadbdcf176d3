"""What a version was made from, in which environment, and who decided what about it."""

from collections.abc import Iterator

from millrace.cards.blocks import Block, Lines, Words, flat, moment
from millrace_contracts.cards import ModelCard
from millrace_contracts.decisions import DecisionRead

MOST = 200


def data(card: ModelCard) -> Iterator[Block]:
    """From the dataset version back to every raw file."""
    lines = [
        (
            f"{item.dataset} v{item.version}",
            item.rows,
            f"{item.source.kind} {item.source.name or ''}",
            item.digest,
        )
        for item in card.lineage.data[:MOST]
    ]
    yield Lines(("data", "rows", "raw source", "digest"), lines)
    files = [(file.role, file.variant, file.name, file.digest) for file in card.release.files.files]
    yield Lines(("file of the release", "form", "name", "digest"), files)


def environment(card: ModelCard) -> Iterator[Block]:
    """Program, libraries, machine, seed and code."""
    if card.release.environment:
        yield Lines(("environment", "value"), [*flat(card.release.environment)][:MOST])
    else:
        yield Words("The environment was not recorded.")
    code = card.release.lineage.code
    yield Words(f"Trained by code of its own: {code}." if code else "Trained by Millrace's own search.")
    if card.lineage.run is not None:
        yield Lines(("parameter", "value"), [*flat(card.lineage.run.params)][:MOST])


def decisions(card: ModelCard) -> Iterator[Block]:
    """The chain's entries about its run, the moves of the champion, and who approved."""
    lines = [
        (item.number, moment(item.event_time), moment(item.recorded_at), *_said(item))
        for item in card.lineage.decisions[:MOST]
    ]
    yield Lines(("no.", "event time", "recorded", "kind", "outcome", "by", "why"), lines)
    moves = [
        (
            moment(move.event_time),
            moment(move.recorded_at),
            move.previous,
            move.version,
            move.actor,
            move.reason,
        )
        for move in card.moves[:MOST]
    ]
    yield Lines(("event time", "recorded", "champion was", "became", "by", "why"), moves)
    asked = card.run.approval if card.run is not None else None
    if asked is None:
        yield Words("No person was asked to approve it.")
    else:
        given = ", ".join(asked.given) or "nobody"
        yield Words(f"Approval by {asked.of} of {', '.join(asked.by)}: {asked.state}; given by {given}.")


def _said(item: DecisionRead) -> tuple[str, str, str, str]:
    return item.kind, item.outcome, item.author, item.reason
