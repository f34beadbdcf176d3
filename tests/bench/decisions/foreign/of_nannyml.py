"""NannyML's estimate of the performance; runs in NannyML's own environment and imports nothing of Millrace.

In: {"reference": CSV with labels, "task", "words", "features", "classes"} for each new model, which is learnt from and
answered by {}; then {"current": CSV without labels}, answered by {"alarm": whether the estimate of these rows lies
beyond NannyML's own threshold}. Columns are the features, `prediction`, and for classes their probabilities `p0`,
`p1`, ... Regression is estimated by DLE, classes by CBPE.
"""

import io
import json
import os
import sys

import nannyml
import pandas as pd

CHUNKS = 6
"""The reference is cut into so many, from which the threshold comes."""


def _table(text: str, words: list[str]) -> pd.DataFrame:
    table = pd.read_csv(
        io.StringIO(text), dtype=dict.fromkeys(words, str), keep_default_na=False, na_values=[""]
    )
    return table.astype(dict.fromkeys([name for name in words if name in table.columns], "category"))


def _estimator(told: dict, rows: int):
    if told["task"] == "regression":
        return nannyml.DLE(
            feature_column_names=told["features"], y_true="target", y_pred="prediction", metrics=["rmse"],
            chunk_size=rows,
        )  # fmt: skip
    many = told["task"] == "multiclass"
    probabilities = {name: f"p{place}" for place, name in enumerate(told["classes"])} if many else "p1"
    return nannyml.CBPE(
        problem_type="classification_multiclass" if many else "classification_binary", y_true="target",
        y_pred="prediction", y_pred_proba=probabilities, metrics=["roc_auc"], chunk_size=rows,
    )  # fmt: skip


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # LightGBM talks on the standard output
    estimator, words = None, []
    for line in sys.stdin:
        told = json.loads(line)
        if "reference" in told:
            words = [*told["words"], *(["prediction", "target"] if told["task"] != "regression" else [])]
            reference = _table(told["reference"], words)
            estimator = _estimator(told, max(len(reference) // CHUNKS, 1)).fit(reference)
            print("{}", file=answers, flush=True)
            continue
        found = estimator.estimate(_table(told["current"], words)).filter(period="analysis").to_df()
        alarms = [found[column].iloc[-1] for column in found.columns if column[-1] == "alert"]
        print(json.dumps({"alarm": bool(any(alarms))}), file=answers, flush=True)


if __name__ == "__main__":
    main()
