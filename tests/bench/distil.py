"""What a version's other forms are worth on real tables: an ensemble, the small model it teaches, and INT8.

    python -m tests.bench.distil [a table's name ...]

Each table of `tests.bench.families` goes through the jobs `train` (the whole search) and `compress`, as a loop would
ask them, and the forms are held against the ensemble on the fold that its graph before the last fit had not seen. "By
labels" is the same small model, fitted to the labels instead of the ensemble's answers. Pictures lie in out/distil.
"""

import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
from tests.bench.families import Rows, data
from tests.training.conftest import MemoryRegistry, run_train

from millrace.pages import forms
from millrace_contracts.compressing import CompressResult, CompressSpec
from millrace_contracts.variants import DISTILLED, ModelVariant
from millrace_training.compress import compress
from millrace_training.runtime import executors
from millrace_training.runtime.assignment import JobIdentity
from millrace_training.runtime.context import Context
from millrace_training.runtime.trials import TrialStore

SEED, OUT = 7, Path("out/distil")
HEADER = (
    "| table | form | state | kB | loss | against the ensemble | answers alike | µs, 1 row | µs, 8 rows |"
    " times as fast (lower bound), 1 and 8 rows | by labels |\n|---|---|---|---|---|---|---|---|---|---|---|"
)


def forms_of(rows: Rows, folder: Path) -> tuple[str, CompressResult]:
    """What the search chose, and its forms."""
    registry = MemoryRegistry()
    registry.add("rows", 1, pa.Table.from_pandas(rows.frame, preserve_index=False))
    asked: dict[str, Any] = {
        "dataset": "rows", "dataset_version": 1, "task": rows.task, "target": "target", "seed": SEED, "folds": 5,
    }  # fmt: skip
    trained = run_train(asked | {"distil": True, "executor": "inline"}, _context(registry, folder, "train"))
    candidate = {"files": trained["files"], "signature": trained["signature"]}
    more = {
        "candidate": candidate, "golden": trained["golden"], "configuration": trained["configuration"],
        "distil": True, "targets": ["ort-cpu-int8"],
    }  # fmt: skip
    spec = CompressSpec.model_validate(asked | more)
    return trained["configuration"]["id"], compress.run(spec, _context(registry, folder, "compress"))


def _context(registry: MemoryRegistry, folder: Path, key: str) -> Context:
    scratch = folder / key / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    return Context(
        client=SimpleNamespace(registry=registry),
        scratch=scratch,
        trials=TrialStore(folder / key / "trials.sqlite"),
        threads=1,
        job=JobIdentity("1", key, key, "loop", 1, 1),
        emit=lambda news: None,
        is_cancelled=lambda: False,
        make_executor=lambda name: executors.make(name, 1, 4 << 30),
    )


def lines(name: str, chosen: str, result: CompressResult) -> list[str]:
    """Lines of the table, the ensemble first."""
    if not result.variants:
        return [f"| {name} | {chosen} | {'; '.join(result.notes)} |"]
    return [_line(name, chosen, item, result) for item in result.variants]


def _line(name: str, chosen: str, item: ModelVariant, result: CompressResult) -> str:
    measured = item.measured or next((one.measured for one in result.variants if one.measured), None)
    told = [] if measured is None else (measured.variant if item.measured else measured.base)
    ms = {one.batch: f"{one.p10 * 1000:.0f}" for one in told}
    speeds = [] if item.measured is None else [item.measured.at(batch) for batch in (1, 8)]
    faster = ", ".join(f"{one.ratio:.2f} ({one.lower:.2f})" for one in speeds if one)
    lost = item.difference
    difference = (
        "" if lost is None or lost.difference is None else f"{lost.difference:+.1%}, up to {lost.upper:+.1%}"
    )
    alone = "" if item.taught is None or item.taught.by_labels is None else f"{item.taught.by_labels:.4g}"
    what = (
        chosen
        if item is result.variants[0]
        else f"{'distilled: ' if item.target == DISTILLED else 'INT8: '}{item.how}"
    )
    cells = (
        name, what, item.state, f"{(item.size or 0) / 1000:.0f}", f"{item.loss:.4g}" if item.loss is not None else "",
        difference, f"{item.agreement:.1%}" if item.agreement is not None else "", ms.get(1, ""), ms.get(8, ""), faster,
        alone,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Print the table in Markdown, and draw the pictures."""
    OUT.mkdir(parents=True, exist_ok=True)
    print(f"load {os.getloadavg()[0]:.1f}\n{HEADER}", flush=True)
    for rows in data():
        if sys.argv[1:] and rows.name not in sys.argv[1:]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            chosen, result = forms_of(rows, Path(folder))
        print("\n".join(lines(rows.name, chosen, result)), flush=True)
        drawn = forms.picture(result.variants)
        if drawn is not None:
            (OUT / f"{rows.name.replace(' ', '-').replace(',', '')}.svg").write_text(str(drawn))
            (OUT / f"{rows.name.replace(' ', '-').replace(',', '')}.json").write_text(
                result.model_dump_json(indent=1)
            )
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
