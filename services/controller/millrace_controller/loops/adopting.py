"""A graph from elsewhere as a loop's candidate: what is asked for, and when nobody could judge it."""

from millrace.transport.errors import ApiError
from millrace_contracts.adopting import AdoptSpec, AdoptWrite
from millrace_contracts.durations import iso
from millrace_controller.services import Services
from millrace_controller.tables import Loop
from millrace_controller.triggers.rules import Retrain
from millrace_core.errors import BadInput, FieldError, NotFound


async def asked(services: Services, loop: Loop, body: AdoptWrite, author: str) -> Retrain:
    """The run that would judge it.

    Raises: NotFound for a version that is not there; BadInput for one that is no ONNX graph, and for a loop without
    event time, where nobody could say which rows the model has not seen.
    """
    if loop.spec.data.event_time is None:
        what = f"{loop.name} has no event time, so nobody can say which of its rows the model has not seen."
        mend = "declare data.eventTime, or let the loop run your training code (training.code)"
        raise BadInput(what, [FieldError("trained_through", what, mend)])
    try:
        found = await services.clients.registry.adoptable(body.model, body.version, project=loop.project)
    except ApiError as error:
        raise _passed_on(error) from error
    graph = AdoptSpec(
        model=found.model, version=found.version, digest=found.digest, trained_through=body.trained_through
    )
    window = body.key or f"adopt-{found.model}-{found.version}-{found.digest}-{iso(body.trained_through)}"
    evidence = {"adopted": graph.model_dump(mode="json")}
    reason = (
        f"{author} asked to adopt version {found.version} of {found.model}, which MLflow's client registered"
    )
    return Retrain("hand", window, reason, evidence, adopt=graph)


def _passed_on(error: ApiError) -> Exception:
    """The registry's refusal as the caller's own mistake; everything else stays what it is."""
    told = str(error.problem.get("detail", ""))
    if error.status == 404:
        return NotFound(told)
    if error.status not in (403, 422):
        return error
    listed = error.problem.get("errors")
    errors = [FieldError(**item) for item in listed] if isinstance(listed, list) else []
    return BadInput(told, errors)
