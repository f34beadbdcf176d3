"""Pure functions from rows to the wire: names, splits of the traffic, what Triton must load."""

from millrace_serving.envoy.manifests import TOTAL, Split, weights
from millrace_serving.rollouts.plan import steps
from millrace_serving.rollouts.states import State
from millrace_serving.tables import Endpoint, Revision, Rollout
from millrace_serving.triton.repository import Wanted


def wire_name(project: str, endpoint: str) -> str:
    """An endpoint's name in URLs: a dot cannot occur in either name."""
    return endpoint if project == "default" else f"{project}.{endpoint}"


def revision_name(project: str, endpoint: str, number: int) -> str:
    """Name of a revision in Triton, in Envoy and in the prediction log."""
    return f"{wire_name(project, endpoint)}--r{number}"


def wanted(endpoint: Endpoint, revision: Revision, standby: bool = False) -> Wanted:
    """A revision as Triton must load it."""
    return Wanted(
        name=revision_name(endpoint.project, endpoint.name, revision.number),
        model=endpoint.model,
        project=endpoint.project,
        version=revision.version,
        digest=revision.digest,
        signature=revision.signature,
        golden=revision.golden,
        endpoint=endpoint.name,
        number=revision.number,
        loop=revision.loop,
        run=revision.run,
        placement=revision.placement,
        standby=standby,
    )


def split(endpoint: Endpoint, rollout: Rollout | None) -> Split:
    """How an endpoint's traffic goes, by its stable revision and the rollout in flight."""
    assert endpoint.stable is not None
    stable = revision_name(endpoint.project, endpoint.name, endpoint.stable)
    arms: tuple[tuple[str, int], ...] = ((stable, TOTAL),)
    mirror, number = None, 0
    if rollout is not None and rollout.state in (State.MIRRORING, State.CANARY):
        number = rollout.number
        candidate = revision_name(endpoint.project, endpoint.name, rollout.revision)
        percent = steps(rollout.plan)[rollout.step].percent
        if rollout.state == State.MIRRORING:
            mirror = (candidate, percent)
        else:
            share = weights(percent)
            arms = ((stable, share[0]), (candidate, share[1]))
    wire = wire_name(endpoint.project, endpoint.name)
    return Split(endpoint.project, endpoint.name, wire, arms, f"{wire}/{number}", mirror)


def shares(endpoint: Endpoint, rollout: Rollout | None) -> dict[int, int]:
    """Weight, of 10,000, by revision number."""
    if endpoint.stable is None:
        return {}
    numbers = {revision_name(endpoint.project, endpoint.name, endpoint.stable): endpoint.stable}
    if rollout is not None:
        numbers[revision_name(endpoint.project, endpoint.name, rollout.revision)] = rollout.revision
    return {numbers[name]: weight for name, weight in split(endpoint, rollout).arms}
