"""Finds what a person means by the first characters of an id, or by a number."""

from typing import TYPE_CHECKING, Protocol, TypeVar

import typer

from millrace.cli.exits import REFUSED

if TYPE_CHECKING:
    from millrace.client import Millrace
    from millrace_contracts.decisions import DecisionDetail

UUID = 36


class Identified(Protocol):
    """Whatever has an id."""

    id: str


Item = TypeVar("Item", bound=Identified)


def by_prefix(text: str, found: list[Item], what: str) -> Item:
    """The one item whose id begins with *text*; exits with the candidates when there is not exactly one."""
    matching = [item for item in found if item.id.startswith(text.lower())]
    if len(matching) == 1:
        return matching[0]
    if not matching:
        typer.secho(
            f"Error: there is no {what} {text!r}; 'millrace {what}s list' shows them", fg="red", err=True
        )
    else:
        some = ", ".join(item.id[:12] for item in matching[:8])
        typer.secho(f"Error: {text!r} begins {len(matching)} {what}s: {some}", fg="red", err=True)
    raise typer.Exit(REFUSED)


def decision_of(platform: "Millrace", text: str) -> "DecisionDetail":
    """A decision by number, id, or the beginning of its id."""
    if len(text) == UUID:
        return platform.registry.decision(text)
    every = platform.registry.decisions()
    numbered = [item for item in every if text.isdigit() and item.number == int(text)]
    chosen = numbered[0] if numbered else by_prefix(text, every, "decision")
    return platform.registry.decision(chosen.id)
