"""What each step of a loop run is asked to do, decided once when the run is opened."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from millrace_contracts import durations
from millrace_contracts.adopting import AdoptSpec
from millrace_contracts.bodies import Document
from millrace_contracts.compressing import CompressPlan
from millrace_contracts.deliveries import FeedbackSource
from millrace_contracts.durations import iso
from millrace_contracts.jobs import JobLimits
from millrace_contracts.loop import Spec
from millrace_contracts.loop_runs import RunPlan
from millrace_contracts.models import ModelVersionRead
from millrace_contracts.release import Role
from millrace_contracts.rows import IngestSpec
from millrace_contracts.searching import LatencyAim, LatencySpec
from millrace_contracts.traffic import ClosedDays
from millrace_controller.production.promise import CLASSES
from millrace_controller.runs.binding import digest

COMPARED: tuple[Role, ...] = ("model", "holdout", "out-of-fold", "baseline")
"""Files of a champion that an evaluation may need."""


@dataclass(frozen=True)
class Inputs:
    """What a run works on.

    cut: only rows before it are used; None: all rows. since, until: span of labelled production rows to add first; no
    `until` means none are added. configurations: the best of the last full search; None: search in full. champion: the
    version in production. adopt: the graph that stands as the candidate; None: one is trained. archived: the versions
    that may come back, which are compared with both. since_change: first day since a change that an alarm has found.
    """

    cut: datetime | None
    since: datetime | None
    until: datetime | None
    configurations: list[Document] | None
    champion: ModelVersionRead | None
    adopt: AdoptSpec | None = None
    archived: Sequence[ModelVersionRead] = ()
    since_change: date | None = None


def make(spec: Spec, endpoint: str, number: int, inputs: Inputs) -> RunPlan:
    """The plan of run *number* of the loop whose endpoint is *endpoint*."""
    cut = inputs.cut
    common: Document = {
        "task": spec.task,
        "target": spec.target,
        "event_time": spec.data.event_time,
        "timezone": spec.data.timezone,
        "cut": iso(cut) if spec.data.event_time else None,
        "holdout_days": spec.holdout_days(),
    }
    known = _known(spec, inputs)
    if spec.gates.champion.block is not None:
        common["block"] = spec.gates.champion.block
    return RunPlan(
        document=digest(spec.model_dump(mode="json", by_alias=True)),
        loop=endpoint,
        run=number,
        model=endpoint,
        dataset=spec.data.dataset,
        cut=cut,
        ingest=_ingest(spec, endpoint, inputs),
        validation={
            "task": spec.task,
            "target": spec.target,
            "event_time": spec.data.event_time,
            "timezone": spec.data.timezone,
            "cut": common["cut"],
            "holdout_days": spec.holdout_days(),
            "exclude": _unused(spec),
            "keep_personal": spec.data.keep_personal or [],
            "protected": spec.data.protected or [],
            **known,
        },
        train=common | known | (_train(spec, inputs) if inputs.adopt is None else _adopt(spec, inputs.adopt)),
        evaluate=common | _evaluate(spec, inputs) | _compared(spec),
        compress=_compress(spec, inputs.until if inputs.champion else None),
        limits=JobLimits(
            memory_mb=spec.training.limits.megabytes(),
            wall_seconds=durations.parse(spec.training.limits.wall).total_seconds(),
            placement=spec.placement if spec.placement and spec.placement.chosen() else None,
        ),
    )


def adopts(plan: RunPlan) -> bool:
    """Whether the candidate is a graph from elsewhere: nothing that another run trains is that one again."""
    return "adopt" in plan.train


def since_change(plan: RunPlan) -> date | None:
    """The first of the days by which the run judges; None: by all of its holdout."""
    told = plan.train.get("since")
    return None if told is None else date.fromisoformat(str(told))


def honoured(plan: RunPlan, cluster: bool) -> RunPlan:
    """The plan as steps carry it out; without a *cluster* there is no place to choose (a condition says so)."""
    limits, placement = plan.limits, plan.limits.placement if cluster else None
    told = {"memory_mb": limits.memory_mb, "wall_seconds": limits.wall_seconds}
    limits = JobLimits.model_validate(told if placement is None else told | {"placement": placement})
    return plan.model_copy(update={"limits": limits})


def _ingest(spec: Spec, endpoint: str, inputs: Inputs) -> IngestSpec | None:
    since, until = inputs.since, inputs.until
    if until is None or not spec.data.feedback or (since is not None and since >= until):
        return None
    return IngestSpec(
        dataset=spec.data.dataset,
        source=FeedbackSource(endpoint=endpoint, since=since, until=until),
        contract=spec.data.contract,
        target=spec.target,
        event_time=spec.data.event_time,
        timezone=spec.data.timezone,
        known_classes=_known(spec, inputs).get("known_classes"),
    )


def _known(spec: Spec, inputs: Inputs) -> Document:
    """The classes that production answers with, where there may be more: others have to show that they are none by
    mistake."""
    champion = inputs.champion
    if champion is None or spec.task != CLASSES or not champion.signature.classes:
        return {}
    return {"known_classes": champion.signature.classes}


def _unused(spec: Spec) -> list[str]:
    """Columns that are no input: those that are excluded, and the one of weights."""
    return [*spec.data.exclude, *([] if spec.data.weight is None else [spec.data.weight])]


def _train(spec: Spec, inputs: Inputs) -> Document:
    training = spec.training
    searched = inputs.configurations if training.code is None else None
    asked: Document = {
        "exclude": [*_unused(spec), *(spec.data.protected or [])],
        **({} if spec.data.weight is None else {"weight": spec.data.weight}),
        "keep_personal": spec.data.keep_personal or [],
        "windows": training.windows,
        "folds": training.folds,
        "search": "refit" if searched else "full",
        "trials": training.search.trials,
        **({"families": training.search.families} if training.search.families else {}),
        "configurations": searched,
        "seed": training.seed,
        "executor": training.executor,
    }
    if training.search.seeks_latency:
        wish = training.search.latency or LatencySpec()
        aim = LatencyAim(under_ms=wish.under_ms(), rows=wish.rows, margin=spec.gates.champion.margin)
        asked["latency"] = aim.model_dump(mode="json")
    if training.distil:
        asked["distil"] = True
    if inputs.champion is not None and spec.data.event_time is not None and training.code is None:
        asked["rolling"] = True
        if inputs.since_change is not None:
            asked["since"] = inputs.since_change.isoformat()
    if training.code is not None:
        asked["code"] = training.code.model_dump(mode="json", exclude_none=True)
    if (team := training.team()) is not None:
        asked["workers"] = team.model_dump(mode="json")
    return asked


def _adopt(spec: Spec, graph: AdoptSpec) -> Document:
    """In place of training: what stands in the data is looked at as always, and the graph is held to it."""
    return {
        "exclude": [*_unused(spec), *(spec.data.protected or [])],
        "keep_personal": spec.data.keep_personal or [],
        "seed": spec.training.seed,
        "adopt": graph.model_dump(mode="json"),
    }


def _evaluate(spec: Spec, inputs: Inputs) -> Document:
    champion = inputs.champion
    asked: Document = {
        "champion": None if champion is None else _contender(champion),
        "slices": spec.gates.slices.columns,
    }
    if inputs.archived:
        asked["archived"] = [_contender(item) for item in inputs.archived]
    return asked


def _compared(spec: Spec) -> Document:
    """The protected attributes whose groups are compared, as the loop writes them."""
    return {} if spec.fairness is None else {"fairness": spec.fairness.model_dump(mode="json", by_alias=True)}


def _compress(spec: Spec, until: datetime | None) -> CompressPlan | None:
    """What its variants are held to: the gates' own margins. None: none are wanted.

    Args:
        until: end of the days whose requests say with how many rows a call is measured; None: there are none.
    """
    wanted = spec.training.variants or ["auto"]
    if wanted == ["none"] and not spec.training.distil:
        return None
    champion, slices = spec.gates.champion, spec.gates.slices
    return CompressPlan(
        targets=wanted,
        distil=spec.training.distil,
        days=None if until is None else _watched(spec, until),
        margin=champion.margin,
        tolerance=slices.tolerance,
        minimum_blocks=champion.minimum_days,
        slices=slices.columns,
        minimum_rows=slices.minimum_rows,
        seed=spec.training.seed,
        folds=spec.training.folds,
    )


def _watched(spec: Spec, until: datetime) -> ClosedDays:
    """The window in which drift is looked for, up to *until*: what was asked lately."""
    day = until.astimezone(ZoneInfo(spec.data.timezone)).date()
    return ClosedDays(since=day - durations.parse(spec.monitoring.drift.window), until=day)


def _contender(release: ModelVersionRead) -> Document:
    return {
        "version": release.number,
        "files": release.files.base().only(COMPARED).by_name(),
        "trained_through": iso(release.lineage.trained_through),
        "holdout_from": iso(release.lineage.holdout_from),
        "signature": release.signature.model_dump(mode="json", exclude_none=True),
    }
