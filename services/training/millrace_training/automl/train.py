"""The job kind `train`: search or refit, judge on rows that no model has seen, fit again on all, export, prove."""

from pathlib import Path
from typing import Any

import numpy as np

from millrace_training.automl import baseline, ensemble, golden, splits
from millrace_training.automl.portfolio import PORTFOLIO, Configuration
from millrace_training.automl.search import Search, Trial
from millrace_training.automl.seeds import key_of
from millrace_training.automl.table import Table, load, midnight, row_digests, standard_offset
from millrace_training.automl.tasks import Workplace
from millrace_training.evaluate.metrics import losses, metrics
from millrace_training.rows.records import Records
from millrace_training.runtime.context import Context
from millrace_training.runtime.errors import JobError

FIT = "millrace_training.automl.tasks:fit"
CROSS_VALIDATE = "millrace_training.automl.tasks:cross_validate"
SEARCH_ROWS = 40_000
"""Most rows a trial of the search is trained on; the chosen configuration is fitted on all."""
KEPT = 2
"""Configurations that later runs fit again: of different families, as the world may come to suit the other."""


def run(spec: dict[str, Any], context: Context) -> dict[str, Any]:
    """Train on one dataset version; returns the candidate (see the training service's API reference)."""
    context.report("load", message="reading the rows")
    records = Records(context)
    table = load(records, spec)
    training = Training(spec, context, table)
    run_id = _opened(context, spec)
    made = training.by_time() if table.days is not None else training.by_folds()
    files = {name: records.keep(data, _media(name)) for name, data in made.pop("data").items()}
    result = {"run": run_id, "files": files, "baseline": files["baseline.json"], **made}
    _closed(context, run_id, result)
    return result


def _media(name: str) -> str:
    return "application/json" if name.endswith(".json") else "application/octet-stream"


def _opened(context: Context, spec: dict[str, Any]) -> str:
    shown = {name: value for name, value in spec.items() if name not in ("dataset", "dataset_version")}
    body = {
        "key": context.job.key,
        "loop": context.job.loop or "",
        "loop_run": context.job.loop_run,
        "job": context.job.id,
        "dataset": spec["dataset"],
        "dataset_version": spec["dataset_version"],
        "params": shown,
    }
    return context.client.registry.create_run(body)["id"]


def _closed(context: Context, run_id: str, result: dict[str, Any]) -> None:
    numbers = {
        name: value for name, value in result["metrics"]["holdout"].items() if isinstance(value, float)
    }
    artifacts = dict(result["files"].items())
    context.client.registry.update_run(run_id, state="succeeded", metrics=numbers, artifacts=artifacts)


def _rank(trial: Trial) -> tuple[float, str]:
    return trial.loss, trial.configuration["id"]


