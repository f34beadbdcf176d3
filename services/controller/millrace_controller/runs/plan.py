"""What each step of a loop run is asked to do, decided once when the run is opened."""

from datetime import datetime
from typing import Any

from millrace import durations
from millrace.loop import ModelLoop, Spec
from millrace_contracts.durations import iso as iso

KEPT = ("model.onnx", "holdout.onnx", "oof.parquet", "baseline.json")


def make(
    loop: ModelLoop,
    endpoint: str,
    number: int,
    cut: datetime | None,
    since: datetime | None,
    until: datetime | None,
    configurations: list[dict[str, Any]] | None,
    champion: dict[str, Any] | None,
) -> dict[str, Any]:
    """The plan of run *number*.

    Args:
        cut: only rows before it are used; None: all rows.
        since, until: span of labelled production rows to add first; no `until` means none are added.
        configurations: the best of the last full search; None: search in full.
        champion: the version in production as the registry shows it, or None.
    """
    spec = loop.spec
    common = {
        "task": spec.task,
        "target": spec.target,
        "event_time": spec.data.event_time,
        "timezone": spec.data.timezone,
        "cut": iso(cut) if spec.data.event_time else None,
        "holdout_days": spec.holdout_days(),
    }
    return {
        "loop": endpoint,
        "run": number,
        "model": endpoint,
        "dataset": spec.data.dataset,
        "cut": iso(cut),
        "ingest": _ingest(spec, endpoint, since, until),
        "validate": {
            "task": spec.task,
            "target": spec.target,
            "event_time": spec.data.event_time,
            "exclude": spec.data.exclude,
        },
        "train": common | _train(spec, configurations),
        "evaluate": common | {"champion": _champion(champion), "slices": spec.gates.slices.columns},
        "limits": {
            "memory_mb": spec.training.limits.megabytes(),
            "wall_seconds": durations.parse(spec.training.limits.wall).total_seconds(),
        }
        | ({"placement": spec.placement.asked()} if spec.placement and spec.placement.chosen() else {}),
    }


def honoured(plan: dict[str, Any], cluster: bool) -> dict[str, Any]:
    """The plan as steps carry it out; without a *cluster* there is no place to choose (a condition says so)."""
    limits = {name: value for name, value in plan["limits"].items() if cluster or name != "placement"}
    return plan | {"limits": limits}


def _ingest(
    spec: Spec, endpoint: str, since: datetime | None, until: datetime | None
) -> dict[str, Any] | None:
    if until is None or not spec.data.feedback or (since is not None and since >= until):
        return None
    return {
        "dataset": spec.data.dataset,
        "source": {"kind": "feedback", "endpoint": endpoint, "since": iso(since), "until": iso(until)},
        "contract": None if spec.data.contract is None else spec.data.contract.model_dump(mode="json"),
        "target": spec.target,
        "event_time": spec.data.event_time,
        "timezone": spec.data.timezone,
    }


def _train(spec: Spec, configurations: list[dict[str, Any]] | None) -> dict[str, Any]:
    training = spec.training
    return {
        "exclude": spec.data.exclude,
        "windows": training.windows,
        "folds": training.folds,
        "search": "refit" if configurations else "full",
        "trials": training.search.trials,
        "configurations": configurations,
        "seed": training.seed,
        "executor": training.executor,
    }


def _champion(champion: dict[str, Any] | None) -> dict[str, Any] | None:
    if champion is None:
        return None
    files = {name: digest for name, digest in champion["files"].items() if name in KEPT}
    return {
        "version": champion["number"],
        "files": files,
        "trained_through": champion["lineage"].get("trained_through"),
        "holdout_from": champion["lineage"].get("holdout_from"),
        "signature": champion["signature"],
    }
