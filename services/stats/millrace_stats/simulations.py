"""`make simulate`: every group of measurements, several processes at a time, kept as figures, and the page of them.

`python -m millrace_stats.simulations [group ...] [--scale share] [--page]`. What was measured is kept in
docs/simulations.json with its seed, date and machine; the tables and promises of docs/simulations.md are written out of
that, between marks, and its other words by hand.
"""

import argparse
import json
import os
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from millrace_stats import promises, tables
from millrace_stats.measuring import SEED
from millrace_stats.tables import Group

DOCS = Path(__file__).parents[3] / "docs"
RECORD, PAGE = "simulations.json", "simulations.md"


@dataclass(frozen=True)
class Wish:
    """One group to be measured."""

    group: str
    scale: float


def measured(wish: Wish) -> Group:
    """All figures of one group, in a process of its own."""
    import numpy as np

    from millrace_stats.measurements import GROUPS

    began = time.process_time()
    rows = [tables.Row.of(item) for item in GROUPS[wish.group](wish.scale)]
    return Group(
        name=wish.group,
        date=date.today().isoformat(),
        seed=SEED,
        scale=wish.scale,
        machine=f"{platform.machine()}, {os.cpu_count()} cores, numpy {np.__version__}",
        cpu_seconds=round(time.process_time() - began, 1),
        rows=tuple(rows),
    )


def run(groups: list[str], scale: float, docs: Path, processes: int) -> None:
    """Measure, those first that took longest, and keep each group as soon as it is done."""
    took = {name: found.cpu_seconds or 0.0 for name, found in kept(docs).items()}
    ordered = sorted(groups, key=lambda group: -took.get(group, float("inf")))
    with ProcessPoolExecutor(processes) as pool:
        waiting = {pool.submit(measured, Wish(group, scale)): group for group in ordered}
        for done in as_completed(waiting):
            found = done.result()
            print(f"{found.name}: {len(found.rows)} figures, {found.cpu_seconds:.0f} CPU-seconds", flush=True)
            keep(docs, found)


def kept(docs: Path) -> dict[str, Group]:
    """What was measured, by group."""
    path = docs / RECORD
    if not path.exists():
        return {}
    return {name: Group.read(name, told) for name, told in json.loads(path.read_text()).items()}


def keep(docs: Path, found: Group) -> None:
    """Put a group's figures in place of its earlier ones."""
    groups = kept(docs) | {found.name: found}
    lines = [f'  "{name}": {_told(group)}' for name, group in sorted(groups.items())]
    staged = docs / f"{RECORD}.staged"
    staged.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    os.replace(staged, docs / RECORD)


def _told(group: Group) -> str:
    """One row a line, so that a change of one figure is a change of one line."""
    facts = {name: value for name, value in asdict(group).items() if name not in ("name", "rows")}
    rows = ",\n    ".join(json.dumps(asdict(row), ensure_ascii=False) for row in group.rows)
    return json.dumps(facts, ensure_ascii=False)[:-1] + f', "rows": [\n    {rows}\n  ]}}'


def written(text: str, groups: dict[str, Group]) -> str:
    """The page with all that stands between marks written anew. Raises: KeyError for a mark that names no group."""
    return tables.filled(text, groups, promises.table(groups))


def lost(before: dict[str, Group], after: dict[str, Group]) -> list[str]:
    """Promises that were kept before and are not now; those that never were stand on the page as such."""
    return [
        f"{item.text}: {promises.judged(item, after).figures}"
        for item in promises.PROMISES
        if promises.judged(item, after).word == promises.BROKEN
        and promises.judged(item, before).word in (promises.KEPT, promises.NEARLY)
    ]


def main() -> int:
    """Measure and write the page; 1 if a promise is not kept any more, which is then named."""
    from millrace_stats.measurements import GROUPS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", help=f"some of {', '.join(GROUPS)}; all if none")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full number of repeats")
    parser.add_argument("--page", action="store_true", help="measure nothing")
    parser.add_argument("--docs", type=Path, default=DOCS)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    strange = sorted(set(given.groups) - set(GROUPS))
    if strange:
        parser.error(f"no such group: {', '.join(strange)}")
    before = kept(given.docs)
    if not given.page:
        run(given.groups or list(GROUPS), given.scale, given.docs, given.processes)
    groups = kept(given.docs)
    page = given.docs / PAGE
    page.write_text(written(page.read_text(), groups))
    broken = lost(before, groups)
    for told in broken:
        print(f"kept before, and not now: {told}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
