"""Pure functions: Envoy's listeners, with the filters on the way and the prediction log."""

from dataclasses import dataclass
from pathlib import Path

from millrace_contracts import access
from millrace_contracts.bodies import HEAD_BYTES
from millrace_serving.envoy import callers, grpc, requests
from millrace_serving.envoy.lua import Value, literal
from millrace_serving.envoy.upstreams import LOOPBACK, Part, address, typed

PIECES = ("notes", "shapes", "admission", "grpc_message", "grpc", "prediction_log")
LUA = "".join((Path(__file__).parent / f"{name}.lua").read_text() for name in PIECES)
MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
OTEL = "envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig"
CEL = "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"
HEADER_LENGTH = "inference-header-content-length"
HEADERS_KB = 8
"""Headers of a request: with more Triton ends the connection, which would be the revision's fault."""
SHOWN_KB = HEAD_BYTES // 1024
"""The same where keys and tokens are shown, which go no further: one with many groups is long. The door holds the rest
against HEADERS_KB."""
AGAIN_SECONDS = 5
NOBODY = (
    "No pod of this version answers now: one is starting, or is being replaced. Ask again in a few seconds."
)
ADMIN = "admin"
"""Name of the cluster that is Envoy's own admin page."""

LOGGED = {
    "request_id": "%REQ(x-request-id)%",
    "revision": "%UPSTREAM_CLUSTER%",
    "endpoint": "%METADATA(ROUTE:millrace:endpoint)%",
    "project": "%METADATA(ROUTE:millrace:project)%",
    "key": "%REQ(x-millrace-key)%",
    "event_time": "%REQ(x-millrace-event-time)%",
    "status": "%RESPONSE_CODE%",
    "grpc_status": "%GRPC_STATUS_NUMBER%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "duration_ms": "%DURATION%",
    "request": "%DYNAMIC_METADATA(millrace:request)%",
    "response": "%DYNAMIC_METADATA(millrace:response)%",
    "request_skipped": "%DYNAMIC_METADATA(millrace:request_skipped)%",
    "response_skipped": "%DYNAMIC_METADATA(millrace:response_skipped)%",
    "request_json_length": f"%REQ({HEADER_LENGTH})%",
    "response_json_length": f"%RESP({HEADER_LENGTH})%",
}
"""Where Envoy finds the fields of a prediction log record; the listener's name is the one that it does not."""


@dataclass(frozen=True)
class Entry:
    """One way in for inference requests, and how its answers are logged."""

    name: str
    port: int
    routes: Part
    """Where the route table comes from."""
    request_seconds: float
    flush_seconds: float
    host: str = LOOPBACK
    grpc: bool = False
    """Whether calls over gRPC are taken."""
    protected: bool = False
    """Whether who asks has to show a key or a token."""

    @property
    def public(self) -> bool:
        return self.name == "inference"


def entry(item: Entry) -> Part:
    """The listener of one way in."""
    return {
        "name": item.name,
        "address": address(item.port, item.host),
        "per_connection_buffer_limit_bytes": grpc.LONGEST if item.grpc else 1048576,
        "filter_chains": [{"filters": [_http(_inference(item))]}],
    }


def _http(manager: Part) -> Part:
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}


def _router() -> Part:
    return {
        "name": "envoy.filters.http.router",
        "typed_config": typed("envoy.extensions.filters.http.router.v3.Router"),
    }


