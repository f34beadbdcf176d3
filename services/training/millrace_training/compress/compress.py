"""The job kind `compress`: the forms of a candidate for its targets, each judged and measured, kept or refused."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from millrace_contracts.compressing import CompressResult, CompressSpec
from millrace_contracts.models import Answer
from millrace_contracts.release import Files, ReleaseFile
from millrace_contracts.variants import BASE_TARGET, Measurement, ModelVariant, variant_of
from millrace_training.automl import golden
from millrace_training.automl.aims import Aim
from millrace_training.compress import distilled, judging, lessons, measure, page, quantise, targets
from millrace_training.compress.distilled import Distilled
from millrace_training.compress.judging import Finding, Quality
from millrace_training.compress.material import Material, gathered
from millrace_training.compress.target import Recipe, Target, Unfit
from millrace_training.features.columns import columns_from_signature
from millrace_training.graph import nets
from millrace_training.graph.session import open_session, predict
from millrace_training.rows.records import Records
from millrace_training.runtime import slot
from millrace_training.runtime.context import Context
from millrace_training.runtime.errors import Cancelled

NO_NET = "trees and single sums gain nothing from other precisions: the graph has no net"
NO_TARGET = "no other target is at hand"
SHOWN_BATCH = 64
"""Measured beside the batch sizes that decide."""

Measure = Callable[[Target, bytes], Measurement]


@dataclass(frozen=True)
class Attempt:
    """One form, how it was made, and what was found of it; *graph* is None if it could not be made."""

    how: str
    finding: Finding
    graph: bytes | None = None
    quantised: int | None = None
    good: Quality | None = None
    measured: Measurement | None = None

    @property
    def rank(self) -> float:
        """How near it came to being kept: its loss against the base form's."""
        told = None if self.good is None else self.good.difference.difference
        return np.inf if told is None else told


def run(spec: CompressSpec, context: Context) -> CompressResult:
    """Make, judge and measure the forms of a candidate."""
    records = Records(context)
    graph = records.artifact(spec.candidate.files.digest("model"))
    of_graph, notes = _of_graph(spec, graph)
    undistilled = distilled.nothing(spec) if spec.distil else None
    notes += [undistilled] if undistilled else []
    taught = spec.distil and not undistilled
    if not of_graph and not taught:
        return CompressResult(variants=[], notes=notes)
    context.report("load", message="reading the rows")
    material = gathered(spec, records, graph)
    told = [_base(spec, material)]
    wanted = [*of_graph, *([_pupils(spec, material)] if taught else [])]
    for place, target in enumerate(wanted):
        context.report("compress", place, len(wanted), target.name)
        best = tried(
            target, material, spec, lambda form, made: _measured(form, made, material, spec, context)
        )
        context.log(f"{target.name} is {best.finding.state}", reason=best.finding.reason)
        told.append(_variant(target, best, spec, material, records))
    return _result(told, material, [*notes, *material.notes], records)


def _of_graph(spec: CompressSpec, graph: bytes) -> tuple[list[Target], list[str]]:
    """The targets that compute the graph otherwise, and why others are not tried."""
    if spec.targets == ["none"]:
        return [], []
    if not nets.count(graph):
        return [], [NO_NET]
    wanted, notes = targets.chosen(spec.targets)
    return wanted, notes if wanted else [*notes, NO_TARGET]


def _pupils(spec: CompressSpec, material: Material) -> Target:
    """Small models that are taught the candidate's answers."""
    files, signature, table = spec.candidate.files, spec.candidate.signature, material.table
    assert signature is not None
    aim = Aim(material.judged.task, tuple(signature.classes or ()))
    final, before = (
        lessons.of(graph, table, rows, aim, spec.timezone, spec.seed)
        for graph, rows in ((material.graph, material.learnt), (material.judged_graph, material.before))
    )
    return Distilled(files.digest("model"), final, before, signature)


def tried(target: Target, material: Material, spec: CompressSpec, ask: Measure) -> Attempt:
    """The first recipe that is as good, measured; else the one that came nearest, with why it is refused.

    What is not as good is measured too, so that it is seen what it would have gained.
    """
    attempts = []
    for recipe in target.recipes(material.graph, material.tuning):
        attempt = _attempted(target, recipe, material, spec, ask)
        if attempt.good is not None and attempt.good.fault is None:
            return attempt
        attempts.append(attempt)
    nearest = min(attempts, key=lambda attempt: attempt.rank)
    if (
        nearest.graph is None
        or nearest.good is None
        or nearest.quantised == 0
        or target.broken(nearest.graph)
    ):
        return nearest
    return nearest if target.lacking() else replace(nearest, measured=ask(target, nearest.graph))


