"""Models of few, some and many columns by every way there is, side by side in one run, and beside what people build."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tests.bench import asking, load, models, spent, ways
from tests.bench.load import Load
from tests.bench.ways import Place, Way

from millrace.client import Millrace

CONNECTIONS = (1, 16)
SECONDS = 2.0
ROUNDS = 3
WIDTHS = (5, 300)
"""Columns of the models beside the one of 30."""
AMONG = (
    "Triton, columns",
    "Triton, packed",
    "Millrace, packed",
    ":predict",
    "FastAPI",
    "FastAPI, bodies logged",
)
"""What is drawn over the number of columns."""


@dataclass(frozen=True)
class Run:
    """One round of one way: what was seen, and the processor seconds of each part."""

    load: Load
    spent: Mapping[str, float]


def measure(client: Millrace, place: Place, pids: list[int], folder: Path) -> dict[str, Any]:
    """Requests a second, latency and processor time by way and number of connections; rounds interleaved, medians."""
    with (
        ways.bare_envoy(place, folder) as envoy,
        ways.naive(place, folder) as naive,
        asking.beside(place, folder) as (keyed, process),
    ):
        among = ways.of_millrace(client, place) | keyed | envoy | naive
        return rounds(among, CONNECTIONS, spent.parts([*pids, process]))


def widths(client: Millrace, pids: list[int], folder: Path) -> dict[int, dict[str, Any]]:
    """Models of fewer and of more columns, at 16 connections."""
    told = {}
    for columns in WIDTHS:
        rows, loop = models.table(columns), f"bench-{columns}"
        models.trained(client, loop, rows, folder)
        place = models.place(client, loop, rows.drop(columns="target"), folder)
        with ways.naive(place, folder) as naive:
            every = ways.of_millrace(client, place) | naive
            told[columns] = rounds({name: every[name] for name in AMONG}, (16,), spent.parts(pids))
    return told


def rounds(
    among: Mapping[str, Way], connections: tuple[int, ...], processes: dict[int, str]
) -> dict[str, Any]:
    """All ways in turn, again and again; after each its log gets a moment to be stored."""
    for way in among.values():
        load.run(way.port, way.requests, 4, 1.0)
    seen: dict[str, list[Run]] = {}
    for count in connections:
        for _ in range(ROUNDS):
            for name, way in among.items():
                seen.setdefault(f"{name}, {count}", []).append(_once(way, count, processes))
    return {name: _summary(runs) for name, runs in seen.items()}


def _once(way: Way, connections: int, processes: dict[int, str]) -> Run:
    before = spent.seconds(processes)
    went = load.run(way.port, way.requests, connections, SECONDS)
    time.sleep(0.3)
    after = spent.seconds(processes)
    return Run(went, {part: after[part] - before.get(part, 0.0) for part in after})


def _summary(runs: list[Run]) -> dict[str, Any]:
    loads = [run.load for run in runs]
    return {
        "per_second": float(np.median([item.rate for item in loads])),
        "lowest": min(item.rate for item in loads),
        "highest": max(item.rate for item in loads),
        "p50_ms": float(np.median([item.p50_ms for item in loads])),
        "p99_ms": float(np.median([item.p99_ms for item in loads])),
        "failures": sum(item.failures for item in loads),
        "microseconds": _microseconds(runs),
    }


def _microseconds(runs: list[Run]) -> dict[str, int]:
    """Processor time of one request by part; what spent next to nothing is left out."""
    answers = sum(run.load.answers for run in runs)
    each = {part: sum(run.spent[part] for run in runs) / answers * 1e6 for part in runs[0].spent}
    return {part: round(value) for part, value in each.items() if value >= 5}


def ratios(wide: Mapping[str, Any]) -> dict[str, float]:
    """What is promised, at 16 connections."""
    rate = {
        name.removesuffix(", 16"): told["per_second"] for name, told in wide.items() if name.endswith(", 16")
    }
    return {
        "packed_over_columns": rate["Triton, packed"] / rate["Triton, columns"],
        "predict_over_naive": rate[":predict"] / rate["FastAPI"],
        "predict_over_naive_logged": rate[":predict"] / rate["FastAPI, bodies logged"],
        "logged_over_triton": rate["Millrace, packed"] / rate["Triton, packed"],
        "logged_over_naive": rate["Millrace, packed"] / rate["FastAPI"],
    }


def draw(wide: Mapping[str, Any], others: Mapping[int, Mapping[str, Any]], path: Path) -> None:
    """Requests a second over the number of columns, as a picture at *path*."""
    from matplotlib.figure import Figure

    by_width = dict(sorted({models.COLUMNS: wide, **others}.items()))
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.subplots()
    for name in AMONG:
        rates = [told[f"{name}, 16"]["per_second"] for told in by_width.values()]
        ours = name in ("Millrace, packed", ":predict")
        axes.plot(list(by_width), rates, marker="o", label=name, linewidth=2.4 if ours else 1.2)
    axes.set(xscale="log", yscale="log", xlabel="columns", ylabel="requests a second, 16 connections")
    axes.set_xticks(list(by_width), [str(columns) for columns in by_width])
    axes.minorticks_off()
    axes.grid(alpha=0.3, which="both")
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)
