"""Commands about the platform on this machine: up, down, doctor, version."""

import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.exits import REFUSED
from millrace.cli.output import Columns, Format, Output, dump, items

if TYPE_CHECKING:
    from millrace.laptop import Platform


def up(
    protect: Annotated[
        bool, typer.Option("--protect", help="Inference asks for a key or a token, as in a cluster.")
    ] = False,
    openlineage: Annotated[
        str,
        typer.Option(
            "--openlineage",
            metavar="URL",
            help="Tell every run to this receiver of OpenLineage events: http(s)://host, or file:///path. "
            "MILLRACE_OPENLINEAGE_KEY has its API key, if it asks for one.",
        ),
    ] = "",
) -> None:
    """Start the platform and keep it running until Ctrl-C; after kill -9 the next start continues."""
    from stamina.instrumentation import set_on_retry_hooks

    from millrace.laptop import Platform

    set_on_retry_hooks([])  # services that are starting do not answer yet: no news for a person
    over = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        """The first signal ends the platform; later ones do not disturb the ending."""
        if not over.is_set():
            over.set()
            raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    platform = Platform(protect=protect, openlineage=openlineage)
    typer.echo(f"Starting in {platform.home} …")
    try:
        platform.start()
        _told(platform)
        _stay(platform)
    except KeyboardInterrupt:
        typer.echo("Stopping …")
    finally:
        over.set()
        platform.stop()
        for number, handler in before.items():
            signal.signal(number, handler)
    typer.echo("Stopped; nothing is left running.")


def _told(platform: "Platform") -> None:
    typer.echo(f"Ready in {platform.ready_seconds:.1f} s.")
    for name, url in platform.urls.items():
        more = "  (a page over all of it; 'millrace console' signs you in)" if name == "console" else ""
        typer.echo(f"  {name:<12} {url}{more}")
    typer.echo(f"  {'gateway':<12} {platform.gateway}  (inference: Open Inference Protocol v2)")
    if platform.protect:
        typer.echo(f"  {'':<12} It asks for a key:  millrace keys create NAME --endpoint ENDPOINT")
    typer.echo(f"  {'token':<12} {platform.run / 'platform.json'}  (field 'token'; readable by you alone)")
    typer.echo(f"  {'logs':<12} {platform.home / 'logs'}")
    _led_elsewhere()
    typer.echo("Leave this running. In another terminal:  millrace init --help    End it with Ctrl-C.")


def _led_elsewhere() -> None:
    from millrace.transport import login

    led = login.known()
    if led is not None:
        typer.echo(
            f"Commands go to the cluster of {led.context}, not here, until 'millrace logout'.", err=True
        )


def _stay(platform: "Platform") -> None:
    """Tell of every restart, for ever."""
    before = platform.restarts()
    while True:
        threading.Event().wait(1.0)
        now = platform.restarts()
        for name, count in now.items():
            if count != before[name]:
                typer.echo(
                    f"{name} had ended and was started again ({count}); see {platform.home / 'logs' / name}.log"
                )
        before = now


def down() -> None:
    """Stop the platform that runs in this home, and whatever a killed one left behind."""
    from millrace.laptop import stopping
    from millrace.laptop.platform import default_home

    typer.echo(stopping.stop(default_home()))


def doctor(output: Output = Format.TABLE) -> None:
    """Look at everything the platform needs on this machine; exit code 1 if something is wrong."""
    from millrace.laptop import doctor as checks
    from millrace.laptop.platform import default_home

    findings = checks.examine(default_home())
    if output != Format.TABLE:
        dump([vars(finding) for finding in findings], output)
    else:
        signs = {"good": "ok", "odd": "look", "bad": "BAD"}
        columns: Columns[checks.DoctorFinding] = (
            ("", lambda finding: signs[finding.verdict]),
            ("CHECK", lambda finding: finding.check),
            ("FOUND", lambda finding: finding.found),
            ("REMEDY", lambda finding: finding.remedy or " "),
        )
        items(findings, columns, output, "")
    if any(finding.verdict == "bad" for finding in findings):
        raise typer.Exit(REFUSED)


def capabilities(output: Output = Format.TABLE) -> None:
    """What the platform found around it (Kubeflow, Ray, queues, GPUs), and whether it uses it."""
    from millrace.cli.session import client
    from millrace_contracts.capabilities import Capability

    surroundings = client().controller.capabilities()
    if output != Format.TABLE:
        return dump(surroundings, output)
    parts = [(name, part) for name, part in surroundings if isinstance(part, Capability)]
    columns: Columns[tuple[str, Capability]] = (
        ("WHAT", lambda item: item[0]),
        ("FOUND", lambda item: item[1].found),
        ("USED", lambda item: item[1].used),
        ("WHY", lambda item: item[1].detail),
    )
    typer.echo(
        f"On a {surroundings.platform} platform; the next loop run's pipeline is a {surroundings.pipelines}."
    )
    return items(parts, columns, output, "")


def version(output: Output = Format.TABLE) -> None:
    """The version of Millrace, and where it keeps things."""
    import platform

    from millrace import __version__

    home = os.environ.get("MILLRACE_HOME") or str(Path.home() / ".millrace")
    facts = {"millrace": __version__, "python": platform.python_version(), "home": home}
    if output != Format.TABLE:
        return dump(facts, output)
    typer.echo(f"millrace {__version__} (Python {facts['python']}, home {home})")
    return None
