"""What a run registers: the release unit of its candidate, with the other forms of its graph that were kept."""

from millrace_contracts.bodies import Document
from millrace_contracts.compressing import CompressPlan, CompressResult, CompressSpec
from millrace_contracts.contenders import Contender
from millrace_contracts.learning import LearningSpec, TrainResult
from millrace_contracts.loop_runs import RunPlan
from millrace_contracts.models import Lineage, ModelVersionWrite
from millrace_contracts.release import Files
from millrace_contracts.traffic import RequestSizes
from millrace_contracts.variants import BASE_TARGET

BY_OTHERS = "trees and single sums gain nothing from other precisions"


def pointless(plan: CompressPlan, trained: TrainResult) -> str | None:
    """Why no form could be made, so that no job is started; None: one might."""
    ensemble = trained.configuration["family"] == "ensemble"
    computed = plan.targets != ["none"] and trained.layers != 0
    if computed or (plan.distil and ensemble):
        return None
    told = [] if plan.targets == ["none"] else [BY_OTHERS]
    if plan.distil:
        family = trained.configuration["family"]
        told.append(
            f"nothing is distilled: the candidate is one {family} model and no ensemble, and small already"
        )
    return "; ".join(told)


def forms_of(
    plan: RunPlan, dataset_version: int, trained: TrainResult, sizes: RequestSizes | None = None
) -> CompressSpec:
    """What the job is asked: the rows of training and evaluation, and the plan's own bounds.

    Args:
        sizes: of the requests in the plan's days, if they say enough.
    """
    shared = {name: value for name, value in plan.evaluate.items() if name in LearningSpec.model_fields}
    data = {"dataset": plan.dataset, "dataset_version": dataset_version}
    candidate = Contender(files=trained.files, signature=trained.signature)
    assert plan.compress is not None
    told = plan.compress.model_dump()
    asked = {
        "candidate": candidate,
        "golden": trained.golden,
        "configuration": trained.configuration,
        "trained_from": trained.trained_from,
    }
    if sizes is not None:
        asked |= {"traffic": sizes, "batches": sizes.batches}
    return CompressSpec.model_validate(shared | data | told | asked)


def measured_with(sizes: RequestSizes | None) -> str:
    """Whose requests said how many rows a call has when it is measured; nothing where none did."""
    if sizes is None:
        return ""
    asked = f"{sizes.requests} requests from {sizes.since} to {sizes.through}"
    return (
        f"measured with the rows of {asked} (half have up to {sizes.median}, nine of ten up to {sizes.p90}); "
    )


def kept(result: CompressResult) -> str:
    """Each form in a few words."""
    told = [
        f"{item.target} {item.state}: {item.reason}" for item in result.variants if item.target != BASE_TARGET
    ]
    return "; ".join([*told, *result.notes])[:2000] or "no other form"


def unit(
    plan: RunPlan, dataset_version: int, trained: TrainResult, compressed: CompressResult | None = None
) -> ModelVersionWrite:
    """The release unit of a trained candidate with its other forms, as the registry takes it."""
    more = [] if compressed is None or compressed.files is None else compressed.files.files
    lineage = Lineage(
        trained_from=trained.trained_from,
        trained_through=trained.trained_through,
        holdout_from=trained.holdout_from,
        holdout_through=trained.holdout_through,
        dataset=plan.dataset,
        dataset_version=dataset_version,
        run=trained.run,
        loop=plan.loop,
        loop_run=plan.run,
        code=None if trained.code is None else trained.code.digest,
    )
    return ModelVersionWrite(
        key=f"{plan.loop}/run-{plan.run}",
        files=Files(files=[*trained.files.files, *more]),
        signature=trained.signature,
        task=plan.train["task"],
        target=plan.train["target"],
        metrics=trained.metrics,
        baseline=trained.baseline,
        golden=trained.golden.model_dump(mode="json"),
        environment=_environment(plan, trained),
        lineage=lineage,
        variants=[] if compressed is None else compressed.variants,
        front=trained.front,
    )


def _environment(plan: RunPlan, trained: TrainResult) -> Document:
    """The user's own code, if any, and what the job ran in, with the document by which it was asked for."""
    told: Document = {} if trained.code is None else {"code": trained.code.model_dump(mode="json")}
    if trained.built is None:
        return told
    return told | {"built": trained.built.model_dump(mode="json") | {"document": plan.document}}
