"""How every command is registered: with examples in its help, and errors that say what to do next."""

import functools
import os
import sys
from collections.abc import Callable
from typing import NoReturn, ParamSpec, TypeVar

import typer

from millrace.cli.exits import INTERRUPTED, REFUSED

Given = ParamSpec("Given")
Result = TypeVar("Result")


def group(name: str, about: str) -> typer.Typer:
    """A group of commands like `millrace loops`."""
    return typer.Typer(name=name, help=about, no_args_is_help=True, rich_markup_mode="rich")


def command(
    app: typer.Typer, name: str, *examples: str, panel: str | None = None
) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """Register a function as the command *name*, with *examples* under its help and in the list under *panel*."""

    def register(function: Callable[Given, Result]) -> Callable[Given, Result]:
        lines = "\n\n".join(f"  {example}".replace("[", "\\[") for example in examples)
        epilog = f"[bold]Examples[/bold]\n\n{lines}"
        app.command(name, epilog=epilog, rich_help_panel=panel)(told(function))
        return function

    return register


def told(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """*function* with every expected error told in words instead of a traceback."""

    @functools.wraps(function)
    def run(*args: Given.args, **more: Given.kwargs) -> Result:
        try:
            return function(*args, **more)
        except typer.Exit:
            raise
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - whoever read our output has left
            raise typer.Exit(0) from None
        except Exception as error:
            from millrace.cli import failures

            lines = failures.words(error)
            if lines is None:
                raise
            fail(*lines, code=failures.code(error))
        finally:
            _forget_hooks()

    return run


def _forget_hooks() -> None:
    """What a command is told of its retries is not for other clients of the same process, once it is over."""
    if "stamina.instrumentation" in sys.modules:
        sys.modules["stamina.instrumentation"].set_on_retry_hooks(None)


def fail(*lines: str, code: int = REFUSED) -> NoReturn:
    """Print what went wrong and what to do, and exit."""
    first, *rest = lines
    typer.secho(f"Error: {first}", fg="red", err=True)
    for line in rest:
        typer.echo(f"  {line}", err=True)
    raise typer.Exit(code)
