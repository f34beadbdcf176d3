"""`make bench-decisions`: all streams, two processes at a time, then out/decisions.json, the page and the picture.

`python -m tests.bench.decisions [STREAM ...]` does some streams; `--page` writes the page of what there is. What was
measured by the same code is not done again: out/decisions has it; `--fresh` does it all.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

from tests.bench.__main__ import describe
from tests.bench.decisions import packages, theirs
from tests.bench.decisions.aims import compared
from tests.bench.decisions.page import page, picture
from tests.bench.decisions.real import STREAMS
from tests.bench.decisions.standing import Standing, ranks, standing

ROOT = packages.ROOT
OUT, DOCS = ROOT / "out" / "decisions", ROOT / "docs"
ENVIRONMENTS = ("river", "evidently", "nannyml")
PARTS = (*theirs.PARTS, "strict", "balanced")
OF = {"plain": "river", "evidently": "evidently", "nannyml": "nannyml", "strict": "", "balanced": ""}
"""Whose process each part asks."""
AT_ONCE = 2


def main() -> int:
    """Measure what is wanted and write what there is; 1 if a part of it could not be measured."""
    parser = argparse.ArgumentParser(prog="tests.bench.decisions", description=__doc__)
    parser.add_argument("streams", nargs="*", choices=[[], *STREAMS], default=[])
    parser.add_argument("--page", action="store_true", help="measure nothing")
    parser.add_argument("--fresh", action="store_true", help="do again what is there")
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    failed: dict[str, str] = {}
    if not options.page:
        packages.data()
        for name in ENVIRONMENTS:
            packages.python(name)
        jobs = [(name, part) for name in options.streams or STREAMS for part in PARTS]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            told = pool.map(lambda job: measured(*job, fresh=options.fresh), jobs)
            failed = {f"{name}, {part}": why for (name, part), why in zip(jobs, told, strict=True) if why}
    standings, missing = there()
    written(standings, failed | missing)
    return 1 if failed else 0


def measured(stream: str, part: str, fresh: bool = False) -> str:
    """Do one part, unless it is there; returns why it could not be done, or nothing."""
    target, code = OUT / f"{stream}.{part}.json", code_of(part)
    if not fresh and target.exists() and json.loads(target.read_text()).get("code") == code:
        return ""
    staged = target.with_suffix(".staged")
    module = "theirs" if part in theirs.PARTS else "ours"
    command = [sys.executable, "-m", f"tests.bench.decisions.{module}", stream, part, str(staged)]
    own = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    log = OUT / f"{stream}.{part}.log"
    with log.open("wb") as out:
        ended = subprocess.run(command, cwd=ROOT, env=os.environ | own, stdout=out, stderr=out, check=False)
    if ended.returncode:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        print(f"{stream}, {part}: failed, see {log}", flush=True)
        return lines[-1] if lines else f"ended with {ended.returncode}"
    here = {"code": code, "commit": commit(), "date": date.today().isoformat(), "load": os.getloadavg()}
    told = json.loads(staged.read_text()) | here
    staged.write_text(json.dumps(told))
    os.replace(staged, target)
    print(f"{stream}, {part}: {told['seconds']:.0f} s, {told['cpu_seconds']:.0f} of a processor", flush=True)
    return ""


def commit() -> str:
    """Of the code that is checked out."""
    command = ["git", "rev-parse", "--short=8", "HEAD"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


def code_of(part: str) -> str:
    """A digest of the code that a part comes from: of the benchmark, and of the loop's rules or its learner."""
    here = sorted(Path(__file__).parent.rglob("*.py"))
    foreign = [path.name for path in here if "foreign" in path.parts and path.name != f"of_{OF[part]}.py"]
    unread = {
        "__main__.py",
        "aims.py",
        "page.py",
        "standing.py",
        "test_decisions.py",
        "test_foreign.py",
        *foreign,
    }
    if part in theirs.PARTS:
        unread |= {"ours.py"}
        rooms: tuple[str, ...] = ("training",)
    else:
        unread |= {"detectors.py", "theirs.py", "peer.py", "policies.py"}
        rooms = ("training", "stats", "controller", "monitoring", "replay")
    files = [path for path in here if path.name not in unread]
    for room in rooms:
        files += sorted((ROOT / "services" / room).rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def there() -> tuple[list[Standing], dict[str, str]]:
    """What was measured, and what was not."""
    standings, missing = [], {}
    for name in STREAMS:
        parts = {part: OUT / f"{name}.{part}.json" for part in PARTS}
        read = {part: json.loads(path.read_text()) for part, path in parts.items() if path.exists()}
        if "plain" not in read:
            missing[name] = "was not measured"
            continue
        others = theirs.merged([told for part, told in read.items() if part in theirs.PARTS])
        ours = {f"Millrace, {part}": told for part, told in read.items() if part not in theirs.PARTS}
        missing |= {f"{name}, {part}": "was not measured" for part in PARTS if part not in read}
        others["stream"] |= {
            "commits": {part: told["commit"] for part, told in read.items()},
            "earlier": [part for part, told in read.items() if told.get("code") != code_of(part)],
        }
        standings.append(standing(name, others, ours))
    return standings, missing


def written(standings: list[Standing], missing: dict[str, str]) -> None:
    """The figures as JSON, the page, and the picture."""
    if not standings:
        return
    parts = [json.loads(path.read_text()) for path in sorted(OUT.glob("*.json"))]
    commits = sorted({part.get("commit", "unknown") for part in parts})
    loads = [part["load"][0] for part in parts]
    facts: dict[str, Any] = {
        "machine": machine(), "date": date.today().isoformat(), "commit": ", ".join(commits),
        "cpu": sum(part["cpu_seconds"] for part in parts), "load": f"{min(loads):.0f} to {max(loads):.0f}",
    }  # fmt: skip
    figures = {
        **facts, "missing": missing, "mean_rank": ranks(compared(standings)),
        "streams": {item.name: told(item) for item in standings},
    }  # fmt: skip
    (ROOT / "out" / "decisions.json").write_text(json.dumps(figures, indent=2))
    picture(standings, DOCS / "images" / "decisions-benchmark.svg")
    (DOCS / "decisions-benchmark.md").write_text(page(standings, missing, facts))


def machine() -> str:
    """In words."""
    it = describe()
    return (
        f"{it['processor'] or 'an unnamed processor'}, {it['cores']} cores, {it['memory_gib']} GiB of memory, "
        f"{it['system']}, Python {it['python']}"
    )


def told(item: Standing) -> dict[str, Any]:
    """A stream's figures."""
    overall, bounds, ratios = item.overall(), item.intervals(), item.ratios()
    lines = {
        name: {
            "loss": overall[name], "against_hindsight": ratios[place], "bounds": bounds[place].tolist(),
            "worst_month": item.worst(name), "delay": item.delay(name),
            **{what: len(item.parts[name][what]) for what in ("trained", "promoted", "alarms")},
        }
        for place, name in enumerate(item.names)
    }  # fmt: skip
    return {"facts": item.facts, "hindsight": item.hindsight, "fixed": item.fixed(), "policies": lines}


if __name__ == "__main__":
    sys.exit(main())
