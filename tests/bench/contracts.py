"""How often an inferred contract refuses a year's good deliveries, and how many planted faults it catches.

    python -m tests.bench.contracts

Every tenth flight and the weather of New York come week by week after a sample of their first 90 days; two tables of
scikit-learn, which have no time, come in twelve parts after a sample of a quarter. The contract grows with each one.
Every good delivery is then spoilt in ten ways and must be refused, or lose the spoilt row by name.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from millrace.demo import flights
from millrace_contracts.data import DataContract
from millrace_table import inference
from millrace_training.rows import checks

Fault = Callable[[pd.DataFrame, DataContract, np.random.Generator], pd.DataFrame | None]


@dataclass(frozen=True)
class Deliveries:
    """A sample, what comes after it, and the column that is predicted."""

    name: str
    sample: pd.DataFrame
    later: list[pd.DataFrame]
    target: str


def raw(frame: pd.DataFrame) -> pa.Table:
    """Cells as a file holds them: texts, or nothing."""
    texts = {name: frame[name].astype(object).where(frame[name].notna(), None) for name in frame.columns}
    return pa.table(
        {
            name: pa.chunked_array(
                [pa.array([None if cell is None else str(cell) for cell in cells], pa.string())]
            )
            for name, cells in texts.items()
        }
    )


def by_week(name: str, frame: pd.DataFrame, time: str, target: str) -> Deliveries:
    days = (frame[time] - frame[time].min()).dt.days
    rows, weeks = frame.drop(columns=[time]), (days - 90) // 7
    return Deliveries(
        name, rows[days < 90], [rows[weeks == week] for week in range(int(weeks.max()))], target
    )


def in_parts(name: str, frame: pd.DataFrame) -> Deliveries:
    mixed = frame.sample(frac=1, random_state=1)
    first = len(mixed) // 4
    return Deliveries(name, mixed[:first], [mixed[first:][part::12] for part in range(12)], "target")


def data() -> Iterator[Deliveries]:
    """The four data sets."""
    from sklearn.datasets import load_breast_cancer, load_diabetes

    table = flights.load().drop(columns=["flight_id"]).dropna(subset=[flights.TARGET])
    yield by_week("flights", table[::10], flights.EVENT_TIME, flights.TARGET)
    weather = pd.read_csv(flights.folder() / "weather.csv", keep_default_na=False, na_values=["NA", ""])
    weather["at"] = pd.to_datetime(weather[["year", "month", "day", "hour"]])
    kept = ["at", "origin", "temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "visib", "hour"]
    yield by_week("weather", weather[kept].dropna(subset=["temp"]), "at", "temp")
    yield in_parts("diabetes", load_diabetes(as_frame=True, scaled=False).frame)
    yield in_parts("tumours", load_breast_cancer(as_frame=True).frame)


def _numbers(
    contract: DataContract, wanted: Callable[[float, float], bool] = lambda low, high: True
) -> list[str]:
    return [
        item.name for item in contract.columns
        if item.minimum is not None and item.maximum is not None and item.maximum > item.minimum
        and wanted(item.minimum, item.maximum)
    ]  # fmt: skip


def _changed(
    frame: pd.DataFrame, name: str, value: object, share: float, draw: np.random.Generator
) -> pd.DataFrame:
    spoilt = frame.astype({name: object})
    here = draw.choice(len(frame), max(1, round(share * len(frame))), replace=False)
    spoilt.iloc[here, spoilt.columns.get_loc(name)] = value
    return spoilt


def _one(names: list[str], draw: np.random.Generator) -> str | None:
    return str(draw.choice(names)) if names else None


def _words_spelt_otherwise(frame, contract, draw):
    name = _one([item.name for item in contract.columns if item.allowed and frame[item.name].notna().any()
                 and any(word.swapcase() != word for word in item.allowed)], draw)  # fmt: skip
    return None if name is None else frame.assign(**{name: frame[name].astype(str).str.swapcase()})


def _on_number(
    change: Callable[[pd.DataFrame, str, np.random.Generator], pd.DataFrame], wanted=lambda low, high: True
):
    def spoil(frame, contract, draw):
        name = _one(_numbers(contract, wanted), draw)
        return None if name is None else change(frame, name, draw)

    return spoil


def _far(frame: pd.DataFrame, name: str, draw: np.random.Generator) -> pd.DataFrame:
    value = float(frame[name].max()) * 10 + 100
    return _changed(frame, name, value, 1 / len(frame), draw)


def _full(contract: DataContract, frame: pd.DataFrame) -> list[str]:
    return [
        item.name
        for item in contract.columns
        if item.missing_at_most <= 0.06 and frame[item.name].notna().all()
    ]


def _emptied(frame, contract, draw):
    name = _one(_full(contract, frame), draw)
    return None if name is None else frame.assign(**{name: None})


FAULTS: dict[str, Fault] = {
    "text in a tenth of a number's cells": _on_number(
        lambda frame, name, draw: _changed(frame, name, "n/k", 0.1, draw)
    ),
    "a thousand times too large": _on_number(
        lambda frame, name, draw: frame.assign(**{name: frame[name] * 1000}), lambda low, high: low > 0
    ),
    "the sign turned": _on_number(
        lambda frame, name, draw: frame.assign(**{name: -frame[name]}), lambda low, high: low > 0
    ),
    "-9999 in a twentieth": _on_number(lambda frame, name, draw: _changed(frame, name, -9999, 0.05, draw)),
    "one value far too large": _on_number(_far),
    "a full column empty": _emptied,
    "a column gone": lambda frame, contract, draw: frame.drop(columns=[str(draw.choice(frame.columns))]),
    "a tenth without the target": lambda frame, contract, draw: _changed(
        frame, str(contract.target), None, 0.1, draw
    ),
    "known words in another spelling": _words_spelt_otherwise,
    "half of the rows twice": lambda frame, contract, draw: pd.concat([frame, frame[: len(frame) // 2]]),
}


def caught(checked: checks.Checked) -> bool:
    """Whether the delivery is refused, or the spoilt row left out by name."""
    left_out = any(line.check == "range" and "left out" in line.observed for line in checked.checks)
    return not checked.passed or left_out


def measure(deliveries: Deliveries) -> tuple[int, int, dict[str, tuple[int, int]]]:
    """Good deliveries and those of them that were refused; for each fault, plantings and catches."""
    contract = inference.infer(raw(deliveries.sample), deliveries.target, None, "UTC")
    good = refused = 0
    seen = dict.fromkeys(FAULTS, (0, 0))
    for number, part in enumerate(item for item in deliveries.later if len(item)):
        checked = checks.check(raw(part), contract, "UTC")
        good, refused = good + 1, refused + (not checked.passed)
        if not checked.passed:
            told = [
                (line.check, line.column, line.observed)
                for line in checked.checks
                if line.verdict == "failed"
            ]
            print(f"  {deliveries.name} {number}: refused {told}")
            continue
        for fault, spoil in FAULTS.items():
            draw = np.random.default_rng([number, zlib.crc32(fault.encode())])
            spoilt = spoil(part, contract, draw)
            if spoilt is not None:
                planted, found = seen[fault]
                seen[fault] = planted + 1, found + caught(checks.check(raw(spoilt), contract, "UTC"))
        contract = checked.contract
    return good, refused, seen


def main() -> None:
    total: dict[str, tuple[int, int]] = dict.fromkeys(FAULTS, (0, 0))
    for deliveries in data():
        good, refused, seen = measure(deliveries)
        share = sum(found for _, found in seen.values()) / max(
            1, sum(planted for planted, _ in seen.values())
        )
        print(
            f"{deliveries.name}: {refused} of {good} good deliveries refused; {share:.1%} of faults caught",
            flush=True,
        )
        total = {name: (total[name][0] + seen[name][0], total[name][1] + seen[name][1]) for name in FAULTS}
    for name, (planted, found) in total.items():
        print(f"{name:<40} {found:>4} of {planted:>4}")
    planted, found = (sum(item[place] for item in total.values()) for place in (0, 1))
    print(f"all faults: {found} of {planted} ({found / planted:.1%})")


if __name__ == "__main__":
    main()
