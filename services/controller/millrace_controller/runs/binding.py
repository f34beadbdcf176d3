"""What an approval is bound to: digests of what was judged, how, against whom; and whether all of it is still so."""

import hashlib
import json

from millrace_contracts.approvals import ApprovalBound, JudgedEvidence
from millrace_contracts.bodies import Document
from millrace_contracts.learning import EvaluateResult
from millrace_contracts.models import ModelVersionRead
from millrace_contracts.release import Files
from millrace_contracts.verdicts import GatesVerdict
from millrace_controller.tables import Loop, Run

PARTS = ("task", "target", "data", "training", "gates", "rollout")
"""What of a loop's spec says what is judged, how, and how it is rolled out; triggers and watching are not among it."""


def digest(content: object) -> str:
    """SHA-256 of anything that JSON can say, the same for the same content."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def of_document(loop: Loop) -> str:
    """Digest of those parts of the document that an approval is bound to."""
    spec = loop.document["spec"]
    return digest({name: spec.get(name) for name in PARTS})


def of_evidence(verdict: GatesVerdict, metrics: Document) -> str:
    """Digest of what the gates said and of all metrics."""
    return digest({"verdict": verdict.model_dump(mode="json"), "metrics": metrics})


def demanded(loop: Loop) -> bool:
    """Whether people have to approve what passed; nobody waits for people in a backtest."""
    return loop.mode == "live" and (loop.document["spec"].get("gates") or {}).get("approval") is not None


def judged(
    loop: Loop, verdict: GatesVerdict, evaluation: EvaluateResult, files: Files, dataset_version: int | None
) -> JudgedEvidence:
    """What is kept of the moment at which the gates spoke; *files*: those of the candidate that was evaluated."""
    metrics = evaluation.metrics.model_dump(mode="json")
    return JudgedEvidence(
        document=of_document(loop),
        evidence=of_evidence(verdict, metrics),
        metrics=metrics,
        dataset_version=dataset_version,
        files=files.base().by_name(),
        blocks=[block for block in evaluation.blocks if block.champion is not None],
        demanded=demanded(loop),
    )


def other_files(judged: JudgedEvidence, release: ModelVersionRead) -> bool:
    """Whether a release unit has other files than the candidate that was judged."""
    return bool(judged.files) and judged.files != release.files.base().by_name()


def bound(
    run: Run, judged: JudgedEvidence, release: ModelVersionRead, champion: ModelVersionRead | None
) -> ApprovalBound:
    """What people are asked to approve."""
    return ApprovalBound(
        version=release.number,
        digest=release.digest,
        champion=rival(run),
        champion_digest=None if champion is None else champion.digest,
        evidence=judged.evidence,
        document=judged.document,
    )


def rival(run: Run) -> int | None:
    """The champion that the run was opened against."""
    champion = run.plan.evaluate["champion"]
    return None if champion is None else int(champion["version"])


def whole(loop: Loop, run: Run, bound: ApprovalBound) -> str:
    """Digest of what a person approves: this run of this loop, and all that it is bound to."""
    return digest([loop.project, loop.name, run.number, run.decision, bound.model_dump(mode="json")])


def stale(loop: Loop, run: Run) -> str | None:
    """Why what was judged is not so any more; None while it is."""
    asked, verdict = run.approval, run.verdict
    if asked is None or verdict is None or run.judged is None:
        return "there is nothing that could be approved"
    if loop.champion != asked.bound.champion:
        return (
            f"it was judged against {_named(asked.bound.champion)}, and {_named(loop.champion)} answers now"
        )
    if of_document(loop) != asked.bound.document:
        return "the loop was declared otherwise since it was judged"
    same = of_evidence(verdict, run.judged.metrics) == asked.bound.evidence
    if not same or run.digest != asked.bound.digest or whole(loop, run, asked.bound) != asked.digest:
        return "the evidence is not what people were shown"
    return None


def _named(champion: int | None) -> str:
    return "no champion" if champion is None else f"version {champion}"
