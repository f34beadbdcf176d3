"""Whether a family of models earns its place: AutoML with and without it, on ten tables, judged on rows kept apart.

    python -m tests.bench.families [mlp] [a table's name ...]

For each table every configuration of the portfolio is judged by three folds of four fifths of the rows; the production
code selects the best or an ensemble, once without the family and once with it; both are fitted again and predict the
last fifth. The loss is that of the task (squared error over the target's variance, or log loss).
"""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from millrace.demo import flights
from millrace_stats import tasks
from millrace_training.automl import ensemble, pipeline, splits, targets
from millrace_training.automl.aims import Aim
from millrace_training.automl.portfolio import NETS, PORTFOLIO
from millrace_training.features.columns import columns_of
from millrace_training.features.frame import Frame, from_arrow

FOLDS, SEED = 3, 7
FLIGHTS = 8_000


@dataclass(frozen=True)
class Rows:
    """A table with its task: the column `target` is learnt."""

    name: str
    task: str
    frame: pd.DataFrame


def data() -> Iterator[Rows]:
    """Ten tables: of scikit-learn, of this repository's tests, of the demo, and made up."""
    from sklearn import datasets

    yield Rows("tumours", "binary", datasets.load_breast_cancer(as_frame=True).frame)
    yield Rows("diabetes", "regression", datasets.load_diabetes(as_frame=True, scaled=False).frame)
    yield Rows("wine", "multiclass", datasets.load_wine(as_frame=True).frame)
    yield Rows("digits, 64 columns", "multiclass", datasets.load_digits(as_frame=True).frame)
    penguins = pd.read_csv(Path(__file__).parents[1] / "loop" / "penguins.csv")
    yield Rows("penguins", "multiclass", penguins.rename(columns={"species": "target"}))
    air = flights.load().dropna(subset=[flights.TARGET]).drop(columns=["flight_id"])
    air = air.sample(FLIGHTS, random_state=1).rename(columns={flights.TARGET: "target"})
    yield Rows("flights, minutes", "regression", air)
    yield Rows("flights, over two hours", "binary", air.assign(target=(air["target"] > 120).astype(int)))
    weather = pd.read_csv(flights.folder() / "weather.csv", keep_default_na=False, na_values=["NA", ""])
    kept = [
        "origin",
        "month",
        "hour",
        "dewp",
        "wind_dir",
        "wind_speed",
        "precip",
        "visib",
        "pressure",
        "temp",
    ]
    weather = weather[kept].dropna(subset=["temp"]).sample(FLIGHTS, random_state=1)
    yield Rows("weather", "regression", weather.rename(columns={"temp": "target"}))
    made, target = datasets.make_friedman1(4_000, 10, noise=1.0, random_state=1)
    yield Rows("friedman", "regression", _framed(made, target))
    made, target = datasets.make_classification(
        4_000, 20, n_informative=8, n_redundant=4, n_clusters_per_class=6, flip_y=0.05, random_state=1
    )
    yield Rows("clusters", "binary", _framed(made, target))


def _framed(made: np.ndarray, target: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(made, columns=[f"x{place}" for place in range(made.shape[1])]).assign(target=target)


def features(rows: Rows) -> Frame:
    """The columns but the target, as training sees them."""
    frame = rows.frame.drop(columns=["target"])
    kinds = {"M": "timestamp", "f": "number", "i": "integer", "u": "integer", "b": "boolean"}
    schema = [{"name": name, "type": kinds.get(frame[name].dtype.kind, "string")} for name in frame.columns]
    return from_arrow(pa.Table.from_pandas(frame, preserve_index=False), columns_of(schema, []))


def compare(rows: Rows, family: str) -> dict[str, object]:
    """One line of the table."""
    task = tasks.of(rows.task)
    target, classes = targets.learnt(pa.chunked_array([pa.array(rows.frame["target"])]), task)
    frame, aim = features(rows), Aim(task, classes)
    order = np.random.default_rng(SEED).permutation(frame.rows)
    test, train = order[: frame.rows // 5], order[frame.rows // 5 :]
    fold = splits.folds(target[train], FOLDS, task, SEED, np.arange(len(train)))
    seconds: dict[str, float] = {}
    unseen: dict[str, np.ndarray] = {}
    tried = {str(item["id"]): item for item in [*PORTFOLIO, *NETS]}
    for name, item in tried.items():
        began = time.process_time()
        predicted = task.empty(len(train), classes)
        for number in range(FOLDS):
            seen, here = train[fold != number], train[fold == number]
            made = pipeline.fit(item, frame.take(seen), target[seen], aim, "UTC", SEED)
            predicted[fold == number] = made.predict(frame.take(here))
        unseen[name], seconds[name] = predicted, time.process_time() - began
    mine = {name for name, item in tried.items() if item["family"] == family}
    choices = {"without": unseen.keys() - mine, "with": set(unseen), "alone": mine}
    scale = float(np.var(target)) if rows.task == "regression" else 1.0
    line: dict[str, object] = {"table": rows.name, "rows": frame.rows, "columns": len(frame.columns)}
    losses = {}
    for way, names in choices.items():
        weights = ensemble.select(task, target[train], {name: unseen[name] for name in names}, None)
        chosen = ensemble.configuration(weights, tried)
        made = pipeline.fit(chosen, frame.take(train), target[train], aim, "UTC", SEED)
        losses[way] = task.losses(target[test], made.predict(frame.take(test))) / scale
        line |= {way: float(losses[way].mean()), f"{way}: chosen": chosen["id"]}
    gain = losses["without"] - losses["with"]
    line["gain"] = float(gain.mean() / losses["without"].mean())
    line["errors"] = float(gain.mean() / (gain.std(ddof=1) / np.sqrt(len(gain)) or np.inf))
    line["seconds without"] = sum(value for name, value in seconds.items() if name not in mine)
    line["seconds alone"] = sum(value for name, value in seconds.items() if name in mine)
    return line


def main() -> int:
    """Print the table, in Markdown."""
    family, *only = sys.argv[1:] or ["mlp"]
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    print(
        f"| table | rows | columns | without {family} | with it | gain | in standard errors | {family} alone |"
        f" chosen with it | CPU seconds without, of {family} |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for rows in data():
        if only and rows.name not in only:
            continue
        line = compare(rows, family)
        print(
            f"| {line['table']} | {line['rows']} | {line['columns']} | {line['without']:.4f} | {line['with']:.4f} |"
            f" {line['gain']:+.1%} | {line['errors']:+.1f} | {line['alone']:.4f} | {line['with: chosen']} |"
            f" {line['seconds without']:.0f}, {line['seconds alone']:.0f} |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
