"""The configurations that a search begins with, and the space in which it goes on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from millrace_contracts.learning import Configuration, Params
from millrace_contracts.names import Family


@dataclass(frozen=True)
class Range:
    """Values from *low* to *high*; whole numbers, or drawn on a log scale, if told so."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


PORTFOLIO: list[Configuration] = [
    {
        "id": "lgb-a",
        "family": "lightgbm",
        "params": {"rounds": 100, "rate": 0.1, "leaves": 31, "least_rows": 20, "columns": 1.0, "l2": 0.0},
    },
    {"id": "lin-a", "family": "linear", "params": {"alpha": 1.0}},
    {
        "id": "xgb-a",
        "family": "xgboost",
        "params": {"rounds": 120, "rate": 0.1, "depth": 6, "least_weight": 1.0, "columns": 0.8, "l2": 1.0},
    },
    {
        "id": "lgb-b",
        "family": "lightgbm",
        "params": {"rounds": 150, "rate": 0.05, "leaves": 63, "least_rows": 50, "columns": 0.8, "l2": 1.0},
    },
    {"id": "hgb", "family": "histogram", "params": {"rounds": 100, "rate": 0.08, "leaves": 31, "l2": 1.0}},
    {
        "id": "et",
        "family": "extra-trees",
        "params": {"trees": 60, "leaves": 512, "least_rows": 3, "columns": 0.7},
    },
    {"id": "lin-b", "family": "linear", "params": {"alpha": 100.0}},
    {
        "id": "xgb-b",
        "family": "xgboost",
        "params": {"rounds": 100, "rate": 0.08, "depth": 8, "least_weight": 5.0, "columns": 0.8, "l2": 1.0},
    },
]

NETS: list[Configuration] = [
    {"id": "mlp-a", "family": "mlp", "params": {"layers": 2, "width": 128, "rate": 0.003, "decay": 0.0001}},
    {"id": "mlp-b", "family": "mlp", "params": {"layers": 1, "width": 256, "rate": 0.002, "decay": 0.01}},
]

SPACES: Mapping[str, Mapping[str, Range]] = {
    "lightgbm": {
        "rounds": Range(60, 250, whole=True),
        "rate": Range(0.03, 0.2, log=True),
        "leaves": Range(8, 63, log=True, whole=True),
        "least_rows": Range(5, 200, log=True, whole=True),
        "columns": Range(0.5, 1.0),
        "l2": Range(0.001, 10, log=True),
    },
    "xgboost": {
        "rounds": Range(60, 200, whole=True),
        "rate": Range(0.03, 0.25, log=True),
        "depth": Range(3, 8, whole=True),
        "least_weight": Range(0.5, 30, log=True),
        "columns": Range(0.5, 1.0),
        "l2": Range(0.1, 10, log=True),
    },
    "histogram": {
        "rounds": Range(60, 200, whole=True),
        "rate": Range(0.03, 0.2, log=True),
        "leaves": Range(8, 63, log=True, whole=True),
        "l2": Range(0.001, 10, log=True),
    },
    "extra-trees": {
        "trees": Range(40, 80, whole=True),
        "leaves": Range(64, 768, log=True, whole=True),
        "least_rows": Range(1, 20, log=True, whole=True),
        "columns": Range(0.3, 1.0),
    },
    "linear": {"alpha": Range(0.001, 10_000, log=True)},
    "mlp": {
        "layers": Range(1, 3, whole=True),
        "width": Range(32, 256, log=True, whole=True),
        "rate": Range(0.0005, 0.01, log=True),
        "decay": Range(0.00001, 0.3, log=True),
    },
}

SIZES: Mapping[str, Mapping[str, Range]] = {
    "lightgbm": {
        "rounds": Range(10, 250, log=True, whole=True),
        "leaves": Range(4, 63, log=True, whole=True),
    },
    "xgboost": {"rounds": Range(10, 200, log=True, whole=True), "depth": Range(2, 8, whole=True)},
    "histogram": {
        "rounds": Range(10, 200, log=True, whole=True),
        "leaves": Range(4, 63, log=True, whole=True),
    },
    "extra-trees": {
        "trees": Range(10, 80, log=True, whole=True),
        "leaves": Range(16, 768, log=True, whole=True),
    },
    "mlp": {"width": Range(8, 256, log=True, whole=True)},
}
"""Where the size of a model is drawn from if latency counts: down to what a plain search never looks at."""
NUMBER_OF = {
    "lightgbm": "rounds",
    "xgboost": "rounds",
    "histogram": "rounds",
    "extra-trees": "trees",
    "mlp": "width",
}
"""The setting that a model's latency grows with."""


PLAIN = frozenset({"number", "boolean", "tensor"})
BESIDE = 3
"""Behind so many others stands the first net where all columns are plain."""
SHAPED = ("mlp-a", "lin-a", "mlp-b", "et", "lgb-a")
"""What suits tensors, whose single numbers say little."""


def choices(families: Sequence[Family] | None, kinds: Collection[str]) -> list[Configuration]:
    """What a search may begin with: of the *families* that are asked for, or those that suit columns of these *kinds*.

    Nets are tried by themselves on tensors, and where all columns are numbers: with words and times among them they
    were no better on any table that was measured (docs/benchmarks.md), and cost as much as all others together.
    """
    every = [*PORTFOLIO, *NETS]
    if families is not None:
        return [item for item in every if item["family"] in families]
    if "tensor" in kinds:
        return [next(item for item in every if item["id"] == name) for name in SHAPED]
    if not PLAIN.issuperset(kinds):
        return PORTFOLIO
    return [*PORTFOLIO[:BESIDE], NETS[0], *PORTFOLIO[BESIDE:], *NETS[1:]]


def sized(family: str) -> Mapping[str, Range]:
    """Where a family's settings are drawn from if latency counts."""
    return {**SPACES[family], **SIZES.get(family, {})}


def halved(family: str, params: Params) -> Params:
    """The same settings with half the trees, or half the width, within the space: what one would try by hand."""
    name, space = NUMBER_OF[family], sized(family)
    half = {**params, name: int(params[name]) // 2}
    return {
        key: min(max(value, _end(space[key].low, value)), _end(space[key].high, value))
        for key, value in half.items()
    }


def _end(end: float, value: float) -> float | int:
    """An end of a range in the type of the value."""
    return int(end) if isinstance(value, int) else float(end)


def start(configurations: list[Configuration], trials: int) -> list[Configuration]:
    """The first configurations of a search of so many *trials*: at most two thirds of them."""
    return configurations[: max(1, min(len(configurations), (2 * trials + 2) // 3))]
