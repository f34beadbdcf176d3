"""Runs in NannyML's own environment: writes its sets as Parquet, and what it estimates and what was realised by chunk.

of_nannyml FOLDER
"""

import json
import os
import sys
from pathlib import Path

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml

METRICS = ["roc_auc", "f1", "accuracy"]
NUMBERS = ["mae", "rmse"]
CHUNK = {"work from home": 5000, "car loan": 5000, "car price": 6000, "three classes": 6000}


def main(folder: Path) -> None:
    """Every set in turn."""
    told = {}
    for name, load, target in (
        ("work from home", nannyml.load_synthetic_binary_classification_dataset, "work_home_actual"),
        ("car loan", nannyml.load_synthetic_car_loan_dataset, "repaid"),
        ("car price", nannyml.load_synthetic_car_price_dataset, "y_true"),
        ("three classes", nannyml.load_synthetic_multiclass_classification_dataset, "y_true"),
    ):
        reference, analysis, targets = load()
        analysis = analysis.reset_index(drop=True)
        analysis[target] = targets[target].to_numpy()
        for part, frame in (("reference", reference), ("analysis", analysis)):
            frame.to_parquet(folder / f"{name} {part}.parquet")
        told[name] = {
            "target": target,
            "chunk": CHUNK[name],
            "metrics": estimated(name, reference, analysis, target),
        }
    (folder / "nannyml.json").write_text(json.dumps(told))


def estimated(name: str, reference: object, analysis: object, target: str) -> dict[str, object]:
    """By metric: estimates and realised values by chunk of the analysis, as its estimators and calculators say."""
    common = {
        "y_true": target,
        "y_pred": "y_pred",
        "timestamp_column_name": "timestamp",
        "chunk_size": CHUNK[name],
    }
    if name == "car price":
        left = {target, "y_pred", "timestamp", "id"}
        features = [column for column in reference.columns if column not in left]
        estimator = nannyml.DLE(feature_column_names=features, metrics=NUMBERS, **common)
        judge = nannyml.PerformanceCalculator(problem_type="regression", metrics=NUMBERS, **common)
        metrics = NUMBERS
    else:
        kind = "classification_binary"
        given = "y_pred_proba"
        if name == "three classes":
            kind = "classification_multiclass"
            given = {
                item.removeprefix("y_pred_proba_"): item
                for item in reference.columns
                if item.startswith("y_pred_proba_")
            }
        both = {"problem_type": kind, "y_pred_proba": given, "metrics": METRICS, **common}
        estimator, judge, metrics = nannyml.CBPE(**both), nannyml.PerformanceCalculator(**both), METRICS
    said = estimator.fit(reference).estimate(analysis).filter(period="analysis").to_df()
    real = judge.fit(reference).calculate(analysis).filter(period="analysis").to_df()
    return {
        metric: {
            "estimated": said[(metric, "value")].tolist(),
            "realised": real[(metric, "value")].tolist(),
            "sampling": said[(metric, "sampling_error")].tolist(),
        }
        for metric in metrics
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
