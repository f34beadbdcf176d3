"""Commands for reviews: what a person is to look at next, what they say of it, and how the queue stands."""

from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.command import command, group
from millrace.cli.moments import instant
from millrace.cli.output import EVENT_TIME, RECORDED, Columns, Format, Output, dump, items, one, text
from millrace.cli.session import client

if TYPE_CHECKING:
    from millrace_contracts.reviews import ReviewRead, ReviewReason, ReviewState

review = group("review", "Look at predictions that people are asked about, and label them.")
Loop = Annotated[str, typer.Argument(help="The loop.")]
Number = Annotated[int, typer.Argument(help="The entry's number, as 'review next' tells it.", min=1)]
Note = Annotated[str, typer.Option(help="Why; it is kept.")]


@command(
    review,
    "next",
    "millrace review next my-loop",
    "millrace review next my-loop -o json | jq .entry.number",
)
def next_review(loop: Loop, output: Output = Format.TABLE) -> None:
    """What to look at next: the row, what was answered, and why you are asked."""
    found = client().monitoring.next_review(loop)
    if output != Format.TABLE:
        return dump(found, output)
    if found.entry is None:
        return typer.echo(f"Nothing waits for you in the queue of {loop}.", err=True)
    _shown(found.entry)
    says = "|".join(found.entry.choices) or "NUMBER"
    typer.echo(f"{found.left} wait.  millrace review label {loop} {found.entry.number} {says[:80]}", err=True)
    return None


@command(
    review,
    "label",
    "millrace review label my-loop 17 yes",
    "millrace review label my-loop 17 812.5 --note 'as the invoice says' --at 2026-05-04T12:00:00Z",
)
def label_review(
    loop: Loop,
    number: Number,
    value: Annotated[str, typer.Argument(help="The class, or the number.")],
    note: Note = "",
    at: Annotated[str | None, typer.Option(help="When it became known; now if left out.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Say what an entry is; say it again to correct yourself."""
    known = None if at is None else instant(at)
    _told(loop, client().monitoring.label_review(loop, number, value, note, known), output)


@command(review, "skip", "millrace review skip my-loop 17 --note 'the photo is blurred'")
def skip_review(loop: Loop, number: Number, note: Note = "", output: Output = Format.TABLE) -> None:
    """Say that you cannot tell."""
    _told(loop, client().monitoring.skip_review(loop, number, note), output)


@command(review, "show", "millrace review show my-loop 17", "millrace review show my-loop 17 -o json")
def show_review(loop: Loop, number: Number, output: Output = Format.TABLE) -> None:
    """One entry with what people said of it."""
    one(client().monitoring.review(loop, number), output)


@command(
    review,
    "list",
    "millrace review list my-loop",
    "millrace review list my-loop --state disputed -o json",
)
def list_reviews(
    loop: Loop,
    state: Annotated[
        str | None, typer.Option(help="open, disputed, labelled, unresolved or skipped; all if left out.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="sampled, low or useful; all if left out.")] = None,
    most: Annotated[int, typer.Option(help="How many, the newest first.", min=1)] = 100,
    output: Output = Format.TABLE,
) -> None:
    """The queue, the newest entry first."""
    columns: Columns[ReviewRead] = (
        ("NUMBER", lambda item: item.number),
        (EVENT_TIME, lambda item: item.event_time),
        (RECORDED, lambda item: item.answered_at),
        ("WHY", lambda item: item.reason),
        ("CHANCE", lambda item: item.probability),
        ("CONFIDENCE", lambda item: item.confidence),
        ("STATE", lambda item: "late" if item.late and item.state in ("open", "disputed") else item.state),
        ("LOOKS", lambda item: f"{len(item.votes)} of {item.needed}"),
        ("LABEL", lambda item: item.label),
        ("BY", lambda item: ", ".join(vote.author for vote in item.votes)),
        ("LOOKED AT", lambda item: item.votes[-1].at if item.votes else None),
    )
    found = client().monitoring.reviews(loop, _state(state), _reason(reason), most)
    items(found, columns, output, f"The queue of {loop} is empty; spec.review says what comes into it.")


@command(review, "status", "millrace review status my-loop", "millrace review status my-loop -o json")
def review_status(loop: Loop, output: Output = Format.TABLE) -> None:
    """How the queue stands, what each person did, and how far they agree."""
    one(client().monitoring.review_summary(loop), output)


def _state(given: str | None) -> "ReviewState | None":
    from typing import cast, get_args

    from millrace_contracts.reviews import ReviewState

    return cast("ReviewState | None", _one_of(given, get_args(ReviewState)))


def _reason(given: str | None) -> "ReviewReason | None":
    from typing import cast, get_args

    from millrace_contracts.reviews import ReviewReason

    return cast("ReviewReason | None", _one_of(given, get_args(ReviewReason)))


def _one_of(given: str | None, known: tuple[str, ...]) -> str | None:
    if given is not None and given not in known:
        raise typer.BadParameter(f"{given!r} is none of {', '.join(known)}")
    return given


def _shown(entry: "ReviewRead") -> None:
    """An entry as a person looks at it."""
    about = {"number": entry.number, "why": entry.reason, "event time": entry.event_time}
    said = entry.answer.get("class", entry.answer.get("value"))
    answered = {
        "answered": said,
        "confidence": entry.confidence,
        "looks": f"{len(entry.votes)} of {entry.needed}",
    }
    one(about | answered | {"row": dict(entry.features)}, Format.TABLE)


def _told(loop: str, entry: "ReviewRead", output: Format) -> None:
    if output != Format.TABLE:
        return dump(entry, output)
    left = entry.needed - len([vote for vote in entry.votes if vote.value is not None])
    words = {
        "labelled": f"its label is {text(entry.label)}",
        "open": f"{left} more have to look",
        "disputed": "people disagree; another one has to look",
        "unresolved": "people still disagree; it gets no label",
        "skipped": "nobody could tell; it gets no label",
    }[entry.state]
    late = " Its day has closed: the label is kept and judges nothing." if entry.late else ""
    return typer.echo(f"Entry {entry.number} of {loop}: {words}.{late}  Next:  millrace review next {loop}")
