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


LABELS = ("prediction", "target")


def _table(text: str, told: dict) -> pd.DataFrame:
    """The rows of a CSV; of two classes the labels as 0 and 1, as NannyML wants them, of more as they are called."""
    kinds = dict.fromkeys([*told["words"], *(LABELS if told["task"] != "regression" else ())], str)
    table = pd.read_csv(io.StringIO(text), dtype=kinds, keep_default_na=False, na_values=[""])
    for name in kinds.keys() & set(table.columns):
        if name in LABELS and told["task"] == "binary":
            table[name] = table[name].map(told["classes"].index)
        else:
            table[name] = table[name].astype("category")
    return table


def _estimator(told: dict, reference: pd.DataFrame):
    """Of more than two classes those that the reference's labels have: NannyML refuses any other set of them."""
    rows = max(len(reference) // CHUNKS, 1)
    if told["task"] == "regression":
        return nannyml.DLE(
            feature_column_names=told["features"], y_true="target", y_pred="prediction", metrics=["rmse"],
            chunk_size=rows,
        )  # fmt: skip
    many = told["task"] == "multiclass"
    known = set(reference["target"])
    of_each = {name: f"p{place}" for place, name in enumerate(told["classes"]) if name in known}
    return nannyml.CBPE(
        problem_type="classification_multiclass" if many else "classification_binary", y_true="target",
        y_pred="prediction", y_pred_proba=of_each if many else "p1", metrics=["roc_auc"], chunk_size=rows,
    )  # fmt: skip


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # LightGBM talks on the standard output
    estimator, model = None, {}
    for line in sys.stdin:
        told = json.loads(line)
        if "reference" in told:
            model = told
            reference = _table(told["reference"], model)
            estimator = _estimator(model, reference).fit(reference)
            print("{}", file=answers, flush=True)
            continue
        found = estimator.estimate(_table(told["current"], model)).filter(period="analysis").to_df()
        alarms = [found[column].iloc[-1] for column in found.columns if column[-1] == "alert"]
        print(json.dumps({"alarm": bool(any(alarms))}), file=answers, flush=True)


if __name__ == "__main__":
    main()