class Training:
    """One training job: its rows, and what was asked of it."""

    def __init__(self, spec: dict[str, Any], context: Context, table: Table) -> None:
        self.spec, self.context, self.table = spec, context, table
        self.task, self.seed = spec["task"], int(spec.get("seed") or 0)
        self.binary, self.folds = self.task == "binary", int(self.spec.get("folds") or 5)
        self.zone = spec.get("timezone") or "UTC"
        self.offset = standard_offset(self.zone)
        self.scale = 1.0 if self.binary else float(np.std(table.target)) or 1.0
        self.executor = spec.get("executor") or "pool"
        self.place = Workplace(Path(context.scratch))
        self.place.keep(table.frame, table.target)
        output = {"name": "probability" if self.binary else "prediction", "datatype": "FP32"}
        inputs = [column.as_input() for column in table.frame.columns]
        self.signature = {"inputs": inputs, "outputs": [output], "task": self.task, "target": spec["target"]}
        if self.binary:
            self.signature["classes"] = table.classes

    def by_time(self) -> dict[str, Any]:
        """Judge on the last days, then fit on everything."""
        table, days = self.table, self.table.days
        assert days is not None
        split = splits.by_time(table, int(self.spec.get("holdout_days") or 28))
        configurations = self._configurations() or self._searched(split)
        best = self._judged(configurations, split)
        predicted = np.load(best["predictions"])
        loss = losses(self.task, table.target[split.holdout], predicted)
        final = self._final(best["configuration"], best["window"], split.end_day)
        numbers = metrics(self.task, table.target[split.holdout], predicted)
        first, end = (
            midnight(day, self.zone).isoformat() for day in (split.first_holdout_day, split.end_day)
        )
        data = {
            "model.onnx": final["graph"],
            "holdout.onnx": Path(best["model"]).read_bytes(),
            "baseline.json": baseline.make(table, days, predicted, split.holdout, loss),
        }
        spans = {
            "trained_from": midnight(final["first_day"], self.zone).isoformat(),
            "trained_through": self.spec.get("cut") or end,
            "holdout_from": first,
            "holdout_through": end,
        }
        return (
            self._candidate(data, configurations, best["configuration"], best["window"], numbers, final)
            | spans
        )

    def by_folds(self) -> dict[str, Any]:
        """Judge by cross-validation, then fit on everything."""
        table = self.table
        fold = splits.folds(table.target, self.folds, self.binary, self.seed)
        self.place.keep_rows("folds", fold)
        only = None if table.frame.rows < splits.SMALL else [0]
        configurations = self._configurations() or self._searched_by_folds(fold, only, None)
        chosen = configurations[0]
        predicted = self._out_of_fold(chosen)
        loss = losses(self.task, table.target, predicted)
        final = self._final(chosen, "all", 0)
        data = {
            "model.onnx": final["graph"],
            "oof.parquet": self._oof(predicted),
            "baseline.json": baseline.make(table, None, predicted, np.arange(table.frame.rows), loss),
        }
        spans = dict.fromkeys(("trained_from", "trained_through", "holdout_from", "holdout_through"))
        numbers = metrics(self.task, table.target, predicted)
        return self._candidate(data, configurations, chosen, "all", numbers, final) | spans

    def _configurations(self) -> list[Configuration]:
        """What an earlier search found best, if this is a refit."""
        if self.spec.get("search") != "refit":
            return []
        given = list(self.spec.get("configurations") or [])
        if not given:
            detail = "A refit needs the configurations of an earlier search."
            raise JobError("Nothing to fit again", detail, "Send them, or choose search: full.")
        return given

    def _payload(self, configuration: Configuration, name: str, train: str, **more: Any) -> dict[str, Any]:
        return {
            "folder": str(self.place.folder),
            "out": str(self.place.folder / name),
            "configuration": configuration,
            "train": train,
            "predict": None,
            "signature": None,
            "binary": self.binary,
            "offset": self.offset,
            "seed": self.seed,
            "scale": self.scale,
        } | more

    def _searched(self, split: splits.TimeSplit) -> list[Configuration]:
        """Search on the rows before the holdout: judged on their last days, or by folds of days if they are few."""
        days = self.table.days
        assert days is not None
        if len(split.before) < splits.SMALL and len(np.unique(days[split.before])) >= self.folds:
            fold = splits.day_folds(self.table, split.before, self.folds, self.seed)
            return self._searched_by_folds(fold, None, days)
        rows = splits.sample(split.search, SEARCH_ROWS, self.seed)
        train, validation = (
            self.place.keep_rows("search", rows),
            self.place.keep_rows("validation", split.validation),
        )

        def task(item: Configuration, key: str, seed: int) -> tuple[str, dict[str, Any]]:
            return FIT, self._payload(item, f"trial-{key}", train, predict=validation, seed=seed)

        return self._best(task, self.table.target[split.validation], days[split.validation])

    def _searched_by_folds(
        self, fold: np.ndarray, only: list[int] | None, blocks: np.ndarray | None
    ) -> list[Configuration]:
        name = self.place.keep_rows("search-folds", fold)

        def task(item: Configuration, key: str, seed: int) -> tuple[str, dict[str, Any]]:
            payload = self._payload(item, f"trial-{key}", "", folds=name, only=only, seed=seed)
            return CROSS_VALIDATE, payload

        return self._best(task, self.table.target, blocks)

    def _best(self, task: Any, target: np.ndarray, blocks: np.ndarray | None) -> list[Configuration]:
        """Search, select, and return the chosen configuration first, then the best of another family."""
        study = key_of("study", self.context.job.key)
        search = Search(self.context, study, self.task, target, task, self.executor, self.seed)
        trials = search.run(int(self.spec.get("trials") or len(PORTFOLIO)))
        known = {trial.configuration["id"]: trial.configuration for trial in trials}
        judged = np.isfinite(trials[0].predictions)
        predictions = {trial.configuration["id"]: trial.predictions[judged] for trial in trials}
        weights = ensemble.select(
            self.task, target[judged], predictions, None if blocks is None else blocks[judged]
        )
        chosen = ensemble.configuration(weights, known)
        ranked = [trial.configuration for trial in sorted(trials, key=_rank)]
        others = [item for item in ranked if item["family"] != chosen["family"]]
        self.context.log("selected", chosen=chosen["id"], weights=weights)
        return [chosen, *others][:KEPT]

    def _judged(self, configurations: list[Configuration], split: splits.TimeSplit) -> dict[str, Any]:
        """Fit each configuration on each window before the holdout; the one with the least loss on it."""
        holdout = self.place.keep_rows("holdout", split.holdout)
        wanted, payloads, seen = [], [], set()
        for window in self.spec.get("windows") or ["all"]:
            rows = splits.window_rows(self.table, split.before, window, split.first_holdout_day)
            if len(rows) < splits.LEAST_TRAINING_ROWS or len(rows) in seen:
                continue
            seen.add(len(rows))
            train = self.place.keep_rows(f"before-{window}", rows)
            for configuration in configurations:
                name = f"judged-{key_of(window, configuration)}"
                more = {"predict": holdout, "signature": self.signature}
                payloads.append(self._payload(configuration, name, train, **more))
                wanted.append((window, configuration))
        results = list(self._reported("judge", payloads))
        target = self.table.target[split.holdout]
        scored = [float(losses(self.task, target, np.load(item["predictions"])).mean()) for item in results]
        best = int(np.argmin(scored))
        window, configuration = wanted[best]
        return results[best] | {"window": window, "configuration": configuration, "loss": scored[best]}

    def _reported(self, step: str, payloads: list[dict[str, Any]]) -> Any:
        for number, result in enumerate(self.context.map(FIT, payloads, self.executor)):
            self.context.report(step, number + 1, len(payloads), f"fitted in {result['seconds']:.1f} s")
            yield result

    def _out_of_fold(self, configuration: Configuration) -> np.ndarray:
        payload = self._payload(configuration, f"oof-{key_of(configuration)}", "", folds="folds", only=None)
        (result,) = self.context.map(CROSS_VALIDATE, [payload], self.executor)
        return np.load(result["predictions"])

    def _final(self, configuration: Configuration, window: str, end_day: int) -> dict[str, Any]:
        """Fit on all rows of the window, export and prove."""
        rows = splits.window_rows(self.table, np.arange(self.table.frame.rows), window, end_day)
        train = self.place.keep_rows("final", rows)
        payload = self._payload(
            configuration, f"final-{key_of(window, configuration)}", train, signature=self.signature
        )
        (result,) = self._reported("refit", [payload])
        first_day = None if self.table.days is None else int(self.table.days[rows].min())
        graph = Path(result["model"]).read_bytes()
        return result | {"graph": graph, "rows": len(rows), "first_day": first_day}

    def _oof(self, predicted: np.ndarray) -> bytes:
        import pyarrow as pa

        from millrace_training.rows.files import to_parquet

        return to_parquet(pa.table({"row": row_digests(self.table), "prediction": predicted}))

    def _candidate(
        self,
        data: dict[str, bytes],
        configurations: list[Configuration],
        chosen: Configuration,
        window: str,
        numbers: dict[str, float],
        final: dict[str, Any],
    ) -> dict[str, Any]:
        ordered = sorted(configurations, key=lambda item: item != chosen)
        told = [item | {"left_out": self.table.left_out} for item in ordered]
        output = self.signature["outputs"][0]["name"]
        return {
            "data": data,
            "signature": self.signature,
            "metrics": {"holdout": numbers},
            "configurations": told,
            "configuration": chosen,
            "window": window,
            "rows": final["rows"],
            "parity": final["parity"],
            "golden": golden.make(final["graph"], self.table.frame, output),
        }
