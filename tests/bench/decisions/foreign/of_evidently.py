"""Evidently's share of drifted columns; runs in Evidently's own environment and imports nothing of Millrace.

In: {"reference": CSV, "current": CSV, "words": [columns that are categories]}; out: {"share": of drifted columns}.
"""

import io
import json
import sys

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset


def _dataset(text: str, words: list[str]) -> Dataset:
    table = pd.read_csv(
        io.StringIO(text), dtype=dict.fromkeys(words, str), keep_default_na=False, na_values=[""]
    )
    numbers = [name for name in table.columns if name not in words]
    kinds = DataDefinition(numerical_columns=numbers, categorical_columns=words)
    return Dataset.from_pandas(table, data_definition=kinds)


def main() -> None:
    for line in sys.stdin:
        told = json.loads(line)
        current, reference = (_dataset(told[name], told["words"]) for name in ("current", "reference"))
        found = Report([DataDriftPreset()]).run(current, reference).dict()
        values = [item["value"] for item in found["metrics"]]
        (share,) = [value["share"] for value in values if isinstance(value, dict) and "share" in value]
        print(json.dumps({"share": float(share)}), flush=True)


if __name__ == "__main__":
    main()
