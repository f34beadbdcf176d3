"""Pure functions: how an endpoint's traffic goes, by its stable revision and the rollout in flight."""

from millrace_contracts.rollouts import RolloutState
from millrace_serving.envoy.manifests import TOTAL, Split, weights
from millrace_serving.revisions.wire import revision_name, wire_name
from millrace_serving.rollouts.plan import steps
from millrace_serving.tables import Endpoint, Rollout


def split(endpoint: Endpoint, rollout: Rollout | None) -> Split:
    """How an endpoint's traffic goes, by its stable revision and the rollout in flight."""
    assert endpoint.stable is not None
    stable = revision_name(endpoint.project, endpoint.name, endpoint.stable)
    arms: tuple[tuple[str, int], ...] = ((stable, TOTAL),)
    mirror, number = None, 0
    if rollout is not None and rollout.state in (RolloutState.MIRRORING, RolloutState.CANARY):
        number = rollout.number
        candidate = revision_name(endpoint.project, endpoint.name, rollout.revision)
        percent = steps(rollout.plan)[rollout.step].percent
        if rollout.state == RolloutState.MIRRORING:
            mirror = (candidate, percent)
        else:
            share = weights(percent)
            arms = ((stable, share[0]), (candidate, share[1]))
    wire = wire_name(endpoint.project, endpoint.name)
    below = None if endpoint.review is None else endpoint.review.below
    return Split(endpoint.project, endpoint.name, wire, arms, f"{wire}/{number}", mirror, below)


def shares(endpoint: Endpoint, rollout: Rollout | None) -> dict[int, int]:
    """Weight, of 10,000, by revision number."""
    if endpoint.stable is None:
        return {}
    numbers = {revision_name(endpoint.project, endpoint.name, endpoint.stable): endpoint.stable}
    if rollout is not None:
        numbers[revision_name(endpoint.project, endpoint.name, rollout.revision)] = rollout.revision
    return {numbers[name]: weight for name, weight in split(endpoint, rollout).arms}
