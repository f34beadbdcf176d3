"""Pure functions from rows to the wire: names, and what Triton must load."""

from typing import cast

from millrace_contracts.bodies import Document
from millrace_contracts.endpoints import ServedForm
from millrace_contracts.models import Golden
from millrace_contracts.placement import ServerPlacement
from millrace_contracts.serving import ServingSpec
from millrace_contracts.signature import Signature
from millrace_contracts.variants import BASE_TARGET, ModelVariant, TargetName
from millrace_serving.choice import Choice
from millrace_serving.tables import Endpoint, Revision
from millrace_serving.triton.repository import Wanted


def wire_name(project: str, endpoint: str) -> str:
    """An endpoint's name in URLs: a dot cannot occur in either name."""
    return endpoint if project == "default" else f"{project}.{endpoint}"


def revision_name(project: str, endpoint: str, number: int) -> str:
    """Name of a revision in Triton, in Envoy and in the prediction log."""
    return f"{wire_name(project, endpoint)}--r{number}"


def parts(name: str) -> tuple[str, str, int | None]:
    """Project, endpoint and number of a revision's name; None when it names none."""
    wire, _, number = name.rpartition("--r")
    project, dot, endpoint = wire.partition(".")
    place = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else None
    return (project, endpoint, place) if dot else ("default", wire, place)


def signature(revision: Revision) -> Signature:
    """What a revision takes and answers."""
    return Signature.model_validate(revision.signature)


def offered(revision: Revision) -> list[ModelVariant]:
    """The forms of the revision's version."""
    return [ModelVariant.model_validate(item) for item in revision.offered]


def told(chosen: Choice) -> Document:
    """Why a form was chosen, as its revision keeps it."""
    why = {"reason": chosen.reason, "message": chosen.message}
    latency = [item.model_dump(mode="json") for item in chosen.latency]
    more = {"latency": latency} if latency else {}
    return why | {"nodes": list(chosen.nodes), "wants": list(chosen.wants)} | more


def form(revision: Revision) -> ServedForm:
    """Which form a revision serves, and why; of one from before there were forms the base form is said."""
    why = revision.form or {"nodes": [], "reason": "OnlyForm", "message": "", "wants": []}
    return ServedForm.model_validate({"target": revision.target} | why)


def _golden(revision: Revision) -> tuple[Golden, bool]:
    """The golden rows as the served form answers them, and whether that is its own or the base form's answer."""
    golden = Golden.model_validate(revision.golden)
    if revision.target == BASE_TARGET:
        return golden, True
    answers = next((item.golden for item in offered(revision) if item.target == revision.target), {})
    return (Golden(inputs=golden.inputs, outputs=answers), True) if answers else (golden, False)


def wanted(endpoint: Endpoint, revision: Revision, standby: bool = False) -> Wanted:
    """A revision as Triton must load it."""
    golden, exact = _golden(revision)
    return Wanted(
        name=revision_name(endpoint.project, endpoint.name, revision.number),
        model=endpoint.model,
        project=endpoint.project,
        version=revision.version,
        digest=revision.digest,
        signature=signature(revision),
        golden=golden,
        endpoint=endpoint.name,
        number=revision.number,
        loop=revision.loop,
        run=revision.run,
        placement=ServerPlacement.model_validate(revision.placement),
        serving=ServingSpec.model_validate(endpoint.serving or {}),
        standby=standby,
        target=cast(TargetName, revision.target),
        exact=exact,
        size=revision.size,
    )
