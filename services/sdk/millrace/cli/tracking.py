"""Commands for MLflow's client, which people bring along."""

import shlex

import typer


def mlflow() -> None:
    """Print where MLflow's client finds the platform, as lines for a shell:  eval "$(millrace mlflow)"."""
    from millrace.transport import address

    found = address.from_environment()
    token = found.token if isinstance(found.token, str) else found.token()
    settings = {
        "MLFLOW_TRACKING_URI": found.of("registry").rstrip("/"),
        "MLFLOW_TRACKING_TOKEN": token,
        "MLFLOW_WORKSPACE": found.project,
    }
    for name, value in settings.items():
        typer.echo(f"export {name}={shlex.quote(value)}")
