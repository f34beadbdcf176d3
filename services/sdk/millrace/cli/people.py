"""Commands for the people of this machine's platform: accounts with roles, passwords, sessions, and tokens."""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli import own_tokens
from millrace.cli.command import command, fail, group
from millrace.cli.moments import UNTIL, ahead
from millrace.cli.output import Columns, Format, Output, items

if TYPE_CHECKING:
    from millrace.accounts import Accounts
    from millrace_contracts.accounts import Account, Credential, Grant

users = group("users", "People who share this machine's platform. A cluster has your provider's.")
tokens = group("tokens", "Tokens of people for their programs: they end, and can be revoked.")
ROLES = ("viewer", "labeller", "operator", "approver", "admin")
Name = Annotated[str, typer.Argument(help="How decisions name them.")]
Role = Annotated[str, typer.Option(help=f"What they may: {', '.join(ROLES)}.")]
Only = Annotated[str | None, typer.Option(help="The project in which; everywhere if left out.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of standard input.")
]
DAYS = "90d"


@command(
    users,
    "add",
    "millrace users add ada --role approver",
    "millrace users add bob --role operator --only shop --password-stdin < bob.password",
)
def add_user(name: Name, role: Role, only: Only = None, password_stdin: FromStdin = False) -> None:
    """Let somebody in, with a password for the console and for 'millrace login'."""
    made = _accounts().add(name, [_grant(role, only)], _new_password(password_stdin))
    typer.echo(f"{made.name} may come in as {_roles(made)}. They sign in at the console, or with:")
    typer.echo(f"  millrace login --user {made.name}")


@command(users, "list", "millrace users list", "millrace users list -o json")
def list_users(output: Output = Format.TABLE) -> None:
    """Who has an account here, and what they may."""
    accounts = _accounts()
    standing = [*accounts.sessions(), *accounts.tokens()]
    columns: Columns[dict[str, object]] = (
        ("NAME", lambda item: item["name"]),
        ("ROLES", lambda item: item["roles"]),
        ("STATE", lambda item: item["state"]),
        ("PASSWORD", lambda item: item["password"]),
        ("SESSIONS", lambda item: item["sessions"]),
        ("TOKENS", lambda item: item["tokens"]),
        ("MADE", lambda item: item["made"]),
    )
    shown = [_shown(account, standing) for account in accounts.all()]
    items(
        shown,
        columns,
        output,
        "There is nobody but this machine's own user: millrace users add NAME --role ROLE",
    )


@command(users, "disable", "millrace users disable bob")
def disable_user(name: Name) -> None:
    """Let somebody in no more: at once, with every session and token. Names are kept, because decisions name them."""
    _accounts().disable(name)
    typer.echo(f"{name} is let in no more. Back again:  millrace users enable {name}")


@command(users, "enable", "millrace users enable bob")
def enable_user(name: Name) -> None:
    """Let somebody in again; their tokens open again, too."""
    _accounts().enable(name)
    typer.echo(f"{name} may come in again.")


@command(
    users, "password", "millrace users password ada", "millrace users password ada --password-stdin < new"
)
def set_password(name: Name, password_stdin: FromStdin = False) -> None:
    """Give a new password. It ends all sessions; tokens stand until they are revoked."""
    accounts = _accounts()
    accounts.set_password(name, _new_password(password_stdin))
    left = len(accounts.tokens(name))
    typer.echo(f"{name} has a new password, and no session any more.")
    if left:
        typer.echo(f"Tokens that still open: {left}. To end them:  millrace tokens revoke {name}", err=True)


@command(
    users,
    "role",
    "millrace users role ada operator --only shop",
    "millrace users role ada viewer    # everywhere, in place of the role before",
    "millrace users role ada operator --only shop --take",
)
def set_role(
    name: Name,
    role: Annotated[str, typer.Argument(help=f"One of {', '.join(ROLES)}.")],
    only: Only = None,
    take: Annotated[bool, typer.Option("--take", help="Take it away.")] = False,
) -> None:
    """Give somebody a role, or take it away; it holds from their next request."""
    accounts, grant = _accounts(), _grant(role, only)
    account = (accounts.take if take else accounts.give)(name, grant.role, grant.project)
    typer.echo(f"{account.name} is {_roles(account)}.")


