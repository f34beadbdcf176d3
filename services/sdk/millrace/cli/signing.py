"""Commands about who you are to the platform, and which platform it is."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.command import fail
from millrace.cli.output import Columns, Format, Output, dump, items
from millrace.cli.session import client

if TYPE_CHECKING:
    from millrace.transport.kube import Kube
    from millrace.transport.login import Login
    from millrace_contracts.people import ProjectRolesRead, WhoRead


def whoami(output: Output = Format.TABLE) -> None:
    """Whom your token names, and what you may do in which project."""
    who = client().registry.whoami()
    if output != Format.TABLE:
        return dump(who, output)
    everywhere = f"{who.role} in every project" if who.role else "no role that holds everywhere"
    typer.echo(f"{who.name}: {everywhere}; this command line is in the project {who.project}.")
    if who.identifier:
        typer.echo(f"Known as {who.identifier}, whatever the name is.")
    columns: Columns[ProjectRolesRead] = (
        ("PROJECT", lambda item: item.project),
        ("ROLES", lambda item: ", ".join(item.roles)),
    )
    items(who.projects, columns, output, "You have no role in any project that there is.")
    return None


def login(
    kube: Annotated[
        bool, typer.Option("--kube", help="Find the platform in your Kubernetes cluster.")
    ] = False,
    user: Annotated[
        str | None,
        typer.Option("--user", help="Sign in with the password of this account, on a machine's platform."),
    ] = None,
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help="Read the password from the first line of standard input."),
    ] = False,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig; its current one.")] = None,
    platform: Annotated[
        str | None, typer.Option(help="Namespace of the release, if there are several.")
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(help="Where its door answers; an Ingress that leads there, else port-forward."),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(
            help="Service account to go by, NAMESPACE/NAME; 'millrace' of your namespace, else the admin's."
        ),
    ] = None,
    own_token: Annotated[
        bool,
        typer.Option(
            "--own-token", help="Show the platform the token that your kubeconfig has for the cluster."
        ),
    ] = False,
) -> None:
    """Lead this machine's commands to a platform in Kubernetes, whose namespace is the project; or act as an account.

    With --kube nothing is left running, and no token is kept: each command makes its own. 'millrace logout' ends it.
    """
    from millrace.transport import login as logins
    from millrace.transport.kube import Kube, KubeError
    from millrace.transport.release import NotFound

    if user is not None and not kube:
        return _sign_in(user, url, password_stdin)
    if not kube or user is not None:
        fail(
            "say where to log in",
            "In your Kubernetes cluster:  millrace login --kube",
            "On a machine's platform, as somebody with an account:  millrace login --user NAME",
        )
    if account is not None and account.count("/") != 1:
        fail(f"--account {account}: it is NAMESPACE/NAME", "Like --account team-a/millrace.")
    try:
        cluster = Kube(context, os.environ.get("KUBECONFIG"))
        chosen = "" if own_token else account
        led = _led(cluster, platform, url, chosen)
        who = _who(cluster, led)
    except NotFound as error:
        fail(str(error), *error.mend)
    except KubeError as error:
        fail(str(error), "See whether this works:  kubectl get namespaces")
    project = os.environ.get("MILLRACE_PROJECT") or who.project
    logins.save(led.model_copy(update={"project": project}))
    _told(cluster, led, who, project)
    return None


def _sign_in(user: str, url: str | None, from_stdin: bool) -> None:
    """A session for somebody with an account."""
    from pydantic import SecretStr

    from millrace.transport import local_session

    if not sys.stdin.isatty() and not from_stdin:
        fail("nobody is here to type a password", "Give it on standard input, with --password-stdin.")
    console = url or _console_here()
    typed = (
        sys.stdin.readline().rstrip("\r\n")
        if from_stdin
        else typer.prompt("Password", hide_input=True, err=True)
    )
    if not typed:
        fail("there is no password", "Type it, or give it on standard input with --password-stdin.")
    made = local_session.begin(console, user, SecretStr(typed), elsewhere=url is not None)
    typer.echo(f"Commands act as {made.name} until {made.ends_at:%Y-%m-%d %H:%M} UTC, or 'millrace logout'.")
    for name in sorted(name for name in os.environ if name in ("MILLRACE_TOKEN", "MILLRACE_TOKEN_FILE")):
        typer.echo(f"{name} is set and goes before this login; unset it.", err=True)


def _console_here() -> str:
    """Where this machine's console answers. Raises: NotRunning."""
    import json
    from pathlib import Path

    from millrace.transport import address
    from millrace.transport.errors import NotRunning

    home = Path(os.environ.get("MILLRACE_HOME") or Path.home() / ".millrace")
    try:
        record = json.loads((home / "run" / "platform.json").read_text())
    except FileNotFoundError:
        record = {}
    if not address.alive(record.get("pid")):
        raise NotRunning(f"no platform is running in {home}; start it with 'millrace up', or say --url")
    return str(record["urls"]["console"])


def _led(kube: "Kube", platform: str | None, url: str | None, account: str | None) -> "Login":
    from millrace.transport import release as releases
    from millrace.transport.login import Login
    from millrace.transport.release import Release

    usual = platform or releases.USUAL
    found: Release = (
        Release(usual, usual, releases.USUAL)
        if url and not _visible(kube, platform)
        else releases.find(kube, platform)
    )
    return Login(
        context=kube.context,
        file=kube.file,
        platform=found.namespace,
        name=found.name,
        instance=found.instance,
        project=kube.namespace,
        account=releases.account(kube, found) if account is None else account,
        door=(url or releases.door(kube, found)).rstrip("/"),
    )


def _visible(kube: "Kube", platform: str | None) -> bool:
    """Whether the release can be looked for; whoever knows its door need not."""
    from millrace.transport import release as releases

    try:
        releases.find(kube, platform)
    except releases.NotFound:
        return False
    return True


def _who(kube: "Kube", led: "Login") -> "WhoRead":
    """Whom the platform takes this person for. Raises: ApiError, KubeError."""
    from millrace.client import Millrace

    with Millrace(led.urls(kube), led.token(kube), led.project) as platform:
        return platform.registry.whoami(namespace=kube.namespace)


def _told(kube: "Kube", led: "Login", who: "WhoRead", project: str) -> None:
    from millrace.transport.release import rights

    way = f"at {led.door}" if led.door else "by port-forward, a new one for each command"
    roles = next((item.roles for item in who.projects if item.project == project), [])
    typer.echo(f"Millrace is in the namespace {led.platform} of {kube.context}; it is reached {way}.")
    typer.echo(
        f"You are {who.name} in the project {project}: {', '.join(roles) or who.role or 'without a role'}."
    )
    if not roles and not who.role:
        typer.echo(
            "You can do nothing there yet. Somebody who administers the namespace gives the rights:", err=True
        )
        for line in rights(kube.namespace, led.account.replace("/", ":")) if led.account else ():
            typer.echo(f"  {line}", err=True)
    for name in sorted(name for name in os.environ if name.startswith("MILLRACE_") and name.endswith("_URL")):
        typer.echo(f"{name} is set and goes before this login; unset it.", err=True)
    typer.echo("Next:  millrace whoami    Back to this machine's platform:  millrace logout")


def logout() -> None:
    """Lead commands to the platform on this machine again, as its own user; a session with a password ends."""
    from millrace.transport import local_session
    from millrace.transport import login as logins

    ended = [logins.forget(), local_session.end()]
    typer.echo("Logged out." if any(ended) else "You were not logged in.")
