"""Pure functions: how calls over gRPC reach a revision, by routes that read the endpoint from the message."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from millrace_serving.envoy import callers
from millrace_serving.envoy.upstreams import HTTP_OPTIONS, Part, cluster, codec, typed

FOLDER = Path(__file__).parent
MESSAGE = (FOLDER / "grpc_message.lua").read_text()
REWRITE = (FOLDER / "grpc_revision.lua").read_text()
LUA = "envoy.extensions.filters.http.lua.v3.Lua"
SERVICE = "/inference.GRPCInferenceService/"
ENDPOINT_HEADER = "x-millrace-endpoint"
"""Set by the gateway alone, from the message."""
PREFIX = "grpc:"
"""Before the name of a revision in the name of its cluster."""
SHADOW = "shadow-hop-grpc"
OVERWRITE = "OVERWRITE_IF_EXISTS_OR_ADD"
NAMED = ("ModelInfer", "ModelReady", "ModelMetadata")
"""Calls whose message begins with the name of a model."""
ALIVE = ("ServerLive", "ServerReady")
"""Calls that the gateway answers by itself, with the message `true`."""
TRUE = "CAE="
"""Field 1, true; base64, as JSON holds bytes."""
BRIDGE = "envoy.filters.http.grpc_http1_reverse_bridge"
BRIDGES = "envoy.extensions.filters.http.grpc_http1_reverse_bridge.v3"
MESSAGES = "application/x-protobuf"
LONGEST = 4 * 2**20
"""Bytes of the longest message: one is read as a whole before its route is chosen. gRPC's own limit is the same."""
STREAMS = 100
"""Calls under way on one connection; each may hold a message in memory, and a client lets the next one wait."""
CALLED: Part = {
    "header_filter": {"header": {"name": "content-type", "string_match": {"prefix": "application/grpc"}}}
}
"""A filter of the access log: calls over gRPC."""
COUNTING = "envoy.extensions.access_loggers.stats.v3.Config"
FAILED = ("UNKNOWN", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")
"""The statuses that stand for a 5xx; a gateway's own refusals are UNIMPLEMENTED."""
NOT_FOUND, RESOURCE_EXHAUSTED, UNIMPLEMENTED = 5, 8, 12
UNKNOWN = (
    "No endpoint of that name is served here. The name of a model is that of its endpoint, with the project and a dot "
    "before it outside the project default; `millrace endpoints list` tells the names."
)
STREAM = (
    "Streams are not taken: the prediction log needs each request and its answer as a whole. Send ModelInfer for each; "
    "one connection carries as many as you like."
)
TOO_LARGE = f"The message is longer than {LONGEST} bytes: send fewer rows in each, or send it over REST."
OTHER = (
    "The gateway takes ModelInfer, ModelReady, ModelMetadata, ServerLive and ServerReady, and nothing else."
)


def cluster_name(revision: str) -> str:
    return PREFIX + revision


def of_revision(revision: str, port: int, host: str) -> Part:
    """The cluster of a revision's gRPC door; in logs and headers it goes by the revision's own name."""
    source = f'{MESSAGE}local REVISION = "{revision}"\n{REWRITE}'
    lua = typed(LUA, default_source_code={"inline_string": source})
    alive = {"connection_keepalive": {"interval": "15s", "timeout": "5s"}}
    options = typed(
        HTTP_OPTIONS,
        explicit_http_config={"http2_protocol_options": alive},
        http_filters=[{"name": "envoy.filters.http.lua", "typed_config": lua}, codec()],
    )
    made = cluster(cluster_name(revision), port, host)
    return made | {"alt_stat_name": revision, "typed_extension_protocol_options": {HTTP_OPTIONS: options}}


def revisions(clusters: Iterable[Part]) -> set[str]:
    """The revisions that have a cluster among *clusters*."""
    return {item["name"].removeprefix(PREFIX) for item in clusters}


def routes(wire: str, infer: Part, described: Part, metadata: Part) -> list[Part]:
    """Where calls for one endpoint go.

    Args:
        infer, described: what is done with its requests over REST, for predictions and for what is asked of the model.
    """
    moved = _to_grpc(infer)
    if "request_mirror_policies" in infer:
        moved["request_mirror_policies"] = [
            item | {"cluster": SHADOW} for item in infer["request_mirror_policies"]
        ]
    about = [
        _route(wire, method, _to_grpc(described), metadata) for method in ("ModelReady", "ModelMetadata")
    ]
    return [_route(wire, "ModelInfer", moved, metadata), *about]


def mirrored(wire: str, action: Part, metadata: Part) -> Part:
    """Where copies of the calls for one endpoint go."""
    return _route(wire, "ModelInfer", _to_grpc(action), metadata)


def _to_grpc(action: Part) -> Part:
    """The same action with the revisions' gRPC doors, which are not told by the path."""
    made = {key: value for key, value in action.items() if key != "path_rewrite"}
    if "cluster" in made:
        return made | {"cluster": cluster_name(made["cluster"])}
    split = made["weighted_clusters"]
    doors = [item | {"name": cluster_name(item["name"])} for item in split["clusters"]]
    return made | {"weighted_clusters": split | {"clusters": doors}}


def _route(wire: str, method: str, action: Part, metadata: Part) -> Part:
    asked = {"name": ENDPOINT_HEADER, "string_match": {"exact": wire}}
    match = {"path": SERVICE + method, "grpc": {}, "headers": [asked]}
    return {"name": wire, "match": match, "route": action, "metadata": metadata}


def predicts() -> Part:
    """A filter of the access log: no line for calls that ask for no prediction."""
    about = f"^{SERVICE.replace('.', chr(92) + '.')}(ModelReady|ModelMetadata|{'|'.join(ALIVE)})$"
    path = {"name": ":path", "string_match": {"safe_regex": {"regex": about}}, "invert_match": True}
    return {"header_filter": {"header": path}}


def failures(listener: str) -> Part:
    """Counts the calls that failed, which are HTTP 200 and so among no 5xx: `<listener>.calls.failed`.

    Of a request over REST Envoy takes the grpc-status for unknown, so it has to be a call.
    """
    counter = {"stat": {"name": "failed"}, "value_fixed": 1}
    return {
        "name": "envoy.access_loggers.stats",
        "filter": {"and_filter": {"filters": [CALLED, {"grpc_status_filter": {"statuses": list(FAILED)}}]}},
        "typed_config": typed(COUNTING, stat_prefix=f"{listener}.calls", counters=[counter]),
    }


def limits(more: Sequence[Part] = ()) -> Part:
    """How much of a message is taken, and what a call is told whose message is longer: Envoy refuses it by itself.

    Args:
        more: what is told for other answers that Envoy gives by itself.

    The buffer of a request is as long as its window, however short that of its connection is.
    """
    window = {
        "initial_stream_window_size": LONGEST,
        "initial_connection_window_size": 4 * LONGEST,
        "max_concurrent_streams": STREAMS,
    }
    status = {"value": {"default_value": 413, "runtime_key": "millrace.none"}, "op": "EQ"}
    both = [{"status_code_filter": {"comparison": status}}, CALLED]
    told = [_header("grpc-status", str(RESOURCE_EXHAUSTED))]
    mapper = {
        "filter": {"and_filter": {"filters": both}},
        "body": {"inline_string": TOO_LARGE},
        "headers_to_add": told,
    }
    return {"http2_protocol_options": window, "local_reply_config": {"mappers": [mapper, *more]}}


def _header(key: str, value: str) -> Part:
    return {"header": {"key": key, "value": value}, "append_action": OVERWRITE}


def bridge() -> Part:
    """A filter for calls to the gateway itself, off for all others: their answer of HTTP/1 gets trailers."""
    config = typed(f"{BRIDGES}.FilterConfig", content_type=MESSAGES, withhold_grpc_frames=True)
    return {"name": BRIDGE, "disabled": True, "typed_config": config}


def alive() -> list[Part]:
    """Whether the gateway is there: asked of its own loopback listener, which answers by `alive_answers`.

    The filter chooses a route anew when it has made of the call what is no call, so the path alone has to match.
    """
    bridged = typed("envoy.config.route.v3.FilterConfig", config=typed(f"{BRIDGES}.FilterConfigPerRoute"))
    return [
        {
            "match": {"path": SERVICE + method},
            "metadata": callers.metadata(callers.OPEN),
            "route": {"cluster": "shadow-hop", "timeout": "5s"},
            "typed_per_filter_config": {BRIDGE: bridged},
        }
        for method in ALIVE
    ]


def alive_answers() -> list[Part]:
    return [
        {
            "match": {"path": SERVICE + method},
            "direct_response": {"status": 200, "body": {"inline_bytes": TRUE}},
            "response_headers_to_add": [_header("content-type", MESSAGES)],
        }
        for method in ALIVE
    ]


def refusals() -> list[Part]:
    """What answers calls that no route of an endpoint takes; the last one takes all."""
    later = {"metadata": callers.metadata(callers.BY_MESSAGE)}
    named = [_refused({"path": SERVICE + method}, NOT_FOUND, UNKNOWN) | later for method in NAMED]
    stream = _refused({"path": f"{SERVICE}ModelStreamInfer"}, UNIMPLEMENTED, STREAM)
    return [*named, stream, closed(OTHER)]


def closed(reason: str) -> Part:
    """Refuses every call for one *reason*."""
    return _refused({"prefix": "/"}, UNIMPLEMENTED, reason)


def _refused(match: Part, status: int, reason: str) -> Part:
    """An answer of headers alone: Envoy makes the body the grpc-message, and UNIMPLEMENTED of status 404."""
    return {
        "match": match | {"grpc": {}},
        "direct_response": {"status": 404, "body": {"inline_string": reason}},
        "response_headers_to_add": [_header("grpc-status", str(status))],
    }
