"""Pure functions: from what each endpoint should do to Envoy's clusters and routes."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from millrace_serving.envoy import callers, grpc, requests
from millrace_serving.envoy.upstreams import Part, cluster, typed

TOTAL = 10_000
"""Sum of the weights of every split; kept the same, so that a growing canary moves nobody back."""
CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
PREVIOUS_HOSTS = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
HELD: Part = {"request_body_buffer_limit": requests.MOST_BYTES}
"""Of a route on which requests are read as a whole before they go on."""


@dataclass(frozen=True)
class Split:
    """How one endpoint's traffic goes: stable first, then the canary; weights add up to TOTAL."""

    project: str
    endpoint: str
    wire: str
    """Name of the endpoint in URLs: `<endpoint>`, or `<project>.<endpoint>` outside the default project."""
    arms: tuple[tuple[str, int], ...]
    salt: str
    """Goes before the sticky key, so that the same users are not the canary of every rollout."""
    mirror: tuple[str, float] | None = None
    """Revision that gets a copy, and the percentage of requests that are copied."""
    below: float | None = None
    """Answers whose class is less probable are for people to look at; every answer's headers say so."""

    @property
    def revisions(self) -> set[str]:
        return {name for name, _ in self.arms} | ({self.mirror[0]} if self.mirror else set())


@dataclass(frozen=True)
class Ways:
    """How requests reach Triton, the same for all endpoints."""

    triton: Callable[[str], tuple[str, int]]
    """Host and port of the Triton that has a revision."""
    hosts: tuple[str, ...]
    """Host headers that are answered."""
    seconds: float
    """Longest time for one inference request."""
    retry_on: str = "connect-failure,refused-stream,reset-before-request"
    """Only when Triton could not be reached at all, as while it restarts."""
    retries: int = 3
    grpc: Callable[[str], tuple[str, int]] | None = None
    """Host and port of the gRPC door of the Triton that has a revision; None: calls over gRPC are refused."""
    no_grpc: str = ""
    """Why they are, and what to do instead."""


def clusters(revisions: Collection[str], ways: Ways) -> list[Part]:
    """One cluster per revision, on one Triton or on several: the cluster's name is the model's name.

    And one more for calls over gRPC, where they are taken.
    """
    found = ((name, *ways.triton(name)) for name in sorted(revisions))
    made = [cluster(name, port, host) for name, host, port in found]
    if ways.grpc:
        calls = ((name, *ways.grpc(name)) for name in sorted(revisions))
        made += [grpc.of_revision(name, port, host) for name, host, port in calls]
    return [{"@type": CLUSTER, **item} for item in made]


def route_tables(splits: Sequence[Split], ways: Ways) -> list[Part]:
    """The tables `inference` (public paths, split and mirror) and `shadow` (mirrored requests)."""
    ordered = sorted(splits, key=lambda split: split.wire)
    public = [route for split in ordered for route in _public(split, ways)]
    mirrored = [route for split in ordered if split.mirror for route in _mirrored(split, ways)]
    calls, answers = [grpc.closed(ways.no_grpc)], []
    if ways.grpc:
        calls, answers = [*grpc.alive(), *grpc.refusals()], grpc.alive_answers()
    return [
        _table("inference", list(ways.hosts), [*_health(), *public, *calls]),
        _table("shadow", ["*"], [*mirrored, *answers]),
    ]