@command(
    users,
    "sessions",
    "millrace users sessions",
    "millrace users sessions ada",
    "millrace users sessions --end 4be1c2d0",
    "millrace users sessions ada --end-all",
)
def sessions(
    name: Annotated[str | None, typer.Argument(help="Whose; everybody's if left out.")] = None,
    end: Annotated[str | None, typer.Option(help="End the one with this id.")] = None,
    end_all: Annotated[bool, typer.Option("--end-all", help="End all of them.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Who is signed in with a password, where and until when; or end it."""
    accounts = _accounts()
    found = accounts.sessions(name)
    if end is None and not end_all:
        return items(found, _columns(accounts), output, "Nobody is signed in with a password.")
    gone = {item.id for item in found if end in (None, item.id)}
    if not gone and not end_all:
        fail(f"no session {end}", "See them with: millrace users sessions")
    typer.echo(f"Ended: {accounts.end(lambda item: item.id in gone)}.")
    return None


@command(
    tokens,
    "create",
    "ADA=$(millrace tokens create ada --role approver)",
    "millrace tokens create bob --expires 30d --label 'nightly push' > bob.token",
    "MILLRACE_TOKEN_FILE=bob.token millrace whoami",
    "millrace tokens create --role operator --only shop --label 'nightly push'    # one's own, in a cluster",
)
def create_token(
    name: Annotated[
        str | None, typer.Argument(help="Whose, on this machine; left out in a cluster: one's own.")
    ] = None,
    role: Annotated[
        str | None,
        typer.Option(help=f"What it may, or, on this machine, for somebody who is new: {', '.join(ROLES)}."),
    ] = None,
    only: Only = None,
    expires: Annotated[str, typer.Option(help=f"When it ends: {UNTIL}")] = DAYS,
    label: Annotated[str, typer.Option(help="What it is for.")] = "command line",
) -> None:
    """Make a token for a program. It is shown once; MILLRACE_TOKEN says as whom one acts."""
    if name is None:
        return own_tokens.create(role, only, expires, label)
    accounts = _accounts()
    account = accounts.find(name)
    if account is not None and role is not None:
        fail(
            f"{name} has an account already, and a token has its roles",
            f"Leave --role out; or: millrace users role {name} {role}",
        )
    if account is None and role is None:
        fail(f"there is nobody of the name {name}", f"Say what they may: --role, one of {', '.join(ROLES)}.")
    lasts = _lasts(expires)
    account = account or accounts.add(name, [_grant(str(role), only)])
    word, made = accounts.begin(account, "token", label, lasts)
    typer.echo(word)
    typer.echo(
        f"It is {account.name}'s, as {_roles(account)}, until {made.ends_at:%Y-%m-%d %H:%M} UTC.", err=True
    )
    return None


@command(tokens, "list", "millrace tokens list", "millrace tokens list ada -o json")
def list_tokens(
    name: Annotated[
        str | None, typer.Argument(help="Whose, on this machine; everybody's if left out.")
    ] = None,
    everybodys: Annotated[
        bool, typer.Option("--everybodys", help="In a cluster: not one's own alone, for an admin.")
    ] = False,
    output: Output = Format.TABLE,
) -> None:
    """Who has a token, and until when; never the token itself. In a cluster: one's own."""
    if own_tokens.elsewhere():
        return own_tokens.show(everybodys, output)
    accounts = _accounts()
    return items(
        accounts.tokens(name),
        _columns(accounts),
        output,
        "Nobody has a token but this machine's own user.",
    )


@command(tokens, "revoke", "millrace tokens revoke 4be1c2d0", "millrace tokens revoke bob    # all of bob's")
def revoke_token(
    which: Annotated[str, typer.Argument(help="A token's id, or a name: all of theirs.")],
) -> None:
    """Let a token in no more: on this machine from the next request on, in a cluster within three seconds."""
    if own_tokens.elsewhere():
        return own_tokens.revoke(which)
    gone = _accounts().end(lambda item: item.kind == "token" and which in (item.id, item.account))
    if not gone:
        fail(
            f"there is no token {which}, and nobody of that name has one",
            "See them with: millrace tokens list",
        )
    typer.echo(f"Revoked: {gone}. They open nothing any more.")
    return None


def _accounts() -> "Accounts":
    """This machine's accounts."""
    from millrace.accounts import Accounts

    home = Path(os.environ.get("MILLRACE_HOME") or Path.home() / ".millrace")
    if not (home / "run" / "tokens.json").exists():
        fail(
            f"there is no platform in {home}",
            "Start one with: millrace up. In a cluster, see docs/howto/people.md.",
        )
    return Accounts(home / "run")


def _grant(role: str, only: str | None) -> "Grant":
    from pydantic import ValidationError

    from millrace_contracts.accounts import Grant

    if role not in ROLES:
        fail(f"{role!r} is no role", f"Say one of {', '.join(ROLES)}; docs/reference/roles.md tells more.")
    try:
        return Grant.model_validate({"role": role, "project": only})
    except ValidationError:
        fail(f"{only!r} cannot be a project's name", "Small letters, digits and -, 63 at most.")


def _new_password(from_stdin: bool) -> str:
    """From standard input, or asked for twice; never from the command line, where others see it."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n") or fail("standard input has no password")
    if not sys.stdin.isatty():
        fail("nobody is here to type a password", "Give it on standard input, with --password-stdin.")
    return str(typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True))


def _lasts(expires: str) -> timedelta:
    from millrace.accounts import LONGEST_DAYS

    lasts = ahead(expires) - datetime.now(UTC)
    if not timedelta(0) < lasts <= timedelta(days=LONGEST_DAYS):
        fail(
            f"--expires {expires}: a token ends within {LONGEST_DAYS} days, and not before it begins",
            f"Write it like {UNTIL}",
        )
    return lasts


def _roles(account: "Account") -> str:
    told = [
        f"{item.role} in {item.project}" if item.project else f"{item.role} everywhere"
        for item in account.roles
    ]
    return ", ".join(told) or "nobody of any role"


def _shown(account: "Account", standing: "list[Credential]") -> dict[str, object]:
    """What is told of somebody; nothing of their password but when it was given."""
    mine = [item.kind for item in standing if item.account == account.name]
    return {
        "name": account.name,
        "roles": _roles(account),
        "state": "disabled" if account.disabled else "enabled",
        "password": account.password_at or "none",
        "sessions": len(mine) - mine.count("token"),
        "tokens": mine.count("token"),
        "made": account.made_at,
    }


def _columns(accounts: "Accounts") -> "Columns[Credential]":
    roles = {account.name: _roles(account) for account in accounts.all()}
    return (
        ("ID", lambda item: item.id),
        ("NAME", lambda item: item.account),
        ("ROLES", lambda item: roles[item.account]),
        ("WHAT FOR", lambda item: item.label),
        ("BEGAN", lambda item: item.made_at),
        ("ENDS", lambda item: item.ends_at),
    )
