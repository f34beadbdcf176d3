"""`make demo`: run the loop on a year of flights, print what happens, and draw it into out/demo."""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

import pandas as pd

from millrace.client import Millrace
from millrace.delivery import push
from millrace.demo import flights, story
from millrace.demo.broken import damage
from millrace.demo.memory import Memory
from millrace.demo.replay import Replay, Sent
from millrace.demo.summary import Measured, Summary
from millrace.documents import load
from millrace_contracts.drift_windows import watched
from millrace_contracts.loop import ModelLoop
from millrace_contracts.rows import DeliveryReport

ROOT = Path(__file__).parents[4]
LOOP = ROOT / "k8s" / "examples" / "flights.yaml"
FIRST_DAY = "2013-03-01"
TRAINED = [flights.EVENT_TIME, *flights.FEATURES, flights.TARGET]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="millrace.demo", description=__doc__)
    parser.add_argument("--through", default="2013-12-31", help="last day that is replayed")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "demo", help="folder for the results")
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


def main() -> int:
    """Run the demo; 1 for wrong decisions, failed requests or lost predictions, else 0."""
    options = arguments()
    shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True)
    from millrace.laptop import Platform

    began = time.perf_counter()
    with Memory() as memory, Platform(options.out / "home") as platform:
        say(f"platform up in {time.perf_counter() - began:.1f} s")
        say(
            f"look at it while it runs: {platform.urls['console']}/p/default/loops/{load(LOOP).metadata.name}"
        )
        say(f"    which signs you in: .venv/bin/millrace --home {options.out / 'home'} console --open")
        summary = run(platform.client(), options, memory, began)
    return report(summary, options.out)


def run(client: Millrace, options: argparse.Namespace, memory: Memory, began: float) -> Summary:
    """The whole story on a running platform; returns the summary."""
    table = prepared(flights.load())
    past, future = table[table["day"] < FIRST_DAY], table[table["day"] >= FIRST_DAY]
    future = future[future["day"] <= options.through].reset_index(drop=True)
    loop = load(LOOP)
    loop.spec.training.seed = options.seed
    name = loop.metadata.name
    refused = teach(client, loop, past[TRAINED], options.out)
    first = client.registry.version(name, 1)
    replay = Replay(client, name, future, first.signature, flights.TARGET, options.seed)
    say(f"replaying {len(future):,} flights, {future['day'].iloc[0]} to {future['day'].iloc[-1]}")
    traffic = replay.run(Progress(client, name))
    facts = story.gather(client, name)
    errors = story.squared_errors(client, facts, future, replay.predictions)
    install = ROOT / ".venv" / ".install-seconds"
    measured = Measured(
        traffic=traffic,
        wall_seconds=time.perf_counter() - began,
        install_seconds=float(install.read_text()) if install.exists() else 0.0,
        peak_rss_bytes=memory.peak,
        seed=options.seed,
        rest_seconds_a_day=traffic.rest_seconds / max(traffic.days, 1),
        whole_year=options.through >= "2013-12-31",
    )
    summary = story.summarize(facts, errors, future, measured)
    story.tell(options.out, facts, errors, future, summary, refused, weekly_psi(client, name))
    return summary


def prepared(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the columns a replay needs: `at`, `day`, `midnight`."""
    local = table[flights.EVENT_TIME].dt.tz_convert(flights.HOME_ZONE)
    return table.assign(
        at=table[flights.EVENT_TIME], day=local.dt.strftime("%Y-%m-%d"), midnight=local.dt.normalize()
    )


def teach(client: Millrace, loop: ModelLoop, past: pd.DataFrame, out: Path) -> DeliveryReport:
    """Offer the damaged copy (refused), then the good one, and wait for the first champion."""
    name, data = loop.metadata.name, out / "data"
    data.mkdir()
    labelled = past.dropna(subset=[flights.TARGET])
    damage(labelled).to_csv(data / "damaged.csv", index=False)
    labelled.to_csv(data / "january-february.csv", index=False)
    client.controller.apply(loop)
    refused = push(client, name, data / "damaged.csv").report
    say(f"the damaged copy is refused: {len(refused.failed)} checks failed")
    for check in refused.failed:
        say(f"    {check.check} {check.column or ''}: {check.observed} (allowed: {check.allowed})")
    accepted = push(client, name, data / "january-february.csv")
    say(f"January and February are accepted: {accepted.rows:,} rows")
    began = time.perf_counter()
    client.controller.await_run(name, 1)
    say(f"first model searched, proved and served in {time.perf_counter() - began:.0f} s")
    return refused


class Progress:
    """Prints a line for each decision as it comes, and one for each month."""

    def __init__(self, client: Millrace, loop: str) -> None:
        self.client, self.loop = client, loop
        self.told: set[str] = set()
        self.month = ""
        self.began = time.perf_counter()

    def __call__(self, day: object, traffic: Sent) -> None:
        for item in self.client.registry.decisions(loop=self.loop):
            if item.id not in self.told and item.kind in story.SHOWN:
                say(f"    {story.day_of(item) if item.event_time else ''}  {item.kind}: {item.reason}")
            self.told.add(item.id)
        if str(day)[:7] != self.month:
            self.month = str(day)[:7]
            rate = traffic.rows / (time.perf_counter() - self.began)
            say(f"{self.month}  {traffic.sent:,} requests, {traffic.failed} failed, {rate:,.0f} flights/s")


def weekly_psi(client: Millrace, loop: str) -> pd.DataFrame:
    """PSI by feature and week (its Monday) from monitoring's drift records over whole weeks."""
    rows = [
        (closed.day, watched(feature), psi, closed.days)
        for closed in client.monitoring.drift(loop)
        for feature, psi in closed.psi.items()
    ]
    table = pd.DataFrame(rows, columns=["day", "feature", "psi", "days"])
    table = table[table["days"] % 7 == 0]
    table["week"] = pd.to_datetime(table["day"]).dt.to_period("W").dt.start_time.dt.strftime("%Y-%m-%d")
    return table.pivot_table(index="feature", columns="week", values="psi", aggfunc="max")


def report(summary: Summary, out: Path) -> int:
    """Print the result, with what was promised and what is only compared; returns the exit code."""
    rmse = summary.rmse
    months = list(rmse["loop"].by_month)
    say("")
    say(f"{'RMSE, minutes':24}" + "".join(f"{month[5:]:>7}" for month in months) + "    year")
    for key, label in (
        ("static", "never retrained"),
        ("loop", "Millrace"),
        ("hindsight", "best in hindsight"),
    ):
        by_month = "".join(f"{rmse[key].by_month[month]:7.1f}" for month in months)
        say(f"{label:24}{by_month}{rmse[key].overall:8.2f}")
    counts = {"loop_runs", "promotions", "rollbacks", "requests", "predictions"}
    say(json.dumps(summary.model_dump(include=counts)))
    alarms = ", ".join(f"{item.opened_day} {item.cause}" for item in summary.alarms)
    say(f"alarms: {alarms or 'none'}")
    say(f"decision digest {summary.decision_digest}")
    for item in summary.thresholds:
        say(f"  {item.word:<6}  {item.name}: {item.shown} ({item.bound_shown})")
    say(f"see {(out / 'index.html').resolve().as_uri()}")
    return 0 if all(item.met or not item.binding for item in summary.thresholds) else 1


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
