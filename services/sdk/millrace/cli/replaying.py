"""Backtests that there are: `list`, `show`, and `cancel` of those that go on."""

from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.command import command, group
from millrace.cli.output import EVENT_TIME, RECORDED, Columns, Format, Output, fields, items, one, span
from millrace.cli.session import client

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millrace.client import Millrace
    from millrace_contracts.backtests import BacktestRead

backtests = group("backtests", "Replays of history through a loop's rules; begin one with millrace backtest.")


@command(backtests, "list", "millrace backtests list", "millrace backtests list -o json")
def list_backtests(output: Output = Format.TABLE) -> None:
    """All backtests, the newest first: of which loop, how far, and what they found."""
    columns: Columns[BacktestRead] = (
        ("ID", lambda one: one.id),
        ("OF", lambda one: one.of),
        ("STATE", lambda one: one.state),
        ("STEP", lambda one: one.progress.get("step")),
        ("DAYS", _days),
        (EVENT_TIME, _replayed),
        (RECORDED, lambda one: one.created_at),
        ("MESSAGE", lambda one: one.message),
    )
    known = sorted(client().controller.backtests(), key=lambda one: one.created_at, reverse=True)
    items(known, columns, output, "There are no backtests; begin one with 'millrace backtest --help'.")


def _days(backtest: "BacktestRead") -> str:
    done, total = backtest.progress.get("done"), backtest.progress.get("total")
    return "" if done is None or total is None else f"{done} of {total}"


def _replayed(backtest: "BacktestRead") -> str | None:
    """The event days of a history that was replayed to its end; while it goes on, nobody has told them."""
    found = backtest.result
    return None if found is None else span(found.get("from"), found.get("through"))


@command(
    backtests, "show", "millrace backtests show 0123456789ab", "millrace backtests show 0123456789ab -o json"
)
def show_backtest(
    id: Annotated[str, typer.Argument(help="As `list` has it.")], output: Output = Format.TABLE
) -> None:
    """One backtest, with all that it found."""
    backtest = client().controller.backtest_state(id)
    one(
        backtest if output != Format.TABLE else {k: v for k, v in fields(backtest).items() if k != "loop"},
        output,
    )


@command(backtests, "cancel", "millrace backtests cancel 0123456789ab")
def cancel(ids: Annotated[list[str], typer.Argument(metavar="ID...", help="As `list` has them.")]) -> None:
    """End backtests that go on; nothing of them is left but that."""
    end(client(), ids)


def end(platform: "Millrace", ids: "Sequence[str]") -> None:
    """End these backtests, those that are over already excepted."""
    for id in ids:
        if platform.controller.backtest_state(id).ended_at is None:
            platform.controller.cancel_backtest(id)
            typer.echo(f"The backtest {id} ends.", err=True)
