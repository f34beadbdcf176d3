"""The command `millrace`: everything a user of the platform types."""

import os
from pathlib import Path
from typing import Annotated

import typer

from millrace.cli import (
    acting,
    alarming,
    approving,
    archiving,
    backtesting,
    carding,
    coding,
    declaring,
    drafting,
    exporting,
    following,
    keys,
    labelling,
    lists,
    looking,
    monitoring,
    notifying,
    people,
    predicting,
    records,
    refusing,
    replaying,
    reviewing,
    running,
    scoring,
    signing,
    sources,
    streaming,
    tracking,
)
from millrace.cli.command import command

RUN, LOOP, LOOK = "The platform on this machine", "Loops", "What there is, and why"
app = typer.Typer(
    name="millrace",
    help="Millrace keeps a model true: data, training, gates, serving, watching, retraining, and the way back.",
    epilog="Begin with:  millrace up;  millrace init --help",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def settings(
    project: Annotated[
        str | None, typer.Option(help="The project; MILLRACE_PROJECT, else 'default'.")
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(help="Where this machine's platform keeps things; MILLRACE_HOME, else ~/.millrace."),
    ] = None,
) -> None:
    """What holds for every command; children of `millrace up` inherit it."""
    if project is not None:
        os.environ["MILLRACE_PROJECT"] = project
    if home is not None:
        os.environ["MILLRACE_HOME"] = str(home.absolute())


command(
    app,
    "up",
    "millrace up",
    "millrace --home /data/millrace up",
    "millrace up --protect    # inference asks for keys, as in a cluster",
    panel=RUN,
)(running.up)
command(app, "console", "millrace console", "millrace console --open", panel=RUN)(looking.console)
command(
    app,
    "init",
    "millrace init my-loop --data sales.csv --target revenue --time sold_at",
    "millrace init churn --data customers.parquet --target churned",
    "millrace init shop --source postgresql://reader@db/shop --table sales --secret password=env:SHOP_PASSWORD "
    "--target revenue --time sold_at --every 15m",
    panel=LOOP,
)(drafting.init)
command(app, "apply", "millrace apply -f my-loop.yaml", "millrace apply -f my-loop.yaml -o json", panel=LOOP)(
    declaring.apply
)
command(
    app,
    "export",
    "millrace export -f my-loop.yaml | kubectl apply -n team-a -f -",
    "millrace export -f my-loop.yaml --out loops/my-loop.yaml",
    panel=LOOP,
)(exporting.export)
command(
    app,
    "watch",
    "millrace watch my-loop",
    "millrace watch my-loop --follow",
    "millrace watch my-loop --once",
    panel=LOOP,
)(following.watch)
command(
    app,
    "predict",
    'millrace predict my-loop --row \'{"shop": 4, "weekday": "Monday"}\'',
    "millrace predict my-loop --rows rows.csv -o json",
    panel=LOOP,
)(predicting.predict)
command(
    app,
    "score",
    "millrace score my-loop --data rows.parquet --out scored.csv",
    "millrace score my-loop --data months/ --out scored/ --keep customer",
    "millrace score my-loop --data rows.csv --table scored --connection env:SHOP_DATABASE",
    "millrace score my-loop --source env:SHOP_DATABASE --query 'SELECT * FROM customers' --out scored.csv",
    "millrace score my-loop --source customers.yaml --out s3://bucket/scored",
    "millrace score my-loop    # what spec.predict.batch declares, now",
    panel=LOOP,
)(scoring.score)
command(
    app,
    "explain",
    "millrace explain 4be1c2d0",
    "millrace explain 17     # by its number in the log",
    panel=LOOK,
)(following.explain)
command(
    app,
    "rollback",
    "millrace rollback my-loop",
    "millrace rollback my-loop --to 3 --reason 'complaints'",
    panel=LOOP,
)(acting.rollback)
command(app, "retrain", "millrace retrain my-loop", "millrace retrain my-loop --search", panel=LOOP)(
    acting.retrain
)
command(
    app,
    "adopt",
    "millrace adopt my-loop --model prices --version 3 --trained-through 2026-05-01",
    panel=LOOP,
)(acting.adopt)
command(app, "pause", "millrace pause my-loop", panel=LOOP)(acting.pause)
command(app, "resume", "millrace resume my-loop", panel=LOOP)(acting.resume)
command(app, "delete", "millrace delete my-loop", "millrace delete my-loop --yes", panel=LOOP)(acting.delete)
command(
    app,
    "backtest",
    "millrace backtest -f my-loop.yaml --data history.csv",
    "millrace backtest -f my-loop.yaml --data history.csv --out backtest --compare schedule=7d,30d",
    panel=LOOP,
)(backtesting.backtest)
command(
    app, "report", "millrace report my-loop --open", "millrace report my-loop --out report.html", panel=LOOK
)(acting.report)
command(
    app,
    "card",
    "millrace card my-loop",
    "millrace card my-loop 3 --out cards/my-loop-3",
    "millrace card my-loop --show",
    panel=LOOK,
)(carding.card)
command(declaring.data, "accept", "millrace data accept 3 --widen")(refusing.accept)
command(declaring.data, "drop", "millrace data drop 3")(refusing.drop)
declaring.data.add_typer(refusing.quarantine)
command(
    declaring.data,
    "stream",
    "millrace data stream my-loop < rows.jsonl",
    "tail -f rows.jsonl | millrace data stream my-loop --no-wait",
    "millrace data stream my-loop --key export-7 < rows.jsonl   # may be repeated after a failure",
)(streaming.stream)
command(declaring.data, "streams", "millrace data streams", "millrace data streams -o json")(
    streaming.streams
)
OF_LOOPS = (
    approving.approvals,
    notifying.notify,
    declaring.data,
    coding.code,
    labelling.labels,
    reviewing.review,
    sources.sources,
    replaying.backtests,
)
for group in (
    *OF_LOOPS,
    *lists.GROUPS,
    alarming.alarms,
    monitoring.monitors,
    *records.GROUPS,
    keys.keys,
    people.users,
    people.tokens,
    archiving.audit,
):
    app.add_typer(group, rich_help_panel=LOOP if group in OF_LOOPS else LOOK)
command(app, "doctor", "millrace doctor", "millrace doctor -o json", panel=RUN)(running.doctor)
command(app, "capabilities", "millrace capabilities", "millrace capabilities -o json", panel=RUN)(
    running.capabilities
)
command(
    app,
    "login",
    "millrace login --kube",
    "millrace login --kube --context production --account team-a/millrace",
    "millrace login --kube --url https://models.example",
    "millrace login --user ada",
    panel=RUN,
)(signing.login)
command(app, "logout", "millrace logout", panel=RUN)(signing.logout)
command(app, "whoami", "millrace whoami", "millrace whoami -o json", panel=LOOK)(signing.whoami)
command(app, "mlflow", 'eval "$(millrace mlflow)"', "millrace --project team-a mlflow", panel=RUN)(
    tracking.mlflow
)
command(app, "down", "millrace down", panel=RUN)(running.down)
command(app, "version", "millrace version", panel=RUN)(running.version)


def main(arguments: list[str] | None = None) -> int:
    """Entry point of the console script: runs one command and returns its exit code."""
    try:
        app(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0