def _attempted(
    target: Target, recipe: Recipe, material: Material, spec: CompressSpec, ask: Measure
) -> Attempt:
    """Make one form, and judge it; measured only if it is as good."""
    try:
        made = recipe.build(material.graph, material.calibration)
        good = _judged(target, recipe, made, material, spec)
    except Cancelled:
        raise
    except Unfit as unfit:
        return Attempt(recipe.how, Finding("refused", str(unfit)))
    except Exception as error:  # a runtime's own: one target that cannot is no reason to lose the others
        reason = f"it could not be made or opened: {type(error).__name__}: {error}"
        return Attempt(recipe.how, Finding("refused", reason[:1000]))
    quantised = quantise.nodes(made) if target.quantises else None
    broken, lacking = target.broken(made), target.lacking()
    sound = quantised != 0 and not broken and good.fault is None
    measured = ask(target, made) if sound and lacking is None else None
    finding = judging.decide(quantised, broken, good, measured, lacking, spec.batches)
    return Attempt(recipe.how, finding, made, quantised, good, measured)


def _judged(target: Target, recipe: Recipe, made: bytes, material: Material, spec: CompressSpec) -> Quality:
    """Its loss by the graph that had not seen the rows, given the same form; its answers by the one that serves."""
    served = predict(target.open(made), material.held)
    if material.judged_graph == material.graph:
        return judging.quality(material.judged, served, spec, target.least_alike)
    form = recipe.build(material.judged_graph, material.calibration)
    answers = predict(target.open(form), material.held)
    good = judging.quality(material.judged, answers, spec, target.least_alike)
    return judging.also(good, material.served, served, material.judged.task, target.least_alike)


def _measured(
    target: Target, made: bytes, material: Material, spec: CompressSpec, context: Context
) -> Measurement:
    """Both forms in the machine's one slot for measurements."""
    base, form = open_session(material.graph), target.open(made)
    context.report("measure", message=f"waiting to measure {target.name} alone")
    with slot.held(slot.place(), waiting=context.stop_if_cancelled):
        return measure.measure(
            base,
            form,
            material.calibration,
            sorted({*spec.batches, SHOWN_BATCH}),
            target.node(),
            exclusive=slot.alone(),
            traffic=spec.traffic,
        )


def _base(spec: CompressSpec, material: Material) -> ModelVariant:
    """The form that training exports, against which the others are held."""
    (file,) = [
        item
        for item in spec.candidate.files.files
        if item.role == "model" and item.variant == variant_of(BASE_TARGET)
    ]
    losses = material.judged.task.losses(material.judged.target, material.judged.base)
    return ModelVariant(
        target=BASE_TARGET,
        state="kept",
        reason="the form that training exports; the others are held against it",
        name=file.name,
        digest=file.digest,
        size=len(material.graph),
        how="as exported",
        agreement=1.0,
        loss=float(losses.mean()),
    )


def _variant(
    target: Target, attempt: Attempt, spec: CompressSpec, material: Material, records: Records
) -> ModelVariant:
    """What the release unit tells of it; the file of a refused form is not kept."""
    kept = attempt.finding.state != "refused" and attempt.graph is not None
    good, taught = attempt.good, None
    if isinstance(target, Distilled):
        taught = target.told(attempt.how, material.held, material.judged.target)
    return ModelVariant(
        target=target.name,
        state=attempt.finding.state,
        reason=(attempt.finding.reason + distilled.beside(taught, good))[:2000],
        name=f"model.{target.name}.onnx" if kept else None,
        digest=records.keep(attempt.graph, "application/octet-stream") if kept and attempt.graph else None,
        size=None if attempt.graph is None else len(attempt.graph),
        quantised=attempt.quantised,
        how=attempt.how,
        agreement=None if good is None else good.agreement,
        loss=None if good is None else good.loss,
        difference=None if good is None else good.difference,
        slices=[] if good is None else good.slices,
        measured=attempt.measured,
        taught=taught,
        golden=_golden(target, attempt.graph, spec) if kept and attempt.graph else {},
    )


def _golden(target: Target, graph: bytes, spec: CompressSpec) -> dict[str, list[Answer]]:
    """What it answers to the version's golden rows, by which serving knows that it was loaded right."""
    if spec.golden is None or spec.candidate.signature is None:
        return {}
    return golden.of_form(target.open(graph), spec.golden, columns_from_signature(spec.candidate.signature))


def _result(
    told: list[ModelVariant], material: Material, notes: list[str], records: Records
) -> CompressResult:
    files = [
        ReleaseFile(role="model", variant=item.file_variant, name=item.name, digest=item.digest)
        for item in told[1:]
        if item.name is not None and item.digest is not None
    ]
    result = CompressResult(
        variants=told, files=Files(files=files) if files else None, calibration=material.drawn, notes=notes
    )
    result.report = records.keep(page.render(result).encode(), "text/html")
    return result