def _inference(item: Entry) -> Part:
    told: list[Value] = [item.grpc, item.protected, requests.MOST_BYTES, requests.TOO_LARGE]
    source = f"local GRPC, PROTECTED, MOST, TOO_LARGE = {', '.join(map(literal, told))}\n{LUA}"
    lua = typed(grpc.LUA, default_source_code={"inline_string": source})
    return typed(
        MANAGER,
        stat_prefix=item.name,
        rds={"route_config_name": item.name, "config_source": item.routes},
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="REJECT_REQUEST",
        strip_any_host_port=True,
        use_remote_address=item.public,
        preserve_external_request_id=True,
        always_set_request_id_in_response=True,
        request_id_extension={"typed_config": _request_ids()},
        request_timeout=f"{item.request_seconds}s",
        request_headers_timeout="5s",
        max_request_headers_kb=_headers_kb(item),
        common_http_protocol_options={
            "idle_timeout": "300s",
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        access_log=[_prediction_log(item), *([grpc.failures(item.name)] if item.grpc else [])],
        **_replies(item),
        http_filters=[
            *(callers.door(item.routes) if item.protected else []),
            {"name": callers.SCRIPT, "typed_config": lua},
            *([callers.bolt()] if item.protected else []),
            *([grpc.bridge()] if item.grpc else []),
            _router(),
        ],
    )


def _headers_kb(item: Entry) -> int:
    if not item.public:
        return 2 * HEADERS_KB
    return SHOWN_KB if item.protected else HEADERS_KB


def _replies(item: Entry) -> Part:
    """What Envoy says by itself."""
    mappers = [*(callers.mappers(grpc.CALLED) if item.protected else []), *_nobody(), _too_large()]
    return grpc.limits(mappers) if item.grpc else {"local_reply_config": {"mappers": mappers}}


def _nobody() -> list[Part]:
    """What is told to who asks a version of which no pod is there now: when to ask again."""
    status = {"value": {"default_value": 503, "runtime_key": "millrace.none"}, "op": "EQ"}
    unheard = [
        {"status_code_filter": {"comparison": status}},
        {"response_flag_filter": {"flags": ["UH", "UF"]}},
    ]
    problem = {
        "type": "about:blank",
        "title": "Nobody answers",
        "status": 503,
        "detail": NOBODY,
        "error": NOBODY,
        "instance": "%REQ(x-request-id)%",
    }
    again = {"header": {"key": "retry-after", "value": str(AGAIN_SECONDS)}}
    told = {"headers_to_add": [again | {"append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]}
    form = {"json_format": problem, "content_type": "application/problem+json"}
    called = {
        "filter": {"and_filter": {"filters": [*unheard, grpc.CALLED]}},
        "body": {"inline_string": NOBODY},
    }
    plain = {"filter": {"and_filter": {"filters": unheard}}, "body_format_override": form}
    return [called | told, plain | told]


def _too_large() -> Part:
    """What is told where only its end shows that a request is too long: it came in pieces, without a length."""
    status = {"value": {"default_value": 413, "runtime_key": "millrace.none"}, "op": "EQ"}
    problem = {
        "type": "about:blank",
        "title": "Too large",
        "status": 413,
        "detail": requests.TOO_LARGE,
        "error": requests.TOO_LARGE,
        "instance": "%REQ(x-request-id)%",
    }
    form = {"json_format": problem, "content_type": "application/problem+json"}
    by_envoy = typed(CEL, expression='response.code_details == "request_payload_too_large"')
    wanted = [
        {"status_code_filter": {"comparison": status}},
        {"extension_filter": {"name": "by_envoy", "typed_config": by_envoy}},
    ]
    return {"filter": {"and_filter": {"filters": wanted}}, "body_format_override": form}


def _request_ids() -> Part:
    """Request ids as they came: the usual trace mark inside them would part a request from its mirror."""
    return typed("envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig", pack_trace_reason=False)


def _prediction_log(item: Entry) -> Part:
    """The logger: a record is one text, because to Envoy each attribute costs as much as a line of filter code.

    `common_config`, because beside it Envoy 1.40 flushes once a second whatever it is told.
    """
    config = typed(
        OTEL,
        common_config={
            "log_name": "predictions",
            "transport_api_version": "V3",
            "grpc_service": {
                "envoy_grpc": {"cluster_name": "otlp"},
                "timeout": f"{access.EXPORT_SECONDS:g}s",
            },
            "buffer_size_bytes": 262144,
            "buffer_flush_interval": f"{item.flush_seconds}s",
        },
        stat_prefix=f"{item.name}.",
        disable_builtin_labels=True,
        body={"string_value": access.written(LOGGED | {"listener": item.name})},
    )
    post = {"header_filter": {"header": {"name": ":method", "string_match": {"exact": "POST"}}}}
    asked = [post, *([grpc.predicts()] if item.grpc else []), *(callers.admitted() if item.protected else [])]
    only = {"and_filter": {"filters": asked}} if len(asked) > 1 else post
    return {"name": "envoy.access_loggers.open_telemetry", "filter": only, "typed_config": config}


def stats(port: int) -> Part:
    """GET /ready and /stats for probes and Prometheus; the rest of the admin page stays on loopback."""
    get = [{"name": ":method", "string_match": {"exact": "GET"}}]
    routes = [
        {"match": {"path": path, "headers": get}, "route": {"cluster": ADMIN}}
        for path in ("/ready", "/stats", "/stats/prometheus")
    ]
    table = {"name": "stats", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]}
    manager = typed(
        MANAGER,
        stat_prefix="stats",
        route_config=table,
        normalize_path=True,
        http_filters=[_router()],
    )
    return {
        "name": "stats",
        "address": address(port, "0.0.0.0"),  # noqa: S104 - the listener is made for the pod's network
        "filter_chains": [{"filters": [_http(manager)]}],
        "ignore_global_conn_limit": True,
    }