def _table(name: str, domains: list[str], routes: list[Part]) -> Part:
    """Answers are asked for uncompressed, whatever the client accepts: the log cannot read them otherwise.

    What opens the gateway goes no further, whether it is asked for or not.
    """
    told = {"header": {"key": "x-millrace-revision", "value": "%UPSTREAM_CLUSTER%"}}
    return {
        "@type": ROUTES,
        "name": name,
        "validate_clusters": True,
        "request_headers_to_remove": ["accept-encoding", "grpc-accept-encoding", *callers.HEADERS],
        "response_headers_to_add": [told | {"append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}],
        "virtual_hosts": [{"name": "all", "domains": domains, "routes": routes}],
    }


def _health() -> list[Part]:
    paths = ("/v2/health/live", "/v2/health/ready")
    told = callers.metadata(callers.OPEN)
    return [{"match": {"path": path}, "direct_response": {"status": 200}, "metadata": told} for path in paths]


def _public(split: Split, ways: Ways) -> list[Part]:
    path = f"/v2/models/{split.wire}"
    described = {"cluster": split.arms[0][0], "timeout": f"{ways.seconds}s"}
    infer, metadata = _infer(split, ways), _metadata(split)
    calls = grpc.routes(split.wire, infer, described, metadata) if ways.grpc else []
    return [
        _route(split, f"{path}/infer", "POST", infer) | HELD | _told(split),
        _route(split, path, "GET", described | {"path_rewrite": "/v2/models/%UPSTREAM_CLUSTER%"}),
        _route(
            split, f"{path}/ready", "GET", described | {"path_rewrite": "/v2/models/%UPSTREAM_CLUSTER%/ready"}
        ),
        *calls,
    ]


def _route(split: Split, path: str, method: str, action: Part) -> Part:
    match = {"path": path, "headers": [{"name": ":method", "string_match": {"exact": method}}]}
    return {"name": split.wire, "match": match, "route": action, "metadata": _metadata(split)}


def _told(split: Split) -> Part:
    """A constant header: to look into each answer for its probabilities would cost every request."""
    if split.below is None:
        return {}
    header = {"key": "x-millrace-review-below", "value": f"{split.below:g}"}
    return {"response_headers_to_add": [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]}


def _metadata(split: Split) -> Part:
    told = {"project": split.project, "endpoint": split.endpoint}
    return {"filter_metadata": {"millrace": told} | callers.metadata(told)["filter_metadata"]}


def _infer(split: Split, ways: Ways) -> Part:
    salted = {"pattern": {"regex": "^(.*)$"}, "substitution": f"{split.salt}|\\1"}
    action: Part = {
        "weighted_clusters": {
            "use_hash_policy": True,
            "clusters": [{"name": name, "weight": weight} for name, weight in split.arms if weight],
        },
        "hash_policy": [{"header": {"header_name": "x-millrace-key", "regex_rewrite": salted}}],
        "path_rewrite": "/v2/models/%UPSTREAM_CLUSTER%/infer",
        "timeout": f"{ways.seconds}s",
        "retry_policy": _retries(ways),
    }
    if split.mirror:
        copied = {"numerator": round(split.mirror[1] * 10_000), "denominator": "MILLION"}
        action["request_mirror_policies"] = [
            {"cluster": "shadow-hop", "runtime_fraction": {"default_value": copied}}
        ]
    return action


def _retries(ways: Ways) -> Part:
    """Another pod first, if the revision has one."""
    elsewhere = {
        "name": "envoy.retry_host_predicates.previous_hosts",
        "typed_config": typed(PREVIOUS_HOSTS),
    }
    return {
        "retry_on": ways.retry_on,
        "num_retries": ways.retries,
        "retry_back_off": {"base_interval": "0.1s", "max_interval": "0.5s"},
        "retry_host_predicate": [elsewhere],
        "host_selection_retry_max_attempts": 3,
    }


def _mirrored(split: Split, ways: Ways) -> list[Part]:
    """A mirrored request's path is already that of the stable revision, hence the prefix."""
    assert split.mirror is not None
    action = {
        "cluster": split.mirror[0],
        "path_rewrite": "/v2/models/%UPSTREAM_CLUSTER%/infer",
        "timeout": f"{ways.seconds}s",
    }
    match, metadata = {"prefix": f"/v2/models/{split.wire}--"}, _metadata(split)
    calls = [grpc.mirrored(split.wire, action, metadata)] if ways.grpc else []
    return [{"name": split.wire, "match": match, "route": action, "metadata": metadata} | HELD, *calls]


def weights(percent: float) -> tuple[int, int]:
    """Weights of the stable revision and of a canary with *percent* of the keys."""
    canary = round(percent * TOTAL / 100)
    return TOTAL - canary, canary
