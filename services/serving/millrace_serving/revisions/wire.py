"""Pure functions from rows to the wire: names, and what Triton must load."""

from millrace_contracts.models import Golden
from millrace_contracts.placement import ServerPlacement
from millrace_contracts.signature import Signature
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


def wanted(endpoint: Endpoint, revision: Revision, standby: bool = False) -> Wanted:
    """A revision as Triton must load it."""
    return Wanted(
        name=revision_name(endpoint.project, endpoint.name, revision.number),
        model=endpoint.model,
        project=endpoint.project,
        version=revision.version,
        digest=revision.digest,
        signature=signature(revision),
        golden=Golden.model_validate(revision.golden),
        endpoint=endpoint.name,
        number=revision.number,
        loop=revision.loop,
        run=revision.run,
        placement=ServerPlacement.model_validate(revision.placement),
        standby=standby,
    )
